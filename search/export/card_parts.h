/* The parts of a model card: who its models are, the front matter, the recipe. Whatever comes from a file (names, paths,
 * licences, templates) is quoted where it goes. */
#ifndef CLADE_CARD_PARTS_H
#define CLADE_CARD_PARTS_H

#include "clade/hub.h"
#include "search/export/card.h"
#include "search/export/shown.h"

/* ---- quoting ---- */

/* STRING as a double-quoted YAML scalar, whatever bytes it has: those that are no UTF-8 become '?'. */
void clade_card_quote(clade_text *text, const char *string);
/* LENGTH bytes at most, up to a NUL, in the cell of a table or in a line: nothing in it is markup. */
void clade_card_cell(clade_text *text, const char *string, size_t length);
/* BODY in a block of code, which nothing in it can end. */
void clade_card_block(clade_text *text, const char *language, const char *body);

/* ---- models ---- */

/* A folder or file that a merge is made of. */
typedef struct clade_card_model {
    const char *path;  /* borrowed */
    const char *shown; /* borrowed: what the recipe file calls it; another text for a child made on the way */
    char *name;        /* owned: on the hub where known, else the last part of the path; unique */
    bool is_adapter;
    bool has_config;            /* a config.json that transformers can have written */
    clade_front_matter *matter; /* owned: of its README.md, or NULL */
} clade_card_model;

enum { CLADE_CARD_MODELS = 2 * CLADE_MAX_PARENTS + 1 };
typedef struct clade_card_models {
    clade_card_model items[CLADE_CARD_MODELS]; /* base, parents, adapters; each path once */
    size_t count;
} clade_card_models;

/* SHOWN is RECIPE as its file calls the models. Both are borrowed until _free. */
clade_status clade_card_models_read(const clade_recipe *recipe, const clade_recipe *shown,
                                    clade_card_models *models) CLADE_CHECK_RESULT;
void clade_card_models_free(clade_card_models *models);
/* The one at PATH; NULL for NULL. */
const clade_card_model *clade_card_model_at(const clade_card_models *models, const char *path);
/* Made on the way, and gone when the merge is done. */
bool clade_card_model_is_made(const clade_card_model *model);

/* ---- parts ---- */

/* The front matter, and the section on licences where the models have different ones. */
void clade_card_append_front(const clade_recipe *recipe, const clade_card_models *models, clade_text *text);
void clade_card_append_licences(const clade_card_models *models, clade_text *text);
/* The recipe: a table where it is short, JSON, mergekit's YAML where there is such. KEPT_IN: the file that has it when it
 * is too long for a card. */
clade_status clade_card_append_recipe(const clade_recipe *recipe, const clade_card_models *models, const char *kept_in,
                                      clade_text *text) CLADE_CHECK_RESULT;

#endif
