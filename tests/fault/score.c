/* Every allocation of the score layer fails once: CLADE_EIO each time, and nothing is left behind. */
#include "score_fixture.h"

static clade_status read_probes(void *context)
{
    const tiny *t = context;
    clade_probes *probes = NULL;
    const clade_status status = clade_probes_read(tiny_probes_path(t), &probes);
    clade_probes_free(probes);
    return status;
}

static void probes(void **state)
{
    check_every_allocation(read_probes, *state);
}

typedef struct job {
    tiny *t;
    clade_probes *probes;
    clade_score_plan plan;
    clade_text text; /* of a score */
} job;

static clade_status score(void *context)
{
    job *j = context;
    clade_score score = {0};
    const clade_status status = tiny_score(j->t, j->probes, &j->plan, &score);
    clade_score_fini(&score);
    return status;
}

static bool stop_at_once(void *context, const clade_score *seen, clade_stopped *stopped)
{
    (void)context;
    (void)seen;
    *stopped = (clade_stopped){.reason = CLADE_OUTRACED};
    return true;
}

static clade_status score_and_stop(void *context)
{
    static const double share = 0.4;
    static const clade_rungs rungs = {.shares = &share, .n_shares = 1, .stop = stop_at_once};
    job *j = context;
    clade_scorer *scorer = NULL;
    clade_score score = {0}, back = {0};
    clade_text text = {0};
    clade_status status = clade_scorer_new(j->probes, j->t->model, &j->t->preprocess, &j->plan, &scorer);
    if (status == CLADE_OK)
        status = clade_scorer_run_rungs(scorer, &j->t->provider, &rungs, &score);
    if (status == CLADE_OK) {
        clade_score_print(&score, j->probes, &j->plan, &text);
        status = clade_text_status(&text);
    }
    if (status == CLADE_OK)
        status = clade_score_parse(text.data, text.length, j->probes, &j->plan, &back);
    clade_text_free(&text);
    clade_score_fini(&score);
    clade_score_fini(&back);
    clade_scorer_free(scorer);
    return status;
}

static clade_status print_and_parse(void *context)
{
    job *j = context;
    clade_score score = {0};
    clade_text text = {0};
    clade_status status = clade_score_parse(j->text.data, j->text.length, j->probes, &j->plan, &score);
    if (status == CLADE_OK) {
        clade_score_print(&score, j->probes, &j->plan, &text);
        status = clade_text_status(&text);
    }
    clade_text_free(&text);
    clade_score_fini(&score);
    return status;
}

static void scoring(void **state)
{
    job j = {.t = *state, .plan = tiny_plan(CLADE_SEARCH, true)};
    j.plan.labelled = j.plan.corrupted = j.plan.unlabelled = 3;
    j.probes = tiny_read_probes(j.t);
    check_every_allocation(score, &j);
    check_every_allocation(score_and_stop, &j);
    clade_score made = {0};
    assert_ok(tiny_score(j.t, j.probes, &j.plan, &made));
    j.text = tiny_text(&made, j.probes, &j.plan);
    clade_score_fini(&made);
    check_every_allocation(print_and_parse, &j);
    clade_text_free(&j.text);
    clade_probes_free(j.probes);
}

int main(void)
{
    const struct CMUnitTest tests[] = {cmocka_unit_test_setup_teardown(probes, tiny_open, tiny_close),
                                       cmocka_unit_test_setup_teardown(scoring, tiny_open, tiny_close)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}
