/* States of surveys, kept by what they depend on: the method, the tensors, who takes part, the values of the parameters
 * that the survey reads. */
#ifndef CLADE_MERGE_SURVEY_STORE_H
#define CLADE_MERGE_SURVEY_STORE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "clade/text.h"

typedef struct clade_survey_entry clade_survey_entry;
typedef struct clade_survey_store {
    clade_survey_entry **buckets; /* owned, or NULL before the first entry */
    uint64_t bytes;               /* of all states */
    uint64_t turn;                /* entries used in this turn are not dropped */
    uint64_t found, made;
} clade_survey_store;

/* The state under KEY, or NULL; it stays valid during this turn. */
void *clade_survey_store_find(clade_survey_store *store, const clade_text *key);
/* A new cleared state of BYTES under KEY, 64-byte aligned; NULL without memory. */
void *clade_survey_store_add(clade_survey_store *store, const clade_text *key, size_t bytes);
/* Begin a turn: drop the states used longest ago until at most BYTES are left; with KEEP_LAST those of the turn that
 * ends now stay in any case. */
void clade_survey_store_begin(clade_survey_store *store, uint64_t bytes, bool keep_last);
/* Drop the states that were used in this turn: they may be incomplete. */
void clade_survey_store_drop_turn(clade_survey_store *store);
void clade_survey_store_clear(clade_survey_store *store);

#endif
