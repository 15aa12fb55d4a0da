/* W + scale B A, for a run of W's elements. The run is worked off in blocks of columns; the factor that lies along the
 * columns is converted once for a block and used by all rows of the run that have the block. */
#include "merge/low_rank.h"

enum { BLOCK = 128 }; /* columns: their sums stay in the first cache */

/* The delta as it lies in the stored tensor, whose element (i, j) gets scale sum_k left(i, k) right(k, j). */
typedef struct stored_delta {
    const clade_low_rank *delta;
    size_t rank, columns; /* columns of the stored tensor */
    double *left;         /* (rank): of one row */
    float *right;         /* (rank, BLOCK): of one block of columns */
} stored_delta;

size_t clade_low_rank_scratch(const clade_low_rank *delta)
{
    return delta->a->shape[0] * (sizeof(double) + BLOCK * sizeof(float) + sizeof(float));
}

/* COUNT elements of a factor from FIRST on. */
static void widen(const clade_tensor *factor, size_t first, size_t count, float *out)
{
    size_t bytes = clade_dtype_of(factor->dtype)->bits / 8;
    clade_widen(factor->dtype, (const char *)factor->data + first * bytes, count, out);
}

/* right(k, j) = A[k, j], or B[j, k] of a transposed one. SPARE (rank). */
static void load_right(const stored_delta *s, size_t column, size_t m, float *spare)
{
    for (size_t k = 0; k < s->rank && !s->delta->transposed; k++)
        widen(s->delta->a, k * s->columns + column, m, s->right + k * BLOCK);
    for (size_t j = 0; j < m && s->delta->transposed; j++) {
        widen(s->delta->b, (column + j) * s->rank, s->rank, spare);
        for (size_t k = 0; k < s->rank; k++)
            s->right[k * BLOCK + j] = spare[k];
    }
}

/* left(i, k) = B[i, k], or A[k, i] of a transposed one. SPARE (rank). */
static void load_left(const stored_delta *s, size_t row, float *spare)
{
    size_t rows = s->delta->transposed ? s->delta->a->shape[1] : 1;
    if (!s->delta->transposed)
        widen(s->delta->b, row * s->rank, s->rank, spare);
    for (size_t k = 0; k < s->rank && s->delta->transposed; k++)
        widen(s->delta->a, k * rows + row, 1, spare + k);
    for (size_t k = 0; k < s->rank; k++)
        s->left[k] = (double)spare[k];
}

/* w[j] += scale sum_k left(k) right(k, j) for M columns of the block from FROM on. Four terms at a time, one after the
 * other: fewer passes over the sums, the same order. */
static void add_row(const stored_delta *s, size_t from, size_t m, float *w)
{
    double sum[BLOCK] = {0}, scale = s->delta->scale;
    size_t k = 0;
    for (; k + 4 <= s->rank; k += 4) {
        const double *l = s->left + k;
        const float *r0 = s->right + k * BLOCK + from, *r1 = r0 + BLOCK, *r2 = r1 + BLOCK, *r3 = r2 + BLOCK;
        for (size_t j = 0; j < m; j++)
            sum[j] = (((sum[j] + l[0] * (double)r0[j]) + l[1] * (double)r1[j]) + l[2] * (double)r2[j]) +
                     l[3] * (double)r3[j];
    }
    for (; k < s->rank; k++) {
        const float *r = s->right + k * BLOCK + from;
        for (size_t j = 0; j < m; j++)
            sum[j] += s->left[k] * (double)r[j];
    }
    for (size_t j = 0; j < m; j++) /* a base of -0 must not become +0 where nothing is added */
        w[j] = sum[j] == 0 ? w[j] : (float)((double)w[j] + scale * sum[j]);
}

void clade_low_rank_add(const clade_low_rank *delta, const clade_tensor *like, uint64_t first, size_t n, float *inout,
                        void *scratch)
{
    if (n == 0)
        return;
    stored_delta s = {.delta = delta, .rank = delta->a->shape[0], .columns = like->count / like->shape[0]};
    s.left = scratch;
    s.right = (float *)(s.left + s.rank);
    float *spare = s.right + s.rank * BLOCK;
    size_t begin = (size_t)first, end = begin + n, columns = s.columns;
    for (size_t column = 0; column < columns; column += BLOCK) {
        size_t width = columns - column < BLOCK ? columns - column : BLOCK;
        bool loaded = false;
        for (size_t row = begin / columns; row * columns < end; row++) {
            size_t from = row * columns + column, to = from + width;
            from = from > begin ? from : begin;
            to = to < end ? to : end;
            if (from >= to)
                continue;
            if (!loaded)
                load_right(&s, column, width, spare);
            loaded = true;
            load_left(&s, row, spare);
            add_row(&s, from - row * columns - column, to - from, inout + (from - begin));
        }
    }
}
