/* When a run ends, and how its front came along.
 *
 * Children, images, progress and target are functions of the commits, so a replay ends at the same child. Raising the
 * children lifts what progress and target said: only children bred after that count for them. */
#include <math.h>
#include <stdio.h>
#include <string.h>

#include "clade/clock.h"
#include "clade/log.h"
#include "search/engine_state.h"

/* A hypervolume that is larger by less than this share is no progress: at scores of some hundred items, less than one
 * item of one member. Small gains add up: what counts is the gain since the last that was large enough. */
static const double LEAST_GAIN = 1e-4;

/* ---- the end ---- */

/* The event, unless the last session wrote it and nobody raised the budget since. */
static clade_status record_end(clade_engine *engine, const char *reason)
{
    char detail[64];
    clade_text old = {0};
    bool found = false;
    snprintf(detail, sizeof detail, "{\"asked\":%llu,\"reason\":\"%s\"}", (unsigned long long)engine->asked, reason);
    clade_status status = clade_ledger_get_event_since(engine->ledger, "closed", "budget", &old, &found);
    if (status == CLADE_OK && !(found && strcmp(clade_text_get(&old), detail) == 0))
        status = clade_ledger_put_event(engine->ledger, "closed", detail);
    clade_text_free(&old);
    return status;
}

static clade_status close_budget(clade_engine *engine, const char *reason)
{
    engine->closed = true;
    clade_log(CLADE_LOG_INFO, "budget reached after %llu children: %s", (unsigned long long)engine->asked, reason);
    return record_end(engine, reason);
}

/* Seconds depend on the machine, so the place where they ended the run is written down, and a replay stops at the same.
 * Children that were bred before are not subject to the clock. */
static clade_status check_seconds(clade_engine *engine)
{
    const double limit = engine->experiment->seconds;
    if (engine->asked == engine->stop_at)
        return close_budget(engine, "seconds");
    if (limit <= 0.0 || engine->used_before + clade_clock_now() - engine->started < limit)
        return CLADE_OK;
    clade_child_row row = {0};
    bool found = false;
    CLADE_TRY(clade_ledger_get_child(engine->ledger, engine->asked, &row, &found));
    clade_child_row_fini(&row);
    if (found)
        return CLADE_OK;
    char detail[64];
    snprintf(detail, sizeof detail, "{\"asked\":%llu}", (unsigned long long)engine->asked);
    engine->stop_at = engine->asked;
    CLADE_TRY(clade_ledger_put_event(engine->ledger, "stop", detail));
    return close_budget(engine, "seconds");
}

static bool stands_still(const clade_engine *engine)
{
    const uint64_t limit = engine->experiment->no_progress;
    const uint64_t since = engine->last_gain > engine->extended_at ? engine->last_gain : engine->extended_at;
    return limit > 0 && engine->committed >= since && engine->committed - since >= limit;
}

clade_status clade_engine_may_ask(clade_engine *engine, bool *may)
{
    const clade_experiment *experiment = engine->experiment;
    *may = false;
    if (engine->closed)
        return CLADE_OK;
    if (engine->committed < clade_levels_told_before_ask(engine->levels, engine->asked, experiment->window))
        return CLADE_OK;
    if (experiment->children > 0 && engine->asked >= experiment->children)
        return close_budget(engine, "children");
    if (experiment->images > 0 && engine->images >= experiment->images)
        return close_budget(engine, "images");
    if (engine->target_reached)
        return close_budget(engine, "target");
    if (stands_still(engine))
        return close_budget(engine, "no_progress");
    CLADE_TRY(check_seconds(engine));
    *may = !engine->closed;
    return CLADE_OK;
}

/* ---- the front's progress ---- */

/* POINT is at least as good as every target there is; false when there is none. */
static bool reaches(const clade_experiment *experiment, const double *point)
{
    double natural[CLADE_MAX_OBJECTIVES];
    size_t asked = 0;
    clade_flip_objectives(experiment, point, natural);
    for (size_t k = 0; k < experiment->n_objectives; k++) {
        const double target = experiment->target[k];
        if (isnan(target))
            continue;
        asked++;
        if (experiment->objectives[k]->maximise ? natural[k] < target : natural[k] > target)
            return false;
    }
    return asked > 0;
}

clade_status clade_engine_front_changed(clade_engine *engine, uint64_t child, const double *point, bool known)
{
    const clade_experiment *experiment = engine->experiment;
    CLADE_TRY(clade_archive_hypervolume(&engine->front, experiment, &engine->hypervolume));
    if (engine->hypervolume > engine->last_gain_volume * (1.0 + LEAST_GAIN)) {
        engine->last_gain_volume = engine->hypervolume;
        engine->last_gain = engine->committed;
    }
    if (child >= engine->extended_at)
        engine->target_reached = engine->target_reached || reaches(experiment, point) ||
                                 engine->hypervolume >= experiment->target_hypervolume;
    const clade_series_row row = {.child = child,
                                  .images = engine->images,
                                  .seconds = known ? (double)NAN
                                                   : engine->seconds_before + clade_clock_now() - engine->started,
                                  .hypervolume = engine->hypervolume,
                                  .front = engine->front.count};
    return clade_ledger_put_series(engine->ledger, &row);
}
