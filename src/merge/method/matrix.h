/* What the methods on matrices share: which tensors they treat as matrices, the layout of their scratch, deltas in
 * double, polar factors, and the combine that adds a merged matrix to the base.
 *
 * The papers define these methods for the weights of linear layers. Here a matrix is a tensor of rank 2; all other
 * tensors (vectors, scalars, the kernels of convolutions) get what the method says for them, the mean of the deltas
 * unless it says otherwise. A tensor is surveyed in one piece, and the survey leaves its merged delta as f32 (count);
 * lambda comes in combine, so a search over lambda alone computes no decomposition twice. */
#ifndef CLADE_MERGE_MATRIX_H
#define CLADE_MERGE_MATRIX_H

#include "clade/linalg.h"
#include "merge/method/methods.h"

/* The first two parameters of every method that uses the functions below. */
enum { CLADE_MATRIX_WEIGHT, CLADE_MATRIX_LAMBDA };

/* Singular values up to this share of the largest one count as zero, their vectors as absent: f32 weights hold nothing
 * there. Where published code lets LAPACK complete a basis arbitrarily, Clade leaves the completion out. */
#define CLADE_RANK_TOLERANCE 1e-8

/* ---- scratch ---- */

/* Memory handed out piece by piece, 64-byte aligned. With memory NULL it only counts (saturating), and hands out NULL:
 * one function lays out the workspace for scratch_bytes and for the survey. */
typedef struct clade_room {
    unsigned char *memory; /* borrowed */
    size_t used;           /* bytes */
} clade_room;
void *clade_room_take(clade_room *room, size_t bytes);
/* (rows, columns) doubles. */
double *clade_room_doubles(clade_room *room, size_t rows, size_t columns);

/* What one singular value decomposition of an (m, n) matrix needs, r = min(m, n). */
typedef struct clade_svd_room {
    double *u, *s, *vt; /* (m, r), (r), (r, n) */
    void *work;         /* clade_svd_bytes(m, n) */
} clade_svd_room;
clade_svd_room clade_room_svd(clade_room *room, size_t m, size_t n);

/* ---- the pieces of a descriptor ---- */

bool clade_is_matrix(const clade_merge_tile *tensor);
/* Whether the workspace is wanted: for a survey of a matrix, not for the tiles of combine. */
bool clade_matrix_wants_room(const clade_merge_tile *tile);
size_t clade_matrix_unit(const clade_merge_tile *tensor);         /* the whole tensor */
size_t clade_matrix_combine_unit(const clade_merge_tile *tensor); /* one element */
/* State and partial state: the merged delta, (count) f32. */
size_t clade_matrix_state_bytes(const clade_merge_tile *tensor);
size_t clade_matrix_partial_bytes(const clade_merge_tile *tensor, unsigned pass);
clade_status clade_matrix_survey_merge(const clade_merge_tile *tensor, unsigned pass, void *state, const void *partial);
/* theta_0 + lambda D with the state as D. Where lambda D is 0 the base keeps its bits. */
clade_status clade_matrix_combine(const clade_merge_tile *tile, float *out);

/* ---- arithmetic on whole matrices ---- */

/* D (tile->n) = scale * tau_p, or += with ADD. */
void clade_matrix_delta(const clade_merge_tile *tile, size_t p, double scale, bool add, double *D);
/* OUT (m, n) += scale D Dt D of D (m, n), by the smaller of the two products. SPARE holds min(m, n)^2. */
void clade_matrix_add_cube(size_t m, size_t n, double scale, const double *D, double *spare, double *out);
/* D = sum_p w_p tau_p. */
void clade_matrix_deltas(const clade_merge_tile *tile, double *D);
/* OUT = sum_p coefficients[p] tau_p, or (1 / T) sum_p w_p tau_p with NULL; elementwise, for tensors that are no
 * matrices. */
void clade_matrix_sum(const clade_merge_tile *tile, const double *coefficients, float *out);
/* OUT = (float)D. */
void clade_matrix_store(size_t n, const double *D, float *out);
/* The singular values of A that are not zero by CLADE_RANK_TOLERANCE, of the R in S (descending). */
size_t clade_matrix_rank(size_t r, const double *s);
/* A (m, n) becomes its polar factor, sum_j u_j v_jt over the singular values that are not zero: the nearest matrix with
 * orthonormal rows or columns, when none is zero. *TOTAL (may be NULL) = the sum of all singular values. ROOM is for
 * (m, n). */
clade_status clade_matrix_polar(size_t m, size_t n, double *a, const clade_svd_room *room,
                                double *total) CLADE_CHECK_RESULT;

#endif
