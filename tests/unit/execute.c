/* Running plans: every byte once whatever the tiles and threads are, surveys that see what they should, memory that does
 * not grow with the number of tensors, and leaving off: asked to, at an error, at a file that was cut. */
#include "plan_fixture.h"

#include <pthread.h>

static char folder[TEST_PATH];

#define MODELS                                                                                                         \
    "\"base\": \"base\", \"parents\": [{\"name\": \"a\", \"path\": \"a\"}, {\"name\": \"b\", \"path\": \"b\"}],"
#define RULES                                                                                                          \
    "\"rules\": [{\"tensors\": [\"*\"], \"parents\": {\"a\": {\"density\": 0.5}, \"b\": {\"density\": 0.75}}}]}"

static const char ties[] = "{\"clade_recipe\": 1, \"method\": \"ties\"," MODELS RULES;
static const char ties_global[] = "{\"clade_recipe\": 1, \"method\": \"ties_global\"," MODELS RULES;

/* Larger than a piece, than a tile, smaller; more tensors than a wave has surveys. */
enum { SMALL = 700, LARGE = 600, ALL = SMALL + 4, NAME = 24 };

static void write_models(void)
{
    static char names[SMALL][NAME];
    static model_tensor tensors[ALL] = {{"empty", CLADE_F32, 2, {0, 3}},
                                        {"ids", CLADE_I64, 1, {5}},
                                        {"large", CLADE_F32, 2, {LARGE, LARGE}},
                                        {"middle", CLADE_BF16, 2, {150, 150}}};
    for (size_t i = 0; i < SMALL; i++) {
        snprintf(names[i], NAME, "small.%zu", i);
        tensors[4 + i] = (model_tensor){names[i], CLADE_F32, 1, {7, 0}};
    }
    write_model(folder, "base", tensors, ALL, 0, NULL);
    write_model(folder, "a", tensors, ALL, 1, NULL);
    write_model(folder, "b", tensors, ALL, 2, NULL);
}

/* ---- a sink that keeps everything ---- */

typedef struct kept {
    unsigned char **bytes, **times; /* (count) of every byte: what it is, how often it was put */
    size_t count, puts, stops, stop_at, fail_at;
    pthread_mutex_t lock;
} kept;

static clade_status keep(void *context, size_t target, uint64_t first_byte, const void *data, size_t bytes)
{
    kept *self = context;
    pthread_mutex_lock(&self->lock);
    bool fails = ++self->puts == self->fail_at;
    memcpy(self->bytes[target] + first_byte, data, bytes);
    for (size_t i = 0; i < bytes; i++)
        self->times[target][first_byte + i]++;
    pthread_mutex_unlock(&self->lock);
    return fails ? clade_fail(CLADE_EIO, "the sink is full") : CLADE_OK;
}

static bool stop(void *context)
{
    kept *self = context;
    return ++self->stops == self->stop_at;
}

static void kept_init(kept *self, const clade_plan *plan)
{
    *self = (kept){.count = plan->count, .lock = PTHREAD_MUTEX_INITIALIZER};
    self->bytes = test_calloc(plan->count, sizeof *self->bytes);
    self->times = test_calloc(plan->count, sizeof *self->times);
    for (size_t i = 0; i < plan->count; i++) {
        self->bytes[i] = test_calloc(plan->targets[i].tensor.bytes + 1, 1);
        self->times[i] = test_calloc(plan->targets[i].tensor.bytes + 1, 1);
    }
}

static void kept_fini(kept *self)
{
    for (size_t i = 0; i < self->count; i++) {
        test_free(self->bytes[i]);
        test_free(self->times[i]);
    }
    test_free(self->bytes);
    test_free(self->times);
    pthread_mutex_destroy(&self->lock);
}

/* Targets FIRST .. LAST - 1, or all when LAST is 0. */
static clade_status execute(const clade_plan *plan, clade_execution options, size_t threads, size_t first, size_t last,
                            kept *to)
{
    static size_t targets[ALL];
    const clade_sink sink = {.put = keep, .context = to, .stop = stop};
    clade_executor *executor;
    size_t n = 0;
    for (size_t i = first; i < (last ? last : plan->count); i++)
        targets[n++] = i;
    assert_ok(clade_team_new(threads, &options.team));
    assert_ok(clade_executor_new(&options, &executor));
    clade_status status = clade_execute(executor, plan, targets, n, &sink);
    clade_executor_free(executor);
    clade_team_free(options.team);
    return status;
}

/* ---- all of it ---- */

static void check_all(const char *json)
{
    static const size_t tiles[] = {0, 1000, 77, 1 << 20};
    planned made;
    kept first, other;
    assert_ok(plan_try(folder, json, &made));
    kept_init(&first, made.plan);
    assert_ok(execute(made.plan, (clade_execution){.tile = 0}, 1, 0, 0, &first));
    for (size_t t = 0; t < 4; t++) {
        kept_init(&other, made.plan);
        assert_ok(execute(made.plan, (clade_execution){.tile = tiles[t], .release = t % 2 == 0}, 1 + t, 0, 0, &other));
        for (size_t i = 0; i < made.plan->count; i++) {
            size_t bytes = made.plan->targets[i].tensor.bytes;
            for (size_t k = 0; k < bytes; k++)
                assert_int_equal(other.times[i][k], 1);
            assert_memory_equal(other.bytes[i], first.bytes[i], bytes);
            assert_int_equal(other.times[i][bytes], 0);
        }
        kept_fini(&other);
    }
    const clade_tensor *ids = clade_checkpoint_find(clade_family_base(made.family), "ids");
    assert_memory_equal(first.bytes[1], ids->data, ids->bytes);
    kept_fini(&first);
    plan_drop(&made);
}

static void every_byte_once(void **state)
{
    (void)state;
    check_all(ties);
    check_all(ties_global);
}

/* One tensor after the other is what all at once are, also where the survey is over all of them. */
static void targets_one_by_one(void **state)
{
    static const char *const recipes[] = {ties, ties_global};
    static const size_t some[] = {1, 2, 3, 4, 300, ALL - 1};
    (void)state;
    for (size_t r = 0; r < 2; r++) {
        planned made;
        kept all, one;
        assert_ok(plan_try(folder, recipes[r], &made));
        kept_init(&all, made.plan);
        kept_init(&one, made.plan);
        assert_ok(execute(made.plan, (clade_execution){.tile = 0}, 2, 0, 0, &all));
        for (size_t i = 0; i < sizeof some / sizeof some[0]; i++) {
            assert_ok(execute(made.plan, (clade_execution){.tile = 0}, 1, some[i], some[i] + 1, &one));
            assert_memory_equal(one.bytes[some[i]], all.bytes[some[i]], made.plan->targets[some[i]].tensor.bytes);
        }
        kept_fini(&all);
        kept_fini(&one);
        plan_drop(&made);
    }
}

/* What surveys keep of many small tensors is let go of wave by wave. */
static void memory(void **state)
{
    planned made;
    clade_executor *executor;
    (void)state;
    assert_ok(plan_try(folder, ties, &made));
    assert_ok(clade_executor_new(&(clade_execution){.tile = 0}, &executor));
    uint64_t all = clade_executor_memory(executor, made.plan);
    made.plan->count = 4 + SMALL / 2;
    uint64_t half = clade_executor_memory(executor, made.plan);
    made.plan->count = 4;
    uint64_t large = clade_executor_memory(executor, made.plan);
    made.plan->count = ALL;
    assert_true(large <= half && half <= all);
    assert_true(all < (UINT64_C(256) << 20));
    assert_true(all - half < half - large); /* the second half of the tensors takes less than the first */
    clade_executor_free(executor);
    plan_drop(&made);
}

/* ---- leaving off ---- */

static void stopped(void **state)
{
    static const char *const recipes[] = {ties, ties_global};
    (void)state;
    for (size_t r = 0; r < 2; r++) {
        planned made;
        kept to;
        assert_ok(plan_try(folder, recipes[r], &made));
        kept_init(&to, made.plan);
        to.stop_at = 1;
        assert_fails(execute(made.plan, (clade_execution){.tile = 0}, 2, 0, 0, &to), CLADE_EINTERRUPTED, "interrupted");
        assert_int_equal(to.puts, 0); /* before the survey was over */
        kept_fini(&to);
        plan_drop(&made);
    }
}

static void sink_fails(void **state)
{
    (void)state;
    for (size_t n = 1; n < 400; n = 3 * n + 1) {
        planned made;
        kept to;
        assert_ok(plan_try(folder, ties, &made));
        kept_init(&to, made.plan);
        to.fail_at = n;
        assert_fails(execute(made.plan, (clade_execution){.tile = 0}, 3, 0, 0, &to), CLADE_EIO, "the sink is full");
        kept_fini(&to);
        plan_drop(&made);
    }
}

/* A parent that is cut after it was opened: an error that names it, where touching its bytes would end the program. */
static void file_is_cut(void **state)
{
    static const char json[] = "{\"clade_recipe\": 1, \"method\": \"%s\", \"base\": \"base\","
                               "\"parents\": [{\"name\": \"a\", \"path\": \"a\"}, {\"name\": \"c\", \"path\": \"c\"}],"
                               "\"rules\": [{\"tensors\": [\"*\"]}]}";
    static const model_tensor large[] = {{"large", CLADE_F32, 2, {LARGE, LARGE}}};
    static const char *const methods[] = {"task_arithmetic", "ties", "model_stock"};
    (void)state;
    for (size_t m = 0; m < 3; m++) {
        char text[1024], path[TEST_PATH];
        planned made;
        kept to;
        write_model(folder, "base", large, 1, 0, NULL);
        write_model(folder, "a", large, 1, 1, NULL);
        write_model(folder, "c", large, 1, 3, NULL);
        snprintf(text, sizeof text, json, methods[m]);
        snprintf(path, sizeof path, "%s/c/model.safetensors", folder);
        assert_ok(plan_try(folder, text, &made));
        kept_init(&to, made.plan);
        assert_ok(execute(made.plan, (clade_execution){.release = true}, 2, 0, 0, &to));
        assert_int_equal(truncate(path, LARGE * LARGE * 2), 0);
        assert_fails(execute(made.plan, (clade_execution){.release = true}, 1, 0, 0, &to), CLADE_EINPUT,
                     "c/model.safetensors: tensor \"large\": cannot be read any more");
        kept_fini(&to);
        plan_drop(&made);
    }
    write_models();
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(every_byte_once), cmocka_unit_test(targets_one_by_one), cmocka_unit_test(memory),
        cmocka_unit_test(stopped),         cmocka_unit_test(sink_fails),         cmocka_unit_test(file_is_cut),
    };
    make_temporary_folder(folder);
    write_models();
    int failed = cmocka_run_group_tests(tests, NULL, NULL);
    remove_temporary_folder(folder);
    return failed;
}
