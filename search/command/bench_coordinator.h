/* What bench_coordinator.c and bench_coordinator_parts.c share: one run of the engine, and the same work done again part
 * by part. */
#ifndef CLADE_SEARCH_COMMAND_BENCH_COORDINATOR_H
#define CLADE_SEARCH_COMMAND_BENCH_COORDINATOR_H

#include "search/closed_form.h"
#include "search/subject.h"

typedef struct clade_coordinator_case {
    const char *part;
    const clade_algorithm *algorithm;
    const clade_problem_form *form;
    double population; /* 0: the algorithm's default */
    size_t children, window;
    size_t at_once;     /* results that arrive in one turn of the loop */
    size_t score_bytes; /* of a result; shorter ones are filled up with spaces */
} clade_coordinator_case;

/* Microseconds a child; of processor time where it does not say otherwise. */
typedef struct clade_coordinator_costs {
    double wall;           /* on the clock: what results a second come from */
    double cpu;            /* of the whole run */
    double first, last;    /* of its first and last quarter */
    double search, front;  /* ask and tell; the archive and its hypervolume */
    double subject;        /* a genome as text, recipe and hash out of it, objectives out of a result */
    double evaluate;       /* the problem itself: a worker's part */
    double rows, end;      /* the ledger's rows; the end of each transaction */
    double disk;           /* on the clock: what the ends of transactions take more than processor time */
    uint64_t transactions; /* in all: one fsync each */
} clade_coordinator_costs;

/* Processor time of this process, seconds. */
double clade_bench_cpu(void);

/* What a worker of CASE does: the form's evaluator, its results filled up. CASE is borrowed. */
clade_evaluator clade_coordinator_evaluator(const clade_coordinator_case *c);
/* The experiment of CASE; the caller's. */
clade_status clade_coordinator_experiment(const clade_coordinator_case *c,
                                          clade_experiment **experiment) CLADE_CHECK_RESULT;

/* Ask, describe, evaluate, read and tell for all children in the engine's order, without engine and ledger. */
clade_status clade_coordinator_parts(const clade_coordinator_case *c, const clade_experiment *experiment,
                                     clade_coordinator_costs *costs) CLADE_CHECK_RESULT;
/* The rows of the run's ledger FROM written once more, into the new file TO, in transactions of as many children as
 * arrived at once. */
clade_status clade_coordinator_rows(const clade_coordinator_case *c, const char *from, const char *to,
                                    clade_coordinator_costs *costs) CLADE_CHECK_RESULT;
/* How long the score of a real search takes to read: 8 tasks of 256 items, clean and under seven corruptions. */
clade_status clade_coordinator_score(size_t *bytes, double *microseconds) CLADE_CHECK_RESULT;

#endif
