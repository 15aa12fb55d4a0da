/* The start of a pool over ranks: tell every rank what is searched and where it stands, and hear that it is ready. A rank
 * that cannot open its files ends the run here, before anything was done, since the others would soon find the same; one
 * that dies or stays silent is given up as at any time later. */
#include <limits.h>
#include <string.h>

#include "clade/alloc.h"
#include "clade/clock.h"
#include "clade/log.h"
#include "search/platform.h"
#include "search/pool_ranks.h"

static const double SILENCE = 60.0, HEARTBEATS = 6.0; /* seconds; in the time after which a rank is given up */

void clade_roll_note(clade_roll *roll, int rank, const clade_reply *reply, const char *text)
{
    if (roll->noted[rank])
        return;
    roll->noted[rank] = true;
    if (reply->status == CLADE_OK) {
        roll->idle += reply->job == 0;
        if (strcmp(text, clade_text_get(&roll->platform)) != 0)
            clade_log(CLADE_LOG_WARNING,
                      "rank %d computes on another platform than rank 0: scores may differ in their last bits "
                      "with who computes them (rank 0: %s; rank %d: %s)",
                      rank, clade_text_get(&roll->platform), rank, text);
        return;
    }
    if (roll->failures++ == 0)
        roll->failed_rank = INT_MAX;
    if (rank < roll->failed_rank) {
        roll->failed = reply->status == CLADE_EINTERRUPTED ? CLADE_EINTERNAL : (clade_status)reply->status;
        roll->failed_rank = rank;
        clade_text_clear(&roll->failure);
        clade_text_append(&roll->failure, "rank %d on %s: %s", rank, clade_link_host(rank), text);
    }
}

static bool all_ready(const clade_coordinator *self)
{
    bool ready = true;
    for (size_t k = 0; ready && k < clade_roster_groups(self->roster); k++) {
        size_t count = 0;
        (void)clade_roster_members(self->roster, k, &count);
        ready = count == 0 || clade_roster_group_ready(self->roster, k);
    }
    return ready;
}

static clade_status judge_roll(clade_roll *roll, size_t group)
{
    if (roll->failures > 1)
        clade_text_append(&roll->failure, " (and %zu more ranks)", roll->failures - 1);
    if (roll->failures > 0)
        return clade_fail(roll->failed, "%s", clade_text_get(&roll->failure));
    if (roll->idle > 0)
        clade_log(CLADE_LOG_WARNING,
                  "%zu of %d workers have no task to score: there are fewer tasks than the %zu ranks of a group",
                  roll->idle, clade_mpi_size() - 1, group);
    return CLADE_OK;
}

/* Hear from every rank. */
static clade_status call_roll(clade_coordinator *self, size_t group)
{
    clade_roll roll = {.failed = CLADE_OK};
    long pause = CLADE_SHORTEST_NAP;
    clade_platform_print(&roll.platform);
    clade_status status = clade_text_status(&roll.platform);
    const size_t ranks = (size_t)clade_mpi_size();
    roll.noted = clade_calloc(ranks, sizeof *roll.noted);
    if (status == CLADE_OK && !roll.noted)
        status = clade_fail_memory(ranks * sizeof *roll.noted, "ranks");
    self->roll = &roll;
    for (size_t k = 0; status == CLADE_OK && k < clade_roster_groups(self->roster); k++)
        status = clade_ranks_begin_epoch(self, k);
    while (status == CLADE_OK && !all_ready(self)) {
        clade_pool_done none = {0};
        status = clade_ranks_listen(self, NULL, &none);
        if (status == CLADE_OK && !all_ready(self))
            clade_link_nap(&pause, CLADE_COORDINATOR_NAP);
    }
    self->roll = NULL;
    if (status == CLADE_OK)
        status = judge_roll(&roll, group);
    clade_text_free(&roll.platform);
    clade_text_free(&roll.failure);
    clade_free(roll.noted);
    return status;
}

clade_status clade_pool_open_mpi(const char *experiment_json, size_t group, const clade_pool_limits *limits,
                                 clade_pool **pool)
{
    *pool = NULL;
    if (clade_mpi_size() < 2)
        return clade_fail(CLADE_EINTERNAL, "MPI: a job of %d rank has no workers", clade_mpi_size());
    clade_coordinator *self = clade_calloc(1, sizeof *self);
    if (!self)
        return clade_fail_memory(sizeof *self, "a pool");
    const size_t ranks = (size_t)clade_mpi_size() - 1;
    self->limits = *limits;
    if (!(self->limits.silence > 0.0))
        self->limits.silence = SILENCE;
    self->heartbeat = self->limits.silence / HEARTBEATS;
    clade_status status = clade_roster_new(ranks, group < ranks ? group : ranks, clade_clock_now(), &self->roster);
    if (status == CLADE_OK) {
        self->at = clade_calloc(clade_roster_groups(self->roster), sizeof(clade_pool_job *));
        self->json = clade_strdup(experiment_json);
        if (!self->at || !self->json)
            status = clade_fail_memory(strlen(experiment_json), "a pool");
    }
    if (status == CLADE_OK)
        status = call_roll(self, group);
    if (status == CLADE_OK)
        return clade_pool_new(&clade_ranks_backend, self, pool);
    clade_ranks_close(self);
    return status;
}
