/* A worker rank: the supervisor of one evaluator process. What passes through it is told in pool_link.h. It polls MPI and
 * the channel and sleeps in between; it never computes, so ALIVE comes on time whatever its evaluator does, or some seconds late
 * while an evaluator that does not die is waited for. */
#ifndef CLADE_SUPERVISOR_H
#define CLADE_SUPERVISOR_H

#include "search/pool_link.h"

/* Serve until told to stop. CLADE_OK then, also after failures that were reported to the coordinator: the run's status is
 * the coordinator's to print and to exit with, once. */
clade_status clade_supervise(void) CLADE_CHECK_RESULT;

#endif
