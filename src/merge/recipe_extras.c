/* The optional parts of a recipe from JSON: stacks of blocks, the vocabulary, and where the child's files come from. */
#include <string.h>

#include "clade/alloc.h"
#include "merge/recipe_parts.h"

typedef clade_recipe_reader reader;

static bool is_absent(const clade_json_at *at)
{
    return clade_json_kind_of(at) == CLADE_JSON_ABSENT;
}

/* ---- models by name ---- */

enum { MOST_WORDS = CLADE_MAX_PARENTS + 3 };

/* The index of the model named NAME (n_parents: the base), or a problem at AT that suggests one, or one of the WORDS
 * (NULL at the end) that could stand there instead. */
static bool find_model(const reader *self, const clade_json_at *at, const char *name, const char *const *words,
                       size_t *index)
{
    const clade_recipe *recipe = self->recipe;
    const char *known[MOST_WORDS];
    size_t n_known = 0;
    if (recipe->base) {
        known[n_known++] = "base";
        *index = recipe->n_parents;
        if (strcmp(name, "base") == 0)
            return true;
    }
    for (size_t p = 0; p < recipe->n_parents; p++) {
        if (!recipe->parents[p].name)
            continue;
        known[n_known++] = recipe->parents[p].name;
        *index = p;
        if (strcmp(name, recipe->parents[p].name) == 0)
            return true;
    }
    for (size_t i = 0; words[i]; i++)
        known[n_known++] = words[i];
    clade_text hint = {0};
    clade_append_suggestion(&hint, name, known, n_known);
    clade_json_problem(at, self->problems, "no model is named \"%.60s\"%s", name, clade_text_get(&hint));
    clade_text_free(&hint);
    return false;
}

static bool read_model(const reader *self, const clade_json_at *at, const char *const *words, size_t *index)
{
    const char *name = NULL;
    return clade_json_string(at, self->problems, &name) && find_model(self, at, name, words, index);
}

static const char *const no_words[] = {NULL};

/* ---- stacks ---- */

/* "fashion": [2, 5] */
static void read_range(const reader *self, const clade_json_at *at, clade_recipe_slice *slice)
{
    int64_t begin = 0, end = 0;
    size_t model = 0;
    if (!find_model(self, at, clade_json_key(at), no_words, &model) ||
        !clade_json_is(at, self->problems, CLADE_JSON_ARRAY))
        return;
    clade_json_at first = clade_json_item(at, 0), last = clade_json_item(at, 1);
    if (clade_json_size(at) != 2) {
        clade_json_problem(at, self->problems, "found %zu items, expected the first block and the one behind the last",
                           clade_json_size(at));
        return;
    }
    if (!clade_json_integer(&first, self->problems, 0, CLADE_MAX_BLOCK, &begin) ||
        !clade_json_integer(&last, self->problems, begin + 1, CLADE_MAX_BLOCK + 1, &end))
        return;
    if (slice->n_blocks > 0 && slice->n_blocks != (size_t)(end - begin))
        clade_json_problem(at, self->problems, "found %lld blocks, expected %zu as of the slice's first model",
                           (long long)(end - begin), slice->n_blocks);
    else
        slice->n_blocks = (size_t)(end - begin);
    slice->first[model] = (int)begin;
}

static void read_stack(reader *self, const clade_json_at *at, clade_recipe_stack *stack)
{
    static const char *const known[] = {"blocks", "slices"};
    if (!clade_json_is(at, self->problems, CLADE_JSON_OBJECT))
        return;
    clade_json_only(at, self->problems, known, 2);
    clade_json_at blocks = clade_json_member(at, "blocks"), slices = clade_json_member(at, "slices");
    stack->blocks = clade_recipe_copied(self, &blocks);
    if (!clade_json_is(&slices, self->problems, CLADE_JSON_ARRAY))
        return;
    if (clade_json_size(&slices) > CLADE_MAX_BLOCKS) {
        clade_json_problem(&slices, self->problems, "found %zu slices, expected at most %d", clade_json_size(&slices),
                           CLADE_MAX_BLOCKS);
        return;
    }
    if (!clade_recipe_stack_init(self->recipe, stack, clade_json_size(&slices))) {
        clade_recipe_no_memory(self, "the slices of a stack");
        return;
    }
    for (size_t i = 0; i < stack->n_slices && self->problems->count <= CLADE_MOST_PROBLEMS; i++) {
        clade_json_at slice = clade_json_item(&slices, i);
        if (!clade_json_is(&slice, self->problems, CLADE_JSON_OBJECT))
            continue;
        for (size_t m = 0; m < clade_json_size(&slice) && m < CLADE_MAX_PARENTS + 2; m++) {
            clade_json_at range = clade_json_item(&slice, m);
            read_range(self, &range, &stack->slices[i]);
        }
    }
}

static void read_stacks(reader *self, const clade_json_at *root)
{
    enum { MOST_STACKS = 64 }; /* towers of a model */
    clade_json_at at = clade_json_member(root, "stacks");
    if (is_absent(&at) || !clade_json_is(&at, self->problems, CLADE_JSON_ARRAY))
        return;
    size_t count = clade_json_size(&at);
    if (count > MOST_STACKS) {
        clade_json_problem(&at, self->problems, "found %zu stacks, expected at most %d", count, MOST_STACKS);
        return;
    }
    self->recipe->stacks = clade_calloc(count, sizeof *self->recipe->stacks);
    if (!self->recipe->stacks) {
        clade_recipe_no_memory(self, "the stacks of a recipe");
        return;
    }
    self->recipe->n_stacks = count;
    for (size_t s = 0; s < count && self->status == CLADE_OK; s++) {
        clade_json_at stack = clade_json_item(&at, s);
        read_stack(self, &stack, &self->recipe->stacks[s]);
    }
}

/* ---- the vocabulary ---- */

/* { "model": PARENT, "token": TEXT } or { "model": PARENT, "token_id": NUMBER } */
static void read_like(reader *self, const clade_json_at *at, clade_recipe_token *token)
{
    static const char *const known[] = {"model", "token", "token_id"};
    clade_json_at model = clade_json_member(at, "model"), text = clade_json_member(at, "token"),
                  id = clade_json_member(at, "token_id");
    int64_t number = 0;
    clade_json_only(at, self->problems, known, 3);
    read_model(self, &model, no_words, &token->source);
    if (is_absent(&text) == is_absent(&id))
        clade_json_problem(at, self->problems, "expected a token or a token_id, one of both");
    token->kind = is_absent(&text) ? CLADE_TOKEN_LIKE_ID : CLADE_TOKEN_LIKE;
    if (!is_absent(&text))
        token->like = clade_recipe_copied(self, &text);
    if (!is_absent(&id) && clade_json_integer(&id, self->problems, 0, UINT32_MAX, &number))
        token->like_id = (uint32_t)number;
}

static void read_token(reader *self, const clade_json_at *at, clade_recipe_token *token)
{
    static const char *const known[] = {"source", "force"}, *const words[] = {"zero", NULL};
    token->token = clade_strdup(clade_json_key(at));
    if (!token->token)
        clade_recipe_no_memory(self, "the tokens of a recipe");
    if (!clade_json_is(at, self->problems, CLADE_JSON_OBJECT))
        return;
    clade_json_at source = clade_json_member(at, "source"), force = clade_json_member(at, "force");
    const char *name = NULL;
    clade_json_only(at, self->problems, known, 2);
    if (!is_absent(&force))
        clade_json_bool(&force, self->problems, &token->force);
    if (clade_json_kind_of(&source) == CLADE_JSON_OBJECT)
        read_like(self, &source, token);
    else if (clade_json_string(&source, self->problems, &name) && strcmp(name, "zero") == 0)
        token->kind = CLADE_TOKEN_ZERO;
    else if (name)
        find_model(self, &source, name, words, &token->source);
}

static void read_tokens(reader *self, const clade_json_at *at)
{
    clade_recipe_vocabulary *vocabulary = &self->recipe->vocabulary;
    if (is_absent(at) || !clade_json_is(at, self->problems, CLADE_JSON_OBJECT))
        return;
    size_t count = clade_json_size(at);
    vocabulary->tokens = clade_calloc(count, sizeof *vocabulary->tokens);
    if (!vocabulary->tokens) {
        clade_recipe_no_memory(self, "the tokens of a recipe");
        return;
    }
    vocabulary->n_tokens = count;
    for (size_t t = 0; t < count && self->status == CLADE_OK && self->problems->count <= CLADE_MOST_PROBLEMS; t++) {
        clade_json_at token = clade_json_item(at, t);
        read_token(self, &token, &vocabulary->tokens[t]);
    }
}

static void read_remapping(reader *self, const clade_json_at *at)
{
    static const char *const known[] = {"source", "pad_to_multiple_of", "tokens"}, *const words[] = {"union", NULL};
    clade_recipe_vocabulary *vocabulary = &self->recipe->vocabulary;
    clade_json_at source = clade_json_member(at, "source"), pad = clade_json_member(at, "pad_to_multiple_of"),
                  tokens = clade_json_member(at, "tokens");
    const char *name = NULL;
    int64_t multiple = 0;
    clade_json_only(at, self->problems, known, 3);
    vocabulary->kind = CLADE_VOCABULARY_UNION;
    if (clade_json_string(&source, self->problems, &name) && strcmp(name, "union") != 0) {
        vocabulary->kind = CLADE_VOCABULARY_OF;
        find_model(self, &source, name, words, &vocabulary->source);
    }
    if (!is_absent(&pad) && clade_json_integer(&pad, self->problems, 1, 1 << 20, &multiple))
        vocabulary->pad_to_multiple_of = (uint32_t)multiple;
    read_tokens(self, &tokens);
}

static void read_vocabulary(reader *self, const clade_json_at *root)
{
    clade_json_at at = clade_json_member(root, "vocabulary");
    const char *word = NULL;
    if (clade_json_kind_of(&at) == CLADE_JSON_OBJECT) {
        read_remapping(self, &at);
        return;
    }
    if (is_absent(&at) || !clade_json_string(&at, self->problems, &word))
        return;
    if (strcmp(word, "common") == 0)
        self->recipe->vocabulary.kind = CLADE_VOCABULARY_COMMON;
    else if (strcmp(word, "same") != 0)
        clade_json_problem(&at, self->problems, "found \"%.60s\", expected \"same\", \"common\" or {\"source\": ...}",
                           word);
}

/* ---- all ---- */

static void read_missing(reader *self, const clade_json_at *root)
{
    clade_json_at at = clade_json_member(root, "missing");
    const char *word = NULL;
    if (is_absent(&at) || !clade_json_string(&at, self->problems, &word))
        return;
    self->recipe->leave_out = strcmp(word, "leave_out") == 0;
    if (!self->recipe->leave_out && strcmp(word, "refuse") != 0)
        clade_json_problem(&at, self->problems, "found \"%.60s\", expected \"refuse\" or \"leave_out\"", word);
}

void clade_recipe_read_extras(reader *self, const clade_json_at *root)
{
    clade_json_at chat = clade_json_member(root, "chat_template"), files = clade_json_member(root, "files_from");
    read_stacks(self, root);
    read_missing(self, root);
    read_vocabulary(self, root);
    if (!is_absent(&chat))
        self->recipe->chat_template = clade_recipe_copied(self, &chat);
    if (!is_absent(&files) && !read_model(self, &files, no_words, &self->recipe->files_from))
        self->recipe->files_from = SIZE_MAX;
}
