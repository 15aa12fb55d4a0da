/* The ledger: one SQLite file per run, one writer (search/sqlite.c is the only includer of sqlite3.h).
 *
 * Tables (schema version in `meta`; the schema is in ledger_schema.c): meta, experiment, platform (one row per session),
 * parents, children, evaluations (child and split), reference_scores (base, average and the parents themselves),
 * commits, series, batches, events. WAL mode, synchronous FULL: a result that was written is never lost. Readers open it read-only
 * while the run goes on; closed after a session it is one plain file.
 *
 * Versions: 1 has no tables series and batches. A ledger of version 1 is read as one where they are empty; who opens it for
 * writing brings it to version 2. Older programs kept an index of recipes, children_by_recipe; a writer drops it, and
 * adds the index evaluations_in_time, which clade_ledger_count reads in the place of the scores.
 *
 * Cost: a child is written and committed in about 15 microseconds besides the disk, however long the run (clade bench
 * coordinator); with transactions (clade_ledger_begin) there is one fsync each. A writer answers without a query when a
 * child is beyond all that the ledger has, or its recipe is new; for that it reads the recipes' hashes when it opens. */
#ifndef CLADE_LEDGER_H
#define CLADE_LEDGER_H

#include <stdbool.h>
#include <stdint.h>

#include "clade/hash.h"
#include "clade/probes.h"
#include "clade/status.h"
#include "clade/text.h"

enum { CLADE_LEDGER_VERSION = 2 };

typedef struct clade_ledger clade_ledger;

/* Create (must not exist: CLADE_EUSAGE) / open to go on / open read-only. A ledger of a newer version is CLADE_EINPUT
 * naming both versions; a file that is no ledger is CLADE_EINPUT. A second writer is CLADE_EUSAGE, after ten
 * seconds of waiting for the first to end (run_lock.h: a lock is held while open for writing). */
clade_status clade_ledger_create(const char *path, clade_ledger **ledger) CLADE_CHECK_RESULT;
clade_status clade_ledger_open(const char *path, bool write, clade_ledger **ledger) CLADE_CHECK_RESULT;
void clade_ledger_close(clade_ledger *ledger);

/* Strings returned by readers go into clade_text the caller owns. */
clade_status clade_ledger_put_meta(clade_ledger *ledger, const char *key, const char *value) CLADE_CHECK_RESULT;
clade_status clade_ledger_get_meta(clade_ledger *ledger, const char *key, clade_text *value,
                                   bool *found) CLADE_CHECK_RESULT;
clade_status clade_ledger_put_experiment(clade_ledger *ledger, const char *json) CLADE_CHECK_RESULT;
clade_status clade_ledger_get_experiment(clade_ledger *ledger, clade_text *json) CLADE_CHECK_RESULT;
/* Begins a session: what is written later belongs to it. */
clade_status clade_ledger_put_platform(clade_ledger *ledger, const char *json) CLADE_CHECK_RESULT;
clade_status clade_ledger_get_platform(clade_ledger *ledger, clade_text *json,
                                       bool *found) CLADE_CHECK_RESULT; /* latest */
clade_status clade_ledger_put_parent(clade_ledger *ledger, const char *name, const char *path,
                                     const char *hash) CLADE_CHECK_RESULT;
clade_status clade_ledger_get_parent(clade_ledger *ledger, const char *name, clade_text *hash,
                                     bool *found) CLADE_CHECK_RESULT;
clade_status clade_ledger_put_event(clade_ledger *ledger, const char *kind, const char *detail) CLADE_CHECK_RESULT;
/* The latest event of a kind; *NUMBER counts all events in order. */
clade_status clade_ledger_get_event(clade_ledger *ledger, const char *kind, clade_text *detail, uint64_t *number,
                                    bool *found) CLADE_CHECK_RESULT;
/* The same, unless there is a later event of the kind AFTER. */
clade_status clade_ledger_get_event_since(clade_ledger *ledger, const char *kind, const char *after, clade_text *detail,
                                          bool *found) CLADE_CHECK_RESULT;

typedef struct clade_child_row {
    uint64_t child;
    char recipe_hash[CLADE_SHA256_HEX];
    clade_text recipe; /* JSON */
    clade_text genome; /* JSON object of the active genes by name, for people and reports */
    clade_text vector; /* JSON array of all genes, exact: what a replay is checked against */
    char method[64], operator_name[64];
    uint64_t parents[4];
    size_t n_parents;
    uint64_t batch, items; /* batch above 0: it is scored on a batch of the items; only written */
} clade_child_row;
void clade_child_row_fini(clade_child_row *row); /* {0} is valid for all rows */

typedef struct clade_evaluation_row {
    uint64_t child;
    clade_split split;
    clade_status status;
    clade_text reason, score; /* score: JSON; both may be empty */
    uint64_t images;
    double seconds;
    int rank;
    int64_t same_as; /* the child whose evaluation this repeats (equal recipe), or -1 */
} clade_evaluation_row;
void clade_evaluation_row_fini(clade_evaluation_row *row);

typedef struct clade_commit_row {
    uint64_t child;
    bool failed;
    bool incomplete;      /* a race ended it: the objectives are estimates, stored as {"estimate": [...]} */
    double objectives[8]; /* in the experiment's order, natural sign; NAN when failed */
    size_t n_objectives;
    char hash[CLADE_SHA256_HEX]; /* chain: SHA-256(previous hash, recipe hash, objectives) */
} clade_commit_row;

/* Many puts in one transaction; nested calls are not allowed. Without it every put is its own. */
clade_status clade_ledger_begin(clade_ledger *ledger) CLADE_CHECK_RESULT;
clade_status clade_ledger_end(clade_ledger *ledger) CLADE_CHECK_RESULT;
/* In a transaction: what was put so far is not undone by clade_ledger_cancel, nor by closing. */
clade_status clade_ledger_keep(clade_ledger *ledger) CLADE_CHECK_RESULT;
/* Undo what was put since begin (what is kept goes into the file), if there is anything open. */
void clade_ledger_cancel(clade_ledger *ledger);
clade_status clade_ledger_put_child(clade_ledger *ledger, const clade_child_row *row) CLADE_CHECK_RESULT;
clade_status clade_ledger_put_evaluation(clade_ledger *ledger, const clade_evaluation_row *row) CLADE_CHECK_RESULT;
clade_status clade_ledger_put_commit(clade_ledger *ledger, const clade_commit_row *row) CLADE_CHECK_RESULT;
/* One of base, average and the parents, by name; ROW's child and same_as mean nothing. */
clade_status clade_ledger_put_reference(clade_ledger *ledger, const char *name,
                                        const clade_evaluation_row *row) CLADE_CHECK_RESULT;
clade_status clade_ledger_get_reference(clade_ledger *ledger, const char *name, clade_split split,
                                        clade_evaluation_row *row, bool *found) CLADE_CHECK_RESULT;
/* The first child from FIRST on whose operator begins with PREFIX. */
clade_status clade_ledger_find_operator(clade_ledger *ledger, const char *prefix, uint64_t first, uint64_t *child,
                                        bool *found) CLADE_CHECK_RESULT;
/* The first child before BEFORE that has this recipe and was not for a batch of the items. A reader looks at all
 * children. */
clade_status clade_ledger_find_recipe(clade_ledger *ledger, const char *recipe_hash, uint64_t before, uint64_t *child,
                                      bool *found) CLADE_CHECK_RESULT;
/* *FOUND false when there is no such row. ROW is overwritten (its texts freed first). */
clade_status clade_ledger_get_child(clade_ledger *ledger, uint64_t child, clade_child_row *row,
                                    bool *found) CLADE_CHECK_RESULT;
clade_status clade_ledger_get_evaluation(clade_ledger *ledger, uint64_t child, clade_split split,
                                         clade_evaluation_row *row, bool *found) CLADE_CHECK_RESULT;
clade_status clade_ledger_get_commit(clade_ledger *ledger, uint64_t child, clade_commit_row *row,
                                     bool *found) CLADE_CHECK_RESULT;

/* How good the front was after the commit of CHILD; there is a row for each commit that changed the front. All but the
 * seconds is a function of the commits. */
typedef struct clade_series_row {
    uint64_t child;
    uint64_t images;    /* forwarded on the search split for children 0..CHILD */
    double seconds;     /* of the run, over all its sessions; NAN: not known (the commit is of a version 1 ledger) */
    double hypervolume; /* as clade_archive_hypervolume */
    uint64_t front;     /* members */
} clade_series_row;
/* Nothing happens when there is a row of this child. */
clade_status clade_ledger_put_series(clade_ledger *ledger, const clade_series_row *row) CLADE_CHECK_RESULT;
/* The first row of a child from FIRST on; the last row of a child up to LAST. *FOUND false when there is none. */
clade_status clade_ledger_get_series(clade_ledger *ledger, uint64_t first, clade_series_row *row,
                                     bool *found) CLADE_CHECK_RESULT;
clade_status clade_ledger_last_series(clade_ledger *ledger, uint64_t last, clade_series_row *row,
                                      bool *found) CLADE_CHECK_RESULT;

typedef struct clade_ledger_counts {
    uint64_t children, evaluated, committed, failed; /* failed: among committed */
    uint64_t stopped;                                /* among committed: by a race, before all items were scored */
    uint64_t images;                                 /* forwarded on the search split */
    uint64_t images_saved;                           /* what the stopped ones would have cost besides */
    double seconds;                                  /* sum over evaluations of the search split */
    double wall_seconds; /* sum over sessions, each from its start to the last thing written in it */
} clade_ledger_counts;
/* Less than a microsecond a child with the index. */
clade_status clade_ledger_count(clade_ledger *ledger, clade_ledger_counts *counts) CLADE_CHECK_RESULT;

/* The version of SQLite; borrowed. */
const char *clade_sqlite_version(void);

#endif
