/* Merging the factors of a module, in the symbols of adapter.h: w_i the weights, s_i the scales, A_i (r_i, n), B_i
 * (m, r_i).
 *
 * CAT and LINEAR are `cat` and `linear` of PEFT's add_weighted_adapter, HUB is LoraHub's sum (Huang et al. 2023, arXiv
 * 2307.13269). LINEAR puts the square root of |w_i s_i| on both factors and the sign on A, HUB w_i on both: two equal
 * adapters of weight 1/2 give twice their delta with LINEAR, and once with HUB. Both products have cross terms B_i A_j.
 * HUB's paper knows one scale; sqrt|s_i| on both factors says the same for equal ones.
 *
 * SVD never forms the (m, n) delta: with B = [B_1 .. B_T] = U_B S_B V_B^T and A = [w_1 s_1 A_1; ..] = U_A S_A V_A^T,
 *   B A = U_B (S_B V_B^T U_A S_A) V_A^T,
 * and the decomposition U S V^T of the small matrix in the middle gives that of B A. The result's factors are
 * B' = U_B U S and A' = V^T V_A^T, cut to the rank, as PEFT shares S out. */
#include "merge/adapter_combine.h"

#include <math.h>

#include "clade/linalg.h"

enum { BLOCK = 256 };

/* COUNT elements of a factor from FIRST on. */
static void widen(const clade_tensor *factor, size_t first, size_t count, float *out)
{
    size_t bytes = clade_dtype_of(factor->dtype)->bits / 8;
    clade_widen(factor->dtype, (const char *)factor->data + first * bytes, count, out);
}

static const clade_tensor *factor_of(const clade_adapter_part *part, char which)
{
    return which == 'A' ? part->module->delta.a : part->module->delta.b;
}

static size_t sum_of_ranks(const clade_adapter_part *parts, size_t count)
{
    size_t sum = 0;
    for (size_t i = 0; i < count; i++)
        sum += parts[i].module->delta.a->shape[0];
    return sum;
}

/* ---- cat ---- */

static clade_status cat(const clade_adapter_part *parts, size_t count, clade_adapter *merged)
{
    float *a, *b, values[BLOCK];
    size_t R = sum_of_ranks(parts, count), m = parts[0].module->delta.b->shape[0], first = 0;
    CLADE_TRY(clade_adapter_add(merged, parts[0].module, R, &a, &b));
    for (size_t i = 0; i < count; i++) {
        const clade_low_rank *delta = &parts[i].module->delta;
        size_t r = delta->a->shape[0];
        double factor = parts[i].weight * delta->scale;
        for (size_t at = 0; at < delta->a->count; at += BLOCK) {
            size_t n = delta->a->count - at < BLOCK ? delta->a->count - at : BLOCK;
            widen(delta->a, at, n, values);
            for (size_t j = 0; j < n; j++)
                *a++ = (float)(factor * (double)values[j]);
        }
        for (size_t row = 0; row < m; row++)
            widen(delta->b, row * r, r, b + row * R + first);
        first += r;
    }
    return CLADE_OK;
}

/* ---- linear and hub ---- */

/* OUT = sum_i COEFFICIENTS[i] times factor WHICH of part i, in double, rounded once. */
static void weighted_sum(const clade_adapter_part *parts, size_t count, char which, const double *coefficients,
                         float *out)
{
    float values[BLOCK];
    size_t elements = factor_of(&parts[0], which)->count;
    for (size_t first = 0; first < elements; first += BLOCK) {
        double sum[BLOCK] = {0};
        size_t n = elements - first < BLOCK ? elements - first : BLOCK;
        for (size_t i = 0; i < count; i++) {
            widen(factor_of(&parts[i], which), first, n, values);
            for (size_t j = 0; j < n; j++)
                sum[j] += coefficients[i] * (double)values[j];
        }
        for (size_t j = 0; j < n; j++)
            out[first + j] = (float)sum[j];
    }
}

static clade_status sum_factors(const clade_adapter_part *parts, size_t count, bool hub, clade_arena *arena,
                                clade_adapter *merged)
{
    float *a, *b;
    if (!clade_arena_reserve(arena, 2 * count * sizeof(double) + 128))
        return clade_fail_memory(2 * count * sizeof(double), "the weights of a module");
    double *of_a = clade_arena_take(arena, count * sizeof *of_a), *of_b = clade_arena_take(arena, count * sizeof *of_b);
    for (size_t i = 0; i < count; i++) {
        double w = parts[i].weight, s = parts[i].module->delta.scale;
        double c = hub ? w * sqrt(fabs(s)) : sqrt(fabs(w * s));
        of_b[i] = c;
        of_a[i] = (hub ? s : w * s) < 0 ? -c : c;
    }
    CLADE_TRY(clade_adapter_add(merged, parts[0].module, parts[0].module->delta.a->shape[0], &a, &b));
    weighted_sum(parts, count, 'A', of_a, a);
    weighted_sum(parts, count, 'B', of_b, b);
    return CLADE_OK;
}

/* ---- svd ---- */

/* Everything that the decomposition of one module needs; in the arena. */
typedef struct svd_work {
    size_t m, n, R;           /* (m, R) (R, n) */
    size_t kb, ka, k;         /* min(m, R), min(R, n), min(kb, ka) */
    double *B, *UB, *SB, *VB; /* (m, R), (m, kb), (kb), (kb, R) */
    double *A, *UA, *SA, *VA; /* (R, n), (R, ka), (ka), (ka, n) */
    double *M, *U, *S, *V;    /* (kb, ka), (kb, k), (k), (k, ka) */
    void *lapack;
} svd_work;

static size_t least(size_t a, size_t b)
{
    return a < b ? a : b;
}

static clade_status make_work(const clade_adapter_part *parts, size_t count, clade_arena *arena, svd_work *w)
{
    size_t m = parts[0].module->delta.b->shape[0], n = parts[0].module->delta.a->shape[1];
    size_t R = sum_of_ranks(parts, count), kb = least(m, R), ka = least(R, n), k = least(kb, ka), lapack, bytes;
    *w = (svd_work){.m = m, .n = n, .R = R, .kb = kb, .ka = ka, .k = k};
    CLADE_TRY(clade_linalg_fits(m, R));
    CLADE_TRY(clade_linalg_fits(R, n));
    const struct {
        double **at;
        size_t count;
    } pieces[] = {
        {&w->B, m * R}, {&w->UB, m * kb}, {&w->SB, kb},     {&w->VB, kb * R}, {&w->A, R * n}, {&w->UA, R * ka},
        {&w->SA, ka},   {&w->VA, ka * n}, {&w->M, kb * ka}, {&w->U, kb * k},  {&w->S, k},     {&w->V, k * ka},
    };
    lapack = clade_svd_bytes(m, R);
    lapack = lapack > clade_svd_bytes(R, n) ? lapack : clade_svd_bytes(R, n);
    lapack = lapack > clade_svd_bytes(kb, ka) ? lapack : clade_svd_bytes(kb, ka);
    bytes = lapack + 64;
    for (size_t i = 0; i < sizeof pieces / sizeof *pieces; i++)
        bytes += pieces[i].count * sizeof(double) + 64;
    if (!clade_arena_reserve(arena, bytes))
        return clade_fail_memory(bytes, "the decomposition of a module");
    for (size_t i = 0; i < sizeof pieces / sizeof *pieces; i++)
        *pieces[i].at = clade_arena_take(arena, pieces[i].count * sizeof(double));
    w->lapack = clade_arena_take(arena, lapack);
    return CLADE_OK;
}

/* The stacked factors, the weights and scales in A. */
static void stack_factors(const clade_adapter_part *parts, size_t count, svd_work *w)
{
    float values[BLOCK];
    double *a = w->A;
    size_t first = 0;
    for (size_t i = 0; i < count; i++) {
        const clade_low_rank *delta = &parts[i].module->delta;
        size_t r = delta->a->shape[0];
        double factor = parts[i].weight * delta->scale;
        for (size_t at = 0; at < delta->a->count; at += BLOCK) {
            size_t n = least(delta->a->count - at, BLOCK);
            widen(delta->a, at, n, values);
            for (size_t j = 0; j < n; j++)
                *a++ = factor * (double)values[j];
        }
        for (size_t at = 0; at < delta->b->count; at += BLOCK) {
            size_t n = least(delta->b->count - at, BLOCK);
            widen(delta->b, at, n, values);
            for (size_t j = 0; j < n; j++)
                w->B[(at + j) / r * w->R + first + (at + j) % r] = (double)values[j];
        }
        first += r;
    }
}

static clade_status decompose(svd_work *w)
{
    CLADE_TRY(clade_svd(w->m, w->R, w->B, w->UB, w->SB, w->VB, w->lapack));
    CLADE_TRY(clade_svd(w->R, w->n, w->A, w->UA, w->SA, w->VA, w->lapack));
    clade_gemm_f64(false, false, w->kb, w->ka, w->R, 1, w->VB, w->UA, 0, w->M);
    for (size_t i = 0; i < w->kb; i++)
        for (size_t j = 0; j < w->ka; j++)
            w->M[i * w->ka + j] *= w->SB[i] * w->SA[j];
    return clade_svd(w->kb, w->ka, w->M, w->U, w->S, w->V, w->lapack);
}

static size_t largest_rank(const clade_adapter_part *parts, size_t count)
{
    size_t largest = 0;
    for (size_t i = 0; i < count; i++)
        if (parts[i].module->delta.a->shape[0] > largest)
            largest = parts[i].module->delta.a->shape[0];
    return largest;
}

/* A rank above that of the sum adds nothing: the result has at most min(m, R, n). */
static clade_status best_of_rank(const clade_adapter_part *parts, size_t count, size_t rank, clade_arena *arena,
                                 clade_adapter *merged)
{
    svd_work w;
    float *a, *b;
    CLADE_TRY(make_work(parts, count, arena, &w));
    size_t r = least(rank > 0 ? rank : largest_rank(parts, count), w.k);
    stack_factors(parts, count, &w);
    CLADE_TRY(decompose(&w));
    CLADE_TRY(clade_adapter_add(merged, parts[0].module, r, &a, &b));
    /* B' = U_B (U S), for which U gets S and B's room is used; A' = V^T V_A^T in A's room. */
    for (size_t i = 0; i < w.kb; i++)
        for (size_t j = 0; j < w.k; j++)
            w.U[i * w.k + j] *= w.S[j];
    clade_gemm_f64(false, false, w.m, w.k, w.kb, 1, w.UB, w.U, 0, w.B);
    clade_gemm_f64(false, false, r, w.n, w.ka, 1, w.V, w.VA, 0, w.A);
    for (size_t i = 0; i < w.m; i++)
        for (size_t j = 0; j < r; j++)
            b[i * r + j] = (float)w.B[i * w.k + j];
    for (size_t j = 0; j < r * w.n; j++)
        a[j] = (float)w.A[j];
    return CLADE_OK;
}

static bool all_finite(const clade_tensor *factor)
{
    const float *values = factor->data;
    bool finite = true;
    for (size_t i = 0; i < factor->count; i++)
        finite &= isfinite(values[i]) != 0;
    return finite;
}

clade_status clade_adapter_combine(clade_adapter_combination combination, const clade_adapter_part *parts, size_t count,
                                   size_t rank, clade_arena *arena, clade_adapter *merged)
{
    if (combination == CLADE_ADAPTER_CAT)
        CLADE_TRY(cat(parts, count, merged));
    else if (combination == CLADE_ADAPTER_SVD)
        CLADE_TRY(best_of_rank(parts, count, rank, arena, merged));
    else
        CLADE_TRY(sum_factors(parts, count, combination == CLADE_ADAPTER_HUB, arena, merged));
    const clade_low_rank *made = clade_adapter_find(merged, parts[0].module->tensor);
    if (!all_finite(made->a) || !all_finite(made->b))
        return clade_fail(CLADE_EEVAL, "tensor %s: the merged factors are not finite", parts[0].module->tensor);
    return CLADE_OK;
}
