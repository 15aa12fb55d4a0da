/* What the parts of clade merge share. */
#ifndef CLADE_MERGE_JOB_H
#define CLADE_MERGE_JOB_H

#include "search/command/recipe_source.h"
#include "search/export/shown.h"

typedef struct clade_merge_job {
    const char *source, *out;      /* as given */
    char *work;                    /* owned: OUT.work */
    clade_merge_steps steps;       /* owned */
    uint64_t shard_bytes, threads; /* 0: the defaults */
    bool verify;
} clade_merge_job;

/* Where step INDEX writes. */
const char *clade_merge_job_place(const clade_merge_job *job, size_t index);
/* The step before INDEX that makes a model of it, or NULL: there may be one already, but of what recipe is not known
 * before it is read. */
const clade_merge_step *clade_merge_job_waits_for(const clade_merge_job *job, size_t index);
/* A problem for every file and folder that step INDEX names and that neither is there nor will be. */
void clade_merge_job_missing(const clade_merge_job *job, size_t index, clade_problems *problems);

/* Turn the relative paths of SHOWN, the recipe of step INDEX, into what they are from the folder that the child will lie
 * in, where its clade_recipe.json can be merged again. TURNED, zeroed, owns them; free it after SHOWN's last use, also on
 * failure. */
typedef struct clade_turned_paths {
    char *items[3 * CLADE_MAX_PARENTS + 3];
    size_t count;
} clade_turned_paths;
clade_status clade_merge_turn_paths(const clade_merge_job *job, size_t index, clade_shown_recipe *shown,
                                    clade_turned_paths *turned) CLADE_CHECK_RESULT;
void clade_turned_paths_free(clade_turned_paths *turned);

/* Print the plan of every step on stdout, in seconds: nothing of the tensors is read, nothing is made. All problems are
 * in the failure: files that are missing, what keeps parents from being merged, OUT that exists, a disk or memory too
 * small. */
clade_status clade_merge_job_plan(const clade_merge_job *job) CLADE_CHECK_RESULT;

#endif
