/* The planes of spatter against answers by hand and against slow definitions. */
#include "near.h"

#include "clade/corruption.h"
#include "score/spatter.h"

enum { H = 7, W = 9, N = H * W };

static void flat_planes_have_no_edges(void **state)
{
    (void)state;
    int in[N], edge[N];
    for (size_t i = 0; i < N; i++)
        in[i] = 200;
    assert_ok(clade_canny((clade_plane){H, W, in}, 50, 150, edge));
    for (size_t i = 0; i < N; i++)
        assert_int_equal(edge[i], 0);
}

/* A vertical step of height 100 has gradient 400 in the two columns beside it; the tie goes to the left one. */
static void a_step_is_one_line(void **state)
{
    (void)state;
    int in[N], edge[N];
    for (size_t i = 0; i < N; i++)
        in[i] = i % W < 4 ? 0 : 100;
    assert_ok(clade_canny((clade_plane){H, W, in}, 50, 150, edge));
    for (size_t i = 0; i < N; i++)
        assert_int_equal(edge[i], i % W == 3 ? 255 : 0);
    /* gradient 100 is weak, and nothing strong is near */
    for (size_t i = 0; i < N; i++)
        in[i] = i % W < 4 ? 0 : 25;
    assert_ok(clade_canny((clade_plane){H, W, in}, 50, 150, edge));
    for (size_t i = 0; i < N; i++)
        assert_int_equal(edge[i], 0);
}

/* A line that is strong in its first row only is followed along its weak rest. */
static void weak_edges_follow_strong_ones(void **state)
{
    (void)state;
    int in[N], edge[N];
    for (size_t i = 0; i < N; i++)
        in[i] = i % W < 4 ? 0 : i / W == 0 ? 100 : 25;
    assert_ok(clade_canny((clade_plane){H, W, in}, 50, 150, edge));
    assert_int_equal(edge[(H - 1) * W + 3], 255);
    assert_int_equal(edge[(H - 1) * W], 0);
}

/* Relax every pixel over all 16 steps of the mask until nothing changes: the definition. */
static void slow_chamfer(int *d, int limit)
{
    static const int steps[3][3] = {{1, 0, 65536}, {1, 1, 91750}, {2, 1, 143976}};
    for (size_t i = 0; i < N; i++)
        d[i] = d[i] == 0 ? 0 : limit;
    for (bool changed = true; changed;) {
        changed = false;
        for (int i = 0; i < N; i++)
            for (int j = 0; j < N; j++)
                for (size_t k = 0; k < 3; k++) {
                    const int dy = abs(i / W - j / W), dx = abs(i % W - j % W);
                    const bool step =
                        (dy == steps[k][0] && dx == steps[k][1]) || (dy == steps[k][1] && dx == steps[k][0]);
                    if (step && d[j] + steps[k][2] < d[i]) {
                        d[i] = d[j] + steps[k][2];
                        changed = true;
                    }
                }
    }
}

static void chamfer_is_the_shortest_path(void **state)
{
    (void)state;
    clade_rng rng = clade_rng_seeded(1, 2);
    for (int round = 0; round < 50; round++) {
        const int limit = round % 2 ? 20 * CLADE_CHAMFER_ONE : 3 * CLADE_CHAMFER_ONE;
        int fast[N], slow[N];
        for (size_t i = 0; i < N; i++)
            fast[i] = slow[i] = clade_rng_below(&rng, 15) == 0 ? 0 : 255;
        clade_chamfer((clade_plane){H, W, fast}, limit);
        slow_chamfer(slow, limit);
        assert_memory_equal(fast, slow, sizeof fast);
    }
}

static void equalise(void **state)
{
    (void)state;
    int flat[4] = {7, 7, 7, 7}, four[4] = {10, 20, 20, 90}, pair[2] = {3, 4};
    clade_equalise((clade_plane){2, 2, flat});
    assert_int_equal(flat[0], 7);
    clade_equalise((clade_plane){2, 2, four}); /* 0, 255 * 2/3, 255 * 3/3 */
    assert_int_equal(four[0], 0);
    assert_int_equal(four[1], 170);
    assert_int_equal(four[2], 170);
    assert_int_equal(four[3], 255);
    clade_equalise((clade_plane){1, 2, pair});
    assert_int_equal(pair[0], 0);
    assert_int_equal(pair[1], 255);
}

/* The border mirrors without repeating: left of column 0 lies column 1. */
static void correlate(void **state)
{
    (void)state;
    static const int left[9] = {0, 0, 0, 1, 0, 0, 0, 0, 0}, below[9] = {0, 0, 0, 0, 0, 0, 0, 1, 0};
    int in[6] = {1, 2, 3, 4, 5, 6}, out[6];
    clade_correlate3((clade_plane){2, 3, in}, left, out);
    assert_memory_equal(out, ((const int[]){2, 1, 2, 5, 4, 5}), sizeof out);
    clade_correlate3((clade_plane){2, 3, in}, below, out);
    assert_memory_equal(out, ((const int[]){4, 5, 6, 1, 2, 3}), sizeof out);
    clade_correlate3((clade_plane){1, 1, in}, left, out);
    assert_int_equal(out[0], 1);
}

/* Water only brightens, and leaves dry pixels alone; mud is opaque where its mask is full. */
static void water_and_mud(void **state)
{
    (void)state;
    static const clade_spatter_constants water = {0.65, 0.3, 1.0, 0.69, 0.5, false};
    static const clade_spatter_constants flood = {2.0, 0.1, 0.7, 0.69, 0.6, true},
                                         dry = {0.0, 0.1, 0.7, 0.7, 0.5, false};
    float pixels[3 * 32 * 32];
    clade_image image = {3, 32, 32, pixels};
    clade_rng rng = clade_rng_seeded(5, 5);
    size_t wet = 0;
    for (size_t i = 0; i < 3 * 1024; i++)
        pixels[i] = 0.2f;
    assert_ok(clade_spatter(&image, &water, &rng));
    for (size_t i = 0; i < 1024; i++) {
        assert_true(pixels[i] >= 0.2f && pixels[i] <= 0.2f + 0.5f * 175.0f / 255.0f + 1e-6f);
        assert_near(pixels[1024 + i], pixels[2048 + i], 0.0);
        assert_near((double)(pixels[1024 + i] - 0.2f) * 175.0, (double)(pixels[i] - 0.2f) * 238.0, 1e-4);
        wet += pixels[i] > 0.2f;
    }
    assert_in_range(wet, 50, 1000);
    assert_ok(clade_spatter(&image, &flood, &rng));
    assert_near(pixels[0], 63.0 / 255.0, 1e-6);
    assert_near(pixels[1024], 42.0 / 255.0, 1e-6);
    assert_near(pixels[2048], 20.0 / 255.0, 1e-6);
    assert_ok(clade_spatter(&image, &dry, &rng));
    assert_near(pixels[0], 63.0 / 255.0, 1e-6);
}

int main(void)
{
    const struct CMUnitTest tests[] = {cmocka_unit_test(flat_planes_have_no_edges),
                                       cmocka_unit_test(a_step_is_one_line),
                                       cmocka_unit_test(weak_edges_follow_strong_ones),
                                       cmocka_unit_test(chamfer_is_the_shortest_path),
                                       cmocka_unit_test(equalise),
                                       cmocka_unit_test(correlate),
                                       cmocka_unit_test(water_and_mud)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}
