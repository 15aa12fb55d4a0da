/* Tokenizers and templates of a document: tokenizer_source, tokenizer, chat_template. */
#include <string.h>

#include "clade/alloc.h"
#include "merge/mergekit.h"

/* The model named in NODE, which must be one of the merge's. False, and a problem, when it is not. */
static clade_status read_model(clade_mergekit *file, const clade_yaml_node *node, size_t *index, bool *found)
{
    int model;
    *found = false;
    CLADE_TRY(clade_mergekit_model_of(file, node, &model));
    if (model == CLADE_MERGEKIT_NONE)
        return CLADE_OK;
    *found = clade_mergekit_index(file, model, index);
    if (!*found)
        clade_mergekit_problem(file, node, "%.200s is not one of the models that are merged",
                               file->models[model].written);
    return CLADE_OK;
}

/* "union", "base" or a model. */
static clade_status read_source(clade_mergekit *file, const clade_yaml_node *node, const clade_yaml_node *parent,
                                clade_recipe_vocabulary *vocabulary)
{
    bool found;
    if (clade_yaml_is_null(node)) {
        clade_mergekit_problem(file, parent,
                               "found no source of the tokenizer, expected \"union\", \"base\" or a model");
        return CLADE_OK;
    }
    vocabulary->kind = CLADE_VOCABULARY_UNION;
    if (node->kind == CLADE_YAML_SCALAR && strcmp(node->text, "union") == 0)
        return CLADE_OK;
    vocabulary->kind = CLADE_VOCABULARY_OF;
    if (node->kind != CLADE_YAML_SCALAR || strcmp(node->text, "base") != 0)
        return read_model(file, node, &vocabulary->source, &found);
    if (!clade_mergekit_index(file, file->base, &vocabulary->source))
        clade_mergekit_problem(file, node, "found no base_model that the tokenizer could be of");
    return CLADE_OK;
}

static bool is_text(const clade_yaml_node *node, const char *text)
{
    return node && node->kind == CLADE_YAML_SCALAR && strcmp(node->text, text) == 0;
}

/* {kind: model_token, model: MODEL, token: TEXT | token_id: NUMBER} */
static clade_status read_like(clade_mergekit *file, const clade_yaml_node *node, clade_recipe_token *token)
{
    static const char *const known[] = {"kind", "model", "token", "token_id"};
    const clade_yaml_node *model = clade_yaml_get(node, "model"), *text = clade_yaml_get(node, "token"),
                          *id = clade_yaml_get(node, "token_id");
    bool found, by_id = clade_yaml_is_null(text);
    double number = 0;
    clade_mergekit_only(file, node, "a token", known, 4);
    if (!model || by_id == clade_yaml_is_null(id) || (!by_id && text->kind != CLADE_YAML_SCALAR)) {
        clade_mergekit_problem(file, node,
                               "expected {kind: model_token, model: MODEL, token: TEXT}, or token_id: "
                               "NUMBER instead of the token");
        return CLADE_OK;
    }
    token->kind = by_id ? CLADE_TOKEN_LIKE_ID : CLADE_TOKEN_LIKE;
    if (by_id && (!clade_yaml_number(id, &number) || !(number >= 0 && number <= UINT32_MAX) ||
                  number != (double)(uint32_t)number))
        clade_mergekit_problem(file, id, "token_id: expected a whole number");
    else if (by_id)
        token->like_id = (uint32_t)number;
    token->like = by_id ? NULL : clade_strdup(text->text);
    if (!by_id && !token->like)
        return clade_fail_memory(strlen(text->text), "the tokens of a recipe");
    return read_model(file, model, &token->source, &found);
}

static clade_status read_token(clade_mergekit *file, const clade_yaml_entry *entry, clade_recipe_token *token)
{
    static const char *const known[] = {"source", "force"}, *const kind_only[] = {"kind"};
    const clade_yaml_node *source = clade_yaml_get(entry->value, "source"),
                          *force = clade_yaml_get(entry->value, "force"), *kind = clade_yaml_get(source, "kind");
    bool found;
    double truth = 0;
    token->token = clade_strdup(entry->key->text);
    if (!token->token)
        return clade_fail_memory(strlen(entry->key->text), "the tokens of a recipe");
    if (!clade_mergekit_only(file, entry->value, "a token", known, 2))
        return CLADE_OK;
    if (!clade_yaml_is_null(force) && !clade_yaml_number(force, &truth))
        clade_mergekit_problem(file, force, "force: expected true or false");
    token->force = truth != 0;
    if (clade_yaml_is_null(source)) {
        clade_mergekit_problem(file, entry->value, "token \"%.60s\": found no source", entry->key->text);
        return CLADE_OK;
    }
    if (is_text(kind, "model_token"))
        return read_like(file, source, token);
    if (!kind)
        return read_model(file, source, &token->source, &found);
    token->kind = CLADE_TOKEN_ZERO;
    if (!is_text(kind, "zero"))
        clade_mergekit_problem(file, kind, "kind: expected zero or model_token");
    clade_mergekit_only(file, source, "a token", kind_only, 1);
    return CLADE_OK;
}

static clade_status read_tokens(clade_mergekit *file, const clade_yaml_node *node, clade_recipe_vocabulary *vocabulary)
{
    if (clade_yaml_is_null(node))
        return CLADE_OK;
    if (node->kind != CLADE_YAML_MAPPING) {
        clade_mergekit_problem(file, node, "tokens: expected \"TOKEN: {source: ...}\"");
        return CLADE_OK;
    }
    vocabulary->tokens = clade_calloc(node->count, sizeof *vocabulary->tokens);
    if (!vocabulary->tokens)
        return clade_fail_memory(node->count * sizeof *vocabulary->tokens, "the tokens of a recipe");
    vocabulary->n_tokens = node->count;
    for (size_t i = 0; i < node->count && file->problems->count <= CLADE_MOST_PROBLEMS; i++)
        CLADE_TRY(read_token(file, &node->entries[i], &vocabulary->tokens[i]));
    return CLADE_OK;
}

static clade_status read_tokenizer(clade_mergekit *file, const clade_yaml_node *node,
                                   clade_recipe_vocabulary *vocabulary)
{
    static const char *const known[] = {"source", "tokens", "pad_to_multiple_of"};
    const clade_yaml_node *pad = clade_yaml_get(node, "pad_to_multiple_of");
    double multiple = 0;
    if (!clade_mergekit_only(file, node, "a tokenizer", known, 3))
        return CLADE_OK;
    CLADE_TRY(read_source(file, clade_yaml_get(node, "source"), node, vocabulary));
    if (!clade_yaml_is_null(pad) && (!clade_yaml_number(pad, &multiple) || !(multiple >= 1 && multiple <= 1 << 20) ||
                                     multiple != (double)(uint32_t)multiple))
        clade_mergekit_problem(file, pad, "pad_to_multiple_of: expected a whole number from 1 to %d", 1 << 20);
    else
        vocabulary->pad_to_multiple_of = (uint32_t)multiple;
    return read_tokens(file, clade_yaml_get(node, "tokens"), vocabulary);
}

clade_status clade_mergekit_tokens(clade_mergekit *file, const clade_yaml_node *root, clade_recipe *recipe)
{
    const clade_yaml_node *source = clade_yaml_get(root, "tokenizer_source"),
                          *tokenizer = clade_yaml_get(root, "tokenizer"), *chat = clade_yaml_get(root, "chat_template");
    if (!clade_yaml_is_null(source) && !clade_yaml_is_null(tokenizer))
        clade_mergekit_problem(file, tokenizer, "found both \"tokenizer_source\" and \"tokenizer\", expected one");
    else if (!clade_yaml_is_null(tokenizer))
        CLADE_TRY(read_tokenizer(file, tokenizer, &recipe->vocabulary));
    else if (!clade_yaml_is_null(source))
        CLADE_TRY(read_source(file, source, source, &recipe->vocabulary));
    if (clade_yaml_is_null(chat))
        return CLADE_OK;
    if (chat->kind != CLADE_YAML_SCALAR) {
        clade_mergekit_problem(file, chat, "chat_template: expected a name or a Jinja template as text");
        return CLADE_OK;
    }
    recipe->chat_template = clade_strdup(chat->text);
    return recipe->chat_template ? CLADE_OK : clade_fail_memory(strlen(chat->text), "the chat template of a recipe");
}
