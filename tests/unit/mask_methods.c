/* The methods with masks and votes (SCE, RAM, MagMax, consensus and TALL masks, EMR, PCB): vectors worked out by hand, and
 * what all of them keep to. PCB's numbers are in pcb.c. */
#include "method_run.h"

#include "clade/rng.h"

enum { MOST = 4096, PARENTS = 3 };

/* ---- running a method ---- */

/* One tensor of N elements. */
typedef struct problem {
    run_tensor tensor;
    method_run run;
} problem;

/* The defaults of a method for parents A, B and C (those that are not NULL). */
static problem problem_of(const char *name, size_t n, const float *base, const float *a, const float *b, const float *c)
{
    problem made = {.tensor = {.rank = 1, .shape = {n}, .base = base, .parents = {a, b, c}}};
    made.run = run_new(name, c ? 3 : b ? 2 : 1, NULL, 1);
    return made;
}

static void set(problem *self, const char *name, size_t p, double value)
{
    run_set(&self->run, name, p, value);
}

/* The child, with surveys in pieces of PIECE and everything in tiles of TILE elements. */
static clade_status try_merge(problem *self, size_t piece, size_t tile, float *out)
{
    self->tensor.out = out;
    self->run.tensors = &self->tensor;
    self->run.piece = piece;
    self->run.tile = tile;
    return run_make(&self->run);
}

/* The task vector of the child of a base of zeros must be EXPECTED. */
static void check(problem *self, const double *expected)
{
    static const size_t pieces[] = {1, 2, MOST};
    float out[16];
    for (size_t i = 0; i < 3; i++) {
        assert_ok(try_merge(self, pieces[i], 16, out));
        for (size_t k = 0; k < self->tensor.shape[0]; k++)
            assert_near((double)out[k], expected[k], 1e-6);
    }
}

static float random_parents[PARENTS][MOST], random_base[MOST], results[2][MOST];

/* A base and parents whose differences from it are small, with some that are 0 or equal in several parents. */
static void make_random(size_t n)
{
    clade_rng rng = clade_rng_seeded(17, 4);
    for (size_t i = 0; i < n; i++) {
        random_base[i] = (float)floor(4096 * clade_rng_uniform(&rng)) / 4096;
        for (size_t p = 0; p < PARENTS; p++) {
            double u = clade_rng_uniform(&rng), d = 0.1 * (u - 0.5) * u;
            random_parents[p][i] = random_base[i] + (i % 11 == p ? 0 : (float)d);
        }
    }
}

/* The same method in another way: PCB by the paper, SCE with a selection. */
static void vary(problem *self, bool varied)
{
    if (strcmp(self->run.method->name, "pcb") == 0)
        set(self, "variant", 0, varied);
    if (strcmp(self->run.method->name, "sce") == 0)
        set(self, "select_topk", 0, varied ? 0.5 : 1);
}

/* ---- vectors worked out by hand ---- */

static const float zeros[4] = {0}, tau_1[] = {3, -1, 2}, tau_2[] = {-2, -4, 1};

static void magmax(void **state)
{
    static const float a[] = {1, -3, 2, 0}, b[] = {-1, 2, 2, 0}, c[] = {0.5F, 3, -4, 0};
    problem one = problem_of("magmax", 4, zeros, a, b, c), other = problem_of("magmax", 4, zeros, c, b, a);
    (void)state;
    check(&one, (const double[]){1, 3, -4, 0}); /* of 1 and -1, of -3 and 3 the positive one */
    check(&other, (const double[]){1, 3, -4, 0});
    set(&one, "weight", 2, -2);
    set(&one, "lambda", 0, 0.5);
    check(&one, (const double[]){0.5, -3, 4, 0});
}

static void tall_and_consensus(void **state)
{
    problem tall = problem_of("tall_mask", 3, zeros, tau_1, tau_2, NULL);
    problem consensus = problem_of("consensus_ta", 3, zeros, tau_1, tau_2, NULL);
    (void)state;
    check(&tall, (const double[]){1, 0, 3});
    check(&consensus, (const double[]){1, 0, 3});
    set(&tall, "task", 0, 1);
    check(&tall, (const double[]){1, -5, 3});
    set(&consensus, "k", 0, 1);
    set(&consensus, "lambda", 0, 2);
    check(&consensus, (const double[]){2, -10, 6});
    set(&consensus, "mask_lambda", 1, 3.5); /* masks (1, 0, 1), (0, 1, 0) */
    check(&consensus, (const double[]){2, -10, 6});
    set(&consensus, "k", 0, 2);
    check(&consensus, (const double[]){0, 0, 0});
    set(&consensus, "k", 0, 3);
    check(&consensus, (const double[]){0, 0, 0});
    set(&tall, "weight", 0, 0); /* S = tau_2, mask of task 1 everywhere */
    check(&tall, (const double[]){-2, -4, 1});
}

static void emr(void **state)
{
    problem one = problem_of("emr", 3, zeros, tau_1, tau_2, NULL);
    (void)state;
    check(&one, (const double[]){3 * 2 / 3.0, -4 * 2 / 3.0, 2 * 2 / 3.0});
    set(&one, "task", 0, 1);
    set(&one, "lambda", 0, 3);
    check(&one, (const double[]){0, -4 * 7 / 2.0, 2 * 7 / 2.0});
    /* A sum of 0 counts as -, and a parent that agrees nowhere leaves the base. */
    static const float up[] = {1, 2}, down[] = {-1, -3};
    problem cancelling = problem_of("emr", 2, zeros, up, down, NULL);
    check(&cancelling, (const double[]){0, 0});
    set(&cancelling, "task", 0, 1);
    check(&cancelling, (const double[]){-1, -3});
}

static void no_such_task(void **state)
{
    static const char *const names[] = {"tall_mask", "emr"};
    float out[3];
    (void)state;
    for (size_t i = 0; i < 2; i++) {
        problem one = problem_of(names[i], 3, zeros, tau_1, tau_2, NULL);
        set(&one, "task", 0, 2);
        assert_fails(try_merge(&one, 3, 3, out), CLADE_ECONFIG, "task is 2, expected the index of one of the 2");
    }
}

static void ram(void **state)
{
    static const float a[] = {0.1F, 0, 0.2F, 1e-6F}, b[] = {0, 0, 0.4F, 0};
    problem plain = problem_of("ram", 4, zeros, a, b, NULL), plus = problem_of("ramplus_tl", 4, zeros, a, b, NULL);
    (void)state;
    check(&plain, (const double[]){0.1, 0, 0.3, 0});
    check(&plus, (const double[]){0.1 * (1 + 0.1 * 0.2), 0, 0.3, 0});
    set(&plus, "r", 0, 0.5); /* one shared, one unique */
    set(&plus, "alpha", 0, 3);
    check(&plus, (const double[]){0.1 * 1.5, 0, 0.3, 0});
    set(&plus, "epsilon", 0, 0); /* one shared, two unique */
    check(&plus, (const double[]){0.1 * 1.25, 0, 0.3, 1e-6 * 1.25});
    set(&plain, "epsilon", 0, 0.2F); /* not more than epsilon */
    check(&plain, (const double[]){0, 0, 0.4, 0});
}

static void sce(void **state)
{
    static const float small[] = {3e-4F, -1e-4F, 2e-4F}, smaller[] = {-2e-4F, -4e-4F, 1e-4F};
    problem one = problem_of("sce", 3, zeros, tau_1, tau_2, NULL);
    (void)state;
    check(&one, (const double[]){3, -2.8, 1.4}); /* shares 0.4 and 0.6 */
    set(&one, "select_topk", 0, 0.5);            /* trunc(1.5) of the variances 6.25, 2.25, 0.25 */
    check(&one, (const double[]){3, 0, 0});
    set(&one, "select_topk", 0, 0.3);
    check(&one, (const double[]){0, 0, 0});
    set(&one, "select_topk", 0, 0);
    check(&one, (const double[]){0, 0, 0});
    one = problem_of("sce", 3, zeros, small, smaller, NULL); /* equal shares: the squares are below 1e-6 */
    float out[3];
    assert_ok(try_merge(&one, 3, 3, out));
    assert_near((double)out[1], -2.5e-4, 1e-9);
}

/* Of equal variances the first ones stay, and exactly as many as asked for, however the tensor is cut. */
static void sce_keeps_exactly_k(void **state)
{
    static const size_t pieces[] = {7, 64, MOST};
    float *a = random_parents[0], *b = random_parents[1];
    enum { N = 1000 };
    (void)state;
    for (size_t i = 0; i < N; i++) {
        random_base[i] = 0;
        a[i] = (float)(1 + i % 4);
        b[i] = 0;
    }
    problem one = problem_of("sce", N, random_base, a, b, NULL);
    set(&one, "select_topk", 0, 0.4); /* the 250 of a = 4, and 150 of the 250 of a = 3 */
    for (size_t t = 0; t < 3; t++) {
        assert_ok(try_merge(&one, pieces[t], 7, results[0]));
        for (size_t i = 0; i < N; i++)
            assert_int_equal(results[0][i] != 0, i % 4 == 3 || (i % 4 == 2 && i / 4 < 150));
    }
}

/* ---- all of them ---- */

static const char *const all[] = {"sce", "ram", "ramplus_tl", "magmax", "consensus_ta", "tall_mask", "emr", "pcb"};
enum { N_ALL = sizeof all / sizeof all[0] };

/* Parents that equal the base give its bits, -0 among them, from one element on. */
static void zero_deltas(void **state)
{
    static const float base[] = {-0.0F, 1, -2, 0, 0.1F};
    (void)state;
    for (size_t m = 0; m < N_ALL; m++)
        for (size_t n = 1; n <= 5; n++)
            for (int variant = 0; variant < 2; variant++) {
                float out[5];
                problem one = problem_of(all[m], n, base, base, base, base);
                vary(&one, variant);
                assert_ok(try_merge(&one, 2, 2, out));
                assert_memory_equal(out, base, n * sizeof *base);
            }
}

/* All parameters are changed by the same amount: minima equal maxima. The child is finite and between base and parent. */
static void equal_deltas(void **state)
{
    float base[20], parent[20], out[20];
    (void)state;
    for (size_t i = 0; i < 20; i++) {
        base[i] = (float)i;
        parent[i] = (float)i + 0.5F;
    }
    for (size_t m = 0; m < N_ALL; m++)
        for (size_t n = 1; n <= 20; n += 19)
            for (size_t parents = 1; parents <= 3; parents++)
                for (int variant = 0; variant < 2; variant++) {
                    problem one =
                        problem_of(all[m], n, base, parent, parents > 1 ? parent : NULL, parents > 2 ? parent : NULL);
                    vary(&one, variant);
                    assert_ok(try_merge(&one, 7, 7, out));
                    bool sums = strcmp(all[m], "consensus_ta") == 0 || strcmp(all[m], "tall_mask") == 0;
                    for (size_t i = 0; i < n; i++)
                        assert_true(out[i] >= base[i] && out[i] <= base[i] + 0.5F * (sums ? (float)parents : 1));
                    if (one.run.method->laws & CLADE_LAW_EQUAL && one.run.site[0] == 1)
                        assert_memory_equal(out, parent, n * sizeof *out);
                }
}

/* Tiles and pieces change nothing; the order of the parents nothing but rounding. */
static void cuts_and_order(void **state)
{
    enum { N = 2000 };
    (void)state;
    make_random(N);
    const float *a = random_parents[0], *b = random_parents[1], *c = random_parents[2];
    for (size_t m = 0; m < N_ALL; m++)
        for (int variant = 0; variant < 2; variant++) {
            problem one = problem_of(all[m], N, random_base, a, b, c),
                    other = problem_of(all[m], N, random_base, c, a, b);
            vary(&one, variant);
            vary(&other, variant);
            assert_ok(try_merge(&one, N, N, results[0]));
            assert_ok(try_merge(&one, 384, 128, results[1]));
            for (size_t i = 0; i < N; i++)
                assert_near((double)results[0][i], (double)results[1][i], 2e-7);
            assert_ok(try_merge(&other, N, N, results[1]));
            for (size_t i = 0; i < N && one.run.method->laws & CLADE_LAW_SYMMETRIC; i++)
                assert_near((double)results[0][i], (double)results[1][i], 2e-7);
        }
}

/* Three tensors of a rule are one vector to the methods that look at the whole rule. */
static void rule_of_tensors(void **state)
{
    static const size_t ends[] = {0, 1, 700, 2000};
    static const char *const names[] = {"emr", "pcb", "pcb"};
    (void)state;
    make_random(ends[3]);
    for (size_t m = 0; m < 3; m++) {
        const float *a = random_parents[0], *b = random_parents[1], *c = random_parents[2];
        problem whole = problem_of(names[m], ends[3], random_base, a, b, c);
        run_tensor tensors[3];
        vary(&whole, m == 2);
        assert_ok(try_merge(&whole, ends[3], ends[3], results[0]));
        for (size_t t = 0; t < 3; t++) {
            size_t at = ends[t];
            tensors[t] = (run_tensor){.rank = 1,
                                      .shape = {ends[t + 1] - at},
                                      .base = random_base + at,
                                      .parents = {a + at, b + at, c + at},
                                      .out = results[1] + at};
        }
        whole.run.tensors = tensors;
        whole.run.n_tensors = 3;
        assert_ok(run_make(&whole.run));
        for (size_t i = 0; i < ends[3]; i++)
            assert_near((double)results[1][i], (double)results[0][i], 2e-7);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(magmax),
        cmocka_unit_test(tall_and_consensus),
        cmocka_unit_test(emr),
        cmocka_unit_test(no_such_task),
        cmocka_unit_test(ram),
        cmocka_unit_test(sce),
        cmocka_unit_test(sce_keeps_exactly_k),
        cmocka_unit_test(zero_deltas),
        cmocka_unit_test(equal_deltas),
        cmocka_unit_test(cuts_and_order),
        cmocka_unit_test(rule_of_tensors),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
