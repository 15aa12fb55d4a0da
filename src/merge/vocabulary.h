/* The inside of a vocabulary, for the files that make it. */
#ifndef CLADE_MERGE_VOCABULARY_H
#define CLADE_MERGE_VOCABULARY_H

#include "clade/vocabulary.h"
#include "io/tokenizer.h"
#include "merge/plan.h"

enum { CLADE_MAX_TOKEN_MEMBERS = 8 };

/* One parent, or the base. */
typedef struct clade_vocabulary_model {
    const clade_checkpoint *checkpoint; /* borrowed; NULL: there is none */
    const char *name;                   /* borrowed; "base" of the base */
    size_t rows;                        /* of its embeddings */
    size_t n_tokens;
    clade_tokenizer *tokenizer; /* owned unless it is shared; gone when the vocabulary is made */
    bool shares_tokenizer;      /* with an earlier model of the same folder */
    uint32_t *own; /* (n_rows), owned: its own row for every row of the child, or CLADE_NO_ROW; gone then */
    clade_row_map map;
    bool has_map;
} clade_vocabulary_model;
#define CLADE_NO_ROW UINT32_MAX

/* A token to be written into tokenizer.json. */
typedef struct clade_added_token {
    char *text; /* owned */
    uint32_t id;
    uint32_t flags; /* of io/tokenizer.h */
} clade_added_token;

struct clade_vocabulary {
    const clade_recipe *recipe;     /* borrowed */
    size_t n_models;                /* parents and the base, which is the last */
    clade_vocabulary_model *models; /* (n_models), owned */
    size_t n_rows;
    size_t n_tokens;
    size_t files_from;
    clade_added_token *added; /* (n_added), owned, by id */
    size_t n_added;
    char *chat_template; /* owned, or NULL: as in the copied files */
    clade_config_member members[CLADE_MAX_TOKEN_MEMBERS];
    char *values[CLADE_MAX_TOKEN_MEMBERS]; /* owned */
    size_t n_members;
};

/* The tokens of the child while it is made. */
typedef struct clade_child_tokens {
    clade_token_table table;          /* the id is the row of the child */
    const clade_token **row;          /* (n_rows), owned: the token of a row, or NULL */
    const clade_recipe_token **given; /* (n_rows), owned: what the recipe says of the row's token, or NULL */
} clade_child_tokens;

/* Fill CHILD, and n_rows and n_tokens, from the models' tokenizers (vocabulary_tokens.c). */
clade_status clade_vocabulary_collect(clade_vocabulary *vocabulary, clade_child_tokens *child) CLADE_CHECK_RESULT;
/* The tokens that the child has and the tokenizer.json it gets has not. */
clade_status clade_vocabulary_list_added(clade_vocabulary *vocabulary,
                                         const clade_child_tokens *child) CLADE_CHECK_RESULT;
/* Fill the models' maps from their tokenizers (vocabulary_rows.c). */
clade_status clade_vocabulary_map_rows(clade_vocabulary *vocabulary,
                                       const clade_child_tokens *child) CLADE_CHECK_RESULT;
/* The same for the first n_rows rows. */
clade_status clade_vocabulary_cut_rows(clade_vocabulary *vocabulary) CLADE_CHECK_RESULT;

#endif
