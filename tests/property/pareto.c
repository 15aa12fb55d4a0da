/* Laws of dominance, ranks, crowding and hypervolume on random points with many ties. */
#include "near.h"

#include "clade/rng.h"
#include "search/pareto.h"

enum { MOST_N = 24, MOST_M = 5, TRIALS = 300 };

typedef struct cloud {
    size_t n, m;
    double points[MOST_N * MOST_M], reference[MOST_M];
} cloud;

/* Half of the clouds lie on a coarse grid; some points reach beyond the reference. */
static cloud cloud_of(uint64_t trial)
{
    clade_rng rng = clade_rng_keyed(&trial, 1);
    cloud c = {.n = 1 + clade_rng_below(&rng, MOST_N), .m = 1 + clade_rng_below(&rng, MOST_M)};
    for (size_t i = 0; i < c.n * c.m; i++)
        c.points[i] = trial % 2 ? clade_rng_uniform(&rng) * 1.2 : (double)clade_rng_below(&rng, 5) / 4;
    for (size_t k = 0; k < c.m; k++)
        c.reference[k] = 1;
    return c;
}

static double hypervolume(const cloud *c)
{
    double volume;
    assert_ok(clade_hypervolume(c->points, c->n, c->m, c->reference, &volume));
    return volume;
}

static void dominance_is_a_strict_order(void **state)
{
    (void)state;
    for (uint64_t trial = 0; trial < TRIALS; trial++) {
        const cloud c = cloud_of(trial);
        for (size_t i = 0; i < c.n; i++) {
            const double *p = c.points + i * c.m;
            assert_false(clade_dominates(p, p, c.m));
            for (size_t j = 0; j < c.n; j++)
                for (size_t k = 0; k < c.n; k++) {
                    const double *q = c.points + j * c.m, *r = c.points + k * c.m;
                    if (clade_dominates(p, q, c.m)) {
                        assert_false(clade_dominates(q, p, c.m));
                        assert_false(clade_dominates(q, r, c.m) && !clade_dominates(p, r, c.m));
                    }
                }
        }
    }
}

/* A point of front r > 0 is dominated by one of front r - 1 and by none of its own. */
static void ranks(void **state)
{
    (void)state;
    for (uint64_t trial = 0; trial < TRIALS; trial++) {
        const cloud c = cloud_of(trial);
        size_t rank[MOST_N];
        assert_ok(clade_pareto_ranks(c.points, c.n, c.m, rank));
        for (size_t i = 0; i < c.n; i++) {
            bool by_former = false, by_own = false;
            for (size_t j = 0; j < c.n; j++) {
                const bool dominated = clade_dominates(c.points + j * c.m, c.points + i * c.m, c.m);
                by_former |= dominated && rank[j] + 1 == rank[i];
                by_own |= dominated && rank[j] >= rank[i];
            }
            assert_int_equal(by_former, rank[i] > 0);
            assert_false(by_own);
        }
    }
}

static void crowding(void **state)
{
    (void)state;
    for (uint64_t trial = 0; trial < TRIALS; trial++) {
        const cloud c = cloud_of(trial);
        size_t rank[MOST_N];
        double distance[MOST_N];
        assert_ok(clade_pareto_ranks(c.points, c.n, c.m, rank));
        assert_ok(clade_crowding(c.points, c.n, c.m, rank, distance));
        for (size_t i = 0; i < c.n; i++) {
            assert_true(distance[i] >= 0);
            bool best_of_front = c.m > 0;
            for (size_t j = 0; j < c.n; j++)
                best_of_front &= rank[j] != rank[i] || j == i || c.points[j * c.m] > c.points[i * c.m];
            if (best_of_front)
                assert_true(isinf(distance[i]));
        }
    }
}

/* Against counting cells of the grid that the coordinates make: slow, and another method. */
static double counted(const cloud *c)
{
    double edges[MOST_M][MOST_N + 1], volume = 0;
    size_t count[MOST_M], cell[MOST_M] = {0};
    for (size_t k = 0; k < c->m; k++) {
        count[k] = 0;
        for (size_t i = 0; i <= c->n; i++) {
            double x = i < c->n ? c->points[i * c->m + k] : c->reference[k];
            size_t at = 0;
            while (at < count[k] && edges[k][at] < x)
                at++;
            if (x > c->reference[k] || (at < count[k] && edges[k][at] == x))
                continue;
            memmove(&edges[k][at + 1], &edges[k][at], (count[k] - at) * sizeof(double));
            edges[k][at] = x;
            count[k]++;
        }
        if (count[k] < 2)
            return 0;
    }
    for (;;) {
        bool covered = false;
        for (size_t i = 0; i < c->n && !covered; i++) {
            covered = true;
            for (size_t k = 0; k < c->m; k++)
                covered &= c->points[i * c->m + k] <= edges[k][cell[k]];
        }
        double size = covered;
        for (size_t k = 0; k < c->m; k++)
            size *= edges[k][cell[k] + 1] - edges[k][cell[k]];
        volume += size;
        size_t k = 0;
        while (k < c->m && ++cell[k] + 1 >= count[k])
            cell[k++] = 0;
        if (k == c->m)
            return volume;
    }
}

static void hypervolume_equals_counting(void **state)
{
    (void)state;
    for (uint64_t trial = 0; trial < TRIALS; trial++) {
        cloud c = cloud_of(trial);
        if (c.m > 3 && c.n > 9)
            c.n = 9;
        assert_near(hypervolume(&c), counted(&c), 1e-12);
    }
}

/* Adding a point never takes away; the order of points means nothing; scaling an objective scales the volume. */
static void hypervolume_laws(void **state)
{
    (void)state;
    for (uint64_t trial = 0; trial < TRIALS; trial++) {
        cloud c = cloud_of(trial), fewer = c, turned = c, scaled = c;
        fewer.n = c.n - 1;
        const double whole = hypervolume(&c);
        if (fewer.n > 0)
            assert_true(hypervolume(&fewer) <= whole + 1e-15);
        for (size_t i = 0; i < c.n; i++)
            memcpy(turned.points + i * c.m, c.points + (c.n - 1 - i) * c.m, c.m * sizeof(double));
        assert_near(hypervolume(&turned), whole, 1e-14);
        for (size_t i = 0; i < c.n; i++)
            scaled.points[i * c.m] *= 8;
        scaled.reference[0] *= 8;
        assert_near(hypervolume(&scaled), 8 * whole, 1e-13);
    }
}

/* What a point contributes is what is lost without it, among the non-dominated points. */
static void exclusive(void **state)
{
    (void)state;
    for (uint64_t trial = 0; trial < TRIALS; trial++) {
        const cloud c = cloud_of(trial);
        double own[MOST_N];
        size_t rank[MOST_N];
        assert_ok(clade_exclusive_hypervolume(c.points, c.n, c.m, c.reference, own));
        assert_ok(clade_pareto_ranks(c.points, c.n, c.m, rank));
        for (size_t i = 0; i < c.n; i++) {
            cloud without = {.m = c.m};
            memcpy(without.reference, c.reference, sizeof c.reference);
            for (size_t j = 0; j < c.n; j++)
                if (j != i && rank[j] == 0)
                    memcpy(without.points + without.n++ * c.m, c.points + j * c.m, c.m * sizeof(double));
            const double left = without.n > 0 ? hypervolume(&without) : 0;
            assert_near(own[i], rank[i] > 0 ? 0 : hypervolume(&c) - left, 1e-12);
            assert_true(own[i] >= 0);
        }
    }
}

/* Two objectives: a front that comes sorted is not sorted again. That and the order of the points change no bit. */
static void order_changes_no_bit(void **state)
{
    (void)state;
    for (uint64_t trial = 0; trial < TRIALS; trial++) {
        cloud c = cloud_of(trial), sorted = {.n = 0, .m = 2, .reference = {1, 1}};
        double part[MOST_N], sorted_part[MOST_N];
        size_t from[MOST_N];
        c.m = 2;
        c.reference[1] = 1;
        assert_ok(clade_exclusive_hypervolume(c.points, c.n, 2, c.reference, part));
        for (size_t i = 0; i < c.n; i++) { /* the front without copies, by falling first objective */
            bool out = false;
            for (size_t j = 0; j < c.n; j++)
                out |= clade_dominates(c.points + 2 * j, c.points + 2 * i, 2) ||
                       (j < i && clade_weakly_dominates(c.points + 2 * j, c.points + 2 * i, 2));
            if (out)
                continue;
            size_t at = sorted.n++;
            for (; at > 0 && sorted.points[2 * at - 2] < c.points[2 * i]; at--) {
                memcpy(sorted.points + 2 * at, sorted.points + 2 * at - 2, 2 * sizeof(double));
                from[at] = from[at - 1];
            }
            memcpy(sorted.points + 2 * at, c.points + 2 * i, 2 * sizeof(double));
            from[at] = i;
        }
        const double volume = hypervolume(&c), sorted_volume = hypervolume(&sorted);
        assert_memory_equal(&volume, &sorted_volume, sizeof volume);
        for (size_t i = 0; i < sorted.n / 2; i++) /* by rising first objective */
            for (size_t k = 0; k < 2; k++) {
                double *a = &sorted.points[2 * i + k], *b = &sorted.points[2 * (sorted.n - 1 - i) + k], kept = *a;
                *a = *b;
                *b = kept;
            }
        assert_ok(clade_exclusive_hypervolume(sorted.points, sorted.n, 2, c.reference, sorted_part));
        for (size_t i = 0; i < sorted.n; i++) { /* a copy in the cloud takes all of the part */
            const double found = part[from[sorted.n - 1 - i]];
            assert_true(memcmp(&found, &sorted_part[i], sizeof found) == 0 || !(found > 0));
        }
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(dominance_is_a_strict_order),
        cmocka_unit_test(ranks),
        cmocka_unit_test(crowding),
        cmocka_unit_test(hypervolume_equals_counting),
        cmocka_unit_test(hypervolume_laws),
        cmocka_unit_test(order_changes_no_bit),
        cmocka_unit_test(exclusive),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
