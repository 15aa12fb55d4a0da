/* mergekit's YAML: tokenizers, files of several documents, models that are not here, and no memory. */
#include "mergekit_fixture.h"

/* ---- tokenizers ---- */

static void tokenizers(void **state)
{
    clade_recipe *recipe;
    (void)state;
    assert_ok(read_text("merge_method: ties\nbase_model: c\nmodels: [{model: a}]\nparameters: {weight: 1}\n"
                        "tokenizer_source: base\nchat_template: chatml\n",
                        &recipe));
    assert_true(recipe->vocabulary.kind == CLADE_VOCABULARY_OF && recipe->vocabulary.source == 1);
    assert_string_equal(recipe->chat_template, "chatml");
    assert_comes_back(recipe);
    clade_recipe_free(recipe);
    assert_ok(read_text("merge_method: linear\nmodels: [{model: a}, {model: b}]\nparameters: {weight: 1}\n"
                        "tokenizer:\n"
                        "  source: union\n"
                        "  pad_to_multiple_of: 64\n"
                        "  tokens:\n"
                        "    <|im_start|>: {source: b, force: true}\n"
                        "    \"a: b\": {source: {kind: zero}}\n"
                        "    <x>: {source: {kind: model_token, model: a, token: <s>}}\n"
                        "    <y>: {source: {kind: model_token, model: a, token_id: 7}, force: false}\n"
                        "chat_template: \"{{ a }}\\n{% b %} # c\"\n",
                        &recipe));
    const clade_recipe_vocabulary *vocabulary = &recipe->vocabulary;
    assert_true(vocabulary->kind == CLADE_VOCABULARY_UNION && vocabulary->pad_to_multiple_of == 64);
    assert_int_equal(vocabulary->n_tokens, 4);
    assert_string_equal(vocabulary->tokens[0].token, "<|im_start|>");
    assert_true(vocabulary->tokens[0].kind == CLADE_TOKEN_OF && vocabulary->tokens[0].source == 1);
    assert_true(vocabulary->tokens[0].force && vocabulary->tokens[1].kind == CLADE_TOKEN_ZERO);
    assert_string_equal(vocabulary->tokens[2].like, "<s>");
    assert_true(vocabulary->tokens[3].like_id == 7 && !vocabulary->tokens[3].force);
    assert_comes_back(recipe);
    clade_recipe_free(recipe);
}

/* ---- several documents ---- */

static clade_status read_list(const char *text, clade_recipe_list *list)
{
    return clade_recipes_from_mergekit_text(text, strlen(text), config, "made", list);
}

static const char three[] = "name: first\n"
                            "merge_method: passthrough\n"
                            "slices:\n"
                            "- sources: [{model: a, layer_range: [0, 4]}]\n"
                            "- sources: [{model: b, layer_range: [0, 2]}]\n"
                            "---\n"
                            "name: second\n"
                            "merge_method: linear\n"
                            "models: [{model: first}]\n"
                            "parameters: {weight: 1}\n"
                            "---\n"
                            "merge_method: linear\n"
                            "models: [{model: second}, {model: first}]\n"
                            "parameters: {weight: [1, 6]}\n";

/* The names of the tensors of children that do not exist yet are known. */
static void documents(void **state)
{
    clade_recipe_list list;
    clade_recipe *recipe;
    (void)state;
    assert_ok(read_list(three, &list));
    assert_int_equal(list.count, 3);
    assert_string_equal(list.documents[0].name, "first");
    assert_string_equal(list.documents[0].out, "made/first");
    assert_string_equal(list.documents[1].recipe->parents[0].path, "made/first");
    assert_null(list.documents[2].name);
    assert_null(list.documents[2].out);
    assert_string_equal(list.documents[2].recipe->parents[0].path, "made/second");
    for (int block = 0; block < 6; block++) {
        char name[32];
        snprintf(name, sizeof name, "model.layers.%d.w", block);
        assert_near(value_of(list.documents[2].recipe, name, "first", "weight"), 1 + block, 1e-12);
    }
    clade_recipe_list_free(&list);
    assert_fails(read_text(three, &recipe), CLADE_ECONFIG, "found 3 documents, expected one");
    assert_ok(read_list("name: last\nmerge_method: passthrough\nmodels: [{model: a}]\n", &list));
    assert_int_equal(list.count, 1);
    assert_string_equal(list.documents[0].name, "last");
    clade_recipe_list_free(&list);
}

static clade_status attempt(void *context)
{
    clade_recipe_list list;
    (void)context;
    clade_status status = read_list(three, &list);
    clade_recipe_list_free(&list);
    return status;
}

static clade_status attempt_out(void *context)
{
    clade_text text = {0};
    clade_status status = clade_recipe_to_mergekit(context, &text);
    clade_text_free(&text);
    return status;
}

static void every_allocation(void **state)
{
    clade_recipe *recipe;
    (void)state;
    check_every_allocation(attempt, NULL);
    assert_ok(read_text("merge_method: slerp\nbase_model: a\nslices: [{sources: [{model: b, layer_range: [0, 1]}, "
                        "{model: a, layer_range: [1, 2]}]}]\nparameters: {t: [{filter: w, value: 0.5}, {value: 1}]}\n"
                        "tokenizer: {source: a, tokens: {x: {source: {kind: model_token, model: b, token: y}}}}\n",
                        &recipe));
    check_every_allocation(attempt_out, recipe);
    clade_recipe_free(recipe);
}

/* ---- refusals ---- */

static const struct {
    const char *text, *expected;
} refusals[] = {
    {"merge_method: linear\nmodels: [{model: a}]\nparameters: {weight: 1}\ntokenizer_source: base\n",
     "found no base_model that the tokenizer could be of"},
    {"merge_method: linear\nmodels: [{model: a}]\nparameters: {weight: 1}\ntokenizer_source: q\n",
     "q is not one of the models that are merged"},
    {"merge_method: linear\nmodels: [{model: a}]\nparameters: {weight: 1}\ntokenizer_source: a\ntokenizer: {source: "
     "a}\n",
     "found both \"tokenizer_source\" and \"tokenizer\""},
    {"merge_method: linear\nmodels: [{model: a}]\nparameters: {weight: 1}\ntokenizer: {tokens: {x: {source: a}}}\n",
     "found no source of the tokenizer"},
    {"merge_method: linear\nmodels: [{model: a}]\nparameters: {weight: 1}\ntokenizer: {source: a, tokens: {x: {source: "
     "{kind: one}}}}\n",
     "kind: expected zero or model_token"},
    {"merge_method: linear\nmodels: [{model: a}]\nparameters: {weight: 1}\ntokenizer: {source: a, tokens: {x: {source: "
     "{kind: model_token, model: a}}}}\n",
     "expected {kind: model_token, model: MODEL, token: TEXT}"},
    {"merge_method: linear\nmodels: [{model: a}]\nparameters: {weight: 1}\ntokenizer: {source: a, "
     "pad_to_multiple_of: 0}\n",
     "pad_to_multiple_of: expected a whole number"},
    {"merge_method: linear\nmodels: [{model: a}]\nparameters: {weight: 1}\nchat_template: vicuna\n",
     "chat_template: found \"vicuna\""},
    {"name: ../x\nmerge_method: passthrough\nmodels: [{model: a}]\n", ":1: name: found \"../x\", expected a name that"},
    {"name: x\nmerge_method: passthrough\nmodels: [{model: a}]\n---\nname: x\nmerge_method: passthrough\nmodels: "
     "[{model: b}]\n---\na: 1\n",
     ":5: name: found \"x\", expected a name that no earlier document has"},
    {"name: &a x\nmerge_method: passthrough\nmodels: [{model: a}]\n---\nname: *a\n", "the alias *a"},
};

static void what_is_refused(void **state)
{
    clade_recipe_list list;
    (void)state;
    for (size_t i = 0; i < sizeof refusals / sizeof refusals[0]; i++) {
        assert_fails(read_list(refusals[i].text, &list), CLADE_ECONFIG, refusals[i].expected);
        assert_int_equal(list.count, 0);
    }
    assert_int_equal(clade_alloc_live(), 0);
}

/* A model that is on a hub and not here: how to get it. */
static void from_a_hub(void **state)
{
    static const char remote[] = "merge_method: linear\nmodels: [{model: mistralai/Mistral-7B-v0.1}]\n"
                                 "parameters: {weight: 1}\n",
                      gradient[] = "merge_method: linear\nmodels: [{model: org/name}]\nparameters: {weight: [1, 2]}\n";
    clade_recipe *recipe;
    (void)state;
    write_test_file(config, remote, sizeof remote - 1);
    assert_fails(clade_recipe_from_mergekit(config, &recipe), CLADE_ECONFIG,
                 ":2: "); /* of a file, at once; of a text, when its tensors are needed */
    assert_non_null(strstr(clade_error_message(), "huggingface-cli download mistralai/Mistral-7B-v0.1 --local-dir"));
    assert_fails(read_text(gradient, &recipe), CLADE_EINPUT, "huggingface-cli download org/name --local-dir");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(tokenizers),      cmocka_unit_test(documents),  cmocka_unit_test(every_allocation),
        cmocka_unit_test(what_is_refused), cmocka_unit_test(from_a_hub),
    };
    return cmocka_run_group_tests(tests, layered_set_up, layered_tear_down);
}
