/* The only place that includes cblas.h. Beyond the standard interface it asks OpenBLAS for its name, core and threads:
 * results are reproducible per core type and thread count, so both are recorded. */
#include "clade/linalg.h"

#include <assert.h>
#include <limits.h>

#include <cblas.h>

void clade_gemm(bool transpose_a, bool transpose_b, size_t m, size_t n, size_t k, float alpha, const float *a,
                size_t lda, const float *b, size_t ldb, float beta, float *c, size_t ldc)
{
    if (m == 0 || n == 0)
        return;
    assert(m <= INT_MAX && n <= INT_MAX && k <= INT_MAX && lda <= INT_MAX && ldb <= INT_MAX && ldc <= INT_MAX);
    cblas_sgemm(CblasRowMajor, transpose_a ? CblasTrans : CblasNoTrans, transpose_b ? CblasTrans : CblasNoTrans, (int)m,
                (int)n, (int)k, alpha, a, (int)lda, b, (int)ldb, beta, c, (int)ldc);
}

const char *clade_blas_config(void)
{
    return openblas_get_config();
}

const char *clade_blas_core(void)
{
    return openblas_get_corename();
}

int clade_blas_threads(void)
{
    return openblas_get_num_threads();
}

void clade_blas_single_thread(void)
{
    openblas_set_num_threads(1);
}
