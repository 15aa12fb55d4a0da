/* Reading PEFT folders: what is read, what is refused, and how. */
#include "adapter_fixture.h"
#include "folder_fixture.h"

#include "io/adapter_config.h"

static const char *const plain_config = "{\"peft_type\": \"LORA\", \"r\": 2, \"lora_alpha\": 6, \"bias\": \"none\", "
                                        "\"base_model_name_or_path\": \"org/base\", \"task_type\": \"CAUSAL_LM\", "
                                        "\"target_modules\": \"all-linear\", \"a_key_of_tomorrow\": [1]}";

/* The adapter of CONFIG and T in a folder of that name. */
static const char *write_as(const char *name, const char *config, const fixture_tensors *t)
{
    const char *path = path_in(folder, name);
    fixture_write(path, config, t);
    return path;
}

static void two_modules(fixture_tensors *t)
{
    t->count = 0;
    fixture_pair(t, "a", 3, 4, 2, 1); /* "a.b.weight" sorts before "a.weight" */
    fixture_pair(t, "a.b", 5, 3, 2, 2);
}

static void reads_a_folder(void **state)
{
    clade_adapter *adapter;
    fixture_tensors t;
    bool is_adapter;
    (void)state;
    two_modules(&t);
    const char *path = write_as("plain", plain_config, &t);
    assert_ok(clade_adapter_is(path, &is_adapter));
    assert_true(is_adapter);
    assert_ok(clade_adapter_is(folder, &is_adapter));
    assert_false(is_adapter);
    assert_ok(clade_adapter_open(path, &adapter));
    assert_string_equal(clade_adapter_base_name(adapter), "org/base");
    assert_string_equal(clade_adapter_path(adapter), path);
    assert_int_equal(clade_adapter_count(adapter), 2);
    assert_string_equal(clade_adapter_at(adapter, 0)->tensor, "a.b.weight");
    assert_string_equal(clade_adapter_at(adapter, 1)->tensor, "a.weight");
    const clade_low_rank *delta = clade_adapter_find(adapter, "a.weight");
    assert_ptr_equal(delta, &clade_adapter_at(adapter, 1)->delta);
    assert_true(delta->scale == 3 && !delta->transposed);
    assert_memory_equal(delta->a->data, t.values[0], 8 * sizeof(float));
    assert_memory_equal(delta->b->data, t.values[1], 6 * sizeof(float));
    assert_null(clade_adapter_find(adapter, "a"));
    clade_adapter_close(adapter);
}

/* use_rslora, patterns of ranks and alphas, fan_in_fan_out, embeddings, convolutions, PEFT's names in memory. */
static void reads_every_kind(void **state)
{
    static const char config[] = "{\"peft_type\": \"LORA\", \"r\": 2, \"lora_alpha\": 6, \"use_rslora\": true, "
                                 "\"rank_pattern\": {\"l.1.q\": 4, \"q\": 1}, \"alpha_pattern\": {\"l.*q\": 10}, "
                                 "\"fan_in_fan_out\": true, \"init_lora_weights\": \"gaussian\", \"use_dora\": false, "
                                 "\"modules_to_save\": [], \"loftq_config\": {\"x\": 1}}";
    clade_adapter *adapter;
    fixture_tensors t = {.count = 0};
    (void)state;
    fixture_pair(&t, "m.l.1.q", 3, 5, 4, 1);
    fixture_pair(&t, "l.0.q", 3, 5, 1, 1);
    fixture_add(&t, "emb.lora_embedding_A", 2, (uint64_t[]){2, 7}, 1, NULL);
    fixture_add(&t, "emb.lora_embedding_B", 2, (uint64_t[]){3, 2}, 1, NULL);
    fixture_add(&t, "conv.lora_A.default.weight", 4, (uint64_t[]){2, 3, 2, 2}, 1, NULL);
    fixture_add(&t, "conv.lora_B.default.weight", 4, (uint64_t[]){5, 2, 1, 1}, 1, NULL);
    assert_ok(clade_adapter_open(write_as("kinds", config, &t), &adapter));
    const clade_adapter_module *conv = clade_adapter_at(adapter, 0), *emb = clade_adapter_at(adapter, 1);
    assert_int_equal(clade_adapter_count(adapter), 4);
    assert_string_equal(conv->tensor, "conv.weight");
    assert_int_equal(conv->kind, CLADE_MODULE_CONVOLUTION);
    assert_int_equal(conv->stored_rank, 4);
    assert_int_equal(conv->delta.a->shape[1], 12);
    assert_false(conv->delta.transposed);
    assert_true(conv->delta.scale == 6 / sqrt(2.0));
    assert_int_equal(emb->kind, CLADE_MODULE_EMBEDDING);
    assert_true(emb->delta.transposed);
    assert_true(clade_adapter_find(adapter, "l.0.q.weight")->scale == 10);
    assert_true(clade_adapter_find(adapter, "m.l.1.q.weight")->scale == 5);
    assert_true(clade_adapter_find(adapter, "m.l.1.q.weight")->transposed);
    clade_adapter_close(adapter);
}

static void matches_patterns(void **state)
{
    static const struct {
        const char *key, *module;
        bool matches;
    } rows[] = {
        {"q", "q", true},
        {"q", "l.q", true},
        {"q", "l.xq", false},
        {"q", "q.l", false},
        {"l.q", "m.l.q", true},
        {"l.q", "lxq", true},
        {"l\\.q", "lxq", false},
        {"l\\.q", "m.l.q", true},
        {"^l.q", "m.l.q", false},
        {"^l.q", "l.q", true},
        {".*q", "l.0.q", true},
        {"l.*q", "m.l.0.1.q", true},
        {"l.*a.*q", "l.a.b", false},
        {"a.*a.*b", "aaab", true},
        {"a.*ab", "aaaab", true},
        {".*", "anything", true},
    };
    static const char *const refused[] = {"",        "^",  "q|v", "q+", "(q)",  "[qv]",
                                          "l\\.\\d", "q$", "q*",  ".+", "l.*?", "\\"};
    (void)state;
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
        assert_null(clade_io_pattern_wrong(rows[i].key));
        if (clade_io_pattern_matches(rows[i].key, rows[i].module) != rows[i].matches)
            fail_msg("%s and %s", rows[i].key, rows[i].module);
    }
    for (size_t i = 0; i < sizeof refused / sizeof *refused; i++)
        if (!clade_io_pattern_wrong(refused[i]))
            fail_msg("%s was accepted", refused[i]);
}

/* One wrong member of the configuration each; the message must name it. */
static void refuses_configurations(void **state)
{
    static const struct {
        const char *members, *message;
    } rows[] = {
        {"\"peft_type\": \"IA3\", \"r\": 2, \"lora_alpha\": 1", "peft_type: found \"IA3\", expected \"LORA\""},
        {"\"r\": 2, \"lora_alpha\": 1", "peft_type: found nothing"},
        {"\"peft_type\": \"LORA\", \"lora_alpha\": 1", "r: found nothing"},
        {"\"peft_type\": \"LORA\", \"r\": 0, \"lora_alpha\": 1", "r: found 0, expected an integer from 1"},
        {"\"peft_type\": \"LORA\", \"r\": 2", "lora_alpha: found nothing"},
        {"\"peft_type\": \"LORA\", \"r\": 2, \"lora_alpha\": 1, \"use_dora\": true", "use_dora: DoRA"},
        {"\"peft_type\": \"LORA\", \"r\": 2, \"lora_alpha\": 1, \"bias\": \"all\"", "bias: found \"all\""},
        {"\"peft_type\": \"LORA\", \"r\": 2, \"lora_alpha\": 1, \"modules_to_save\": [\"lm_head\"]", "modules_to_save"},
        {"\"peft_type\": \"LORA\", \"r\": 2, \"lora_alpha\": 1, \"layer_replication\": [[0, 4]]", "layer_replication"},
        {"\"peft_type\": \"LORA\", \"r\": 2, \"lora_alpha\": 1, \"init_lora_weights\": \"pissa_niter_4\"",
         "init_lora_weights: \"pissa_niter_4\""},
        {"\"peft_type\": \"LORA\", \"r\": 2, \"lora_alpha\": 1, \"use_rslora\": 1", "use_rslora: found 1"},
        {"\"peft_type\": \"LORA\", \"r\": 2, \"lora_alpha\": 1, \"alpha_pattern\": {\"(q|v)\": 1}",
         "alpha_pattern.(q|v)"},
        {"\"peft_type\": \"LORA\", \"r\": 2, \"lora_alpha\": 1, \"rank_pattern\": {\"a\": 1.5}", "rank_pattern.a"},
        {"\"peft_type\": \"LORA\", \"r\": 2, \"lora_alpha\": 1, \"rank_pattern\": {\"a\": 3}",
         "has rank 2, but adapter_config.json says 3"},
        {"\"peft_type\": \"LORA\", \"r\": 8, \"lora_alpha\": 1", "has rank 2, but adapter_config.json says 8"},
    };
    fixture_tensors t;
    (void)state;
    two_modules(&t);
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
        char config[512];
        clade_adapter *adapter;
        snprintf(config, sizeof config, "{%s}", rows[i].members);
        assert_fails(clade_adapter_open(write_as("wrong", config, &t), &adapter), CLADE_EINPUT, rows[i].message);
        assert_null(adapter);
    }
}

/* One wrong tensor beside two good modules each. */
static void refuses_tensors(void **state)
{
    static const float infinite[] = {1, INFINITY};
    static const struct {
        const char *name;
        size_t rank;
        uint64_t shape[3];
        const float *values;
        const char *message;
    } rows[] = {
        {"c.lora_A.weight", 2, {2, 4}, NULL, "has no lora_B beside it"},
        {"c.lora_embedding_B", 2, {2, 4}, NULL, "has no lora_embedding_A beside it"},
        {"a.lora_A.default.weight", 2, {2, 4}, NULL, "more than one pair"},
        {"a.lora_magnitude_vector", 1, {3}, NULL, "DoRA"},
        {"a.lora_B.bias", 1, {3}, NULL, "lora_bias"},
        {"lm_head.weight", 2, {2, 2}, NULL, "is not a factor"},
        {"base_layer.weight", 1, {1}, NULL, "is not a factor"},
        {"lora_A.weight", 1, {1}, NULL, "is not a factor"},
    };
    (void)state;
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
        clade_adapter *adapter;
        fixture_tensors t;
        two_modules(&t);
        fixture_add(&t, rows[i].name, rows[i].rank, rows[i].shape, 1, rows[i].values);
        assert_fails(clade_adapter_open(write_as("tensors", plain_config, &t), &adapter), CLADE_EINPUT,
                     rows[i].message);
    }
    static const struct {
        uint64_t a[3], b[3];
        size_t rank_a, rank_b;
        const float *values;
        const char *message;
    } pairs[] = {
        {{2, 4}, {3, 3}, 2, 2, NULL, "expected (outputs, 2)"},
        {{8}, {3, 2}, 1, 2, NULL, "expected (rank, inputs)"},
        {{2, 0}, {3, 2}, 2, 2, NULL, "expected (rank, inputs)"},
        {{2, 2, 2}, {3, 2}, 3, 2, NULL, "expected (outputs, 2, 1"},
        {{2, 1}, {3, 2}, 2, 2, infinite, "element 1 is not finite"},
    };
    for (size_t i = 0; i < sizeof pairs / sizeof *pairs; i++) {
        clade_adapter *adapter;
        fixture_tensors t;
        two_modules(&t);
        fixture_add(&t, "c.lora_A.weight", pairs[i].rank_a, pairs[i].a, 1, pairs[i].values);
        fixture_add(&t, "c.lora_B.weight", pairs[i].rank_b, pairs[i].b, 1, NULL);
        assert_fails(clade_adapter_open(write_as("tensors", plain_config, &t), &adapter), CLADE_EINPUT,
                     pairs[i].message);
    }
}

/* Configuration and tensors, at once. */
static void tells_everything_at_once(void **state)
{
    clade_adapter *adapter;
    fixture_tensors t;
    (void)state;
    two_modules(&t);
    fixture_add(&t, "x.y", 1, (uint64_t[]){1}, 1, NULL);
    snprintf(t.names[1], sizeof t.names[1], "unet.a.lora_B.weight");
    const char *path = write_as("many", "{\"peft_type\": \"LOHA\", \"lora_alpha\": 1}", &t);
    assert_fails(clade_adapter_open(path, &adapter), CLADE_EINPUT, "LOHA");
    const char *message = clade_error_message();
    assert_non_null(strstr(message, "r: found nothing"));
    assert_non_null(strstr(message, "x.y"));
    assert_non_null(strstr(message, "expected a name as PEFT writes it"));
    assert_non_null(strstr(message, "has no lora_B beside it"));
}

static void refuses_folders(void **state)
{
    clade_adapter *adapter;
    fixture_tensors t;
    (void)state;
    two_modules(&t);
    assert_fails(clade_adapter_open(write_as("bare", NULL, &t), &adapter), CLADE_EINPUT, "adapter_config.json");
    const char *pickled = path_in(folder, "pickled");
    mkdir(pickled, 0777);
    write_test_file(path_in(folder, "pickled/adapter_config.json"), "{}", 2);
    assert_fails(clade_adapter_open(pickled, &adapter), CLADE_EINPUT, "has no adapter_model.safetensors");
    write_test_file(path_in(folder, "pickled/adapter_model.bin"), "PK", 2);
    assert_fails(clade_adapter_open(pickled, &adapter), CLADE_EINPUT, "save_pretrained");
    assert_fails(clade_adapter_open(path_in(folder, "nowhere"), &adapter), CLADE_EINPUT, "nowhere");
}

static void checks_the_base(void **state)
{
    static const uint64_t right[] = {3, 4}, wrong[] = {3, 5};
    static const float zeros[20] = {0};
    clade_tensor tensors[] = {{"a.weight", CLADE_F32, 2, right, 12, 48, zeros},
                              {"a.b.weight", CLADE_F32, 2, wrong, 15, 60, zeros}};
    clade_problems problems = {0};
    clade_adapter *adapter;
    clade_checkpoint *base;
    fixture_tensors t;
    (void)state;
    two_modules(&t);
    assert_ok(clade_adapter_open(write_as("checked", plain_config, &t), &adapter));
    assert_ok(clade_safetensors_write(path_in(folder, "base.safetensors"), tensors, 2, NULL, NULL));
    assert_ok(clade_checkpoint_open(path_in(folder, "base.safetensors"), &base));
    clade_adapter_check(adapter, base, &problems);
    assert_int_equal(problems.count, 2);
    assert_fails(clade_problems_end(&problems, CLADE_EINCOMPATIBLE), CLADE_EINCOMPATIBLE,
                 "\"a.b.weight\": found shape [3, 5] in the base, expected [5, 3]");
    assert_non_null(strstr(clade_error_message(), "another base"));
    assert_non_null(strstr(clade_error_message(), "org/base"));
    clade_checkpoint_close(base);
    assert_ok(clade_safetensors_write(path_in(folder, "base.safetensors"), tensors, 1, NULL, NULL));
    assert_ok(clade_checkpoint_open(path_in(folder, "base.safetensors"), &base));
    clade_adapter_check(adapter, base, &problems);
    assert_fails(clade_problems_end(&problems, CLADE_EINCOMPATIBLE), CLADE_EINCOMPATIBLE,
                 "\"a.b.weight\": is not in the base");
    clade_checkpoint_close(base);
    clade_adapter_close(adapter);
}

/* PEFT stores the base layer of an adapted embedding; in half precision it is still the same. */
static void compares_copies_of_the_base(void **state)
{
    static const uint64_t shape[] = {3, 2};
    static const float values[] = {1, 2, 3, 4, 5, 6}, others[] = {1, 2, 3, 4, 5, 6.5f};
    unsigned char half[12];
    clade_tensor tensor = {"emb.weight", CLADE_F16, 2, shape, 6, sizeof half, half};
    clade_checkpoint *base;
    (void)state;
    clade_narrow(CLADE_F16, values, 6, half);
    assert_ok(clade_safetensors_write(path_in(folder, "base.safetensors"), &tensor, 1, NULL, NULL));
    assert_ok(clade_checkpoint_open(path_in(folder, "base.safetensors"), &base));
    for (size_t differs = 0; differs < 2; differs++) {
        clade_problems problems = {0};
        clade_adapter *adapter;
        fixture_tensors t = {.count = 0};
        fixture_add(&t, "emb.lora_embedding_A", 2, (uint64_t[]){2, 3}, 1, NULL);
        fixture_add(&t, "emb.lora_embedding_B", 2, (uint64_t[]){2, 2}, 1, NULL);
        fixture_add(&t, "emb.base_layer.weight", 2, shape, 1, differs ? others : values);
        assert_ok(clade_adapter_open(write_as("copies", plain_config, &t), &adapter));
        assert_int_equal(clade_adapter_count(adapter), 1);
        clade_adapter_check(adapter, base, &problems);
        if (differs)
            assert_non_null(strstr(clade_text_get(&problems.text), "\"emb.weight\": the adapter's own copy"));
        assert_int_equal(problems.count, 2 * differs);
        clade_text_free(&problems.text);
        clade_adapter_close(adapter);
    }
    clade_checkpoint_close(base);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(reads_a_folder),
        cmocka_unit_test(reads_every_kind),
        cmocka_unit_test(matches_patterns),
        cmocka_unit_test(refuses_configurations),
        cmocka_unit_test(refuses_tensors),
        cmocka_unit_test(tells_everything_at_once),
        cmocka_unit_test(refuses_folders),
        cmocka_unit_test(checks_the_base),
        cmocka_unit_test(compares_copies_of_the_base),
    };
    return cmocka_run_group_tests(tests, make_folder, remove_folder);
}
