/* Other processes of this machine, as their numbers tell; and where such numbers mean the same. */
#ifndef CLADE_PROCESS_H
#define CLADE_PROCESS_H

#include <stdbool.h>
#include <stddef.h>

/* The letter of PROCESS in /proc/PROCESS/stat: 'T' is stopped, 'Z' has ended and only its exit code is still there, for a
 * parent that has not asked; '?': it cannot be seen. */
char clade_process_state(long process);
/* Whether PROCESS > 0 has ended, whoever may still ask for its exit code. */
bool clade_process_is_dead(long process);
/* What counts processes here, "pid:[4026531836]", into OUT: containers of one kernel have one each; "": not known. */
void clade_process_namespace(char *out, size_t size);

#endif
