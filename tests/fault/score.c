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
