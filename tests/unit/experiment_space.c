/* The section "space" of experiment.json and the first recipes: sites in all their forms, priors, the sum. */
#include "experiment_fixture.h"

#define SPACE(text) "{" BASICS ", \"space\": {" text "}}"

static void check_sites(const char *text, const char *sites, const char *coordinates)
{
    clade_experiment *e;
    assert_ok(parse(text, &e));
    assert_string_equal(e->sites, sites);
    assert_string_equal(e->coordinates, coordinates);
    clade_experiment_free(e);
}

static void sites(void **state)
{
    (void)state;
    check_sites("{" BASICS "}", "layer", "product");
    check_sites(SPACE("\"sites\": \"module\""), "module", "product");
    check_sites(SPACE("\"sites\": \"tensor\", \"coordinates\": \"full\""), "tensor", "full");
    check_sites(SPACE("\"sites\": \"auto\""), "auto", "full");
    check_sites(SPACE("\"sites\": \"auto\", \"coordinates\": \"product\""), "auto", "product");
    check_sites(SPACE("\"sites\": [\"model\", \"depth:4\", \"tensor\"]"), "model,depth:4,tensor", "full");
    check_sites(SPACE("\"sites\": [\"layer\"]"), "layer", "product");
}

static const char everything[] =
    "{" BASICS ", \"space\": {\"methods\": [\"task_arithmetic\"], \"sites\": {\"groups\": {\"late ones\": [\"*.7.*\", "
    "\"head\"], \"early\": [\"*.[0].*\"]}}, \"prior\": {\"weight\": [0.3, 0.1], \"strength\": [1, 0.5]}, \"sum\": "
    "1.25}, "
    "\"first\": [\"my.json\", \"/other/best.json\"]}";

static void values(void **state)
{
    (void)state;
    clade_experiment *e;
    assert_ok(parse(everything, &e));
    assert_string_equal(e->sites, "groups");
    assert_int_equal(e->n_named_sites, 2);
    assert_string_equal(e->named_sites[0].name, "late ones");
    assert_int_equal(e->named_sites[0].n_patterns, 2);
    assert_string_equal(e->named_sites[0].patterns[1], "head");
    assert_int_equal(e->n_priors, 2);
    assert_string_equal(e->priors[1].parameter, "strength");
    assert_true(e->priors[0].mean == 0.3 && e->priors[0].deviation == 0.1);
    assert_true(e->sum == 1.25);
    assert_int_equal(e->n_first, 2);
    assert_string_equal(e->first[0], "/zoo/my.json");
    assert_string_equal(e->first[1], "/other/best.json");
    const clade_merge_space_plan plan = clade_experiment_space_plan(e);
    assert_int_equal(plan.n_named_sites, 2);
    assert_int_equal(plan.n_priors, 2);
    assert_true(plan.sum == 1.25);
    clade_experiment_free(e);
}

/* Law: the resolved form parses back to an equal experiment, printed alike. */
static void resolved(void **state)
{
    (void)state;
    const char *const texts[] = {everything, SPACE("\"sites\": \"auto\""), SPACE("\"sites\": [\"model\", \"layer\"]")};
    for (size_t i = 0; i < sizeof texts / sizeof *texts; i++) {
        clade_experiment *e, *again;
        clade_text first = {0}, second = {0};
        assert_ok(parse(texts[i], &e));
        clade_experiment_print(e, true, &first);
        assert_ok(clade_text_status(&first));
        assert_ok(clade_experiment_parse(first.data, first.length, "run", "/elsewhere", &again));
        clade_experiment_print(again, true, &second);
        assert_string_equal(clade_text_get(&first), clade_text_get(&second));
        assert_string_equal(e->sites, again->sites);
        clade_text_free(&first);
        clade_text_free(&second);
        clade_experiment_free(e);
        clade_experiment_free(again);
    }
}

/* Each gives CLADE_ECONFIG with this part of a message. */
static const struct {
    const char *text, *part;
} cases[] = {
    {SPACE("\"sites\": []"), "e.json: space.sites: found no level"},
    {SPACE("\"sites\": [3]"), "e.json: space.sites[0]: found 3"},
    {SPACE("\"sites\": [\"model\", \"layers\"]"), "e.json: space.sites: unknown \"layers\"; did you mean \"layer\""},
    {SPACE("\"sites\": [\"layer\", \"model\"]"),
     "e.json: space.sites: found \"layer,model\", expected levels from coarse"},
    {SPACE("\"sites\": \"model,layer\""),
     "e.json: space.sites: found \"model,layer\", expected a word, a list of words"},
    {SPACE("\"sites\": \"groups\""), "e.json: space.sites: found \"groups\", expected a word"},
    {SPACE("\"sites\": {\"group\": {}}"), "did you mean \"groups\""},
    {SPACE("\"sites\": {\"groups\": {}}"), "e.json: space.sites.groups: found no group"},
    {SPACE("\"sites\": {\"groups\": {\"a\": []}}"), "e.json: space.sites.groups.a: found no pattern"},
    {SPACE("\"sites\": {\"groups\": {\"a\": [1]}}"), "space.sites.groups.a[0]: found 1"},
    {SPACE("\"sites\": {\"groups\": {\"a\": \"x\"}}"), "space.sites.groups.a: found \"x\""},
    {SPACE("\"sites\": {\"groups\": {\"rest\": [\"x\"]}}"), "found a group named \"rest\""},
    {SPACE("\"sites\": {\"groups\": {\"a@b\": [\"x\"]}}"), "found the name \"a@b\""},
    {SPACE("\"prior\": {\"wieght\": [0, 1]}"), "e.json: space.prior: unknown \"wieght\"; did you mean \"weight\""},
    {SPACE("\"prior\": {\"weight\": [0]}"), "space.prior.weight: found 1 numbers, expected [mean, deviation]"},
    {SPACE("\"prior\": {\"weight\": [0, -1]}"), "space.prior.weight[1]: found -1"},
    {SPACE("\"prior\": {\"weight\": [0, 0]}"), "space.prior.weight: found the deviation 0"},
    {SPACE("\"sites\": \"auto\", \"prior\": {\"strength\": [1, 1]}"), "space.prior: unknown \"strength\""},
    {SPACE("\"sum\": 0"), "e.json: space.sum: found 0, expected a number above 0"},
    {SPACE("\"sum\": \"1\""), "space.sum: found \"1\""},
    {SPACE("\"methods\": [\"linear\"], \"sum\": 1"), "no method of the space feels the sum of the weights"},
    {"{" BASICS ", \"first\": \"my.json\"}", "e.json: first: found \"my.json\", expected an array"},
    {"{" BASICS ", \"first\": [1]}", "e.json: first[0]: found 1"},
    {"{" BASICS ", \"frist\": []}", "did you mean \"first\""},
};

static void mistakes(void **state)
{
    (void)state;
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        clade_experiment *e;
        const size_t live = clade_alloc_live();
        assert_fails(parse(cases[i].text, &e), CLADE_ECONFIG, cases[i].part);
        assert_int_equal(clade_alloc_live(), live);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(sites),
        cmocka_unit_test(values),
        cmocka_unit_test(resolved),
        cmocka_unit_test(mistakes),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
