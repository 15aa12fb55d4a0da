/* Running a plan: surveys, tiles, threads. The results do not depend on the threads nor on the tile. */
#ifndef CLADE_MERGE_EXECUTE_H
#define CLADE_MERGE_EXECUTE_H

#include "clade/team.h"
#include "merge/plan.h"

/* Takes BYTES of the child's tensor number TARGET from FIRST_BYTE on, in its dtype (F32 when widened). Called from any
 * thread, for each byte once, in any order. */
typedef struct clade_sink {
    /* Where those bytes belong when they lie in memory, aligned for their dtype: they are made there and not put. NULL:
     * they are put. */
    void *(*place)(void *context, size_t target, uint64_t first_byte);
    clade_status (*put)(void *context, size_t target, uint64_t first_byte, const void *data, size_t bytes);
    void *context;
    bool (*stop)(void *context); /* asked during surveys; true: leave off with CLADE_EINTERRUPTED; NULL: never */
} clade_sink;

typedef struct clade_execution {
    clade_team *team;     /* borrowed; NULL: the caller alone */
    size_t tile;          /* elements; 0: the default */
    bool widen;           /* give F32 values rounded to the child's dtype */
    bool release;         /* read parents' pages ahead of their use and give them back after it: for models larger than
                             memory, and for files that may be shortened meanwhile */
    uint64_t cache_bytes; /* for states of surveys that are kept for later recipes; 0: none are */
} clade_execution;

typedef struct clade_executor clade_executor;

clade_status clade_executor_new(const clade_execution *options, clade_executor **executor) CLADE_CHECK_RESULT;
void clade_executor_free(clade_executor *executor);
/* Forget the kept states: the parents are others, or their elements are. */
void clade_executor_forget(clade_executor *executor);
/* Make the COUNT targets listed in TARGETS (ascending) of PLAN. CLADE_EEVAL names a tensor, index and parent that is not
 * finite. Targets of a rule with a survey over all its tensors see all of them, listed or not. */
clade_status clade_execute(clade_executor *executor, const clade_plan *plan, const size_t *targets, size_t count,
                           const clade_sink *sink) CLADE_CHECK_RESULT;
/* The most memory clade_execute will take for PLAN besides the mapped files, in bytes. */
uint64_t clade_executor_memory(const clade_executor *executor, const clade_plan *plan);

/* Kept states, for the bench: how many surveys were found, how many made. */
void clade_executor_counts(const clade_executor *executor, uint64_t *found, uint64_t *made);

#endif
