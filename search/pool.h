/* The pool: evaluations dealt to workers, results back in whatever order they end. No MPI type here; pool_mpi.c is the
 * only file that includes mpi.h. One coordinator (rank 0), all others workers; no collective and no barrier after
 * start-up; all sends of the coordinator are non-blocking; both sides poll and sleep, so that a waiting rank burns no
 * core. */
#ifndef CLADE_POOL_H
#define CLADE_POOL_H

#include "search/worker.h"

typedef struct clade_pool clade_pool;

typedef struct clade_pool_result {
    uint64_t job;
    int rank;            /* who did it; 0 in a single process */
    double seconds;      /* of the evaluation */
    clade_status status; /* CLADE_OK: BYTES is the score; else the reason of the failure */
    clade_text bytes;    /* owned by the receiver */
} clade_pool_result;

/* How evaluations are watched. */
typedef struct clade_pool_limits {
    double seconds;  /* an evaluation may take; 0: 600 s or 20 times the longest of its split so far, whichever is more,
                        and before the first as long as it wants */
    uint64_t memory; /* bytes an evaluator may allocate; 0: no limit */
    double silence;  /* seconds after which a silent rank is given up; 0: 60 */
} clade_pool_limits;

/* Evaluate in a process of its own on this machine (evaluator_process.h), started again when it dies: the pool of a search
 * without mpirun. EXPERIMENT_JSON as for clade_pool_open_mpi. */
clade_status clade_pool_open_process(const char *experiment_json, const clade_pool_limits *limits,
                                     clade_pool **pool) CLADE_CHECK_RESULT;

/* ---- MPI; all ranks call clade_mpi_start first when clade_mpi_launched() ---- */

bool clade_mpi_launched(void); /* started by mpirun or srun, from the environment */
clade_status clade_mpi_start(int *rank, int *size) CLADE_CHECK_RESULT;
int clade_mpi_size(void); /* ranks of this job; 1 before clade_mpi_start */
/* Whether the job goes on when a rank ends, however that may be (Open MPI 4.1: --enable-recovery, 5: --with-ft ulfm);
 * else any rank's death is the end of all. From the environment. */
bool clade_mpi_outlives_ranks(void);
/* Whether the exit code of rank 0 is lost on its way to mpirun's: Open MPI 4.1 with --enable-recovery. */
bool clade_mpi_loses_status(void);
/* Leave. The coordinator first tells the workers to stop; those on its machine that are held (SIGSTOP) are let go on for
 * it. Those that have not answered within two seconds are ended if the job outlives it, and else, or on another machine,
 * left to mpirun: *ALL_LEFT is false, for mpirun may wait for them. CLADE_EIO from MPI: not all were told, or this worker has not
 * heard; it has left all the same. */
clade_status clade_mpi_finish(bool *all_left) CLADE_CHECK_RESULT;
/* "Open MPI v4.1.4" and the like; works without clade_mpi_start. */
const char *clade_mpi_version(void);

/* Coordinator: send the resolved experiment to every worker, wait until each says ready or why not (CLADE_E..., naming
 * the rank and host). GROUP ranks (1 or more; the last ones may be fewer) score one child together (pool_group.h) and
 * are one worker of the pool, the first of them. Warns of ranks whose platform is not the coordinator's, and of ranks
 * with nothing to score. For a job of one rank use clade_pool_open_process. */
clade_status clade_pool_open_mpi(const char *experiment_json, size_t group, const clade_pool_limits *limits,
                                 clade_pool **pool) CLADE_CHECK_RESULT;

/* ---- both ---- */

size_t clade_pool_workers(const clade_pool *pool);
/* Queue a job; its bytes are copied. Never blocks. Jobs are begun in the order of submission. */
clade_status clade_pool_submit(clade_pool *pool, const clade_job *job) CLADE_CHECK_RESULT;
size_t clade_pool_pending(const clade_pool *pool); /* submitted, not yet returned */
/* Workers that were given up since the start. */
size_t clade_pool_retired(const clade_pool *pool);
/* The next result, waiting at most about MILLISECONDS (0: only look); *GOT false when there is none yet. A job whose evaluation crashed, took too long, ran out of memory, or
 * failed with CLADE_EIO, CLADE_EINTERNAL or CLADE_EINPUT gets a second try, at another worker where there is one; the
 * second failure is its result. An evaluator that was ended from outside is no try; the fifth of a job is its result. A
 * worker that is lost gives its job to another. CLADE_EINTERRUPTED when none is left. */
clade_status clade_pool_wait(clade_pool *pool, unsigned milliseconds, clade_pool_result *result,
                             bool *got) CLADE_CHECK_RESULT;
/* After a clade_pool_wait that gave a result, before the next: its bytes are no score, REASON says why. Counts as a failed
 * try of the job, whose worker is trusted no more. *AGAIN: it is tried again. Else *FINAL is its result, CLADE_EEVAL with
 * the first line of REASON. */
clade_status clade_pool_reject(clade_pool *pool, const char *reason, clade_pool_result *final,
                               bool *again) CLADE_CHECK_RESULT;
/* Release everything; accepts NULL. Jobs under way are abandoned; MPI workers live until clade_mpi_finish. */
void clade_pool_close(clade_pool *pool);

#endif
