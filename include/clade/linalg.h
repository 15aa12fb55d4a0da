/* Matrix products through CBLAS: the only place that includes cblas.h. One thread per process, always. */
#ifndef CLADE_LINALG_H
#define CLADE_LINALG_H

#include <stdbool.h>
#include <stddef.h>

/* C (m, n; row stride ldc) = alpha * op(A) (m, k) * op(B) (k, n) + beta * C, f32, row-major; transposed operands are
 * stored (k, m) and (n, k). A, B, C do not overlap. Deterministic: same bits for the same build, CPU and shapes. */
void clade_gemm(bool transpose_a, bool transpose_b, size_t m, size_t n, size_t k, float alpha, const float *a,
                size_t lda, const float *b, size_t ldb, float beta, float *c, size_t ldc);

/* What the BLAS says of itself ("OpenBLAS 0.3.21 ... Zen"), its core type, and its thread count; borrowed constants. */
const char *clade_blas_config(void);
const char *clade_blas_core(void);
int clade_blas_threads(void);
/* Make BLAS use one thread in this process. Called by every program at start. */
void clade_blas_single_thread(void);

#endif
