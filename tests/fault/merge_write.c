/* Merges to a folder on a disk that fails, and without memory: at every step, with shards, threads and verification. What
 * fails leaves nothing under the final name; what a failed disk left is gone on from, to the same bytes. */
#include "plan_fixture.h"

#include "clade/checkpoint.h"
#include "clade/files.h"
#include "clade/log.h"
#include "clade/merge.h"
#include "merge/verify.h"

static char folder[TEST_PATH];

#define BASE "\"base\": \"base\","
#define PARENTS "\"parents\": [{\"name\": \"a\", \"path\": \"a\"}, {\"name\": \"b\", \"path\": \"b\"}],"
#define RULES "\"rules\": [{\"tensors\": [\"*\"]}]}"

static const char *const recipes[] = {
    "{\"clade_recipe\": 1, \"method\": \"ties\"," BASE PARENTS RULES,
    ("{\"clade_recipe\": 1, \"method\": \"linear\", \"out_dtype\": \"bfloat16\", \"missing\": \"leave_out\","
     "\"parents\": [{\"name\": \"a\", \"path\": \"a\"}, {\"name\": \"s\", \"path\": \"small\"}]," RULES),
    "{\"clade_recipe\": 1, \"method\": \"passthrough\", \"parents\": [{\"name\": \"a\", \"path\": \"a\"}]," RULES,
};
enum { RECIPES = sizeof recipes / sizeof recipes[0], SHARD_BYTES = 6000 };

static void write_models(void)
{
    static const char config[] = "{\"dtype\": \"float32\", \"tie_word_embeddings\": true}";
    static const model_tensor tensors[] = {{"ids", CLADE_I64, 1, {5}},
                                           {"lm_head.weight", CLADE_F32, 2, {10, 10}},
                                           {"model.embed_tokens.weight", CLADE_F32, 2, {10, 10}},
                                           {"w", CLADE_F32, 2, {40, 40}},
                                           {"x", CLADE_BF16, 2, {30, 40}},
                                           {"y", CLADE_F32, 2, {0, 40}}};
    write_model(folder, "base", tensors, 6, 0, config);
    write_model(folder, "a", tensors, 6, 1, config);
    write_model(folder, "b", tensors, 6, 2, config);
    write_model(folder, "small", tensors + 2, 3, 3, config);
}

typedef struct attempt {
    size_t recipe, threads;
    bool verify;
    char hash[CLADE_SHA256_HEX]; /* of the child, when it was made */
} attempt;

static const char *out(void)
{
    return path_in(folder, "out");
}

static clade_status write_merge(const attempt *self, clade_recipe *recipe)
{
    const clade_merge_output output = {.shard_bytes = SHARD_BYTES,
                                       .card = "# card",
                                       .recipe_name = "clade_recipe.json",
                                       .recipe_text = recipes[self->recipe],
                                       .verify = self->verify};
    clade_merge *merge;
    CLADE_TRY(clade_merge_open(recipe, self->threads, &merge));
    clade_status status = clade_merge_stamp(merge);
    if (status == CLADE_OK)
        status = clade_merge_write(merge, out(), &output);
    clade_merge_close(merge);
    return status;
}

static clade_status merge_once(attempt *self)
{
    clade_recipe *recipe;
    char path[TEST_PATH];
    snprintf(path, sizeof path, "%s/recipe.json", folder);
    write_test_file(path, recipes[self->recipe], strlen(recipes[self->recipe]));
    CLADE_TRY(clade_recipe_read(path, &recipe));
    clade_status status = write_merge(self, recipe);
    clade_recipe_free(recipe);
    return status;
}

static void hash_of_out(char hex[CLADE_SHA256_HEX])
{
    clade_checkpoint *made;
    assert_ok(clade_checkpoint_open(out(), &made));
    assert_int_equal(clade_checkpoint_shards(made) > 1, true);
    assert_ok(clade_checkpoint_hash(made, hex));
    clade_checkpoint_close(made);
    assert_true(clade_path_exists(path_in(folder, "out/README.md")));
    assert_true(clade_path_exists(path_in(folder, "out/clade_recipe.json")));
    assert_true(clade_path_exists(path_in(folder, "out/config.json")));
}

static void make_expected(attempt *self)
{
    assert_ok(merge_once(self));
    hash_of_out(self->hash);
    assert_false(clade_path_exists(path_in(folder, "out.partial")));
    remove_temporary_folder(out());
}

/* The folder is whole, or it is not there at all. */
static void check_out(const attempt *self, clade_status status)
{
    char hex[CLADE_SHA256_HEX];
    if (status == CLADE_OK || clade_path_exists(out())) {
        hash_of_out(hex);
        assert_string_equal(hex, self->hash);
    }
    if (clade_path_exists(out()))
        assert_false(clade_path_exists(path_in(folder, "out.partial")));
}

/* The N-th step that changes the disk fails, for every N; then the disk is well again, or fails at the next step. */
static void disk(void **state)
{
    (void)state;
    for (size_t r = 0; r < RECIPES; r++) {
        attempt one = {.recipe = r, .threads = 1 + r % 2, .verify = r == 0};
        clade_status status = CLADE_EIO;
        make_expected(&one);
        for (size_t n = 1; status != CLADE_OK; n++) {
            clade_output_fail_at(n);
            status = merge_once(&one);
            clade_output_fail_at(0);
            if (status != CLADE_OK)
                assert_fails(status, CLADE_EIO, "No space left");
            check_out(&one, status);
            if (!clade_path_exists(out())) {
                clade_output_fail_at(n + 1); /* of fewer steps, since some are done */
                clade_status again = merge_once(&one);
                clade_output_fail_at(0);
                check_out(&one, again);
            }
            if (!clade_path_exists(out()))
                assert_ok(merge_once(&one));
            check_out(&one, CLADE_OK);
            remove_temporary_folder(out());
            assert_true(n < 1000);
        }
    }
}

static clade_status merge_attempt(void *context)
{
    clade_status status = merge_once(context);
    check_out(context, status);
    remove_temporary_folder(out());
    return status;
}

static void memory(void **state)
{
    (void)state;
    for (size_t r = 0; r < RECIPES; r++) {
        attempt one = {.recipe = r, .threads = 1, .verify = r == 0};
        make_expected(&one);
        check_every_allocation(merge_attempt, &one);
        remove_temporary_folder(path_in(folder, "out.partial"));
    }
}

/* A child that is not what was made is not left under its name. */
static void verified(void **state)
{
    attempt one = {.recipe = 0, .threads = 1};
    clade_written_sum sums[8] = {{.known = false}};
    planned made;
    (void)state;
    assert_ok(plan_try(folder, recipes[0], &made));
    for (size_t wrong = 0; wrong <= made.plan->count; wrong++) {
        clade_checkpoint *written;
        assert_ok(merge_once(&one));
        assert_ok(clade_checkpoint_open(out(), &written));
        for (size_t i = 0; i < made.plan->count; i++) {
            const clade_tensor *tensor = clade_checkpoint_at(written, i);
            sums[i] = (clade_written_sum){clade_io_sum_of(0, tensor->data, tensor->bytes), true};
            sums[i].sum.low += i == wrong;
        }
        clade_checkpoint_close(written);
        clade_status status = clade_verify_merge(made.plan, out(), sums);
        if (wrong < made.plan->count)
            assert_fails(status, CLADE_EIO, made.plan->targets[wrong].tensor.name);
        else
            assert_ok(status);
        assert_int_equal(clade_path_exists(out()), wrong == made.plan->count);
    }
    plan_drop(&made);
    remove_temporary_folder(out());
}

/* ---- stopped ---- */

typedef struct stopping {
    size_t asked, at;
} stopping;

static bool stops(void *context)
{
    stopping *self = context;
    return ++self->asked >= self->at;
}

static clade_status merge_stopped(size_t at)
{
    stopping asked = {.at = at};
    const clade_merge_output output = {.shard_bytes = SHARD_BYTES,
                                       .card = "# card",
                                       .recipe_name = "clade_recipe.json",
                                       .recipe_text = recipes[0],
                                       .stop = stops,
                                       .context = &asked};
    clade_recipe *recipe;
    clade_merge *merge;
    CLADE_TRY(clade_recipe_read(path_in(folder, "recipe.json"), &recipe));
    clade_status status = clade_merge_open(recipe, 1, &merge);
    if (status == CLADE_OK)
        status = clade_merge_stamp(merge);
    if (status == CLADE_OK)
        status = clade_merge_write(merge, out(), &output);
    clade_merge_close(merge);
    clade_recipe_free(recipe);
    return status;
}

/* Stopped wherever it asks, again and again: it gets through, and is the same. */
static void stopped(void **state)
{
    attempt one = {.recipe = 0, .threads = 1};
    size_t at = 1;
    (void)state;
    make_expected(&one);
    for (clade_status status = CLADE_EINTERRUPTED; status != CLADE_OK; at++) {
        status = merge_stopped(at);
        if (status != CLADE_OK)
            assert_fails(status, CLADE_EINTERRUPTED, "interrupted");
        assert_int_equal(clade_path_exists(out()), status == CLADE_OK);
        assert_true(at < 100);
    }
    check_out(&one, CLADE_OK);
    assert_true(at > 3);
    remove_temporary_folder(out());
}

int main(void)
{
    const struct CMUnitTest tests[] = {cmocka_unit_test(disk), cmocka_unit_test(memory), cmocka_unit_test(verified),
                                       cmocka_unit_test(stopped)};
    if (access("/dev/shm", W_OK) == 0)
        setenv("TMPDIR", "/dev/shm", 0); /* where a thousand syncs cost nothing */
    clade_log_set_level(CLADE_LOG_ERROR);
    make_temporary_folder(folder);
    write_models();
    int failed = cmocka_run_group_tests(tests, NULL, NULL);
    remove_temporary_folder(folder);
    return failed;
}
