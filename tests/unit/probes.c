/* probes.json: what is read, what is refused and with which words, and what the hash depends on. */
#include "score_fixture.h"

static void reads(void **state)
{
    const tiny *t = *state;
    clade_probes *probes = tiny_read_probes(t);
    assert_int_equal(probes->n_tasks, 2);
    const clade_task *beta = &probes->tasks[1];
    assert_string_equal(beta->name, "beta");
    assert_string_equal(beta->images, path_in(t->folder, "beta-images.idx.gz"));
    assert_near(beta->logit_scale, 20.5, 0.0);
    assert_int_equal(beta->splits[CLADE_UNLABELLED].first, 15);
    assert_int_equal(beta->splits[CLADE_HOLDOUT].last, 40);
    assert_int_equal(beta->classes, 3);
    assert_int_equal(beta->width, TINY_EMBED);
    for (size_t c = 0; c < beta->classes; c++) { /* rows become unit rows */
        double square = 0.0;
        for (size_t i = 0; i < beta->width; i++)
            square += (double)beta->head[c * beta->width + i] * (double)beta->head[c * beta->width + i];
        assert_near(square, 1.0, 1e-6);
    }
    clade_probes_free(probes);
}

static void splits(void **state)
{
    (void)state;
    clade_split split;
    for (clade_split s = 0; s < CLADE_SPLITS; s++) {
        assert_true(clade_split_parse(clade_split_name(s), &split));
        assert_int_equal(split, s);
    }
    assert_false(clade_split_parse("test", &split));
}

/* TEXT with OLD replaced by NEW as the probes.json of T. */
static void rewrite(const tiny *t, const char *old, const char *new)
{
    clade_text text = {0};
    const char *at = strstr(tiny_probes, old);
    assert_non_null(at);
    clade_text_append_bytes(&text, tiny_probes, (size_t)(at - tiny_probes));
    clade_text_append(&text, "%s%s", new, at + strlen(old));
    assert_ok(clade_text_status(&text));
    write_test_file(tiny_probes_path(t), text.data, text.length);
    clade_text_free(&text);
}

static void refuse(const tiny *t, const char *old, const char *new, clade_status status, const char *part)
{
    clade_probes *probes = NULL;
    const size_t live = clade_alloc_live();
    rewrite(t, old, new);
    assert_fails(clade_probes_read(tiny_probes_path(t), &probes), status, part);
    assert_null(probes);
    assert_int_equal(clade_alloc_live(), live);
}

static void bad_json(void **state)
{
    const tiny *t = *state;
    refuse(t, "\"labels\"", "\"lables\"", CLADE_ECONFIG, "tasks[0]: unknown key \"lables\"");
    refuse(t, "\"labels\": \"alpha-labels.idx\",", "", CLADE_ECONFIG,
           "tasks[0].labels: found nothing, expected a path");
    refuse(t, "\"name\": \"beta\"", "\"name\": \"alpha\"", CLADE_ECONFIG, "the name \"alpha\" of task 0 again");
    refuse(t, "\"name\": \"beta\"", "\"name\": \"\"", CLADE_ECONFIG, "tasks[1].name");
    refuse(t, "\"logit_scale\": 10", "\"logit_scale\": 0", CLADE_ECONFIG, "tasks[0].head.logit_scale: found 0");
    refuse(t, "\"logit_scale\": 10", "\"logit_scale\": -3", CLADE_ECONFIG, "tasks[0].head.logit_scale");
    refuse(t, "[15, 25]", "[14, 25]", CLADE_ECONFIG, "overlaps the split \"search\"");
    refuse(t, "[15, 25]", "[25, 15]", CLADE_ECONFIG, "found [25, 15], expected the first item before the last");
    refuse(t, "[15, 25]", "[15]", CLADE_ECONFIG, "found 1 items, expected [first, last]");
    refuse(t, "[15, 25]", "[15, 25.5]", CLADE_ECONFIG, "tasks[0].splits.unlabelled[1]");
    refuse(t, "[15, 25]", "[-1, 25]", CLADE_ECONFIG, "tasks[0].splits.unlabelled[0]");
    refuse(t, "\"holdout\"", "\"test\"", CLADE_ECONFIG, "unknown key \"test\"");
    refuse(t, "{\"tasks\"", "{\"seed\": 1, \"tasks\"", CLADE_ECONFIG, "unknown key \"seed\"");
    refuse(t, "\"head\": {", "\"head\": [{}], \"x\": {", CLADE_ECONFIG, "expected an object");
    refuse(t, "{\"tasks\"", "[\"tasks\"", CLADE_ECONFIG, "probes.json");
    write_test_file(tiny_probes_path(t), "{\"tasks\": []}", 13);
    clade_probes *probes = NULL;
    assert_fails(clade_probes_read(tiny_probes_path(t), &probes), CLADE_ECONFIG, "found no tasks");
}

static void several_problems_at_once(void **state)
{
    const tiny *t = *state;
    rewrite(t, "\"search\": [0, 15], \"unlabelled\": [15, 25]",
            "\"search\": [0, 20], \"unlabelled\": [15, 25], \"x\": 0");
    clade_probes *probes = NULL;
    assert_fails(clade_probes_read(tiny_probes_path(t), &probes), CLADE_ECONFIG, "unknown key \"x\"");
    assert_non_null(strstr(clade_error_message(), "overlaps"));
}

static void bad_files(void **state)
{
    const tiny *t = *state;
    refuse(t, "alpha-images.idx", "alpha-images", CLADE_EINPUT, "no such file, expected the images of task \"alpha\"");
    refuse(t, "beta-labels.idx.gz", "none", CLADE_EINPUT, "no such file, expected the labels of task \"beta\"");
    refuse(t, "heads.safetensors", "heads", CLADE_EINPUT, "heads");
    refuse(t, "\"tensor\": \"beta\"", "\"tensor\": \"gamma\"", CLADE_EINPUT, "no tensor \"gamma\"");
}

/* One head tensor of DTYPE and SHAPE in place of both. */
static void refuse_head(const tiny *t, clade_dtype dtype, size_t rank, const uint64_t *shape, const void *data,
                        const char *part)
{
    clade_tensor tensor = {.name = "alpha", .dtype = dtype, .rank = rank, .shape = shape, .count = 1, .data = data};
    for (size_t i = 0; i < rank; i++)
        tensor.count *= (size_t)shape[i];
    tensor.bytes = tensor.count * clade_dtype_of(dtype)->bits / 8;
    assert_ok(clade_safetensors_write(path_in(t->folder, "heads.safetensors"), &tensor, 1, NULL, NULL));
    clade_probes *probes = NULL;
    assert_fails(clade_probes_read(tiny_probes_path(t), &probes), CLADE_EINPUT, part);
    assert_non_null(strstr(clade_error_message(), "no tensor \"beta\"")); /* the other task's problem is told as well */
}

static void bad_heads(void **state)
{
    const tiny *t = *state;
    static const float zeros[257 * 2] = {1.0f, 2.0f}, nan[4] = {1.0f, 2.0f, NAN, 1.0f};
    refuse_head(t, CLADE_F32, 2, (const uint64_t[]){2, 2}, zeros, "row 1 has length 0");
    refuse_head(t, CLADE_F32, 2, (const uint64_t[]){2, 2}, nan, "row 1 has length");
    refuse_head(t, CLADE_I32, 2, (const uint64_t[]){2, 2}, zeros, "found dtype I32");
    refuse_head(t, CLADE_F32, 1, (const uint64_t[]){4}, zeros, "found shape [4]");
    refuse_head(t, CLADE_F32, 2, (const uint64_t[]){257, 2}, zeros, "found shape [257, 2]");
    refuse_head(t, CLADE_F32, 2, (const uint64_t[]){0, 2}, zeros, "found shape [0, 2]");
}

/* ---- identity ---- */

static void hash_with(const tiny *t, const char *old, const char *new, char hex[CLADE_SHA256_HEX])
{
    rewrite(t, old, new);
    clade_probes *probes = tiny_read_probes(t);
    clade_probes_hash(probes, hex);
    clade_probes_free(probes);
}

static void hash(void **state)
{
    const tiny *t = *state;
    char first[CLADE_SHA256_HEX], other[CLADE_SHA256_HEX];
    hash_with(t, "tasks", "tasks", first);
    static const char *const changes[][2] = {{"\"name\": \"beta\"", "\"name\": \"bet\""},
                                             {"[15, 25]", "[15, 24]"},
                                             {"20.5", "20.25"},
                                             {"beta-images.idx.gz", "alpha-images.idx"},
                                             {"\"tensor\": \"beta\"", "\"tensor\": \"alpha\""}};
    for (size_t i = 0; i < 5; i++) {
        hash_with(t, changes[i][0], changes[i][1], other);
        assert_string_not_equal(first, other);
    }
    hash_with(t, "{\"tasks\"", " {  \"tasks\"", other); /* white space is no difference */
    assert_string_equal(first, other);
}

/* The same files in another folder are the same probes. */
static void hash_survives_a_move(void **state)
{
    const tiny *t = *state;
    char first[CLADE_SHA256_HEX], other[CLADE_SHA256_HEX], moved[TEST_PATH + 8];
    hash_with(t, "tasks", "tasks", first);
    snprintf(moved, sizeof moved, "%s-moved", t->folder);
    assert_int_equal(rename(t->folder, moved), 0);
    clade_probes *probes = NULL;
    const clade_status status = clade_probes_read(path_in(moved, "probes.json"), &probes);
    assert_int_equal(rename(moved, t->folder), 0);
    assert_ok(status);
    clade_probes_hash(probes, other);
    assert_string_equal(first, other);
    clade_probes_free(probes);
}

int main(void)
{
    const struct CMUnitTest tests[] = {cmocka_unit_test_setup_teardown(reads, tiny_open, tiny_close),
                                       cmocka_unit_test(splits),
                                       cmocka_unit_test_setup_teardown(bad_json, tiny_open, tiny_close),
                                       cmocka_unit_test_setup_teardown(several_problems_at_once, tiny_open, tiny_close),
                                       cmocka_unit_test_setup_teardown(bad_files, tiny_open, tiny_close),
                                       cmocka_unit_test_setup_teardown(bad_heads, tiny_open, tiny_close),
                                       cmocka_unit_test_setup_teardown(hash, tiny_open, tiny_close),
                                       cmocka_unit_test_setup_teardown(hash_survives_a_move, tiny_open, tiny_close)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}
