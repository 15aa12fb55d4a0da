/* Why children of a run failed, counted: reasons that differ only in their numbers (an index, a layer, a value) are one,
 * so that a systematic fault shows as one line with a large count. */
#ifndef CLADE_FAILURES_H
#define CLADE_FAILURES_H

#include "clade/json.h"
#include "search/ledger.h"

enum { CLADE_MAX_FAILURE_KINDS = 64 };

typedef struct clade_failure_kind {
    clade_text reason;    /* the words, with N in the place of numbers where these differ; owned */
    clade_text pattern;   /* with N in the place of every number; owned */
    uint64_t count;       /* committed children that failed so */
    uint64_t first_child; /* the first of them */
} clade_failure_kind;

typedef struct clade_failures {
    clade_failure_kind kinds[CLADE_MAX_FAILURE_KINDS]; /* (count): most frequent first, then by first_child */
    size_t count;
    uint64_t others; /* children that failed for still other reasons, when there are more kinds than have room */
} clade_failures;

/* The words of REASON with "N" for every number, appended to PATTERN. A number is a run of digits that no letter stands
 * before ("layers.3", not "mnist8"), with its fraction and exponent. */
void clade_failure_pattern(const char *reason, clade_text *pattern);
/* One more child; called in the order of the children. CLADE_EIO without memory. */
clade_status clade_failures_add(clade_failures *failures, uint64_t child, const char *reason) CLADE_CHECK_RESULT;
/* Into FAILURES, zeroed by the caller, what the ledger has of the committed children on the search split. Fini it
 * whatever comes back. */
clade_status clade_failures_read(clade_ledger *ledger, clade_failures *failures) CLADE_CHECK_RESULT;
void clade_failures_fini(clade_failures *failures);

/* As the member "failures" of what is written: [{"reason": ..., "count": ..., "first_child": ...}]. */
void clade_failures_json(const clade_failures *failures, clade_json_writer *writer);

#endif
