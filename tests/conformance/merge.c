/* Every case of ../shared/golden/merge whose method Clade has, against mergekit's results: exact ones element by
 * element within the case's tolerance, random ones over 400 seeds by the rule of its README, and those mergekit refuses
 * are refused.
 *
 * Where Clade refuses what mergekit does, the case is listed with the reason and the refusal is what is checked. */
#include "merge_golden.h"

#include <dirent.h>

enum { SEEDS = 400, MOST_CASES = 512 };

typedef struct refusal {
    const char *name, *message; /* a part of it */
    clade_status status;
} refusal;

static const refusal refusals[] = {
    {"config_lambda_per_model_ignored", "top-level parameters only", CLADE_ECONFIG}, /* strict: nothing is ignored */
    {"config_unknown_keys", "no parameter \"lamda\"", CLADE_ECONFIG},                /* strict: nothing is ignored */
    {"linear_zero_sum_normalize", "sum to 0", CLADE_EEVAL},                          /* instead of infinities */
    {"config_missing_weight_error", "no weight", CLADE_ECONFIG},                     /* refused by mergekit too */
    {"linear_base_not_listed_error", "no weight", CLADE_ECONFIG},
    {"config_shape_mismatch_error", "tensor w: found shape [3, 5], expected [3, 4]", CLADE_EINCOMPATIBLE},
    {"model_stock_one_model_error", "found 1 parents, model_stock expects 2 to 64", CLADE_ECONFIG},
    {"passthrough_two_models_error", "found 2 parents, passthrough expects 1 to 1", CLADE_ECONFIG},
    {"multislerp_antipodal_error", "directions of the 3 parents cancel", CLADE_EEVAL},
    {"della_epsilon_error", "keep probabilities", CLADE_ECONFIG},
};

static const refusal *refusal_of(const char *name)
{
    for (size_t i = 0; i < sizeof refusals / sizeof refusals[0]; i++)
        if (strcmp(refusals[i].name, name) == 0)
            return &refusals[i];
    return NULL;
}

/* What mergekit refuses and Clade defines: DELLA's ranks in rows of one element. */
static bool defined_here(const char *name)
{
    return strcmp(name, "della_one_column_error") == 0;
}

static clade_status recipe_of(const test_case *one, clade_recipe **recipe)
{
    const char *yaml = text_of(one, "mergekit_yaml");
    assert_non_null(yaml);
    return clade_recipe_from_mergekit_text(yaml, strlen(yaml), golden("config.yaml"), recipe);
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
    if (!defined_here(one->name))
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
    assert_ok(clade_child_make(child, recipe)); /* tells how many tensors there are */
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
        } else if (ours && (strcmp(one.kind, "exact") == 0 || defined_here(one.name))) {
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
    assert_true(exact >= 160);
    assert_int_equal(refused, sizeof refusals / sizeof refusals[0]);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(mergekit_cases),
    };
    skip_without_shared();
    return cmocka_run_group_tests(tests, NULL, NULL);
}
