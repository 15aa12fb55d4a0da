/* What a run breeds. The engine keeps the order, the ledger, the budgets and the clock; all else it asks its subject:
 * what must be as it was, what there is to search, what a genome says, what a result says, what is made beside the
 * search and at its end. Two subjects: merges of models (subject_merge.h) and closed-form problems (subject_form.h). */
#ifndef CLADE_SUBJECT_H
#define CLADE_SUBJECT_H

#include "search/archive.h"
#include "search/ledger.h"
#include "search/pool.h"

/* A session of a run, as the engine shares it with its subject; all borrowed while the engine runs. */
typedef struct clade_run_session {
    const char *folder;
    clade_ledger *ledger;     /* no transaction is open when a subject gets it */
    clade_pool *pool;         /* idle before and after the loop: a subject may have things evaluated there */
    const volatile int *stop; /* nonzero: what takes long ends with CLADE_EINTERRUPTED; may be NULL */
} clade_run_session;

/* What the text of a result says of a child. */
typedef struct clade_outcome {
    /* (n_objectives of the experiment) natural values; one that is not finite makes the child a failure */
    double objectives[CLADE_MAX_OBJECTIVES];
    double signals[CLADE_MAX_OBJECTIVES]; /* what the algorithm is told in their place, minimised */
    double cost;                          /* as of clade_told */
    uint64_t images;                      /* forwarded: what a budget of images counts */
    bool complete;                        /* as of clade_told */
    uint8_t *correct;                     /* (n_correct) bits, as of clade_told, owned; NULL: there are none */
    uint8_t *seen, *clean; /* (n_correct) bits, owned: which of these items were asked, NULL: all; which are clean */
    size_t n_correct;
    double *tasks; /* (n_tasks) accuracy of each task, owned; NULL: there are none */
    size_t n_tasks;
} clade_outcome;
void clade_outcome_fini(clade_outcome *outcome); /* {0} is valid, and what is left */

/* RESULT's status, seconds, rank and bytes (moved) into ROW, which is overwritten; its child, split and images are the
 * caller's to say. CLADE_EIO when the bytes are out of memory. */
clade_status clade_take_result(clade_pool_result *result, clade_evaluation_row *row) CLADE_CHECK_RESULT;

/* STATE is the subject's own. Of all functions: CLADE_OK or the reason why the session ends. */
typedef struct clade_subject_kind {
    /* What the run depends on (weights, probes, the problem) is as the ledger says, or put there by the first session.
     * CLADE_EINPUT says what changed, found, expected. */
    clade_status (*check)(void *state, const clade_run_session *session);
    /* Before the loop: have evaluated what the search is to know (each in the ledger as it comes; a resumed run does
     * what is lacking), and say what there is to search: PROBLEM's space, first, first_names, n_first, levels, n_levels,
     * lines, n_lines and batches, borrowed until close. The rest is the engine's. */
    clade_status (*begin)(void *state, const clade_run_session *session, clade_search_problem *problem);
    /* What GENOME says: ROW's recipe, recipe_hash and method; its vector is there already. Equal hashes, equal results.
     * A function of the subject and GENOME. */
    clade_status (*describe)(void *state, const double *genome, clade_child_row *row);
    /* What TEXT, a result of a child, says. OUTCOME is overwritten. A function of the subject and TEXT, as results out
     * of the ledger are read again in a replay. */
    clade_status (*read)(void *state, const char *text, size_t length, clade_outcome *outcome);
    /* While the search goes on: CHILD, which is committed, is the best now. NULL: nobody wants to know. */
    clade_status (*follow)(void *state, const clade_run_session *session, uint64_t child);
    /* After the loop: what is made of the FRONT (of all commits, in the order of children). FINISHED: an earlier
     * session came to the same end, and what it made may stay. */
    clade_status (*finish)(void *state, const clade_run_session *session, const clade_archive *front, bool finished);
    void (*close)(void *state);
} clade_subject_kind;

/* Serves one call of clade_engine_run. {0} is valid to free. */
typedef struct clade_subject {
    const clade_subject_kind *kind;
    void *state; /* owned */
} clade_subject;
void clade_subject_free(clade_subject *subject);

#endif
