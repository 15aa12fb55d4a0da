/* The guard on entropy. Entropy of unlabelled items is cheap to minimise and misleads: from somewhere on a child gets
 * surer without getting better. When entropy is an objective, the labelled items show where.
 *
 * The rule goes over the committed children that were scored on all items, in their order. Whoever has less entropy than
 * all before holds the record; it is compared with that earlier holder whose clean labelled accuracy is best: when an
 * exact McNemar test on the same items (race.h) says with p <= 0.01 that it is worse, minimising entropy has begun to hurt.
 * That is said once, and changes nothing in the run. Each comparison errs with probability 0.01, a run of many records
 * in more than that: it is a warning, no proof. */
#ifndef CLADE_GUARD_H
#define CLADE_GUARD_H

#include "clade/json.h"
#include "search/ledger.h"

/* A child as the guard looks at it; borrowed. */
typedef struct clade_watched {
    uint64_t child;
    double entropy, accuracy; /* means over tasks, finite; accuracy of clean labelled items */
    const uint8_t *correct,
        *clean;    /* (n_bits) bits of all tasks joined: right answers, which of them are to clean items */
    size_t n_bits; /* the same for all children */
} clade_watched;

/* Where it begins to hurt. */
typedef struct clade_guard_finding {
    uint64_t child, against; /* the holder of the record, and the earlier one that is better */
    double entropy, accuracy, against_accuracy;
    double p;
} clade_guard_finding;

/* Zeroed is valid: before the first child. */
typedef struct clade_guard {
    bool begun, ended; /* ended: found */
    double least;      /* entropy */
    uint64_t child;    /* the holder of a record with the best accuracy, the earliest of equals ... */
    double accuracy;
    uint8_t *correct; /* ... and its answers, owned */
} clade_guard;

/* *FOUND: FINDING says where it begins to hurt, with this child; true for one child at most. CLADE_EIO without memory. */
clade_status clade_guard_tell(clade_guard *guard, const clade_watched *child, clade_guard_finding *finding,
                              bool *found) CLADE_CHECK_RESULT;
void clade_guard_fini(clade_guard *guard);

/* FINDING into an open object: {"child": n, "entropy": x, "accuracy": x, "against": n, "against_accuracy": x, "p": x}. */
void clade_guard_members(const clade_guard_finding *finding, clade_json_writer *writer);
/* Such an object as the ledger's event "guard". */
clade_status clade_guard_put(clade_ledger *ledger, const clade_guard_finding *finding) CLADE_CHECK_RESULT;
clade_status clade_guard_get(clade_ledger *ledger, clade_guard_finding *finding, bool *found) CLADE_CHECK_RESULT;
/* As a clause for people, appended: "minimising entropy hurts since child 57: ...". */
void clade_guard_write(const clade_guard_finding *finding, clade_text *text);

#endif
