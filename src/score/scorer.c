/* Scoring: one pass over the stream of images (scorer_pass.c), then the metrics of every part, then the means; in
 * rungs, the same after each rung for what was seen. */
#include <math.h>
#include <string.h>

#include "clade/alloc.h"
#include "score/scorer.h"

static const clade_metrics no_metrics = {.accuracy = NAN,
                                         .entropy = NAN,
                                         .nll = NAN,
                                         .ece = NAN,
                                         .brier = NAN,
                                         .loss = NAN,
                                         .confidence = NAN,
                                         .confidence_variance = NAN,
                                         .confidence_covariance = NAN};

/* ---- set-up ---- */

static clade_status check_plan(const clade_score_plan *plan)
{
    if (plan->labelled_split == CLADE_UNLABELLED && plan->with_corrupted)
        return clade_fail(CLADE_ECONFIG, "corruptions need labels, and those of the unlabelled split are never read");
    if (plan->with_corrupted && (plan->n_corruptions == 0 || plan->n_corruptions > CLADE_MAX_CORRUPTIONS))
        return clade_fail(CLADE_ECONFIG, "found %zu corruptions, expected 1 to %d", plan->n_corruptions,
                          CLADE_MAX_CORRUPTIONS);
    for (size_t k = 0; k < plan->n_corruptions && plan->with_corrupted; k++) {
        const char *name = plan->corruptions[k]->name;
        if (plan->severities[k] < 1 || plan->severities[k] > 5)
            return clade_fail(CLADE_ECONFIG, "corruption \"%s\": found severity %d, expected 1 to 5", name,
                              plan->severities[k]);
        for (size_t j = 0; j < k; j++)
            if (plan->corruptions[j] == plan->corruptions[k] && plan->severities[j] == plan->severities[k])
                return clade_fail(CLADE_ECONFIG, "corruption \"%s\" of severity %d is named twice", name,
                                  plan->severities[k]);
    }
    return CLADE_OK;
}

static clade_status check_model(const clade_scorer *scorer)
{
    if (scorer->preprocess.channels != scorer->channels)
        return clade_fail(CLADE_EINCOMPATIBLE,
                          "found means and deviations of %zu channels, expected %zu as the model has",
                          scorer->preprocess.channels, scorer->channels);
    for (size_t t = 0; t < scorer->probes->n_tasks; t++) {
        const clade_task *task = &scorer->probes->tasks[t];
        if (task->width != scorer->embed)
            return clade_fail(
                CLADE_EINCOMPATIBLE,
                "%s: tensor %s (head of task \"%s\"): found rows of %zu values, expected %zu, the width of the model's "
                "embeddings",
                task->head_file, task->head_tensor, task->name, task->width, scorer->embed);
    }
    return CLADE_OK;
}

/* Everything a run needs, so that a run allocates only its result. */
static clade_status reserve(clade_scorer *scorer, const clade_model *model)
{
    size_t most_logits = 0, most_items = 0;
    for (size_t k = 0; k < scorer->n_parts; k++) {
        const part *p = &scorer->parts[k];
        const size_t logits = p->count * scorer->probes->tasks[p->task].classes;
        most_logits = logits > most_logits ? logits : most_logits;
        most_items = p->count > most_items ? p->count : most_items;
    }
    CLADE_TRY(clade_forward_new(model, 0, &scorer->forward));
    const size_t batch = clade_forward_batch(scorer->forward), embed = scorer->embed * sizeof(float);
    scorer->pixels = clade_malloc(batch * scorer->image * sizeof(float));
    scorer->embeds = clade_malloc(scorer->images * embed);
    scorer->logits = clade_malloc(most_logits * sizeof(float));
    scorer->correct = clade_malloc(most_items);
    scorer->queue = clade_malloc(batch * sizeof *scorer->queue);
    scorer->queue_embeds = clade_malloc(batch * embed);
    scorer->rank = clade_malloc(scorer->images * sizeof *scorer->rank);
    scorer->seen = clade_malloc(scorer->images);
    scorer->seen_embeds = clade_malloc(most_items * embed);
    scorer->seen_labels = clade_malloc(most_items);
    if (scorer->pixels && scorer->embeds && scorer->logits && scorer->correct && scorer->queue &&
        scorer->queue_embeds && scorer->rank && scorer->seen && scorer->seen_embeds && scorer->seen_labels)
        return CLADE_OK;
    return clade_fail_memory(batch * scorer->image * sizeof(float) + (scorer->images + most_items + batch) * embed +
                                 most_logits * sizeof(float),
                             "scoring");
}

clade_status clade_scorer_new(const clade_probes *probes, const clade_model *model, const clade_preprocess *preprocess,
                              const clade_score_plan *plan, clade_scorer **scorer)
{
    CLADE_TRY(check_plan(plan));
    const clade_model_shape shape = clade_model_shape_of(model);
    clade_scorer *made = clade_calloc(1, sizeof *made);
    if (!made)
        return clade_fail_memory(sizeof *made, "a scorer");
    made->probes = probes;
    made->plan = *plan;
    made->preprocess = *preprocess;
    made->channels = shape.channels;
    made->height = made->width = shape.image_size;
    made->image = shape.channels * shape.image_size * shape.image_size;
    made->embed = shape.projection;
    clade_status status = check_model(made);
    if (status == CLADE_OK)
        status = clade_scorer_load(made);
    if (status == CLADE_OK)
        status = reserve(made, model);
    if (status != CLADE_OK)
        clade_scorer_free(made);
    else
        *scorer = made;
    return status;
}

void clade_scorer_free(clade_scorer *scorer)
{
    if (!scorer)
        return;
    for (size_t k = 0; k < scorer->n_parts; k++) {
        clade_free(scorer->parts[k].u8);
        clade_free(scorer->parts[k].f32);
        clade_free(scorer->parts[k].labels);
    }
    clade_free(scorer->parts);
    clade_forward_free(scorer->forward);
    clade_free(scorer->pixels);
    clade_free(scorer->embeds);
    clade_free(scorer->logits);
    clade_free(scorer->correct);
    clade_free(scorer->queue);
    clade_free(scorer->queue_embeds);
    clade_free(scorer->rank);
    clade_free(scorer->seen);
    clade_free(scorer->seen_embeds);
    clade_free(scorer->seen_labels);
    clade_free(scorer);
}

size_t clade_scorer_images(const clade_scorer *scorer)
{
    return scorer->images;
}

size_t clade_scorer_memory(const clade_scorer *scorer)
{
    return scorer->memory;
}

/* ---- metrics ---- */

/* The items of a part that were seen, close together: the part's own where all were. */
typedef struct sample {
    size_t count;
    const float *embeds;   /* (count, P) */
    const uint8_t *labels; /* (count), NULL for unlabelled items */
} sample;

static sample sample_of(const clade_scorer *scorer, const part *p)
{
    const uint8_t *seen = scorer->seen + p->stream;
    const float *embeds = scorer->embeds + p->stream * scorer->embed;
    size_t count = 0;
    for (size_t j = 0; j < p->count; j++)
        count += seen[j];
    if (count == p->count)
        return (sample){count, embeds, p->labels};
    for (size_t j = 0, i = 0; j < p->count; j++) {
        if (!seen[j])
            continue;
        memcpy(scorer->seen_embeds + i * scorer->embed, embeds + j * scorer->embed, scorer->embed * sizeof *embeds);
        if (p->labels)
            scorer->seen_labels[i] = p->labels[j];
        i++;
    }
    return (sample){count, scorer->seen_embeds, p->labels ? scorer->seen_labels : NULL};
}

/* CORRECT (items of P that were seen) to their bits. */
static void set_bits(const clade_scorer *scorer, const part *p, const uint8_t *correct, clade_task_score *score)
{
    for (size_t j = 0; j < p->count; j++) {
        const size_t bit = p->bit + j * p->step;
        if (!scorer->seen[p->stream + j])
            continue;
        score->correct[bit / 8] = (uint8_t)(score->correct[bit / 8] | *correct++ << (bit % 8));
        if (score->seen)
            score->seen[bit / 8] = (uint8_t)(score->seen[bit / 8] | 1 << (bit % 8));
    }
}

static clade_status score_part(clade_scorer *scorer, const part *p, clade_task_score *score)
{
    const clade_task *task = &scorer->probes->tasks[p->task];
    const sample items = sample_of(scorer, p);
    const char *kind = p->kind == PART_CORRUPTED ? scorer->plan.corruptions[p->corruption]->name
                       : p->kind == PART_CLEAN   ? "clean"
                                                 : "unlabelled";
    clade_metrics metrics;
    if (items.count == 0)
        return CLADE_OK;
    clade_status status = clade_cosine_logits(items.embeds, items.count, scorer->embed, task->head, task->classes,
                                              task->logit_scale, scorer->logits);
    if (status == CLADE_OK)
        status = clade_metrics_of(scorer->logits, items.count, task->classes, items.labels, scorer->correct, &metrics);
    if (status != CLADE_OK)
        return clade_fail_prefix(status, "task \"%s\", %s items", task->name, kind);
    if (p->kind == PART_UNLABELLED) {
        score->entropy = metrics.entropy;
        score->unlabelled = metrics.items;
        score->confidence = metrics.confidence;
        score->confidence_variance = metrics.confidence_variance;
        return CLADE_OK;
    }
    *(p->kind == PART_CLEAN ? &score->clean : &score->corrupted[p->corruption]) = metrics;
    set_bits(scorer, p, scorer->correct, score);
    return CLADE_OK;
}

/* The tasks of an empty score, with room for the correctness bits of SCORER's parts; for those of the items seen, too,
 * when that is only a PART of them. */
static clade_status make_room(const clade_scorer *scorer, bool whole, clade_score *score)
{
    const size_t n_tasks = scorer->probes->n_tasks;
    *score = (clade_score){0};
    score->tasks = clade_calloc(n_tasks, sizeof *score->tasks);
    if (!score->tasks)
        return clade_fail_memory(n_tasks * sizeof *score->tasks, "a score");
    score->n_tasks = n_tasks;
    for (size_t k = 0; k < scorer->n_parts; k++) {
        const part *p = &scorer->parts[k];
        score->tasks[p->task].n_correct += p->kind != PART_UNLABELLED ? p->count : 0;
        score->tasks[p->task].n_clean += p->kind == PART_CLEAN ? p->count : 0;
    }
    for (size_t t = 0; t < n_tasks; t++) {
        clade_task_score *task = &score->tasks[t];
        const size_t bytes = (task->n_correct + 7) / 8;
        task->clean = no_metrics;
        for (size_t k = 0; k < CLADE_MAX_CORRUPTIONS; k++)
            task->corrupted[k] = no_metrics;
        task->entropy = task->confidence = task->confidence_variance = NAN;
        task->correct = clade_calloc(bytes, 1);
        task->seen = whole ? NULL : clade_calloc(bytes, 1);
        if (!task->correct || (!whole && !task->seen))
            return clade_fail_memory(bytes, "a score");
    }
    return CLADE_OK;
}

/* The score of what was seen. */
static clade_status measure(clade_scorer *scorer, bool whole, clade_score *score)
{
    clade_status status = make_room(scorer, whole, score);
    for (size_t k = 0; k < scorer->n_parts && status == CLADE_OK; k++)
        status = score_part(scorer, &scorer->parts[k], &score->tasks[scorer->parts[k].task]);
    if (status != CLADE_OK) {
        clade_score_fini(score);
        return status;
    }
    for (size_t i = 0; i < scorer->images; i++)
        score->images += scorer->seen[i];
    clade_score_means(score);
    return CLADE_OK;
}

clade_status clade_scorer_run(clade_scorer *scorer, const clade_provider *provider, clade_score *score)
{
    static const clade_rungs none = {0};
    return clade_scorer_run_rungs(scorer, provider, &none, score);
}

/* The first ITEMS of every task and kind, and no more. */
static clade_status run_sample(clade_scorer *scorer, const clade_provider *provider, size_t items, clade_score *score)
{
    CLADE_TRY(clade_scorer_forward(scorer, provider, 0.0, items));
    CLADE_TRY(measure(scorer, false, score));
    score->stopped = (clade_stopped){.reason = CLADE_SAMPLED,
                                     .rung = 1,
                                     .left = scorer->images - score->images,
                                     .accuracy = score->clean.accuracy,
                                     .robustness = score->robustness};
    return CLADE_OK;
}

clade_status clade_scorer_run_rungs(clade_scorer *scorer, const clade_provider *provider, const clade_rungs *rungs,
                                    clade_score *score)
{
    *score = (clade_score){0};
    clade_scorer_begin(scorer, rungs->order, rungs->items > 0);
    if (rungs->items > 0)
        return run_sample(scorer, provider, rungs->items, score);
    for (size_t r = 0; r < rungs->n_shares; r++) {
        clade_stopped stopped = {0};
        CLADE_TRY(clade_scorer_forward(scorer, provider, rungs->shares[r], 0));
        CLADE_TRY(measure(scorer, false, score));
        if (rungs->stop(rungs->context, score, &stopped)) {
            stopped.rung = r + 1;
            stopped.left = scorer->images - score->images;
            score->stopped = stopped;
            return CLADE_OK;
        }
        clade_score_fini(score);
    }
    CLADE_TRY(clade_scorer_forward(scorer, provider, 1.0, 0));
    return measure(scorer, true, score);
}
