/* Vocabularies of children: which rows stand for which token.
 *
 * The models are those of a comparison with mergekit 0.1.5; the expected rows of "union", "of" and the tokens' sources
 * are what it made of them. "a7" is row 7 of parent a, "#7" that of the base, "a8+c9" the mean of two, "0" zeros. */
#include "vocabulary_zoo.h"

#include "merge/plan.h"

static void assert_map(const clade_vocabulary *v, size_t source, const char *expected)
{
    static const char letters[] = "abc#";
    const clade_row_map *map = clade_vocabulary_map(v, source);
    char text[1024] = "";
    size_t used = 0;
    for (size_t r = 0; map && r < map->n_rows; r++) {
        used += (size_t)snprintf(text + used, sizeof text - used, "%s", r > 0 ? " " : "");
        for (uint32_t i = map->start[r]; i < map->start[r + 1]; i++)
            used += (size_t)snprintf(text + used, sizeof text - used, "%s%c%u", i > map->start[r] ? "+" : "",
                                     letters[map->items[i].source], (unsigned)map->items[i].row);
        if (map->start[r] == map->start[r + 1])
            used += (size_t)snprintf(text + used, sizeof text - used, "0");
    }
    assert_true(!map || map->n_rows == clade_vocabulary_rows(v));
    assert_string_equal(map ? text : "as stored", expected);
}

static void union_of_all(void **state)
{
    zoo *self = *state;
    clade_vocabulary *v;
    self->recipe.vocabulary.kind = CLADE_VOCABULARY_UNION;
    assert_ok(make(self, &v));
    assert_int_equal(clade_vocabulary_rows(v), 12);
    assert_int_equal(clade_vocabulary_files_from(v), BASE);
    /* tokens: <s> </s> <unk> a b c ab | <x> <both> of a, bc d <y> of c */
    assert_map(v, BASE, "#0 #1 #2 #3 #4 #5 #6 a7 a8+c9 c6 c7 c8");
    assert_map(v, A, "a0 a1 a2 a3 a4 a5 a6 a7 a8 c6 c7 c8");
    assert_map(v, B, "b0 b1 b2 b3 b4 b5 b6 a7 a8+c9 c6 c7 c8");
    assert_map(v, C, "c0 c1 c2 c5 c4 c3 #6 a7 c9 c6 c7 c8");
    clade_text text = {0};
    clade_vocabulary_describe(v, &text);
    assert_string_equal(clade_text_get(&text),
                        "vocabulary: union, 12 rows, 12 tokens, 5 of them added to the tokenizer of base\n"
                        "  a: 9 rows, 9 tokens, remapped\n  b: 7 rows, 7 tokens, remapped\n"
                        "  c: 12 rows, 10 tokens, remapped\n  base: 10 rows, 7 tokens, remapped\n");
    clade_text_free(&text);
    clade_vocabulary_free(v);
}

static void union_without_a_base(void **state)
{
    zoo *self = *state;
    clade_checkpoint *base = self->models[BASE];
    clade_vocabulary *v;
    self->recipe.vocabulary = (clade_recipe_vocabulary){.kind = CLADE_VOCABULARY_UNION};
    self->models[BASE] = NULL;
    assert_ok(make(self, &v));
    self->models[BASE] = base;
    assert_int_equal(clade_vocabulary_files_from(v), A);
    assert_map(v, A, "a0 a1 a2 a3 a4 a5 a6 a7 a8 c6 c7 c8");
    assert_map(v, B, "b0 b1 b2 b3 b4 b5 b6 a7 a8+c9 c6 c7 c8");
    assert_map(v, C, "c0 c1 c2 c5 c4 c3 a6+b6 a7 c9 c6 c7 c8");
    clade_vocabulary_free(v);
}

static void of_one_model(void **state)
{
    zoo *self = *state;
    clade_vocabulary *v;
    self->recipe.vocabulary = (clade_recipe_vocabulary){.kind = CLADE_VOCABULARY_OF, .source = C};
    assert_ok(make(self, &v));
    assert_int_equal(clade_vocabulary_rows(v), 10);
    assert_int_equal(clade_vocabulary_files_from(v), C);
    /* tokens: <s> </s> <unk> c b a bc d <y> <both> */
    assert_map(v, BASE, "#0 #1 #2 #5 #4 #3 c6 c7 c8 a8+c9");
    assert_map(v, A, "a0 a1 a2 a5 a4 a3 c6 c7 c8 a8");
    assert_map(v, B, "b0 b1 b2 b5 b4 b3 c6 c7 c8 a8+c9");
    assert_map(v, C, "c0 c1 c2 c3 c4 c5 c6 c7 c8 c9");
    clade_vocabulary_free(v);

    self->recipe.vocabulary.source = BASE;
    assert_ok(make(self, &v));
    assert_int_equal(clade_vocabulary_rows(v), 7);
    assert_map(v, BASE, "#0 #1 #2 #3 #4 #5 #6");
    assert_map(v, B, "as stored");
    clade_vocabulary_free(v);
}

static void common_rows(void **state)
{
    zoo *self = *state;
    clade_vocabulary *v;
    self->recipe.vocabulary = (clade_recipe_vocabulary){.kind = CLADE_VOCABULARY_COMMON};
    assert_ok(make(self, &v));
    assert_int_equal(clade_vocabulary_rows(v), 7);
    assert_int_equal(clade_vocabulary_files_from(v), B); /* whose tokenizer has no number above 6 */
    assert_map(v, A, "a0 a1 a2 a3 a4 a5 a6");
    assert_map(v, B, "as stored");
    assert_map(v, BASE, "#0 #1 #2 #3 #4 #5 #6");
    clade_vocabulary_free(v);
    self->recipe.files_from = C;
    assert_ok(make(self, &v));
    assert_int_equal(clade_vocabulary_files_from(v), C);
    clade_vocabulary_free(v);
    self->recipe.files_from = SIZE_MAX;
}

static void nothing_to_do(void **state)
{
    zoo *self = *state;
    clade_vocabulary *v;
    clade_text text = {0};
    self->recipe.vocabulary = (clade_recipe_vocabulary){.kind = CLADE_VOCABULARY_SAME};
    assert_ok(make(self, &v));
    assert_int_equal(clade_vocabulary_rows(v), 0);
    assert_false(clade_vocabulary_remaps(v, "lm_head.weight"));
    assert_map(v, A, "as stored");
    clade_vocabulary_describe(v, &text);
    assert_string_equal(clade_text_get(&text), "");
    clade_vocabulary_free(v);
}

/* Rows without a token: where a model stores an unused row of that number, it is taken. */
static void padding(void **state)
{
    zoo *self = *state;
    clade_vocabulary *v;
    self->recipe.vocabulary =
        (clade_recipe_vocabulary){.kind = CLADE_VOCABULARY_OF, .source = BASE, .pad_to_multiple_of = 4};
    assert_ok(make(self, &v));
    assert_int_equal(clade_vocabulary_rows(v), 8);
    assert_map(v, BASE, "#0 #1 #2 #3 #4 #5 #6 #7");
    assert_map(v, A, "a0 a1 a2 a3 a4 a5 a6 #7"); /* its row 7 is that of <x> */
    assert_map(v, C, "c0 c1 c2 c5 c4 c3 #6 #7");
    clade_vocabulary_free(v);
    self->recipe.vocabulary.pad_to_multiple_of = 16;
    assert_ok(make(self, &v));
    assert_int_equal(clade_vocabulary_rows(v), 16);
    assert_map(v, BASE, "#0 #1 #2 #3 #4 #5 #6 #7 #8 #9 c10 c11 0 0 0 0");
    clade_vocabulary_free(v);
}

static char both[] = "<both>", a_token[] = "a", b_token[] = "b", x_token[] = "<x>", y_token[] = "<y>",
            new_token[] = "new", c_token[] = "c", nowhere[] = "nowhere", beyond[] = "<beyond>";

static void sources_of_tokens(void **state)
{
    zoo *self = *state;
    clade_vocabulary *v;
    clade_recipe_token tokens[] = {
        {.token = both, .source = A},
        {.token = a_token, .source = C, .force = true},
        {.token = b_token, .kind = CLADE_TOKEN_ZERO, .force = true},
        {.token = x_token, .kind = CLADE_TOKEN_ZERO},
        {.token = y_token, .kind = CLADE_TOKEN_LIKE, .source = BASE, .like = c_token},
        {.token = new_token, .kind = CLADE_TOKEN_LIKE_ID, .source = BASE, .like_id = 9},
    };
    self->recipe.vocabulary =
        (clade_recipe_vocabulary){.kind = CLADE_VOCABULARY_UNION, .tokens = tokens, .n_tokens = 6};
    assert_ok(make(self, &v));
    assert_map(v, BASE, "#0 #1 #2 c5 0 #5 #6 0 a8 c6 c7 #5 #9");
    assert_map(v, A, "a0 a1 a2 c5 0 a5 a6 a7 a8 c6 c7 #5 #9");
    assert_map(v, C, "c0 c1 c2 c5 0 c3 #6 0 c9 c6 c7 c8 #9");
    clade_vocabulary_free(v);

    /* a token of another model, added to the base's */
    self->recipe.vocabulary =
        (clade_recipe_vocabulary){.kind = CLADE_VOCABULARY_OF, .source = BASE, .tokens = &tokens[0], .n_tokens = 1};
    assert_ok(make(self, &v));
    assert_map(v, BASE, "#0 #1 #2 #3 #4 #5 #6 a8");
    assert_map(v, C, "c0 c1 c2 c5 c4 c3 #6 c9");
    clade_vocabulary_free(v);
}

static void sources_that_are_not_there(void **state)
{
    zoo *self = *state;
    clade_checkpoint *base = self->models[BASE];
    clade_vocabulary *v;
    clade_recipe_token tokens[] = {
        {.token = x_token, .source = C},
        {.token = y_token, .kind = CLADE_TOKEN_LIKE, .source = BASE, .like = nowhere},
        {.token = both, .kind = CLADE_TOKEN_LIKE_ID, .source = B, .like_id = 7},
        {.token = new_token, .source = A},
    };
    self->recipe.vocabulary =
        (clade_recipe_vocabulary){.kind = CLADE_VOCABULARY_UNION, .tokens = tokens, .n_tokens = 4};
    assert_fails(make(self, &v), CLADE_ECONFIG, "\"<x>\" is to have the embedding of \"<x>\" in c, which has none");
    assert_null(v);
    assert_non_null(strstr(clade_error_message(), "embedding of \"nowhere\" in base"));
    assert_non_null(strstr(clade_error_message(), "\"<both>\" is to be like number 7 of b, which has 7 rows"));
    assert_non_null(strstr(clade_error_message(), "embedding of \"new\" in a"));
    self->models[BASE] = NULL;
    self->recipe.vocabulary.n_tokens = 2;
    assert_fails(make(self, &v), CLADE_ECONFIG, "from the base, and there is none");
    self->recipe.vocabulary = (clade_recipe_vocabulary){.kind = CLADE_VOCABULARY_OF, .source = BASE};
    assert_fails(make(self, &v), CLADE_ECONFIG, "of the base, and there is none");
    self->models[BASE] = base;
}

/* A token beyond the rows of its model was never trained: it is not added, and needs another embedding to stay. */
static void tokens_beyond_the_rows(void **state)
{
    zoo *self = *state;
    clade_vocabulary *v;
    clade_recipe_token zero = {.token = beyond, .kind = CLADE_TOKEN_ZERO};
    make_model(self, A, "a", beyond_tokens, 4);
    self->recipe.vocabulary = (clade_recipe_vocabulary){.kind = CLADE_VOCABULARY_UNION};
    assert_ok(make(self, &v));
    assert_int_equal(clade_vocabulary_rows(v), 11);
    clade_vocabulary_free(v);
    self->recipe.vocabulary = (clade_recipe_vocabulary){.kind = CLADE_VOCABULARY_OF, .source = A};
    assert_fails(make(self, &v), CLADE_ECONFIG, "no model has an embedding for the token \"<beyond>\", number 4");
    self->recipe.vocabulary.tokens = &zero;
    self->recipe.vocabulary.n_tokens = 1;
    assert_ok(make(self, &v));
    assert_map(v, A, "a0 a1 a2 a3 0");
    assert_map(v, C, "c0 c1 c2 c5 0");
    clade_vocabulary_free(v);
}

static void models_that_do_not_fit(void **state)
{
    zoo *self = *state;
    clade_vocabulary *v;
    char folder[TEST_PATH];
    const clade_tensor norm = {"model.norm.weight", CLADE_F32, 1, no_shape, 2, 8, "1234567"};
    snprintf(folder, sizeof folder, "%s", path_in(self->folder, "b"));
    self->recipe.vocabulary = (clade_recipe_vocabulary){.kind = CLADE_VOCABULARY_COMMON};
    clade_checkpoint_close(self->models[B]);
    write_weights(folder, 7, 8);
    assert_ok(clade_checkpoint_open(folder, &self->models[B]));
    assert_fails(make(self, &v), CLADE_EINCOMPATIBLE, "b: found 8 rows in lm_head.bias and 7 in model.embed_tokens");
    clade_checkpoint_close(self->models[B]);
    assert_ok(clade_safetensors_write(path_in(folder, "model.safetensors"), &norm, 1, NULL, NULL));
    assert_ok(clade_checkpoint_open(folder, &self->models[B]));
    assert_fails(make(self, &v), CLADE_EINCOMPATIBLE, "b: found no embedding of tokens");
    make_model(self, B, "b", base_tokens, 7);
    assert_int_equal(unlink(path_in(folder, "tokenizer.json")), 0);
    self->recipe.vocabulary.kind = CLADE_VOCABULARY_UNION;
    assert_fails(make(self, &v), CLADE_EINPUT, "b: has no tokenizer");
}

static void names_of_tensors(void **state)
{
    static const char *const yes[] = {"embed_tokens.weight",
                                      "model.language_model.embed_tokens.weight",
                                      "lm_head.weight",
                                      "lm_head.bias",
                                      "transformer.wte.weight",
                                      "bert.embeddings.word_embeddings.weight",
                                      "cls.predictions.decoder.weight",
                                      "output.weight",
                                      "shared.weight",
                                      "text_model.embeddings.token_embedding.weight"},
                             *const no[] = {"",
                                            "model.norm.weight",
                                            "xlm_head.weight",
                                            "lm_head.weight.x",
                                            "encoder.layer.0.attention.output.weight",
                                            "model.layers.0.shared_expert.weight",
                                            "embeddings.position_embeddings.weight",
                                            "model.embed_tokens.weight_scale"};
    (void)state;
    for (size_t i = 0; i < sizeof yes / sizeof *yes; i++)
        assert_true(clade_vocabulary_names(yes[i]));
    for (size_t i = 0; i < sizeof no / sizeof *no; i++)
        assert_false(clade_vocabulary_names(no[i]));
}

static clade_status attempt(void *context)
{
    clade_vocabulary *v;
    CLADE_TRY(make(context, &v));
    clade_vocabulary_free(v);
    return CLADE_OK;
}

static void without_memory(void **state)
{
    zoo *self = *state;
    static char automatic[] = "auto";
    write_in(self, "c", "chat_template.jinja", "{{ messages }}");
    self->recipe.vocabulary = (clade_recipe_vocabulary){.kind = CLADE_VOCABULARY_UNION, .pad_to_multiple_of = 32};
    self->recipe.chat_template = automatic;
    check_every_allocation(attempt, self);
    self->recipe.vocabulary = (clade_recipe_vocabulary){.kind = CLADE_VOCABULARY_COMMON};
    check_every_allocation(attempt, self);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        ZOO_TEST(union_of_all),
        ZOO_TEST(union_without_a_base),
        ZOO_TEST(of_one_model),
        ZOO_TEST(common_rows),
        ZOO_TEST(nothing_to_do),
        ZOO_TEST(padding),
        ZOO_TEST(sources_of_tokens),
        ZOO_TEST(sources_that_are_not_there),
        ZOO_TEST(tokens_beyond_the_rows),
        ZOO_TEST(models_that_do_not_fit),
        cmocka_unit_test(names_of_tensors),
        ZOO_TEST(without_memory),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
