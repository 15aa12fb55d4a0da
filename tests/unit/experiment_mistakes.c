/* experiment.json: every mistake with its place. */
#include "experiment_fixture.h"

/* Each gives CLADE_ECONFIG with this part of a message. */
static const struct {
    const char *text, *part;
} cases[] = {
    {"[]", "expected an object"},
    {"{", "e.json"},
    {"{\"base\": \"b\", \"parents\": {\"a\": \"f\"}, \"probes\": \"p\"}", "e.json: clade: found nothing"},
    {"{\"clade\": 2, \"base\": \"b\", \"parents\": {\"a\": \"f\"}, \"probes\": \"p\"}", "e.json: clade: found 2"},
    {"{\"clade\": 1, \"parents\": {\"a\": \"f\"}, \"probes\": \"p\"}", "e.json: base: found nothing"},
    {"{\"clade\": 1, \"base\": \"b\", \"probes\": \"p\"}", "e.json: parents: found nothing"},
    {"{\"clade\": 1, \"base\": \"b\", \"parents\": {}, \"probes\": \"p\"}", "found 0 parents, expected 1 to 64"},
    {"{\"clade\": 1, \"base\": \"b\", \"parents\": {\"a b\": \"f\"}, \"probes\": \"p\"}", "found the name \"a b\""},
    {"{\"clade\": 1, \"base\": \"b\", \"parents\": {\"a\": 3}, \"probes\": \"p\"}", "parents.a: found 3"},
    {"{\"clade\": 1, \"base\": \"\", \"parents\": {\"a\": \"f\"}, \"probes\": \"p\"}",
     "base: found \"\", expected a path"},
    {"{\"clade\": 1, \"base\": \"b\", \"parents\": {\"a\": \"f\", \"a\": \"g\"}, \"probes\": \"p\"}", "a"},
    {"{" BASICS ", \"sead\": 3}", "unknown key \"sead\"; did you mean \"seed\""},
    {"{" BASICS ", \"seed\": -1}", "e.json: seed: found -1"},
    {"{" BASICS ", \"seed\": 1.5}", "e.json: seed: found 1.5"},
    {"{" BASICS ", \"space\": []}", "e.json: space: found an array"},
    {"{" BASICS ", \"space\": {\"method\": []}}", "did you mean \"methods\""},
    {"{" BASICS ", \"space\": {\"methods\": []}}", "space.methods: found 0 names"},
    {"{" BASICS ", \"space\": {\"methods\": [\"tise\"]}}",
     "space.methods[0]: unknown method \"tise\"; did you mean \"ties\""},
    {"{" BASICS ", \"space\": {\"methods\": [\"ties\", \"ties\"]}}", "space.methods[1]: found \"ties\" a second time"},
    {"{" BASICS ", \"space\": {\"methods\": [7]}}", "space.methods[0]: found 7"},
    {"{" BASICS ", \"space\": {\"sites\": \"layers\"}}",
     "e.json: space.sites: unknown \"layers\"; did you mean \"layer\""},
    {"{" BASICS ", \"space\": {\"sites\": \"depth:0\"}}", "space.sites"},
    {"{" BASICS ", \"space\": {\"sites\": 3}}", "space.sites: found 3"},
    {"{" BASICS ", \"space\": {\"coordinates\": \"ful\"}}", "did you mean \"full\""},
    {"{" BASICS ", \"space\": {\"range\": {\"weigth\": [0, 1]}}}", "did you mean \"weight\""},
    {"{" BASICS ", \"space\": {\"range\": {\"weight\": [0]}}}", "space.range.weight: found 1 numbers"},
    {"{" BASICS ", \"space\": {\"range\": {\"weight\": [\"a\", 1]}}}", "space.range.weight[0]: found \"a\""},
    {"{" BASICS ", \"space\": {\"range\": {\"weight\": [1, 0]}}}", "space.range.weight: found [1, 0]"},
    {"{" BASICS ", \"space\": {\"range\": {\"drop_rate\": [0, 1.5]}}}", "within [0, 1]"},
    {"{" BASICS ", \"space\": {\"methods\": [\"linear\"], \"range\": {\"density\": [0, 1]}}}",
     "space.range: unknown \"density\"; known: weight, normalize"},
    {"{" BASICS ", \"objectives\": []}", "objectives: found 0 names"},
    {"{" BASICS ", \"objectives\": [\"acuracy\"]}", "did you mean \"accuracy\""},
    {"{" BASICS ", \"objectives\": [\"entropy\", \"entropy\"]}", "objectives[1]: found \"entropy\" a second time"},
    {"{" BASICS ", \"objectives\": \"accuracy\"}", "objectives: found \"accuracy\", expected an array"},
    {"{" BASICS ", \"corruptions\": {\"names\": [\"fog of war\"]}}", "corruptions.names[0]: unknown corruption"},
    {"{" BASICS ", \"corruptions\": {\"severity\": 6}}",
     "corruptions.severity: found 6, expected an integer from 1 to 5"},
    {"{" BASICS ", \"corruptions\": {\"severity\": 0}}", "corruptions.severity"},
    {"{" BASICS ", \"corruptions\": {\"assign\": \"rotat\"}}", "did you mean \"rotate\""},
    {"{" BASICS ", \"items\": {\"labeled\": 5}}", "did you mean \"labelled\""},
    {"{" BASICS ", \"items\": {\"labelled\": -5}}", "items.labelled: found -5"},
    {"{" BASICS ", \"algorithm\": \"sms_emao\"}",
     "algorithm: unknown algorithm \"sms_emao\"; did you mean \"sms_emoa\""},
    {"{" BASICS ", \"algorithm\": {}}", "algorithm.name: found nothing"},
    {"{" BASICS ", \"algorithm\": {\"name\": \"nsga2\", \"population\": 3}}", "algorithm.population: found 3"},
    {"{" BASICS ", \"algorithm\": {\"name\": \"nsga2\", \"population\": 20.5}}", "algorithm.population: found 20.5"},
    {"{" BASICS ", \"algorithm\": {\"name\": \"random\", \"population\": 20}}", "unknown key \"population\""},
    {"{" BASICS ", \"algorithm\": {\"name\": \"cma_es\", \"restarts\": \"bipo\"}}", "did you mean \"bipop\""},
    {"{" BASICS ", \"algorithm\": {\"name\": \"portfolio\", \"first\": 3}}", "algorithm.first: "},
    {"{" BASICS ", \"signal\": \"los\"}", "did you mean \"loss\""},
    {"{" BASICS ", \"racing\": true, \"signal\": \"loss\"}", "expected \"objective\" when children race"},
    {"{" BASICS ", \"algorithm\": 3}", "algorithm: found 3"},
    {"{" BASICS ", \"budget\": {\"children\": 0}}", "budget: found no limit"},
    {"{" BASICS ", \"budget\": {\"target\": {\"accuracy\": 0.5}}}", "budget: found no limit"},
    {"{" BASICS ", \"budget\": {\"children\": 5, \"target\": {\"acuracy\": 0.5}}}", "did you mean \"accuracy\""},
    {"{" BASICS ", \"budget\": {\"children\": 5, \"target\": {\"entropy\": 0.5}}}", "unknown key \"entropy\""},
    {"{" BASICS ", \"budget\": {\"children\": 5, \"target\": 0.5}}", "budget.target: found 0.5"},
    {"{" BASICS ", \"budget\": {\"children\": 5, \"target\": {\"hypervolume\": -1}}}", "found -1"},
    {"{" BASICS ", \"budget\": {\"no_progress\": -1}}", "budget.no_progress: found -1"},
    {"{" BASICS ", \"holdout_corruptions\": {\"names\": []}}", "holdout_corruptions.names: found 0 names"},
    {"{" BASICS ", \"holdout_corruptions\": {\"names\": [\"fog of war\"]}}",
     "holdout_corruptions.names[0]: unknown corruption"},
    {"{" BASICS ", \"holdout_corruptions\": {\"assign\": \"all\"}}", "unknown key \"assign\""},
    {"{" BASICS ", \"holdout_corruptions\": {\"severity\": 6}}", "holdout_corruptions.severity: found 6"},
    {"{" BASICS ", \"budget\": {\"child\": 5}}", "unknown key \"child\""},
    {"{" BASICS ", \"budget\": {\"seconds\": -1}}", "budget.seconds: found -1"},
    {"{" BASICS ", \"racing\": 1}", "racing: expected true, false or an object"},
    {"{" BASICS ", \"racing\": true, \"objectives\": [\"accuracy\", \"entropy\"]}", "found the objective \"entropy\""},
    {"{" BASICS ", \"racing\": {\"rung\": [0.5]}}", "unknown key \"rung\""},
    {"{" BASICS ", \"racing\": {\"rungs\": []}}", "racing.rungs: found 0 rungs, expected 1 to 8"},
    {"{" BASICS ", \"racing\": {\"rungs\": [0.5, 0.25]}}", "racing.rungs[1]: found 0.25, expected a share above 0.5"},
    {"{" BASICS ", \"racing\": {\"rungs\": [0.5, 1]}}", "racing.rungs[1]: found 1, expected a share above 0.5"},
    {"{" BASICS ", \"racing\": {\"error\": 0}}", "racing.error: found 0"},
    {"{" BASICS ", \"racing\": {\"order\": \"drawn\"}}", "racing.order: found \"drawn\", expected \"random\" or"},
    {"{" BASICS ", \"preselect\": true}", "preselect: found true"},
    {"{" BASICS ", \"preselect\": {\"candidates\": 0}}", "preselect.candidates: found 0, expected an integer from 1"},
    {"{" BASICS ", \"preselect\": {\"candidate\": 4}}", "did you mean \"candidates\""},
    {"{" BASICS ", \"preselect\": {\"correlation\": 2}}", "preselect.correlation: found 2"},
    {"{" BASICS ", \"line_search\": 1}", "line_search: found 1"},
    {"{" BASICS ", \"line_search\": true}", "line_search: found true"},
    {"{" BASICS ", \"line_search\": 0.1, \"budget\": {\"seconds\": 9}}", "line_search: found a share of no budget"},
    {"{" BASICS ", \"window\": 0}", "window: found 0, expected an integer from 1 to 16384"},
    {"{" BASICS ", \"window\": 16385}", "window: found 16385"},
    {"{" BASICS ", \"best\": \"robust\"}", "best: unknown choice \"robust\""},
    {"{" BASICS ", \"best_weights\": 1}", "best_weights: found 1"},
    {"{" BASICS ", \"memory\": 5}", "memory: found 5"},
    {"{" BASICS ", \"cache_megabytes\": -1}", "cache_megabytes: found -1"},
    {"{" BASICS ", \"cache_megabytes\": 1.5}", "cache_megabytes: found 1.5"},
    {"{" BASICS ", \"cache_megabites\": 1}", "did you mean \"cache_megabytes\""},
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

static void all_at_once(void **state)
{
    (void)state;
    clade_experiment *e;
    assert_fails(parse("{" BASICS
                       ", \"sead\": 1, \"window\": 0, \"objectives\": [\"x\"], \"budget\": {\"images\": \"many\"}}",
                       &e),
                 CLADE_ECONFIG, "sead");
    static const char *const parts[] = {"window: found 0", "objectives[0]: unknown objective \"x\"", "budget.images"};
    for (size_t i = 0; i < sizeof parts / sizeof *parts; i++)
        assert_non_null(strstr(clade_error_message(), parts[i]));
}

int main(void)
{
    const struct CMUnitTest tests[] = {cmocka_unit_test(mistakes), cmocka_unit_test(all_at_once)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}
