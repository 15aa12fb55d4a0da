/* From tokens to rows: for every row of the child, and every model, whose rows stand for it (vocabulary.h has the
 * rules). */
#include <string.h>

#include "clade/alloc.h"
#include "io/bytes.h"
#include "merge/vocabulary.h"

/* The row of a model's token, or CLADE_NO_ROW: without the token, or when its number is beyond the embedding. */
static uint32_t row_of_token(const clade_vocabulary_model *model, const char *text)
{
    const clade_token *token = clade_token_find(&model->tokenizer->table, text);
    return token && token->id < model->rows ? token->id : CLADE_NO_ROW;
}

static clade_status find_own_rows(clade_vocabulary *v, clade_vocabulary_model *model, const clade_child_tokens *child)
{
    const clade_tokenizer *tokenizer = model->tokenizer;
    model->own = clade_malloc(v->n_rows * sizeof *model->own);
    if (!model->own)
        return clade_fail_memory(v->n_rows * sizeof *model->own, "the rows of a vocabulary");
    for (size_t r = 0; r < v->n_rows; r++) {
        bool is_free = r < model->rows && (r >= tokenizer->n_ids || !tokenizer->by_id[r]);
        if (child->row[r])
            model->own[r] = row_of_token(model, child->row[r]->text);
        else
            model->own[r] = is_free ? (uint32_t)r : CLADE_NO_ROW;
    }
    return CLADE_OK;
}

/* The row that the recipe names for a token; false when there is none. Not for CLADE_TOKEN_ZERO. */
static bool find_given(const clade_vocabulary *v, const clade_recipe_token *given, clade_row_item *item)
{
    const clade_vocabulary_model *model = &v->models[given->source];
    if (!model->checkpoint)
        return false;
    item->source = (uint32_t)given->source;
    if (given->kind == CLADE_TOKEN_LIKE_ID)
        item->row = given->like_id;
    else
        item->row = row_of_token(model, given->kind == CLADE_TOKEN_LIKE ? given->like : given->token);
    return item->row < model->rows;
}

/* Why find_given() found nothing. */
static void complain(const clade_vocabulary *v, const clade_recipe_token *given, clade_problems *problems)
{
    const clade_vocabulary_model *model = &v->models[given->source];
    const char *wanted = given->kind == CLADE_TOKEN_LIKE ? given->like : given->token;
    char token[CLADE_IO_QUOTE], other[CLADE_IO_QUOTE];
    clade_io_quote(given->token, strlen(given->token), token);
    if (!model->checkpoint)
        clade_problem(problems, "vocabulary: the token %s is to be taken from the base, and there is none", token);
    else if (given->kind == CLADE_TOKEN_LIKE_ID)
        clade_problem(problems, "vocabulary: the token %s is to be like number %u of %s, which has %zu rows", token,
                      (unsigned)given->like_id, model->name, model->rows);
    else
        clade_problem(problems, "vocabulary: the token %s is to have the embedding of %s in %s, which has none", token,
                      clade_io_quote(wanted, strlen(wanted), other), model->name);
}

/* Rules 2 to 4: the rows that stand for row R in a model that has none; returns how many. */
static size_t find_donors(const clade_vocabulary *v, const clade_child_tokens *child, size_t r, clade_row_item *donors)
{
    const clade_recipe_token *given = child->given[r];
    const clade_vocabulary_model *base = &v->models[v->n_models - 1];
    if (given)
        return given->kind != CLADE_TOKEN_ZERO && find_given(v, given, donors) ? 1 : 0;
    if (base->checkpoint && base->own[r] != CLADE_NO_ROW) {
        donors[0] = (clade_row_item){.source = (uint32_t)(v->n_models - 1), .row = base->own[r]};
        return 1;
    }
    size_t count = 0;
    for (size_t p = 0; p + 1 < v->n_models; p++)
        if (v->models[p].own[r] != CLADE_NO_ROW)
            donors[count++] = (clade_row_item){.source = (uint32_t)p, .row = v->models[p].own[r]};
    return count;
}

/* Every token has an embedding in some model or in the recipe, and what the recipe names is there. */
static clade_status check_rows(const clade_vocabulary *v, const clade_child_tokens *child)
{
    enum { MOST_NAMED = 10 };
    clade_problems problems = {0};
    clade_row_item donors[CLADE_MAX_PARENTS];
    size_t bare = 0;
    for (size_t r = 0; r < v->n_rows; r++) {
        const clade_recipe_token *given = child->given[r];
        char token[CLADE_IO_QUOTE];
        if (given && given->kind != CLADE_TOKEN_ZERO && !find_given(v, given, donors))
            complain(v, given, &problems);
        if (given || !child->row[r] || find_donors(v, child, r, donors) > 0 || ++bare > MOST_NAMED)
            continue;
        clade_problem(&problems,
                      "vocabulary: no model has an embedding for the token %s, number %zu: give it one under "
                      "\"tokens\" (\"zero\", or that of another token)",
                      clade_io_quote(child->row[r]->text, strlen(child->row[r]->text), token), r);
    }
    if (bare > MOST_NAMED)
        clade_problem(&problems, "vocabulary: and so for %zu more tokens", bare - MOST_NAMED);
    return clade_problems_end(&problems, CLADE_ECONFIG);
}

static clade_status new_map(clade_row_map *map, size_t n_rows)
{
    *map = (clade_row_map){.n_rows = n_rows, .start = clade_calloc(n_rows + 1, sizeof *map->start)};
    return map->start ? CLADE_OK : clade_fail_memory(n_rows * sizeof *map->start, "the rows of a vocabulary");
}

/* Room for the items, their counts being in start[1] ..., which become places. */
static clade_status place_items(clade_row_map *map)
{
    for (size_t r = 0; r < map->n_rows; r++)
        map->start[r + 1] += map->start[r];
    size_t bytes = (size_t)map->start[map->n_rows] * sizeof *map->items;
    map->items = clade_malloc(bytes);
    return map->items ? CLADE_OK : clade_fail_memory(bytes, "the rows of a vocabulary");
}

/* All of the model's rows stay where they are. */
static bool is_identity(const clade_row_map *map, size_t model, size_t rows)
{
    bool same = map->n_rows == rows && map->start[map->n_rows] == rows;
    for (size_t r = 0; r < rows && same; r++)
        same = map->start[r] == r && map->items[r].source == model && map->items[r].row == r;
    return same;
}

static void free_map(clade_row_map *map)
{
    clade_free(map->start);
    clade_free(map->items);
    *map = (clade_row_map){0};
}

/* Keep the map, or drop one that changes nothing. */
static void settle(clade_vocabulary *v, size_t model)
{
    clade_vocabulary_model *self = &v->models[model];
    self->has_map = !is_identity(&self->map, model, self->rows);
    if (!self->has_map)
        free_map(&self->map);
}

static clade_status fill_map(clade_vocabulary *v, size_t model, const clade_child_tokens *child)
{
    clade_vocabulary_model *self = &v->models[model];
    clade_row_map *map = &self->map;
    clade_row_item donors[CLADE_MAX_PARENTS];
    CLADE_TRY(new_map(map, v->n_rows));
    for (int pass = 0; pass < 2; pass++) { /* count, then fill */
        for (size_t r = 0; r < v->n_rows; r++) {
            bool own = self->own[r] != CLADE_NO_ROW && !(child->given[r] && child->given[r]->force);
            size_t count = own ? 1 : find_donors(v, child, r, donors);
            if (own)
                donors[0] = (clade_row_item){.source = (uint32_t)model, .row = self->own[r]};
            if (pass == 0)
                map->start[r + 1] = (uint32_t)count;
            else if (count > 0)
                memcpy(map->items + map->start[r], donors, count * sizeof *donors);
        }
        if (pass == 0)
            CLADE_TRY(place_items(map));
    }
    settle(v, model);
    return CLADE_OK;
}

clade_status clade_vocabulary_map_rows(clade_vocabulary *v, const clade_child_tokens *child)
{
    for (size_t m = 0; m < v->n_models; m++)
        if (v->models[m].checkpoint)
            CLADE_TRY(find_own_rows(v, &v->models[m], child));
    CLADE_TRY(check_rows(v, child));
    for (size_t m = 0; m < v->n_models; m++)
        if (v->models[m].checkpoint)
            CLADE_TRY(fill_map(v, m, child));
    return CLADE_OK;
}

clade_status clade_vocabulary_cut_rows(clade_vocabulary *v)
{
    for (size_t m = 0; m < v->n_models; m++) {
        clade_row_map *map = &v->models[m].map;
        if (!v->models[m].checkpoint || v->models[m].rows == v->n_rows)
            continue;
        CLADE_TRY(new_map(map, v->n_rows));
        for (size_t r = 0; r < v->n_rows; r++)
            map->start[r + 1] = 1;
        CLADE_TRY(place_items(map));
        for (size_t r = 0; r < v->n_rows; r++)
            map->items[r] = (clade_row_item){.source = (uint32_t)m, .row = (uint32_t)r};
        v->models[m].has_map = true;
    }
    return CLADE_OK;
}
