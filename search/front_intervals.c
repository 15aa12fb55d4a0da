/* How sure the holdout values of a front are: the bootstrap over the answers to each item that the scores keep. */
#include <math.h>
#include <stdio.h>
#include <string.h>

#include "clade/alloc.h"
#include "clade/bits.h"
#include "search/engine.h"

/* Models at a time, so that memory stays small for long fronts. */
enum { CHUNK = 16, NAME_BYTES = 512, MAX_NAMES = 64 };

/* The columns of every task: its own fine-tune (clean), the model the front is held against, then two for each model. */
enum { OWN, AGAINST, MODELS = AGAINST + 2 };

static const char *const measure_names[CLADE_MEASURES] = {
    [CLADE_ACCURACY] = "accuracy", [CLADE_ROBUSTNESS] = "robustness", [CLADE_RETENTION] = "retention"};

const char *clade_measure_name(clade_measure measure)
{
    return measure_names[measure];
}

size_t clade_measure_objective(clade_measure measure)
{
    size_t count, i = 0;
    const clade_objective *const *all = clade_objectives(&count);
    while (i + 1 < count && strcmp(all[i]->name, measure_names[measure]) != 0)
        i++;
    return i;
}

double clade_optimism(size_t index, double search, double holdout)
{
    size_t count;
    return clade_objectives(&count)[index]->maximise ? search - holdout : holdout - search;
}

/* A member or a reference. */
typedef struct model {
    const char *name;
    const clade_score *score; /* on holdout; n_tasks 0: not scored */
    const double *objectives;
    clade_certainty *certainty; /* (CLADE_MEASURES), to be filled */
} model;

typedef struct bootstrap {
    const clade_probes *probes;
    size_t n_corruptions;
    const model *models; /* (n_models) of this chunk */
    size_t n_models, n_columns;
    const model *against;   /* or NULL */
    const model **own;      /* (n_tasks), NULL where a task's own fine-tune is not known */
    clade_answers *answers; /* (n_tasks) */
    uint8_t *points;        /* of all tasks, owned */
    double *means, *values; /* of clade_bootstrap_means; (resamples) */
} bootstrap;

/* ---- answers ---- */

/* Clean items into POINTS (n), and under how many corruptions each item was right into the next n, unless CLEAN_ONLY.
 * Without rotation corruption k's bits follow those of corruption k - 1 (score.h). */
static void fill_points(const clade_task_score *task, size_t n_corruptions, bool clean_only, uint8_t *points)
{
    const size_t n = task->clean.items;
    for (size_t i = 0; i < n; i++)
        points[i] = clade_bit(task->correct, i);
    for (size_t i = 0; !clean_only && i < n; i++) {
        points[n + i] = 0;
        for (size_t k = 1; k <= n_corruptions; k++)
            points[n + i] = (uint8_t)(points[n + i] + clade_bit(task->correct, k * n + i));
    }
}

/* All scores of the holdout plan have every item of the split under every corruption; another one is of no such plan. */
static clade_status check_items(const bootstrap *self, const model *m, size_t t, size_t n)
{
    const clade_task_score *task = &m->score->tasks[t];
    bool same = task->clean.items == n && task->n_correct == (1 + self->n_corruptions) * n;
    for (size_t k = 0; k < self->n_corruptions; k++)
        same = same && task->corrupted[k].items == n;
    if (same)
        return CLADE_OK;
    return clade_fail(
        CLADE_EINPUT,
        "ledger: holdout score of %s: task %s: found %zu clean items and %zu answers, expected %zu items, "
        "clean and under each of %zu corruptions",
        m->name, self->probes->tasks[t].name, task->clean.items, task->n_correct, n, self->n_corruptions);
}

static clade_status put_model(const bootstrap *self, const model *m, size_t t, size_t column, bool clean_only)
{
    const size_t n = self->answers[t].n_items;
    if (!m || m->score->n_tasks == 0)
        return CLADE_OK;
    const size_t first = (size_t)(self->answers[t].points - self->points); /* of the task's columns */
    CLADE_TRY(check_items(self, m, t, n));
    fill_points(&m->score->tasks[t], self->n_corruptions, clean_only, self->points + first + column * n);
    return CLADE_OK;
}

static clade_status put_answers(bootstrap *self)
{
    size_t at = 0;
    for (size_t t = 0; t < self->probes->n_tasks; t++) {
        clade_answers *answers = &self->answers[t];
        answers->points = self->points + at;
        at += self->n_columns * answers->n_items;
        CLADE_TRY(put_model(self, self->own[t], t, OWN, true));
        CLADE_TRY(put_model(self, self->against, t, AGAINST, false));
        for (size_t i = 0; i < self->n_models; i++)
            CLADE_TRY(put_model(self, &self->models[i], t, MODELS + 2 * i, false));
    }
    return CLADE_OK;
}

/* ---- values ---- */

/* MEASURE of the model whose clean answers are COLUMN, in resample B: a mean over tasks, as of the objectives. */
static double value(const bootstrap *self, clade_measure measure, size_t b, size_t column)
{
    const size_t n_tasks = self->probes->n_tasks;
    double sum = 0.0;
    size_t count = 0;
    for (size_t t = 0; t < n_tasks; t++) {
        const double *row = self->means + (b * n_tasks + t) * self->n_columns;
        const double x = measure == CLADE_ACCURACY        ? row[column]
                         : measure == CLADE_ROBUSTNESS    ? row[column + 1] / (double)self->n_corruptions
                         : self->own[t] && row[OWN] > 0.0 ? row[column] / row[OWN]
                                                          : (double)NAN;
        if (measure != CLADE_RETENTION && isnan(x))
            continue; /* a task without items */
        sum += x;
        count++;
    }
    return count > 0 ? sum / (double)count : (double)NAN;
}

static clade_interval interval_of(const bootstrap *self, clade_measure measure, size_t column, bool difference)
{
    for (size_t b = 1; b <= CLADE_BOOTSTRAP_RESAMPLES; b++)
        self->values[b - 1] = value(self, measure, b, column) - (difference ? value(self, measure, b, AGAINST) : 0.0);
    return clade_percentile_interval(self->values, CLADE_BOOTSTRAP_RESAMPLES, CLADE_BOOTSTRAP_PERCENT);
}

static void put_certainty(const bootstrap *self, const model *m, size_t column)
{
    for (clade_measure measure = 0; measure < CLADE_MEASURES && m->score->n_tasks > 0; measure++) {
        m->certainty[measure].value = interval_of(self, measure, column, false);
        if (self->against)
            m->certainty[measure].difference = interval_of(self, measure, column, true);
    }
}

static clade_status run_chunk(bootstrap *self)
{
    const size_t n_tasks = self->probes->n_tasks;
    CLADE_TRY(put_answers(self));
    CLADE_TRY(clade_bootstrap_means(self->answers, n_tasks, self->n_columns, CLADE_BOOTSTRAP_RESAMPLES, self->means));
    for (size_t i = 0; i < self->n_models; i++)
        put_certainty(self, &self->models[i], MODELS + 2 * i);
    return CLADE_OK;
}

/* ---- who is held against whom ---- */

static model model_of_member(clade_member *member, char name[NAME_BYTES])
{
    snprintf(name, NAME_BYTES, "child %llu", (unsigned long long)member->child);
    return (model){name, &member->holdout, member->holdout_objectives, member->certainty};
}

static model model_of_reference(clade_reference *reference)
{
    return (model){reference->name, &reference->holdout, reference->holdout_objectives, reference->certainty};
}

/* The last reference is the hand-made one, if there is one; then the average. */
static bool default_against(clade_front *front, model *out)
{
    for (size_t r = front->n_references; r-- > 0;) {
        const char *name = front->references[r].name;
        *out = model_of_reference(&front->references[r]);
        if (out->score->n_tasks > 0 && (strncmp(name, "first: ", 7) == 0 || strcmp(name, "average") == 0))
            return true;
    }
    return false;
}

static clade_status find_against(clade_front *front, const char *against, char name[NAME_BYTES], model *out)
{
    const char *known[MAX_NAMES];
    size_t count = 0;
    for (size_t r = 0; r < front->n_references; r++) {
        *out = model_of_reference(&front->references[r]);
        if (strcmp(out->name, against) == 0 && out->score->n_tasks > 0)
            return CLADE_OK;
        if (count < MAX_NAMES && out->score->n_tasks > 0)
            known[count++] = out->name;
    }
    for (size_t i = 0; i < front->n_members; i++) {
        *out = model_of_member(&front->members[i], name);
        if (strcmp(out->name, against) == 0 && out->score->n_tasks > 0)
            return CLADE_OK;
    }
    clade_text words = {0};
    clade_append_suggestion(&words, against, known, count);
    const clade_status status =
        clade_fail(CLADE_EUSAGE,
                   "against: found \"%.60s\", expected a model that is scored on holdout%s (or \"child N\" "
                   "for a member of the front)",
                   against, clade_text_get(&words));
    clade_text_free(&words);
    return status;
}

static clade_status set_against(clade_front *front, const model *against)
{
    clade_free(front->against);
    front->against = clade_strdup(against->name);
    front->against_objectives = against->objectives;
    front->against_score = against->score;
    return front->against ? CLADE_OK : clade_fail_memory(NAME_BYTES, "the front");
}

/* ---- the whole ---- */

/* The reference that is each task's own fine-tune: the parent of the task's name. */
static void find_own(clade_front *front, model *references, bootstrap *self)
{
    char name[NAME_BYTES];
    for (size_t t = 0; t < self->probes->n_tasks; t++) {
        snprintf(name, sizeof name, "parent %s", self->probes->tasks[t].name);
        for (size_t r = 0; r < front->n_references; r++)
            if (strcmp(references[r].name, name) == 0 && references[r].score->n_tasks > 0)
                self->own[t] = &references[r];
    }
}

static clade_status make_room(bootstrap *self)
{
    const size_t n_tasks = self->probes->n_tasks;
    size_t items = 0;
    self->n_columns = MODELS + 2 * CHUNK;
    self->answers = clade_calloc(n_tasks, sizeof *self->answers);
    self->own = clade_calloc(n_tasks, sizeof *self->own);
    for (size_t t = 0; self->answers && t < n_tasks; t++) {
        const clade_task *task = &self->probes->tasks[t];
        self->answers[t].key = clade_name_key(task->name);
        self->answers[t].n_items = task->splits[CLADE_HOLDOUT].last - task->splits[CLADE_HOLDOUT].first;
        items += self->answers[t].n_items;
    }
    const size_t means = (1 + CLADE_BOOTSTRAP_RESAMPLES) * n_tasks * self->n_columns;
    self->points = clade_calloc(self->n_columns * items + 1, 1);
    self->means = clade_calloc(means, sizeof(double));
    self->values = clade_calloc(CLADE_BOOTSTRAP_RESAMPLES, sizeof(double));
    return self->answers && self->own && self->points && self->means && self->values
               ? CLADE_OK
               : clade_fail_memory(self->n_columns * items + means * sizeof(double), "intervals of the front");
}

static clade_status run_all(bootstrap *self, const model *models, size_t count)
{
    for (size_t first = 0; first < count; first += CHUNK) {
        self->models = models + first;
        self->n_models = count - first < CHUNK ? count - first : CHUNK;
        CLADE_TRY(run_chunk(self));
    }
    return CLADE_OK;
}

clade_status clade_front_intervals(clade_front *front, const char *against)
{
    const size_t count = front->n_members + front->n_references;
    char name[NAME_BYTES];
    model held = {0};
    bool has_against = default_against(front, &held);
    if (against) {
        CLADE_TRY(find_against(front, against, name, &held));
        has_against = true;
    }
    if (has_against)
        CLADE_TRY(set_against(front, &held));
    bootstrap self = {.probes = front->probes,
                      .n_corruptions = front->experiment->n_holdout_corruptions,
                      .against = has_against ? &held : NULL};
    model *models = clade_calloc(count + 1, sizeof *models);
    char(*names)[NAME_BYTES] = clade_calloc(front->n_members + 1, sizeof *names);
    clade_status status = models && names ? make_room(&self) : clade_fail_memory(count * sizeof *models, "the front");
    if (status == CLADE_OK) {
        for (size_t r = 0; r < front->n_references; r++)
            models[r] = model_of_reference(&front->references[r]);
        for (size_t i = 0; i < front->n_members; i++)
            models[front->n_references + i] = model_of_member(&front->members[i], names[i]);
        find_own(front, models, &self);
        status = run_all(&self, models, count);
    }
    clade_free(models);
    clade_free(names);
    clade_free(self.answers);
    clade_free(self.own);
    clade_free(self.points);
    clade_free(self.means);
    clade_free(self.values);
    return status;
}
