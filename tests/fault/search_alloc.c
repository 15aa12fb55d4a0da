/* The N-th allocation fails, for every N, in the search core: the right status, nothing leaked. */
#include "merge_fixture.h"

#include "search/closed_form.h"
#include "search/experiment.h"
#include "search/pareto.h"

static family_fixture family;
static char own_recipe[TEST_PATH + 32];

static clade_status parse_experiment(void *context)
{
    static const char text[] =
        "{\"clade\": 1, \"base\": \"b\", \"parents\": {\"fashion\": \"f\", \"digits\": \"d\"}, \"probes\": \"p.json\", "
        "\"space\": {\"methods\": [\"ties\", \"dare_ties\"], \"range\": {\"weight\": [0, 1.5]}, \"sites\": [\"model\", "
        "\"layer\"], \"prior\": {\"weight\": [0.3, 0.1]}, \"sum\": 1}, \"first\": [\"a.json\", \"b.json\"]}";
    clade_experiment *experiment;
    clade_text printed = {0};
    (void)context;
    CLADE_TRY(clade_experiment_parse(text, sizeof text - 1, "e.json", "", &experiment));
    clade_experiment_print(experiment, false, &printed);
    const clade_status status = clade_text_status(&printed);
    clade_text_free(&printed);
    clade_experiment_free(experiment);
    return status;
}

static clade_status decode_first(const clade_merge_space *space)
{
    clade_first *first;
    clade_recipe *recipe = NULL;
    size_t count;
    const char *const own[] = {own_recipe};
    const clade_first_sources sources = {.recipe_paths = own, .n_recipes = 1};
    CLADE_TRY(clade_merge_space_first(space, &sources, &first, &count));
    const clade_status status = clade_merge_space_decode(space, first[0].genome, &recipe);
    clade_first_free(first, count);
    if (status == CLADE_OK)
        clade_recipe_free(recipe);
    return status;
}

static clade_status make_space(void *context)
{
    const clade_method *methods[] = {clade_method_find("task_arithmetic"), clade_method_find("dare_ties")};
    const clade_merge_space_plan plan = family_plan(&family, methods, 2, context, "product");
    clade_merge_space *space;
    CLADE_TRY(clade_merge_space_new(&plan, family.family, &space));
    const clade_status status = decode_first(space);
    clade_merge_space_free(space);
    return status;
}

static clade_status make_groups(void *context)
{
    const clade_method *methods[] = {clade_method_find("task_arithmetic")};
    clade_merge_space_plan plan = family_plan(&family, methods, 1, "groups", "full");
    char *early[] = {(char *)"*.layers.0.*", (char *)"*.layers.1.*"};
    const clade_named_site groups[] = {{(char *)"early", early, 2}};
    clade_merge_space *space;
    (void)context;
    plan.named_sites = groups;
    plan.n_named_sites = 1;
    CLADE_TRY(clade_merge_space_new(&plan, family.family, &space));
    clade_merge_space_free(space);
    return CLADE_OK;
}

/* A recipe that every space here can say. */
static void write_own_recipe(void)
{
    const clade_method *methods[] = {clade_method_find("task_arithmetic")};
    const clade_merge_space_plan plan = family_plan(&family, methods, 1, "model", "product");
    const double weights[FAMILY_PARENTS] = {0.25, 0.5, 0.75};
    clade_merge_space *space;
    clade_recipe *recipe;
    clade_text text = {0};
    assert_ok(clade_merge_space_new(&plan, family.family, &space));
    assert_ok(clade_merge_space_decode(space, weights, &recipe));
    clade_recipe_print(recipe, false, &text);
    snprintf(own_recipe, sizeof own_recipe, "%s/own.json", family.folder);
    write_test_file(own_recipe, clade_text_get(&text), text.length);
    clade_text_free(&text);
    clade_recipe_free(recipe);
    clade_merge_space_free(space);
}

static clade_status run_algorithm(void *context)
{
    const clade_problem_form *form = clade_problem_form_find("dtlz2m3", 12);
    const clade_algorithm *algorithm = context;
    double objectives[60 * 3], volume, parameters[CLADE_MAX_PARAMETERS + 1];
    const size_t population = clade_algorithm_parameter(algorithm, "population");
    clade_space space;
    clade_algorithm_defaults(algorithm, parameters);
    parameters[population] = 8; /* behind the others, where there is none */
    CLADE_TRY(clade_problem_form_space(form, &space));
    const clade_search_problem problem = {
        .space = &space, .n_objectives = 3, .seed = 1, .window = 2, .parameters = parameters};
    clade_status status =
        clade_run_closed_form(algorithm, &problem, clade_problem_form_evaluate, form, 60, objectives, NULL);
    if (status == CLADE_OK)
        status = clade_hypervolume(objectives, 60, 3, form->wide, &volume);
    clade_space_fini(&space);
    return status;
}

static void experiments(void **state)
{
    (void)state;
    check_every_allocation(parse_experiment, NULL);
}

static void spaces(void **state)
{
    (void)state;
    check_every_allocation(make_space, (void *)"layer");
    check_every_allocation(make_space, (void *)"depth:2");
    check_every_allocation(make_space, (void *)"model");
    check_every_allocation(make_space, (void *)"auto");
    check_every_allocation(make_space, (void *)"tensor");
    check_every_allocation(make_groups, NULL);
}

static void algorithms(void **state)
{
    (void)state;
    size_t count;
    const clade_algorithm *const *all = clade_algorithms(&count);
    for (size_t i = 0; i < count; i++)
        check_every_allocation(run_algorithm, (void *)(uintptr_t)all[i]);
}

static int open_family(void **state)
{
    (void)state;
    family_init(&family, stacked_names);
    /* The content hashes are computed once and kept: not part of what is tested. */
    char hash[CLADE_SHA256_HEX];
    assert_ok(clade_checkpoint_hash(clade_family_base(family.family), hash));
    for (size_t p = 0; p < FAMILY_PARENTS; p++)
        assert_ok(clade_checkpoint_hash(clade_family_parent(family.family, p), hash));
    write_own_recipe();
    return 0;
}

static int close_family(void **state)
{
    (void)state;
    family_fini(&family);
    return nothing_is_left();
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(experiments),
        cmocka_unit_test(spaces),
        cmocka_unit_test(algorithms),
    };
    return cmocka_run_group_tests(tests, open_family, close_family);
}
