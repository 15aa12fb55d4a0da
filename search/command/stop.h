/* Stopping on a signal: INT and TERM are a user's or a scheduler's stop; USR1 is what Slurm sends before the time
 * limit. */
#ifndef CLADE_STOP_H
#define CLADE_STOP_H

#include <stdbool.h>

/* From now on these signals only set a flag. */
void clade_stop_catch(void);
bool clade_stop_requested(void);
/* The flag itself, for whoever polls it. */
const volatile int *clade_stop_flag(void);

#endif
