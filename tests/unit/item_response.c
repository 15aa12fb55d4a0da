/* The item response model finds the parameters that bits were drawn with; the order of items. */
#include "near.h"

#include <stdbool.h>

#include "clade/rng.h"
#include "search/item_response.h"

enum { CHILDREN = 300, ITEMS = 121, BYTES = (ITEMS + 7) / 8, RIGHT = 118, WRONG, MISLABELLED };

typedef struct simulation {
    double theta[CHILDREN], a[ITEMS], b[ITEMS];
    uint8_t bits[CHILDREN][BYTES], seen[CHILDREN][BYTES];
    const uint8_t *correct[CHILDREN], *answered[CHILDREN];
} simulation;
static simulation sim;

/* Items 118 and 119: all right, all wrong; 120: the better, the more often wrong. Every third child answered only half. */
static void simulate(void)
{
    memset(&sim, 0, sizeof sim);
    clade_rng rng = clade_rng_keyed((uint64_t[]){3}, 1);
    for (int i = 0; i < CHILDREN; i++)
        sim.theta[i] = clade_rng_normal(&rng);
    for (int j = 0; j < ITEMS; j++) {
        sim.a[j] = j == MISLABELLED ? -1 : 0.4 + 1.6 * clade_rng_uniform(&rng);
        sim.b[j] = j == MISLABELLED ? 0 : 1.2 * clade_rng_normal(&rng);
    }
    for (int i = 0; i < CHILDREN; i++) {
        sim.correct[i] = sim.bits[i];
        sim.answered[i] = i % 3 == 0 ? sim.seen[i] : NULL;
        for (int j = 0; j < ITEMS; j++) {
            const double p = 1 / (1 + exp(-sim.a[j] * (sim.theta[i] - sim.b[j])));
            bool right = clade_rng_uniform(&rng) < p;
            right = j == RIGHT || (right && j != WRONG);
            if (i % 3 == 0 && j % 2 == 0)
                continue;
            sim.bits[i][j / 8] = (uint8_t)(sim.bits[i][j / 8] | right << j % 8);
            sim.seen[i][j / 8] = (uint8_t)(sim.seen[i][j / 8] | 1 << j % 8);
        }
    }
}

static double correlation(const double *x, const double *y, size_t n)
{
    double mx = 0, my = 0, xx = 0, yy = 0, xy = 0;
    for (size_t i = 0; i < n; i++) {
        mx += x[i] / (double)n;
        my += y[i] / (double)n;
    }
    for (size_t i = 0; i < n; i++) {
        xx += (x[i] - mx) * (x[i] - mx);
        yy += (y[i] - my) * (y[i] - my);
        xy += (x[i] - mx) * (y[i] - my);
    }
    return xy / sqrt(xx * yy);
}

static void recovers(void **state)
{
    (void)state;
    clade_item_response fit;
    simulate();
    assert_ok(clade_item_response_fit(sim.correct, sim.answered, CHILDREN, ITEMS, &fit));
    assert_true(correlation(fit.theta, sim.theta, CHILDREN) > 0.95);
    assert_true(correlation(fit.a, sim.a, RIGHT) > 0.8);
    assert_true(correlation(fit.b, sim.b, RIGHT) > 0.93);
    double mean = 0, squares = 0, off = 0;
    for (int i = 0; i < CHILDREN; i++) {
        mean += fit.theta[i] / CHILDREN;
        squares += fit.theta[i] * fit.theta[i] / CHILDREN;
    }
    assert_near(mean, 0, 1e-12);
    assert_near(squares, 1, 1e-12);
    for (int j = 0; j < RIGHT; j++)
        off += fabs(fit.b[j] - sim.b[j]) / RIGHT;
    assert_true(off < 0.25);
    assert_near(fit.a[RIGHT], 0, 0);
    assert_near(fit.a[WRONG], 0, 0);
    assert_true(fit.a[MISLABELLED] < 0);
    clade_item_response_fini(&fit);
}

static void deterministic(void **state)
{
    (void)state;
    clade_item_response one, two;
    simulate();
    assert_ok(clade_item_response_fit(sim.correct, NULL, CHILDREN, ITEMS, &one));
    assert_ok(clade_item_response_fit(sim.correct, NULL, CHILDREN, ITEMS, &two));
    assert_memory_equal(one.a, two.a, sizeof sim.a);
    assert_memory_equal(one.b, two.b, sizeof sim.b);
    assert_memory_equal(one.theta, two.theta, sizeof sim.theta);
    clade_item_response_fini(&one);
    clade_item_response_fini(&two);
}

/* One child, or children that are all alike: nothing to learn, nothing infinite. */
static void little_data(void **state)
{
    (void)state;
    clade_item_response fit;
    double information[ITEMS];
    simulate();
    assert_ok(clade_item_response_fit(sim.correct, NULL, 1, ITEMS, &fit));
    assert_near(fit.theta[0], 0, 1e-12);
    clade_item_information(&fit, 0, information);
    for (int j = 0; j < ITEMS; j++)
        assert_near(information[j], 0, 0);
    clade_item_response_fini(&fit);
    const uint8_t *same[CHILDREN];
    for (int i = 0; i < CHILDREN; i++)
        same[i] = sim.bits[1];
    assert_ok(clade_item_response_fit(same, NULL, CHILDREN, ITEMS, &fit));
    for (int i = 0; i < CHILDREN; i++)
        assert_true(isfinite(fit.theta[i]));
    clade_item_response_fini(&fit);
}

static void informations(void **state)
{
    (void)state;
    double a[] = {2, 1, -1, 0}, b[] = {0, 1, 0, 0}, out[4];
    const clade_item_response fit = {.a = a, .b = b, .n_items = 4};
    clade_item_information(&fit, 0, out);
    assert_near(out[0], 4 * 0.25, 1e-15);
    const double p = 1 / (1 + exp(1.0));
    assert_near(out[1], p * (1 - p), 1e-15);
    assert_near(out[2], 0, 0);
    assert_near(out[3], 0, 0);
}

/* At the ability of the better children: informative first, what tells nothing last, groups in balance. */
static void orders(void **state)
{
    (void)state;
    enum { PLACES = 60, GROUPS = 3 };
    clade_item_response fit;
    size_t place[ITEMS], groups[PLACES], order[PLACES], seen[PLACES] = {0}, taken[GROUPS] = {0};
    double information[ITEMS], sum[PLACES] = {0}, last[GROUPS];
    simulate();
    assert_ok(clade_item_response_fit(sim.correct, NULL, CHILDREN, ITEMS, &fit));
    clade_item_information(&fit, 1, information);
    for (size_t j = 0; j < ITEMS; j++) {
        place[j] = j < 2 * PLACES ? j / 2 : SIZE_MAX; /* clean and corrupted; 118 and 119 are place 59 */
        if (place[j] < PLACES)
            sum[place[j]] += information[j];
    }
    for (size_t i = 0; i < PLACES; i++)
        groups[i] = i % GROUPS;
    for (size_t g = 0; g < GROUPS; g++)
        last[g] = 1e9;
    assert_ok(clade_item_response_order(&fit, 1, place, PLACES, groups, order));
    for (size_t i = 0; i < PLACES; i++) {
        const size_t g = groups[order[i]];
        assert_true(order[i] < PLACES && !seen[order[i]]++);
        assert_true(sum[order[i]] <= last[g]);
        last[g] = sum[order[i]];
        taken[g]++;
        for (size_t h = 0; h < GROUPS; h++)
            assert_true(taken[h] <= taken[g] + 1 && taken[g] <= taken[h] + 1);
    }
    assert_int_equal(order[PLACES - 1], 59);
    assert_ok(clade_item_response_order(&fit, 1, place, PLACES, NULL, order));
    for (size_t i = 1; i < PLACES; i++)
        assert_true(sum[order[i]] <= sum[order[i - 1]]);
    assert_int_equal(order[PLACES - 1], 59);
    clade_item_response_fini(&fit);
}

static void ties_and_sizes(void **state)
{
    (void)state;
    const double same[6] = {1, 1, 1, 1, 1, 1};
    const size_t groups[6] = {2, 2, 2, 2, 0, 0}; /* group 1 is empty */
    size_t order[6];
    assert_ok(clade_item_order(same, groups, 6, order));
    assert_memory_equal(order, ((size_t[]){0, 4, 1, 2, 5, 3}), sizeof order);
    assert_ok(clade_item_order(same, NULL, 6, order));
    assert_memory_equal(order, ((size_t[]){0, 1, 2, 3, 4, 5}), sizeof order);
    assert_ok(clade_item_order(same, NULL, 0, order));
}

static clade_status attempt(void *context)
{
    const uint8_t one[] = {5}, two[] = {3}, *correct[] = {one, two};
    const size_t place[] = {0, 1, 2};
    size_t order[3];
    clade_item_response fit;
    (void)context;
    CLADE_TRY(clade_item_response_fit(correct, NULL, 2, 3, &fit));
    const clade_status status = clade_item_response_order(&fit, 0, place, 3, NULL, order);
    clade_item_response_fini(&fit);
    return status;
}

static void faults(void **state)
{
    (void)state;
    check_every_allocation(attempt, NULL);
}

int main(void)
{
    const struct CMUnitTest tests[] = {cmocka_unit_test(recovers),    cmocka_unit_test(deterministic),
                                       cmocka_unit_test(little_data), cmocka_unit_test(informations),
                                       cmocka_unit_test(orders),      cmocka_unit_test(ties_and_sizes),
                                       cmocka_unit_test(faults)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}
