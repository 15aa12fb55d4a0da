/* Merges of models as what a run breeds, and what a run of merges has besides its children: references, scores on
 * holdout, the folder best/. Files: subject_merge.c (inputs, space, genomes, the end), subject_merge_result.c (from a
 * score to objectives), subject_merge_score.c (what is scored before and after the search), subject_merge_reference.c
 * (what children are held against), best.c. */
#ifndef CLADE_SUBJECT_MERGE_H
#define CLADE_SUBJECT_MERGE_H

#include "search/engine.h"

/* The base's name in the ledger's table of parents; a parent's name is never empty. */
#define CLADE_BASE_NAME ""

/* The subject of EXPERIMENT. FAMILY and PROBES are those of the experiment; all are borrowed. Release with
 * clade_subject_free. */
clade_status clade_subject_merge_new(const clade_experiment *experiment, const clade_family *family,
                                     const clade_probes *probes, clade_subject *subject) CLADE_CHECK_RESULT;

/* ---- the inside of the subject, shared by its files ---- */

typedef struct clade_merge_subject {
    /* borrowed */
    const clade_experiment *experiment;
    const clade_family *family;
    const clade_probes *probes;
    /* owned */
    clade_score_plan plan; /* of the search split */
    double *retention;     /* (n_tasks): accuracy of each task's own fine-tune on the search split; NAN: unknown */
    clade_merge_space *space;
    clade_first *first;
    size_t n_first;
    double *first_genomes;    /* (n_first, n_genes) */
    const char **first_names; /* (n_first), of FIRST */
} clade_merge_subject;

/* subject_merge_result.c: as clade_subject_kind.read; STATE is a clade_merge_subject. */
clade_status clade_merge_read_result(void *state, const char *text, size_t length,
                                     clade_outcome *outcome) CLADE_CHECK_RESULT;
/* subject_merge_score.c. Before the loop: the parents on the search split, where references or retention are wanted;
 * fills `retention`. */
clade_status clade_merge_score_parents(clade_merge_subject *subject,
                                       const clade_run_session *session) CLADE_CHECK_RESULT;
/* After the loop: base, average and parents on both splits, the front and the best hand-made child on holdout; only
 * what the ledger lacks. */
clade_status clade_merge_score_rest(const clade_merge_subject *subject, const clade_run_session *session,
                                    const clade_archive *front) CLADE_CHECK_RESULT;

/* ---- subject_merge_reference.c ---- */

/* The name of reference INDEX ("base", "average", "parent NAME") into NAME of SIZE bytes; false beyond the last. */
bool clade_reference_name(const clade_experiment *experiment, size_t index, char *name, size_t size);
/* The recipe that makes reference INDEX, appended to JSON. */
clade_status clade_reference_recipe(const clade_experiment *experiment, size_t index,
                                    clade_text *json) CLADE_CHECK_RESULT;
/* The best by the experiment's rule of the children that are hand-made first individuals, on the search split. */
clade_status clade_best_hand_made(clade_ledger *ledger, const clade_experiment *experiment, uint64_t *child,
                                  bool *found) CLADE_CHECK_RESULT;
/* Accuracy of each task's own fine-tune on SPLIT as the ledger has it: OUT (n_tasks), NAN where there is none. */
clade_status clade_read_retention(clade_ledger *ledger, const clade_experiment *experiment, const clade_probes *probes,
                                  clade_split split, double *out) CLADE_CHECK_RESULT;
clade_score_plan clade_plan_of(const clade_experiment *experiment,
                               clade_split split); /* CLADE_SEARCH or CLADE_HOLDOUT */

/* ---- best.c ---- */

/* While the run goes on: recipe and lineage of CHILD. */
clade_status clade_best_write(clade_ledger *ledger, const clade_experiment *experiment, const char *run_folder,
                              uint64_t child) CLADE_CHECK_RESULT;
/* At the end: everything, for the best of FRONT. */
clade_status clade_best_finish(clade_ledger *ledger, const clade_front *front,
                               const char *run_folder) CLADE_CHECK_RESULT;
/* Remove what a killed process left half done. */
clade_status clade_best_clean(const char *run_folder) CLADE_CHECK_RESULT;

#endif
