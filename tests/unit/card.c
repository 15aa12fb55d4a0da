/* Model cards: the front matter of hostile, missing and disagreeing models, names on the hub, quoting, and the reader of
 * front matter. What a card says is read back with the project's own reader of YAML. */
#include "merge_zoo.h"
#include "test.h"

#include "clade/files.h"
#include "clade/hub.h"
#include "search/export/card.h"
#include "search/export/card_parts.h"

static char folder[TEST_PATH];

/* A file of FOLDER/NAME with this text; NULL: none. */
static void put(const char *name, const char *file, const char *text)
{
    char path[TEST_PATH + 512];
    snprintf(path, sizeof path, "%s/%s/%s", folder, name, file);
    if (text)
        write_test_file(path, text, strlen(text));
}

/* FOLDER/NAME with a config.json and a README.md; NULL: without. */
static const char *model(const char *name, const char *config, const char *readme)
{
    const char *path = path_in(folder, name);
    assert_ok(clade_make_folders(path));
    put(name, "config.json", config);
    put(name, "README.md", readme);
    return path;
}

/* A recipe for a base and two parents of these paths. */
static clade_recipe *recipe_of(const char *base, const char *one, const char *two)
{
    const char *paths[] = {one, two};
    clade_recipe *recipe = zoo_recipe(folder, clade_method_find("task_arithmetic"), 2, NULL);
    for (size_t p = 0; p < 2; p++) {
        clade_free(recipe->parents[p].path);
        assert_non_null(recipe->parents[p].path = clade_strdup(paths[p]));
        snprintf(recipe->parents[p].hash, sizeof recipe->parents[p].hash, "hash-%zu", p);
    }
    if (!recipe->base)
        assert_non_null(recipe->base = clade_calloc(1, sizeof *recipe->base));
    clade_free(recipe->base->name);
    clade_free(recipe->base->path);
    assert_non_null(recipe->base->name = clade_strdup("base"));
    assert_non_null(recipe->base->path = clade_strdup(base));
    return recipe;
}

/* The card, and its front matter. */
static void card_of(clade_recipe *recipe, clade_text *card, clade_front_matter **matter)
{
    assert_ok(clade_model_card(recipe, recipe, NULL, 0, card));
    assert_ok(clade_front_matter_parse(clade_text_get(card), card->length, matter));
    assert_non_null(*matter);
    clade_recipe_free(recipe);
}

static void assert_value(const clade_front_matter *matter, const char *key, size_t index, const char *expected)
{
    const char *found = clade_front_matter_get(matter, key, index);
    if (!expected)
        assert_null(found);
    else if (!found)
        fail_msg("%s[%zu] is not there, expected %s", key, index, expected);
    else
        assert_string_equal(found, expected);
}

static int begin(void **state)
{
    (void)state;
    make_temporary_folder(folder);
    return 0;
}

static int end(void **state)
{
    (void)state;
    remove_temporary_folder(folder);
    return 0;
}

/* ---- the reader ---- */

static void front_matter_is_read(void **state)
{
    (void)state;
    static const char text[] = "---\r\nlicense: mit\nlanguage:\n- en\n- no\ntags: []\nempty:\nnumber: 1.5\n"
                               "nested: {a: 1}\nmixed: [a, {b: 1}]\n---\n# Title\nlicense: gpl\n---\n";
    clade_front_matter *matter;
    assert_ok(clade_front_matter_parse(text, sizeof text - 1, &matter));
    assert_value(matter, "license", 0, "mit");
    assert_value(matter, "license", 1, NULL);
    assert_int_equal(clade_front_matter_count(matter, "language"), 2);
    assert_value(matter, "language", 1, "no");
    assert_value(matter, "number", 0, "1.5");
    static const char *const absent[] = {"tags", "empty", "nested", "mixed", "nothing"};
    for (size_t i = 0; i < sizeof absent / sizeof *absent; i++)
        assert_int_equal(clade_front_matter_count(matter, absent[i]), 0);
    clade_front_matter_free(matter);
    assert_int_equal(clade_front_matter_count(NULL, "license"), 0);
}

static void what_is_no_front_matter_is_none(void **state)
{
    (void)state;
    static const char *const texts[] = {"",
                                        "# Title\n---\nlicense: mit\n---\n",
                                        "---\nlicense: mit\n",
                                        "---\n---\n",
                                        "----\nlicense: mit\n----\n",
                                        "---\n- a\n- b\n---\n",
                                        "---\nlicense: [mit\n---\n",
                                        "---\nlicense: mit\nlicense: gpl\n---\n",
                                        "---\na: &a [*a]\n---\n",
                                        "---\nlicense: \xff\xfe\n---\n"};
    for (size_t i = 0; i < sizeof texts / sizeof *texts; i++) {
        clade_front_matter *matter;
        assert_ok(clade_front_matter_parse(texts[i], strlen(texts[i]), &matter));
        if (matter)
            fail_msg("text %zu has front matter", i);
    }
}

static clade_status parse_attempt(void *context)
{
    clade_front_matter *matter;
    const char *text = context;
    clade_status status = clade_front_matter_parse(text, strlen(text), &matter);
    clade_front_matter_free(matter);
    return status;
}

static void names_of_the_hub(void **state)
{
    (void)state;
    static char text[] = "---\nlicense: mit\nlanguage: [en, de]\n---\n";
    static const char *const names[] = {"org/model", "o.r-g_1/7B"}, *const others[] = {"model",    "org/model/x",
                                                                                       "../model", "org/.hidden",
                                                                                       "./model",  "org/mo del",
                                                                                       "/model",   "org/",
                                                                                       "run:3",    ""};
    for (size_t i = 0; i < sizeof names / sizeof *names; i++)
        assert_true(clade_hub_is_name(names[i]));
    for (size_t i = 0; i < sizeof others / sizeof *others; i++)
        if (clade_hub_is_name(others[i]))
            fail_msg("\"%s\" is taken for a name", others[i]);
    check_every_allocation(parse_attempt, text);
}

/* ---- licences ---- */

/* Three models with these licences (NULL: no README), and what the card says. */
static const struct {
    const char *readmes[3];
    const char *license, *license_name;
    bool listed; /* in a section of its own */
} licences[] = {
    {{NULL, NULL, NULL}, NULL, NULL, false},
    {{"---\nlicense: mit\n---\n", "---\nlicense: mit\n---\n", "---\nlicense: 'mit'\n---\n"}, "mit", NULL, false},
    {{"---\nlicense: mit\n---\n", "---\nlicense: gpl-3.0\n---\n", NULL}, "other", NULL, true},
    {{"---\nlicense: mit\n---\n", "---\nlicense: mit\n---\n", NULL}, "other", NULL, true},
    {{"---\nlicense: other\nlicense_name: a\n---\n", "---\nlicense: other\nlicense_name: a\n---\n",
      "---\nlicense: other\nlicense_name: a\n---\n"},
     "other",
     "a",
     false},
    {{"---\nlicense: other\nlicense_name: a\n---\n", "---\nlicense: other\nlicense_name: b\n---\n",
      "---\nlicense: other\nlicense_name: a\n---\n"},
     "other",
     NULL,
     true},
};

static void licences_are_those_of_the_models(void **state)
{
    (void)state;
    for (size_t i = 0; i < sizeof licences / sizeof *licences; i++) {
        char names[3][16];
        const char *paths[3];
        clade_text card = {0};
        clade_front_matter *matter;
        for (size_t m = 0; m < 3; m++) {
            snprintf(names[m], sizeof names[m], "m%zu-%zu", i, m);
            paths[m] = model(names[m], NULL, licences[i].readmes[m]);
        }
        card_of(recipe_of(paths[0], paths[1], paths[2]), &card, &matter);
        assert_value(matter, "license", 0, licences[i].license);
        assert_value(matter, "license_name", 0, licences[i].license_name);
        bool listed = strstr(clade_text_get(&card), "## Licences") != NULL;
        assert_int_equal(listed, licences[i].listed);
        assert_null(strstr(clade_text_get(&card), folder)); /* no paths of this machine */
        clade_front_matter_free(matter);
        clade_text_free(&card);
    }
}

static void what_all_models_say_is_said(void **state)
{
    (void)state;
    clade_text card = {0};
    clade_front_matter *matter;
    static const char config[] = "{\"model_type\": \"llama\"}",
                      one[] = "---\npipeline_tag: text-generation\nlanguage: [en, no]\n---\n",
                      two[] = "---\npipeline_tag: text-generation\nlanguage: [en]\n---\n";
    card_of(recipe_of(model("b", config, one), model("x", config, one), model("y", config, two)), &card, &matter);
    assert_value(matter, "pipeline_tag", 0, "text-generation");
    assert_value(matter, "language", 0, NULL);
    assert_value(matter, "library_name", 0, "transformers");
    assert_value(matter, "base_model_relation", 0, "merge");
    assert_value(matter, "merge_method", 0, "task_arithmetic");
    assert_value(matter, "tags", 0, "merge");
    clade_front_matter_free(matter);
    clade_text_clear(&card);
    card_of(recipe_of(path_in(folder, "b"), path_in(folder, "x"), model("bare", NULL, one)), &card, &matter);
    assert_value(matter, "language", 1, "no");
    assert_value(matter, "library_name", 0, NULL);
    clade_front_matter_free(matter);
    clade_text_free(&card);
}

/* ---- names ---- */

static void models_are_named_as_on_the_hub(void **state)
{
    (void)state;
    clade_text card = {0};
    clade_front_matter *matter;
    const char *cached = model("models--org--tuned--7b/snapshots/0123abc", NULL, NULL),
               *said = model("local", "{\"_name_or_path\": \"org/base\"}", NULL),
               *copy = model("copy", "{\"_name_or_path\": \"org/base\"}", "---\nmodel_name: me/copy\n---\n");
    card_of(recipe_of(said, cached, model("other/local", "{\"_name_or_path\": \"./local\"}", NULL)), &card, &matter);
    assert_int_equal(clade_front_matter_count(matter, "base_model"), 3);
    assert_value(matter, "base_model", 0, "org/base");
    assert_value(matter, "base_model", 1, "org/tuned--7b");
    assert_value(matter, "base_model", 2, "local");
    assert_non_null(strstr(clade_text_get(&card), "\"path\": \"org/tuned--7b\""));
    assert_non_null(strstr(clade_text_get(&card), "base_model: \"org/base\"")); /* mergekit's YAML */
    clade_front_matter_free(matter);
    clade_text_clear(&card);
    /* A name that two models claim is nobody's; the same last part gets a number. */
    card_of(recipe_of(said, copy, path_in(folder, "other/local")), &card, &matter);
    assert_value(matter, "base_model", 0, "local");
    assert_value(matter, "base_model", 1, "me/copy");
    assert_value(matter, "base_model", 2, "local-2");
    clade_front_matter_free(matter);
    clade_text_free(&card);
}

/* A child made on the way is replaced by what it was made of. */
static void what_was_made_on_the_way(void **state)
{
    (void)state;
    clade_text card = {0};
    clade_front_matter *matter;
    clade_shown_recipe shown;
    const char *made = model("out.work/one", NULL,
                             "---\nbase_model: [org/x, org/y]\n---\n## Recipe\n\nthe one\n\n"
                             "## Made on the way: run\\|1\n\nthe run\n\nMerged by Clade 1\n");
    clade_recipe *recipe = recipe_of(model("base", NULL, NULL), made, model("p", NULL, NULL));
    clade_shown_recipe_init(&shown, recipe);
    static char one[] = "all/one";
    shown.parents[0].path = one;
    assert_ok(clade_model_card(recipe, &shown.recipe, NULL, 0, &card));
    assert_ok(clade_front_matter_parse(clade_text_get(&card), card.length, &matter));
    assert_int_equal(clade_front_matter_count(matter, "base_model"), 4);
    assert_value(matter, "base_model", 1, "org/x");
    assert_value(matter, "base_model", 2, "org/y");
    assert_value(matter, "base_model", 3, "p");
    assert_non_null(strstr(clade_text_get(&card), "\n## Made on the way: one\n\nthe one\n"));
    assert_non_null(strstr(clade_text_get(&card), "\n## Made on the way: run\\|1\n\nthe run\n"));
    clade_front_matter_free(matter);
    clade_text_free(&card);
    clade_recipe_free(recipe);
}

/* ---- hostile content ---- */

static void nothing_in_a_file_breaks_the_card(void **state)
{
    (void)state;
    static const char evil[] =
        "---\nlicense: \"mit\\\"\\n---\\ntags: [evil]\\x85\\u2028\\x07 #: - |\"\n"
        "pipeline_tag: \"a\\nlibrary_name: evil\"\nlanguage: [\"- x\", \"]\", \"{\", \"\\\\\"]\n---\n";
    clade_text card = {0};
    clade_front_matter *matter;
    clade_recipe *recipe = recipe_of(model("b", NULL, evil), model("x\n---\nlicense: evil\n", NULL, evil),
                                     model("bad-\xff-utf8 \xc2\x85|`", NULL, evil));
    clade_free(recipe->parents[1].name);
    assert_non_null(recipe->parents[1].name = clade_strdup("``` | <script>\n# Title\n---"));
    card_of(recipe, &card, &matter);
    assert_value(matter, "license", 0, "mit\"\n---\ntags: [evil]\xc2\x85\xe2\x80\xa8\x07 #: - |");
    assert_value(matter, "pipeline_tag", 0, "a\nlibrary_name: evil");
    assert_value(matter, "language", 3, "\\");
    assert_value(matter, "library_name", 0, NULL);
    assert_value(matter, "tags", 1, "clade");
    assert_value(matter, "base_model", 1, "x\n---\nlicense: evil\n");
    assert_value(matter, "base_model", 2, "bad-?-utf8 \xc2\x85|`");
    assert_null(strstr(clade_text_get(&card), "\n# Title"));
    assert_non_null(strstr(clade_text_get(&card), "\n````json\n")); /* a fence longer than what is in it */
    const char *raw = strstr(clade_text_get(&card), "| <script>"), *fence = strstr(clade_text_get(&card), "````json");
    assert_true(raw > fence); /* in the code only */
    clade_front_matter_free(matter);
    clade_text_free(&card);
}

static clade_status card_attempt(void *context)
{
    clade_text card = {0};
    clade_status status = clade_model_card(context, context, NULL, 0, &card);
    clade_text_free(&card);
    return status;
}

static void memory_may_run_out(void **state)
{
    (void)state;
    clade_recipe *recipe = recipe_of(path_in(folder, "b"), path_in(folder, "x"), path_in(folder, "y"));
    check_every_allocation(card_attempt, recipe);
    clade_recipe_free(recipe);
}

/* Rules by the thousand are no table, and a recipe of megabytes is no page. */
static void long_recipes_stay_in_their_file(void **state)
{
    (void)state;
    clade_recipe *recipe;
    clade_text card = {0};
    assert_ok(clade_recipe_new(clade_method_find("linear"), 1, 3000, &recipe));
    assert_non_null(recipe->parents[0].name = clade_strdup("p"));
    assert_non_null(recipe->parents[0].path = clade_strdup("p"));
    for (size_t r = 0; r < recipe->n_rules; r++) {
        assert_non_null(recipe->rules[r].patterns = clade_calloc(1, sizeof(char *)));
        recipe->rules[r].n_patterns = 1;
        assert_non_null(recipe->rules[r].patterns[0] = clade_strdup("some.tensor"));
    }
    assert_ok(clade_model_card(recipe, recipe, NULL, 0, &card));
    assert_true(card.length < 4096);
    assert_non_null(strstr(clade_text_get(&card), "`clade_recipe.json`"));
    clade_text_free(&card);
    clade_recipe_free(recipe);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(front_matter_is_read),
        cmocka_unit_test(what_is_no_front_matter_is_none),
        cmocka_unit_test(names_of_the_hub),
        cmocka_unit_test_setup_teardown(licences_are_those_of_the_models, begin, end),
        cmocka_unit_test_setup_teardown(what_all_models_say_is_said, begin, end),
        cmocka_unit_test_setup_teardown(models_are_named_as_on_the_hub, begin, end),
        cmocka_unit_test_setup_teardown(what_was_made_on_the_way, begin, end),
        cmocka_unit_test_setup_teardown(nothing_in_a_file_breaks_the_card, begin, end),
        cmocka_unit_test_setup_teardown(memory_may_run_out, begin, end),
        cmocka_unit_test(long_recipes_stay_in_their_file),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
