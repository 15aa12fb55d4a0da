/* The tokenizer files of a child: added tokens, chat templates, and what has to go. */
#include "vocabulary_zoo.h"

#include "io/tokenizer.h"

/* The child's folder with what was copied from the model whose tokenizer it gets, then made the child's. */
static clade_status write_child(zoo *self, const clade_vocabulary *v, char *folder)
{
    static const char *const names[] = {"tokenizer.json",   "tokenizer_config.json", "vocab.json",
                                        "tokenizer.model",  "chat_template.jinja",   "special_tokens_map.json",
                                        "added_tokens.json"};
    const char *from = clade_checkpoint_path(self->models[clade_vocabulary_files_from(v)]);
    snprintf(folder, TEST_PATH, "%s", path_in(self->folder, "child"));
    remove_temporary_folder(folder);
    assert_int_equal(mkdir(folder, 0777), 0);
    for (size_t i = 0; i < sizeof names / sizeof *names; i++)
        if (clade_path_exists(path_in(from, names[i])))
            assert_ok(clade_copy_file(path_in(from, names[i]), path_in(folder, names[i])));
    return clade_vocabulary_write(v, folder);
}

static void make_child(zoo *self, char *folder)
{
    clade_vocabulary *v;
    assert_ok(make(self, &v));
    assert_ok(write_child(self, v, folder));
    clade_vocabulary_free(v);
}

static void assert_file(const char *folder, const char *name, const char *expected)
{
    char *text;
    size_t length;
    assert_int_equal(clade_path_exists(path_in(folder, name)), expected != NULL);
    if (!expected)
        return;
    assert_ok(clade_read_file(path_in(folder, name), 1 << 20, &text, &length));
    assert_string_equal(text, expected);
    clade_free(text);
}

#define NEW_TOKENS                                                                                                     \
    "\n    {\"id\":7,\"content\":\"<x>\",\"single_word\":false,\"lstrip\":false,\"rstrip\":false,"                     \
    "\"normalized\":false,\"special\":true},"                                                                          \
    "\n    {\"id\":8,\"content\":\"<both>\",\"single_word\":false,\"lstrip\":true,\"rstrip\":false,"                   \
    "\"normalized\":false,\"special\":false},"                                                                         \
    "\n    {\"id\":9,\"content\":\"bc\",\"single_word\":false,\"lstrip\":false,\"rstrip\":false,"                      \
    "\"normalized\":true,\"special\":false},"                                                                          \
    "\n    {\"id\":10,\"content\":\"d\",\"single_word\":false,\"lstrip\":false,\"rstrip\":false,"                      \
    "\"normalized\":true,\"special\":false},"                                                                          \
    "\n    {\"id\":11,\"content\":\"<y>\",\"single_word\":false,\"lstrip\":false,\"rstrip\":false,"                    \
    "\"normalized\":false,\"special\":true}\n  "

static void tokens_are_added(void **state)
{
    zoo *self = *state;
    char folder[TEST_PATH];
    static const char config[] = "{\"model_max_length\": 1000000000000000019884624838656,\n"
                                 "  \"added_tokens_decoder\": {\n    \"0\": {\"content\": \"<s>\"}\n  },\n \"z\": 1e0}";
    write_in(self, "base", "tokenizer_config.json", config);
    write_in(self, "base", "tokenizer.model", "x");
    write_in(self, "base", "vocab.json", "{}");
    write_in(self, "base", "special_tokens_map.json", "{\"kept\": 1}");
    self->recipe.vocabulary.kind = CLADE_VOCABULARY_UNION;
    make_child(self, folder);
    assert_file(folder, "tokenizer.json", TOKENIZER("\"a\": 3, \"b\": 4, \"c\": 5, \"ab\": 6", NEW_TOKENS));
    assert_file(folder, "tokenizer_config.json",
                "{\"model_max_length\": 1000000000000000019884624838656,\n"
                "  \"added_tokens_decoder\": {\n    \"0\": {\"content\": \"<s>\"},"
                "\n    \"7\": {\"content\":\"<x>\",\"single_word\":false,\"lstrip\":false,\"rstrip\":false,"
                "\"normalized\":false,\"special\":true},"
                "\n    \"8\": {\"content\":\"<both>\",\"single_word\":false,\"lstrip\":true,\"rstrip\":false,"
                "\"normalized\":false,\"special\":false},"
                "\n    \"9\": {\"content\":\"bc\",\"single_word\":false,\"lstrip\":false,\"rstrip\":false,"
                "\"normalized\":true,\"special\":false},"
                "\n    \"10\": {\"content\":\"d\",\"single_word\":false,\"lstrip\":false,\"rstrip\":false,"
                "\"normalized\":true,\"special\":false},"
                "\n    \"11\": {\"content\":\"<y>\",\"single_word\":false,\"lstrip\":false,\"rstrip\":false,"
                "\"normalized\":false,\"special\":true}\n  },\n \"z\": 1e0}");
    assert_file(folder, "special_tokens_map.json", "{\"kept\": 1}");
    assert_file(folder, "tokenizer.model", NULL);
    assert_file(folder, "vocab.json", NULL);
}

static void nothing_to_add(void **state)
{
    zoo *self = *state;
    char folder[TEST_PATH];
    write_in(self, "c", "vocab.json", "whatever");
    self->recipe.vocabulary = (clade_recipe_vocabulary){.kind = CLADE_VOCABULARY_OF, .source = C};
    make_child(self, folder);
    assert_file(folder, "tokenizer.json", c_tokens);
    assert_file(folder, "vocab.json", "whatever");
    assert_file(folder, "tokenizer_config.json", NULL);
}

/* A tokenizer.json without a list of added tokens, and one whose tokenizer_config.json knows a token more. */
static void other_forms(void **state)
{
    zoo *self = *state;
    char folder[TEST_PATH];
    clade_tokenizer *t;
    write_in(self, "base", "tokenizer.json", "{\"model\":{\"vocab\":[[\"a\",0],[\"\\u00e9\",-1]]}}");
    write_in(self, "base", "tokenizer_config.json", "{\"added_tokens_decoder\":{\"2\":{\"content\":\"late\"}}}");
    self->recipe.vocabulary.kind = CLADE_VOCABULARY_UNION;
    make_child(self, folder);
    assert_ok(clade_tokenizer_read(folder, &t));
    assert_int_equal(clade_token_find(&t->table, "\xc3\xa9")->id, 1);
    assert_int_equal(clade_token_find(&t->table, "late")->id, 2);
    assert_true(clade_token_find(&t->table, "late")->flags & CLADE_TOKEN_IN_JSON);
    assert_int_equal(clade_token_find(&t->table, "<s>")->id, 3);
    assert_int_equal(t->n_ids, 14);
    for (size_t id = 2; id < t->n_ids; id++)
        assert_non_null(t->by_id[id]);
    clade_tokenizer_free(t);
}

static void tokenizers_that_take_no_more(void **state)
{
    zoo *self = *state;
    clade_vocabulary *v;
    self->recipe.vocabulary.kind = CLADE_VOCABULARY_UNION;
    write_in(self, "base", "tokenizer.json", "{\"model\":{\"vocab\":{\"a\":0,\"c\":2}}}");
    assert_fails(make(self, &v), CLADE_ECONFIG, "numbers have gaps (an added token would get 2 where 3 is free)");
    assert_int_equal(unlink(path_in(clade_checkpoint_path(self->models[BASE]), "tokenizer.json")), 0);
    write_in(self, "base", "vocab.json", "{\"a\":0}");
    assert_fails(make(self, &v), CLADE_ECONFIG, "found no tokenizer.json, expected one that 11 tokens");
}

static void chosen_template(zoo *self, char *name, const char *expected)
{
    char folder[TEST_PATH];
    self->recipe.chat_template = name;
    make_child(self, folder);
    assert_file(folder, "tokenizer_config.json", expected);
    assert_file(folder, "chat_template.jinja", expected ? NULL : "old");
}

static void chat_templates(void **state)
{
    zoo *self = *state;
    clade_vocabulary *v;
    static char literal[] = "{{ bos_token }} and \"\n\xc3\xa9", automatic[] = "auto", typo[] = "chatm",
                name[] = "chatml";
    write_in(self, "base", "chat_template.jinja", "old");
    self->recipe.vocabulary.kind = CLADE_VOCABULARY_SAME;
    chosen_template(self, literal, "{\"chat_template\": \"{{ bos_token }} and \\\"\\u000a\xc3\xa9\"}\n");
    write_in(self, "base", "tokenizer_config.json", "{\"a\": 1, \"chat_template\": [{\"b\": 2}], \"c\": []}");
    chosen_template(self, literal,
                    "{\"a\": 1, \"chat_template\": \"{{ bos_token }} and \\\"\\u000a\xc3\xa9\", \"c\": []}");
    /* of two with one vote each, the base's */
    write_in(self, "a", "tokenizer_config.json", "{\"chat_template\": \"new\\n\"}");
    chosen_template(self, automatic, "{\"a\": 1, \"chat_template\": \"old\", \"c\": []}");
    write_in(self, "c", "tokenizer_config.json",
             "{\"chat_template\": [{\"name\": \"tool\", \"template\": \"t\"},"
             " {\"name\": \"default\", \"template\": \"ne\\u0077\\n\"}]}");
    chosen_template(self, automatic, "{\"a\": 1, \"chat_template\": \"new\\u000a\", \"c\": []}");
    self->recipe.chat_template = name;
    assert_ok(make(self, &v));
    clade_vocabulary_free(v);
    self->recipe.chat_template = typo;
    assert_fails(make(self, &v), CLADE_ECONFIG, "did you mean \"chatml\"");
}

static void no_template_at_all(void **state)
{
    zoo *self = *state;
    static char automatic[] = "auto";
    self->recipe.vocabulary.kind = CLADE_VOCABULARY_SAME;
    self->recipe.chat_template = automatic;
    char folder[TEST_PATH];
    make_child(self, folder);
    assert_file(folder, "tokenizer_config.json", NULL);
}

static void numbers_of_tokens(void **state)
{
    zoo *self = *state;
    clade_vocabulary *v;
    size_t count;
    write_in(self, "c", "config.json", "{\"pad_token_id\": null, \"eos_token_id\": [1, 7], \"vocab_size\": 12}");
    make_model(self, C, "c", c_tokens, 12);
    self->recipe.vocabulary = (clade_recipe_vocabulary){.kind = CLADE_VOCABULARY_OF, .source = C};
    assert_ok(make(self, &v));
    const clade_config_member *members = clade_vocabulary_members(v, &count);
    assert_int_equal(count, 2);
    assert_string_equal(members[0].key, "eos_token_id");
    assert_string_equal(members[0].value, "[1,7]");
    assert_string_equal(members[1].value, "null");
    clade_vocabulary_free(v);
}

typedef struct writing {
    zoo *self;
    const clade_vocabulary *v;
} writing;

static clade_status attempt(void *context)
{
    const writing *job = context;
    char folder[TEST_PATH];
    snprintf(folder, sizeof folder, "%s", path_in(job->self->folder, "child"));
    return clade_vocabulary_write(job->v, folder);
}

static void writing_fails(void **state)
{
    zoo *self = *state;
    char folder[TEST_PATH];
    static char literal[] = "{{ messages }} {{ eos_token }}";
    writing job = {.self = self};
    clade_vocabulary *v;
    self->recipe.vocabulary.kind = CLADE_VOCABULARY_UNION;
    self->recipe.chat_template = literal;
    assert_ok(make(self, &v));
    job.v = v;
    assert_ok(write_child(self, v, folder));
    check_every_allocation(attempt, &job);
    size_t n = 0;
    clade_status status = CLADE_EIO;
    while (status != CLADE_OK && ++n < 100) {
        clade_output_fail_at(n);
        status = attempt(&job);
        clade_output_fail_at(0);
        if (status != CLADE_OK)
            assert_fails(status, CLADE_EIO, "No space left");
    }
    assert_in_range(n, 5, 99);
    write_in(self, "base", "tokenizer.json", "{\"added_tokens\": 5}"); /* changed meanwhile */
    assert_fails(attempt(&job), CLADE_EINPUT, "a list at added_tokens");
    clade_vocabulary_free(v);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        ZOO_TEST(tokens_are_added),  ZOO_TEST(nothing_to_add),
        ZOO_TEST(other_forms),       ZOO_TEST(tokenizers_that_take_no_more),
        ZOO_TEST(chat_templates),    ZOO_TEST(no_template_at_all),
        ZOO_TEST(numbers_of_tokens), ZOO_TEST(writing_fails),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
