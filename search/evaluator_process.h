/* The process that evaluates, seen by the one that watches it: started, fed over a channel, ended, and, when it is gone,
 * why. It is `clade evaluator` (this program again, by /proc/self/exe), started with posix_spawn, so that nothing of MPI
 * or of a thread is inherited but file descriptors 0 (the channel), 1 and 2; its environment has none of the launcher's
 * variables (OMPI_*, PMIX_*, PRTE_*, PMI_*). It dies with its parent. Where the kernel must end a process for memory, it
 * takes this one first (oom_score_adj).
 *
 * Reasons have no ranks, times or pids in them: they are recorded, and compared between runs. */
#ifndef CLADE_EVALUATOR_PROCESS_H
#define CLADE_EVALUATOR_PROCESS_H

#include "search/channel.h"

typedef struct clade_evaluator_process clade_evaluator_process;

/* Start one. PROGRAM NULL: this program. It is called with "evaluator" and the number of this process. It has half an hour
 * to be ready, as if by clade_evaluator_limit. */
clade_status clade_evaluator_start(const char *program, clade_evaluator_process **process) CLADE_CHECK_RESULT;
clade_channel *clade_evaluator_channel(clade_evaluator_process *process); /* borrowed */

/* An evaluation begins, which may take SECONDS (0: as long as it wants); or, with 0, it or the start is over. Time in which
 * nobody looks does not count: who watches may have been stopped himself, and the evaluation with him. */
void clade_evaluator_limit(clade_evaluator_process *process, double seconds);
/* How long it has taken so far. */
double clade_evaluator_seconds(const clade_evaluator_process *process);

/* Whether it is gone or held (waitpid, WUNTRACED), and then how, with the reason in words appended to REASON: "killed by
 * signal 11 (Segmentation fault)", "out of memory: the kernel ended its process", ... A process that is held (SIGSTOP) is
 * ended and counts as KILLED, as does a SIGKILL that is not the kernel's for memory (told by the oom_kill count of
 * /proc/vmstat); one that takes longer than its limit is ended. *GONE false: it lives. */
clade_status clade_evaluator_look(clade_evaluator_process *process, bool *gone, clade_loss *cause,
                                  clade_text *reason) CLADE_CHECK_RESULT;
/* Its channel ended, or what came over it makes no sense (clade_error_message() says how): end it. clade_evaluator_look then
 * says how it was lost: by its own death where that comes within a second of its channel's end, else a crash with that
 * message. */
clade_status clade_evaluator_blame(clade_evaluator_process *process) CLADE_CHECK_RESULT;
/* The status it left with when it is gone by an exit of its own with a documented code (CLADE_EINPUT: a file it reads was
 * shortened), else CLADE_OK. */
clade_status clade_evaluator_exit_status(const clade_evaluator_process *process);
/* End it (SIGKILL), wait, release everything; accepts NULL. */
void clade_evaluator_end(clade_evaluator_process *process);

#endif
