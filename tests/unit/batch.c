/* Batches: which items score a generation, and what a score of a batch is. */
#include "score_fixture.h"

#include "search/batch.h"

enum { ITEMS = 4, ROUND = TINY_SEARCH / ITEMS };

typedef struct scene {
    tiny *t;
    clade_probes *probes;
    clade_scorer *scorer;
    clade_score_plan plan;
} scene;

static scene open_scene(tiny *t)
{
    scene s = {.t = t, .probes = tiny_read_probes(t), .plan = tiny_plan(CLADE_SEARCH, true)};
    assert_ok(clade_scorer_new(s.probes, t->model, &t->preprocess, &s.plan, &s.scorer));
    return s;
}

static void close_scene(scene *s)
{
    clade_scorer_free(s->scorer);
    clade_probes_free(s->probes);
}

static clade_batch_order order_of(const scene *s, uint64_t seed, uint64_t batch, uint64_t items)
{
    clade_batch_order order = {0};
    assert_ok(clade_batch_order_init(&order, s->scorer, s->probes->n_tasks, seed, batch, items));
    return order;
}

/* Every order has all items once; the batches of a round have no item in common; another round is another order. */
static void orders(void **state)
{
    scene s = open_scene(*state);
    clade_batch_order former = {0};
    for (uint64_t round = 1; round < 4; round++) {
        size_t used[2][TINY_SEARCH] = {{0}};
        for (uint64_t b = 0; b < ROUND; b++) {
            clade_batch_order order = order_of(&s, 5, round * ROUND + b, ITEMS);
            for (size_t t = 0; t < 2; t++) {
                size_t seen[TINY_SEARCH] = {0};
                for (size_t i = 0; i < TINY_SEARCH; i++)
                    seen[order.places[t][i]]++;
                for (size_t i = 0; i < TINY_SEARCH; i++)
                    assert_int_equal(seen[i], 1);
                for (size_t i = 0; i < ITEMS; i++)
                    used[t][order.places[t][i]]++;
            }
            if (b == 0 && former.places)
                assert_memory_not_equal(order.places[0], former.places[0], TINY_SEARCH * sizeof(size_t));
            if (b == 0) {
                clade_batch_order_fini(&former);
                former = order;
            } else {
                clade_batch_order_fini(&order);
            }
        }
        for (size_t t = 0; t < 2; t++)
            for (size_t i = 0; i < TINY_SEARCH; i++)
                assert_true(used[t][i] <= 1);
    }
    clade_batch_order a = order_of(&s, 5, 7, ITEMS), b = order_of(&s, 5, 7, ITEMS), c = order_of(&s, 6, 7, ITEMS);
    assert_memory_equal(a.places[0], b.places[0], TINY_SEARCH * sizeof(size_t));
    assert_memory_not_equal(a.places[0], a.places[1], TINY_SEARCH * sizeof(size_t)); /* tasks for themselves */
    assert_memory_not_equal(a.places[0], c.places[0], TINY_SEARCH * sizeof(size_t));
    clade_batch_order large = order_of(&s, 5, 7, 100); /* more than there are: all of them */
    clade_batch_order_fini(&large);
    clade_batch_order_fini(&a);
    clade_batch_order_fini(&b);
    clade_batch_order_fini(&c);
    clade_batch_order_fini(&former);
    close_scene(&s);
}

/* A score of a batch has ITEMS clean items a task and ITEMS other ones corrupted, with the answers of the whole score. */
static void scores(void **state)
{
    scene s = open_scene(*state);
    clade_batch_order order = order_of(&s, 5, 3, ITEMS);
    const clade_rungs rungs = {.items = ITEMS, .order = (const size_t *const *)order.places};
    clade_score whole, batch;
    assert_ok(clade_scorer_run(s.scorer, &s.t->provider, &whole));
    assert_ok(clade_scorer_run_rungs(s.scorer, &s.t->provider, &rungs, &batch));
    assert_int_equal(batch.stopped.reason, CLADE_SAMPLED);
    assert_int_equal(batch.images, 2 * 2 * ITEMS);
    assert_int_equal(batch.images + batch.stopped.left, clade_scorer_images(s.scorer));
    assert_near(batch.stopped.accuracy, batch.clean.accuracy, 0);
    assert_true(isfinite(batch.clean.loss) && batch.clean.loss > 0 && isnan(batch.entropy));
    for (size_t t = 0; t < 2; t++) {
        const clade_task_score *some = &batch.tasks[t], *all = &whole.tasks[t];
        size_t clean = 0, corrupted = 0, both = 0;
        for (size_t i = 0; i < some->n_correct; i++) {
            const bool seen = some->seen[i / 8] >> (i % 8) & 1;
            clean += seen && i < some->n_clean;
            corrupted += seen && i >= some->n_clean;
            both += seen && i < some->n_clean && (some->seen[(i + some->n_clean) / 8] >> ((i + some->n_clean) % 8) & 1);
            if (seen)
                assert_int_equal(some->correct[i / 8] >> (i % 8) & 1, all->correct[i / 8] >> (i % 8) & 1);
        }
        assert_int_equal(clean, ITEMS);
        assert_int_equal(corrupted, ITEMS);
        assert_int_equal(both, 0);
        assert_int_equal(some->clean.items, ITEMS);
    }
    clade_text text = tiny_text(&batch, s.probes, &s.plan);
    clade_score read;
    assert_ok(clade_score_parse(clade_text_get(&text), text.length, s.probes, &s.plan, &read));
    assert_int_equal(read.stopped.reason, CLADE_SAMPLED);
    clade_text again = tiny_text(&read, s.probes, &s.plan);
    assert_string_equal(clade_text_get(&text), clade_text_get(&again));
    clade_text_free(&text);
    clade_text_free(&again);
    clade_score_fini(&read);
    clade_score_fini(&whole);
    clade_score_fini(&batch);
    clade_batch_order_fini(&order);
    close_scene(&s);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(orders, tiny_open, tiny_close),
        cmocka_unit_test_setup_teardown(scores, tiny_open, tiny_close),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
