/* clade bench forward: how near a forward pass comes to the machine's rate of matrix products.
 *
 * The floor is sgemm of the BLAS Clade is linked with, 1024 x 1024 x 1024, measured between the passes, because the
 * clock of a CPU drifts. Rates are the best of several short runs, by the CPU time of the one thread that works: on a
 * quiet machine that is wall time, and on a busy one it leaves out the turns of others. FLOPs are those of the matrix
 * products that are really done: the last block computes the class token alone, so they are fewer than
 * clade_model_flops, which is given beside them; images/s needs no such care. */
#include <math.h>
#include <string.h>
#include <time.h>

#include "clade/alloc.h"
#include "clade/json.h"
#include "clade/kernels.h"
#include "clade/linalg.h"
#include "clade/model.h"
#include "clade/rng.h"
#include "search/command/bench.h"
#include "search/command/command.h"

typedef struct bench_row {
    const char *name;
    clade_model_shape shape;
    size_t images; /* in one run */
    int runs;
} bench_row;

static const bench_row rows[] = {
    {"zoo 28x28x1, 6 blocks of 96",
     {.channels = 1,
      .image_size = 28,
      .patch = 7,
      .tokens = 17,
      .width = 96,
      .mlp = 384,
      .heads = 4,
      .blocks = 6,
      .projection = 64},
     256,
     20},
    {"ViT-B/32 224x224x3",
     {.channels = 3,
      .image_size = 224,
      .patch = 32,
      .tokens = 50,
      .width = 768,
      .mlp = 3072,
      .heads = 12,
      .blocks = 12,
      .projection = 512},
     16,
     5},
};

enum { N_ROWS = sizeof rows / sizeof rows[0], SGEMM_SIDE = 1024 };

typedef struct bench_result {
    double images_per_second, packing_seconds, flops_full, flops_done;
    size_t batch;
} bench_result;

/* ---- random weights, as a provider ---- */

typedef struct random_weights {
    const clade_model *model; /* borrowed */
    float *values;            /* owned; the largest tensor, lent for every one of them */
} random_weights;

static size_t elements_of(size_t rank, const uint64_t *shape)
{
    size_t count = 1;
    for (size_t i = 0; i < rank; i++)
        count *= (size_t)shape[i];
    return count;
}

static clade_status acquire(void *context, const char *name, clade_tensor *out)
{
    const random_weights *self = context;
    const char *known;
    size_t rank;
    const uint64_t *shape;
    for (size_t i = 0; clade_model_weight(self->model, i, &known, &rank, &shape); i++)
        if (strcmp(known, name) == 0) {
            const size_t count = elements_of(rank, shape);
            *out = (clade_tensor){.name = known,
                                  .dtype = CLADE_F32,
                                  .rank = rank,
                                  .shape = shape,
                                  .count = count,
                                  .bytes = count * sizeof(float),
                                  .data = self->values};
            return CLADE_OK;
        }
    return clade_fail(CLADE_EEVAL, "tensor \"%s\" is missing", name);
}

static void release(void *context, const clade_tensor *tensor)
{
    (void)context;
    (void)tensor;
}

static float *random_floats(size_t count, float scale)
{
    float *values = clade_malloc(count * sizeof *values);
    clade_rng rng = clade_rng_seeded(count, 1);
    for (size_t i = 0; values != NULL && i < count; i++)
        values[i] = scale * (float)(2.0 * clade_rng_uniform(&rng) - 1.0);
    return values;
}

static size_t largest_tensor(const clade_model *model)
{
    const char *name;
    size_t rank, largest = 0;
    const uint64_t *shape;
    for (size_t i = 0; clade_model_weight(model, i, &name, &rank, &shape); i++)
        if (elements_of(rank, shape) > largest)
            largest = elements_of(rank, shape);
    return largest;
}

/* ---- measuring ---- */

static double thread_seconds(void)
{
    struct timespec now;
    (void)clock_gettime(CLOCK_THREAD_CPUTIME_ID, &now);
    return (double)now.tv_sec + 1e-9 * (double)now.tv_nsec;
}

/* FLOPs of the products that are left of the last block without those of all but the class token: q, attention, out,
 * MLP. */
static double flops_done(const clade_model *model)
{
    const clade_model_shape s = clade_model_shape_of(model);
    const double T = (double)s.tokens, D = (double)s.width, F = (double)s.mlp;
    return clade_model_flops(model) - 2.0 * (T - 1.0) * (2.0 * D * D + 2.0 * T * D + 2.0 * D * F);
}

/* The best rate so far of a large square product, in FLOP/s. */
static clade_status measure_sgemm(double *best)
{
    const size_t n = SGEMM_SIDE;
    float *a = random_floats(n * n, 1.0f), *b = random_floats(n * n, 1.0f), *c = random_floats(n * n, 0.0f);
    const bool has_memory = a != NULL && b != NULL && c != NULL;
    for (int run = 0; has_memory && run < 8; run++) {
        const double start = thread_seconds();
        clade_gemm(false, false, n, n, n, 1.0f, a, n, b, n, 0.0f, c, n);
        *best = fmax(*best, 2.0 * (double)(n * n * n) / (thread_seconds() - start));
    }
    clade_free(a);
    clade_free(b);
    clade_free(c);
    return has_memory ? CLADE_OK : clade_fail_memory(3 * n * n * sizeof(float), "the matrices of a bench");
}

static clade_status time_runs(const bench_row *row, clade_forward *forward, clade_provider *provider,
                              const float *pixels, float *embeds, bench_result *result)
{
    double best = INFINITY, best_packing = INFINITY;
    for (int run = 0; run < row->runs; run++) {
        provider->version++; /* makes a pass over no images at all pack the weights again */
        const double start = thread_seconds();
        CLADE_TRY(clade_forward_run(forward, provider, pixels, 0, embeds, NULL));
        const double packed = thread_seconds();
        CLADE_TRY(clade_forward_run(forward, provider, pixels, row->images, embeds, NULL));
        best_packing = fmin(best_packing, packed - start);
        best = fmin(best, thread_seconds() - packed);
    }
    result->images_per_second = (double)row->images / best;
    result->packing_seconds = best_packing;
    result->batch = clade_forward_batch(forward);
    return CLADE_OK;
}

static clade_status measure(const bench_row *row, bench_result *result)
{
    const clade_model_shape *s = &row->shape;
    const size_t pixel_count = row->images * s->channels * s->image_size * s->image_size;
    clade_model *model = NULL;
    CLADE_TRY(clade_model_from_shape(s, &model));
    result->flops_full = clade_model_flops(model);
    result->flops_done = flops_done(model);
    clade_forward *forward = NULL;
    clade_status status = clade_forward_new(model, 0, &forward);
    float *pixels = random_floats(pixel_count, 1.0f), *embeds = random_floats(row->images * s->projection, 0.0f);
    random_weights weights = {.model = model, .values = random_floats(largest_tensor(model), 0.05f)};
    clade_provider provider = {.context = &weights, .acquire = acquire, .release = release, .version = 1};
    if (status == CLADE_OK && (pixels == NULL || embeds == NULL || weights.values == NULL))
        status = clade_fail_memory(pixel_count * sizeof(float), "the images of a bench");
    if (status == CLADE_OK)
        status = time_runs(row, forward, &provider, pixels, embeds, result);
    clade_free(weights.values);
    clade_free(embeds);
    clade_free(pixels);
    clade_forward_free(forward);
    clade_model_close(model);
    return status;
}

/* ---- printing ---- */

/* The dimensions under the keys of config.json, so that others can build the same model. */
static void print_shape(const clade_model_shape *s, clade_json_writer *writer)
{
    clade_json_begin_object(writer, "config");
    clade_json_put_u64(writer, "num_channels", s->channels);
    clade_json_put_u64(writer, "image_size", s->image_size);
    clade_json_put_u64(writer, "patch_size", s->patch);
    clade_json_put_u64(writer, "hidden_size", s->width);
    clade_json_put_u64(writer, "intermediate_size", s->mlp);
    clade_json_put_u64(writer, "num_attention_heads", s->heads);
    clade_json_put_u64(writer, "num_hidden_layers", s->blocks);
    clade_json_put_u64(writer, "projection_dim", s->projection);
    clade_json_end_object(writer);
}

static void print_json(const bench_result *results, double sgemm, clade_text *text)
{
    clade_json_writer writer = clade_json_writer_to(text, true);
    clade_json_begin_object(&writer, NULL);
    clade_json_put_string(&writer, "bench", "forward");
    clade_json_put_string(&writer, "kernels", clade_kernels_best()->name);
    clade_json_put_string(&writer, "blas", clade_blas_config());
    clade_json_put_number(&writer, "sgemm_gflops", sgemm * 1e-9);
    clade_json_begin_array(&writer, "models");
    for (size_t i = 0; i < N_ROWS; i++) {
        const bench_result *r = &results[i];
        clade_json_begin_object(&writer, NULL);
        clade_json_put_string(&writer, "name", rows[i].name);
        print_shape(&rows[i].shape, &writer);
        clade_json_put_u64(&writer, "batch", r->batch);
        clade_json_put_number(&writer, "images_per_second", r->images_per_second);
        clade_json_put_number(&writer, "gflops", r->images_per_second * r->flops_done * 1e-9);
        clade_json_put_number(&writer, "share_of_sgemm", r->images_per_second * r->flops_done / sgemm);
        clade_json_put_number(&writer, "mflop_per_image_done", r->flops_done * 1e-6);
        clade_json_put_number(&writer, "mflop_per_image_full_pass", r->flops_full * 1e-6);
        clade_json_put_number(&writer, "packing_seconds", r->packing_seconds);
        clade_json_end_object(&writer);
    }
    clade_json_end_array(&writer);
    clade_json_end_object(&writer);
    clade_text_append(text, "\n");
}

static void print_table(const bench_result *results, double sgemm, clade_text *text)
{
    clade_text_append(text, "forward: one thread, %s kernels; sgemm %d^3: %.1f GFLOP/s (%s)\n",
                      clade_kernels_best()->name, SGEMM_SIDE, sgemm * 1e-9, clade_blas_config());
    clade_text_append(text, "%-30s %10s %9s %9s %14s %16s %11s\n", "model", "images/s", "GFLOP/s", "of sgemm",
                      "MFLOP/image", "(of a full pass)", "packing ms");
    for (size_t i = 0; i < N_ROWS; i++) {
        const bench_result *r = &results[i];
        const double rate = r->images_per_second * r->flops_done;
        clade_text_append(text, "%-30s %10.1f %9.1f %8.0f%% %14.1f %16.1f %11.2f\n", rows[i].name, r->images_per_second,
                          rate * 1e-9, 100.0 * rate / sgemm, r->flops_done * 1e-6, r->flops_full * 1e-6,
                          r->packing_seconds * 1e3);
    }
    clade_text_append(text, "GFLOP/s and share count what is done: the last block computes the class token alone.\n");
}

clade_status clade_bench_forward(const clade_bench_options *options)
{
    bench_result results[N_ROWS];
    double sgemm = 0.0;
    clade_blas_single_thread();
    CLADE_TRY(measure_sgemm(&sgemm));
    for (size_t i = 0; i < N_ROWS; i++) {
        CLADE_TRY(clade_bench_go_on());
        CLADE_TRY(measure(&rows[i], &results[i]));
        CLADE_TRY(measure_sgemm(&sgemm));
    }
    clade_text text = {0};
    if (options->json)
        print_json(results, sgemm, &text);
    else
        print_table(results, sgemm, &text);
    return clade_finish_output(CLADE_OK, &text);
}
