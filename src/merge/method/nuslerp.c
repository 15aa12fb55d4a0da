/* NuSLERP (mergekit): spherical interpolation of two models, or of their differences from a base, over whole tensors,
 * rows or columns.
 *
 *   t = w_1 / (w_0 + w_1), 0.5 where |w_0 + w_1| < 1e-6
 *   cos theta = v_0 . v_1 / (|v_0| |v_1|), norms at least 1e-7
 *   out = (sin((1 - t) theta) v_0 + sin(t theta) v_1) / sin theta;  (1 - t) v_0 + t v_1 where 1 - |cos theta| < 1e-12
 *
 * The vectors are the whole tensor, or with nuslerp_flatten = false its rows (along the last dimension), or with
 * nuslerp_row_wise = true the vectors along the first dimension; the names are mergekit's. A tensor of one dimension is
 * one vector.
 *
 * mergekit takes the linear branch where |sin theta| < 1e-8, in float32: of exactly opposite vectors the sine of the
 * float nearest to pi is larger, and it divides by that noise. Near cos theta = 1 both branches agree. */
#include <math.h>

#include "merge/method/angle.h"
#include "merge/method/gram.h"
#include "merge/method/methods.h"

enum { WEIGHT, FLATTEN, ROW_WISE, N_PARAMETERS };
enum { AA, BA, BB, N_DOTS };     /* in the order of clade_gram_index */
enum { MOST_AT_ONCE = 1 << 18 }; /* elements of a tile of columns, whose coefficients are computed once per tile */

typedef enum vectors { WHOLE, ROWS, COLUMNS } vectors;

static const double smallest_norm = 1e-7, smallest_sum = 1e-6, parallel = 1 - 1e-12;

/* name, kind, scope, scale; limits; default range of the gene; default value; help; choices */
static const clade_parameter parameters[] = {
    [WEIGHT] = {"weight", CLADE_REAL, CLADE_PER_PARENT, CLADE_LINEAR_SCALE, -INFINITY, INFINITY, 0, 1, 1,
                "share of the parent: t = w_1 / (w_0 + w_1)", NULL},
    [FLATTEN] = {"nuslerp_flatten", CLADE_BOOLEAN, CLADE_PER_RECIPE, CLADE_LINEAR_SCALE, 0, 1, 1, 1, 1,
                 "one angle for the whole tensor", NULL},
    [ROW_WISE] = {"nuslerp_row_wise", CLADE_BOOLEAN, CLADE_PER_RECIPE, CLADE_LINEAR_SCALE, 0, 1, 0, 0, 0,
                  "without nuslerp_flatten: vectors along the first dimension, not the last", NULL},
};

static vectors vectors_of(const clade_merge_tile *tensor)
{
    if (tensor->site[FLATTEN] != 0 || tensor->rank < 2)
        return WHOLE;
    return tensor->site[ROW_WISE] != 0 ? COLUMNS : ROWS;
}

/* Elements of a row: of the last dimension, or all but the first. At least 1, also of a tensor without elements. */
static size_t row_length(const clade_merge_tile *tensor, vectors how)
{
    uint64_t length = how == ROWS ? tensor->shape[tensor->rank - 1] : tensor->shape[0];
    if (how == COLUMNS && length > 0)
        length = tensor->tensor_count / length;
    return length > 0 ? (size_t)length : 1;
}

static size_t unit(const clade_merge_tile *tensor)
{
    vectors how = vectors_of(tensor);
    return how == WHOLE ? 1 : row_length(tensor, how);
}

static size_t combine_unit(const clade_merge_tile *tensor)
{
    size_t row = unit(tensor);
    return vectors_of(tensor) == COLUMNS && row < MOST_AT_ONCE ? MOST_AT_ONCE / row * row : row;
}

/* ---- survey: of every vector N_DOTS dot products, [dot][vector]; at the end theta and 1 / sin theta ---- */

/* Vectors whose dot products need more than a tile. */
static size_t count_vectors(const clade_merge_tile *tensor)
{
    vectors how = vectors_of(tensor);
    if (how == COLUMNS)
        return row_length(tensor, how);
    return how == WHOLE ? 1 : 0;
}

static size_t state_bytes(const clade_merge_tile *tensor)
{
    return N_DOTS * count_vectors(tensor) * sizeof(double);
}

static size_t partial_bytes(const clade_merge_tile *tensor, unsigned pass)
{
    (void)pass;
    return state_bytes(tensor);
}

/* One row of a tensor is one element of each column. */
static void add_row(const clade_merge_tile *tile, size_t first, size_t n, double *dots)
{
    const float *x = tile->parents[0] + first, *y = tile->parents[1] + first;
    const float *b = tile->base ? tile->base + first : NULL;
    double *aa = dots + AA * n, *ba = dots + BA * n, *bb = dots + BB * n;
    for (size_t i = 0; i < n; i++) {
        double origin = b ? (double)b[i] : 0, u = (double)x[i] - origin, v = (double)y[i] - origin;
        aa[i] += u * u;
        ba[i] += u * v;
        bb[i] += v * v;
    }
}

static clade_status survey(const clade_merge_tile *tile, unsigned pass, void *partial)
{
    (void)pass;
    vectors how = vectors_of(tile);
    size_t length = how == COLUMNS ? row_length(tile, how) : tile->n;
    if (how == WHOLE)
        clade_gram_add(tile, 0, tile->n, partial);
    for (size_t first = 0; how == COLUMNS && first < tile->n; first += length)
        add_row(tile, first, length, partial);
    return CLADE_OK;
}

static clade_status survey_merge(const clade_merge_tile *tensor, unsigned pass, void *state, const void *partial)
{
    (void)pass;
    double *sums = state;
    const double *more = partial;
    for (size_t k = 0; k < N_DOTS * count_vectors(tensor); k++)
        sums[k] += more[k];
    return CLADE_OK;
}

typedef struct angle {
    double theta, per_sine; /* 1 / sin theta; 0: take the linear branch */
} angle;

static angle angle_of(double aa, double ba, double bb)
{
    double norm_0 = fmax(sqrt(aa), smallest_norm), norm_1 = fmax(sqrt(bb), smallest_norm);
    double c = fmax(-1, fmin(1, ba / norm_0 / norm_1)), theta = clade_acos(c);
    return (angle){.theta = theta, .per_sine = fabs(c) > parallel ? 0 : 1 / clade_sin(theta)};
}

/* [AA][vector] becomes theta, [BA][vector] 1 / sin theta: what does not depend on the weights. */
static clade_status survey_end(const clade_merge_tile *tensor, unsigned pass, void *state, bool *again)
{
    (void)pass;
    (void)again;
    size_t n = count_vectors(tensor);
    double *dots = state;
    for (size_t i = 0; i < n; i++) {
        angle one = angle_of(dots[AA * n + i], dots[BA * n + i], dots[BB * n + i]);
        dots[AA * n + i] = one.theta;
        dots[BA * n + i] = one.per_sine;
    }
    return CLADE_OK;
}

/* ---- combine ---- */

static void mixture(angle one, double t, double *a)
{
    a[0] = one.per_sine != 0 ? clade_sin((1 - t) * one.theta) * one.per_sine : 1 - t;
    a[1] = one.per_sine != 0 ? clade_sin(t * one.theta) * one.per_sine : t;
}

static size_t scratch_bytes(const clade_merge_tile *tile)
{
    return vectors_of(tile) == COLUMNS ? 2 * row_length(tile, COLUMNS) * sizeof(double) : 0;
}

/* out = a x + b y, elementwise. */
static void mix(size_t n, const double *a, const double *b, const float *x, const float *y, float *out)
{
    for (size_t i = 0; i < n; i++)
        out[i] = (float)(a[i] * (double)x[i] + b[i] * (double)y[i]);
}

/* out = o + a (x - o) + b (y - o); the bits of o where nothing is added. */
static void mix_deltas(size_t n, const double *a, const double *b, const float *x, const float *y, const float *o,
                       float *out)
{
    double sum[CLADE_MERGE_BLOCK];
    for (size_t first = 0; first < n; first += CLADE_MERGE_BLOCK) {
        size_t m = n - first < CLADE_MERGE_BLOCK ? n - first : CLADE_MERGE_BLOCK;
        for (size_t i = 0; i < m; i++) {
            size_t k = first + i;
            double origin = (double)o[k];
            sum[i] = a[k] * ((double)x[k] - origin) + b[k] * ((double)y[k] - origin);
        }
        for (size_t i = 0; i < m; i++) /* o + -0 has the bits of o */
            sum[i] = sum[i] == 0 ? -0.0 : sum[i];
        for (size_t i = 0; i < m; i++)
            out[first + i] = (float)((double)o[first + i] + sum[i]);
    }
}

static void combine_columns(const clade_merge_tile *tile, double t, float *out)
{
    size_t length = row_length(tile, COLUMNS);
    const double *theta = (const double *)tile->state + AA * length, *per_sine = theta + (BA - AA) * length;
    double *a = tile->scratch, *b = a + length;
    for (size_t i = 0; i < length; i++) {
        double pair[2];
        mixture((angle){.theta = theta[i], .per_sine = per_sine[i]}, t, pair);
        a[i] = pair[0];
        b[i] = pair[1];
    }
    for (size_t first = 0; first < tile->n; first += length) {
        const float *x = tile->parents[0] + first, *y = tile->parents[1] + first;
        if (tile->base)
            mix_deltas(length, a, b, x, y, tile->base + first, out + first);
        else
            mix(length, a, b, x, y, out + first);
    }
}

static void combine_rows(const clade_merge_tile *tile, double t, float *out)
{
    size_t length = row_length(tile, ROWS);
    for (size_t first = 0; first < tile->n; first += length) {
        const float *rows[] = {tile->parents[0] + first, tile->parents[1] + first};
        clade_merge_tile row = *tile;
        double dots[N_DOTS] = {0}, a[2];
        row.parents = rows;
        row.base = tile->base ? tile->base + first : NULL;
        row.n = length;
        clade_gram_add(&row, 0, length, dots);
        mixture(angle_of(dots[AA], dots[BA], dots[BB]), t, a);
        clade_merge_interpolate(&row, a, out + first);
    }
}

static double fraction(const clade_merge_tile *tile)
{
    double w_0 = tile->parent[WEIGHT], w_1 = tile->parent[N_PARAMETERS + WEIGHT];
    return fabs(w_0 + w_1) < smallest_sum ? 0.5 : w_1 / (w_0 + w_1);
}

static bool has_coefficients(const clade_merge_tile *tensor)
{
    return vectors_of(tensor) != COLUMNS && vectors_of(tensor) != ROWS;
}

static clade_status coefficients(const clade_merge_tile *tensor, double *a)
{
    const double *state = tensor->state;
    mixture((angle){.theta = state[AA], .per_sine = state[BA]}, fraction(tensor), a);
    return CLADE_OK;
}

static clade_status combine(const clade_merge_tile *tile, float *out)
{
    double t = fraction(tile), a[2];
    vectors how = vectors_of(tile);
    if (how == COLUMNS) {
        combine_columns(tile, t, out);
    } else if (how == ROWS) {
        combine_rows(tile, t, out);
    } else {
        CLADE_TRY(coefficients(tile, a));
        clade_merge_interpolate(tile, a, out);
    }
    return CLADE_OK;
}

const clade_method clade_method_nuslerp = {
    .name = "nuslerp",
    .title = "NuSLERP",
    .source = "Shoemake 1985; mergekit",
    .mergekit = "equal, but opposite vectors are interpolated linearly, where mergekit divides by rounding noise; "
                "there is no paper",
    .formula = "(sin((1-t) theta) v_0 + sin(t theta) v_1) / sin theta",
    .parameters = parameters,
    .n_parameters = N_PARAMETERS,
    .min_parents = 2,
    .max_parents = 2,
    .base = CLADE_BASE_OPTIONAL,
    .laws =
        CLADE_LAW_SYMMETRIC | CLADE_LAW_EQUAL | CLADE_LAW_ZERO_DELTAS | CLADE_LAW_WEIGHT_SCALE | CLADE_LAW_EXACT_BITS,
    .unit = unit,
    .combine_unit = combine_unit,
    .scratch_bytes = scratch_bytes,
    .survey_scope = CLADE_SURVEY_TENSOR,
    .survey_parameters = 1u << FLATTEN | 1u << ROW_WISE,
    .state_bytes = state_bytes,
    .partial_bytes = partial_bytes,
    .survey = survey,
    .survey_merge = survey_merge,
    .survey_end = survey_end,
    .carries_nonfinite = true,
    .takes_nonfinite = true,
    .combine = combine,
    .coefficients = coefficients,
    .has_coefficients = has_coefficients,
};
