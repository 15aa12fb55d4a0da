/* The guard on entropy (guard.h) along a run's commits. */
#include <math.h>
#include <string.h>

#include "clade/log.h"
#include "search/engine_state.h"

/* The entropy of a child; NAN when it is no objective. */
static double entropy_of(const clade_experiment *experiment, const clade_outcome *outcome)
{
    for (size_t k = 0; k < experiment->n_objectives; k++)
        if (strcmp(experiment->objectives[k]->name, "entropy") == 0)
            return outcome->objectives[k];
    return NAN;
}

/* Mean over the tasks that have one; NAN without any. */
static double accuracy_of(const clade_outcome *outcome)
{
    double sum = 0.0, tasks = 0.0;
    for (size_t t = 0; t < outcome->n_tasks; t++)
        if (isfinite(outcome->tasks[t])) {
            sum += outcome->tasks[t];
            tasks += 1.0;
        }
    return tasks > 0.0 ? sum / tasks : NAN;
}

/* Into the ledger and the log, unless an earlier session said so. */
static clade_status say(clade_engine *engine, const clade_guard_finding *finding)
{
    clade_guard_finding old;
    clade_text text = {0};
    bool known = false;
    CLADE_TRY(clade_guard_get(engine->ledger, &old, &known));
    if (known)
        return CLADE_OK;
    CLADE_TRY(clade_guard_put(engine->ledger, finding));
    clade_guard_write(finding, &text);
    const clade_status status = clade_text_status(&text);
    if (status == CLADE_OK)
        clade_log(CLADE_LOG_WARNING, "%s", clade_text_get(&text));
    clade_text_free(&text);
    return status;
}

clade_status clade_engine_watch(clade_engine *engine, const clade_slot *slot, uint64_t child)
{
    const clade_outcome *outcome = &slot->outcome;
    const clade_watched watched = {.child = child,
                                   .entropy = entropy_of(engine->experiment, outcome),
                                   .accuracy = accuracy_of(outcome),
                                   .correct = outcome->correct,
                                   .clean = outcome->clean,
                                   .n_bits = outcome->n_correct};
    clade_guard_finding finding;
    bool found = false;
    if (!isfinite(watched.entropy) || !isfinite(watched.accuracy))
        return CLADE_OK;
    CLADE_TRY(clade_guard_tell(&engine->guard, &watched, &finding, &found));
    return found ? say(engine, &finding) : CLADE_OK;
}
