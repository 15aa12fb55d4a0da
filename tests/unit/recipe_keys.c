/* The optional keys of a recipe: choices, who takes part, adapters, statistics, stacks, vocabularies and files. What is
 * given comes back the same from the printed text; what is not given is not printed; every mistake is told. */
#include "merge_zoo.h"

static clade_status parse(const char *text, clade_recipe **recipe)
{
    clade_json *document;
    clade_problems problems = {0};
    *recipe = NULL;
    clade_status status = clade_json_parse(text, strlen(text), "zoo/recipe.json", CLADE_ECONFIG, &document);
    if (status != CLADE_OK)
        return status;
    clade_json_at root = clade_json_root(document);
    status = clade_recipe_parse(&root, &problems, recipe);
    clade_json_free(document);
    if (status == CLADE_OK)
        return clade_problems_end(&problems, CLADE_ECONFIG);
    clade_text_free(&problems.text);
    return status;
}

static const char plain[] = "{\"clade_recipe\": 1, \"method\": \"ties\", \"base\": \"/b\","
                            " \"parents\": [{\"name\": \"x\", \"path\": \"/x\"}, {\"name\": \"y\", \"path\": \"/y\"}],"
                            " \"rules\": [{\"tensors\": [\"*\"]}]}";

static const char full[] =
    "{\"clade_recipe\": 1, \"method\": \"ties\", \"base\": \"/b\","
    " \"parents\": [{\"name\": \"x\", \"path\": \"/x\", \"adapter\": \"/l\"}, {\"name\": \"y\", \"adapter\": \"m\"},"
    "               {\"name\": \"z\", \"path\": \"/z\"}],"
    " \"stacks\": [{\"blocks\": \"model.layers.\", \"slices\": [{\"base\": [0, 2], \"x\": [1, 3]},"
    "                                                          {\"base\": [3, 4], \"y\": [0, 1], \"z\": [2, 3]}]},"
    "              {\"blocks\": \"tower.h.\", \"slices\": [{\"base\": [0, 1], \"x\": [0, 1]}]}],"
    " \"missing\": \"leave_out\","
    " \"vocabulary\": {\"source\": \"z\", \"pad_to_multiple_of\": 64, \"tokens\": {"
    "     \"<a>\": {\"source\": \"base\", \"force\": true}, \"<b>\": {\"source\": \"zero\"},"
    "     \"<c>\": {\"source\": {\"model\": \"y\", \"token\": \"<s>\"}},"
    "     \"<d>\": {\"source\": {\"model\": \"base\", \"token_id\": 3}}}},"
    " \"chat_template\": \"{{ messages }}\", \"files_from\": \"y\","
    " \"rules\": [{\"tensors\": [\"a*\"], \"only\": [\"z\", \"x\"], \"parents\": {\"z\": {\"weight\": 2}}},"
    "             {\"tensors\": [\"*\"]}]}";

static void values(void **state)
{
    clade_recipe *recipe;
    (void)state;
    assert_ok(parse(full, &recipe));
    assert_string_equal(recipe->parents[0].adapter.path, "/l");
    assert_null(recipe->parents[1].path);
    assert_string_equal(recipe->parents[1].adapter.path, "zoo/m");
    assert_int_equal(recipe->n_stacks, 2);
    assert_string_equal(recipe->stacks[0].blocks, "model.layers.");
    const clade_recipe_slice *last = &recipe->stacks[0].slices[1];
    assert_int_equal(last->n_blocks, 1);
    assert_true(last->first[0] == -1 && last->first[1] == 0 && last->first[2] == 2 && last->first[3] == 3);
    assert_true(recipe->leave_out);
    const clade_recipe_vocabulary *vocabulary = &recipe->vocabulary;
    assert_true(vocabulary->kind == CLADE_VOCABULARY_OF && vocabulary->source == 2);
    assert_int_equal(vocabulary->pad_to_multiple_of, 64);
    assert_int_equal(vocabulary->n_tokens, 4);
    assert_true(vocabulary->tokens[0].kind == CLADE_TOKEN_OF && vocabulary->tokens[0].source == 3);
    assert_true(vocabulary->tokens[0].force && !vocabulary->tokens[1].force);
    assert_int_equal(vocabulary->tokens[1].kind, CLADE_TOKEN_ZERO);
    assert_true(vocabulary->tokens[2].kind == CLADE_TOKEN_LIKE && vocabulary->tokens[2].source == 1);
    assert_string_equal(vocabulary->tokens[2].like, "<s>");
    assert_true(vocabulary->tokens[3].kind == CLADE_TOKEN_LIKE_ID && vocabulary->tokens[3].like_id == 3);
    assert_string_equal(recipe->chat_template, "{{ messages }}");
    assert_int_equal(recipe->files_from, 1);
    assert_true(recipe->rules[0].only[0] && !recipe->rules[0].only[1] && recipe->rules[0].only[2]);
    assert_null(recipe->rules[1].only);
    clade_recipe_free(recipe);
}

static void set_hash(char *hash, char digit)
{
    memset(hash, digit, CLADE_SHA256_HEX - 1);
    hash[CLADE_SHA256_HEX - 1] = '\0';
}

/* The identity: paths do not matter, contents do, and all of them have to be known. */
static void identity(void **state)
{
    clade_recipe *recipe;
    char hash[CLADE_SHA256_HEX], other[CLADE_SHA256_HEX];
    (void)state;
    assert_ok(parse(full, &recipe));
    set_hash(recipe->base->hash, '0');
    set_hash(recipe->parents[0].hash, '1');
    set_hash(recipe->parents[2].hash, '2'); /* parent 1 is an adapter on the base */
    set_hash(recipe->parents[0].adapter.hash, '3');
    assert_fails(clade_recipe_hash(recipe, hash), CLADE_EINTERNAL, "the hash of the adapter of parent 1");
    set_hash(recipe->parents[1].adapter.hash, '4');
    assert_ok(clade_recipe_hash(recipe, hash));
    recipe->parents[0].adapter.path[1] = 'k';
    assert_ok(clade_recipe_hash(recipe, other));
    assert_string_equal(hash, other);
    recipe->parents[0].adapter.hash[0] = '9';
    assert_ok(clade_recipe_hash(recipe, other));
    assert_string_not_equal(hash, other);
    clade_recipe_free(recipe);
}

static void assert_prints_the_same(const char *text)
{
    clade_recipe *recipe, *back;
    clade_text once = {0}, twice = {0};
    assert_ok(parse(text, &recipe));
    clade_recipe_print(recipe, true, &once);
    assert_ok(parse(clade_text_get(&once), &back));
    clade_recipe_print(back, true, &twice);
    /* relative paths are joined to the folder of the file once more */
    if (!strstr(text, "\"adapter\": \"m\""))
        assert_string_equal(clade_text_get(&once), clade_text_get(&twice));
    assert_int_equal(recipe->n_stacks, back->n_stacks);
    clade_recipe_free(recipe);
    clade_recipe_free(back);
    clade_text_free(&once);
    clade_text_free(&twice);
}

/* A recipe without the optional keys prints none of them, so that its text and hash stay as they were. */
static void what_is_absent(void **state)
{
    static const char *const keys[] = {"only",    "adapter",    "statistics",    "stacks",
                                       "missing", "vocabulary", "chat_template", "files_from"};
    clade_recipe *recipe;
    clade_text text = {0};
    (void)state;
    assert_ok(parse(plain, &recipe));
    assert_int_equal(recipe->files_from, SIZE_MAX);
    clade_recipe_print(recipe, false, &text);
    for (size_t i = 0; i < sizeof keys / sizeof keys[0]; i++)
        assert_null(strstr(clade_text_get(&text), keys[i]));
    clade_recipe_free(recipe);
    clade_text_free(&text);
    assert_prints_the_same(plain);
    assert_prints_the_same(full);
}

/* Keys that mean the default are the same recipe as without them. */
static void defaults_are_not_printed(void **state)
{
    static const char said[] =
        "{\"clade_recipe\": 1, \"method\": \"ties\", \"base\": \"/b\", \"missing\": \"refuse\", \"vocabulary\": "
        "\"same\","
        " \"parents\": [{\"name\": \"x\", \"path\": \"/x\"}, {\"name\": \"y\", \"path\": \"/y\"}],"
        " \"rules\": [{\"tensors\": [\"*\"], \"only\": [\"y\", \"x\"]}]}";
    clade_recipe *one, *other;
    clade_text a = {0}, b = {0};
    (void)state;
    assert_ok(parse(plain, &one));
    assert_ok(parse(said, &other));
    clade_recipe_print(one, false, &a);
    clade_recipe_print(other, false, &b);
    assert_string_equal(clade_text_get(&a), clade_text_get(&b));
    clade_recipe_free(one);
    clade_recipe_free(other);
    clade_text_free(&a);
    clade_text_free(&b);
}

/* ---- mistakes ---- */

/* In FULL, replace the first OLD by NEW; the message must contain EXPECTED. */
static const struct {
    const char *old, *new, *expected;
} mistakes[] = {
    {"\"adapter\": \"m\"", "\"adaptor\": \"m\"", "did you mean \"adapter\"?"},
    {"\"adapter\": \"m\"", "\"statistics\": \"m\"", "parents[1].path: found nothing"},
    {"\"path\": \"/z\"", "\"path\": \"/z\", \"statistics\": \"f\"", "parent 2 has statistics, ties takes none"},
    {"\"base\": \"/b\",", "", "no model is named \"base\"; known: x, y, z"},
    {"[\"z\", \"x\"]", "[\"zz\"]", "rules[0].only[0]: no parent is named \"zz\"; did you mean \"z\"?"},
    {"[\"z\", \"x\"], \"parents\": {\"z\": {\"weight\": 2}}", "[]", "rule 0: found 0 parents, ties expects 1 to 64"},
    {"[\"z\", \"x\"]", "[\"x\"]", "rules[0].parents.z: \"only\" leaves this parent out"},
    {"[\"z\", \"x\"]", "\"x\"", "rules[0].only: found \"x\", expected an array"},
    {"\"model.layers.\"", "\"model.layers\"", "stack 0: blocks: found \"model.layers\""},
    {"\"tower.h.\"", "\"model.layers.\"", "two stacks are of \"model.layers.\""},
    {"\"x\": [1, 3]", "\"x\": [1, 4]", "stacks[0].slices[0].x: found 3 blocks, expected 2"},
    {"\"x\": [1, 3]", "\"x\": [1]", "found 1 items, expected the first block and the one behind the last"},
    {"\"x\": [1, 3]", "\"x\": [3, 3]", "stacks[0].slices[0].x[1]: found 3"},
    {"\"x\": [1, 3]", "\"x\": [999999, 1000001]", "stacks[0].slices[0].x[1]: found 1000001"},
    {"\"x\": [1, 3]", "\"w\": [1, 3]", "no model is named \"w\""},
    {", \"x\": [1, 3]", "", "stack 0: slice 0: found 0 parents, ties expects 1 to 64"},
    {"{\"base\": [0, 2], \"x\": [1, 3]}", "{\"x\": [1, 3]}", "found no blocks of the base, which ties works on"},
    {"\"leave_out\"", "\"leave\"", "missing: found \"leave\", expected \"refuse\" or \"leave_out\""},
    {"{\"source\": \"z\",", "{\"source\": \"zz\",", "vocabulary.source: no model is named \"zz\"; did you mean \"z\"?"},
    {"{\"source\": \"z\",", "{", "vocabulary.source: found nothing"},
    {": 64", ": 0", "vocabulary.pad_to_multiple_of: found 0"},
    {"\"token_id\": 3", "\"token_id\": -3", "token_id: found -3"},
    {"\"token\": \"<s>\"", "\"tokn\": \"<s>\"", "did you mean \"token\"?"},
    {"\"token\": \"<s>\"", "\"token\": \"<s>\", \"token_id\": 1", "expected a token or a token_id"},
    {"\"zero\"", "\"zeros\"", "did you mean \"zero\"?"},
    {"\"force\": true", "\"force\": 1", "force: found 1, expected true or false"},
    {"\"<a>\"", "\"\"", "token 0 is empty"},
    {"{{ messages }}", "vicuna", "chat_template: found \"vicuna\", expected auto, alpaca"},
    {"\"files_from\": \"y\"", "\"files_from\": \"Y\"", "files_from: no model is named \"Y\""},
};

static void mistakes_are_told(void **state)
{
    (void)state;
    for (size_t i = 0; i < sizeof mistakes / sizeof mistakes[0]; i++) {
        char text[4096];
        clade_recipe *recipe;
        const char *at = strstr(full, mistakes[i].old);
        assert_non_null(at);
        snprintf(text, sizeof text, "%.*s%s%s", (int)(at - full), full, mistakes[i].new, at + strlen(mistakes[i].old));
        assert_fails(parse(text, &recipe), CLADE_ECONFIG, mistakes[i].expected);
        assert_null(recipe);
    }
    assert_int_equal(clade_alloc_live(), 0);
}

/* "base" as a name is only in the way where models are named. */
static void a_parent_named_base(void **state)
{
    clade_recipe *recipe;
    clade_problems problems = {0};
    (void)state;
    assert_ok(parse(plain, &recipe));
    clade_free(recipe->parents[1].name);
    assert_non_null(recipe->parents[1].name = clade_strdup("base"));
    clade_recipe_check(recipe, "here", &problems);
    assert_int_equal(problems.count, 0);
    recipe->files_from = 2;
    clade_recipe_check(recipe, "here", &problems);
    assert_fails(clade_problems_end(&problems, CLADE_ECONFIG), CLADE_ECONFIG, "a parent is named \"base\"");
    clade_recipe_free(recipe);
}

static void words_for_vocabularies(void **state)
{
    clade_recipe *recipe;
    static const char form[] = "{\"clade_recipe\": 1, \"method\": \"linear\", \"vocabulary\": %s,"
                               " \"parents\": [{\"name\": \"union\", \"path\": \"/x\"}, {\"name\": \"y\", \"path\": "
                               "\"/y\"}], \"rules\": [{\"tensors\": [\"*\"]}]}";
    char text[1024];
    (void)state;
    snprintf(text, sizeof text, form, "\"common\"");
    assert_ok(parse(text, &recipe));
    assert_int_equal(recipe->vocabulary.kind, CLADE_VOCABULARY_COMMON);
    clade_recipe_free(recipe);
    snprintf(text, sizeof text, form, "{\"source\": \"union\"}");
    assert_ok(parse(text, &recipe)); /* the word, not the parent of that name */
    assert_int_equal(recipe->vocabulary.kind, CLADE_VOCABULARY_UNION);
    recipe->vocabulary.kind = CLADE_VOCABULARY_OF;
    clade_problems problems = {0};
    clade_recipe_check(recipe, "here", &problems);
    assert_fails(clade_problems_end(&problems, CLADE_ECONFIG), CLADE_ECONFIG, "a parent is named \"union\"");
    clade_recipe_free(recipe);
    snprintf(text, sizeof text, form, "\"comon\"");
    assert_fails(parse(text, &recipe), CLADE_ECONFIG, "vocabulary: found \"comon\"");
}

/* ---- choices ---- */

/* A method of the registry that has a choice, with its parameter. */
static const clade_method *chooser(size_t *k)
{
    size_t count;
    const clade_method *const *methods = clade_methods(&count);
    for (size_t i = 0; i < count; i++)
        for (*k = 0; *k < methods[i]->n_parameters; ++*k)
            if (methods[i]->parameters[*k].kind == CLADE_CHOICE && methods[i]->base == CLADE_BASE_REQUIRED &&
                !methods[i]->statistics)
                return methods[i];
    return NULL;
}

static void choices(void **state)
{
    char text[1024], expected[64];
    clade_recipe *recipe;
    clade_text printed = {0};
    size_t k;
    (void)state;
    const clade_method *method = chooser(&k);
    assert_non_null(method);
    const clade_parameter *parameter = &method->parameters[k];
    static const char form[] = "{\"clade_recipe\": 1, \"method\": \"%s\", \"base\": \"/b\", \"parents\": [{\"name\": "
                               "\"x\", \"path\": \"/x\"}, {\"name\": \"y\", \"path\": \"/y\"}], %s\"rules\": "
                               "[{\"tensors\": [\"*\"]%s}]}";
    for (int good = 0; good < 2; good++) {
        char given[128];
        snprintf(given, sizeof given, "\"parameters\": {\"%s\": \"%s\"}", parameter->name,
                 good ? parameter->choices[1] : "no such choice");
        bool shared = parameter->scope == CLADE_PER_RECIPE;
        char before[160], after[160];
        snprintf(before, sizeof before, "%s%s", shared ? given : "", shared ? ", " : "");
        snprintf(after, sizeof after, "%s%s", shared ? "" : ", ", shared ? "" : given);
        snprintf(text, sizeof text, form, method->name, before, after);
        if (!good) {
            snprintf(expected, sizeof expected, "%s: found \"no such choice\"; known: %s", parameter->name,
                     parameter->choices[0]);
            assert_fails(parse(text, &recipe), CLADE_ECONFIG, expected);
            continue;
        }
        assert_ok(parse(text, &recipe));
        assert_true(recipe->rules[0].site[k] == 1);
        clade_recipe_print(recipe, false, &printed);
        snprintf(expected, sizeof expected, "\"%s\":\"%s\"", parameter->name, parameter->choices[1]);
        assert_non_null(strstr(clade_text_get(&printed), expected));
        recipe->rules[0].site[k] = 99;
        clade_problems problems = {0};
        clade_recipe_check(recipe, "here", &problems);
        snprintf(expected, sizeof expected, "%s: found 99, expected \"%s\" or", parameter->name, parameter->choices[0]);
        assert_fails(clade_problems_end(&problems, CLADE_ECONFIG), CLADE_ECONFIG, expected);
        clade_recipe_free(recipe);
    }
    clade_text_free(&printed);
}

/* ---- memory ---- */

static clade_status attempt(void *context)
{
    clade_recipe *recipe;
    (void)context;
    clade_status status = parse(full, &recipe);
    clade_recipe_free(recipe);
    return status;
}

static void every_allocation(void **state)
{
    (void)state;
    check_every_allocation(attempt, NULL);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(values),
        cmocka_unit_test(identity),
        cmocka_unit_test(what_is_absent),
        cmocka_unit_test(defaults_are_not_printed),
        cmocka_unit_test(mistakes_are_told),
        cmocka_unit_test(a_parent_named_base),
        cmocka_unit_test(words_for_vocabularies),
        cmocka_unit_test(choices),
        cmocka_unit_test(every_allocation),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
