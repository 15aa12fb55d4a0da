/* Line searches on functions whose best point along a line is known: they find it, in few points, within the ranges and
 * the share of the budget, and look at nothing but what was told. */
#include "near.h"

#include "search/algorithm/line_search.h"

enum { GENES = 6, FIRSTS = 3, WINDOW = 4, CHILDREN = 200 };
enum { METHOD, A0, A1, DENSITY, B0, SEED };

/* Method 0 has two weights of one slot and a density, method 1 a weight of its own; method 2 has no line. */
static clade_gene genes[GENES] = {
    [METHOD] = {.name = "method", .kind = CLADE_GENE_CATEGORY, .high = 2, .active_in = UINT64_MAX},
    [A0] = {.name = "a0", .low = 0, .high = 1, .active_in = 1, .slot = 1, .parent = 0},
    [A1] = {.name = "a1", .low = 0, .high = 1, .active_in = 1, .slot = 1, .parent = 1},
    [DENSITY] = {.name = "density", .low = 0, .high = 1, .active_in = 1, .slot = 2},
    [B0] = {.name = "b0", .low = 0, .high = 4, .active_in = 2, .slot = 3},
    [SEED] = {.name = "seed", .kind = CLADE_GENE_SEED, .high = 4294967295.0, .active_in = UINT64_MAX},
};
static const clade_space space = {.genes = genes, .n_genes = GENES, .has_category = true};
static const clade_space_line lines[] = {
    {"a weight", 0, 1, true}, {"a density", 0, 2, false}, {"b weight", 1, 3, true}};
static const double first[FIRSTS][GENES] = {
    {2, 0.5, 0.5, 0.5, 1, 7}, {1, 0.5, 0.5, 0.5, 1, 8}, {0, 0.2, 0.1, 0.5, 1, 9}};
static const char *const names[FIRSTS] = {"no line", "b", "a"};

/* What is searched: parabolas in the coordinates of the lines. */
typedef struct form {
    double scale, density, b; /* where they are lowest: ln of the factor on (.2, .1), density, ln b0 */
    double failing;           /* weights b0 above it fail; 0: none */
} form;

static bool evaluate(const form *f, const double *genome, double objectives[2])
{
    double value = 0.6;
    if (genome[METHOD] < 0.5) {
        const double s = log(genome[A0] / 0.2) - f->scale, d = genome[DENSITY] - f->density;
        value = s * s + 4 * d * d;
    } else if (genome[METHOD] < 1.5) {
        const double s = log(genome[B0]) - f->b;
        value = 0.3 + s * s;
    }
    objectives[0] = value;
    objectives[1] = 3 * value + 1;
    return f->failing <= 0 || genome[METHOD] < 0.5 || genome[B0] <= f->failing;
}

typedef struct history {
    size_t n;                       /* children that were points of lines */
    double genome[CHILDREN][GENES]; /* theirs */
    uint64_t child[CHILDREN];
    clade_proposal proposal[CHILDREN]; /* genome: not to be read */
    double best[3];                    /* value of each method over all children */
} history;

static const clade_search_problem usual = {.space = &space,
                                           .n_objectives = 2,
                                           .first = first[0],
                                           .first_names = names,
                                           .n_first = FIRSTS,
                                           .window = WINDOW,
                                           .children = CHILDREN,
                                           .lines = lines,
                                           .n_lines = 3,
                                           .line_share = 0.5};

/* In the order of algorithm.h; who has no point to try makes a copy of first individual 0. PARTLY: first individuals
 * were scored on a batch. */
static void run(const clade_search_problem *problem, const form *f, bool partly, history *h)
{
    const size_t n_first = problem->n_first;
    static double all[CHILDREN][GENES];
    clade_line_search *search;
    uint64_t told = 0;
    memset(h, 0, sizeof *h);
    h->best[0] = h->best[1] = h->best[2] = INFINITY;
    assert_ok(clade_line_search_create(problem, &search));
    for (uint64_t child = 0; child < CHILDREN; child++) {
        for (; told + problem->window < child + 1; told++) {
            double objectives[2];
            const bool fine = evaluate(f, all[told], objectives);
            const clade_told result = {.child = told,
                                       .genome = all[told],
                                       .objectives = fine ? objectives : NULL,
                                       .cost = 1,
                                       .images = 10,
                                       .own = true,
                                       .complete = told >= n_first || !partly};
            bool mine, was = false;
            for (size_t i = 0; i < h->n; i++)
                was = was || h->child[i] == told;
            assert_ok(clade_line_search_tell(search, &result, &mine));
            assert_int_equal(mine, was);
            const size_t method = (size_t)all[told][METHOD];
            h->best[method] = fine ? fmin(h->best[method], objectives[0]) : h->best[method];
        }
        memcpy(all[child], problem->first + (child < n_first ? child : 0) * GENES, sizeof all[child]);
        double genome[2][GENES] = {{0}};
        bool mine[2] = {false};
        clade_proposal proposal = {.variant = 0};
        for (size_t turn = 0; turn < 2 && child >= n_first; turn++) { /* asking twice is asking once */
            proposal.genome = genome[turn];
            clade_line_search_ask(search, child, &proposal, &mine[turn]);
        }
        assert_int_equal(mine[0], mine[1]);
        assert_memory_equal(genome[0], genome[1], sizeof genome[0]);
        if (!mine[0])
            continue;
        assert_true(clade_space_holds(&space, genome[0]));
        memcpy(all[child], genome[0], sizeof genome[0]);
        memcpy(h->genome[h->n], genome[0], sizeof genome[0]);
        h->proposal[h->n] = proposal;
        h->child[h->n++] = child;
    }
    clade_line_search_destroy(search);
}

static history one, two;

/* Points of the line of this operator. */
static size_t count(const history *h, const char *operator_name)
{
    size_t n = 0;
    for (size_t i = 0; i < h->n; i++)
        n += strcmp(h->proposal[i].operator_name, operator_name) == 0;
    return n;
}

/* The bracket, the vertex, and nothing more, where the function is a parabola. */
static void vertex(void **state)
{
    (void)state;
    const form f = {.scale = 0.1, .density = 0.4, .b = -0.12};
    run(&usual, &f, false, &one);
    assert_near(one.best[0], 0, 1e-12);
    assert_near(one.best[1], 0.3, 1e-12);
    assert_int_equal(count(&one, "line: b weight"), 3);
    assert_true(count(&one, "line: a density") <= 5);
    assert_true(count(&one, "line: a weight") <= 5); /* once more, because the density gained */
    assert_int_equal(count(&one, "line: a weight") + count(&one, "line: a density") + 3, one.n);
}

/* All genes of a slot by one factor, the others as they are; the better first individual first; where it came from. */
static void moves(void **state)
{
    (void)state;
    const form f = {.scale = 0.1, .density = 0.4, .b = -0.12};
    run(&usual, &f, false, &one);
    assert_string_equal(one.proposal[0].operator_name, "line: a weight");
    assert_true(one.child[0] == FIRSTS + WINDOW - 1); /* as soon as all of them have been told */
    for (size_t i = 0; i < one.n; i++) {
        const double *g = one.genome[i];
        const bool is_b = g[METHOD] > 0.5;
        assert_near(g[A1] / g[A0], is_b ? 1 : 0.5, 1e-12);
        assert_true(g[SEED] == (is_b ? 8 : 9));
        assert_true(is_b ? g[A0] == 0.5 : g[B0] == 1);
        assert_int_equal(one.proposal[i].parents[0], is_b ? 1 : 2);
        assert_int_equal(one.proposal[i].n_parents, one.proposal[i].parents[1] == one.proposal[i].parents[0] ? 1 : 2);
        assert_true(one.proposal[i].parents[1] < one.child[i]);
    }
    assert_int_equal(one.proposal[0].n_parents, 1);
    assert_int_equal(one.proposal[one.n - 1].n_parents, 2);
    assert_near(one.genome[0][A0] * one.genome[1][A0], 0.2 * 0.2, 1e-12); /* both sides at once */
    assert_int_equal(one.child[1], one.child[0] + 1);
}

/* A best point far away is walked to; one beyond a range is looked for up to its end and no further. */
static void far(void **state)
{
    (void)state;
    const form away = {.scale = 1.4, .density = 0.5, .b = -1}, beyond = {.scale = 3, .density = 2, .b = 3};
    run(&usual, &away, false, &one);
    assert_near(one.best[0], 0, 0.02);
    assert_near(one.best[1], 0.3, 0.05);
    run(&usual, &beyond, false, &one);
    const double scale = log(5) - 3;
    assert_near(one.best[0], scale * scale + 4, 1e-9);
    assert_near(one.best[1], 0.3 + (log(4) - 3) * (log(4) - 3), 1e-9);
    assert_true(one.n < 40);
}

static void shares(void **state)
{
    (void)state;
    const form f = {.scale = 1.4, .density = 0.1, .b = -1};
    clade_search_problem problem = usual;
    problem.line_share = 5.0 / CHILDREN;
    run(&problem, &f, false, &one);
    assert_int_equal(one.n, 5);
    problem = usual;
    problem.children = 0;
    problem.images = 10 * CHILDREN; /* 10 a child */
    problem.line_share = 7.9 / CHILDREN;
    run(&problem, &f, false, &one);
    assert_int_equal(one.n, 7);
    problem.children = CHILDREN; /* the smaller of both */
    problem.images *= 100;
    run(&problem, &f, false, &one);
    assert_int_equal(one.n, 7);
}

static void nothing(void **state)
{
    (void)state;
    const form f = {.scale = 1};
    clade_search_problem problem = usual;
    problem.n_lines = 0;
    run(&problem, &f, false, &one);
    assert_int_equal(one.n, 0);
    problem = usual;
    problem.children = 0; /* a share of what? */
    run(&problem, &f, false, &one);
    assert_int_equal(one.n, 0);
}

/* A first individual that was scored on a batch is scored again, as it is. */
static void again(void **state)
{
    (void)state;
    const form f = {.scale = 0.1, .density = 0.5, .b = 0};
    run(&usual, &f, true, &one);
    assert_memory_equal(one.genome[0], first[2], sizeof first[2]);
    assert_near(one.best[0], 0, 1e-12);
    assert_near(one.best[1], 0.3, 1e-12);
}

/* A point that fails ends its line; lines of others go on. Where all first individuals fail there is no line. */
static void failures(void **state)
{
    (void)state;
    const form f = {.scale = 0.1, .density = 0.5, .b = 0.6, .failing = 1.1};
    run(&usual, &f, false, &one);
    assert_int_equal(count(&one, "line: b weight"), 2);
    assert_near(one.best[0], 0, 1e-12);
    clade_line_search *search;
    assert_ok(clade_line_search_create(&usual, &search));
    for (uint64_t child = 0; child < 20; child++) {
        double genome[GENES] = {0};
        clade_proposal proposal = {.genome = genome};
        bool mine;
        assert_ok(clade_line_search_tell(search, &(clade_told){.child = child, .genome = first[0], .cost = 1}, &mine));
        assert_false(mine);
        clade_line_search_ask(search, child + 1, &proposal, &mine);
        assert_false(mine);
    }
    clade_line_search_destroy(search);
}

static void deterministic(void **state)
{
    (void)state;
    const form f = {.scale = 1.4, .density = 0.1, .b = -1};
    run(&usual, &f, false, &one);
    run(&usual, &f, false, &two);
    assert_int_equal(one.n, two.n);
    assert_memory_equal(one.genome, two.genome, sizeof one.genome);
    assert_memory_equal(one.child, two.child, sizeof one.child);
}

/* First individuals that lie on the line are its points: here both sides of the best, so the first child is the
 * vertex. */
static void known(void **state)
{
    (void)state;
    static double firsts[5][GENES] = {{2, 0.5, 0.5, 0.5, 1, 7},
                                      {0, 0.2, 0.1, 0.5, 1, 9},
                                      {0, 0.3, 0.15, 0.5, 1, 9},
                                      {0, 0.1, 0.05, 0.5, 1, 9},
                                      {0, 0.3, 0.1, 0.5, 1, 9}};
    static const char *const five[] = {"no line", "a", "stronger", "weaker", "another"};
    const form f = {.scale = 0.2, .density = 0.5};
    clade_search_problem problem = usual;
    problem.first = firsts[0];
    problem.first_names = five;
    problem.n_first = 5;
    run(&problem, &f, false, &one);
    assert_int_equal(count(&one, "line: a weight"), 1);
    assert_near(log(one.genome[0][A0] / 0.2), 0.2, 1e-12);
    assert_near(one.best[0], 0, 1e-12);
    firsts[2][SEED] = 10; /* other masks: it is not on the line */
    run(&problem, &f, false, &one);
    assert_near(log(one.genome[0][A0] / 0.2), 0.25, 1e-12);
    assert_near(one.best[0], 0, 0.003);
}

/* A window of one: one method, one point at a time. */
static void narrow(void **state)
{
    (void)state;
    const form f = {.scale = 0.1, .density = 0.4, .b = -0.12};
    clade_search_problem problem = usual;
    problem.window = 1;
    run(&problem, &f, false, &one);
    assert_int_equal(count(&one, "line: b weight"), 0);
    assert_near(one.best[0], 0, 1e-12);
    for (size_t i = 0; i < one.n; i++)
        assert_int_equal(one.child[i], FIRSTS + i); /* nothing to wait for */
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(vertex),   cmocka_unit_test(moves),         cmocka_unit_test(far),
        cmocka_unit_test(shares),   cmocka_unit_test(nothing),       cmocka_unit_test(again),
        cmocka_unit_test(failures), cmocka_unit_test(deterministic), cmocka_unit_test(known),
        cmocka_unit_test(narrow),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
