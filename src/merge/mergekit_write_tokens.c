/* A recipe's vocabulary as mergekit's tokenizer. */
#include "merge/mergekit_write.h"

static clade_status write_token(clade_yaml_writer *self, const clade_recipe_token *token)
{
    clade_text_append(self->text, "    ");
    CLADE_TRY(clade_yaml_write_string(self->text, token->token));
    clade_text_append(self->text, ": {source: ");
    if (token->kind == CLADE_TOKEN_ZERO)
        clade_text_append(self->text, "{kind: zero}");
    else if (token->kind == CLADE_TOKEN_OF)
        CLADE_TRY(clade_yaml_write_model(self, token->source));
    if (token->kind == CLADE_TOKEN_LIKE || token->kind == CLADE_TOKEN_LIKE_ID) {
        clade_text_append(self->text, "{kind: model_token, model: ");
        CLADE_TRY(clade_yaml_write_model(self, token->source));
        clade_text_append(self->text, token->kind == CLADE_TOKEN_LIKE ? ", token: " : ", token_id: ");
        if (token->kind == CLADE_TOKEN_LIKE)
            CLADE_TRY(clade_yaml_write_string(self->text, token->like));
        else
            clade_text_append(self->text, "%u", (unsigned)token->like_id);
        clade_text_append(self->text, "}");
    }
    clade_text_append(self->text, "%s}\n", token->force ? ", force: true" : "");
    return CLADE_OK;
}

clade_status clade_yaml_write_vocabulary(clade_yaml_writer *self)
{
    const clade_recipe_vocabulary *vocabulary = &self->recipe->vocabulary;
    bool plain = vocabulary->n_tokens == 0 && vocabulary->pad_to_multiple_of == 0;
    if (vocabulary->kind == CLADE_VOCABULARY_SAME)
        return CLADE_OK;
    clade_text_append(self->text, plain ? "tokenizer_source: " : "tokenizer:\n  source: ");
    if (vocabulary->kind == CLADE_VOCABULARY_UNION)
        clade_text_append(self->text, "union");
    else
        CLADE_TRY(clade_yaml_write_model(self, vocabulary->source));
    clade_text_append(self->text, "\n");
    if (vocabulary->pad_to_multiple_of > 0)
        clade_text_append(self->text, "  pad_to_multiple_of: %u\n", (unsigned)vocabulary->pad_to_multiple_of);
    if (vocabulary->n_tokens > 0)
        clade_text_append(self->text, "  tokens:\n");
    for (size_t t = 0; t < vocabulary->n_tokens; t++)
        CLADE_TRY(write_token(self, &vocabulary->tokens[t]));
    return CLADE_OK;
}
