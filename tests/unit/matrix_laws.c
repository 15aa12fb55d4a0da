/* The laws of the methods on matrices, on tensors of all ranks and shapes: rows, columns, one element, none. */
#include "matrix_fixture.h"

#include "clade/rng.h"

static const char *const names[] = {"iso_c", "iso_cts", "tsv_m", "knots", "fourier", "wudi", "wudi_closed_form"};
enum { N_NAMES = sizeof names / sizeof names[0], N_SHAPES = 10 };
static const struct {
    size_t rank;
    uint64_t shape[3];
} shapes[N_SHAPES] = {{2, {3, 5, 0}}, {2, {5, 3, 0}}, {2, {1, 7, 0}}, {2, {7, 1, 0}}, {2, {1, 1, 0}},
                      {1, {8, 0, 0}}, {0, {0, 0, 0}}, {3, {2, 3, 4}}, {2, {0, 3, 0}}, {2, {8, 8, 0}}};

/* Method NAME on shape number S, with a base (-0 among it) and three random parents. */
static merge random_merge(const char *name, size_t s)
{
    size_t count = 1;
    merge one = matrix(name, 1, 1, 3);
    clade_rng rng = clade_rng_seeded(11, s);
    for (size_t axis = 0; axis < shapes[s].rank; axis++) {
        one.shape[axis] = shapes[s].shape[axis];
        count *= (size_t)shapes[s].shape[axis];
    }
    one.rank = shapes[s].rank;
    one.count = count;
    for (size_t i = 0; i < count; i++) {
        one.base[i] = i % 3 == 1 ? -0.0F : (float)clade_rng_uniform(&rng);
        for (size_t p = 0; p < 3; p++)
            one.parents[p][i] = one.base[i] + (float)(0.5 * clade_rng_uniform(&rng) - 0.25);
    }
    for (size_t p = 0; p < 3; p++) {
        set(&one, "weight", p, 0.3 + 0.25 * (double)p);
        set(&one, "density", p, 0.7 - 0.2 * (double)p);
    }
    set(&one, "lambda", 0, 0.875);
    set(&one, "steps", 0, 20);
    return one;
}

static void zero_deltas(void **state)
{
    (void)state;
    for (size_t k = 0; k < N_NAMES; k++)
        for (size_t s = 0; s < N_SHAPES; s++)
            for (int choice = 0; choice < 2; choice++) {
                merge one = random_merge(names[k], s);
                set(&one, "inner_method", 0, choice);
                for (size_t p = 0; p < 3; p++)
                    fill(&one, p, one.base);
                assert_ok(run(&one));
                if (one.count > 0)
                    assert_memory_equal(one.out, one.base, one.count * sizeof(float));
            }
}

/* lambda scales the distance from the base, and 0 gives its bits; the state depends on survey_parameters alone. */
static void lambda_scales(void **state)
{
    (void)state;
    for (size_t k = 0; k < N_NAMES; k++)
        for (size_t s = 0; s < N_SHAPES; s++) {
            merge one = random_merge(names[k], s), twice = one, none = one;
            set(&one, "lambda", 0, 1);
            set(&twice, "lambda", 0, 2);
            set(&none, "lambda", 0, 0);
            assert_ok(run(&one));
            assert_ok(run(&twice));
            assert_ok(run(&none));
            size_t lambda = clade_method_parameter(one.method, "lambda");
            assert_true((one.method->survey_parameters & 1u << lambda) == 0);
            assert_memory_equal(one.state, twice.state, sizeof one.state);
            for (size_t i = 0; i < one.count; i++)
                assert_near((double)twice.out[i] - (double)one.out[i], (double)one.out[i] - (double)one.base[i], 1e-6);
            if (one.count > 0)
                assert_memory_equal(none.out, none.base, none.count * sizeof(float));
        }
}

static void order_of_parents(void **state)
{
    static const size_t order[] = {2, 0, 1};
    (void)state;
    for (size_t k = 0; k < N_NAMES; k++)
        for (size_t s = 0; s < N_SHAPES; s++) {
            merge one = random_merge(names[k], s), other = one;
            size_t n = one.method->n_parameters;
            for (size_t p = 0; p < 3; p++) {
                fill(&other, p, one.parents[order[p]]);
                memcpy(other.parent + p * n, one.parent + order[p] * n, n * sizeof(double));
            }
            assert_ok(run(&one));
            assert_ok(run(&other));
            for (size_t i = 0; i < one.count; i++)
                assert_near((double)one.out[i], (double)other.out[i], 3e-7);
        }
}

/* Equal parents, a parent that is the base, a parent without weight: nothing that is not finite, and nothing far beyond
 * what the parents have. */
static void degenerate(void **state)
{
    (void)state;
    for (size_t k = 0; k < N_NAMES; k++)
        for (size_t s = 0; s < N_SHAPES; s++) {
            merge one = random_merge(names[k], s);
            fill(&one, 1, one.parents[0]);
            for (int turn = 0; turn < 3; turn++) {
                assert_ok(run(&one));
                for (size_t i = 0; i < one.count; i++)
                    assert_near((double)one.out[i], (double)one.base[i], 2);
                if (turn == 0)
                    fill(&one, 2, one.base);
                if (turn == 1)
                    set(&one, "weight", 1, 0);
            }
        }
}

/* Merges that are others in disguise. */
static void identities(void **state)
{
    (void)state;
    for (size_t s = 0; s < N_SHAPES; s++) {
        merge cts = random_merge("iso_cts", s), c = random_merge("iso_c", s), sum = random_merge("knots", s);
        set(&cts, "common_fraction", 0, 1);
        set(&sum, "inner_method", 0, 1);
        assert_ok(run(&cts));
        assert_ok(run(&c));
        assert_ok(run(&sum));
        for (size_t i = 0; i < c.count; i++) {
            double tau = 0;
            for (size_t p = 0; p < 3; p++)
                tau += (0.3 + 0.25 * (double)p) * ((double)sum.parents[p][i] - (double)sum.base[i]);
            assert_near((double)cts.out[i], (double)c.out[i], 1e-6);
            assert_near((double)sum.out[i], (double)sum.base[i] + 0.875 * tau / (sum.rank == 2 ? 1 : 3), 1e-6);
        }
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(zero_deltas), cmocka_unit_test(lambda_scales), cmocka_unit_test(order_of_parents),
        cmocka_unit_test(degenerate),  cmocka_unit_test(identities),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
