/* A budget that was raised. The ledger's events "budget" say {"children": N, "images": N, "seconds": S, "wall_seconds": T,
 * "bred": B}: the limits from there on, how many of the run's seconds do not count, and how many children were bred before
 * (rules on the front begin anew there). Older programs wrote no images and seconds: those stayed. */
#include <inttypes.h>

#include "search/run_folder.h"

static bool has(const clade_json_at *at)
{
    return clade_json_kind_of(at) != CLADE_JSON_ABSENT;
}

/* What schedules of algorithms go by stays as it was planned, or a replay would breed other children; and the experiment's
 * file stays the experiment's (run_difference.c). */
static void keep_plan(clade_experiment *experiment)
{
    if (experiment->planned == 0)
        experiment->planned = experiment->children;
    if (experiment->planned_images == 0)
        experiment->planned_images = experiment->images;
    if (!(experiment->planned_seconds > 0.0))
        experiment->planned_seconds = experiment->seconds;
}

/* The last event "budget" as a DOCUMENT that calls itself NAME, the caller's; NULL: the budget was never raised. */
static clade_status last_event(clade_ledger *ledger, const char *name, clade_json **document)
{
    clade_text detail = {0};
    uint64_t number = 0;
    bool found = false;
    *document = NULL;
    clade_status status = clade_ledger_get_event(ledger, "budget", &detail, &number, &found);
    if (status == CLADE_OK && found)
        status = clade_json_parse(clade_text_get(&detail), detail.length, name, CLADE_EINPUT, document);
    clade_text_free(&detail);
    return status;
}

clade_status clade_budget_get(clade_ledger *ledger, const char *name, clade_experiment *experiment)
{
    clade_json *document = NULL;
    clade_problems problems = {0};
    clade_status status = last_event(ledger, name, &document);
    if (status == CLADE_OK && document) {
        const clade_json_at root = clade_json_root(document), children = clade_json_member(&root, "children"),
                            images = clade_json_member(&root, "images"), seconds = clade_json_member(&root, "seconds");
        keep_plan(experiment);
        (void)clade_json_u64(&children, &problems, &experiment->children);
        if (has(&images))
            (void)clade_json_u64(&images, &problems, &experiment->images);
        if (has(&seconds))
            (void)clade_json_number(&seconds, &problems, 0.0, CLADE_MOST_SECONDS, &experiment->seconds);
        status = clade_problems_end(&problems, CLADE_EINPUT);
    }
    clade_json_free(document);
    return status;
}

clade_status clade_budget_begun(clade_ledger *ledger, double *seconds, uint64_t *bred)
{
    clade_json *document = NULL;
    clade_problems problems = {0};
    *seconds = 0.0;
    *bred = 0;
    clade_status status = last_event(ledger, "event budget", &document);
    if (status == CLADE_OK && document) {
        const clade_json_at root = clade_json_root(document), forgiven = clade_json_member(&root, "wall_seconds"),
                            children = clade_json_member(&root, "bred");
        (void)clade_json_number(&forgiven, &problems, 0.0, CLADE_MOST_SECONDS, seconds);
        if (has(&children))
            (void)clade_json_u64(&children, &problems, bred);
        status = clade_problems_end(&problems, CLADE_EINPUT);
    }
    clade_json_free(document);
    return status;
}

/* LIMIT becomes ASKED, where it is asked for. */
static clade_status raise_limit(const char *name, const char *what, uint64_t asked, double limit, bool *raised)
{
    *raised = false;
    if (asked == 0)
        return CLADE_OK;
    if (!(limit > 0.0))
        return clade_fail(CLADE_EUSAGE, "%s: this run has no limit of %s that --%s %" PRIu64 " could raise", name, what,
                          what, asked);
    if ((double)asked < limit)
        return clade_fail(CLADE_EUSAGE,
                          "%s: --%s %" PRIu64
                          " is less than the %.15g this run has already; a budget can only be raised",
                          name, what, asked, limit);
    *raised = (double)asked > limit;
    return CLADE_OK;
}

clade_status clade_budget_raise(const char *name, const clade_resume_request *request, clade_experiment *experiment,
                                clade_budget_change *change)
{
    bool children = false, images = false, seconds = false;
    if ((double)request->seconds > CLADE_MOST_SECONDS)
        return clade_fail(CLADE_EUSAGE, "%s: --seconds %" PRIu64 " is more than anybody has; expected at most %.0f",
                          name, request->seconds, CLADE_MOST_SECONDS);
    CLADE_TRY(raise_limit(name, "children", request->children, (double)experiment->children, &children));
    CLADE_TRY(raise_limit(name, "images", request->images, (double)experiment->images, &images));
    CLADE_TRY(raise_limit(name, "seconds", request->seconds, experiment->seconds, &seconds));
    keep_plan(experiment);
    if (children)
        experiment->children = request->children;
    if (images)
        experiment->images = request->images;
    if (seconds)
        experiment->seconds = (double)request->seconds;
    *change = seconds ? CLADE_BUDGET_SECONDS : children || images ? CLADE_BUDGET_ANEW : CLADE_BUDGET_SAME;
    return CLADE_OK;
}

clade_status clade_budget_put(clade_ledger *ledger, const clade_experiment *experiment, clade_budget_change change)
{
    clade_text detail = {0};
    clade_ledger_counts counts;
    double forgiven;
    uint64_t ignored;
    CLADE_TRY(clade_ledger_count(ledger, &counts));
    CLADE_TRY(clade_budget_begun(ledger, &forgiven, &ignored));
    clade_json_writer writer = clade_json_writer_to(&detail, false);
    clade_json_begin_object(&writer, NULL);
    clade_json_put_u64(&writer, "children", experiment->children);
    clade_json_put_u64(&writer, "images", experiment->images);
    clade_json_put_number(&writer, "seconds", experiment->seconds);
    clade_json_put_number(&writer, "wall_seconds", change == CLADE_BUDGET_ANEW ? counts.wall_seconds : forgiven);
    clade_json_put_u64(&writer, "bred", counts.children);
    clade_json_end_object(&writer);
    clade_status status = clade_text_status(&detail);
    if (status == CLADE_OK)
        status = clade_ledger_put_event(ledger, "budget", clade_text_get(&detail));
    clade_text_free(&detail);
    return status;
}
