/* From the score of a child to what the engine works with: objectives, what the algorithm is told in their place, and
 * the answers to single items. */
#include <math.h>
#include <string.h>

#include "clade/alloc.h"
#include "clade/bits.h"
#include "search/subject_merge.h"

/* The value of an objective, or its estimate when a race ended the child: only the two that race have one. */
static double value_of(const clade_merge_subject *subject, const clade_objective *objective, const clade_score *score)
{
    if (score->stopped.reason == CLADE_NOT_STOPPED || score->stopped.reason == CLADE_SAMPLED)
        return objective->value(score, subject->retention);
    if (strcmp(objective->name, "accuracy") == 0)
        return score->stopped.accuracy;
    return strcmp(objective->name, "robustness") == 0 ? score->stopped.robustness : NAN;
}

/* What the algorithm is told of an objective, minimised. */
static double signal_of(const clade_merge_subject *subject, const clade_objective *objective, double value,
                        const clade_score *score)
{
    if (subject->experiment->smooth && objective->signal)
        return clade_objective_find(objective->signal)->value(score, subject->retention);
    return objective->maximise ? -value : value;
}

/* Which items of all tasks were asked (where SEEN is not NULL), and which are clean. */
static void mark_items(const clade_score *score, uint8_t *seen, uint8_t *clean)
{
    size_t at = 0;
    for (size_t t = 0; t < score->n_tasks; t++) {
        const clade_task_score *task = &score->tasks[t];
        for (size_t i = 0; i < task->n_correct; i++, at++) {
            clade_bit_put(clean, at, i < task->n_clean);
            if (seen)
                clade_bit_put(seen, at, !task->seen || clade_bit(task->seen, i));
        }
    }
}

static clade_status take_answers(const clade_score *score, clade_outcome *outcome)
{
    const bool whole = score->stopped.reason == CLADE_NOT_STOPPED;
    const size_t bits = clade_score_bits(score), bytes = bits / 8 + 1, tasks = score->n_tasks;
    outcome->correct = clade_calloc(bytes, 1);
    outcome->clean = clade_calloc(bytes, 1);
    outcome->seen = whole ? NULL : clade_calloc(bytes, 1);
    outcome->tasks = clade_calloc(tasks, sizeof *outcome->tasks);
    if (!outcome->correct || !outcome->clean || (!whole && !outcome->seen) || !outcome->tasks)
        return clade_fail_memory(3 * bytes + tasks * sizeof *outcome->tasks, "the answers of a child");
    clade_score_join_bits(score, outcome->correct);
    mark_items(score, outcome->seen, outcome->clean);
    for (size_t t = 0; t < tasks; t++)
        outcome->tasks[t] = score->tasks[t].clean.accuracy;
    outcome->n_correct = bits;
    outcome->n_tasks = tasks;
    return CLADE_OK;
}

clade_status clade_merge_read_result(void *state, const char *text, size_t length, clade_outcome *outcome)
{
    const clade_merge_subject *subject = state;
    const clade_experiment *experiment = subject->experiment;
    clade_score score = {0};
    clade_outcome_fini(outcome);
    clade_status status = clade_score_parse(text, length, subject->probes, &subject->plan, &score);
    if (status == CLADE_OK)
        status = take_answers(&score, outcome);
    if (status == CLADE_OK) {
        outcome->complete = score.stopped.reason == CLADE_NOT_STOPPED;
        outcome->images = score.images;
        outcome->cost = (double)score.images / (double)(score.images + score.stopped.left);
        for (size_t k = 0; k < experiment->n_objectives; k++) {
            const clade_objective *objective = experiment->objectives[k];
            outcome->objectives[k] = value_of(subject, objective, &score);
            outcome->signals[k] = signal_of(subject, objective, outcome->objectives[k], &score);
        }
    }
    clade_score_fini(&score);
    return status;
}
