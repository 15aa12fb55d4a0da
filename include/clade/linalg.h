/* Dense linear algebra through CBLAS and LAPACK: src/tensor/linalg.c is the only file that includes their headers. One
 * thread per process, always; the functions may be called from several threads at once.
 *
 * Matrices are row-major without gaps unless a row stride is given. The functions allocate nothing: who calls them
 * brings the workspace. Deterministic: same bits for the same build, CPU and shapes. */
#ifndef CLADE_LINALG_H
#define CLADE_LINALG_H

#include <stdbool.h>
#include <stddef.h>

#include "clade/status.h"

/* C (m, n; row stride ldc) = alpha * op(A) (m, k) * op(B) (k, n) + beta * C, f32, row-major; transposed operands are
 * stored (k, m) and (n, k). A, B, C do not overlap. */
void clade_gemm(bool transpose_a, bool transpose_b, size_t m, size_t n, size_t k, float alpha, const float *a,
                size_t lda, const float *b, size_t ldb, float beta, float *c, size_t ldc);

/* ---- in double, for merge methods that work on whole matrices ---- */

/* CLADE_EEVAL when a side is longer than the 32-bit sizes of BLAS and LAPACK allow. */
clade_status clade_linalg_fits(size_t m, size_t n) CLADE_CHECK_RESULT;

/* As clade_gemm, without strides: op(A) (m, k), op(B) (k, n), C (m, n). */
void clade_gemm_f64(bool transpose_a, bool transpose_b, size_t m, size_t n, size_t k, double alpha, const double *a,
                    const double *b, double beta, double *c);

/* The thin singular value decomposition A = U diag(s) Vt, with r = min(m, n):
 *
 *   a     (m, n) finite; destroyed                 u   (m, r), columns orthonormal
 *   s     (r) >= 0, in descending order            vt  (r, n), rows orthonormal
 *   work  clade_svd_bytes(m, n), 8-byte aligned
 *
 * Nothing overlaps; m, n >= 1. CLADE_EEVAL: too large for LAPACK (r above about 23,000), or no convergence. */
size_t clade_svd_bytes(size_t m, size_t n);
clade_status clade_svd(size_t m, size_t n, double *a, double *u, double *s, double *vt, void *work) CLADE_CHECK_RESULT;

/* The Cholesky factor L of a symmetric A (n, n) = L Lt into the lower triangle of A, which alone is read; the part
 * above the diagonal stays. Returns 0, or the order (from 1) of the first leading minor that is not positive: then
 * there is no factor. */
size_t clade_cholesky(size_t n, double *a);
/* X (m, n) with X A = B, given L of A; B (m, n) is overwritten by X. */
void clade_cholesky_solve(size_t n, const double *l, size_t m, double *b);

/* Eigenvalues and vectors of a symmetric A (n, n), A = Vt diag(values) V with the rows of V orthonormal:
 *
 *   a       (n, n) finite, n >= 1; only its lower triangle is read; becomes V: row i belongs to values[i]
 *   values  (n), in ascending order
 *   work    clade_symmetric_eigen_bytes(n), 8-byte aligned
 *
 * The sign of a row is LAPACK's. CLADE_EEVAL: too large for LAPACK (n above about 32,000), or no convergence. */
size_t clade_symmetric_eigen_bytes(size_t n);
clade_status clade_symmetric_eigen(size_t n, double *a, double *values, void *work) CLADE_CHECK_RESULT;

/* What the BLAS says of itself ("OpenBLAS 0.3.21 ... Zen"), its core type, and its thread count; borrowed constants. */
const char *clade_blas_config(void);
const char *clade_blas_core(void);
int clade_blas_threads(void);
/* Make BLAS use one thread in this process. Called by every program at start. */
void clade_blas_single_thread(void);

#endif
