#include "search/roster.h"

#include <string.h>

#include "clade/alloc.h"

typedef struct one_rank {
    bool retired, ready;
    unsigned losses; /* evaluators since the last result of the group */
    double heard;
} one_rank;

struct clade_roster {
    size_t ranks, size, groups, workers, retired;
    one_rank *rank;   /* (ranks + 1); [0] is not used */
    int32_t *members; /* (ranks): those of group K from K * SIZE on, the living ones first */
    size_t *count;    /* (groups): of living members */
    uint64_t *epoch;  /* (groups) */
    double looked;
};

clade_status clade_roster_new(size_t ranks, size_t size, double now, clade_roster **out)
{
    *out = NULL;
    clade_roster *self = clade_calloc(1, sizeof *self);
    if (!self)
        return clade_fail_memory(sizeof *self, "a roster");
    *self = (clade_roster){.ranks = ranks, .size = size, .groups = (ranks + size - 1) / size, .looked = now};
    self->workers = self->groups;
    self->rank = clade_calloc(ranks + 1, sizeof *self->rank);
    self->members = clade_calloc(ranks, sizeof *self->members);
    self->count = clade_calloc(self->groups, sizeof *self->count);
    self->epoch = clade_calloc(self->groups, sizeof *self->epoch);
    if (!self->rank || !self->members || !self->count || !self->epoch) {
        clade_roster_free(self);
        return clade_fail_memory(ranks * sizeof *self->rank, "a roster");
    }
    for (size_t r = 0; r < ranks; r++) {
        self->rank[r + 1].heard = now;
        self->members[r] = (int32_t)r + 1;
        self->count[r / size]++;
        self->epoch[r / size] = 1;
    }
    *out = self;
    return CLADE_OK;
}

void clade_roster_free(clade_roster *self)
{
    if (!self)
        return;
    clade_free(self->rank);
    clade_free(self->members);
    clade_free(self->count);
    clade_free(self->epoch);
    clade_free(self);
}

/* ---- groups ---- */

size_t clade_roster_groups(const clade_roster *self)
{
    return self->groups;
}

size_t clade_roster_workers(const clade_roster *self)
{
    return self->workers;
}

const int32_t *clade_roster_members(const clade_roster *self, size_t group, size_t *count)
{
    *count = self->count[group];
    return self->members + group * self->size;
}

uint64_t clade_roster_epoch(const clade_roster *self, size_t group)
{
    return self->epoch[group];
}

void clade_roster_renew(clade_roster *self, size_t group)
{
    const int32_t *members = self->members + group * self->size;
    self->epoch[group]++;
    for (size_t i = 0; i < self->count[group]; i++)
        self->rank[members[i]].ready = false;
}

bool clade_roster_group_ready(const clade_roster *self, size_t group)
{
    const int32_t *members = self->members + group * self->size;
    for (size_t i = 0; i < self->count[group]; i++)
        if (!self->rank[members[i]].ready)
            return false;
    return self->count[group] > 0;
}

void clade_roster_worked(clade_roster *self, size_t group)
{
    const int32_t *members = self->members + group * self->size;
    for (size_t i = 0; i < self->count[group]; i++)
        self->rank[members[i]].losses = 0;
}

/* ---- ranks ---- */

size_t clade_roster_group_of(const clade_roster *self, int rank)
{
    return ((size_t)rank - 1) / self->size;
}

bool clade_roster_lives(const clade_roster *self, int rank)
{
    return rank >= 1 && (size_t)rank <= self->ranks && !self->rank[rank].retired;
}

bool clade_roster_leads(const clade_roster *self, int rank)
{
    return clade_roster_lives(self, rank) && self->members[clade_roster_group_of(self, rank) * self->size] == rank;
}

size_t clade_roster_retired(const clade_roster *self)
{
    return self->retired;
}

void clade_roster_ready(clade_roster *self, int rank)
{
    self->rank[rank].ready = true;
}

bool clade_roster_is_ready(const clade_roster *self, int rank)
{
    return self->rank[rank].ready;
}

bool clade_roster_lost(clade_roster *self, int rank)
{
    return ++self->rank[rank].losses <= CLADE_MOST_RESTARTS;
}

void clade_roster_retire(clade_roster *self, int rank)
{
    const size_t group = clade_roster_group_of(self, rank);
    int32_t *members = self->members + group * self->size;
    size_t at = 0;
    while (members[at] != rank)
        at++;
    memmove(members + at, members + at + 1, (self->count[group] - at - 1) * sizeof *members);
    self->count[group]--;
    self->workers -= self->count[group] == 0;
    self->retired++;
    self->rank[rank].retired = true;
    self->rank[rank].ready = false;
}

/* ---- time ---- */

void clade_roster_heard(clade_roster *self, int rank, double now)
{
    self->rank[rank].heard = now;
}

void clade_roster_look(clade_roster *self, double now, double away)
{
    if (now - self->looked > away)
        for (size_t r = 1; r <= self->ranks; r++)
            self->rank[r].heard = now;
    self->looked = now;
}

int clade_roster_silent(const clade_roster *self, double now, double silence)
{
    for (size_t r = 1; r <= self->ranks; r++)
        if (!self->rank[r].retired && now - self->rank[r].heard > silence)
            return (int)r;
    return 0;
}
