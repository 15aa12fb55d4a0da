/* A run that goes on elsewhere: is a result computed here the same, bit for bit? One child of before is scored again, and
 * what comes is held against the ledger. It costs one evaluation, counts for nothing, and is kept as an event. */
#include <math.h>
#include <stdio.h>
#include <string.h>

#include "clade/log.h"
#include "search/engine_state.h"

enum { WAIT_MILLISECONDS = 50, LOOKED_AT = 64 };

/* The first child whose recipe was scored on all items, for itself. Others could not be scored again by their recipe alone:
 * batches, and races, which may have ended. Where children race, that is only the first, who had no one to race against. */
static clade_status choose(clade_engine *engine, clade_child_row *row, clade_evaluation_row *old, bool *found)
{
    const uint64_t last = engine->experiment->racing.n_shares > 0 ? 1 : LOOKED_AT;
    for (uint64_t child = 0; child < last; child++) {
        uint64_t first = 0;
        CLADE_TRY(clade_ledger_get_evaluation(engine->ledger, child, CLADE_SEARCH, old, found));
        if (!*found || old->status != CLADE_OK || old->same_as >= 0)
            continue;
        CLADE_TRY(clade_ledger_get_child(engine->ledger, child, row, found));
        if (*found)
            CLADE_TRY(clade_ledger_find_recipe(engine->ledger, row->recipe_hash, child + 1, &first, found));
        if (*found && first == child)
            return CLADE_OK;
    }
    *found = false;
    return CLADE_OK;
}

static clade_status score_again(clade_engine *engine, const clade_child_row *row, clade_evaluation_row *now)
{
    const clade_job job = {.number = row->child,
                           .split = CLADE_SEARCH,
                           .recipe = clade_text_get(&row->recipe),
                           .recipe_length = row->recipe.length};
    CLADE_TRY(clade_pool_submit(engine->pool, &job));
    for (;;) {
        clade_pool_result result;
        bool got = false;
        if (engine->options->stop && *engine->options->stop)
            return clade_fail(CLADE_EINTERRUPTED, "stopped");
        CLADE_TRY(clade_pool_wait(engine->pool, WAIT_MILLISECONDS, &result, &got));
        if (got)
            return clade_take_result(&result, now);
    }
}

/* The largest difference of an objective. */
static clade_status distance(const clade_engine *engine, const clade_text *old, const clade_text *now, double *largest)
{
    const clade_subject *subject = engine->subject;
    clade_outcome a = {0}, b = {0};
    *largest = 0.0;
    clade_status status = subject->kind->read(subject->state, clade_text_get(old), old->length, &a);
    if (status == CLADE_OK)
        status = subject->kind->read(subject->state, clade_text_get(now), now->length, &b);
    for (size_t k = 0; status == CLADE_OK && k < engine->experiment->n_objectives; k++)
        *largest = fmax(*largest, fabs(a.objectives[k] - b.objectives[k]));
    clade_outcome_fini(&a);
    clade_outcome_fini(&b);
    return status;
}

/* The verdict, to the user and into the ledger. */
static clade_status judge(clade_engine *engine, uint64_t child, const clade_evaluation_row *old,
                          const clade_evaluation_row *now)
{
    char detail[160];
    double largest = 0.0;
    const unsigned long long number = (unsigned long long)child;
    bool scored = now->status == CLADE_OK;
    const bool same = scored && strcmp(clade_text_get(&old->score), clade_text_get(&now->score)) == 0;
    const clade_status compared = scored && !same ? distance(engine, &old->score, &now->score, &largest) : CLADE_OK;
    if (compared == CLADE_EIO) /* a lack of memory */
        return compared;
    scored = scored && compared == CLADE_OK;
    if (same)
        clade_log(CLADE_LOG_INFO, "child %llu was scored again here, and agrees in every bit with what it was there",
                  number);
    else if (scored)
        clade_log(
            CLADE_LOG_WARNING,
            "child %llu was scored again here, and differs from what it was there (objectives by at most %.3g): the "
            "run goes on, and is not the one that an uninterrupted session would have come to",
            number, largest);
    else
        clade_log(CLADE_LOG_WARNING, "child %llu could not be scored again here: %s", number,
                  compared == CLADE_OK ? clade_text_get(&now->reason) : clade_error_message());
    snprintf(detail, sizeof detail, "{\"child\":%llu,\"found\":\"%s\",\"largest_difference\":%.3g}", number,
             same     ? "agrees"
             : scored ? "differs"
                      : "failed",
             largest);
    return clade_ledger_put_event(engine->ledger, "platform checked", detail);
}

clade_status clade_engine_check_platform(clade_engine *engine)
{
    clade_child_row row = {0};
    clade_evaluation_row old = {0}, now = {0};
    bool found = false;
    clade_status status = choose(engine, &row, &old, &found);
    if (status == CLADE_OK && !found)
        clade_log(CLADE_LOG_INFO, "there is no child that could be scored again to see whether results agree");
    if (status == CLADE_OK && found)
        status = score_again(engine, &row, &now);
    if (status == CLADE_OK && found)
        status = judge(engine, row.child, &old, &now);
    clade_child_row_fini(&row);
    clade_evaluation_row_fini(&old);
    clade_evaluation_row_fini(&now);
    return status;
}
