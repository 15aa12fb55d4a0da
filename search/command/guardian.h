/* A tiny process beside the coordinator of a job that outlives its ranks (clade_mpi_outlives_ranks): when the coordinator is
 * killed, its workers would wait for ever, and mpirun for them. The guardian ends mpirun then. */
#ifndef CLADE_GUARDIAN_H
#define CLADE_GUARDIAN_H

/* Begin to guard this process, before MPI is started; nothing for a worker, and in a job that ends with any of its ranks.
 * Without enough processes or memory the job goes unguarded. */
void clade_guardian_begin(void);
/* This process ends well, and so does the job: no guard is needed any more. */
void clade_guardian_dismiss(void);
/* This process ends well, but mpirun may wait for ranks that cannot be reached: it has some seconds to end by itself. */
void clade_guardian_linger(void);
/* End the job, as the coordinator's last act: have mpirun, or the daemon in its place, terminate it, and wait for that.
 * mpirun's exit code is 1. */
void clade_guardian_end_job(void);

#endif
