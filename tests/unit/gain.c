/* Shares of the hypervolume: what is kept between points gives, to the bit, what two hypervolumes give. */
#include "near.h"

#include "clade/rng.h"
#include "search/algorithm/gain.h"
#include "search/pareto.h"

enum { POINTS = 200, MOST_M = 3 };

/* By the contract, from all POINTS that were taken in before; those not dominated by others are `front`. */
static double expected_share(const double *front, size_t n, size_t m, const double *point)
{
    double all[(POINTS + 1) * MOST_M], ideal[MOST_M], range[MOST_M], reference[MOST_M], with, without;
    for (size_t i = 0; i < n; i++)
        if (clade_weakly_dominates(front + i * m, point, m))
            return 0;
    memcpy(all, front, n * m * sizeof *all);
    memcpy(all + n * m, point, m * sizeof *all);
    clade_objective_range(all, n + 1, m, ideal, range);
    for (size_t i = 0; i < (n + 1) * m; i++)
        all[i] = (all[i] - ideal[i % m]) / range[i % m];
    for (size_t k = 0; k < m; k++)
        reference[k] = 1.1;
    assert_ok(clade_hypervolume(all, n + 1, m, reference, &with));
    assert_ok(clade_hypervolume(all, n, m, reference, &without));
    return (with - without) / with;
}

/* The front after POINT; returns its size. */
static size_t keep_front(double *front, size_t n, size_t m, const double *point)
{
    size_t kept = 0;
    for (size_t i = 0; i < n; i++)
        if (clade_weakly_dominates(front + i * m, point, m))
            return n;
    for (size_t i = 0; i < n; i++)
        if (!clade_dominates(point, front + i * m, m))
            memmove(front + kept++ * m, front + i * m, m * sizeof *front);
    memcpy(front + kept * m, point, m * sizeof *front);
    return kept + 1;
}

/* Kinds: anywhere; on a grid; on a line from corner to corner, so dense near its end that scaled values fall together. */
static void draw(clade_rng *rng, uint64_t kind, size_t m, double *point)
{
    const double t = clade_rng_uniform(rng);
    for (size_t k = 0; k < m; k++)
        point[k] = kind == 0 ? clade_rng_uniform(rng) : (double)clade_rng_below(rng, 9) / 7;
    if (kind == 2 && m == 2) {
        point[0] = t < 0.5 ? t : 1 - t * 1e-17;
        point[1] = t < 0.5 ? 1 - t : t * 1e-17;
    }
}

static void are_two_hypervolumes(void **state)
{
    (void)state;
    for (uint64_t trial = 0; trial < 27; trial++) {
        const size_t m = 1 + trial % MOST_M;
        clade_rng rng = clade_rng_keyed(&trial, 1);
        clade_gain gain = {.n_objectives = m};
        double front[POINTS * MOST_M], point[MOST_M], share;
        size_t n = 0;
        for (size_t i = 0; i < POINTS; i++) {
            draw(&rng, trial / MOST_M % 3, m, point);
            const double expected = expected_share(front, n, m, point);
            assert_ok(clade_gain_add(&gain, point, &share));
            assert_memory_equal(&share, &expected, sizeof share);
            n = keep_front(front, n, m, point);
            assert_int_equal(gain.count, n);
        }
        clade_gain_fini(&gain);
    }
    assert_int_equal(clade_alloc_live(), 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {cmocka_unit_test(are_two_hypervolumes)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}
