/* Who is there: rank 0 asks every rank of the job for its machine (machine.h) and measures its clock. */
#ifndef CLADE_ROLL_CALL_H
#define CLADE_ROLL_CALL_H

#include "search/machine.h"

/* Rank 0, after clade_mpi_start. MACHINES (COUNT, the ranks of the job): number 0 is there already, the others are
 * filled. A rank that does not answer within ten seconds, or nonsense, is noted as such (answered false). A clock is
 * known to half the time that question and answer take, some milliseconds. Fini all of them whatever comes back. */
clade_status clade_roll_call(clade_machine *machines, size_t count) CLADE_CHECK_RESULT;
/* The others: answer until told to stop (clade_mpi_finish of rank 0). */
clade_status clade_roll_answer(int rank) CLADE_CHECK_RESULT;

#endif
