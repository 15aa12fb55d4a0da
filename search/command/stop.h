/* Stopping on a signal: INT and TERM are a user's or a scheduler's stop; USR1 is what Slurm sends before the time
 * limit; and there is a time limit of our own. A mapped file that can no longer be read (BUS) ends the program with a
 * message that names it: CLADE_EINPUT when it was shortened, CLADE_EIO when the disk fails. */
#ifndef CLADE_STOP_H
#define CLADE_STOP_H

#include <stdbool.h>
#include <stdint.h>

#include "clade/status.h"

/* From now on a mapped file that cannot be read ends the process as above. For every command, from its beginning, and
 * for every process that it starts. */
void clade_stop_for_lost_files(void);
/* From now on the first three only set a flag; a second INT (the Ctrl-C of who will not wait) ends the process at once
 * with CLADE_EINTERRUPTED. */
void clade_stop_catch(void);
bool clade_stop_requested(void);
/* The flag itself, for whoever polls it. */
const volatile int *clade_stop_flag(void);

/* The seconds that TEXT says, "5400" or "1:30:00" (hours, minutes, seconds), for OPTION of COMMAND; CLADE_EUSAGE for
 * all else and for 0. TEXT may be NULL: 0, which is no limit. */
clade_status clade_stop_parse(const char *command, const char *option, const char *text,
                              uint64_t *seconds) CLADE_CHECK_RESULT;
/* After clade_stop_catch: as if a signal came in SECONDS (0: never); and whenever one comes, the process has less than
 * a second to end by itself before it is ended, in the middle of an evaluation that nobody waits for. For who has in the
 * ledger all that must be kept, at any moment. */
void clade_stop_after(uint64_t seconds);
/* From here on, what remains of the coordinator's work being the farewell to its workers, which has time limits of its
 * own: a stop gives it five seconds, and the time limit is over. */
void clade_stop_settled(void);

#endif
