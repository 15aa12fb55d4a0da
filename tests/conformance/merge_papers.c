/* Float64 references written from papers, in ../shared/golden/merge, where a recipe can say what they compute: TIES
 * with a trim per tensor or over the whole model, the arithmetic of DARE and DELLA with stored masks, Fisher merging, the
 * methods on matrices. */
#include "merge_golden.h"

#include "merge/method/task_vectors.h"

/* Makes the child and frees the recipe. */
static void run_recipe(const test_case *one, clade_recipe *recipe)
{
    clade_family *family;
    clade_child *child;
    assert_ok(family_of(recipe, &family));
    assert_ok(clade_child_new(family, NULL, &child));
    assert_ok(clade_child_make(child, recipe));
    compare(one, child, true);
    clade_child_free(child);
    clade_family_close(family);
    clade_recipe_free(recipe);
}

static void run_yaml(const test_case *one, const char *yaml, const char *name)
{
    clade_recipe *recipe;
    assert_ok(clade_recipe_from_mergekit_text(yaml, strlen(yaml), name, &recipe));
    run_recipe(one, recipe);
}

static char *copy_of_golden(const char *format, const char *name, const char *suffix)
{
    char file[128];
    snprintf(file, sizeof file, format, name, suffix);
    char *path = clade_strdup(golden(file));
    assert_non_null(path);
    return path;
}

/* METHOD with its defaults on P_a, P_b and P_c, their statistics, and P_base where the method needs one. */
static clade_recipe *paper_recipe(const char *method_name)
{
    static const char *const names[] = {"P_a", "P_b", "P_c"};
    const clade_method *method = clade_method_find(method_name);
    clade_recipe *recipe;
    assert_non_null(method);
    assert_ok(clade_recipe_new(method, 3, 1, &recipe));
    for (size_t p = 0; p < 3; p++) {
        assert_non_null(recipe->parents[p].name = clade_strdup(names[p]));
        recipe->parents[p].path = copy_of_golden("models/%s%s.safetensors", names[p], "");
        if (method->statistics)
            recipe->parents[p].statistics.path =
                copy_of_golden("models/%s_%s.safetensors", names[p], method->statistics);
    }
    if (method->base == CLADE_BASE_REQUIRED) {
        assert_non_null(recipe->base = clade_calloc(1, sizeof *recipe->base));
        assert_non_null(recipe->base->name = clade_strdup("base"));
        recipe->base->path = copy_of_golden("models/%s%s.safetensors", "P_base", "");
    }
    assert_non_null(recipe->rules[0].patterns = clade_calloc(1, sizeof(char *)));
    assert_non_null(recipe->rules[0].patterns[0] = clade_strdup("*"));
    recipe->rules[0].n_patterns = 1;
    return recipe;
}

/* Set a parameter of the only rule, of parent P where it has one per parent. */
static void set(clade_recipe *recipe, const char *name, size_t p, double value)
{
    size_t n = recipe->method->n_parameters, k = clade_method_parameter(recipe->method, name);
    assert_true(k < n);
    if (recipe->method->parameters[k].scope == CLADE_PER_PARENT)
        recipe->rules[0].parent[p * n + k] = value;
    else
        recipe->rules[0].site[k] = value;
}

/* ---- TIES, DARE, DELLA ---- */

/* Equal weights: the paper's plain mean, its sum with lambda 0.3. */
static void paper_ties(void **state)
{
    static const struct {
        const char *file, *method;
        double density, ge_kth, normalize;
    } rows[] = {{"paper_ties_tensor_mean_k20.json", "ties", 0.2, 0, 1},
                {"paper_ties_tensor_mean_k50.json", "ties", 0.5, 0, 1},
                {"paper_ties_global_mean_k20.json", "ties_global", 0.2, 0, 1},
                {"paper_ties_global_mean_k50.json", "ties_global", 0.5, 0, 1},
                {"paper_ties_global_ge_kth_mean_k20.json", "ties_global", 0.2, 1, 1},
                {"paper_ties_global_ge_kth_mean_k50.json", "ties_global", 0.5, 1, 1},
                {"paper_ties_global_sum_k20.json", "ties_global", 0.2, 0, 0},
                {"paper_ties_global_sum_k50.json", "ties_global", 0.5, 0, 0}};
    (void)state;
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        test_case one = open_case(rows[i].file);
        clade_recipe *recipe = paper_recipe(rows[i].method);
        for (size_t p = 0; p < 3; p++)
            set(recipe, "density", p, rows[i].density);
        set(recipe, "trim_rule", 0, rows[i].ge_kth);
        set(recipe, "normalize", 0, rows[i].normalize);
        set(recipe, "lambda", 0, rows[i].normalize != 0 ? 1 : 0.3);
        run_recipe(&one, recipe);
        clade_json_free(one.document);
    }
}

static bool is_kept(const clade_tensor *mask, size_t i)
{
    size_t width = mask->bytes / mask->count;
    const char *bytes = (const char *)mask->data + i * width;
    for (size_t k = 0; k < width; k++)
        if (bytes[k] != 0)
            return true;
    return false;
}

/* DELLA's probabilities to stay, with density 0.5 and epsilon 0.2, by the ranks that Clade's rows use. */
static void probabilities_of(const clade_tensor *x, const clade_tensor *base, double *p)
{
    clade_merge_tile tile = {.n = x->count, .rank = x->rank, .shape = x->shape, .base = base->data};
    uint32_t *ranks = test_calloc(x->count, sizeof *ranks);
    void *room = test_malloc(clade_rank_room(&tile));
    uint64_t length;
    assert_ok(clade_rank_rows(&tile, x->data, ranks, room, &length));
    for (size_t i = 0; i < x->count; i++)
        p[i] = length > 1 ? 0.3 + 0.4 * ranks[i] / (double)(length - 1) : 0.5;
    test_free(ranks);
    test_free(room);
}

/* BASE + what is left of the task vector of PARENT: where the stored mask is 1, for DELLA divided by the probability. */
static void write_masked(const char *folder, const char *name, bool della)
{
    char file[128];
    clade_checkpoint *base, *parent, *mask;
    clade_tensor tensors[16];
    assert_ok(clade_checkpoint_open(golden("models/P_base.safetensors"), &base));
    snprintf(file, sizeof file, "models/%s.safetensors", name);
    assert_ok(clade_checkpoint_open(golden(file), &parent));
    snprintf(file, sizeof file, "models/%s_keepmask.safetensors", name);
    assert_ok(clade_checkpoint_open(golden(file), &mask));
    size_t count = clade_checkpoint_count(base);
    assert_in_range(count, 1, 16);
    for (size_t t = 0; t < count; t++) {
        tensors[t] = *clade_checkpoint_at(parent, t);
        assert_int_equal(tensors[t].dtype, CLADE_F32);
        const clade_tensor *kept = clade_checkpoint_find(mask, tensors[t].name), *b = clade_checkpoint_at(base, t);
        assert_non_null(kept);
        double *p = test_calloc(tensors[t].count, sizeof *p);
        float *data = test_malloc(tensors[t].bytes + 1);
        probabilities_of(&tensors[t], b, p);
        for (size_t i = 0; i < tensors[t].count; i++) {
            double tau = element(&tensors[t], i) - element(b, i);
            data[i] = (float)(element(b, i) + (is_kept(kept, i) ? tau / (della ? p[i] : 1) : 0));
        }
        tensors[t].data = data;
        test_free(p);
    }
    snprintf(file, sizeof file, "%s.safetensors", name);
    assert_ok(clade_safetensors_write(path_in(folder, file), tensors, count, NULL, NULL));
    for (size_t t = 0; t < count; t++)
        test_free((void *)(uintptr_t)tensors[t].data);
    clade_checkpoint_close(base);
    clade_checkpoint_close(parent);
    clade_checkpoint_close(mask);
}

/* The arithmetic with stored masks. Clade's masks come from its own generator, so the dropped task vectors are given as
 * parents, and 1 / (T (1 - p)), or 1 / T, as their weight. */
static void run_masked(const char *file, bool della, double weight)
{
    char folder[TEST_PATH], yaml[2 * TEST_PATH];
    make_temporary_folder(folder);
    test_case one = open_case(file);
    write_masked(folder, "P_a", della);
    write_masked(folder, "P_b", della);
    write_masked(folder, "P_c", della);
    snprintf(yaml, sizeof yaml,
             "merge_method: task_arithmetic\nbase_model: %s\n"
             "models: [{model: P_a.safetensors}, {model: P_b.safetensors}, {model: P_c.safetensors}]\n"
             "parameters: {weight: %.17g}\n",
             golden("models/P_base.safetensors"), weight);
    run_yaml(&one, yaml, path_in(folder, "config.yaml"));
    clade_json_free(one.document);
    remove_temporary_folder(folder);
}

static void paper_given_masks(void **state)
{
    (void)state;
    run_masked("paper_dare_given_mask.json", false, 1 / (3 * (1 - 0.6)));
    run_masked("paper_della_given_mask.json", true, 1.0 / 3);
}

/* ---- Fisher ---- */

static void paper_fisher(void **state)
{
    static const struct {
        const char *file;
        int normalize, floor_rule; /* first, all, add */
    } rows[] = {{"paper_fisher_floor_first.json", 0, 0},
                {"paper_fisher_floor_all.json", 0, 1},
                {"paper_fisher_add_eps.json", 0, 2},
                {"paper_fisher_normalized.json", 1, 0}};
    static const double weights[] = {0.5, 0.3, 0.2};
    (void)state;
    for (size_t i = 0; i < 4; i++) {
        test_case one = open_case(rows[i].file);
        clade_recipe *recipe = paper_recipe("fisher");
        for (size_t p = 0; p < 3; p++)
            set(recipe, "weight", p, weights[p]);
        set(recipe, "normalize", 0, rows[i].normalize);
        set(recipe, "floor_rule", 0, rows[i].floor_rule);
        run_recipe(&one, recipe);
        clade_json_free(one.document);
    }
}

/* ---- methods on matrices ---- */

static void paper_matrices(void **state)
{
    static const struct {
        const char *file, *method, *parameter;
        double value;
    } rows[] = {
        {"paper_iso_c_l100.json", "iso_c", "lambda", 1},    {"paper_iso_c_l150.json", "iso_c", "lambda", 1.5},
        {"paper_iso_cts.json", "iso_cts", "lambda", 1},     {"paper_tsv_m.json", "tsv_m", "lambda", 1},
        {"paper_regmean_a000.json", "regmean", "alpha", 0}, {"paper_regmean_a090.json", "regmean", "alpha", 0.9},
        {"paper_regmean_a100.json", "regmean", "alpha", 1},
    };
    (void)state;
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        test_case one = open_case(rows[i].file);
        assert_string_equal(one.method, rows[i].method);
        clade_recipe *recipe = paper_recipe(rows[i].method);
        set(recipe, rows[i].parameter, 0, rows[i].value);
        run_recipe(&one, recipe);
        clade_json_free(one.document);
    }
}

/* ---- masks and votes ---- */

/* The defaults of mask_lambda, k, task and ratio are those of the cases. */
static void paper_masks(void **state)
{
    static const struct {
        const char *file, *method;
        double lambda;
        bool paper; /* of the variants of PCB */
    } rows[] = {
        {"paper_consensus_ta.json", "consensus_ta", 0.6, false},
        {"paper_tall_mask_first_expert.json", "tall_mask", 1, false},
        {"paper_emr_first_expert.json", "emr", 1, false},
        {"paper_pcb_code.json", "pcb", 1.2, false},
        {"paper_pcb_paper.json", "pcb", 1.2, true},
    };
    (void)state;
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        test_case one = open_case(rows[i].file);
        assert_string_equal(one.method, rows[i].method);
        clade_recipe *recipe = paper_recipe(rows[i].method);
        set(recipe, "lambda", 0, rows[i].lambda);
        if (rows[i].paper)
            set(recipe, "variant", 0, 1);
        run_recipe(&one, recipe);
        clade_json_free(one.document);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(paper_matrices),    cmocka_unit_test(paper_masks),  cmocka_unit_test(paper_ties),
        cmocka_unit_test(paper_given_masks), cmocka_unit_test(paper_fisher),
    };
    skip_without_shared();
    return cmocka_run_group_tests(tests, NULL, NULL);
}
