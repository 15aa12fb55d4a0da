/* What clade_checkpoint_write puts beside the weights: config.json with other values, copies, extra files. */
#include "folder_fixture.h"
#include "io_test.h"

#include "clade/checkpoint.h"
#include "clade/files.h"

static void write_text(const char *name, const char *text)
{
    write_test_file(in_folder(name), text, strlen(text));
}

static void assert_text(const char *name, const char *expected)
{
    char *data;
    size_t bytes;
    assert_ok(clade_read_file(in_folder(name), 100000, &data, &bytes));
    assert_string_equal(data, expected);
    clade_free(data);
}

static const uint64_t two[] = {2};
static const float values[] = {0.5f, 1.0f};
static const clade_tensor tensors[] = {{"w", CLADE_F32, 1, two, 2, 8, values}};
enum { COUNT = sizeof tensors / sizeof *tensors };

static clade_status write_model(const char *name, const char *config_from)
{
    const clade_checkpoint_layout layout = {.config_from = config_from};
    return clade_checkpoint_write(in_folder(name), tensors, COUNT, NULL, NULL, &layout);
}

/* The config of FROM as it comes out in TO, where f32 tensors are written. */
static void check_config(const char *from, const char *to)
{
    assert_ok(clade_remove_folder(in_folder("source")));
    assert_ok(clade_remove_folder(in_folder("target")));
    assert_ok(clade_make_folders(in_folder("source")));
    write_text("source/config.json", from);
    assert_ok(write_model("target", in_folder("source")));
    assert_text("target/config.json", to);
}

static void test_config(void **state)
{
    (void)state;
    check_config("{\"dtype\": \"float16\", \"n\": 12345678901234567890, \"e\": 1e-05}\n",
                 "{\"dtype\": \"float32\", \"n\": 12345678901234567890, \"e\": 1e-05}\n");
    check_config(
        "{\n  \"torch_dtype\": \"bfloat16\",\n  \"text_config\": {\"dtype\": \"float16\", \"s\": \"}\\\"\"}\n}",
        "{\n  \"dtype\": \"float32\",\n  \"torch_dtype\": \"float32\",\n  \"text_config\": {\"dtype\": \"float16\", "
        "\"s\": \"}\\\"\"}\n}");
    check_config("{\"a\": [1, {\"dtype\": 0}], \"torch_dtype\" :null ,\"dtype\":  \"x\"}",
                 "{\"a\": [1, {\"dtype\": 0}], \"torch_dtype\" :\"float32\" ,\"dtype\":  \"float32\"}");
    check_config("{}", "{\"dtype\": \"float32\"}");
    check_config(" { \"a\" : \"dtype\" } ", " { \"dtype\": \"float32\", \"a\" : \"dtype\" } ");
}

/* The config of FROM with LAYOUT's members, layers and vocabulary. */
static void check_members(const clade_checkpoint_layout *wanted, const char *from, const char *to)
{
    clade_checkpoint_layout layout = *wanted;
    assert_ok(clade_remove_folder(in_folder("source")));
    assert_ok(clade_remove_folder(in_folder("target")));
    assert_ok(clade_make_folders(in_folder("source")));
    write_text("source/config.json", from);
    layout.config_from = in_folder("source");
    assert_ok(clade_checkpoint_write(in_folder("target"), tensors, COUNT, NULL, NULL, &layout));
    assert_text("target/config.json", to);
}

static void test_config_members(void **state)
{
    (void)state;
    static const clade_config_member members[] = {
        {NULL, "a", "[1, 2]", false},        {NULL, "new", "true", true},         {NULL, "absent", "0", false},
        {"text_config", "a", "null", false}, {"text_config", "eos", "[7]", true}, {"none", "x", "1", true},
        {NULL, "a", "\"second\"", false},    {NULL, "new", "false", true},
    };
    const clade_checkpoint_layout some = {.members = members, .n_members = sizeof members / sizeof *members};
    check_members(&some, "{\"a\": {\"a\": 1}, \"dtype\": \"float32\", \"z\": {\"a\": 1}}",
                  "{\"new\": true,\"a\": [1, 2], \"dtype\": \"float32\", \"z\": {\"a\": 1}}");
    check_members(&some, "{\n  \"text_config\": {\n    \"a\": 1.50,\n    \"b\": {\"a\": 2}\n  },\n  \"a\": 2\n}",
                  "{\n  \"new\": true,\n  \"dtype\": \"float32\",\n  \"text_config\": {\n    \"eos\": [7],\n"
                  "    \"a\": null,\n    \"b\": {\"a\": 2}\n  },\n  \"a\": [1, 2]\n}");
    check_members(&some, "{\"text_config\":{ }}",
                  "{\"new\": true,\"dtype\": \"float32\",\"text_config\":{ \"eos\": [7] }}");
    check_members(&some, "{\"text_config\":\"a\",\"dtype\":0}",
                  "{\"new\": true,\"text_config\":\"a\",\"dtype\":\"float32\"}");
    static const clade_config_member dtype[] = {{NULL, "dtype", "\"auto\"", true}};
    check_members(&(clade_checkpoint_layout){.members = dtype, .n_members = 1}, "{}", "{\"dtype\": \"auto\"}");
}

static void test_config_numbers(void **state)
{
    (void)state;
    const clade_checkpoint_layout both = {.layers = 40, .vocabulary = 32001};
    check_members(&both, "{\"dtype\":0,\"num_hidden_layers\": 32, \"vocab_size\":32000,\"n_layer\":32 }",
                  "{\"dtype\":\"float32\",\"num_hidden_layers\": 40, \"vocab_size\":32001,\"n_layer\":40 }");
    /* Of a model with several parts, the language model. */
    check_members(&both,
                  "{\"dtype\":0,\"text_config\":{\"num_hidden_layers\":32,\"vocab_size\":1},"
                  "\"vision_config\":{\"num_hidden_layers\":24}}",
                  "{\"dtype\":\"float32\",\"text_config\":{\"num_hidden_layers\":40,\"vocab_size\":32001},"
                  "\"vision_config\":{\"num_hidden_layers\":24}}");
    clade_checkpoint_layout lacking = {.layers = 40, .config_from = in_folder("lacking")};
    assert_ok(clade_make_folders(in_folder("lacking")));
    write_text("lacking/config.json", "{\"vision_config\":{\"num_hidden_layers\":24},\"depth\":3}");
    assert_fails(clade_checkpoint_write(in_folder("out"), tensors, COUNT, NULL, NULL, &lacking), CLADE_EINPUT,
                 "lacking/config.json: has no number of layers (num_hidden_layers");
    lacking.layers = 0;
    lacking.vocabulary = 5;
    assert_fails(clade_checkpoint_write(in_folder("out"), tensors, COUNT, NULL, NULL, &lacking), CLADE_EINPUT,
                 "has no vocab_size at the top or in text_config to set to 5");
    assert_false(clade_path_exists(in_folder("out.partial")));
}

static void test_bad_config(void **state)
{
    (void)state;
    clade_checkpoint *model;
    assert_ok(clade_make_folders(in_folder("bad")));
    write_text("bad/config.json", "[1]");
    assert_fails(write_model("out", in_folder("bad")), CLADE_EINPUT, "expected an object");
    write_text("bad/config.json", "{\"a\": 01}");
    assert_fails(write_model("out", in_folder("bad")), CLADE_EINPUT, "bad/config.json");
    write_text("bad/config.json", "{\"d\\u0074ype\": \"float16\"}");
    assert_fails(write_model("out", in_folder("bad")), CLADE_EINPUT, "dtype");
    assert_false(clade_path_exists(in_folder("out")));
    assert_ok(write_model("model", NULL));
    assert_ok(clade_checkpoint_open(in_folder("model"), &model));
    assert_null(clade_checkpoint_config(model));
    clade_checkpoint_close(model);
    write_text("model/config.json", "{");
    assert_fails(clade_checkpoint_open(in_folder("model"), &model), CLADE_EINPUT, "model/config.json");
}

static void test_copies(void **state)
{
    (void)state;
    clade_checkpoint_layout layout = {.config_from = in_folder("with"), .card = "# A model\n"};
    clade_checkpoint *model;
    assert_ok(clade_make_folders(in_folder("with")));
    write_text("with/config.json", "{\"model_type\": \"clip\"}");
    write_text("with/tokenizer.json", "{\"any\": 1.0}");
    write_text("with/chat_template.jinja", "{{ x }}");
    write_text("with/secret.txt", "not ours to copy");
    assert_ok(clade_checkpoint_write(in_folder("copy"), tensors, COUNT, NULL, NULL, &layout));
    assert_text("copy/README.md", "# A model\n");
    assert_text("copy/tokenizer.json", "{\"any\": 1.0}");
    assert_text("copy/chat_template.jinja", "{{ x }}");
    assert_false(clade_path_exists(in_folder("copy/secret.txt")));
    assert_ok(clade_checkpoint_open(in_folder("copy"), &model));
    clade_json_at root = clade_json_root(clade_checkpoint_config(model)), type = clade_json_member(&root, "model_type");
    assert_int_equal(clade_json_kind_of(&type), CLADE_JSON_STRING);
    clade_checkpoint_close(model);
    layout.config_from = in_folder("copy/model.safetensors"); /* a single file has no config to copy */
    assert_ok(clade_checkpoint_write(in_folder("copy2"), tensors, COUNT, NULL, NULL, &layout));
    assert_false(clade_path_exists(in_folder("copy2/config.json")));
}

static void test_files_from(void **state)
{
    (void)state;
    static const clade_extra_file files[] = {{"merge_recipe.json", "{}\n", 3}, {"vocab.txt", "ours", 4}};
    clade_checkpoint_layout layout = {.files = files, .n_files = sizeof files / sizeof *files};
    for (int i = 1; i <= 2; i++) {
        static const char *const names[] = {"config.json", "generation_config.json", "tokenizer.json", "vocab.txt",
                                            "image_processor_config.json"};
        for (size_t n = 0; n < sizeof names / sizeof *names; n++) {
            char name[64], text[64];
            snprintf(name, sizeof name, "f%d", i);
            assert_ok(clade_make_folders(in_folder(name)));
            snprintf(name, sizeof name, "f%d/%s", i, names[n]);
            snprintf(text, sizeof text, "{\"dtype\": \"float32\", \"from\": %d}", i);
            write_text(name, text);
        }
    }
    layout.config_from = in_folder("f1");
    layout.files_from = in_folder("f2");
    assert_ok(clade_checkpoint_write(in_folder("f3"), tensors, COUNT, NULL, NULL, &layout));
    assert_text("f3/config.json", "{\"dtype\": \"float32\", \"from\": 1}");
    assert_text("f3/generation_config.json", "{\"dtype\": \"float32\", \"from\": 1}");
    assert_text("f3/tokenizer.json", "{\"dtype\": \"float32\", \"from\": 2}");
    assert_text("f3/image_processor_config.json", "{\"dtype\": \"float32\", \"from\": 2}");
    assert_text("f3/merge_recipe.json", "{}\n");
    assert_text("f3/vocab.txt", "ours");
    static const char *const leaving[] = {"", "../f", "a/b", ".clade-journal"};
    for (size_t i = 0; i < sizeof leaving / sizeof *leaving; i++) {
        const clade_extra_file file = {leaving[i], "x", 1};
        clade_checkpoint_layout wrong = {.files = &file, .n_files = 1};
        assert_fails(clade_checkpoint_write(in_folder("f4"), tensors, COUNT, NULL, NULL, &wrong), CLADE_EINTERNAL,
                     "without a folder");
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_config),     cmocka_unit_test(test_config_members), cmocka_unit_test(test_config_numbers),
        cmocka_unit_test(test_bad_config), cmocka_unit_test(test_copies),         cmocka_unit_test(test_files_from),
    };
    return cmocka_run_group_tests(tests, make_folder, remove_folder);
}
