/* A pool in virtual time: what a cluster of 1 to thousands of workers would do to a run, on one core and without waiting.
 * The engine, the ledger and the queue of pool.c are the real ones; workers, messages and the clock are not.
 *
 * The coordinator deals a job to a worker that it knows to be idle; after LATENCY the worker begins; after the job's time
 * it ends; after LATENCY the coordinator knows. A worker that dies in between takes the job with it: it is dealt again,
 * before jobs that nobody had. The clock stands still while the coordinator thinks, unless `thinking` says
 * otherwise; it moves when a result is waited for, to the moment of the next one. */
#ifndef CLADE_POOL_SIMULATED_H
#define CLADE_POOL_SIMULATED_H

#include "search/pool.h"

/* How long evaluations take. SHAPE is, of each: */
typedef enum clade_simulated_times {
    CLADE_TIMES_EQUAL,       /* nothing */
    CLADE_TIMES_LOG_UNIFORM, /* the longest over the shortest, >= 1 */
    CLADE_TIMES_LOGNORMAL,   /* the standard deviation of the logarithm, >= 0 */
    CLADE_TIMES_PARETO,      /* the exponent of the tail, > 1: P(t > x) falls as x^-shape */
    CLADE_TIMES_RECORDED     /* nothing: one of `recorded`, each as likely */
} clade_simulated_times;

/* Whether the coordinator's own time, between a result and the next wait, passes in the simulation, too. */
typedef enum clade_simulated_thinking {
    CLADE_THINKS_AT_ONCE,  /* it does not: a function of the plan, the same again and again */
    CLADE_THINKS_ON_CPU,   /* processor time of this thread: neither disks nor a busy machine count */
    CLADE_THINKS_REAL_TIME /* all of it */
} clade_simulated_thinking;

typedef struct clade_simulation {
    uint64_t seed;
    size_t workers; /* >= 1 */
    clade_simulated_times times;
    double shape;
    double mean;            /* of the times, seconds, > 0; recorded ones are as they are */
    const double *recorded; /* (n_recorded) seconds, > 0, borrowed while the pool is open */
    size_t n_recorded;
    double latency;        /* seconds of a message, >= 0 */
    double failures;       /* probability of a job to end with CLADE_EEVAL (after its whole time) */
    double deaths, within; /* probability of a worker to die, at a uniform time of the first WITHIN seconds */
    clade_simulated_thinking thinking;
} clade_simulation;

typedef struct clade_simulation_report {
    uint64_t done, failed; /* results given; those that failed */
    uint64_t redone;       /* jobs dealt again */
    size_t died;           /* workers, until the end */
    double thought;        /* seconds of the coordinator that were added */
    double elapsed;        /* virtual seconds */
    double busy;           /* worker seconds of jobs that came to an end */
    double utilisation;    /* busy / seconds that all workers lived */
    /* The same until the last job began: what comes after is the end of the run, when there is nothing left to do for
     * more and more of the workers. */
    double full_elapsed, full_busy, full_utilisation;
} clade_simulation_report;

/* EVALUATOR is asked in the order of the results, once for each that is no simulated failure. REPORT (may be NULL) is
 * filled when the pool is closed; borrowed until then. SIMULATION and EVALUATOR are copied.
 *
 * clade_pool_wait with 0 milliseconds gives what is due now; else the next result, however far away. It fails with
 * CLADE_EIO when all workers are dead and a job is left.
 *
 * Laws: unless it thinks, results, their order and REPORT are a function of (simulation, jobs, when they are submitted
 * and waited for); the time of a job and whether it fails are functions of (seed, job number) alone, so they do not
 * change with the workers; every job comes back exactly once; one worker without failures gives them in order. O(log
 * workers) a job. Returns what clade_simulation_check says, CLADE_EIO without memory. */
clade_status clade_pool_open_simulated(const clade_simulation *simulation, const clade_evaluator *evaluator,
                                       clade_simulation_report *report, clade_pool **pool) CLADE_CHECK_RESULT;

/* ---- what is drawn, each keyed by (seed, number) ---- */

/* CLADE_EUSAGE for numbers out of their ranges, naming them. */
clade_status clade_simulation_check(const clade_simulation *simulation) CLADE_CHECK_RESULT;
double clade_simulation_seconds(const clade_simulation *simulation, uint64_t job); /* that it takes */
bool clade_simulation_fails(const clade_simulation *simulation, uint64_t job);
double clade_simulation_death(const clade_simulation *simulation, uint64_t worker); /* when; INFINITY: never */

#endif
