/* The only place that includes cblas.h and lapacke.h. LAPACK wants columns one after the other: a row-major matrix is
 * given to it as its transpose. The _work interfaces of LAPACKE neither allocate nor transpose. Beyond the standard
 * interface it asks OpenBLAS for its name, core and threads: results are reproducible per core type and thread count,
 * so both are recorded. */
#include "clade/linalg.h"

#include <assert.h>
#include <limits.h>

#include <cblas.h>
#include <lapacke.h>

void clade_gemm(bool transpose_a, bool transpose_b, size_t m, size_t n, size_t k, float alpha, const float *a,
                size_t lda, const float *b, size_t ldb, float beta, float *c, size_t ldc)
{
    if (m == 0 || n == 0)
        return;
    assert(m <= INT_MAX && n <= INT_MAX && k <= INT_MAX && lda <= INT_MAX && ldb <= INT_MAX && ldc <= INT_MAX);
    cblas_sgemm(CblasRowMajor, transpose_a ? CblasTrans : CblasNoTrans, transpose_b ? CblasTrans : CblasNoTrans, (int)m,
                (int)n, (int)k, alpha, a, (int)lda, b, (int)ldb, beta, c, (int)ldc);
}

clade_status clade_linalg_fits(size_t m, size_t n)
{
    if (m <= INT_MAX && n <= INT_MAX)
        return CLADE_OK;
    return clade_fail(CLADE_EEVAL, "a matrix of %zu x %zu is too large for LAPACK: expected sides of at most %d", m, n,
                      INT_MAX);
}

void clade_gemm_f64(bool transpose_a, bool transpose_b, size_t m, size_t n, size_t k, double alpha, const double *a,
                    const double *b, double beta, double *c)
{
    if (m == 0 || n == 0)
        return;
    assert(m <= INT_MAX && n <= INT_MAX && k <= INT_MAX);
    size_t lda = transpose_a ? m : k, ldb = transpose_b ? k : n;
    cblas_dgemm(CblasRowMajor, transpose_a ? CblasTrans : CblasNoTrans, transpose_b ? CblasTrans : CblasNoTrans, (int)m,
                (int)n, (int)k, alpha, a, (int)(lda > 0 ? lda : 1), b, (int)(ldb > 0 ? ldb : 1), beta, c, (int)n);
}

/* What dgesdd needs for thin factors, and panels of 64 columns for its blocked parts. */
static size_t svd_doubles(size_t m, size_t n)
{
    size_t r = m < n ? m : n;
    return 4 * r * r + 7 * r + 64 * (m + n);
}

size_t clade_svd_bytes(size_t m, size_t n)
{
    size_t r = m < n ? m : n;
    return svd_doubles(m, n) * sizeof(double) + 8 * r * sizeof(lapack_int);
}

/* The transpose of A is V diag(s) Ut: LAPACK's left vectors are the rows of Vt, its right ones the columns of U. */
clade_status clade_svd(size_t m, size_t n, double *a, double *u, double *s, double *vt, void *work)
{
    CLADE_TRY(clade_linalg_fits(m, n));
    size_t room = svd_doubles(m, n), r = m < n ? m : n;
    if (room > INT_MAX)
        return clade_fail(CLADE_EEVAL, "a matrix of %zu x %zu is too large for LAPACK's singular value decomposition",
                          m, n);
    lapack_int *integers = (lapack_int *)((double *)work + room);
    lapack_int info = LAPACKE_dgesdd_work(LAPACK_COL_MAJOR, 'S', (lapack_int)n, (lapack_int)m, a, (lapack_int)n, s, vt,
                                          (lapack_int)n, u, (lapack_int)r, work, (lapack_int)room, integers);
    if (info == 0)
        return CLADE_OK;
    return clade_fail(CLADE_EEVAL, "the singular value decomposition of a %zu x %zu matrix failed (dgesdd: %d)", m, n,
                      (int)info);
}

size_t clade_cholesky(size_t n, double *a)
{
    assert(n <= INT_MAX);
    lapack_int info = LAPACKE_dpotrf_work(LAPACK_COL_MAJOR, 'U', (lapack_int)n, a, (lapack_int)(n > 0 ? n : 1));
    return info > 0 ? (size_t)info : 0;
}

void clade_cholesky_solve(size_t n, const double *l, size_t m, double *b)
{
    if (m == 0 || n == 0)
        return;
    assert(m <= INT_MAX && n <= INT_MAX);
    LAPACKE_dpotrs_work(LAPACK_COL_MAJOR, 'U', (lapack_int)n, (lapack_int)m, l, (lapack_int)n, b, (lapack_int)n);
}

/* What dsyevd asks for when it makes vectors. */
static size_t eigen_doubles(size_t n)
{
    return 1 + 6 * n + 2 * n * n;
}

static size_t eigen_integers(size_t n)
{
    return 3 + 5 * n;
}

size_t clade_symmetric_eigen_bytes(size_t n)
{
    return eigen_doubles(n) * sizeof(double) + eigen_integers(n) * sizeof(lapack_int);
}

/* Our lower triangle is LAPACK's upper one, and its columns are our rows. */
clade_status clade_symmetric_eigen(size_t n, double *a, double *values, void *work)
{
    CLADE_TRY(clade_linalg_fits(n, n));
    const size_t room = eigen_doubles(n);
    if (room > INT_MAX)
        return clade_fail(CLADE_EEVAL, "a matrix of %zu x %zu is too large for LAPACK's eigenvalues", n, n);
    const lapack_int info =
        LAPACKE_dsyevd_work(LAPACK_COL_MAJOR, 'V', 'U', (lapack_int)n, a, (lapack_int)n, values, work, (lapack_int)room,
                            (lapack_int *)((double *)work + room), (lapack_int)eigen_integers(n));
    if (info == 0)
        return CLADE_OK;
    return clade_fail(CLADE_EEVAL, "the eigenvalues of a %zu x %zu matrix did not converge (dsyevd: %d)", n, n,
                      (int)info);
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
