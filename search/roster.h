/* What the coordinator knows of its ranks: who lives, who is in whose group, in which epoch, who was heard when, and who is
 * given up. Pure: it is told what happened and when, and answers questions; pool_ranks.c hears, sends and decides.
 *
 * Ranks are 1 .. N. Groups are made at the start, of neighbouring ranks, and only ever get smaller: a rank that is retired
 * is in none any more, and a group without ranks is no worker any more. An epoch begins (clade_roster_renew) whenever
 * the evaluators of a group are started: at the beginning, after one was lost, and when a rank was. */
#ifndef CLADE_ROSTER_H
#define CLADE_ROSTER_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "clade/status.h"

typedef struct clade_roster clade_roster;

enum { CLADE_MOST_RESTARTS = 5 }; /* evaluators that a rank may lose between two results of its group */

/* RANKS in groups of SIZE (1 or more; the last may be smaller), every group in epoch 1 and none of its ranks ready; all
 * were heard NOW, in seconds of any clock that does not go back. */
clade_status clade_roster_new(size_t ranks, size_t size, double now, clade_roster **roster) CLADE_CHECK_RESULT;
void clade_roster_free(clade_roster *roster); /* accepts NULL */

/* ---- groups: 0 .. clade_roster_groups - 1 ---- */

size_t clade_roster_groups(const clade_roster *roster);  /* that there ever were */
size_t clade_roster_workers(const clade_roster *roster); /* that have a rank */
/* The group's ranks in the order of their shares, the first the leader; borrowed until the next retirement. */
const int32_t *clade_roster_members(const clade_roster *roster, size_t group, size_t *count);
uint64_t clade_roster_epoch(const clade_roster *roster, size_t group);
/* The next epoch of GROUP: none of its ranks is ready. */
void clade_roster_renew(clade_roster *roster, size_t group);
bool clade_roster_group_ready(const clade_roster *roster, size_t group); /* all of its ranks are, at least one */
/* GROUP gave a result: its ranks may lose CLADE_MOST_RESTARTS evaluators again. */
void clade_roster_worked(clade_roster *roster, size_t group);

/* ---- ranks ---- */

size_t clade_roster_group_of(const clade_roster *roster, int rank);
bool clade_roster_lives(const clade_roster *roster, int rank); /* false for what is no rank at all */
bool clade_roster_leads(const clade_roster *roster, int rank); /* lives, and is the first of its group */
size_t clade_roster_retired(const clade_roster *roster);
/* RANK is ready in the epoch of its group. */
void clade_roster_ready(clade_roster *roster, int rank);
bool clade_roster_is_ready(const clade_roster *roster, int rank);
/* RANK lost its evaluator; false: once too often, it should be retired. */
bool clade_roster_lost(clade_roster *roster, int rank);
/* RANK, which lives, is given up: it leaves its group, which needs clade_roster_renew if a rank is left. */
void clade_roster_retire(clade_roster *roster, int rank);

/* ---- time ---- */

/* RANK said something. */
void clade_roster_heard(clade_roster *roster, int rank, double now);
/* The coordinator looks; when it last did longer than AWAY ago, it was away itself and every rank gets its time anew. */
void clade_roster_look(clade_roster *roster, double now, double away);
/* The lowest rank that lives and has not been heard for longer than SILENCE; 0: none. */
int clade_roster_silent(const clade_roster *roster, double now, double silence);

#endif
