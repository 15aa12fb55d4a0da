/* A score as a value: its means, its memory, its correctness bits, and the whole of parts. */
#include "clade/score.h"

#include <math.h>
#include <string.h>

#include "clade/alloc.h"
#include "clade/bits.h"
#include "score/scorer.h"

/* ---- means ---- */

/* Mean of COUNT numbers of which NAN ones do not count; NAN when none counts. */
typedef struct mean {
    double sum;
    size_t count;
} mean;

static void add(mean *m, double x)
{
    if (!isnan(x)) {
        m->sum += x;
        m->count++;
    }
}

static double value(mean m)
{
    return m.count > 0 ? m.sum / (double)m.count : NAN;
}

static double robustness_of(const clade_task_score *task)
{
    mean robustness = {0};
    for (size_t k = 0; k < CLADE_MAX_CORRUPTIONS; k++)
        add(&robustness, task->corrupted[k].accuracy);
    return value(robustness);
}

void clade_score_means(clade_score *score)
{
    mean accuracy = {0}, confusion = {0}, nll = {0}, ece = {0}, brier = {0}, loss = {0}, robustness = {0},
         entropy = {0}, confidence = {0}, variance = {0}, covariance = {0};
    mean corrupted[CLADE_MAX_CORRUPTIONS] = {{0}};
    score->worst_task = NAN;
    for (size_t t = 0; t < score->n_tasks; t++) {
        clade_task_score *task = &score->tasks[t];
        task->robustness = robustness_of(task);
        score->clean.items += task->clean.items;
        add(&accuracy, task->clean.accuracy);
        add(&confusion, task->clean.entropy);
        add(&nll, task->clean.nll);
        add(&ece, task->clean.ece);
        add(&brier, task->clean.brier);
        add(&loss, task->clean.loss);
        add(&confidence, task->clean.confidence);
        add(&variance, task->clean.confidence_variance);
        add(&covariance, task->clean.confidence_covariance);
        add(&robustness, task->robustness);
        add(&entropy, task->entropy);
        for (size_t k = 0; k < CLADE_MAX_CORRUPTIONS; k++)
            add(&corrupted[k], task->corrupted[k].accuracy);
        score->worst_task = fmin(score->worst_task, task->clean.accuracy); /* the other one when one is NAN */
    }
    score->clean.accuracy = value(accuracy);
    score->clean.entropy = value(confusion);
    score->clean.nll = value(nll);
    score->clean.ece = value(ece);
    score->clean.brier = value(brier);
    score->clean.loss = value(loss);
    score->clean.confidence = value(confidence);
    score->clean.confidence_variance = value(variance);
    score->clean.confidence_covariance = value(covariance);
    score->robustness = value(robustness);
    score->entropy = value(entropy);
    for (size_t k = 0; k < CLADE_MAX_CORRUPTIONS; k++)
        score->corrupted_accuracy[k] = value(corrupted[k]);
}

/* ---- memory and bits ---- */

void clade_score_fini(clade_score *score)
{
    for (size_t t = 0; t < score->n_tasks; t++) {
        clade_free(score->tasks[t].correct);
        clade_free(score->tasks[t].seen);
    }
    clade_free(score->tasks);
    *score = (clade_score){0};
}

size_t clade_score_bits(const clade_score *score)
{
    size_t bits = 0;
    for (size_t t = 0; t < score->n_tasks; t++)
        bits += score->tasks[t].n_correct;
    return bits;
}

void clade_score_join_bits(const clade_score *score, uint8_t *bits)
{
    size_t at = 0;
    for (size_t t = 0; t < score->n_tasks; t++)
        for (size_t i = 0; i < score->tasks[t].n_correct; i++, at++)
            if (clade_bit(score->tasks[t].correct, i))
                bits[at / 8] = (uint8_t)(bits[at / 8] | 1 << (at % 8));
}

/* ---- parts ---- */

/* *OUT a copy of the bits FROM of COUNT items; NULL stays NULL. */
static clade_status copy_bits(const uint8_t *from, size_t count, uint8_t **out)
{
    const size_t bytes = (count + 7) / 8;
    if (!from)
        return CLADE_OK;
    *out = clade_malloc(bytes);
    if (!*out)
        return clade_fail_memory(bytes, "a score");
    memcpy(*out, from, bytes);
    return CLADE_OK;
}

static clade_status copy_task(const clade_task_score *from, clade_task_score *to)
{
    *to = *from;
    to->correct = to->seen = NULL;
    CLADE_TRY(copy_bits(from->correct, from->n_correct, &to->correct));
    return copy_bits(from->seen, from->n_correct, &to->seen);
}

/* Whether it is SCORE, of several parts, that has the items of a task: there are bits, or unlabelled items seen. */
static bool scores_task(const clade_score *score, size_t task)
{
    return score->tasks[task].n_correct > 0 || score->tasks[task].unlabelled > 0;
}

static clade_status check_parts(const clade_score *parts, size_t n_parts)
{
    for (size_t k = 1; k < n_parts; k++)
        if (parts[k].n_tasks != parts->n_tasks || parts[k].stopped.reason != parts->stopped.reason ||
            parts[k].stopped.rung != parts->stopped.rung)
            return clade_fail(CLADE_EINTERNAL,
                              "part %zu of a score: found %zu tasks, stopped for reason %d after rung %zu, expected "
                              "%zu tasks, reason %d, rung %zu as in part 0",
                              k, parts[k].n_tasks, (int)parts[k].stopped.reason, parts[k].stopped.rung, parts->n_tasks,
                              (int)parts->stopped.reason, parts->stopped.rung);
    return CLADE_OK;
}

/* Every task of SCORE, which is empty, from the part that scores it; one without items is empty in each. */
static clade_status join_tasks(const clade_score *parts, size_t n_parts, clade_score *score)
{
    score->tasks = clade_calloc(parts->n_tasks, sizeof *score->tasks);
    if (!score->tasks)
        return clade_fail_memory(parts->n_tasks * sizeof *score->tasks, "a score");
    score->n_tasks = parts->n_tasks;
    for (size_t t = 0; t < score->n_tasks; t++) {
        size_t owner = 0, owners = 0;
        for (size_t k = 0; k < n_parts; k++)
            if (scores_task(&parts[k], t)) {
                owner = k;
                owners++;
            }
        if (owners > 1)
            return clade_fail(CLADE_EINTERNAL, "parts of a score: found task %zu in %zu of them, expected it in one", t,
                              owners);
        CLADE_TRY(copy_task(&parts[owner].tasks[t], &score->tasks[t]));
    }
    return CLADE_OK;
}

clade_status clade_score_join(const clade_score *parts, size_t n_parts, clade_score *score)
{
    *score = (clade_score){0};
    CLADE_TRY(check_parts(parts, n_parts));
    const clade_status status = join_tasks(parts, n_parts, score);
    if (status != CLADE_OK) {
        clade_score_fini(score);
        return status;
    }
    clade_score_means(score);
    score->stopped = parts->stopped;
    score->stopped.left = 0;
    for (size_t k = 0; k < n_parts; k++) {
        score->images += parts[k].images;
        score->stopped.left += parts[k].stopped.left;
    }
    if (score->stopped.reason == CLADE_SAMPLED) {
        score->stopped.accuracy = score->clean.accuracy;
        score->stopped.robustness = score->robustness;
    }
    return CLADE_OK;
}
