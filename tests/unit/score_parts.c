/* A child scored in parts: how tasks are shared out, and that the joined score is the whole one, to the byte. */
#include "score_fixture.h"

/* ---- shares ---- */

enum { MOST_TASKS = 9 };

/* Tasks of which only the number of items is known, and a plan that scores each of them once. */
typedef struct costs {
    clade_task tasks[MOST_TASKS];
    clade_probes probes;
    clade_score_plan plan;
} costs;

static void draw_costs(costs *c, size_t n_tasks, clade_rng *rng)
{
    *c = (costs){.plan = {.labelled_split = CLADE_SEARCH}};
    c->probes = (clade_probes){.tasks = c->tasks, .n_tasks = n_tasks};
    for (size_t t = 0; t < n_tasks; t++)
        c->tasks[t].splits[CLADE_SEARCH].last = clade_rng_below(rng, 3) == 0 ? 0 : clade_rng_below(rng, 20);
}

static size_t items_of(const costs *c, size_t first, size_t count)
{
    size_t sum = 0;
    for (size_t t = first; t < first + count; t++)
        sum += (size_t)c->tasks[t].splits[CLADE_SEARCH].last;
    return sum;
}

/* The largest share of the best division of the tasks from FIRST on, by trying all. */
static size_t best_of_all(const costs *c, size_t first, size_t n_shares)
{
    const size_t left = c->probes.n_tasks - first;
    size_t best = items_of(c, first, left);
    for (size_t count = 0; n_shares > 1 && count <= left; count++) {
        const size_t here = items_of(c, first, count), rest = best_of_all(c, first + count, n_shares - 1);
        const size_t most = here > rest ? here : rest;
        best = most < best ? most : best;
    }
    return best;
}

static void check_shares(const costs *c, size_t n_shares)
{
    size_t next = 0, most = 0, with_tasks = 0, with_items = 0;
    for (size_t t = 0; t < c->probes.n_tasks; t++)
        with_items += items_of(c, t, 1) > 0;
    for (size_t k = 0; k < n_shares; k++) {
        const clade_task_range range = clade_score_share(&c->probes, &c->plan, k, n_shares);
        const size_t items = items_of(c, range.first, range.count);
        assert_int_equal(range.first, next);
        next += range.count;
        most = items > most ? items : most;
        with_tasks += range.count > 0;
        assert_true(range.count > 0 ? with_tasks == k + 1 : k > 0); /* those without tasks come last */
        assert_true(range.count == 0 || items > 0 || with_items == 0);
    }
    assert_int_equal(next, c->probes.n_tasks);
    assert_int_equal(most, best_of_all(c, 0, n_shares));
    if (with_items > 0)
        assert_int_equal(with_tasks, with_items < n_shares ? with_items : n_shares);
}

static void shares_are_as_even_as_can_be(void **state)
{
    clade_rng rng = clade_rng_seeded(4, 1);
    costs c;
    (void)state;
    for (size_t i = 0; i < 400; i++) {
        draw_costs(&c, 1 + i % MOST_TASKS, &rng);
        for (size_t n_shares = 1; n_shares <= 5; n_shares++)
            check_shares(&c, n_shares);
    }
}

/* ---- joined scores ---- */

enum { TASKS = 5 };

/* The two tasks of the fixture and three more on the same files, no two alike; the last has labelled items only. */
typedef struct five {
    clade_probes *files; /* owned */
    clade_task tasks[TASKS];
    clade_probes probes;
} five;

static void open_five(five *f, tiny *t)
{
    static char names[TASKS][8] = {"alpha", "beta", "gamma", "delta", "epsilon"};
    static const clade_range search[TASKS] = {{0, 15}, {0, 15}, {2, 9}, {0, 40}, {5, 12}};
    static const clade_range unlabelled[TASKS] = {{15, 25}, {15, 25}, {20, 40}, {0, 1}, {0, 0}};
    f->files = tiny_read_probes(t);
    f->probes = (clade_probes){.path = f->files->path, .tasks = f->tasks, .n_tasks = TASKS};
    for (size_t k = 0; k < TASKS; k++) {
        f->tasks[k] = f->files->tasks[k % 2];
        f->tasks[k].name = names[k];
        f->tasks[k].splits[CLADE_SEARCH] = search[k];
        f->tasks[k].splits[CLADE_UNLABELLED] = unlabelled[k];
    }
}

/* A way to score, and the text of what was seen at its last rung. */
typedef struct way {
    clade_rungs rungs;
    size_t stop_after; /* rungs; 0: never */
    const five *f;
    const clade_score_plan *plan;
    size_t rung;
    clade_text seen;
} way;

/* As a score of a batch, which may have seen only some of its items. */
static void print_seen(way *w, clade_score score)
{
    score.stopped = (clade_stopped){
        .reason = CLADE_SAMPLED, .rung = 1, .accuracy = score.clean.accuracy, .robustness = score.robustness};
    clade_text_clear(&w->seen);
    clade_score_print(&score, &w->f->probes, w->plan, &w->seen);
}

static bool stop(void *context, const clade_score *seen, clade_stopped *stopped)
{
    way *w = context;
    print_seen(w, *seen);
    *stopped = (clade_stopped){.reason = CLADE_OUTRACED, .accuracy = 0.25, .robustness = 0.125};
    return ++w->rung == w->stop_after;
}

static clade_score score_tasks(tiny *t, way *w, clade_task_range tasks)
{
    clade_score_plan plan = *w->plan;
    clade_scorer *scorer = NULL;
    clade_score score;
    plan.tasks = tasks;
    assert_ok(clade_scorer_new(&w->f->probes, t->model, &t->preprocess, &plan, &scorer));
    w->rungs.context = w;
    w->rung = 0;
    assert_ok(clade_scorer_run_rungs(scorer, &t->provider, &w->rungs, &score));
    clade_scorer_free(scorer);
    return score;
}

static clade_score parse(const way *w, const clade_text *text)
{
    clade_score score;
    assert_ok(clade_score_parse(clade_text_get(text), text->length, &w->f->probes, w->plan, &score));
    return score;
}

static void assert_joins(const way *w, clade_score *parts, size_t n_parts, const char *whole)
{
    clade_score joined;
    assert_ok(clade_score_join(parts, n_parts, &joined));
    clade_text text = tiny_text(&joined, &w->f->probes, w->plan);
    assert_string_equal(clade_text_get(&text), whole);
    clade_text_free(&text);
    clade_score_fini(&joined);
    for (size_t k = 0; k < n_parts; k++)
        clade_score_fini(&parts[k]);
}

/* Bit t of CUTS: a new part begins behind task t. */
static void check_cuts(tiny *t, way *w, unsigned cuts, const char *whole, const char *seen)
{
    clade_score parts[TASKS], parsed[TASKS], rungs[TASKS];
    size_t n = 0, first = 0;
    for (size_t task = 0; task < TASKS; task++) {
        if (task + 1 < TASKS && (cuts >> task & 1) == 0)
            continue;
        parts[n] = score_tasks(t, w, (clade_task_range){first, task + 1 - first});
        clade_text text = tiny_text(&parts[n], &w->f->probes, w->plan);
        parsed[n] = parse(w, &text);
        clade_text_free(&text);
        if (w->seen.length > 0)
            rungs[n] = parse(w, &w->seen);
        first = task + 1;
        n++;
    }
    assert_joins(w, parts, n, whole);
    assert_joins(w, parsed, n, whole);
    if (w->seen.length > 0)
        assert_joins(w, rungs, n, seen);
}

/* Every division of the tasks. */
static void check_way(tiny *t, const five *f, const clade_score_plan *plan, way w)
{
    w.f = f;
    w.plan = plan;
    clade_score score = score_tasks(t, &w, (clade_task_range){0});
    clade_text whole = tiny_text(&score, &f->probes, plan), seen = {0};
    clade_text_append(&seen, "%s", clade_text_get(&w.seen));
    for (unsigned cuts = 0; cuts < 1u << (TASKS - 1); cuts++)
        check_cuts(t, &w, cuts, clade_text_get(&whole), clade_text_get(&seen));
    clade_score_fini(&score);
    clade_text_free(&whole);
    clade_text_free(&seen);
    clade_text_free(&w.seen);
}

static void joined_is_whole(void **state)
{
    static const double shares[] = {0.3, 0.6};
    tiny *t = *state;
    five f;
    open_five(&f, t);
    for (size_t rotate = 0; rotate < 2; rotate++) {
        clade_score_plan plan = tiny_plan(CLADE_SEARCH, rotate == 1);
        plan.corrupted = 12;
        plan.labelled = 20;
        check_way(t, &f, &plan, (way){.rungs = {.items = 0}});
        check_way(t, &f, &plan, (way){.rungs = {.items = 4}});
        check_way(t, &f, &plan, (way){.rungs = {.shares = shares, .n_shares = 2, .stop = stop}, .stop_after = 2});
        check_way(t, &f, &plan, (way){.rungs = {.shares = shares, .n_shares = 2, .stop = stop}});
    }
    clade_probes_free(f.files);
}

static void parts_that_do_not_fit(void **state)
{
    tiny *t = *state;
    const clade_score_plan plan = tiny_plan(CLADE_SEARCH, true);
    five f;
    open_five(&f, t);
    way w = {.f = &f, .plan = &plan};
    clade_score parts[2] = {score_tasks(t, &w, (clade_task_range){0, 2}), score_tasks(t, &w, (clade_task_range){1, 2})};
    clade_score joined;
    assert_fails(clade_score_join(parts, 2, &joined), CLADE_EINTERNAL, "task 1 in 2 of them");
    assert_null(joined.tasks);
    parts[1].stopped = (clade_stopped){.reason = CLADE_AT_CHANCE, .rung = 1};
    assert_fails(clade_score_join(parts, 2, &joined), CLADE_EINTERNAL, "part 1 of a score");
    clade_score_fini(&parts[0]);
    clade_score_fini(&parts[1]);
    clade_probes_free(f.files);
}

/* Two parts of a child. */
typedef struct pair {
    clade_score parts[2];
} pair;

static clade_status join(void *context)
{
    const pair *both = context;
    clade_score joined;
    CLADE_TRY(clade_score_join(both->parts, 2, &joined));
    clade_score_fini(&joined);
    return CLADE_OK;
}

static void joining_without_memory(void **state)
{
    tiny *t = *state;
    const clade_score_plan plan = tiny_plan(CLADE_SEARCH, true);
    five f;
    open_five(&f, t);
    way w = {.f = &f, .plan = &plan, .rungs = {.items = 3}};
    pair both = {{score_tasks(t, &w, (clade_task_range){0, 2}), score_tasks(t, &w, (clade_task_range){2, 3})}};
    check_every_allocation(join, &both);
    clade_score_fini(&both.parts[0]);
    clade_score_fini(&both.parts[1]);
    clade_probes_free(f.files);
}

/* ---- what a part costs, and how it fails ---- */

static void a_part_keeps_its_own_items(void **state)
{
    tiny *t = *state;
    clade_score_plan plan = tiny_plan(CLADE_HOLDOUT, false);
    clade_probes *probes = tiny_read_probes(t);
    clade_scorer *whole = NULL, *alpha = NULL, *beta = NULL;
    assert_ok(clade_scorer_new(probes, t->model, &t->preprocess, &plan, &whole));
    plan.tasks = (clade_task_range){0, 1};
    assert_ok(clade_scorer_new(probes, t->model, &t->preprocess, &plan, &alpha));
    write_test_file(tiny_path(t, 0, "images"), "no images", 9);
    assert_fails(clade_scorer_new(probes, t->model, &t->preprocess, &plan, &beta), CLADE_EINPUT, "alpha-images");
    plan.tasks = (clade_task_range){1, 1};
    assert_ok(clade_scorer_new(probes, t->model, &t->preprocess, &plan, &beta));
    tiny_write_task(t, 0);
    assert_int_equal(clade_scorer_images(alpha) + clade_scorer_images(beta), clade_scorer_images(whole));
    assert_int_equal(clade_scorer_memory(alpha) + clade_scorer_memory(beta), clade_scorer_memory(whole));
    for (size_t k = 0; k < 2; k++) {
        assert_int_equal(clade_scorer_labelled(alpha, k), clade_scorer_labelled(whole, k));
        assert_int_equal(clade_scorer_labelled(beta, k), clade_scorer_labelled(whole, k));
    }
    assert_int_equal(clade_scorer_bits(alpha), clade_scorer_bits(whole));
    clade_scorer_free(whole);
    clade_scorer_free(alpha);
    clade_scorer_free(beta);
    clade_probes_free(probes);
}

/* Weights so large that only a gray image, which is near 0, has a finite embedding. */
static void first_failure_is_the_same(void **state)
{
    tiny *t = *state;
    clade_score_plan plan = tiny_plan(CLADE_SEARCH, true);
    clade_score score;
    plan.with_corrupted = plan.with_unlabelled = false;
    const char *name;
    size_t rank, patch = 0;
    const uint64_t *shape;
    while (clade_model_weight(t->model, patch, &name, &rank, &shape) && rank != 4)
        patch++;
    float kept[8 * 16];
    memcpy(kept, t->weights[patch], sizeof kept);
    for (size_t i = 0; i < 8 * 16; i++)
        t->weights[patch][i] = 3e38f;
    t->provider.version++;
    memset(t->images, 128, sizeof t->images);
    memset(t->images[1] + 7 * TINY_IMAGE, 255, TINY_IMAGE);
    for (size_t k = 0; k < 2; k++)
        tiny_write_task(t, k);
    clade_probes *probes = tiny_read_probes(t);
    assert_fails(tiny_score(t, probes, &plan, &score), CLADE_EEVAL, "task \"beta\", item 7: ");
    plan.tasks = (clade_task_range){1, 1};
    assert_fails(tiny_score(t, probes, &plan, &score), CLADE_EEVAL, "task \"beta\", item 7: ");
    plan.tasks = (clade_task_range){0, 1};
    assert_ok(tiny_score(t, probes, &plan, &score));
    clade_score_fini(&score);
    clade_probes_free(probes);
    memcpy(t->weights[patch], kept, sizeof kept);
    t->provider.version++;
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(shares_are_as_even_as_can_be),
        cmocka_unit_test_setup_teardown(joined_is_whole, tiny_open, tiny_close),
        cmocka_unit_test_setup_teardown(parts_that_do_not_fit, tiny_open, tiny_close),
        cmocka_unit_test_setup_teardown(joining_without_memory, tiny_open, tiny_close),
        cmocka_unit_test_setup_teardown(a_part_keeps_its_own_items, tiny_open, tiny_close),
        cmocka_unit_test_setup_teardown(first_failure_is_the_same, tiny_open, tiny_close),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
