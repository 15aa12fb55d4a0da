/* Methods on matrices called directly: what the executor does with the functions of a descriptor, in the plainest way.
 * */
#ifndef CLADE_MATRIX_FIXTURE_H
#define CLADE_MATRIX_FIXTURE_H

#include "near.h"

#include "clade/method.h"

enum { MOST = 64, T_MOST = 4 }; /* elements of a tensor, and parents */

/* A tensor, its parents and the parameters. */
typedef struct merge {
    const clade_method *method;
    size_t rank, n_parents, count;
    uint64_t shape[3];
    float base[MOST], parents[T_MOST][MOST], grams[T_MOST][MOST];
    clade_tensor gram_tensors[T_MOST];
    const clade_tensor *statistics[T_MOST];
    double site[CLADE_MAX_PARAMETERS], parent[T_MOST * CLADE_MAX_PARAMETERS];
    float state[T_MOST * MOST], out[MOST];
} merge;

/* A (rows, columns) matrix on a base of zeros, with the method's defaults. */
static inline merge matrix(const char *method, size_t rows, size_t columns, size_t n_parents)
{
    merge one = {.method = clade_method_find(method), .rank = 2, .n_parents = n_parents, .count = rows * columns};
    assert_non_null(one.method);
    one.shape[0] = rows;
    one.shape[1] = columns;
    for (size_t k = 0; k < one.method->n_parameters; k++) {
        one.site[k] = one.method->parameters[k].default_value;
        for (size_t p = 0; p < n_parents; p++)
            one.parent[p * one.method->n_parameters + k] = one.method->parameters[k].default_value;
    }
    return one;
}

static inline void set(merge *one, const char *parameter, size_t p, double value)
{
    size_t k = clade_method_parameter(one->method, parameter);
    if (k == one->method->n_parameters)
        return;
    if (one->method->parameters[k].scope == CLADE_PER_PARENT)
        one->parent[p * one->method->n_parameters + k] = value;
    else
        one->site[k] = value;
}

static inline void fill(merge *one, size_t p, const float *values)
{
    memcpy(one->parents[p], values, one->count * sizeof *values);
}

/* The Gram matrix of a parent, (n, n). */
static inline void set_gram(merge *one, size_t p, const float *values)
{
    size_t n = (size_t)one->shape[1];
    static const uint64_t sides[][2] = {{0, 0}, {1, 1}, {2, 2}, {3, 3}, {4, 4}, {5, 5}, {6, 6}, {7, 7}};
    memcpy(one->grams[p], values, n * n * sizeof *values);
    one->gram_tensors[p] = (clade_tensor){.name = "w",
                                          .dtype = CLADE_F32,
                                          .rank = 2,
                                          .shape = sides[n],
                                          .count = n * n,
                                          .bytes = n * n * sizeof(float),
                                          .data = one->grams[p]};
    one->statistics[p] = &one->gram_tensors[p];
}

static inline clade_status survey(merge *one, clade_merge_tile *tile, void *state)
{
    const clade_method *method = one->method;
    bool again = method->survey_scope != CLADE_NO_SURVEY;
    for (unsigned pass = 0; again; pass++) {
        again = false;
        size_t bytes = method->partial_bytes(tile, pass);
        void *partial = clade_calloc(bytes, 1);
        tile->scratch = clade_malloc(method->scratch_bytes(tile));
        clade_status status = method->survey(tile, pass, partial);
        if (status == CLADE_OK)
            status = method->survey_merge(tile, pass, state, partial);
        clade_free(partial);
        clade_free(tile->scratch);
        CLADE_TRY(status);
        if (method->survey_end)
            CLADE_TRY(method->survey_end(tile, pass, state, &again));
    }
    return CLADE_OK;
}

/* Elements in tiles of three, or in one where the method wants the whole. Buffers have the exact sizes, so that the
 * sanitizers see what goes beyond them. */
static inline clade_status combine(merge *one, clade_merge_tile *tile)
{
    const float *parents[T_MOST];
    size_t (*unit_of)(const clade_merge_tile *) =
        one->method->combine_unit ? one->method->combine_unit : one->method->unit;
    size_t unit = unit_of(tile), step = unit < 3 ? 3 : unit;
    for (size_t first = 0; first < one->count; first += step) {
        tile->n = one->count - first < step ? one->count - first : step;
        tile->offset = first;
        tile->base = one->method->base == CLADE_BASE_IGNORED ? NULL : one->base + first;
        for (size_t p = 0; p < one->n_parents; p++)
            parents[p] = one->parents[p] + first;
        tile->parents = one->method->merged_in_survey ? NULL : parents;
        tile->scratch = clade_malloc(one->method->scratch_bytes(tile));
        clade_status status = one->method->combine(tile, one->out + first);
        clade_free(tile->scratch);
        CLADE_TRY(status);
    }
    return CLADE_OK;
}

static inline clade_status run(merge *one)
{
    const float *parents[T_MOST];
    for (size_t p = 0; p < one->n_parents; p++)
        parents[p] = one->parents[p];
    clade_merge_tile tile = {.n_parents = one->n_parents,
                             .tensor_count = one->count,
                             .rank = one->rank,
                             .shape = one->shape,
                             .site = one->site,
                             .parent = one->parent,
                             .n_parameters = one->method->n_parameters,
                             .statistics = one->method->statistics ? one->statistics : NULL,
                             .n = one->count,
                             .base = one->method->base == CLADE_BASE_IGNORED ? NULL : one->base,
                             .parents = parents};
    bool surveyed = one->method->survey_scope != CLADE_NO_SURVEY;
    size_t bytes = surveyed ? one->method->state_bytes(&tile) : 0;
    void *state = clade_calloc(bytes, 1);
    assert_true(bytes <= sizeof one->state && one->method->unit(&tile) >= 1);
    clade_status status = survey(one, &tile, state);
    tile.state = surveyed ? state : NULL;
    if (status == CLADE_OK)
        status = combine(one, &tile);
    memcpy(one->state, state, bytes);
    clade_free(state);
    return status;
}

static inline void assert_out(merge *one, const double *expected, double tolerance)
{
    assert_ok(run(one));
    for (size_t i = 0; i < one->count; i++)
        assert_near((double)one->out[i], expected[i], tolerance);
}
#define ASSERT_OUT(ONE, ...) assert_out(ONE, (const double[]){__VA_ARGS__}, 1e-6)
#define FILL(ONE, P, ...) fill(ONE, P, (const float[]){__VA_ARGS__})
#define SET_GRAM(ONE, P, ...) set_gram(ONE, P, (const float[]){__VA_ARGS__})

#endif
