/* Two real rows are transformed as one complex row, then the columns of half the spectrum, eight at a time so that a
 * line of the cache is used whole. There is one direction: the inverse of F is the conjugate of the transform of conj
 * F. */
#include "clade/fft.h"

#include <math.h>
#include <stdbool.h>
#include <stdint.h>
#include <string.h>

#include <kiss_fft.h>

enum { LONGEST = 1 << 29, COLUMNS_AT_ONCE = 8 };

/* A plan for transforms of length n. Bluestein: with c_j = exp(-pi i j^2 / n), F_k = c_k sum_j (c_j x_j) conj(c_(k-j)),
 * a convolution, done by transforms of a length that has fast ones. */
typedef struct transform {
    size_t n, padded;        /* padded: the length of the inner transforms; n when there is no convolution */
    kiss_fft_cfg plan;       /* of length padded */
    kiss_fft_cpx *chirp;     /* (n): c_j */
    kiss_fft_cpx *filter;    /* (padded): the transform of conj(c), divided by padded */
    kiss_fft_cpx *one, *two; /* (padded) */
} transform;

/* ---- workspace ---- */

static void *take(unsigned char *memory, size_t *used, size_t bytes)
{
    void *taken = memory ? memory + *used : NULL;
    *used += (bytes + 15) & ~(size_t)15;
    return taken;
}

static size_t plan_bytes(size_t n)
{
    size_t bytes = 0;
    kiss_fft_alloc((int)n, 0, NULL, &bytes);
    return bytes;
}

static bool has_fast(size_t n)
{
    static const size_t factors[] = {2, 3, 5};
    for (size_t f = 0; f < 3; f++)
        while (n % factors[f] == 0)
            n /= factors[f];
    return n == 1;
}

/* Lay out a transform of length N (at least 1, at most LONGEST) in MEMORY, or only count. */
static transform lay_out(size_t n, unsigned char *memory, size_t *used)
{
    transform at = {.n = n, .padded = n};
    if (!has_fast(n))
        at.padded = (size_t)kiss_fft_next_fast_size((int)(2 * n - 1));
    size_t bytes = plan_bytes(at.padded);
    void *plan = take(memory, used, bytes);
    if (memory)
        at.plan = kiss_fft_alloc((int)at.padded, 0, plan, &bytes);
    if (at.padded == n)
        return at;
    at.chirp = take(memory, used, n * sizeof *at.chirp);
    at.filter = take(memory, used, at.padded * sizeof *at.filter);
    at.one = take(memory, used, at.padded * sizeof *at.one);
    at.two = take(memory, used, at.padded * sizeof *at.two);
    return at;
}

static void set_up(transform *at)
{
    static const double pi = 3.14159265358979323846;
    if (at->padded == at->n)
        return;
    memset(at->one, 0, at->padded * sizeof *at->one);
    for (uint64_t j = 0; j < at->n; j++) {
        double angle = pi * (double)(j * j % (2 * at->n)) / (double)at->n, c = cos(angle), s = sin(angle);
        at->chirp[j] = (kiss_fft_cpx){(float)c, (float)-s};
        at->one[j] = (kiss_fft_cpx){(float)c, (float)s};
        if (j > 0)
            at->one[at->padded - j] = at->one[j];
    }
    kiss_fft(at->plan, at->one, at->filter);
    for (size_t j = 0; j < at->padded; j++) {
        at->filter[j].r /= (float)at->padded;
        at->filter[j].i /= (float)at->padded;
    }
}

/* ---- a line ---- */

static kiss_fft_cpx times(kiss_fft_cpx a, kiss_fft_cpx b)
{
    return (kiss_fft_cpx){a.r * b.r - a.i * b.i, a.r * b.i + a.i * b.r};
}

static void conjugate(size_t n, kiss_fft_cpx *x)
{
    for (size_t j = 0; j < n; j++)
        x[j].i = -x[j].i;
}

/* OUT (n) = the transform of IN (n). */
static void run(const transform *at, const kiss_fft_cpx *in, kiss_fft_cpx *out)
{
    size_t n = at->n;
    if (n == 1) {
        *out = *in;
    } else if (at->padded == n) {
        kiss_fft(at->plan, in, out);
    } else {
        for (size_t j = 0; j < n; j++)
            at->one[j] = times(in[j], at->chirp[j]);
        memset(at->one + n, 0, (at->padded - n) * sizeof *at->one);
        kiss_fft(at->plan, at->one, at->two);
        for (size_t j = 0; j < at->padded; j++)
            at->two[j] = times(at->two[j], at->filter[j]);
        conjugate(at->padded, at->two);
        kiss_fft(at->plan, at->two, at->one);
        conjugate(n, at->one);
        for (size_t k = 0; k < n; k++)
            out[k] = times(at->one[k], at->chirp[k]);
    }
}

/* ---- a matrix ---- */

typedef struct workspace {
    transform rows, columns;
    kiss_fft_cpx *in, *out; /* COLUMNS_AT_ONCE lines of m, or one of n */
} workspace;

static size_t prepare(size_t m, size_t n, void *memory, workspace *at)
{
    size_t used = 0, length = m * COLUMNS_AT_ONCE > n ? m * COLUMNS_AT_ONCE : n;
    at->rows = lay_out(n, memory, &used);
    at->columns = lay_out(m, memory, &used);
    at->in = take(memory, &used, length * sizeof *at->in);
    at->out = take(memory, &used, length * sizeof *at->out);
    return used;
}

static clade_status begin(size_t m, size_t n, void *memory, workspace *at)
{
    if (m > LONGEST || n > LONGEST)
        return clade_fail(CLADE_EEVAL,
                          "a matrix of %zu x %zu is too large for a Fourier transform: expected sides of at most %d", m,
                          n, LONGEST);
    prepare(m, n, memory, at);
    set_up(&at->rows);
    set_up(&at->columns);
    return CLADE_OK;
}

/* Every column of F (m, h) becomes its transform; with INVERSE the conjugate of the transform of its conjugate. */
static void transform_columns(const workspace *at, size_t h, bool inverse, clade_complex *F)
{
    size_t m = at->columns.n;
    for (size_t first = 0; first < h && m > 1; first += COLUMNS_AT_ONCE) {
        size_t width = h - first < COLUMNS_AT_ONCE ? h - first : COLUMNS_AT_ONCE;
        for (size_t j = 0; j < m; j++)
            for (size_t k = 0; k < width; k++) {
                clade_complex f = F[j * h + first + k];
                at->in[k * m + j] = (kiss_fft_cpx){f.re, inverse ? -f.im : f.im};
            }
        for (size_t k = 0; k < width; k++)
            run(&at->columns, at->in + k * m, at->out + k * m);
        for (size_t j = 0; j < m; j++)
            for (size_t k = 0; k < width; k++) {
                kiss_fft_cpx f = at->out[k * m + j];
                F[j * h + first + k] = (clade_complex){f.r, inverse ? -f.i : f.i};
            }
    }
}

size_t clade_fft_columns(size_t n)
{
    return n / 2 + 1;
}

size_t clade_fft_bytes(size_t m, size_t n)
{
    workspace at;
    return m > LONGEST || n > LONGEST ? 0 : prepare(m, n, NULL, &at);
}

clade_status clade_fft_real(size_t m, size_t n, const float *x, clade_complex *F, void *work)
{
    workspace at;
    size_t h = clade_fft_columns(n);
    CLADE_TRY(begin(m, n, work, &at));
    for (size_t a = 0; a < m; a += 2) {
        bool two = a + 1 < m;
        const float *upper = x + a * n, *lower = upper + n;
        for (size_t b = 0; b < n; b++)
            at.in[b] = (kiss_fft_cpx){upper[b], two ? lower[b] : 0};
        run(&at.rows, at.in, at.out);
        for (size_t k = 0; k < h; k++) { /* Z = A + i B with A and B the spectra of the real rows */
            kiss_fft_cpx Z = at.out[k], mirror = at.out[(n - k) % n];
            F[a * h + k] = (clade_complex){(Z.r + mirror.r) / 2, (Z.i - mirror.i) / 2};
            if (two)
                F[(a + 1) * h + k] = (clade_complex){(Z.i + mirror.i) / 2, (mirror.r - Z.r) / 2};
        }
    }
    transform_columns(&at, h, false, F);
    return CLADE_OK;
}

clade_status clade_fft_real_inverse(size_t m, size_t n, clade_complex *F, float *x, void *work)
{
    workspace at;
    size_t h = clade_fft_columns(n);
    float scale = 1 / ((float)m * (float)n);
    CLADE_TRY(begin(m, n, work, &at));
    transform_columns(&at, h, true, F);
    for (size_t a = 0; a < m; a += 2) {
        bool two = a + 1 < m;
        const clade_complex nothing = {0, 0};
        for (size_t k = 0; k < h; k++) { /* conj Z, where Z = A + i B; A and B are real at their own mirror images */
            clade_complex A = F[a * h + k], B = two ? F[(a + 1) * h + k] : nothing;
            bool own = k == 0 || 2 * k == n;
            at.in[k] = (kiss_fft_cpx){own ? A.re : A.re - B.im, own ? -B.re : -A.im - B.re};
            if (!own)
                at.in[n - k] = (kiss_fft_cpx){A.re + B.im, A.im - B.re};
        }
        run(&at.rows, at.in, at.out);
        for (size_t b = 0; b < n; b++) {
            x[a * n + b] = at.out[b].r * scale;
            if (two)
                x[(a + 1) * n + b] = -at.out[b].i * scale;
        }
    }
    return CLADE_OK;
}
