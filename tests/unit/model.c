/* Opening models: the ways a checkpoint may describe and store one network, and everything that is refused. */
#include "model_fixture.h"

enum { IMAGES = 3 };

typedef struct bench {
    fixture f;
    char folder[TEST_PATH];
    float *pixels, *expected; /* what the plain F32 checkpoint gives */
} bench;

static int set_up(void **state)
{
    bench *b = calloc(1, sizeof *b);
    assert_non_null(b);
    fixture_init(&b->f, fixture_shape);
    make_temporary_folder(b->folder);
    b->pixels = random_pixels(&fixture_shape, IMAGES);
    write_tensors(b->folder, b->f.tensors, b->f.count);
    write_vision_config(b->folder, &fixture_shape, "");
    b->expected = embed_folder(b->folder, b->pixels, IMAGES);
    *state = b;
    return 0;
}

static int tear_down(void **state)
{
    bench *b = *state;
    remove_temporary_folder(b->folder);
    fixture_free(&b->f);
    free(b->pixels);
    free(b->expected);
    free(b);
    return 0;
}

static void expect_same(const bench *b)
{
    float *found = embed_folder(b->folder, b->pixels, IMAGES);
    assert_memory_equal(found, b->expected, IMAGES * fixture_shape.projection * sizeof *found);
    free(found);
}

/* Opening the checkpoint as it is now must fail. */
static void expect_refusal(const bench *b, clade_status status, const char *part)
{
    const size_t live = clade_alloc_live();
    clade_checkpoint *checkpoint;
    clade_model *model = NULL;
    assert_ok(clade_checkpoint_open(b->folder, &checkpoint));
    assert_fails(clade_model_open(checkpoint, &model), status, part);
    assert_null(model);
    clade_checkpoint_close(checkpoint);
    assert_int_equal(clade_alloc_live(), live);
}

/* ---- one network, many descriptions ---- */

static void test_shape(void **state)
{
    const bench *b = *state;
    clade_checkpoint *checkpoint;
    clade_model *model;
    assert_ok(clade_checkpoint_open(b->folder, &checkpoint));
    assert_ok(clade_model_open(checkpoint, &model));
    clade_checkpoint_close(checkpoint); /* the model keeps no pointer to it */
    const clade_model_shape shape = clade_model_shape_of(model);
    assert_memory_equal(&shape, &fixture_shape, sizeof shape);
    assert_string_equal(clade_model_family(model), "clip_vision");
    /* T-1 patches of 48 pixels; 2 blocks of 4 D D + 2 D F a token and 2 T T D of attention; the projection. */
    const double flops = 2.0 * (9 * 48 * 20 + 2 * (10 * (4 * 400 + 2 * 20 * 31) + 2 * 100 * 20) + 20 * 7);
    assert_true(clade_model_flops(model) == flops);
    clade_model_close(model);
    size_t families = 0;
    assert_string_equal(clade_model_families(&families)[0].name, "clip_vision");
    assert_int_equal(families, 1);
}

static void test_clip_model_config(void **state)
{
    const bench *b = *state;
    char text[2048];
    snprintf(text, sizeof text,
             "{\"architectures\": [\"CLIPModel\"], \"projection_dim\": 7, \"vision_config\": {%s, "
             "\"projection_dim\": 512}}",
             shape_members(&fixture_shape));
    write_in(b->folder, "config.json", text);
    expect_same(b);
    /* The dict overrules the section, key by key; null is as good as absent; model_type stands in for architectures. */
    snprintf(text, sizeof text,
             "{\"model_type\": \"clip\", \"projection_dim\": 7, \"vision_config_dict\": {\"hidden_size\": 20},"
             " \"vision_config\": {\"hidden_size\": 24, %s}}",
             strstr(shape_members(&fixture_shape), "\"intermediate"));
    write_in(b->folder, "config.json", text);
    expect_refusal(b, CLADE_EINPUT, "found shape [20, 3, 4, 4], expected [20, 3, 32, 32]");
    snprintf(text, sizeof text,
             "{\"model_type\": \"clip\", \"projection_dim\": 7, \"vision_config\": null, "
             "\"vision_config_dict\": {%s}}",
             shape_members(&fixture_shape));
    write_in(b->folder, "config.json", text);
    expect_same(b);
}

/* Only hidden_size given: everything else is Hugging Face's default, and says the same when it is written out. */
static void test_defaults(void **state)
{
    bench *b = *state;
    const clade_model_shape shape = {.channels = 3,
                                     .image_size = 224,
                                     .patch = 32,
                                     .tokens = 50,
                                     .width = 24,
                                     .mlp = 3072,
                                     .heads = 12,
                                     .blocks = 12,
                                     .projection = 512};
    fixture large;
    fixture_init(&large, shape);
    float *pixels = random_pixels(&shape, 1);
    write_tensors(b->folder, large.tensors, large.count);
    write_in(b->folder, "config.json", "{\"architectures\": [\"CLIPVisionModelWithProjection\"], \"hidden_size\": 24}");
    float *found = embed_folder(b->folder, pixels, 1);
    write_vision_config(b->folder, &shape, ", \"hidden_act\": \"quick_gelu\", \"layer_norm_eps\": 1e-05");
    float *expected = embed_folder(b->folder, pixels, 1);
    assert_memory_equal(found, expected, shape.projection * sizeof *found);
    write_vision_config(b->folder, &shape, ", \"hidden_act\": \"gelu\"");
    float *other = embed_folder(b->folder, pixels, 1);
    assert_memory_not_equal(other, expected, shape.projection * sizeof *other);
    free(found), free(expected), free(other), free(pixels);
    fixture_free(&large);
}

/* ---- one network, many files ---- */

/* Weights rounded to DTYPE give the bits of the F32 checkpoint that holds the rounded values. */
static void check_dtype(bench *b, clade_dtype dtype)
{
    clade_tensor narrow[FIXTURE_TENSORS];
    for (size_t i = 0; i < b->f.count; i++) {
        const clade_tensor *tensor = &b->f.tensors[i];
        narrow[i] = *tensor;
        narrow[i].dtype = dtype;
        narrow[i].bytes = tensor->count * clade_dtype_of(dtype)->bits / 8;
        void *data = malloc(narrow[i].bytes);
        assert_non_null(data);
        clade_narrow(dtype, b->f.values[i], tensor->count, data);
        clade_widen(dtype, data, tensor->count, b->f.values[i]);
        narrow[i].data = data;
    }
    write_tensors(b->folder, b->f.tensors, b->f.count);
    free(b->expected);
    b->expected = embed_folder(b->folder, b->pixels, IMAGES);
    write_tensors(b->folder, narrow, b->f.count);
    expect_same(b);
    for (size_t i = 0; i < b->f.count; i++)
        free((void *)(uintptr_t)narrow[i].data);
}

static void test_dtypes(void **state)
{
    bench *b = *state;
    check_dtype(b, CLADE_F64);
    check_dtype(b, CLADE_F16);
    check_dtype(b, CLADE_BF16);
}

static void test_shards(void **state)
{
    bench *b = *state;
    char out[TEST_PATH];
    snprintf(out, sizeof out, "%s", path_in(b->folder, "sharded"));
    const clade_checkpoint_layout layout = {.shard_bytes = 4096, .config_from = b->folder};
    assert_ok(clade_checkpoint_write(out, b->f.tensors, b->f.count, NULL, NULL, &layout));
    float *found = embed_folder(out, b->pixels, IMAGES);
    assert_memory_equal(found, b->expected, IMAGES * fixture_shape.projection * sizeof *found);
    free(found);
}

/* OpenCLIP's name for a tensor of Hugging Face's; q stands for the fused projection, k and v for nothing. */
static const char *open_clip_name(const char *name)
{
    static const char *const pairs[][2] = {
        {"vision_model.embeddings.class_embedding", "visual.class_embedding"},
        {"vision_model.embeddings.patch_embedding.weight", "visual.conv1.weight"},
        {"vision_model.embeddings.position_embedding.weight", "visual.positional_embedding"},
        {"vision_model.pre_layrnorm", "visual.ln_pre"},
        {"vision_model.post_layernorm", "visual.ln_post"},
        {"visual_projection.weight", "visual.proj"},
        {"layer_norm1", "ln_1"},
        {"layer_norm2", "ln_2"},
        {"mlp.fc1", "mlp.c_fc"},
        {"mlp.fc2", "mlp.c_proj"},
        {"self_attn.out_proj", "attn.out_proj"},
        {"self_attn.q_proj.", "attn.in_proj_"},
    };
    static char out[128];
    const char *layers = "vision_model.encoder.layers.", *rest = name;
    out[0] = '\0';
    if (strstr(name, "k_proj") != NULL || strstr(name, "v_proj") != NULL)
        return NULL;
    if (strncmp(name, layers, strlen(layers)) == 0) {
        rest = name + strlen(layers) + 2;
        snprintf(out, sizeof out, "visual.transformer.resblocks.%c.", name[strlen(layers)]);
    }
    for (size_t i = 0; i < sizeof pairs / sizeof pairs[0]; i++)
        if (strncmp(rest, pairs[i][0], strlen(pairs[i][0])) == 0) {
            snprintf(out + strlen(out), sizeof out - strlen(out), "%s%s", pairs[i][1], rest + strlen(pairs[i][0]));
            return out;
        }
    fail_msg("no OpenCLIP name for %s", name);
    return NULL;
}

typedef struct renamed {
    char name[128];
    uint64_t shape[4];
    float *values;
} renamed;

/* Tensor INDEX of the fixture under its OpenCLIP name, kept in TO; q, k and v stacked, the projection transposed. */
static clade_tensor open_clip_tensor(bench *b, size_t index, const char *name, renamed *to)
{
    clade_tensor tensor = b->f.tensors[index];
    const size_t D = fixture_shape.width, P = fixture_shape.projection;
    snprintf(to->name, sizeof to->name, "%s", name);
    memcpy(to->shape, tensor.shape, tensor.rank * sizeof to->shape[0]);
    const size_t parts = strstr(name, "in_proj") != NULL ? 3 : 1;
    to->shape[0] *= parts;
    to->values = malloc(parts * tensor.bytes);
    assert_non_null(to->values);
    for (size_t part = 0; part < parts; part++) {
        char source[256];
        snprintf(source, sizeof source, "%s", tensor.name);
        if (parts == 3)
            *strstr(source, "q_proj") = "qkv"[part];
        memcpy(to->values + part * tensor.count, fixture_values(&b->f, source), tensor.bytes);
    }
    if (strcmp(name, "visual.proj") == 0) {
        to->shape[0] = D;
        to->shape[1] = P;
        for (size_t i = 0; i < D * P; i++)
            to->values[i] = b->f.values[index][i % P * D + i / P];
    }
    tensor.name = to->name;
    tensor.shape = to->shape;
    tensor.count *= parts;
    tensor.bytes *= parts;
    tensor.data = to->values;
    return tensor;
}

static void test_open_clip(void **state)
{
    bench *b = *state;
    static renamed store[FIXTURE_TENSORS];
    clade_tensor tensors[FIXTURE_TENSORS];
    size_t count = 0;
    for (size_t i = 0; i < b->f.count; i++) {
        const char *name = open_clip_name(b->f.tensors[i].name);
        if (name != NULL) {
            tensors[count] = open_clip_tensor(b, i, name, &store[count]);
            count++;
        }
    }
    write_tensors(b->folder, tensors, count);
    expect_same(b);
    unlink(path_in(b->folder, "config.json"));
    expect_refusal(b, CLADE_EINPUT, "open_clip_config.json");
    write_in(
        b->folder, "open_clip_config.json",
        "{\"model_cfg\": {\"embed_dim\": 7, \"quick_gelu\": true, \"vision_cfg\": {\"image_size\": 14, \"layers\": 2, "
        "\"width\": 20, \"head_width\": 4, \"patch_size\": 4, \"mlp_ratio\": 1.55}, \"text_cfg\": {}}}");
    expect_same(b);
    write_in(b->folder, "open_clip_config.json",
             "{\"model_cfg\": {\"embed_dim\": 7, \"vision_cfg\": {\"timm_model_name\": "
             "\"vit\", \"layers\": [3, 4]}}}");
    expect_refusal(b, CLADE_EINCOMPATIBLE, "timm_model_name");
    for (size_t i = 0; i < count; i++)
        free(store[i].values);
}

/* ---- what is refused ---- */

static void test_bad_configs(void **state)
{
    const bench *b = *state;
    static const struct {
        const char *config;
        clade_status status;
        const char *part;
    } bad[] = {
        {"{\"architectures\": [\"ResNetForImageClassification\"]}", CLADE_EINCOMPATIBLE,
         "CLIPVisionModelWithProjection, CLIPModel"},
        {"{\"model_type\": \"llama\"}", CLADE_EINCOMPATIBLE, "llama"},
        {"{\"architectures\": \"CLIPModel\"}", CLADE_EINPUT, "architectures"},
        {"{\"architectures\": []}", CLADE_EINPUT, "architectures[0]"},
        {"{}", CLADE_EINPUT, "model_type"},
        {"{\"architectures\": [\"CLIPModel\"], \"vision_config\": 3}", CLADE_EINPUT, "vision_config"},
        {"{\"architectures\": [\"CLIPModel\"], \"vision_config\": {\"hidden_size\": 10.5}}", CLADE_EINPUT,
         "vision_config.hidden_size"},
    };
    for (size_t i = 0; i < sizeof bad / sizeof bad[0]; i++) {
        write_in(b->folder, "config.json", bad[i].config);
        expect_refusal(b, bad[i].status, bad[i].part);
    }
    unlink(path_in(b->folder, "config.json"));
    expect_refusal(b, CLADE_EINPUT, "config.json");
}

static void test_bad_values(void **state)
{
    const bench *b = *state;
    static const char *const bad[][2] = {
        {"\"hidden_act\": \"gelu_new\"", "expected quick_gelu or gelu"},
        {"\"hidden_act\": 3", "hidden_act"},
        {"\"layer_norm_eps\": \"small\"", "layer_norm_eps"},
        {"\"layer_norm_eps\": -1", "layer_norm_eps"},
    };
    for (size_t i = 0; i < sizeof bad / sizeof bad[0]; i++) {
        char more[128];
        snprintf(more, sizeof more, ", %s", bad[i][0]);
        write_vision_config(b->folder, &fixture_shape, more);
        expect_refusal(b, CLADE_EINPUT, bad[i][1]);
    }
    clade_model_shape shape = fixture_shape;
    shape.heads = 3;
    write_vision_config(b->folder, &shape, "");
    expect_refusal(b, CLADE_EINPUT, "3 heads");
    shape = fixture_shape;
    shape.patch = 15;
    write_vision_config(b->folder, &shape, "");
    expect_refusal(b, CLADE_EINPUT, "15 pixels");
    shape = fixture_shape;
    shape.blocks = 1;
    write_vision_config(b->folder, &shape, "");
    expect_refusal(b, CLADE_EINPUT, "no more than the 1 blocks");
    shape.blocks = 1000000; /* as many tensors are never allocated */
    write_vision_config(b->folder, &shape, "");
    expect_refusal(b, CLADE_EINPUT, "1000000 blocks");
}

static void test_bad_tensors(void **state)
{
    bench *b = *state;
    clade_tensor tensors[FIXTURE_TENSORS], *tensor = &tensors[1]; /* the patches' weight */
    memcpy(tensors, b->f.tensors, b->f.count * sizeof *tensors);
    const clade_tensor good = *tensor;
    write_tensors(b->folder, tensors + 1, b->f.count - 1);
    expect_refusal(b, CLADE_EINPUT, "vision_model.embeddings.class_embedding"); /* the sign of the layout is gone */
    *tensor = tensors[b->f.count - 1];
    write_tensors(b->folder, tensors, b->f.count - 1);
    expect_refusal(b, CLADE_EINPUT, good.name);
    expect_refusal(b, CLADE_EINPUT, "is missing");
    const uint64_t flat[] = {good.count};
    *tensor = good;
    tensor->rank = 1;
    tensor->shape = flat;
    write_tensors(b->folder, tensors, b->f.count);
    expect_refusal(b, CLADE_EINPUT, "found shape [960], expected [20, 3, 4, 4]");
    *tensor = good;
    tensor->dtype = CLADE_I32;
    write_tensors(b->folder, tensors, b->f.count);
    expect_refusal(b, CLADE_EINPUT, "found dtype I32");
    write_tensors(b->folder, tensors, 1);
    expect_refusal(b, CLADE_EINPUT, "expected those of 2 blocks");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(test_shape, set_up, tear_down),
        cmocka_unit_test_setup_teardown(test_clip_model_config, set_up, tear_down),
        cmocka_unit_test_setup_teardown(test_defaults, set_up, tear_down),
        cmocka_unit_test_setup_teardown(test_dtypes, set_up, tear_down),
        cmocka_unit_test_setup_teardown(test_shards, set_up, tear_down),
        cmocka_unit_test_setup_teardown(test_open_clip, set_up, tear_down),
        cmocka_unit_test_setup_teardown(test_bad_configs, set_up, tear_down),
        cmocka_unit_test_setup_teardown(test_bad_values, set_up, tear_down),
        cmocka_unit_test_setup_teardown(test_bad_tensors, set_up, tear_down),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
