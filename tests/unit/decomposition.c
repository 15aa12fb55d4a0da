/* Reference points, and what NSGA-III and MOEA/D do with them: selections that can be told by hand. The population is
 * seen through the parents of what is proposed. */
#include "near.h"

#include "search/algorithm.h"
#include "search/algorithm/reference_points.h"
#include "search/closed_form.h"

enum { MOST_CHILDREN = 64, GENES = 10 };

static void check_points(size_t m, size_t most, size_t expected)
{
    double *points;
    size_t count;
    assert_ok(clade_reference_points(m, most, &points, &count));
    assert_int_equal(count, expected);
    for (size_t i = 0; i < count; i++) {
        double sum = 0;
        for (size_t k = 0; k < m; k++) {
            assert_true(points[i * m + k] >= 0);
            sum += points[i * m + k];
        }
        assert_near(sum, 1, 1e-15 * (double)m);
        for (size_t j = 0; j < i; j++)
            assert_memory_not_equal(points + i * m, points + j * m, m * sizeof(double));
    }
    clade_free(points);
}

static void reference_points(void **state)
{
    (void)state;
    assert_int_equal(clade_simplex_count(3, 12), 91);
    assert_int_equal(clade_simplex_count(5, 6), 210);
    assert_int_equal(clade_simplex_count(8, 3), 120);
    assert_int_equal(clade_simplex_count(1, 9), 1);
    assert_true(clade_simplex_count(8, SIZE_MAX / 2) == SIZE_MAX);
    check_points(1, 20, 1);
    check_points(2, 20, 20);
    check_points(3, 100, 91);
    check_points(3, 91, 91);
    check_points(3, 90, 78);
    check_points(3, 2, 3);          /* never fewer than the axes */
    check_points(8, 156, 120 + 36); /* the two layers of Deb & Jain's table I */
    check_points(8, 4, 8);
}

/* An order can be relied on: the first point is the last axis. */
static void points_by_hand(void **state)
{
    (void)state;
    static const double three[6][3] = {{0, 0, 1}, {0, .5, .5}, {0, 1, 0}, {.5, 0, .5}, {.5, .5, 0}, {1, 0, 0}};
    double *points;
    size_t count;
    assert_ok(clade_reference_points(3, 8, &points, &count));
    assert_int_equal(count, 6);
    assert_memory_equal(points, three, sizeof three);
    clade_free(points);
    assert_ok(clade_reference_points(3, 9, &points, &count)); /* room for an inner layer of one division */
    assert_int_equal(count, 9);
    assert_near(points[6 * 3], 1.0 / 6, 1e-15);
    assert_near(points[6 * 3 + 2], 2.0 / 3, 1e-15);
    clade_free(points);
}

typedef struct fixture {
    const clade_algorithm *algorithm;
    clade_space space;
    void *it;
} fixture;

static fixture make(const char *name, double population)
{
    fixture f = {.algorithm = clade_algorithm_find(name)};
    double values[CLADE_MAX_PARAMETERS];
    clade_algorithm_defaults(f.algorithm, values);
    values[clade_algorithm_parameter(f.algorithm, "population")] = population;
    static clade_space space; /* the state borrows it */
    assert_ok(clade_problem_form_space(clade_problem_form_find("zdt1", GENES), &space));
    f.space = space;
    const clade_search_problem problem = {
        .space = &space, .n_objectives = 2, .seed = 1, .window = 1, .parameters = values};
    assert_ok(f.algorithm->create(&problem, &f.it));
    return f;
}

static void drop(fixture *f)
{
    f->algorithm->destroy(f->it);
    clade_space_fini(&f->space);
}

/* Children have genomes of their own, so that none is taken for another. */
static void tell(const fixture *f, uint64_t child, double f1, double f2, bool own, bool complete)
{
    double genome[GENES];
    const double objectives[] = {f1, f2};
    for (size_t g = 0; g < GENES; g++)
        genome[g] = (double)((child + 1) * (g + 3) % 101) / 101;
    const clade_told told = {
        .child = child, .genome = genome, .objectives = objectives, .own = own, .complete = complete};
    assert_ok(f->algorithm->tell(f->it, &told));
}

/* How many children are parents of what is proposed after TOLD children; MEMBER (MOST_CHILDREN) says which. */
static size_t find_members(const fixture *f, uint64_t told, bool *member)
{
    size_t count = 0;
    double genome[GENES];
    memset(member, 0, MOST_CHILDREN * sizeof *member);
    for (uint64_t child = told; child < told + 2000; child++) {
        clade_proposal proposal = {.genome = genome};
        assert_ok(f->algorithm->ask(f->it, child, &proposal));
        for (size_t p = 0; p < proposal.n_parents; p++) {
            assert_true(proposal.parents[p] < told);
            count += !member[proposal.parents[p]];
            member[proposal.parents[p]] = true;
        }
    }
    return count;
}

/* Four directions, (0, 1), (1/3, 2/3), (2/3, 1/3), (1, 0): of eight points of one front the nearest of each survive,
 * whatever the units of the objectives. */
static void nsga3_niches(void **state)
{
    (void)state;
    static const double first[] = {0, 1, 0.34, 0.37, 0.66, 0.70, 0.05, 0.5};
    static const bool survives[] = {true, true, true, false, true, false, false, false};
    static const double scale[] = {1, 1000, 1e-3}, offset[] = {0, -7, 100};
    for (size_t s = 0; s < 3; s++) {
        fixture f = make("nsga3", 4);
        bool member[MOST_CHILDREN];
        for (uint64_t child = 0; child < 8; child++)
            tell(&f, child, first[child], (1 - first[child]) * scale[s] + offset[s], true, true);
        assert_int_equal(find_members(&f, 8, member), 4);
        assert_memory_equal(member, survives, sizeof survives);
        drop(&f);
    }
}

/* A better front survives whole before directions are looked at. */
static void nsga3_fronts(void **state)
{
    (void)state;
    fixture f = make("nsga3", 4);
    bool member[MOST_CHILDREN];
    for (uint64_t child = 0; child < 8; child++) /* the second four are all near one end, and better */
        tell(&f, child, child < 4 ? (double)child : 0.1 * (double)child - 0.8,
             child < 4 ? 3 - (double)child : -0.1 * (double)child - 0.8, true, true);
    assert_int_equal(find_members(&f, 8, member), 4);
    for (size_t child = 4; child < 8; child++)
        assert_true(member[child]);
    drop(&f);
}

/* A child that is better than all replaces two at most, and that of another algorithm is as welcome. */
static void moead_replaces_two(void **state)
{
    (void)state;
    enum { N = 10 };
    for (int own = 0; own < 2; own++) {
        fixture f = make("moead", N);
        bool member[MOST_CHILDREN];
        for (uint64_t child = 0; child < N; child++)
            tell(&f, child, (double)child / (N - 1), 1 - (double)child / (N - 1), true, true);
        assert_int_equal(find_members(&f, N, member), N);
        tell(&f, N, 0, 0, own == 1, true);
        assert_int_equal(find_members(&f, N + 1, member), N - 1);
        assert_true(member[N]);
        tell(&f, N + 1, 2, 2, own == 1, true); /* worse than all: nobody's */
        find_members(&f, N + 2, member);
        assert_false(member[N + 1]);
        drop(&f);
    }
}

/* Each problem has the individual it likes best: of points on a line in any order none is lost, and one between two is
 * taken by a problem next to it only if it is nearer to its direction. */
static void moead_keeps_the_spread(void **state)
{
    (void)state;
    enum { N = 5 };
    static const size_t order[N] = {3, 0, 4, 1, 2};
    fixture f = make("moead", N);
    bool member[MOST_CHILDREN];
    for (uint64_t child = 0; child < N; child++)
        tell(&f, child, (double)order[child] / (N - 1), 1 - (double)order[child] / (N - 1), true, true);
    for (uint64_t child = N; child < 40; child++) /* copies of the ends may not crowd the middle out */
        tell(&f, child, child % 2 == 0 ? 0 : 1, child % 2 == 0 ? 1 : 0, true, true);
    find_members(&f, 40, member);
    assert_true(member[0] && member[3] && member[4]); /* 3/4, 1/4, 2/4 */
    drop(&f);
}

/* The estimates of a race that ended early enter no population, and failures do not. */
static void only_complete_children(void **state)
{
    (void)state;
    static const char *const names[] = {"nsga2", "nsga3", "moead", "sms_emoa"};
    for (size_t i = 0; i < sizeof names / sizeof *names; i++) {
        fixture f = make(names[i], 6);
        bool member[MOST_CHILDREN];
        for (uint64_t child = 0; child < 30; child++)
            tell(&f, child, child % 3 == 1 ? -1 : (double)child, child % 3 == 1 ? -1 : 30 - (double)child, true,
                 child % 3 != 1);
        assert_true(find_members(&f, 30, member) >= 5);
        for (size_t child = 1; child < 30; child += 3)
            assert_false(member[child]);
        drop(&f);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(reference_points),       cmocka_unit_test(points_by_hand),
        cmocka_unit_test(nsga3_niches),           cmocka_unit_test(nsga3_fronts),
        cmocka_unit_test(moead_replaces_two),     cmocka_unit_test(moead_keeps_the_spread),
        cmocka_unit_test(only_complete_children),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
