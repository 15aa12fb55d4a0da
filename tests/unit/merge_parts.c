/* The pieces merge methods are made of: angles without libm, the exact-k cut, depths from names, patterns. */
#include "near.h"

#include "clade/merge.h"
#include "clade/rng.h"
#include "merge/angle.h"
#include "merge/trim.h"

/* The errors are those that angle.h states, against libm in long double. */
static void angles(void **state)
{
    (void)state;
    for (int i = -4000; i <= 4000; i++) {
        double x = i / 1000.0, c = i / 4000.0;
        assert_near(clade_sin(x), (double)sinl((long double)x), 1e-15);
        assert_near(clade_acos(c), (double)acosl((long double)c), fabs(c) <= 0.9995 ? 1e-15 : 4e-15);
    }
    assert_near(clade_sin(1e6), sin(1e6), 1e-9);
    assert_true(clade_acos(1) == 0);
    assert_near(clade_acos(-1), acos(-1), 1e-15);
}

/* Against the definition, on magnitudes with many equal ones, on both sides of the size where the digits change. */
static void cut_is_exact(void **state)
{
    static const size_t sizes[] = {1, 2, 3, 100, 8191, 8192, 30000};
    static float x[30000], spare[30000];
    clade_rng rng = clade_rng_seeded(3, 4);
    (void)state;
    for (size_t s = 0; s < sizeof sizes / sizeof sizes[0]; s++)
        for (int kind = 0; kind < 4; kind++) {
            size_t n = sizes[s];
            for (size_t i = 0; i < n; i++) {
                double u = 2 * clade_rng_uniform(&rng) - 1;
                x[i] = kind == 0 ? 0
                                 : (float)(kind == 1   ? u
                                           : kind == 2 ? floor(8 * u)
                                                       : u * 1e-42); /* subnormals too */
            }
            const size_t ks[] = {1, n / 3 + 1, n / 2 + 1, n};
            for (size_t j = 0; j < 4; j++) {
                size_t k = ks[j] < n ? ks[j] : n, kept = 0, at = 0;
                clade_trim cut = clade_trim_cut(n, x, k, spare);
                for (size_t i = 0; i < n; i++) {
                    kept += fabsf(x[i]) > cut.threshold || (fabsf(x[i]) == cut.threshold && i <= cut.last);
                    at += fabsf(x[i]) == cut.threshold;
                }
                assert_int_equal(kept, k);
                assert_true(at > 0);
            }
        }
}

static void depth_of(const char *name, const char *const *names, size_t count, int block, int n_blocks)
{
    clade_depth depths[32];
    assert_ok(clade_depths_of(names, count, depths));
    for (size_t i = 0; i < count; i++)
        if (strcmp(names[i], name) == 0) {
            if (depths[i].block != block || depths[i].n_blocks != n_blocks)
                fail_msg("%s: found block %d of %d, expected %d of %d", name, depths[i].block, depths[i].n_blocks,
                         block, n_blocks);
            return;
        }
    fail_msg("%s is not in the list", name);
}

static void depths(void **state)
{
    static const char *const clip[] = {"vision_model.embeddings.patch_embedding.weight",
                                       "vision_model.encoder.layers.10.fc.weight",
                                       "vision_model.encoder.layers.2.fc.weight",
                                       "vision_model.pre_layrnorm.weight",
                                       "vision_model.post_layernorm.weight",
                                       "visual_projection.weight",
                                       "text_model.encoder.layers.3.fc.weight",
                                       "text_model.final_layer_norm.weight",
                                       "text_projection.weight",
                                       "logit_scale"};
    static const char *const open_clip[] = {"visual.conv1.weight",
                                            "visual.transformer.resblocks.1.ln_1.weight",
                                            "visual.proj",
                                            "transformer.resblocks.4.ln_1.weight",
                                            "token_embedding.weight",
                                            "ln_final.weight",
                                            "visual.ln_pre.weight"};
    static const char *const gpt[] = {"transformer.h.0.attn.bias",
                                      "transformer.h.1.attn.bias",
                                      "transformer.wte.weight",
                                      "transformer.ln_f.weight",
                                      "lm_head.weight",
                                      "h.99999999.x"};
    static const char *const bare[] = {"layers.0.w", "layers.1.w", "norm.weight", "strange"};
    (void)state;
    depth_of(clip[0], clip, 10, -1, 11);
    depth_of(clip[1], clip, 10, 10, 11);
    depth_of(clip[2], clip, 10, 2, 11);
    depth_of(clip[3], clip, 10, -1, 11);
    depth_of(clip[4], clip, 10, 11, 11);
    depth_of(clip[5], clip, 10, 11, 11);
    depth_of(clip[6], clip, 10, 3, 4);
    depth_of(clip[7], clip, 10, 4, 4);
    depth_of(clip[8], clip, 10, 4, 4);
    depth_of(clip[9], clip, 10, -1, 0);
    depth_of(open_clip[0], open_clip, 7, -1, 2);
    depth_of(open_clip[1], open_clip, 7, 1, 2);
    depth_of(open_clip[2], open_clip, 7, 2, 2);
    depth_of(open_clip[3], open_clip, 7, 4, 5);
    depth_of(open_clip[4], open_clip, 7, -1, 5);
    depth_of(open_clip[5], open_clip, 7, 5, 5);
    depth_of(open_clip[6], open_clip, 7, -1, 2);
    depth_of(gpt[1], gpt, 6, 1, 2);
    depth_of(gpt[2], gpt, 6, -1, 2);
    depth_of(gpt[3], gpt, 6, 2, 2);
    depth_of(gpt[4], gpt, 6, 2, 2);
    depth_of(gpt[5], gpt, 6, -1, 0); /* a number no model has */
    depth_of(bare[1], bare, 4, 1, 2);
    depth_of(bare[2], bare, 4, 2, 2);
    depth_of(bare[3], bare, 4, -1, 0);
}

static void patterns(void **state)
{
    static const struct {
        const char *pattern, *text;
        bool matches;
    } rows[] = {
        {"*", "", true},
        {"", "", true},
        {"", "a", false},
        {"a", "", false},
        {"?", "a", true},
        {"?", "", false},
        {"a*c", "abbbc", true},
        {"a*c", "abbbcd", false},
        {"*b*b*", "abab", true},
        {"*b*b*", "aba", false},
        {"a?c", "abc", true},
        {"a?c", "abbc", false},
        {"**a", "ba", true},
        {"*.layers.1.*", "m.layers.1.w", true},
        {"*.layers.1.*", "m.layers.11.w", false},
        {"a", "A", false},
    };
    char long_text[20001];
    (void)state;
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++)
        if (clade_pattern_matches(rows[i].pattern, rows[i].text) != rows[i].matches)
            fail_msg("\"%s\" on \"%s\"", rows[i].pattern, rows[i].text);
    memset(long_text, 'a', sizeof long_text - 1);
    long_text[sizeof long_text - 1] = '\0';
    assert_false(
        clade_pattern_matches("*a*a*a*a*a*a*a*a*a*a*a*a*b", long_text)); /* exponential when done by recursion */
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(angles),
        cmocka_unit_test(cut_is_exact),
        cmocka_unit_test(depths),
        cmocka_unit_test(patterns),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
