/* The vocabulary of a child: the models it is made of, and how it is put together. Its tokens are the business of
 * vocabulary_tokens.c, their rows that of vocabulary_rows.c, its files that of vocabulary_files.c. */
#include "merge/vocabulary.h"

#include <string.h>

#include "clade/alloc.h"
#include "merge/chat_template.h"

/* ---- tensors with a row per token ---- */

bool clade_vocabulary_names(const char *tensor)
{
    /* the table of vocabulary.h; a dot first: the end of a name */
    static const char *const names[] = {
        ".embed_tokens.weight",
        ".wte.weight",
        ".word_embeddings.weight",
        ".embed_in.weight",
        ".embed_out.weight",
        ".tok_embeddings.weight",
        ".token_embedding.weight",
        ".word_embedding.weight",
        ".shared.weight",
        ".lm_head.weight",
        ".lm_head.bias",
        ".lm_head.decoder.weight",
        ".lm_head.decoder.bias",
        ".predictions.decoder.weight",
        ".predictions.decoder.bias",
        ".predictions.bias",
        ".vocab_projector.weight",
        ".vocab_projector.bias",
        ".generator_lm_head.weight",
        ".generator_lm_head.bias",
        ".output_layer.weight",
        "output.weight",
        "backbone.embeddings.weight",
    };
    size_t length = strlen(tensor);
    for (size_t i = 0; i < sizeof names / sizeof *names; i++) {
        bool is_end = names[i][0] == '.';
        size_t end = strlen(names[i]);
        if (strcmp(tensor, names[i] + is_end) == 0 ||
            (is_end && length > end && strcmp(tensor + length - end, names[i]) == 0))
            return true;
    }
    return false;
}

bool clade_vocabulary_remaps(const clade_vocabulary *vocabulary, const char *tensor)
{
    return vocabulary->n_rows > 0 && clade_vocabulary_names(tensor);
}

static void find_rows(clade_vocabulary_model *model, clade_problems *problems)
{
    const char *first = NULL;
    for (size_t i = 0; i < clade_checkpoint_count(model->checkpoint); i++) {
        const clade_tensor *tensor = clade_checkpoint_at(model->checkpoint, i);
        if (!clade_vocabulary_names(tensor->name))
            continue;
        uint64_t rows = tensor->rank > 0 ? tensor->shape[0] : 0;
        if (rows == 0 || rows > CLADE_TOKEN_MAX_ID + 1) {
            clade_problem(problems, "%s: %s: found %llu rows, expected 1 to %d, one for each token", model->name,
                          tensor->name, (unsigned long long)rows, CLADE_TOKEN_MAX_ID + 1);
            return;
        }
        if (first && rows != model->rows)
            clade_problem(problems, "%s: found %zu rows in %s and %llu in %s, expected a row for each token in both",
                          model->name, model->rows, first, (unsigned long long)rows, tensor->name);
        if (!first)
            model->rows = (size_t)rows;
        first = first ? first : tensor->name;
    }
    if (!first)
        clade_problem(problems,
                      "%s: found no embedding of tokens, expected one for the vocabulary that the recipe asks for",
                      model->name);
}

/* ---- models ---- */

static clade_status add_models(clade_vocabulary *v, const clade_checkpoint *const *checkpoints)
{
    clade_problems problems = {0};
    v->n_models = v->recipe->n_parents + 1;
    v->models = clade_calloc(v->n_models, sizeof *v->models);
    if (!v->models)
        return clade_fail_memory(v->n_models * sizeof *v->models, "a vocabulary");
    for (size_t m = 0; m < v->n_models; m++) {
        v->models[m].checkpoint = checkpoints[m];
        v->models[m].name = m + 1 < v->n_models ? v->recipe->parents[m].name : "base";
        if (checkpoints[m] && v->recipe->vocabulary.kind != CLADE_VOCABULARY_SAME)
            find_rows(&v->models[m], &problems);
    }
    return clade_problems_end(&problems, CLADE_EINCOMPATIBLE);
}

static clade_status read_tokenizers(clade_vocabulary *v)
{
    for (size_t m = 0; m < v->n_models; m++) {
        clade_vocabulary_model *model = &v->models[m];
        if (!model->checkpoint)
            continue;
        const char *folder = clade_checkpoint_path(model->checkpoint);
        for (size_t k = 0; k < m && !model->tokenizer; k++)
            if (v->models[k].checkpoint && strcmp(clade_checkpoint_path(v->models[k].checkpoint), folder) == 0)
                model->tokenizer = v->models[k].tokenizer;
        model->shares_tokenizer = model->tokenizer != NULL;
        if (!model->tokenizer)
            CLADE_TRY(clade_tokenizer_read(folder, &model->tokenizer));
        model->n_tokens = model->tokenizer->table.count;
    }
    return CLADE_OK;
}

static void drop_tokenizers(clade_vocabulary *v)
{
    for (size_t m = 0; v->models && m < v->n_models; m++) {
        if (!v->models[m].shares_tokenizer)
            clade_tokenizer_free(v->models[m].tokenizer);
        v->models[m].tokenizer = NULL;
        clade_free(v->models[m].own);
        v->models[m].own = NULL;
    }
}

/* The base, else the first parent. */
static size_t first_model(const clade_vocabulary *v)
{
    return v->models[v->n_models - 1].checkpoint ? v->n_models - 1 : 0;
}

static size_t choose_files(const clade_vocabulary *v)
{
    const clade_recipe *recipe = v->recipe;
    if (recipe->vocabulary.kind == CLADE_VOCABULARY_OF)
        return recipe->vocabulary.source;
    if (recipe->vocabulary.kind != CLADE_VOCABULARY_UNION && recipe->files_from < v->n_models)
        return recipe->files_from;
    if (recipe->vocabulary.kind == CLADE_VOCABULARY_COMMON && v->models[first_model(v)].rows > v->n_rows)
        for (size_t p = 0; p + 1 < v->n_models; p++)
            if (v->models[p].rows == v->n_rows)
                return p;
    return first_model(v);
}

/* ---- making one ---- */

static clade_status make_common(clade_vocabulary *v)
{
    v->n_rows = SIZE_MAX;
    for (size_t m = 0; m < v->n_models; m++)
        if (v->models[m].checkpoint && v->models[m].rows < v->n_rows)
            v->n_rows = v->models[m].rows;
    return clade_vocabulary_cut_rows(v);
}

static clade_status make_tokens(clade_vocabulary *v, clade_child_tokens *child)
{
    CLADE_TRY(read_tokenizers(v));
    CLADE_TRY(clade_vocabulary_collect(v, child));
    CLADE_TRY(clade_vocabulary_map_rows(v, child));
    return clade_vocabulary_list_added(v, child);
}

/* Numbers of tokens in config.json, of the model whose tokenizer the child gets. */
static clade_status copy_members(clade_vocabulary *v)
{
    static const char *const keys[CLADE_MAX_TOKEN_MEMBERS] = {
        "bos_token_id", "eos_token_id",           "pad_token_id",  "unk_token_id",
        "sep_token_id", "decoder_start_token_id", "mask_token_id", "cls_token_id",
    };
    const clade_checkpoint *from = v->models[v->files_from].checkpoint;
    clade_json_at root = clade_json_root(clade_checkpoint_config(from));
    for (size_t i = 0; i < CLADE_MAX_TOKEN_MEMBERS; i++) {
        clade_json_at value = clade_json_member(&root, keys[i]);
        clade_text text = {0};
        if (clade_json_kind_of(&value) == CLADE_JSON_ABSENT)
            continue;
        clade_json_print(&value, &text);
        v->values[v->n_members] = text.data;
        v->members[v->n_members++] = (clade_config_member){.key = keys[i], .value = text.data, .add = true};
        CLADE_TRY(clade_text_status(&text));
    }
    return CLADE_OK;
}

static clade_status make(clade_vocabulary *v, const clade_checkpoint *const *checkpoints)
{
    clade_child_tokens child = {0};
    clade_vocabulary_kind kind = v->recipe->vocabulary.kind;
    CLADE_TRY(add_models(v, checkpoints));
    if (kind == CLADE_VOCABULARY_COMMON)
        CLADE_TRY(make_common(v));
    v->files_from = choose_files(v);
    if (!v->models[v->files_from].checkpoint)
        return clade_fail(CLADE_ECONFIG, "vocabulary: it is to be that of the base, and there is none");
    clade_status status = CLADE_OK;
    if (kind == CLADE_VOCABULARY_UNION || kind == CLADE_VOCABULARY_OF)
        status = make_tokens(v, &child);
    clade_token_table_free(&child.table);
    clade_free(child.row);
    clade_free(child.given);
    drop_tokenizers(v);
    CLADE_TRY(status);
    if (kind != CLADE_VOCABULARY_SAME)
        CLADE_TRY(copy_members(v));
    return v->recipe->chat_template ? clade_chat_template_choose(v, &v->chat_template) : CLADE_OK;
}

clade_status clade_vocabulary_new(const clade_recipe *recipe, const clade_checkpoint *const *models,
                                  clade_vocabulary **vocabulary)
{
    *vocabulary = NULL;
    clade_vocabulary *made = clade_calloc(1, sizeof *made);
    if (!made)
        return clade_fail_memory(sizeof *made, "a vocabulary");
    made->recipe = recipe;
    clade_status status = make(made, models);
    if (status != CLADE_OK) {
        clade_vocabulary_free(made);
        return status;
    }
    *vocabulary = made;
    return CLADE_OK;
}

void clade_vocabulary_free(clade_vocabulary *vocabulary)
{
    if (!vocabulary)
        return;
    drop_tokenizers(vocabulary);
    for (size_t m = 0; vocabulary->models && m < vocabulary->n_models; m++) {
        clade_free(vocabulary->models[m].map.start);
        clade_free(vocabulary->models[m].map.items);
    }
    for (size_t i = 0; i < vocabulary->n_added; i++)
        clade_free(vocabulary->added[i].text);
    for (size_t i = 0; i < vocabulary->n_members; i++)
        clade_free(vocabulary->values[i]);
    clade_free(vocabulary->added);
    clade_free(vocabulary->models);
    clade_free(vocabulary->chat_template);
    clade_free(vocabulary);
}

size_t clade_vocabulary_rows(const clade_vocabulary *vocabulary)
{
    return vocabulary->n_rows;
}

const clade_row_map *clade_vocabulary_map(const clade_vocabulary *vocabulary, size_t source)
{
    const clade_vocabulary_model *model = &vocabulary->models[source];
    return model->has_map ? &model->map : NULL;
}

size_t clade_vocabulary_files_from(const clade_vocabulary *vocabulary)
{
    return vocabulary->files_from;
}

const clade_config_member *clade_vocabulary_members(const clade_vocabulary *vocabulary, size_t *count)
{
    *count = vocabulary->n_members;
    return vocabulary->members;
}

void clade_vocabulary_describe(const clade_vocabulary *v, clade_text *text)
{
    static const char *const kinds[] = {"same", "common", "union", "of"};
    const clade_recipe *recipe = v->recipe;
    if (v->n_rows == 0 && !v->chat_template)
        return;
    if (v->n_rows > 0) {
        const char *of = recipe->vocabulary.kind == CLADE_VOCABULARY_OF ? v->models[v->files_from].name : "";
        clade_text_append(text, "vocabulary: %s%s%s, %zu rows", kinds[recipe->vocabulary.kind], *of ? " " : "", of,
                          v->n_rows);
        if (v->n_tokens > 0)
            clade_text_append(text, ", %zu tokens, %zu of them added to the tokenizer of %s", v->n_tokens, v->n_added,
                              v->models[v->files_from].name);
        clade_text_append(text, "\n");
    }
    for (size_t m = 0; m < v->n_models && v->n_rows > 0; m++) {
        const clade_vocabulary_model *model = &v->models[m];
        if (!model->checkpoint)
            continue;
        clade_text_append(text, "  %s: %zu rows", model->name, model->rows);
        if (model->n_tokens > 0)
            clade_text_append(text, ", %zu tokens", model->n_tokens);
        clade_text_append(text, "%s\n", model->has_map ? ", remapped" : "");
    }
    if (v->chat_template)
        clade_text_append(text, "chat template: %zu bytes\n", strlen(v->chat_template));
}
