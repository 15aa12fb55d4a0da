/* Fourier merging: what varies slowly over a task vector is shared, what varies fast is elected. Clade's own
 * definition; merging task vectors by their spectra is from FREE-Merging (Zheng & Wang 2024, arXiv 2411.16815).
 *
 *   F_i = FFT(tau_i)                  of a matrix (m, n) over both indices, of a vector over its one index
 *   r = the root mean square, over the axes with more than one element, of |frequency| / Nyquist frequency, in [0, 1];
 *       the frequency of bin j of m is min(j, m - j) / m, the Nyquist frequency 1 / 2
 *   F = sum_i w_i F_i / sum_i w_i     where r <= cutoff
 *   F = F_e, e = argmax_i |w_i F_i|   elsewhere; of equal magnitudes the larger real, then imaginary part of F_i
 *   theta = theta_0 + lambda inverse FFT(F)
 *
 * Bins are elected once per pair of mirror images, so the result is real. cutoff 1 is the weighted mean of the task
 * vectors. Parents of weight 0 take no part. Tensors of more than two axes (convolutions) get that mean whatever the
 * cutoff.
 *
 * FREE-Merging's public code instead keeps, of each task vector alone, the bins within a radius of the bin in the middle
 * of the array, and sums. It does not shift the spectrum, so that these are the highest frequencies, in units of the
 * index and not of the sides; of an odd side the mask does not mirror itself, and an imaginary part is dropped. */
#include <math.h>
#include <string.h>

#include "clade/fft.h"
#include "merge/method/matrix.h"

enum { WEIGHT = CLADE_MATRIX_WEIGHT, LAMBDA = CLADE_MATRIX_LAMBDA, CUTOFF, N_PARAMETERS };

/* name, kind, scope, scale; limits; default range of the gene; default value; help */
static const clade_parameter parameters[] = {
    [WEIGHT] = {"weight", CLADE_REAL, CLADE_PER_PARENT, CLADE_LINEAR_SCALE, -INFINITY, INFINITY, 0, 1, 1,
                "share of the parent, and its say in elections", NULL},
    [LAMBDA] = {"lambda", CLADE_REAL, CLADE_PER_SITE, CLADE_LINEAR_SCALE, -INFINITY, INFINITY, 0, 2, 1,
                "factor of the merged task vector", NULL},
    [CUTOFF] = {"cutoff", CLADE_REAL, CLADE_PER_SITE, CLADE_LINEAR_SCALE, 0, 1, 0, 1, 0.3,
                "share of the frequencies, from the lowest, that is averaged", NULL},
};

static bool has_spectrum(const clade_merge_tile *tensor)
{
    return tensor->rank <= 2 && tensor->tensor_count > 0;
}

typedef struct workspace {
    size_t m, n, h;              /* the matrix, and the columns of half its spectrum */
    clade_complex *F_i, *F;      /* (m, h) */
    double *largest;             /* (m, h): |w_e F_e|^2 so far, -1 before the first */
    double *radius_m, *radius_n; /* (m), (h): the squares of the axes' frequencies, over the number of axes */
    float *tau;                  /* (m, n) */
    void *fft;
} workspace;

static size_t lay_out(const clade_merge_tile *tile, void *memory, workspace *at)
{
    clade_room room = {memory, 0};
    at->m = tile->rank == 2 ? (size_t)tile->shape[0] : 1;
    at->n = (size_t)tile->tensor_count / at->m;
    at->h = clade_fft_columns(at->n);
    at->F_i = clade_room_take(&room, at->m * at->h * sizeof *at->F_i);
    at->F = clade_room_take(&room, at->m * at->h * sizeof *at->F);
    at->largest = clade_room_doubles(&room, at->m, at->h);
    at->radius_m = clade_room_doubles(&room, at->m, 1);
    at->radius_n = clade_room_doubles(&room, at->h, 1);
    at->tau = clade_room_take(&room, at->m * at->n * sizeof *at->tau);
    at->fft = clade_room_take(&room, clade_fft_bytes(at->m, at->n));
    return room.used;
}

static size_t scratch_bytes(const clade_merge_tile *tile)
{
    workspace at;
    return has_spectrum(tile) && tile->n == tile->tensor_count ? lay_out(tile, NULL, &at) : 0;
}

/* The first COUNT bins of an axis of LENGTH elements. */
static void measure_axis(size_t length, size_t count, size_t axes, double *radius)
{
    for (size_t j = 0; j < count; j++) {
        double frequency = 2 * (double)(j < length - j ? j : length - j) / (double)length;
        radius[j] = frequency * frequency / (double)axes;
    }
}

static bool is_low(const clade_merge_tile *tile, const workspace *at, size_t j, size_t k)
{
    return at->radius_m[j] + at->radius_n[k] <= tile->site[CUTOFF] * tile->site[CUTOFF];
}

static bool wins(clade_complex f, double size, clade_complex best, double largest)
{
    if (size != largest)
        return size > largest;
    return f.re != best.re ? f.re > best.re : f.im > best.im;
}

/* The part in the bins of a parent with spectrum F_i and share W. */
static void add_spectrum(const clade_merge_tile *tile, const workspace *at, double w)
{
    for (size_t j = 0; j < at->m; j++)
        for (size_t k = 0; k < at->h; k++) {
            clade_complex f = at->F_i[j * at->h + k], *F = &at->F[j * at->h + k];
            double *largest = &at->largest[j * at->h + k];
            double size = w * w * ((double)f.re * (double)f.re + (double)f.im * (double)f.im);
            if (is_low(tile, at, j, k)) {
                F->re = (float)((double)F->re + w * (double)f.re);
                F->im = (float)((double)F->im + w * (double)f.im);
            } else if (wins(f, size, *F, *largest)) {
                *F = f;
                *largest = size;
            }
        }
}

/* In the columns that are their own mirror images the upper half decides. */
static void mirror(const workspace *at)
{
    for (size_t k = 0; k < at->h; k++) {
        if (k != 0 && 2 * k != at->n)
            continue;
        for (size_t j = 0; j <= at->m / 2; j++) {
            clade_complex *F = &at->F[j * at->h + k], *image = &at->F[(at->m - j) % at->m * at->h + k];
            if (image == F)
                F->im = 0;
            else
                *image = (clade_complex){F->re, -F->im};
        }
    }
}

static clade_status survey(const clade_merge_tile *tile, unsigned pass, void *partial)
{
    workspace at;
    double shares[CLADE_MAX_PARENTS];
    (void)pass;
    CLADE_TRY(clade_merge_shares(tile, WEIGHT, shares));
    if (!has_spectrum(tile)) {
        clade_matrix_sum(tile, shares, partial);
        return CLADE_OK;
    }
    lay_out(tile, tile->scratch, &at);
    size_t axes = (size_t)(at.m > 1) + (size_t)(at.n > 1);
    measure_axis(at.m, at.m, axes > 0 ? axes : 1, at.radius_m);
    measure_axis(at.n, at.h, axes > 0 ? axes : 1, at.radius_n);
    memset(at.F, 0, at.m * at.h * sizeof *at.F);
    for (size_t i = 0; i < at.m * at.h; i++)
        at.largest[i] = -1;
    for (size_t p = 0; p < tile->n_parents; p++) {
        if (shares[p] == 0)
            continue;
        for (size_t i = 0; i < tile->n; i++)
            at.tau[i] = tile->parents[p][i] - tile->base[i];
        CLADE_TRY(clade_fft_real(at.m, at.n, at.tau, at.F_i, at.fft));
        add_spectrum(tile, &at, shares[p]);
    }
    mirror(&at);
    return clade_fft_real_inverse(at.m, at.n, at.F, partial, at.fft);
}

const clade_method clade_method_fourier = {
    .name = "fourier",
    .title = "Fourier merging (low frequencies shared, high ones elected)",
    .source = "Clade's definition (src/merge/method/fourier.c); related: Zheng & Wang 2024, arXiv 2411.16815",
    .mergekit = "not in mergekit, and no paper's",
    .formula = "theta_0 + lambda IFFT(mean_i F_i for low frequencies, F_e with e = argmax |w_i F_i| for high ones)",
    .parameters = parameters,
    .n_parameters = N_PARAMETERS,
    .min_parents = 1,
    .max_parents = CLADE_MAX_PARENTS,
    .base = CLADE_BASE_REQUIRED,
    .laws = CLADE_LAW_SYMMETRIC | CLADE_LAW_ZERO_DELTAS | CLADE_LAW_LAMBDA | CLADE_LAW_WEIGHT_SCALE,
    .unit = clade_matrix_unit,
    .combine_unit = clade_matrix_combine_unit,
    .merged_in_survey = true,
    .scratch_bytes = scratch_bytes,
    .survey_scope = CLADE_SURVEY_TENSOR,
    .survey_parameters = 1u << WEIGHT | 1u << CUTOFF,
    .state_bytes = clade_matrix_state_bytes,
    .partial_bytes = clade_matrix_partial_bytes,
    .survey = survey,
    .survey_merge = clade_matrix_survey_merge,
    .combine = clade_matrix_combine,
};
