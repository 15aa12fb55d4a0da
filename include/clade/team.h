/* A team of threads for loops whose turns are independent.
 *
 * Nothing that Clade computes depends on how many threads there are: turns write to places of their own, and whoever
 * needs a sum adds up the parts in their order afterwards. A NULL team runs everything in the caller. */
#ifndef CLADE_TEAM_H
#define CLADE_TEAM_H

#include <stddef.h>

#include "clade/status.h"

typedef struct clade_team clade_team;

/* THREADS in all, the caller among them; 0: as many as the process may use CPUs. A team of one has no threads of its
 * own. CLADE_EIO when the system gives no more. */
clade_status clade_team_new(size_t threads, clade_team **team) CLADE_CHECK_RESULT;
void clade_team_free(clade_team *team);         /* accepts NULL */
size_t clade_team_size(const clade_team *team); /* 1 for NULL */

/* One turn: number INDEX on thread THREAD (0 .. size - 1; no two turns at a time have the same). */
typedef clade_status (*clade_turn)(void *context, size_t index, size_t thread);
/* Run turns 0 .. COUNT - 1, each once, handed out in order. After a failure no further turns begin; the result and its
 * message are those of the failed turn with the lowest index. Not reentrant: a turn must not use its own team. */
clade_status clade_team_run(clade_team *team, size_t count, clade_turn turn, void *context) CLADE_CHECK_RESULT;

#endif
