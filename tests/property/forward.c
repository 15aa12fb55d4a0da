/* The laws of the pass: it equals the formulas in double for any shape, and an image's bits depend on nothing but the
 * image. */
#include "model_fixture.h"

#include <math.h>

#include "near.h"

/* ---- a reference in double, one image, straight from the formulas ---- */

typedef struct reference {
    fixture *f;
    size_t block;
    double x[64][64], normed[64][64], q[64][64], k[64][64], v[64][64], mixed[64][64];
} reference;

static const float *weight(const reference *r, const char *format)
{
    char name[160];
    const char *hole = strstr(format, "{}");
    if (hole == NULL)
        snprintf(name, sizeof name, "%s", format);
    else
        snprintf(name, sizeof name, "vision_model.encoder.layers.%zu%s", r->block, hole + 2);
    return fixture_values(r->f, name);
}

static void norm(const reference *r, const char *gamma, const char *beta, double x[64], double out[64])
{
    const size_t D = r->f->shape.width;
    double mean = 0.0, variance = 0.0;
    for (size_t d = 0; d < D; d++)
        mean += x[d] / (double)D;
    for (size_t d = 0; d < D; d++)
        variance += (x[d] - mean) * (x[d] - mean) / (double)D;
    for (size_t d = 0; d < D; d++)
        out[d] = (x[d] - mean) / sqrt(variance + 1e-5) * (double)weight(r, gamma)[d] + (double)weight(r, beta)[d];
}

static double row_times(const float *w, const float *bias, size_t row, size_t K, const double *x)
{
    double sum = bias == NULL ? 0.0 : (double)bias[row];
    for (size_t k = 0; k < K; k++)
        sum += (double)w[row * K + k] * x[k];
    return sum;
}

/* Feature ROW of the layer NAME with weight and bias. */
static double feature(const reference *r, const char *name, size_t row, size_t K, const double *x)
{
    char w[80], bias[80];
    snprintf(w, sizeof w, "%s.weight", name);
    snprintf(bias, sizeof bias, "%s.bias", name);
    return row_times(weight(r, w), weight(r, bias), row, K, x);
}

static void embed(reference *r, const float *pixels)
{
    const clade_model_shape *s = &r->f->shape;
    const float *patch = weight(r, "vision_model.embeddings.patch_embedding.weight");
    const float *positions = weight(r, "vision_model.embeddings.position_embedding.weight");
    const size_t side = s->image_size / s->patch, p = s->patch;
    for (size_t t = 0; t < s->tokens; t++)
        for (size_t d = 0; d < s->width; d++) {
            double sum = t == 0 ? (double)weight(r, "vision_model.embeddings.class_embedding")[d] : 0.0;
            for (size_t i = 0; t > 0 && i < s->channels * p * p; i++) {
                const size_t c = i / (p * p), y = (t - 1) / side * p + i / p % p, x = (t - 1) % side * p + i % p;
                sum += (double)patch[d * s->channels * p * p + i] *
                       (double)pixels[(c * s->image_size + y) * s->image_size + x];
            }
            r->mixed[t][d] = sum + (double)positions[t * s->width + d];
        }
    for (size_t t = 0; t < s->tokens; t++)
        norm(r, "vision_model.pre_layrnorm.weight", "vision_model.pre_layrnorm.bias", r->mixed[t], r->x[t]);
}

static void attend(reference *r)
{
    const clade_model_shape *s = &r->f->shape;
    const size_t T = s->tokens, D = s->width, width = D / s->heads;
    for (size_t t = 0; t < T; t++) {
        norm(r, "{}.layer_norm1.weight", "{}.layer_norm1.bias", r->x[t], r->normed[t]);
        for (size_t d = 0; d < D; d++) {
            r->q[t][d] = feature(r, "{}.self_attn.q_proj", d, D, r->normed[t]);
            r->k[t][d] = feature(r, "{}.self_attn.k_proj", d, D, r->normed[t]);
            r->v[t][d] = feature(r, "{}.self_attn.v_proj", d, D, r->normed[t]);
        }
    }
    for (size_t at = 0; at < T * s->heads; at++) {
        const size_t i = at / s->heads, first = at % s->heads * width;
        double p[64], sum = 0.0;
        for (size_t j = 0; j < T; j++) {
            double score = 0.0;
            for (size_t d = first; d < first + width; d++)
                score += r->q[i][d] * r->k[j][d];
            sum += p[j] = exp(score / sqrt((double)width));
        }
        for (size_t d = first; d < first + width; d++) {
            r->mixed[i][d] = 0.0;
            for (size_t j = 0; j < T; j++)
                r->mixed[i][d] += p[j] / sum * r->v[j][d];
        }
    }
    for (size_t t = 0; t < T; t++)
        for (size_t d = 0; d < D; d++)
            r->x[t][d] += feature(r, "{}.self_attn.out_proj", d, D, r->mixed[t]);
}

static void mlp(reference *r)
{
    const clade_model_shape *s = &r->f->shape;
    for (size_t t = 0; t < s->tokens; t++) {
        double hidden[512];
        norm(r, "{}.layer_norm2.weight", "{}.layer_norm2.bias", r->x[t], r->normed[t]);
        for (size_t f = 0; f < s->mlp; f++) {
            const double a = feature(r, "{}.mlp.fc1", f, s->width, r->normed[t]);
            hidden[f] = a / (1.0 + exp(-1.702 * a));
        }
        for (size_t d = 0; d < s->width; d++)
            r->x[t][d] += feature(r, "{}.mlp.fc2", d, s->mlp, hidden);
    }
}

static void check_against_reference(clade_model_shape shape)
{
    enum { N = 2 };
    fixture f;
    fixture_init(&f, shape);
    static reference r;
    float *pixels = random_pixels(&shape, N), embeds[N * 64], *hidden = malloc(N * 64 * 64 * sizeof *hidden);
    const size_t image = shape.channels * shape.image_size * shape.image_size, D = shape.width;
    const clade_provider provider = fixture_provider(&f);
    clade_forward *forward;
    assert_ok(clade_forward_new(f.model, 0, &forward));
    assert_ok(clade_forward_run(forward, &provider, pixels, N, embeds, hidden));
    for (size_t n = 0; n < N; n++) {
        r.f = &f;
        embed(&r, pixels + n * image);
        for (r.block = 0; r.block < shape.blocks; r.block++) {
            attend(&r);
            mlp(&r);
        }
        for (size_t i = 0; i < shape.tokens * D; i++)
            assert_near((double)hidden[n * shape.tokens * D + i], r.x[i / D][i % D], 2e-5);
        norm(&r, "vision_model.post_layernorm.weight", "vision_model.post_layernorm.bias", r.x[0], r.normed[0]);
        for (size_t p = 0; p < shape.projection; p++)
            assert_near((double)embeds[n * shape.projection + p],
                        row_times(weight(&r, "visual_projection.weight"), NULL, p, D, r.normed[0]), 2e-5);
    }
    clade_forward_free(forward);
    free(pixels);
    free(hidden);
    fixture_free(&f);
}

static void test_reference(void **state)
{
    (void)state;
    check_against_reference(fixture_shape);
    clade_rng rng = clade_rng_seeded(5, 5);
    for (int i = 0; i < 12; i++) {
        const size_t patch = 1 + clade_rng_below(&rng, 6), side = 1 + clade_rng_below(&rng, 4);
        const size_t heads = 1 + clade_rng_below(&rng, 5);
        check_against_reference((clade_model_shape){.channels = 1 + clade_rng_below(&rng, 4),
                                                    .image_size = patch * side + clade_rng_below(&rng, patch),
                                                    .patch = patch,
                                                    .tokens = 1 + side * side,
                                                    .heads = heads,
                                                    .width = heads * (1 + clade_rng_below(&rng, 12)),
                                                    .mlp = 1 + clade_rng_below(&rng, 500),
                                                    .blocks = 1 + clade_rng_below(&rng, 3),
                                                    .projection = 1 + clade_rng_below(&rng, 60)});
    }
}

/* ---- bits ---- */

enum { MOST = 40 };

typedef struct setting {
    fixture f;
    clade_provider provider;
    float *pixels;
    size_t image, P; /* floats of an image and of an embedding */
} setting;

static int set_up(void **state)
{
    setting *s = calloc(1, sizeof *s);
    assert_non_null(s);
    fixture_init(&s->f, fixture_shape);
    s->provider = fixture_provider(&s->f);
    s->pixels = random_pixels(&fixture_shape, MOST);
    s->image = fixture_shape.channels * fixture_shape.image_size * fixture_shape.image_size;
    s->P = fixture_shape.projection;
    *state = s;
    return 0;
}

static int tear_down(void **state)
{
    setting *s = *state;
    fixture_free(&s->f);
    free(s->pixels);
    free(s);
    return 0;
}

/* Whatever N is, wherever an image stands, and with or without the hidden state. */
static void test_image_alone_decides(void **state)
{
    const setting *s = *state;
    clade_forward *forward;
    assert_ok(clade_forward_new(s->f.model, 0, &forward));
    const size_t batch = clade_forward_batch(forward), hidden_size = fixture_shape.tokens * fixture_shape.width;
    assert_true(2 * batch + 3 <= MOST);
    float expected[MOST * 8], found[MOST * 8], *hidden = malloc(MOST * hidden_size * sizeof *hidden);
    assert_non_null(hidden);
    assert_ok(clade_forward_run(forward, &s->provider, s->pixels, MOST, expected, NULL));
    for (size_t n = 1; n <= 2 * batch + 3; n++) {
        assert_ok(clade_forward_run(forward, &s->provider, s->pixels, n, found, n % 2 ? hidden : NULL));
        assert_memory_equal(found, expected, n * s->P * sizeof *found);
        const size_t first = n % 7;
        assert_ok(clade_forward_run(forward, &s->provider, s->pixels + first * s->image, n, found, NULL));
        assert_memory_equal(found, expected + first * s->P, n * s->P * sizeof *found);
    }
    assert_memory_not_equal(expected, expected + s->P, s->P * sizeof *expected);
    clade_forward_free(forward);
    free(hidden);
}

static void test_batches_agree(void **state)
{
    const setting *s = *state;
    float expected[MOST * 8], found[MOST * 8];
    clade_forward *forward;
    assert_ok(clade_forward_new(s->f.model, 0, &forward));
    assert_ok(clade_forward_run(forward, &s->provider, s->pixels, MOST, expected, NULL));
    const size_t widest = clade_forward_batch(forward);
    clade_forward_free(forward);
    for (size_t batch = 1; batch <= widest; batch++) {
        assert_ok(clade_forward_new(s->f.model, batch, &forward));
        assert_in_range(clade_forward_batch(forward), batch, widest);
        assert_ok(clade_forward_run(forward, &s->provider, s->pixels, MOST, found, NULL));
        for (size_t i = 0; i < MOST * s->P; i++)
            assert_near((double)found[i], (double)expected[i], 2e-5);
        /* Both fuse multiply and add, and add in the same order. */
        if (clade_forward_batch(forward) == 8 && widest == 16)
            assert_memory_equal(found, expected, MOST * s->P * sizeof *found);
        clade_forward_free(forward);
    }
}

/* ---- weights ---- */

static void test_packed_once_a_version(void **state)
{
    setting *s = *state;
    float first[8], second[8], third[8];
    clade_forward *forward;
    assert_ok(clade_forward_new(s->f.model, 0, &forward));
    assert_ok(clade_forward_run(forward, &s->provider, s->pixels, 1, first, NULL));
    assert_int_equal(s->f.acquired, s->f.count);
    fixture_values(&s->f, "vision_model.embeddings.class_embedding")[0] += 1.0f;
    assert_ok(clade_forward_run(forward, &s->provider, s->pixels, 1, second, NULL));
    assert_int_equal(s->f.acquired, s->f.count); /* the provider did not say that they changed */
    assert_memory_equal(first, second, s->P * sizeof *first);
    s->provider.version++;
    assert_ok(clade_forward_run(forward, &s->provider, s->pixels, 1, third, NULL));
    assert_int_equal(s->f.acquired, 2 * s->f.count);
    assert_memory_not_equal(first, third, s->P * sizeof *first);
    clade_forward_free(forward);
    assert_ok(clade_forward_new(s->f.model, 0, &forward)); /* nothing of the old weights is left in the packed ones */
    assert_ok(clade_forward_run(forward, &s->provider, s->pixels, 1, second, NULL));
    assert_memory_equal(second, third, s->P * sizeof *second);
    clade_forward_free(forward);
}

static void test_bad_weights(void **state)
{
    setting *s = *state;
    float embeds[MOST * 8];
    clade_forward *forward;
    clade_tensor *tensor = fixture_find(&s->f, "visual_projection.weight");
    const clade_tensor good = *tensor;
    assert_ok(clade_forward_new(s->f.model, 0, &forward));
    tensor->name = "renamed";
    assert_fails(clade_forward_run(forward, &s->provider, s->pixels, 1, embeds, NULL), CLADE_EEVAL,
                 "visual_projection.weight");
    *tensor = good;
    tensor->count--;
    assert_fails(clade_forward_run(forward, &s->provider, s->pixels, 1, embeds, NULL), CLADE_EEVAL,
                 "visual_projection.weight");
    *tensor = good;
    assert_ok(clade_forward_run(forward, &s->provider, s->pixels, 1, embeds, NULL)); /* a failure leaves it usable */
    s->provider.version++;
    s->f.values[tensor - s->f.tensors][0] = NAN;
    assert_fails(clade_forward_run(forward, &s->provider, s->pixels, 3, embeds, NULL), CLADE_EEVAL, "image 0");
    clade_forward_free(forward);
}

/* One bad image is named, and harms no other. */
static void test_bad_image(void **state)
{
    const setting *s = *state;
    float expected[MOST * 8], found[MOST * 8];
    clade_forward *forward;
    assert_ok(clade_forward_new(s->f.model, 0, &forward));
    assert_ok(clade_forward_run(forward, &s->provider, s->pixels, MOST, expected, NULL));
    s->pixels[5 * s->image] = INFINITY;
    assert_fails(clade_forward_run(forward, &s->provider, s->pixels, MOST, found, NULL), CLADE_EEVAL, "image 5");
    assert_memory_equal(found, expected, 5 * s->P * sizeof *found);
    assert_memory_equal(found + 6 * s->P, expected + 6 * s->P, (MOST - 6) * s->P * sizeof *found);
    clade_forward_free(forward);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_reference),
        cmocka_unit_test_setup_teardown(test_image_alone_decides, set_up, tear_down),
        cmocka_unit_test_setup_teardown(test_batches_agree, set_up, tear_down),
        cmocka_unit_test_setup_teardown(test_packed_once_a_version, set_up, tear_down),
        cmocka_unit_test_setup_teardown(test_bad_weights, set_up, tear_down),
        cmocka_unit_test_setup_teardown(test_bad_image, set_up, tear_down),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
