#include <string.h>

#include "merge/method/delta.h"
#include "merge/method/matrix.h"

/* ---- scratch ---- */

void *clade_room_take(clade_room *room, size_t bytes)
{
    size_t end, before = room->used;
    if (__builtin_add_overflow(before, bytes, &end) || end > SIZE_MAX - 63)
        room->used = SIZE_MAX & ~(size_t)63;
    else
        room->used = (end + 63) & ~(size_t)63;
    return room->memory ? room->memory + before : NULL;
}

double *clade_room_doubles(clade_room *room, size_t rows, size_t columns)
{
    size_t count, bytes;
    if (__builtin_mul_overflow(rows, columns, &count) || __builtin_mul_overflow(count, sizeof(double), &bytes))
        bytes = SIZE_MAX;
    return clade_room_take(room, bytes);
}

clade_svd_room clade_room_svd(clade_room *room, size_t m, size_t n)
{
    size_t r = m < n ? m : n;
    clade_svd_room taken;
    taken.u = clade_room_doubles(room, m, r);
    taken.s = clade_room_doubles(room, r, 1);
    taken.vt = clade_room_doubles(room, r, n);
    taken.work = clade_room_take(room, clade_svd_bytes(m, n));
    return taken;
}

/* ---- the pieces of a descriptor ---- */

bool clade_is_matrix(const clade_merge_tile *tensor)
{
    return tensor->rank == 2 && tensor->tensor_count > 0;
}

bool clade_matrix_wants_room(const clade_merge_tile *tile)
{
    return clade_is_matrix(tile) && tile->n == tile->tensor_count;
}

size_t clade_matrix_unit(const clade_merge_tile *tensor)
{
    return tensor->tensor_count > 0 ? (size_t)tensor->tensor_count : 1;
}

size_t clade_matrix_combine_unit(const clade_merge_tile *tensor)
{
    (void)tensor;
    return 1;
}

size_t clade_matrix_state_bytes(const clade_merge_tile *tensor)
{
    return (size_t)tensor->tensor_count * sizeof(float);
}

size_t clade_matrix_partial_bytes(const clade_merge_tile *tensor, unsigned pass)
{
    (void)pass;
    return clade_matrix_state_bytes(tensor);
}

clade_status clade_matrix_survey_merge(const clade_merge_tile *tensor, unsigned pass, void *state, const void *partial)
{
    (void)pass;
    memcpy(state, partial, clade_matrix_state_bytes(tensor));
    return CLADE_OK;
}

clade_status clade_matrix_combine(const clade_merge_tile *tile, float *out)
{
    const float *state = (const float *)tile->state + tile->offset;
    for (size_t first = 0; first < tile->n; first += CLADE_MERGE_BLOCK) {
        double D[CLADE_MERGE_BLOCK];
        size_t m = clade_merge_block(tile, first);
        for (size_t i = 0; i < m; i++)
            D[i] = (double)state[first + i];
        clade_merge_onto_base(tile, first, m, tile->site[CLADE_MATRIX_LAMBDA], D, out);
    }
    return CLADE_OK;
}

/* ---- arithmetic on whole matrices ---- */

static double weight_of(const clade_merge_tile *tile, size_t p)
{
    return tile->parent[p * tile->n_parameters + CLADE_MATRIX_WEIGHT];
}

void clade_matrix_delta(const clade_merge_tile *tile, size_t p, double scale, bool add, double *D)
{
    const float *x = tile->parents[p], *b = tile->base;
    if (!add)
        memset(D, 0, tile->n * sizeof *D);
    for (size_t i = 0; i < tile->n; i++)
        D[i] += scale * ((double)x[i] - (double)b[i]);
}

void clade_matrix_deltas(const clade_merge_tile *tile, double *D)
{
    for (size_t p = 0; p < tile->n_parents; p++)
        clade_matrix_delta(tile, p, weight_of(tile, p), p > 0, D);
}

void clade_matrix_sum(const clade_merge_tile *tile, const double *coefficients, float *out)
{
    for (size_t first = 0; first < tile->n; first += CLADE_MERGE_BLOCK) {
        double D[CLADE_MERGE_BLOCK] = {0}, y[CLADE_MERGE_BLOCK];
        size_t m = clade_merge_block(tile, first);
        for (size_t p = 0; p < tile->n_parents; p++) {
            double c = coefficients ? coefficients[p] : weight_of(tile, p) / (double)tile->n_parents;
            clade_merge_delta(tile, p, first, m, c, y);
            for (size_t i = 0; i < m; i++)
                D[i] += y[i];
        }
        clade_matrix_store(m, D, out + first);
    }
}

void clade_matrix_store(size_t n, const double *D, float *out)
{
    for (size_t i = 0; i < n; i++)
        out[i] = (float)D[i];
}

size_t clade_matrix_rank(size_t r, const double *s)
{
    size_t rank = 0;
    while (rank < r && s[rank] > CLADE_RANK_TOLERANCE * s[0])
        rank++;
    return rank;
}

clade_status clade_matrix_polar(size_t m, size_t n, double *a, const clade_svd_room *room, double *total)
{
    size_t r = m < n ? m : n;
    double sum = 0;
    CLADE_TRY(clade_svd(m, n, a, room->u, room->s, room->vt, room->work));
    size_t rank = clade_matrix_rank(r, room->s);
    for (size_t j = 0; j < r; j++)
        sum += room->s[j];
    for (size_t j = rank; j < r; j++)
        memset(room->vt + j * n, 0, n * sizeof *room->vt);
    clade_gemm_f64(false, false, m, n, r, 1, room->u, room->vt, 0, a);
    if (total)
        *total = sum;
    return CLADE_OK;
}

void clade_matrix_add_cube(size_t m, size_t n, double scale, const double *D, double *spare, double *out)
{
    if (m <= n) {
        clade_gemm_f64(false, true, m, m, n, scale, D, D, 0, spare);
        clade_gemm_f64(false, false, m, n, m, 1, spare, D, 1, out);
    } else {
        clade_gemm_f64(true, false, n, n, m, scale, D, D, 0, spare);
        clade_gemm_f64(false, false, m, n, n, 1, D, spare, 1, out);
    }
}
