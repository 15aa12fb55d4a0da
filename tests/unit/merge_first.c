/* The hand-made recipes a search starts from: they decode to what they say, and make what they say. */
#include "merge_stacked.h"
#include "near.h"

static const clade_first *find_first(const clade_first *first, size_t count, const char *name)
{
    for (size_t i = 0; i < count; i++)
        if (strcmp(first[i].name, name) == 0)
            return &first[i];
    return NULL;
}

static void first_recipes(void **state)
{
    (void)state;
    const char *const names[] = {"ties", "dare_ties", "task_arithmetic"};
    clade_merge_space *space = new_space(&stacked, names, 3, "layer", "product");
    clade_first *first;
    size_t count;
    assert_ok(clade_merge_space_first(space, NULL, &first, &count));
    /* average, uniform scales (.4 is the best for three), MetaGPT, LiNeS, TIES, DARE-TIES, base, parents */
    assert_int_equal(count, 1 + 4 + 1 + 4 + 4 + 2 + 1 + 3);
    assert_string_equal(first[0].name, "average");
    assert_string_equal(first[1].name, "task_arithmetic 0.4");
    assert_string_equal(first[2].name, "lines 0.8");
    assert_string_equal(first[count - 1].name, "parent signs");
    char hash[CLADE_SHA256_HEX];
    for (size_t i = 0; i < count; i++)
        assert_true(clade_space_holds(clade_merge_space_genes(space), first[i].genome));
    static const struct {
        const char *name, *method;
        double weight[3], density, lambda;
    } expected[] = {
        {"base", "task_arithmetic", {1, 1, 1}, 1, 0},
        {"parent digits", "ties", {0, 1, 0}, 1, 1},
        {"average", "task_arithmetic", {1 / 3.0, 1 / 3.0, 1 / 3.0}, 1, 1},
        {"task_arithmetic 0.3", "task_arithmetic", {0.3, 0.3, 0.3}, 1, 1},
        {"ties paper", "ties", {1, 1, 1}, 0.2, 1},
        {"ties 1.5", "ties", {1, 1, 1}, 0.2, 1.5},
        {"dare_ties 0.9", "dare_ties", {1.2 / 3, 1.2 / 3, 1.2 / 3}, 0.1, 1},
    };
    for (size_t e = 0; e < sizeof expected / sizeof *expected; e++) {
        const clade_first *one = find_first(first, count, expected[e].name);
        assert_non_null(one);
        clade_recipe *recipe = decode(space, one->genome, hash);
        assert_string_equal(recipe->method->name, expected[e].method);
        for (size_t t = 0; t < FAMILY_TENSORS; t++) {
            assert_true(site_value(recipe, stacked_names[t], "lambda") == expected[e].lambda);
            for (size_t p = 0; p < 3; p++) {
                assert_true(parent_value(recipe, stacked_names[t], "weight", p) == expected[e].weight[p]);
                if (strcmp(recipe->method->name, "task_arithmetic") != 0)
                    assert_near(parent_value(recipe, stacked_names[t], "density", p), expected[e].density, 1e-15);
            }
        }
        clade_recipe_free(recipe);
    }
    clade_first_free(first, count);
    const clade_first_sources nothing = {.only_own = true};
    assert_ok(clade_merge_space_first(space, &nothing, &first, &count));
    assert_int_equal(count, 0);
    clade_first_free(first, count);
    clade_merge_space_free(space);
}

/* What a first recipe says is what comes out: the bits of the base and of each parent, and the mean. */
static void first_children(void **state)
{
    (void)state;
    const char *const spaces[][2] = {{"task_arithmetic", "ties"}, {"linear", "slerp"}, {"dare_linear", "dare_ties"}};
    for (size_t v = 0; v < 3; v++) {
        clade_merge_space *space = new_space(&stacked, spaces[v], 2, "depth:2", v == 1 ? "full" : "product");
        clade_first *first;
        size_t count;
        clade_child *child;
        const clade_child_options options = {0};
        assert_ok(clade_merge_space_first(space, NULL, &first, &count));
        assert_ok(clade_child_new(stacked.family, &options, &child));
        assert_non_null(find_first(first, count, "average"));
        assert_int_equal(find_first(first, count, "base") != NULL, v != 1);
        for (size_t i = 0; i < count; i++) {
            char hash[CLADE_SHA256_HEX];
            clade_recipe *recipe = decode(space, first[i].genome, hash);
            assert_ok(clade_child_make(child, recipe));
            for (size_t t = 0; t < FAMILY_TENSORS; t++) {
                float made[FAMILY_COUNT], want[FAMILY_COUNT], parent[FAMILY_PARENTS][FAMILY_COUNT];
                const char *name = stacked_names[t];
                memcpy(made, clade_child_find(child, name)->data, sizeof made);
                memcpy(want, clade_checkpoint_find(clade_family_base(stacked.family), name)->data, sizeof want);
                for (size_t p = 0; p < FAMILY_PARENTS; p++)
                    memcpy(parent[p], clade_checkpoint_find(clade_family_parent(stacked.family, p), name)->data,
                           sizeof want);
                const bool base = strcmp(first[i].name, "base") == 0, average = strcmp(first[i].name, "average") == 0;
                for (size_t p = 0; p < FAMILY_PARENTS; p++)
                    if (strncmp(first[i].name, "parent ", 7) == 0 && strcmp(first[i].name + 7, stacked.names[p]) == 0)
                        memcpy(want, parent[p], sizeof want);
                for (size_t e = 0; e < FAMILY_COUNT; e++) {
                    if (average)
                        want[e] = (float)(((double)parent[0][e] + (double)parent[1][e] + (double)parent[2][e]) / 3);
                    if (base || average || strncmp(first[i].name, "parent ", 7) == 0)
                        assert_near((double)made[e], (double)want[e], base ? 0 : 1e-7);
                }
            }
            clade_recipe_free(recipe);
        }
        clade_child_free(child);
        clade_first_free(first, count);
        clade_merge_space_free(space);
    }
}

/* LiNeS: the coefficient of every parent rises linearly from 0 before the stack to the named value after it, in both
 * coordinates; a space of one site has none. */
static void first_rising(void **state)
{
    (void)state;
    const char *const names[] = {"task_arithmetic"};
    const char *const spaces[][2] = {
        {"layer", "product"}, {"layer", "full"}, {"depth:2", "product"}, {"model", "product"}};
    static const double depth[FAMILY_TENSORS] = {0, .25, .25, .5, .5, .75, .75, 1, 1};
    for (size_t v = 0; v < 4; v++) {
        clade_merge_space *space = new_space(&stacked, names, 1, spaces[v][0], spaces[v][1]);
        clade_first *first;
        size_t count;
        char hash[CLADE_SHA256_HEX];
        assert_ok(clade_merge_space_first(space, NULL, &first, &count));
        const clade_first *lines = find_first(first, count, "lines 0.6");
        assert_int_equal(lines != NULL, v != 3);
        if (lines) {
            clade_recipe *recipe = decode(space, lines->genome, hash);
            for (size_t t = 0; t < FAMILY_TENSORS; t++)
                for (size_t p = 0; p < FAMILY_PARENTS; p++)
                    assert_near(site_value(recipe, stacked_names[t], "lambda") *
                                    parent_value(recipe, stacked_names[t], "weight", p),
                                0.6 * depth[t], 1e-12);
            clade_recipe_free(recipe);
        }
        clade_first_free(first, count);
        clade_merge_space_free(space);
    }
}

/* Values outside a range, or fixed at something else, are left out. */
static void first_respects_ranges(void **state)
{
    (void)state;
    const clade_method *methods[] = {method("task_arithmetic")};
    clade_range_override given[] = {{(char *)"weight", 0.15, 0.35}, {(char *)"normalize", 1, 1}};
    clade_merge_space_plan plan = family_plan(&stacked, methods, 1, "model", "product");
    clade_merge_space *space;
    clade_first *first;
    size_t count;
    plan.ranges = given;
    plan.n_ranges = 1;
    assert_ok(clade_merge_space_new(&plan, stacked.family, &space));
    assert_ok(clade_merge_space_first(space, NULL, &first, &count));
    assert_int_equal(count, 3);
    assert_non_null(find_first(first, count, "average"));
    assert_non_null(find_first(first, count, "task_arithmetic 0.2"));
    assert_non_null(find_first(first, count, "task_arithmetic 0.3"));
    clade_first_free(first, count);
    clade_merge_space_free(space);
    plan.n_ranges = 2;
    assert_ok(clade_merge_space_new(&plan, stacked.family, &space));
    assert_ok(clade_merge_space_first(space, NULL, &first, &count));
    assert_int_equal(count, 0);
    clade_first_free(first, count);
    clade_merge_space_free(space);
}

/* MetaGPT: shares of the squared lengths of the task vectors. LM-Cocktail: softmax of - loss / 5. */
static void closed_forms(void **state)
{
    (void)state;
    const char *const names[] = {"task_arithmetic"};
    static const double losses[] = {1, 3, 0.5};
    const clade_first_sources sources = {.parent_losses = losses};
    clade_merge_space *space = new_space(&stacked, names, 1, "layer", "product");
    double squares[FAMILY_PARENTS] = {0}, sum = 0, shares = 0;
    for (size_t p = 0; p < FAMILY_PARENTS; p++)
        for (size_t t = 0; t < FAMILY_TENSORS; t++) {
            const float *base = clade_checkpoint_find(clade_family_base(stacked.family), stacked_names[t])->data;
            const float *x = clade_checkpoint_find(clade_family_parent(stacked.family, p), stacked_names[t])->data;
            for (size_t e = 0; e < FAMILY_COUNT; e++)
                squares[p] += ((double)x[e] - (double)base[e]) * ((double)x[e] - (double)base[e]);
        }
    for (size_t p = 0; p < FAMILY_PARENTS; p++) {
        sum += squares[p];
        shares += exp(-losses[p] / 5);
    }
    clade_first *first;
    size_t count;
    assert_ok(clade_merge_space_first(space, &sources, &first, &count));
    const clade_first *metagpt = find_first(first, count, "metagpt weights"),
                      *cocktail = find_first(first, count, "lm_cocktail weights");
    assert_true(metagpt && cocktail);
    for (size_t p = 0; p < FAMILY_PARENTS; p++) {
        assert_near(metagpt->genome[p], squares[p] / sum, 1e-12);
        assert_near(cocktail->genome[p], exp(-losses[p] / 5) / shares, 1e-12);
    }
    clade_first_free(first, count);
    clade_merge_space_free(space);
}

/* Every method that can be searched has a first recipe of its own, there are not too many, and the space holds them. */
static void every_method(void **state)
{
    (void)state;
    const clade_method *searched[64];
    size_t count, n = 0;
    const clade_method *const *all = clade_methods(&count);
    for (size_t m = 0; m < count; m++)
        if (!all[m]->statistics && !all[m]->adapters && all[m]->max_parents >= FAMILY_PARENTS)
            searched[n++] = all[m];
    assert_true(n > 20);
    for (size_t m = 0; m <= n; m++) { /* each alone, and all together */
        const clade_merge_space_plan plan =
            family_plan(&stacked, m < n ? &searched[m] : searched, m < n ? 1 : n, "layer", "full");
        clade_merge_space *space;
        clade_first *first;
        size_t found;
        assert_ok(clade_merge_space_new(&plan, stacked.family, &space));
        assert_ok(clade_merge_space_first(space, NULL, &first, &found));
        if (found == 0)
            fail_msg("%s has no first recipe", m < n ? searched[m]->name : "nothing");
        assert_true(found <= CLADE_MOST_FIRST);
        assert_true(m < n || found == CLADE_MOST_FIRST);
        for (size_t i = 0; i < found; i++)
            assert_true(clade_space_holds(clade_merge_space_genes(space), first[i].genome));
        clade_first_free(first, found);
        clade_merge_space_free(space);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(first_recipes),         cmocka_unit_test(first_children), cmocka_unit_test(first_rising),
        cmocka_unit_test(first_respects_ranges), cmocka_unit_test(closed_forms),   cmocka_unit_test(every_method),
    };
    return cmocka_run_group_tests(tests, open_family, close_family);
}
