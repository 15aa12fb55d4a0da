/* Vocabularies read from tokenizer files: every format, what is said twice, and what is broken. */
#include "io/tokenizer.h"

#include "clade/text.h"
#include "test.h"

/* A folder with the given files, up to three; read, then removed. */
typedef struct files {
    const char *name[3], *text[3];
} files;

static clade_status read_files(const files *given, clade_tokenizer **tokenizer)
{
    char folder[TEST_PATH];
    make_temporary_folder(folder);
    for (size_t i = 0; i < 3 && given->name[i]; i++)
        write_test_file(path_in(folder, given->name[i]), given->text[i], strlen(given->text[i]));
    clade_status status = clade_tokenizer_read(folder, tokenizer);
    remove_temporary_folder(folder);
    return status;
}

static void assert_token(const clade_tokenizer *tokenizer, const char *text, uint32_t id, uint32_t flags)
{
    const clade_token *token = clade_token_find(&tokenizer->table, text);
    assert_non_null(token);
    assert_string_equal(token->text, text);
    assert_int_equal(token->id, id);
    assert_int_equal(token->flags, flags);
    assert_ptr_equal(tokenizer->by_id[id], token);
}

static const char bpe[] = "{\"version\": \"1.0\", \"added_tokens\": [\n"
                          "  {\"id\": 0, \"content\": \"<s>\", \"special\": true, \"normalized\": false},\n"
                          "  {\"id\": 5, \"content\": \"<x>\", \"lstrip\": true, \"rstrip\": true, \"single_word\": "
                          "true, \"normalized\": true}],\n"
                          " \"model\": {\"type\": \"BPE\", \"vocab\": {\"<s>\": 0, \"a\": 2, \"b\": 1, \"\\u0120a\": "
                          "3}, \"merges\": [[\"a\", \"b\"]]}}";

static void an_object_of_tokens(void **state)
{
    const files given = {{"tokenizer.json"}, {bpe}};
    clade_tokenizer *t;
    (void)state;
    assert_ok(read_files(&given, &t));
    assert_int_equal(t->table.count, 5);
    assert_int_equal(t->n_ids, 6);
    assert_int_equal(t->vocabulary_count, 4);
    assert_true(t->has_json);
    assert_token(t, "<s>", 0, CLADE_TOKEN_ADDED | CLADE_TOKEN_SPECIAL | CLADE_TOKEN_IN_JSON);
    assert_token(t, "b", 1, CLADE_TOKEN_IN_JSON);
    assert_token(t,
                 "\xc4\xa0"
                 "a",
                 3, CLADE_TOKEN_IN_JSON);
    assert_token(t, "<x>", 5,
                 CLADE_TOKEN_ADDED | CLADE_TOKEN_LSTRIP | CLADE_TOKEN_RSTRIP | CLADE_TOKEN_SINGLE_WORD |
                     CLADE_TOKEN_NORMALIZED | CLADE_TOKEN_IN_JSON);
    assert_null(t->by_id[4]);
    assert_null(clade_token_find(&t->table, "c"));
    assert_null(clade_token_find(&t->table, ""));
    clade_tokenizer_free(t);
}

static void a_list_of_pieces(void **state)
{
    const files given = {{"tokenizer.json"},
                         {"{\"model\": {\"type\": \"Unigram\", \"unk_id\": 1, \"vocab\": [[\"<pad>\", 0.0], "
                          "[\"<unk>\", 0], [\"\xe2\x96\x81\", -2.5]]}}"}};
    clade_tokenizer *t;
    (void)state;
    assert_ok(read_files(&given, &t));
    assert_int_equal(t->table.count, 3);
    assert_token(t, "\xe2\x96\x81", 2, CLADE_TOKEN_IN_JSON);
    clade_tokenizer_free(t);
}

static void older_files(void **state)
{
    const files json = {{"vocab.json", "added_tokens.json"}, {"{\"a\": 0, \"b\": 1}", "{\"<x>\": 2}"}};
    const files lines = {{"vocab.txt", "tokenizer_config.json"},
                         {"[PAD]\r\n[UNK]\n\n##s\nlast", "{\"added_tokens_decoder\": {\"0\": {\"content\": \"[PAD]\", "
                                                         "\"special\": true}, \"9\": {\"content\": \"new\"}}}"}};
    clade_tokenizer *t;
    (void)state;
    assert_ok(read_files(&json, &t));
    assert_false(t->has_json);
    assert_token(t, "b", 1, 0);
    assert_token(t, "<x>", 2, CLADE_TOKEN_ADDED | CLADE_TOKEN_SPECIAL);
    clade_tokenizer_free(t);

    assert_ok(read_files(&lines, &t));
    assert_int_equal(t->n_ids, 10);
    assert_token(t, "[PAD]", 0, CLADE_TOKEN_ADDED | CLADE_TOKEN_SPECIAL | CLADE_TOKEN_IN_DECODER);
    assert_token(t, "", 2, 0);
    assert_token(t, "##s", 3, 0);
    assert_token(t, "last", 4, 0);
    assert_token(t, "new", 9, CLADE_TOKEN_ADDED | CLADE_TOKEN_IN_DECODER);
    clade_tokenizer_free(t);
}

/* tokenizer.json wins over the older files and over what tokenizer_config.json says of a token. */
static void said_twice(void **state)
{
    const files given = {
        {"tokenizer.json", "vocab.json", "tokenizer_config.json"},
        {bpe, "not even JSON", "{\"added_tokens_decoder\": {\"5\": {\"content\": \"<x>\", \"special\": true}}}"}};
    clade_tokenizer *t;
    (void)state;
    assert_ok(read_files(&given, &t));
    assert_int_equal(t->table.count, 5);
    assert_false(clade_token_find(&t->table, "<x>")->flags & CLADE_TOKEN_SPECIAL);
    assert_true(clade_token_find(&t->table, "<x>")->flags & CLADE_TOKEN_IN_DECODER);
    clade_tokenizer_free(t);
}

#define MODEL(vocabulary) "{\"model\": {\"vocab\": " vocabulary "}}"
#define ADDED(tokens) "{\"model\": {\"vocab\": {\"a\": 0}}, \"added_tokens\": " tokens "}"
#define DECODER(tokens) "{\"added_tokens_decoder\": " tokens "}"

static const struct {
    files given;
    const char *expected;
} broken[] = {
    {{{NULL}, {NULL}}, "has no tokenizer, expected tokenizer.json"},
    {{{"tokenizer.model"}, {"\n"}}, "SentencePiece"},
    {{{"tokenizer.json"}, {"{"}}, "tokenizer.json: line 1"},
    {{{"tokenizer.json"}, {"[]"}}, "model.vocab"},
    {{{"tokenizer.json"}, {"{\"model\": null}"}}, "model.vocab"},
    {{{"tokenizer.json"}, {"{\"model\": {}}"}}, "model.vocab"},
    {{{"tokenizer.json"}, {MODEL("7")}}, "model.vocab"},
    {{{"tokenizer.json"}, {MODEL("{\"a\": -1}")}}, "id from 0"},
    {{{"tokenizer.json"}, {MODEL("{\"a\": 1.5}")}}, "id from 0"},
    {{{"tokenizer.json"}, {MODEL("{\"a\": 16777216}")}}, "id from 0"},
    {{{"tokenizer.json"}, {MODEL("{\"a\": \"0\"}")}}, "id from 0"},
    {{{"tokenizer.json"}, {MODEL("{\"a\": 0, \"a\": 1}")}}, "has the id 1, but it was 0"},
    {{{"tokenizer.json"}, {MODEL("{\"a\": 3, \"b\": 3}")}}, "\"a\" and \"b\" have both the id 3"},
    {{{"tokenizer.json"}, {MODEL("[\"a\"]")}}, "[\"piece\", score]"},
    {{{"tokenizer.json"}, {MODEL("[[]]")}}, "[\"piece\", score]"},
    {{{"tokenizer.json"}, {MODEL("[[1, \"a\"]]")}}, "[\"piece\", score]"},
    {{{"tokenizer.json"}, {"{\"model\": {\"vocab\": {}}, \"model\": {}}"}}, "\"model\" is given twice"},
    {{{"tokenizer.json"}, {ADDED("{}")}}, "a list of tokens"},
    {{{"tokenizer.json"}, {ADDED("[\"x\"]")}}, "with its \"content\""},
    {{{"tokenizer.json"}, {ADDED("[{\"id\": 1}]")}}, "with its \"content\""},
    {{{"tokenizer.json"}, {ADDED("[{\"content\": 5, \"id\": 1}]")}}, "with its \"content\""},
    {{{"tokenizer.json"}, {ADDED("[{\"content\": \"x\"}]")}}, "with its \"id\""},
    {{{"tokenizer.json"}, {ADDED("[{\"content\": \"x\", \"id\": true}]")}}, "with its \"id\""},
    {{{"tokenizer.json"}, {ADDED("[{\"content\": \"a\", \"id\": 1}]")}}, "has the id 1, but it was 0"},
    {{{"tokenizer.json"}, {ADDED("[{\"content\": \"x\", \"id\": 0}]")}}, "have both the id 0"},
    {{{"vocab.json"}, {"[]"}}, "an object of tokens"},
    {{{"vocab.json", "added_tokens.json"}, {"{}", "7"}}, "an object of tokens"},
    {{{"vocab.txt"}, {"a\na\n"}}, "has the id 1, but it was 0"},
    {{{"vocab.txt"}, {"a\n\xff\n"}}, "byte 2: expected UTF-8"},
    {{{"vocab.txt", "tokenizer_config.json"}, {"a\n", DECODER("[]")}}, "an object of added tokens"},
    {{{"vocab.txt", "tokenizer_config.json"}, {"a\n", DECODER("{\"x\": {\"content\": \"b\"}}")}}, "id from 0"},
    {{{"vocab.txt", "tokenizer_config.json"}, {"a\n", DECODER("{\"\": {\"content\": \"b\"}}")}}, "id from 0"},
    {{{"vocab.txt", "tokenizer_config.json"}, {"a\n", DECODER("{\"1\": {}}")}}, "with its \"content\""},
};

static void broken_files(void **state)
{
    (void)state;
    for (size_t i = 0; i < sizeof broken / sizeof *broken; i++) {
        clade_tokenizer *t;
        size_t live = clade_alloc_live();
        assert_fails(read_files(&broken[i].given, &t), CLADE_EINPUT, broken[i].expected);
        assert_null(t);
        assert_int_equal(clade_alloc_live(), live);
    }
}

/* As large as those of today's models: 256,000 tokens, and merges that a tree of JSON values would not take. */
static void a_large_one(void **state)
{
    enum { TOKENS = 256000, MERGES = 400000 };
    char folder[TEST_PATH];
    clade_text text = {0};
    clade_tokenizer *t;
    (void)state;
    clade_text_append(&text, "{\"model\": {\"vocab\": {");
    for (int i = 0; i < TOKENS; i++)
        clade_text_append(&text, "%s\"piece%d\": %d", i ? "," : "", i, TOKENS - 1 - i);
    clade_text_append(&text, "}, \"merges\": [");
    for (int i = 0; i < MERGES; i++)
        clade_text_append(&text, "%s[\"p%d\",\"q\"]", i ? "," : "", i);
    clade_text_append(&text, "]}}");
    make_temporary_folder(folder);
    write_test_file(path_in(folder, "tokenizer.json"), text.data, text.length);
    clade_text_free(&text);
    assert_ok(clade_tokenizer_read(folder, &t));
    assert_int_equal(t->n_ids, TOKENS);
    assert_token(t, "piece0", TOKENS - 1, CLADE_TOKEN_IN_JSON);
    assert_token(t, "piece255999", 0, CLADE_TOKEN_IN_JSON);
    clade_tokenizer_free(t);
    remove_temporary_folder(folder);
}

static clade_status attempt(void *context)
{
    clade_tokenizer *t;
    CLADE_TRY(clade_tokenizer_read(context, &t));
    clade_tokenizer_free(t);
    return CLADE_OK;
}

static void without_memory(void **state)
{
    char folder[TEST_PATH];
    clade_text text = {0};
    (void)state;
    make_temporary_folder(folder);
    write_test_file(path_in(folder, "tokenizer_config.json"), "{}", 2);
    clade_text_append(&text, "{");
    for (int i = 0; i < 600; i++) /* the table grows twice */
        clade_text_append(&text, "%s\"%d\": %d", i ? "," : "", i, i);
    clade_text_append(&text, "}");
    write_test_file(path_in(folder, "vocab.json"), text.data, text.length);
    clade_text_free(&text);
    check_every_allocation(attempt, folder);
    remove_temporary_folder(folder);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(an_object_of_tokens), cmocka_unit_test(a_list_of_pieces), cmocka_unit_test(older_files),
        cmocka_unit_test(said_twice),          cmocka_unit_test(broken_files),     cmocka_unit_test(a_large_one),
        cmocka_unit_test(without_memory),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
