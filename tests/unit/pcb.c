/* PCB-Merging against a plain reference that sorts, with libm, for both of its variants. */
#include "method_run.h"

#include "clade/rng.h"

enum { N = 12000, PARENTS = 3 };

static float base[N], parents[PARENTS][N];

/* Differences of many sizes; of every parent one of them is 0, which the lower clip changes. */
static void make_random(void)
{
    clade_rng rng = clade_rng_seeded(17, 4);
    for (size_t i = 0; i < N; i++) {
        base[i] = (float)floor(4096 * clade_rng_uniform(&rng)) / 4096;
        for (size_t p = 0; p < PARENTS; p++) {
            double u = clade_rng_uniform(&rng), d = 0.1 * (u - 0.5) * u;
            parents[p][i] = base[i] + (i == p ? 0 : (float)d);
        }
    }
}

static int ascending_doubles(const void *a, const void *b)
{
    double x = *(const double *)a, y = *(const double *)b;
    return (x > y) - (x < y);
}

static double rank_in(const double *x, size_t rank)
{
    static double sorted[N];
    memcpy(sorted, x, N * sizeof *x);
    qsort(sorted, N, sizeof *sorted, ascending_doubles);
    return sorted[rank < N ? rank : N - 1];
}

static void clip(double *x, double low, double high)
{
    for (size_t i = 0; i < N; i++)
        x[i] = fmin(fmax(x[i], low), high);
}

static void min_max(double *x)
{
    double low = rank_in(x, 0), high = rank_in(x, N - 1);
    for (size_t i = 0; i < N; i++)
        x[i] = high > low ? (x[i] - low) / (high - low) : 0;
}

static void softmax(double *x)
{
    double sum = 0;
    for (size_t i = 0; i < N; i++)
        sum += exp(x[i]);
    for (size_t i = 0; i < N; i++)
        x[i] = exp(x[i]) / sum;
}

static double tau(size_t p, size_t i)
{
    return (double)parents[p][i] - (double)base[i];
}

static void code_beta(size_t p, double ratio, double *beta, double *value)
{
    double d = N;
    for (size_t i = 0; i < N; i++)
        value[i] = fabs(tau(p, i));
    clip(value, rank_in(value, (size_t)(1e-4 * d)), rank_in(value, (size_t)(d * (1 - 1e-4) - 1)));
    memcpy(beta, value, N * sizeof *beta);
    min_max(beta);
    for (size_t i = 0; i < N; i++) {
        double sum = tau(0, i) + tau(1, i) + tau(2, i);
        beta[i] = exp(3 * beta[i] * beta[i]) * tanh(tau(p, i) * sum);
        value[i] *= (tau(p, i) > 0) - (tau(p, i) < 0);
    }
    clip(beta, rank_in(beta, (size_t)(d * (1 - ratio))), INFINITY);
    min_max(beta);
}

static void paper_beta(size_t p, double ratio, double *beta, double *value)
{
    static double inter[N], one[N];
    for (size_t i = 0; i < N; i++) {
        value[i] = tau(p, i);
        beta[i] = tau(p, i) * tau(p, i);
        inter[i] = 0;
    }
    min_max(beta);
    for (size_t i = 0; i < N; i++)
        beta[i] *= 3;
    softmax(beta);
    for (size_t j = 0; j < PARENTS; j++) {
        for (size_t i = 0; i < N; i++)
            one[i] = tau(p, i) * tau(j, i);
        min_max(one);
        softmax(one);
        for (size_t i = 0; i < N; i++)
            inter[i] += one[i];
    }
    size_t k = (size_t)(ratio * N);
    for (size_t i = 0; i < N; i++)
        beta[i] *= inter[i];
    double cut = k > 0 ? rank_in(beta, N - k) : INFINITY;
    for (size_t i = 0; i < N; i++)
        beta[i] = beta[i] >= cut ? beta[i] : 0;
}

static void check_pcb(bool paper, double ratio)
{
    static double beta[PARENTS][N], value[PARENTS][N];
    static float out[N];
    run_tensor tensor = {
        .rank = 1, .shape = {N}, .base = base, .parents = {parents[0], parents[1], parents[2]}, .out = out};
    method_run run = run_new("pcb", PARENTS, &tensor, 1);
    make_random();
    run.piece = 5000;
    run.tile = 128;
    run_set(&run, "variant", 0, paper);
    run_set(&run, "ratio", 0, ratio);
    run_set(&run, "lambda", 0, 1.2);
    for (size_t p = 0; p < PARENTS; p++) {
        run_set(&run, "weight", p, 0.8 + 0.3 * (double)p);
        (paper ? paper_beta : code_beta)(p, ratio, beta[p], value[p]);
    }
    assert_ok(run_make(&run));
    for (size_t i = 0; i < N; i++) {
        double D = 0, sum = 0;
        for (size_t p = 0; p < PARENTS; p++) {
            D += (0.8 + 0.3 * (double)p) * beta[p][i] * value[p][i];
            sum += beta[p][i];
        }
        double added = sum > 0 ? 1.2 * D / (paper ? sum : fmax(sum, 1e-12)) : 0;
        assert_near((double)out[i], (double)base[i] + added, 2e-7);
    }
}

static void pcb(void **state)
{
    static const double ratios[] = {0, 0.0001, 0.1, 0.5, 1};
    (void)state;
    for (size_t i = 0; i < 5; i++) {
        check_pcb(false, ratios[i]);
        check_pcb(true, ratios[i]);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(pcb),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
