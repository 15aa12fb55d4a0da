/* The rows of the task-vector pipeline against the definitions, element by element: sorts instead of selections, one
 * draw after the other, no blocks. */
#include "task_vector_fixture.h"

/* ---- the definitions ---- */

static float tau[TENSORS * MOST]; /* of the parent at hand, as a trim compares it */
static double y[PARENTS][TENSORS * MOST];
static uint32_t order[TENSORS * MOST];

static int smallest_first(const void *a, const void *b)
{
    uint32_t i = *(const uint32_t *)a, j = *(const uint32_t *)b;
    float x = fabsf(tau[i]), z = fabsf(tau[j]);
    return x != z ? (x < z ? -1 : 1) : i < j ? -1 : i > j;
}

static int largest_first(const void *a, const void *b)
{
    uint32_t i = *(const uint32_t *)a, j = *(const uint32_t *)b;
    float x = fabsf(tau[i]), z = fabsf(tau[j]);
    return x != z ? (x > z ? -1 : 1) : i < j ? -1 : i > j;
}

/* The factor of each of N elements of parent P that TAU holds: 0 where dropped. */
static void trim_mask(const recipe *of, size_t p, size_t n, double *mask)
{
    double density = parent(of, "density", p);
    bool outliers = strncmp(of->method->name, "breadcrumbs", 11) == 0;
    size_t k = (size_t)(density * (double)n), first = 0;
    for (size_t i = 0; i < n; i++)
        order[i] = (uint32_t)i;
    qsort(order, n, sizeof order[0], outliers ? smallest_first : largest_first);
    if (outliers) {
        size_t top = smaller((size_t)(parent(of, "gamma", p) * (double)n), n - k);
        first = n - k - top;
    } else if (site(of, "trim_rule") != 0) {
        for (k++; k < n && fabsf(tau[order[k]]) == fabsf(tau[order[k - 1]]);)
            k++;
    } else {
        k = k ? k : 1;
    }
    for (size_t at = 0; at < n; at++)
        mask[order[at]] = at >= first && at < first + k;
}

static void drop_mask(const recipe *of, size_t p, const fixture *tensor, double *mask)
{
    bool ranks = strncmp(of->method->name, "della", 5) == 0;
    double density = parent(of, "density", p), epsilon = parent(of, "epsilon", p);
    const uint64_t keys[] = {5, 1000 + p, clade_name_key(tensor->name)};
    clade_pcg32 rng = clade_pcg32_keyed(keys, 3);
    size_t length = (size_t)(tensor->rank == 0 ? 1 : tensor->shape[tensor->rank > 1]), stride = 1;
    stride = tensor->rank == 3 ? (size_t)tensor->shape[2] : 1;
    bool by_probability = site(of, "rescale") != 0 && site(of, "rescale_by_probability") != 0;
    for (size_t i = 0; i < tensor->n; i++) {
        double probability = density;
        size_t row = i / (length * stride) * (length * stride) + i % stride, rank = 0;
        for (size_t c = 0; c < length && ranks; c++) {
            size_t other = row + c * stride;
            rank += fabsf(tau[other]) < fabsf(tau[i]) || (fabsf(tau[other]) == fabsf(tau[i]) && other < i);
        }
        if (ranks && length > 1)
            probability = (density - epsilon) + 2 * epsilon / (double)(length - 1) * (double)rank;
        bool kept = clade_pcg32_next(&rng) < floor(probability * 0x1p32 + 0.5);
        mask[i] = kept ? (by_probability ? 1 / probability : 1) : 0;
    }
}

/* Y of parent P for the N elements of TENSOR (of all, where the trim is global), which begin at FIRST. */
static void sparse(const recipe *of, size_t p, size_t first, size_t n, const fixture *tensor)
{
    static double mask[TENSORS * MOST];
    bool drops = clade_method_parameter(of->method, "rescale_by_density") < of->method->n_parameters ||
                 clade_method_parameter(of->method, "rescale_by_probability") < of->method->n_parameters;
    double density = parent(of, "density", p), before = 0, after = 0, factor = 1;
    for (size_t i = 0; i < n; i++)
        mask[i] = density > 0;
    if (density > 0 && density < 1 && drops)
        drop_mask(of, p, tensor, mask);
    else if (density > 0 && density < 1)
        trim_mask(of, p, n, mask);
    for (size_t i = 0; i < n; i++) {
        before += fabs(y[p][first + i]);
        y[p][first + i] *= mask[i];
        after += fabs(y[p][first + i]);
    }
    if (site(of, "rescale") != 0 && density > 0 && density < 1) {
        factor = before >= 1e-7 && after >= 1e-7 ? before / after : 1;
        factor = site(of, "rescale_by_density") != 0 ? 1 / density : factor;
        factor = site(of, "rescale_by_probability") != 0 ? 1 : factor;
    }
    for (size_t i = 0; i < n; i++)
        y[p][first + i] *= factor * parent(of, "weight", p);
}

/* What all elements of a merge share. */
typedef struct merge_numbers {
    double weights[PARENTS], sum, lambda;
    bool elects, largest, normalize;
} merge_numbers;

static merge_numbers numbers_of(const recipe *of)
{
    merge_numbers all = {.lambda = site(of, "lambda"),
                         .elects = strstr(of->method->name, "ties") || strcmp(of->method->name, "della") == 0,
                         .largest = site(of, "merge") != 0,
                         .normalize = site(of, "normalize") != 0};
    for (size_t p = 0; p < PARENTS; p++)
        all.sum += all.weights[p] = parent(of, "weight", p);
    return all;
}

static double merged(const merge_numbers *of, size_t i)
{
    double D = 0, W = 0, sign = 0;
    for (size_t p = 0; p < PARENTS; p++)
        sign += y[p][i];
    sign = sign >= 0 ? 1 : -1;
    for (size_t p = 0; p < PARENTS; p++) {
        bool agrees = y[p][i] * sign > 0;
        if (of->largest && agrees && fabs(y[p][i]) > fabs(D)) {
            D = y[p][i];
            W = of->weights[p];
        } else if (!of->largest && (agrees || !of->elects)) {
            D += y[p][i];
            W += of->weights[p];
        }
    }
    W = of->elects ? (W == 0 ? 1 : W) : fabs(of->sum) < 1e-8 ? 1 : of->sum;
    return of->lambda * (of->normalize ? D / W : D);
}

static void expect(const recipe *of, size_t count)
{
    bool global = of->method->survey_scope == CLADE_SURVEY_RULE;
    merge_numbers numbers = numbers_of(of);
    for (size_t p = 0; p < PARENTS; p++) {
        size_t n = 0;
        for (size_t t = 0; t < count; t++) {
            const fixture *tensor = &tensors[t];
            size_t at = global ? n : 0; /* where the trim sees it */
            for (size_t i = 0; i < tensor->n; i++) {
                tau[at + i] = tensor->parents[p][i] - tensor->base[i];
                y[p][n + i] = (double)tensor->parents[p][i] - (double)tensor->base[i];
            }
            if (!global)
                sparse(of, p, n, tensor->n, tensor);
            n += tensor->n;
        }
        if (global)
            sparse(of, p, 0, n, NULL);
    }
    for (size_t t = 0, n = 0; t < count; n += tensors[t++].n)
        for (size_t i = 0; i < tensors[t].n; i++)
            tensors[t].expected[i] = (double)tensors[t].base[i] + merged(&numbers, n + i);
}

/* Execute and compare, for several tiles, with states for one use and for many; all give the same bits. */
static void check(const recipe *of, size_t count, bool small_tiles)
{
    static const size_t tiles[] = {16384, 16384, 129, 1};
    static float first[TENSORS][MOST];
    expect(of, count);
    for (size_t s = 0; s < (small_tiles ? 4 : 2); s++) {
        execute(of, count, tiles[s], s % 2);
        for (size_t t = 0; t < count; t++) {
            for (size_t i = 0; i < tensors[t].n && s == 0; i++)
                if (!(fabs((double)tensors[t].out[i] - tensors[t].expected[i]) <=
                      1e-7 * (1 + fabs(tensors[t].expected[i]))))
                    fail_msg("%s, tensor %zu of %zu: element %zu is %.9g, expected %.9g", of->method->name, t,
                             tensors[t].n, i, (double)tensors[t].out[i], tensors[t].expected[i]);
            if (s == 0)
                memcpy(first[t], tensors[t].out, tensors[t].n * sizeof(float));
            assert_memory_equal(first[t], tensors[t].out, tensors[t].n * sizeof(float));
        }
    }
}

static void set_densities(recipe *to, const double *densities)
{
    for (size_t p = 0; p < PARENTS; p++) {
        set_parent(to, "density", p, densities[p]);
        set_parent(to, "weight", p, 0.3 + 0.5 * (double)p);
    }
    set(to, "lambda", 0.75);
}

/* Every row, on shapes with rows of one, few and many elements, with equal magnitudes and without. */
static void rows(void **state)
{
    static const char *const names[] = {"ties",        "ties_global", "breadcrumbs", "breadcrumbs_ties",
                                        "dare_linear", "dare_ties",   "della",       "della_linear"};
    static const struct {
        size_t rank;
        uint64_t shape[3];
    } shapes[] = {{0, {1, 1, 1}}, {1, {1, 1, 1}}, {1, {300, 1, 1}}, {2, {7, 1, 1}}, {2, {9, 70, 1}}, {3, {3, 40, 2}}};
    static const double densities[][PARENTS] = {{0.5, 0.3, 0.7}, {0.25, 0.6, 1}, {0.4, 0, 0.55}, {1, 1, 0}};
    (void)state;
    for (size_t r = 0; r < sizeof names / sizeof names[0]; r++)
        for (size_t c = 0; c < 6 * 2 * 4; c++) {
            size_t shape = c / 8, equal = c / 4 % 2;
            recipe of = recipe_of(names[r]);
            fill(&tensors[0], "a", shapes[shape].rank, shapes[shape].shape[0], shapes[shape].shape[1],
                 shapes[shape].shape[2], equal);
            fill(&tensors[1], "b", 2, 10, 13, 1, equal);
            set_densities(&of, densities[c % 4]);
            for (size_t p = 0; p < PARENTS && clade_method_parameter(of.method, "gamma") < of.method->n_parameters; p++)
                set_parent(&of, "gamma", p, 0.06 * (double)p);
            for (int rescale = 0; rescale < 2; rescale++) {
                set(&of, "rescale", rescale);
                set(&of, "normalize", c % 2 == 0);
                check(&of, 2, true);
            }
        }
}

/* What the rows have of their own. */
static void choices(void **state)
{
    static const double densities[] = {0.5, 0.3, 0.7}, tiny[] = {1e-9, 0.001, 0.9999};
    static const char *const by[][2] = {{"dare_linear", "rescale_by_density"},
                                        {"dare_ties", "rescale_by_density"},
                                        {"della", "rescale_by_probability"},
                                        {"della_linear", "rescale_by_probability"}};
    (void)state;
    for (int equal = 0; equal < 2; equal++) {
        fill(&tensors[0], "a", 2, 30, 41, 1, equal);
        fill(&tensors[1], "b", 1, 500, 1, 1, equal);
        for (int c = 0; c < 16; c++) {
            recipe of = recipe_of(c % 2 ? "ties" : "ties_global");
            set_densities(&of, c & 8 ? tiny : densities);
            set(&of, "trim_rule", c / 2 % 2);
            set(&of, "merge", c / 4 % 2);
            check(&of, 2, true);
        }
        for (size_t c = 0; c < 4; c++) {
            recipe of = recipe_of(by[c][0]);
            set_densities(&of, densities);
            set(&of, by[c][1], 1);
            check(&of, 2, true);
        }
        recipe of = recipe_of("breadcrumbs"); /* more outliers than what is not kept: density wins */
        set_densities(&of, densities);
        for (size_t p = 0; p < PARENTS; p++)
            set_parent(&of, "gamma", p, 0.6);
        check(&of, 2, true);
    }
}

/* More than one piece, and equal magnitudes on both sides of a cut that lies in the second one. */
static void pieces(void **state)
{
    static const double densities[] = {0.5, 1, 0}; /* one long sort is enough */
    (void)state;
    for (int equal = 0; equal < 2; equal++) {
        fill(&tensors[0], "a", 1, 1000, 1, 1, equal);
        fill(&tensors[1], "b", 1, MOST, 1, 1, equal);
        for (size_t i = 0; i + 3000 < MOST && equal; i++) /* the largest of parent 0 are in the second piece */
            tensors[1].parents[0][i] = tensors[1].base[i];
        recipe of = recipe_of(equal ? "ties_global" : "ties");
        set_densities(&of, densities);
        set_parent(&of, "density", 0, equal ? 0.002 : 0.5);
        check(&of, 2, false);
    }
}

/* Cuts found by a sample, and where that fails (most magnitudes are equal). */
static void sampled(void **state)
{
    static const double densities[] = {0.4, 0.1, 1};
    (void)state;
    for (int equal = 0; equal < 2; equal++) {
        fill(&tensors[0], "a", 1, MOST / 8, 1, 1, equal);
        for (int outliers = 0; outliers < 2; outliers++) {
            recipe of = recipe_of(outliers ? "breadcrumbs" : "ties");
            set_densities(&of, densities);
            set(&of, "rescale", equal);
            check(&of, 1, false);
        }
    }
}

/* DELLA's rows of many elements, with equal magnitudes and without. */
static void long_rows(void **state)
{
    static const double densities[] = {0.5, 0.3, 0.7};
    static const size_t lengths[] = {127, 128, 1000, 1100, 4100};
    (void)state;
    for (size_t c = 0; c < 2 * sizeof lengths / sizeof lengths[0]; c++) {
        fill(&tensors[0], "a", 2, 2, lengths[c / 2], 1, c % 2);
        for (size_t i = 0; i < tensors[0].n; i += 11) /* one much larger than the others, some far below them */
            tensors[0].parents[1][i] = tensors[0].base[i] + (i == 11 ? 1e9f : 1e-6f * (float)(i % 7));
        recipe of = recipe_of(c % 3 ? "della" : "della_linear");
        set_densities(&of, densities);
        check(&of, 1, false);
    }
}

/* The same for masks; DELLA's pieces end with a row, not with a word of bits. */
static void mask_pieces(void **state)
{
    static const double densities[] = {0.5, 1, 0};
    (void)state;
    fill(&tensors[0], "a", 2, MOST / 17, 17, 1, true);
    for (int della = 0; della < 2; della++) {
        recipe of = recipe_of(della ? "della" : "dare_linear");
        set_densities(&of, densities);
        check(&of, 1, false);
    }
}

/* Keep probabilities that are none. */
static void refused(void **state)
{
    static const double bad[][2] = {{0.9, 0.2}, {0.85, 0.15}, {0.1, 0.1}, {0.05, 0.15}};
    (void)state;
    fill(&tensors[0], "a", 1, 10, 1, 1, false);
    for (size_t c = 0; c < 4; c++) {
        recipe of = recipe_of("della");
        execution self = {.recipe = &of, .scratch = test_malloc(1 << 12)};
        set(&of, "rescale", 0);
        set_parent(&of, "density", 1, bad[c][0]);
        set_parent(&of, "epsilon", 1, bad[c][1]);
        clade_merge_tile view = view_of(&self, 0, 0, 10, "");
        assert_fails(of.method->combine(&view, tensors[0].out), CLADE_ECONFIG, "parent 1: density");
        test_free(self.scratch);
    }
}

/* The only allocation of the pipeline: what a sort needs besides the state. */
static void no_memory(void **state)
{
    (void)state;
    fill(&tensors[0], "a", 1, 100, 1, 1, false);
    recipe of = recipe_of("ties");
    execution self = {.recipe = &of, .reused = true};
    clade_merge_tile whole = whole_of(&self, 0);
    void *made = test_calloc(of.method->state_bytes(&whole), 1), *partial = test_calloc(1, 1 << 16);
    assert_in_range(of.method->partial_bytes(&whole, 0), 1, 1 << 16);
    clade_merge_tile view = view_of(&self, 0, 0, 100, made);
    bool again = false;
    assert_ok(of.method->survey(&view, 0, partial));
    assert_ok(of.method->survey_merge(&whole, 0, made, partial));
    size_t live = clade_alloc_live();
    clade_alloc_fail_at(1);
    assert_fails(of.method->survey_end(&whole, 0, made, &again), CLADE_EIO, "the order of a task vector");
    assert_int_equal(clade_alloc_live(), live);
    assert_ok(of.method->survey_end(&whole, 0, made, &again));
    assert_int_equal(clade_alloc_live(), live);
    test_free(made);
    test_free(partial);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(rows),    cmocka_unit_test(choices),   cmocka_unit_test(pieces),
        cmocka_unit_test(sampled), cmocka_unit_test(long_rows), cmocka_unit_test(mask_pieces),
        cmocka_unit_test(refused), cmocka_unit_test(no_memory),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
