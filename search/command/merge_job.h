/* What the parts of clade merge share. */
#ifndef CLADE_MERGE_JOB_H
#define CLADE_MERGE_JOB_H

#include "search/command/recipe_source.h"

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

/* Print the plan of every step on stdout, in seconds: nothing of the tensors is read, nothing is made. All problems are
 * in the failure: files that are missing, what keeps parents from being merged, OUT that exists, a disk or memory too
 * small. */
clade_status clade_merge_job_plan(const clade_merge_job *job) CLADE_CHECK_RESULT;

#endif
