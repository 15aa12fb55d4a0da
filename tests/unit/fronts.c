/* The fronts of a population that changes by one individual at a time, against sorting all of it anew. */
#include "near.h"

#include "clade/rng.h"
#include "search/algorithm/fronts.h"
#include "search/pareto.h"

enum { CAPACITY = 40, STEPS = 300, MOST_M = 4 };

typedef struct world {
    size_t m, count;
    bool in[CAPACITY];
    double points[CAPACITY * MOST_M]; /* by individual */
} world;

/* Every individual is in its front, once, and in two objectives fronts are sorted. */
static void check_fronts(const world *w, const clade_fronts *fronts)
{
    size_t who[CAPACITY], n = 0, rank[CAPACITY], members = 0;
    double points[CAPACITY * MOST_M];
    for (size_t i = 0; i < CAPACITY; i++)
        if (w->in[i]) {
            memcpy(points + n * w->m, w->points + i * w->m, w->m * sizeof *points);
            who[n++] = i;
        }
    assert_ok(clade_pareto_ranks(points, n, w->m, rank));
    for (size_t r = 0; r < fronts->count; r++) {
        const clade_one_front *front = &fronts->fronts[r];
        assert_true(front->count > 0);
        members += front->count;
        for (size_t i = 0; i < front->count; i++) {
            size_t place = 0;
            while (place < n && who[place] != front->members[i])
                place++;
            assert_true(place < n);
            assert_int_equal(rank[place], r);
            const double *point = w->points + front->members[i] * w->m;
            if (w->m == 2 && i > 0) {
                const double *before = w->points + front->members[i - 1] * 2;
                assert_true(before[0] <= point[0] && before[1] >= point[1]);
            }
        }
    }
    assert_int_equal(members, n);
}

static void insert(world *w, clade_fronts *fronts, clade_rng *rng, bool ties)
{
    size_t who = 0;
    while (w->in[who])
        who++;
    double *point = w->points + who * w->m;
    for (size_t k = 0; k < w->m; k++)
        point[k] = ties ? (double)clade_rng_below(rng, 6) : clade_rng_uniform(rng);
    w->in[who] = true;
    w->count++;
    assert_ok(clade_fronts_insert(fronts, who, point));
}

static void equal_sorting_anew(void **state)
{
    (void)state;
    for (uint64_t trial = 0; trial < 8 * MOST_M; trial++) {
        clade_rng rng = clade_rng_keyed(&trial, 1);
        world w = {.m = 1 + trial % MOST_M};
        clade_fronts fronts = {0};
        assert_ok(clade_fronts_init(&fronts, CAPACITY, w.m));
        assert_null(clade_fronts_last(&fronts));
        for (size_t step = 0; step < STEPS; step++) {
            insert(&w, &fronts, &rng, trial / MOST_M % 2 == 0);
            check_fronts(&w, &fronts);
            while (w.count == CAPACITY || (w.count > 0 && clade_rng_below(&rng, 3) == 0)) {
                const clade_one_front *last = clade_fronts_last(&fronts);
                const size_t place = (size_t)clade_rng_below(&rng, last->count);
                w.in[last->members[place]] = false;
                w.count--;
                clade_fronts_drop(&fronts, place);
                check_fronts(&w, &fronts);
            }
        }
        clade_fronts_fini(&fronts);
    }
    assert_int_equal(clade_alloc_live(), 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {cmocka_unit_test(equal_sorting_anew)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}
