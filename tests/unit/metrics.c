/* Metrics against answers worked out by hand. */
#include "near.h"

#include <math.h>

#include "clade/metrics.h"

static void two_equal_logits(void **state)
{
    (void)state;
    const float logits[] = {1.0f, 1.0f, 2.0f, 2.0f};
    const uint8_t labels[] = {0, 1};
    uint8_t correct[2] = {9, 9};
    clade_metrics m;
    assert_ok(clade_metrics_of(logits, 2, 2, labels, correct, &m));
    assert_int_equal(m.items, 2);
    assert_near(m.accuracy, 0.5, 0.0); /* a tie goes to class 0 */
    assert_int_equal(correct[0], 1);
    assert_int_equal(correct[1], 0);
    assert_near(m.entropy, log(2.0), 1e-15);
    assert_near(m.nll, log(2.0), 1e-15);
    assert_near(m.brier, 0.5, 1e-15);
    assert_near(m.ece, 0.0, 1e-15); /* half right at confidence one half, in one bin */
}

static void certain_and_wrong(void **state)
{
    (void)state;
    const float logits[] = {0.0f, 1000.0f, 0.0f};
    const uint8_t labels[] = {2};
    clade_metrics m;
    assert_ok(clade_metrics_of(logits, 1, 3, labels, NULL, &m));
    assert_near(m.accuracy, 0.0, 0.0);
    assert_near(m.nll, 1000.0, 1e-12); /* where p itself underflows to 0 */
    assert_near(m.entropy, 0.0, 1e-15);
    assert_near(m.brier, 2.0, 1e-15);
    assert_near(m.ece, 1.0, 1e-15);
}

static void without_labels(void **state)
{
    (void)state;
    const float logits[] = {0.0f, 0.0f, 0.0f, 0.0f};
    clade_metrics m;
    assert_ok(clade_metrics_of(logits, 1, 4, NULL, NULL, &m));
    assert_near(m.entropy, log(4.0), 1e-15);
    assert_true(isnan(m.accuracy) && isnan(m.nll) && isnan(m.ece) && isnan(m.brier));
    assert_near(m.confidence, 0.25, 1e-15);
    assert_near(m.confidence_variance, 0, 0);
    assert_true(isnan(m.confidence_covariance));
}

/* Confidences 3/4, 1/2, 1/2, 3/4, the first two right: mean 5/8, products about it 1/64 in size. */
static void confidences(void **state)
{
    (void)state;
    const float z = (float)log(3.0), logits[] = {z, 0.0f, 0.0f, 0.0f, 0.0f, 0.0f, z, 0.0f};
    const uint8_t labels[] = {0, 0, 1, 1}, sure[] = {0, 1, 1, 0};
    clade_metrics m;
    assert_ok(clade_metrics_of(logits, 4, 2, labels, NULL, &m));
    assert_near(m.confidence, 0.625, 1e-7);
    assert_near(m.confidence_variance, 1.0 / 64, 1e-7);
    assert_near(m.confidence_covariance, 0, 1e-7);
    assert_ok(clade_metrics_of(logits, 4, 2, sure, NULL, &m));
    assert_near(m.confidence_covariance, 1.0 / 16, 1e-7);
}

/* Two items of one confidence share a bin whatever is right; the error is of the bin, not of the item. */
static void bins_are_joint(void **state)
{
    (void)state;
    const float z = (float)log(3.0); /* p = 3/4, 1/4 */
    const float logits[] = {z, 0.0f, z, 0.0f, z, 0.0f, z, 0.0f};
    const uint8_t calibrated[] = {0, 0, 0, 1}, always[] = {0, 0, 0, 0};
    clade_metrics m;
    assert_ok(clade_metrics_of(logits, 4, 2, calibrated, NULL, &m));
    assert_near(m.ece, 0.0, 1e-7);
    assert_ok(clade_metrics_of(logits, 4, 2, always, NULL, &m));
    assert_near(m.ece, 0.25, 1e-7);
}

static void one_class(void **state)
{
    (void)state;
    const float logits[] = {-3.0f};
    const uint8_t labels[] = {0};
    clade_metrics m;
    assert_ok(clade_metrics_of(logits, 1, 1, labels, NULL, &m));
    assert_near(m.accuracy, 1.0, 0.0);
    assert_near(m.entropy, 0.0, 0.0);
    assert_near(m.ece, 0.0, 0.0);
}

static void shifts_change_nothing(void **state)
{
    (void)state;
    const float logits[] = {0.5f, -1.25f, 3.0f}, shifted[] = {64.5f, 62.75f, 67.0f};
    const uint8_t labels[] = {1};
    clade_metrics a, b;
    assert_ok(clade_metrics_of(logits, 1, 3, labels, NULL, &a));
    assert_ok(clade_metrics_of(shifted, 1, 3, labels, NULL, &b));
    assert_near(a.nll, b.nll, 1e-13);
    assert_near(a.entropy, b.entropy, 1e-13);
    assert_near(a.brier, b.brier, 1e-13);
}

static void not_finite(void **state)
{
    (void)state;
    const float logits[] = {0.0f, 1.0f, 2.0f, NAN}, infinite[] = {INFINITY, 0.0f};
    clade_metrics m;
    assert_fails(clade_metrics_of(logits, 2, 2, NULL, NULL, &m), CLADE_EEVAL, "row 1: logit 1");
    assert_fails(clade_metrics_of(infinite, 1, 2, NULL, NULL, &m), CLADE_EEVAL, "row 0: logit 0");
}

static void cosines(void **state)
{
    (void)state;
    const float embeds[] = {3.0f, 4.0f, 0.0f, -2.0f}, rows[] = {1.0f, 0.0f, 0.0f, 1.0f, 0.6f, 0.8f};
    const float expected[] = {12.0f, 16.0f, 20.0f, 0.0f, -20.0f, -16.0f};
    float logits[6];
    assert_ok(clade_cosine_logits(embeds, 2, 2, rows, 3, 20.0, logits));
    for (size_t i = 0; i < 6; i++)
        assert_near(logits[i], expected[i], 1e-5);
    const float nothing[] = {1.0f, 1.0f, 0.0f, 0.0f}, broken[] = {NAN, 0.0f};
    assert_fails(clade_cosine_logits(nothing, 2, 2, rows, 3, 20.0, logits), CLADE_EEVAL, "row 1");
    assert_fails(clade_cosine_logits(broken, 1, 2, rows, 3, 20.0, logits), CLADE_EEVAL, "row 0");
}

int main(void)
{
    const struct CMUnitTest tests[] = {cmocka_unit_test(two_equal_logits), cmocka_unit_test(certain_and_wrong),
                                       cmocka_unit_test(without_labels),   cmocka_unit_test(bins_are_joint),
                                       cmocka_unit_test(one_class),        cmocka_unit_test(shifts_change_nothing),
                                       cmocka_unit_test(not_finite),       cmocka_unit_test(cosines),
                                       cmocka_unit_test(confidences)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}
