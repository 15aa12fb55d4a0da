/* `clade search --workers N`: mpirun, started and watched by this program.
 *
 * mpirun is told to go on when a rank dies (Open MPI 4.1: --enable-recovery, 5: --with-ft ulfm). It then has no exit code
 * to rely on, and one of rank 0 is lost on the way; so the coordinator says on stderr how it ends, in a line with a token
 * that only this launcher and its job know, and the launcher takes the line out of what it copies. */
#ifndef CLADE_LAUNCH_H
#define CLADE_LAUNCH_H

#include <stdbool.h>
#include <stdint.h>

#include "clade/status.h"

/* Run `mpirun ... WORDS -n WORKERS+1 clade ARGV...` with "--workers N" and "--mpirun WORDS" taken out (ARGV[0] is the
 * command's name; WORDS, separated by blanks, may be NULL) and return what the coordinator ends with; when it ends
 * without a word, CLADE_EINTERRUPTED, or CLADE_EIO before it had begun. INT, TERM and USR1 are passed on as USR1, so
 * that a stop is a stop (CLADE_EINTERRUPTED) and not the ranks' death. */
clade_status clade_launch(uint64_t workers, const char *words, int argc, char **argv) CLADE_CHECK_RESULT;

/* The coordinator of a launched job: it has begun, or it ends with STATUS, which is its last word on stderr. False, with
 * nothing said, when no launcher of ours waits for it. */
bool clade_launch_say_begun(void);
bool clade_launch_say_ended(clade_status status);

#endif
