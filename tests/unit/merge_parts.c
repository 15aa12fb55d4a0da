/* The pieces merge methods are made of: angles without libm, the exact-k cut, depths from names, patterns. */
#include "near.h"

#include "clade/merge.h"
#include "clade/rng.h"
#include "merge/method/angle.h"
#include "merge/method/magnitude_sum.h"
#include "merge/method/trim_bracket.h"

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

/* The cut with WANTED elements before it, found over pieces of PIECE elements as a survey finds it. */
static clade_cut cut_by_pieces(size_t n, const uint32_t *keys, size_t wanted, bool with_equal, uint64_t size_class,
                               size_t piece)
{
    static uint32_t counts[1 << 16];
    static uint64_t all[1 << 16], marks[30000 / 64 + 1];
    clade_trim_digit digits[CLADE_TRIM_MOST_DIGITS];
    unsigned n_digits = clade_trim_digits(size_class, digits);
    clade_selection selection = clade_selection_begin(wanted, with_equal);
    for (unsigned d = 0; d < n_digits; d++) {
        memset(all, 0, sizeof all);
        for (size_t first = 0; first < n; first += piece) {
            memset(counts, 0, sizeof counts);
            clade_selection_count(&selection, digits[d], n - first < piece ? n - first : piece, keys + first, counts);
            for (size_t bucket = 0; bucket < (size_t)1 << digits[d].bits; bucket++)
                all[bucket] += counts[bucket];
        }
        clade_selection_digit(&selection, digits[d], all);
    }
    bool open = clade_selection_is_open(&selection);
    for (size_t first = 0; first < n && open; first += piece) {
        size_t m = n - first < piece ? n - first : piece;
        memset(marks, 0, sizeof marks);
        clade_selection_mark(&selection, m / 2, keys + first, 0, marks);
        clade_selection_mark(&selection, m - m / 2, keys + first + m / 2, m / 2, marks);
        clade_selection_take(&selection, first, m / 64 + 1, marks);
    }
    assert_false(clade_selection_is_open(&selection));
    return selection.cut;
}

static const uint32_t *sorted_keys; /* of by_key */

static int by_key(const void *a, const void *b)
{
    uint32_t i = *(const uint32_t *)a, j = *(const uint32_t *)b;
    if (sorted_keys[i] != sorted_keys[j])
        return sorted_keys[i] < sorted_keys[j] ? -1 : 1;
    return i < j ? -1 : i > j;
}

/* Against a sort, on magnitudes with many equal ones, in both orders, with both kinds of digits. */
static void cut_is_exact(void **state)
{
    static const size_t sizes[] = {1, 2, 3, 100, 30000};
    static uint32_t keys[30000], order[30000];
    clade_rng rng = clade_rng_seeded(3, 4);
    (void)state;
    for (size_t s = 0; s < sizeof sizes / sizeof sizes[0]; s++)
        for (int kind = 0; kind < 8; kind++) {
            size_t n = sizes[s], piece = kind % 2 ? 7001 : n;
            for (size_t i = 0; i < n; i++) {
                double u = 2 * clade_rng_uniform(&rng) - 1;
                float x = (float)(kind < 2   ? 0
                                  : kind < 4 ? u
                                  : kind < 6 ? floor(8 * u)
                                             : u * 1e-42); /* subnormals too */
                keys[i] = clade_trim_key(kind % 4 < 2 ? CLADE_LARGEST_FIRST : CLADE_SMALLEST_FIRST, x);
                order[i] = (uint32_t)i;
            }
            sorted_keys = keys;
            qsort(order, n, sizeof order[0], by_key);
            const size_t wanted[] = {0, 1, n / 3 + 1, n / 2 + 1, n};
            for (size_t j = 0; j < 5; j++) {
                size_t k = wanted[j] < n ? wanted[j] : n, before = 0;
                clade_cut cut = cut_by_pieces(n, keys, k, false, kind < 4 ? 0 : 1 << 30, piece);
                for (size_t at = 0; at < n; at++)
                    if ((keys[order[at]] < clade_cut_limit(cut, order[at])) != (at < k))
                        fail_msg("%zu of %zu, kind %d: element %u at place %zu", k, n, kind, order[at], at);
                for (cut = cut_by_pieces(n, keys, k, true, 0, piece); before < n; before++)
                    if (keys[order[before]] >= clade_cut_limit(cut, order[before]))
                        break;
                assert_true(before >= k && (before == k || keys[order[before - 1]] == keys[order[k - 1]]));
                assert_true(k == 0 || before == n || keys[order[before]] > keys[order[k - 1]]);
            }
        }
}

/* The cut found by a sample and one pass; false where it was not. */
static bool cut_by_bracket(size_t n, const float *x, const float *base, clade_trim_order order, uint64_t wanted,
                           bool with_equal, clade_cut *cut)
{
    static uint32_t sample[1 << 18];
    static uint64_t entries[1 << 18];
    size_t stride = clade_bracket_stride(n), n_sampled = 0, limit = (size_t)clade_bracket_limit(n, wanted);
    for (size_t first = 0; first < n; first += stride)
        for (size_t i = (size_t)clade_sample_place(first, stride), end = i + CLADE_MERGE_SAMPLE; i < end && end <= n;
             i++)
            sample[n_sampled++] = clade_trim_key(order, x[i] - base[i]);
    assert_in_range(n_sampled, n / stride * CLADE_MERGE_SAMPLE,
                    clade_bracket_runs(n, stride) * (uint64_t)CLADE_MERGE_SAMPLE);
    assert_in_range(limit, 1, 1 << 18);
    clade_bracket bracket = clade_bracket_of(n_sampled, sample, wanted, n);
    clade_bracket_count counts = {0, 0};
    for (size_t first = 0, m; first < n; first += m) {
        m = n - first < 7001 ? n - first : 7001;
        const float *parent = x + first;
        clade_merge_tile tile = {.n = m, .offset = first, .base = base + first, .parents = &parent};
        clade_bracket_gather(&tile, 0, order, bracket, limit, &counts, entries);
    }
    clade_selection selection = clade_selection_begin(wanted, with_equal);
    bool found = clade_bracket_select(&selection, order, bracket, &counts, limit, entries);
    assert_true(!found || !clade_selection_is_open(&selection));
    *cut = selection.cut;
    return found;
}

/* Against the digits, on smooth magnitudes, some equal ones, and many zeros; where a key is that of most, the cut may not
 * be found, but never is another. */
static void bracket_is_exact(void **state)
{
    enum { N = (1 << 18) + 777 };
    static float x[N], base[N];
    static uint32_t all[N];
    clade_rng rng = clade_rng_seeded(8, 9);
    size_t found = 0, of = 0;
    (void)state;
    for (int kind = 0; kind < 8; kind++) {
        clade_trim_order order = kind % 2 ? CLADE_LARGEST_FIRST : CLADE_SMALLEST_FIRST;
        for (size_t i = 0; i < N; i++) {
            double u = 2 * clade_rng_uniform(&rng) - 1;
            base[i] = (float)clade_rng_uniform(&rng);
            x[i] = kind / 2 == 0   ? base[i] + (float)u
                   : kind / 2 == 1 ? base[i] + (float)floor(100 * u) / 64
                   : kind / 2 == 2 ? (i % 3 ? base[i] : (float)u)
                                   : base[i] + (float)(i < N / 2 ? u : 100 * u); /* neighbours are alike */
            all[i] = clade_trim_key(order, x[i] - base[i]);
        }
        static const double shares[] = {0, 1e-6, 0.01, 0.3, 0.5, 0.8, 0.99, 1};
        for (size_t s = 0; s < 16; s++) {
            clade_cut cut;
            uint64_t wanted = (uint64_t)(shares[s / 2] * N);
            bool hit = cut_by_bracket(N, x, base, order, wanted, s % 2, &cut);
            of += 1;
            found += hit;
            if (!hit)
                continue;
            uint64_t before = 0, equal = 0;
            for (size_t i = 0; i < N; i++) {
                before += all[i] < clade_cut_limit(cut, i);
                equal += all[i] == cut.key;
            }
            bool zeros = (cut.key ^ (uint32_t)order) == 0 && cut.end == UINT64_MAX;
            if (wanted > 0 && (s % 2 || zeros))
                assert_true(before >= wanted && before - equal < wanted);
            else
                assert_int_equal(before, wanted);
        }
    }
    assert_in_range(found, of * 3 / 4, of);
}

/* The same bits in any order, and near the sum in long double; from the smallest subnormal to the largest float. */
static void magnitude_sums(void **state)
{
    static const double scales[] = {1, 0x1p-149, 3e38, 1e-3};
    clade_rng rng = clade_rng_seeded(5, 6);
    (void)state;
    for (size_t s = 0; s < 4; s++) {
        clade_magnitude_sum forward = {{0}}, backward = {{0}}, part = {{0}};
        uint32_t bits[1000];
        long double sum = 0;
        for (size_t i = 0; i < 1000; i++) {
            float x = (float)(scales[s] * (s == 1 ? floor(9 * clade_rng_uniform(&rng)) : clade_rng_uniform(&rng)));
            bits[i] = clade_trim_key(CLADE_SMALLEST_FIRST, -x);
            sum += (long double)x;
            clade_magnitude_add(i < 300 ? &part : &forward, bits[i]);
        }
        clade_magnitude_merge(&forward, &part);
        for (size_t i = 1000; i-- > 0;)
            clade_magnitude_add(&backward, bits[i]);
        assert_memory_equal(&forward, &backward, sizeof forward);
        assert_near(clade_magnitude_value(&forward) / (double)sum, 1, 1e-15);
    }
    assert_true(clade_rescale_factor(3, 2) == 1.5 && clade_rescale_factor(3, 0) == 1);
    assert_true(clade_rescale_factor(0.9e-7, 0.5e-7) == 1);
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
        cmocka_unit_test(angles),         cmocka_unit_test(cut_is_exact), cmocka_unit_test(bracket_is_exact),
        cmocka_unit_test(magnitude_sums), cmocka_unit_test(depths),       cmocka_unit_test(patterns),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
