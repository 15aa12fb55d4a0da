/* What jobs that were killed left on this machine. */
#ifndef CLADE_LEFTOVERS_H
#define CLADE_LEFTOVERS_H

#include <stddef.h>

/* Remove the shared memory of Open MPI jobs of this user on this host that ended without taking it away (their mpirun
 * was killed): twelve megabytes for three ranks, of which a container has 64 in all. Only files of the name that Open
 * MPI gives, older than a minute (ranks open each other's in their first second) and open in no process that can be
 * seen. What cannot be removed stays. Logs how much it was; returns the number of files. FOLDER NULL: where Open MPI has them. */
size_t clade_leftovers_remove(const char *folder);

#endif
