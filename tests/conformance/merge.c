/* Every case of ../shared/golden/merge whose method Clade has, against mergekit's results: exact ones element by
 * element within the case's tolerance, random ones over 400 seeds by the rule of its README, and those mergekit refuses
 * are refused.
 *
 * Where Clade refuses what mergekit does, the case is listed with the reason and the refusal is what is checked. */
#include "near.h"

#include <dirent.h>
#include <math.h>

#include "clade/json.h"
#include "clade/merge.h"

enum { SEEDS = 400, MOST_CASES = 512 };

typedef struct refusal {
    const char *name, *message; /* a part of it */
    clade_status status;
} refusal;

static const refusal refusals[] = {
    {"config_lambda_per_model_ignored", "top-level parameters only", CLADE_ECONFIG}, /* strict: nothing is ignored */
    {"config_unknown_keys", "no parameter \"lamda\"", CLADE_ECONFIG},                /* strict: nothing is ignored */
    {"linear_zero_sum_normalize", "sum to 0", CLADE_EEVAL},                          /* instead of infinities */
    {"lora_linear", "LoRA adapters", CLADE_ECONFIG},                                 /* a later version */
    {"lora_task_arithmetic", "LoRA adapters", CLADE_ECONFIG},
    {"slices_filter_output_name", "slices", CLADE_ECONFIG}, /* layer stacking is not supported */
    {"slices_filter_input_name", "slices", CLADE_ECONFIG},
    {"slices_gradient_restart", "slices", CLADE_ECONFIG},
    {"slices_linear_offset", "slices", CLADE_ECONFIG},
    {"slices_slerp", "slices", CLADE_ECONFIG},
    {"slices_ties_shifted", "slices", CLADE_ECONFIG},
    {"config_missing_weight_error", "no weight", CLADE_ECONFIG}, /* refused by mergekit too */
    {"linear_base_not_listed_error", "no weight", CLADE_ECONFIG},
    {"config_shape_mismatch_error", "tensor w: found shape [3, 5], expected [3, 4]", CLADE_EINCOMPATIBLE},
};

/* A file of the golden folder; valid until the call after the next. */
static const char *golden(const char *name)
{
    static char paths[2][TEST_PATH];
    static unsigned turn;
    char *path = paths[turn++ % 2];
    snprintf(path, TEST_PATH, "%s/golden/merge/%s", CLADE_SHARED_DIR, name);
    return path;
}

static const refusal *refusal_of(const char *name)
{
    for (size_t i = 0; i < sizeof refusals / sizeof refusals[0]; i++)
        if (strcmp(refusals[i].name, name) == 0)
            return &refusals[i];
    return NULL;
}

/* ---- one case ---- */

typedef struct test_case {
    clade_json *document;
    clade_json_at root;
    const char *name, *kind, *tool, *method;
} test_case;

static const char *text_of(const test_case *one, const char *key)
{
    clade_problems problems = {0};
    const char *text = NULL;
    clade_json_at at = clade_json_member(&one->root, key);
    if (clade_json_kind_of(&at) == CLADE_JSON_STRING)
        assert_true(clade_json_string(&at, &problems, &text));
    return text;
}

static double tolerance_of(const test_case *one, const char *key, double otherwise)
{
    clade_problems problems = {0};
    clade_json_at tolerance = clade_json_member(&one->root, "tolerance"), at = clade_json_member(&tolerance, key);
    double value = otherwise;
    if (clade_json_kind_of(&at) == CLADE_JSON_NUMBER)
        assert_true(clade_json_number(&at, &problems, 0, 1e9, &value));
    return value;
}

static test_case open_case(const char *file)
{
    test_case one = {0};
    char path[TEST_PATH];
    snprintf(path, sizeof path, "%s/%s", golden("cases"), file);
    assert_ok(clade_json_read(path, CLADE_EINPUT, &one.document));
    one.root = clade_json_root(one.document);
    one.name = text_of(&one, "name");
    one.kind = text_of(&one, "kind");
    one.tool = text_of(&one, "tool");
    one.method = text_of(&one, "method");
    return one;
}

static clade_status recipe_of(const test_case *one, clade_recipe **recipe)
{
    const char *yaml = text_of(one, "mergekit_yaml");
    assert_non_null(yaml);
    return clade_recipe_from_mergekit_text(yaml, strlen(yaml), golden("config.yaml"), recipe);
}

static clade_status family_of(const clade_recipe *recipe, clade_family **family)
{
    const char *paths[CLADE_MAX_PARENTS];
    for (size_t p = 0; p < recipe->n_parents; p++)
        paths[p] = recipe->parents[p].path;
    return clade_family_open(recipe->base ? recipe->base->path : NULL, paths, recipe->n_parents, family);
}

static double element(const clade_tensor *tensor, size_t i)
{
    double wide;
    float value;
    if (tensor->dtype == CLADE_F64) {
        memcpy(&wide, (const char *)tensor->data + 8 * i, sizeof wide);
        return wide;
    }
    clade_widen(tensor->dtype, (const char *)tensor->data + i * (clade_dtype_of(tensor->dtype)->bits / 8), 1, &value);
    return (double)value;
}

static bool differs(double found, double expected, double rtol, double atol)
{
    if (isnan(expected) || isinf(expected))
        return !(isnan(expected) ? isnan(found) : found == expected);
    return !(fabs(found - expected) <= atol + rtol * fabs(expected));
}

/* The child against the expected file. PAPER: the file holds float64, so dtypes are not compared. */
static void compare(const test_case *one, const clade_child *child, bool paper)
{
    clade_checkpoint *expected;
    double rtol = tolerance_of(one, "rtol", 0), atol = tolerance_of(one, "atol", 0), worst = 0;
    size_t allowed = (size_t)tolerance_of(one, "max_outside", 0), outside = 0;
    assert_ok(clade_checkpoint_open(golden(text_of(one, "expected")), &expected));
    assert_int_equal(clade_child_count(child), clade_checkpoint_count(expected));
    for (size_t t = 0; t < clade_child_count(child); t++) {
        const clade_tensor *found = clade_child_at(child, t), *wanted = clade_checkpoint_at(expected, t);
        assert_string_equal(found->name, wanted->name);
        assert_true(clade_tensor_same_shape(found, wanted));
        assert_true(paper || found->dtype == wanted->dtype);
        for (size_t i = 0; i < found->count; i++) {
            double a = element(found, i), b = element(wanted, i);
            if (!differs(a, b, rtol, atol))
                continue;
            if (outside++ == allowed)
                print_error("%s: %s[%zu]: found %.9g, expected %.9g\n", one->name, found->name, i, a, b);
            worst = fmax(worst, fabs(a - b));
        }
    }
    if (outside > allowed)
        fail_msg("%s: %zu values are outside the tolerance (by up to %g), allowed are %zu", one->name, outside, worst,
                 allowed);
    clade_checkpoint_close(expected);
}

static void run_exact(const test_case *one)
{
    clade_recipe *recipe;
    clade_family *family;
    clade_child *child;
    assert_ok(recipe_of(one, &recipe));
    assert_ok(family_of(recipe, &family));
    assert_ok(clade_child_new(family, NULL, &child));
    assert_ok(clade_child_make(child, recipe));
    compare(one, child, false);
    clade_child_free(child);
    clade_family_close(family);
    clade_recipe_free(recipe);
}

/* Whatever step refuses it, the status and the message are those of the list. */
static void run_refused(const test_case *one, const refusal *how)
{
    clade_recipe *recipe = NULL;
    clade_family *family = NULL;
    clade_child *child = NULL;
    clade_status status = recipe_of(one, &recipe);
    if (status == CLADE_OK)
        status = family_of(recipe, &family);
    if (status == CLADE_OK)
        status = clade_child_new(family, NULL, &child);
    if (status == CLADE_OK)
        status = clade_child_make(child, recipe);
    if (status != how->status)
        print_error("%s: ", one->name);
    assert_fails(status, how->status, how->message);
    clade_child_free(child);
    clade_family_close(family);
    clade_recipe_free(recipe);
}

/* ---- random masks ---- */

typedef struct moments {
    double *sum, *squares, *changed; /* (elements of the tensor) */
} moments;

static void add_child(const clade_family *family, const clade_child *child, moments *all)
{
    for (size_t t = 0; t < clade_child_count(child); t++) {
        const clade_tensor *tensor = clade_child_at(child, t);
        const clade_tensor *base = clade_checkpoint_find(clade_family_base(family), tensor->name);
        for (size_t i = 0; i < tensor->count; i++) {
            double delta = element(tensor, i) - element(base, i);
            all[t].sum[i] += delta;
            all[t].squares[i] += delta * delta;
            all[t].changed[i] += delta != 0;
        }
    }
}

static double statistic(const clade_checkpoint *file, const char *tensor, const char *what, size_t i)
{
    char name[256];
    snprintf(name, sizeof name, "%s.%s", tensor, what);
    const clade_tensor *found = clade_checkpoint_find(file, name);
    assert_non_null(found);
    return element(found, i);
}

/* The rule of the README: means within 5 standard errors, rates of change within 5 sigma. */
static void compare_moments(const test_case *one, const clade_child *child, const moments *all)
{
    clade_checkpoint *reference;
    double sigma = tolerance_of(one, "sigma", 0), atol = tolerance_of(one, "atol", 0), n = SEEDS, seeds = 0;
    clade_problems problems = {0};
    clade_json_at at = clade_json_member(&one->root, "seeds");
    assert_true(clade_json_number(&at, &problems, 1, 1e6, &seeds));
    assert_ok(clade_checkpoint_open(golden(text_of(one, "expected")), &reference));
    for (size_t t = 0; t < clade_child_count(child); t++) {
        const char *name = clade_child_at(child, t)->name;
        for (size_t i = 0; i < clade_child_at(child, t)->count; i++) {
            double mean = all[t].sum[i] / n, variance = (all[t].squares[i] - n * mean * mean) / (n - 1);
            double wanted = statistic(reference, name, "mean_delta", i),
                   deviation = statistic(reference, name, "std_delta", i);
            double rate = all[t].changed[i] / n, wanted_rate = statistic(reference, name, "changed_rate", i);
            assert_near(mean, wanted, sigma * sqrt(fmax(0, variance) / n + deviation * deviation / seeds) + atol);
            double pooled = fmin(0.999, fmax(0.001, (rate * n + wanted_rate * seeds) / (n + seeds)));
            assert_near(rate, wanted_rate, sigma * sqrt(pooled * (1 - pooled) * (1 / n + 1 / seeds)));
        }
    }
    clade_checkpoint_close(reference);
}

static void run_statistical(const test_case *one)
{
    clade_recipe *recipe;
    clade_family *family;
    clade_child *child;
    moments all[8] = {0};
    assert_ok(recipe_of(one, &recipe));
    assert_ok(family_of(recipe, &family));
    assert_ok(clade_child_new(family, NULL, &child));
    assert_in_range(clade_child_count(child), 1, 8);
    for (size_t t = 0; t < clade_child_count(child); t++) {
        size_t count = clade_child_at(child, t)->count;
        all[t].sum = test_calloc(count, sizeof(double));
        all[t].squares = test_calloc(count, sizeof(double));
        all[t].changed = test_calloc(count, sizeof(double));
    }
    for (recipe->seed = 1; recipe->seed <= SEEDS; recipe->seed++) {
        assert_ok(clade_child_make(child, recipe));
        add_child(family, child, all);
    }
    compare_moments(one, child, all);
    for (size_t t = 0; t < clade_child_count(child); t++) {
        test_free(all[t].sum);
        test_free(all[t].squares);
        test_free(all[t].changed);
    }
    clade_child_free(child);
    clade_family_close(family);
    clade_recipe_free(recipe);
}

/* ---- references from papers ---- */

static void run_yaml(const test_case *one, const char *yaml, const char *name)
{
    clade_recipe *recipe;
    clade_family *family;
    clade_child *child;
    assert_ok(clade_recipe_from_mergekit_text(yaml, strlen(yaml), name, &recipe));
    assert_ok(family_of(recipe, &family));
    assert_ok(clade_child_new(family, NULL, &child));
    assert_ok(clade_child_make(child, recipe));
    compare(one, child, true);
    clade_child_free(child);
    clade_family_close(family);
    clade_recipe_free(recipe);
}

/* TIES with a trim per tensor and a plain mean: equal weights. The global trims of the paper have no counterpart. */
static void paper_ties(void **state)
{
    static const struct {
        const char *file;
        double density;
    } rows[] = {{"paper_ties_tensor_mean_k20.json", 0.2}, {"paper_ties_tensor_mean_k50.json", 0.5}};
    (void)state;
    for (size_t i = 0; i < 2; i++) {
        char yaml[1024];
        test_case one = open_case(rows[i].file);
        snprintf(yaml, sizeof yaml,
                 "merge_method: ties\nbase_model: models/P_base.safetensors\n"
                 "models: [{model: models/P_a.safetensors}, {model: models/P_b.safetensors}, {model: "
                 "models/P_c.safetensors}]\n"
                 "parameters: {weight: 1, density: %g}\n",
                 rows[i].density);
        run_yaml(&one, yaml, golden("config.yaml"));
        clade_json_free(one.document);
    }
}

/* PARENT where the mask is 1 and BASE elsewhere: a parent whose task vector was dropped by the stored mask. */
static void write_masked(const char *folder, const char *name)
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
        float *data = test_malloc(tensors[t].bytes + 1);
        size_t width = kept->bytes / kept->count;
        for (size_t i = 0; i < tensors[t].count; i++) {
            const char *bytes = (const char *)kept->data + i * width;
            bool keep = false;
            for (size_t k = 0; k < width; k++)
                keep = keep || bytes[k] != 0;
            data[i] = (float)element(keep ? &tensors[t] : b, i);
        }
        tensors[t].data = data;
    }
    snprintf(file, sizeof file, "%s.safetensors", name);
    assert_ok(clade_safetensors_write(path_in(folder, file), tensors, count, NULL, NULL));
    for (size_t t = 0; t < count; t++)
        test_free((void *)(uintptr_t)tensors[t].data);
    clade_checkpoint_close(base);
    clade_checkpoint_close(parent);
    clade_checkpoint_close(mask);
}

/* DARE's arithmetic with stored masks. Clade's masks come from its own generator, so the dropped task vectors are given
 * as parents, and 1 / (T (1 - p)) as their weight. */
static void paper_dare_given_mask(void **state)
{
    char folder[TEST_PATH], yaml[2 * TEST_PATH];
    (void)state;
    make_temporary_folder(folder);
    test_case one = open_case("paper_dare_given_mask.json");
    write_masked(folder, "P_a");
    write_masked(folder, "P_b");
    write_masked(folder, "P_c");
    snprintf(yaml, sizeof yaml,
             "merge_method: task_arithmetic\nbase_model: %s\n"
             "models: [{model: P_a.safetensors}, {model: P_b.safetensors}, {model: P_c.safetensors}]\n"
             "parameters: {weight: %.17g}\n",
             golden("models/P_base.safetensors"), 1 / (3 * (1 - 0.6)));
    run_yaml(&one, yaml, path_in(folder, "config.yaml"));
    clade_json_free(one.document);
    remove_temporary_folder(folder);
}

/* ---- all of mergekit's ---- */

static int by_name(const void *a, const void *b)
{
    return strcmp(*(char *const *)a, *(char *const *)b);
}

static size_t list_cases(char **names)
{
    DIR *folder = opendir(golden("cases"));
    size_t count = 0;
    assert_non_null(folder);
    for (struct dirent *entry; (entry = readdir(folder)) != NULL;)
        if (strstr(entry->d_name, ".json") && count < MOST_CASES)
            assert_non_null(names[count++] = strdup(entry->d_name));
    closedir(folder);
    qsort(names, count, sizeof names[0], by_name);
    return count;
}

static void mergekit_cases(void **state)
{
    char *names[MOST_CASES];
    size_t count = list_cases(names), exact = 0, statistical = 0, refused = 0, others = 0;
    (void)state;
    for (size_t i = 0; i < count; i++) {
        test_case one = open_case(names[i]);
        const refusal *how = refusal_of(one.name);
        bool ours = strncmp(one.tool, "mergekit", 8) == 0 && clade_method_find(one.method) != NULL;
        if (ours && how) {
            run_refused(&one, how);
            refused++;
        } else if (ours && strcmp(one.kind, "exact") == 0) {
            run_exact(&one);
            exact++;
        } else if (ours && strcmp(one.kind, "statistical") == 0) {
            run_statistical(&one);
            statistical++;
        } else {
            assert_false(ours); /* an error of mergekit that is not in the list */
            others++;
        }
        clade_json_free(one.document);
        free(names[i]);
    }
    print_message("%zu exact, %zu statistical, %zu refused; %zu cases of methods Clade does not have or of papers\n",
                  exact, statistical, refused, others);
    assert_true(exact >= 80);
    assert_int_equal(refused, sizeof refusals / sizeof refusals[0]);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(mergekit_cases),
        cmocka_unit_test(paper_ties),
        cmocka_unit_test(paper_dare_given_mask),
    };
    skip_without_shared();
    return cmocka_run_group_tests(tests, NULL, NULL);
}
