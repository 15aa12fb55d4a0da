/* Stopping on a signal: INT and TERM are a user's or a scheduler's stop; USR1 is what Slurm sends before the time
 * limit. A mapped file that can no longer be read (BUS) ends the program with a message and CLADE_EIO. */
#ifndef CLADE_STOP_H
#define CLADE_STOP_H

#include <stdbool.h>

/* From now on the first three only set a flag. */
void clade_stop_catch(void);
bool clade_stop_requested(void);
/* The flag itself, for whoever polls it. */
const volatile int *clade_stop_flag(void);

#endif
