/* What line searches go along: the strength of each method under its name, then its other parameters. */
#include "merge_stacked.h"
#include "near.h"

typedef struct expected_line {
    const char *name, *gene; /* one of the genes that move */
    size_t category;
    bool scaled;
} expected_line;

static void check_lines(clade_merge_space *space, const expected_line *expected, size_t count)
{
    size_t n;
    const clade_space_line *lines = clade_merge_space_lines(space, &n);
    const clade_space *genes = clade_merge_space_genes(space);
    assert_int_equal(n, count);
    for (size_t i = 0; i < count; i++) {
        assert_string_equal(lines[i].name, expected[i].name);
        assert_int_equal(lines[i].category, expected[i].category);
        assert_int_equal(lines[i].scaled, expected[i].scaled);
        const clade_gene *gene = &genes->genes[gene_index(genes, expected[i].gene)];
        assert_int_equal(gene->slot, lines[i].slot);
        assert_int_equal(gene->kind, CLADE_GENE_REAL);
        assert_true((gene->active_in >> lines[i].category & 1) != 0);
    }
    clade_merge_space_free(space);
}

/* TIES has a lambda, and divides by the sum of weights; task arithmetic and DARE have weights; linear and its division
 * by the sum leave nothing to turn up. */
static void strengths(void **state)
{
    (void)state;
    const char *const names[] = {"ties", "task_arithmetic", "dare_linear", "linear"};
    static const expected_line full[] = {{"ties lambda", "lambda@layer 1", 0, true},
                                         {"ties density", "density.digits@after", 0, false},
                                         {"task_arithmetic weight", "weight.signs@layer 0", 1, true},
                                         {"dare_linear weight", "weight.signs@layer 0", 2, true},
                                         {"dare_linear drop_rate", "drop_rate.fashion@before", 2, false}};
    check_lines(new_space(&stacked, names, 4, "layer", "full"), full, 5);
    static const expected_line product[] = {{"ties lambda", "lambda", 0, true},
                                            {"ties density", "density.digits", 0, false},
                                            {"task_arithmetic strength", "strength@layer 1", 1, true},
                                            {"dare_linear strength", "strength@before", 2, true},
                                            {"dare_linear drop_rate", "drop_rate.fashion", 2, false}};
    check_lines(new_space(&stacked, names, 4, "layer", "product"), product, 5);
}

/* Fixed parameters, and weights that share a sum, are no lines. */
static void given(void **state)
{
    (void)state;
    const clade_method *methods[] = {method("ties"), method("task_arithmetic")};
    clade_range_override ranges[] = {{(char *)"lambda", 0.5, 0.5}, {(char *)"density", 0.2, 0.2}};
    clade_merge_space_plan plan = family_plan(&stacked, methods, 2, "model", "product");
    clade_merge_space *space;
    plan.ranges = ranges;
    plan.n_ranges = 2;
    assert_ok(clade_merge_space_new(&plan, stacked.family, &space));
    static const expected_line weights[] = {{"task_arithmetic weight", "weight.fashion", 1, true}};
    check_lines(space, weights, 1);
    plan.sum = 1;
    assert_ok(clade_merge_space_new(&plan, stacked.family, &space));
    check_lines(space, NULL, 0);
}

/* Every method of the registry has a line, unless there is nothing in it but shares. */
static void every_method(void **state)
{
    (void)state;
    size_t count, with = 0, all = 0, n;
    const clade_method *const *methods = clade_methods(&count);
    for (size_t m = 0; m < count; m++) {
        if (methods[m]->statistics || methods[m]->adapters || methods[m]->max_parents < FAMILY_PARENTS)
            continue;
        const clade_method *only[] = {methods[m]};
        const clade_merge_space_plan plan = family_plan(&stacked, only, 1, "layer", "full");
        clade_merge_space *space;
        assert_ok(clade_merge_space_new(&plan, stacked.family, &space));
        const clade_space_line *lines = clade_merge_space_lines(space, &n);
        size_t scaled = 0;
        for (size_t i = 0; i < n; i++)
            scaled += lines[i].scaled;
        assert_true(scaled <= 1);
        with += n > 0;
        all++;
        clade_merge_space_free(space);
    }
    assert_true(all > 20 && with > all / 2);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(strengths),
        cmocka_unit_test(given),
        cmocka_unit_test(every_method),
    };
    return cmocka_run_group_tests(tests, open_family, close_family);
}
