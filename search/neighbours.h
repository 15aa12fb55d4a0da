/* Ranks on this machine, seen as processes: that one ended, or is a zombie, is known at once, without a word of its own and
 * without waiting for it to be silent. Through process descriptors (Linux 5.3), so that a pid that is used again is never
 * taken for the rank; on an older kernel nothing is known. */
#ifndef CLADE_NEIGHBOURS_H
#define CLADE_NEIGHBOURS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "clade/status.h"

/* What every rank tells the coordinator of itself. */
typedef struct clade_identity {
    char host[64], machine[192]; /* MACHINE is equal where pids mean the same; "": not known */
    int64_t pid;
} clade_identity;

void clade_identify(clade_identity *self);

typedef struct clade_neighbours clade_neighbours;

/* Of ranks 0 .. RANKS - 1 none is known yet. */
clade_status clade_neighbours_new(size_t ranks, clade_neighbours **neighbours) CLADE_CHECK_RESULT;
void clade_neighbours_free(clade_neighbours *neighbours); /* accepts NULL */
/* RANK is the process PID of this machine; one that is not there has ended. */
void clade_neighbours_add(clade_neighbours *neighbours, int rank, int64_t pid);
/* A rank whose process has ended and that was not returned before; -1: none. */
int clade_neighbours_next_dead(clade_neighbours *neighbours);
/* Send a signal to RANK if it is known and lives; false: it is not, or cannot be. */
bool clade_neighbours_signal(const clade_neighbours *neighbours, int rank, int signal_number);

#endif
