/* What jobs that were killed left on this machine: Open MPI takes its files away when a job ends, not when its mpirun is
 * killed. Shared memory, twelve megabytes for three ranks, of which a container has 64 in all; and a session folder in
 * the temporary folder, eight megabytes. */
#ifndef CLADE_LEFTOVERS_H
#define CLADE_LEFTOVERS_H

#include <stddef.h>

/* Remove what Open MPI (4.1) jobs of this user left on this host: shared memory in the folder SEGMENTS, session folders
 * below SESSIONS; NULL: where Open MPI has them. Only what has the name, with this host and user, that Open MPI gives;
 * is older than a minute (ranks open each other's in their first second); is open in no process that can be seen; and
 * session folders whose mpirun or daemon, which their names tell, is dead. What cannot be removed stays. Logs how much it
 * was; returns the number of files and folders. */
size_t clade_leftovers_remove(const char *segments, const char *sessions);

/* The same for all hosts of a job, as it starts: each rank calls this, and the first one of a host does it. */
void clade_leftovers_sweep(void);

#endif
