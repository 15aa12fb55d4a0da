/* The tokens of a child, and which of them its tokenizer.json has yet to get. */
#include <string.h>

#include "clade/alloc.h"
#include "merge/vocabulary.h"

/* Tokens of a model that the child has not and that have a row. */
static clade_status add_others(clade_child_tokens *child, const clade_vocabulary_model *model, uint32_t *next)
{
    const clade_tokenizer *tokenizer = model->tokenizer;
    for (size_t id = 0; id < tokenizer->n_ids && id < model->rows; id++) {
        const clade_token *token = tokenizer->by_id[id];
        if (token && !clade_token_find(&child->table, token->text))
            CLADE_TRY(clade_token_put(&child->table, token->text, (*next)++, token->flags));
    }
    return CLADE_OK;
}

/* What the first model that has the token says of it. */
static uint32_t flags_of(const clade_vocabulary *v, const char *text)
{
    for (size_t i = 0; i < v->n_models; i++) {
        const clade_vocabulary_model *model = &v->models[(i + v->n_models - 1) % v->n_models]; /* the base first */
        const clade_token *token = model->tokenizer ? clade_token_find(&model->tokenizer->table, text) : NULL;
        if (token)
            return token->flags;
    }
    return 0;
}

static clade_status put_tokens(clade_vocabulary *v, clade_child_tokens *child)
{
    const clade_recipe_vocabulary *wanted = &v->recipe->vocabulary;
    const clade_tokenizer *start = v->models[v->files_from].tokenizer;
    uint32_t next = (uint32_t)start->n_ids;
    for (size_t i = 0; i < start->table.count; i++)
        CLADE_TRY(clade_token_put(&child->table, start->table.tokens[i].text, start->table.tokens[i].id,
                                  start->table.tokens[i].flags));
    for (size_t i = 0; i < v->n_models && wanted->kind == CLADE_VOCABULARY_UNION; i++) {
        const clade_vocabulary_model *model = &v->models[(i + v->n_models - 1) % v->n_models];
        if (model->checkpoint)
            CLADE_TRY(add_others(child, model, &next));
    }
    for (size_t i = 0; i < wanted->n_tokens; i++)
        if (!clade_token_find(&child->table, wanted->tokens[i].token))
            CLADE_TRY(
                clade_token_put(&child->table, wanted->tokens[i].token, next++, flags_of(v, wanted->tokens[i].token)));
    size_t step = wanted->pad_to_multiple_of > 0 ? wanted->pad_to_multiple_of : 1;
    v->n_tokens = child->table.count;
    v->n_rows = ((size_t)next + step - 1) / step * step;
    if (v->n_rows == 0 || v->n_rows > CLADE_TOKEN_MAX_ID + 1)
        return clade_fail(CLADE_ECONFIG, "vocabulary: it would have %zu rows, expected 1 to %d", v->n_rows,
                          CLADE_TOKEN_MAX_ID + 1);
    return CLADE_OK;
}

static clade_status order_tokens(const clade_vocabulary *v, clade_child_tokens *child)
{
    const clade_recipe_vocabulary *wanted = &v->recipe->vocabulary;
    child->row = clade_calloc(v->n_rows, sizeof *child->row);
    child->given = clade_calloc(v->n_rows, sizeof *child->given);
    if (!child->row || !child->given)
        return clade_fail_memory(v->n_rows * sizeof *child->row, "a vocabulary");
    for (size_t i = 0; i < child->table.count; i++)
        child->row[child->table.tokens[i].id] = &child->table.tokens[i];
    for (size_t i = 0; i < wanted->n_tokens; i++)
        child->given[clade_token_find(&child->table, wanted->tokens[i].token)->id] = &wanted->tokens[i];
    return CLADE_OK;
}

clade_status clade_vocabulary_collect(clade_vocabulary *v, clade_child_tokens *child)
{
    CLADE_TRY(put_tokens(v, child));
    return order_tokens(v, child);
}

/* ---- what tokenizer.json lacks ---- */

/* transformers gives added tokens their numbers itself: one after the other, from the larger of the number of tokens in
 * model.vocab and the largest added one + 1. */
static uint32_t first_free_id(const clade_tokenizer *tokenizer)
{
    size_t next = tokenizer->vocabulary_count;
    for (size_t i = 0; i < tokenizer->table.count; i++) {
        const clade_token *token = &tokenizer->table.tokens[i];
        if (token->flags & CLADE_TOKEN_ADDED && token->flags & CLADE_TOKEN_IN_JSON && token->id >= next)
            next = (size_t)token->id + 1;
    }
    return (uint32_t)next;
}

static clade_status keep_added(clade_vocabulary *v, const clade_token *token, bool is_new)
{
    enum { PROPERTIES = CLADE_TOKEN_ADDED - 1 };
    uint32_t flags = is_new ? token->flags & (PROPERTIES | CLADE_TOKEN_ADDED) : token->flags;
    if (!(flags & CLADE_TOKEN_ADDED)) /* a piece of a vocabulary: what tokenizers' add_tokens() takes for granted */
        flags = CLADE_TOKEN_NORMALIZED;
    char *text = clade_strdup(token->text);
    if (!text)
        return clade_fail_memory(strlen(token->text), "a token");
    v->added[v->n_added++] = (clade_added_token){.text = text, .id = token->id, .flags = flags};
    return CLADE_OK;
}

clade_status clade_vocabulary_list_added(clade_vocabulary *v, const clade_child_tokens *child)
{
    const clade_tokenizer *start = v->models[v->files_from].tokenizer;
    const char *folder = clade_checkpoint_path(v->models[v->files_from].checkpoint);
    size_t n_new = child->table.count - start->table.count;
    if (n_new == 0)
        return CLADE_OK;
    if (!start->has_json)
        return clade_fail(
            CLADE_ECONFIG,
            "%s: found no tokenizer.json, expected one that %zu tokens can be added to: load the tokenizer "
            "once with transformers' AutoTokenizer and save_pretrained() it into this folder",
            folder, n_new);
    v->added = clade_calloc(child->table.count, sizeof *v->added);
    if (!v->added)
        return clade_fail_memory(child->table.count * sizeof *v->added, "a vocabulary");
    for (size_t r = 0; r < v->n_rows; r++) {
        const clade_token *token = child->row[r];
        bool is_new = r >= start->n_ids;
        if (token && (is_new || !(token->flags & CLADE_TOKEN_IN_JSON)))
            CLADE_TRY(keep_added(v, token, is_new));
    }
    uint32_t expected = first_free_id(start);
    for (size_t i = 0; i < v->n_added; i++, expected++)
        if (v->added[i].id != expected)
            return clade_fail(CLADE_ECONFIG,
                              "%s: tokenizer.json: its tokens' numbers have gaps (an added token would get %u where %u "
                              "is free), so no tokens can be added to it",
                              folder, (unsigned)expected, (unsigned)v->added[i].id);
    return CLADE_OK;
}
