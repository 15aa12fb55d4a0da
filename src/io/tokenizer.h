/* The vocabulary of a model folder: which text has which number. Private to the library.
 *
 * Read are, in a Hugging Face folder,
 *   tokenizer.json          model.vocab, an object {text: id} (BPE, WordPiece, WordLevel) or a list of [text, score]
 *                           (Unigram), and added_tokens; where it is missing
 *   vocab.json | vocab.txt  an object {text: id}; a token per line
 * and with either of them, for tokens that were added later,
 *   added_tokens.json       {text: id}
 *   tokenizer_config.json   added_tokens_decoder, {id: {"content": text, ...}}
 * A tokenizer.model (SentencePiece) alone is refused: the fast tokenizer that transformers writes holds the same and is
 * what is read here. How text is cut into tokens is of no interest. */
#ifndef CLADE_IO_TOKENIZER_H
#define CLADE_IO_TOKENIZER_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "clade/status.h"

enum { CLADE_TOKEN_MAX_ID = (1 << 24) - 1 }; /* arrays are made by id, so a wild one must not ask for gigabytes */

/* What is said of a token, bits. The five names are those of added tokens in tokenizer.json. */
enum {
    CLADE_TOKEN_SPECIAL = 1,
    CLADE_TOKEN_LSTRIP = 2,
    CLADE_TOKEN_RSTRIP = 4,
    CLADE_TOKEN_SINGLE_WORD = 8,
    CLADE_TOKEN_NORMALIZED = 16,
    CLADE_TOKEN_ADDED = 32,      /* those five were given; else it is a piece of the model's vocabulary */
    CLADE_TOKEN_IN_JSON = 64,    /* of tokenizer.json */
    CLADE_TOKEN_IN_DECODER = 128 /* of tokenizer_config.json */
};

typedef struct clade_token {
    const char *text; /* borrowed */
    uint32_t id;
    uint32_t flags;
} clade_token;

/* Tokens by text. Zeroed is empty. */
typedef struct clade_token_table {
    clade_token *tokens; /* (count), owned, in the order they were put in; the texts are borrowed */
    size_t count, capacity;
    uint32_t *slots; /* (n_slots), owned: index + 1 into tokens, 0 where free */
    size_t n_slots;  /* a power of two above 1.5 count */
} clade_token_table;
/* The token, or NULL. */
clade_token *clade_token_find(const clade_token_table *table, const char *text);
/* Put in a token that is not there. */
clade_status clade_token_put(clade_token_table *table, const char *text, uint32_t id,
                             uint32_t flags) CLADE_CHECK_RESULT;
void clade_token_table_free(clade_token_table *table);

typedef struct clade_tokenizer {
    clade_token_table table;
    const clade_token **by_id; /* (n_ids), owned; NULL where no token has the id */
    size_t n_ids;              /* the largest id + 1 */
    bool has_json;             /* there is a tokenizer.json */
    size_t vocabulary_count;   /* tokens in its model.vocab */
    char *texts[3];            /* owned: what the tokens' texts point into, a block per place they came from */
    size_t n_texts;
} clade_tokenizer;

/* CLADE_EINPUT: no tokenizer, or one that is broken: not JSON, an id that is none or that two tokens have, a token with
 * two ids. *TOKENIZER is owned by the caller. */
clade_status clade_tokenizer_read(const char *folder, clade_tokenizer **tokenizer) CLADE_CHECK_RESULT;
void clade_tokenizer_free(clade_tokenizer *tokenizer);

#endif
