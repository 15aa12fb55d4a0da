/* Scoring: one pass over the stream of images, then the metrics of every part, then the means. */
#include <inttypes.h>
#include <math.h>

#include "clade/alloc.h"
#include "clade/kernels.h"
#include "score/scorer.h"

static const clade_metrics no_metrics = {.accuracy = NAN, .entropy = NAN, .nll = NAN, .ece = NAN, .brier = NAN};

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
    const size_t pixels = clade_forward_batch(scorer->forward) * scorer->image * sizeof(float);
    scorer->pixels = clade_malloc(pixels);
    scorer->embeds = clade_malloc(scorer->images * scorer->embed * sizeof(float));
    scorer->logits = clade_malloc(most_logits * sizeof(float));
    scorer->correct = clade_malloc(most_items);
    if (scorer->pixels && scorer->embeds && scorer->logits && scorer->correct)
        return CLADE_OK;
    return clade_fail_memory(pixels + (scorer->images * scorer->embed + most_logits) * sizeof(float) + most_items,
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

/* ---- the pass ---- */

/* Item J of part P as the model's input (C, H, W): (x - mean) / std. */
static void normalise(const clade_scorer *scorer, const part *p, size_t j, float *out)
{
    const clade_kernels *kernels = clade_kernels_best();
    const size_t plane = scorer->height * scorer->width;
    for (size_t c = 0; c < scorer->channels; c++) {
        const float scale = 1.0f / scorer->preprocess.std[c], shift = -scorer->preprocess.mean[c] * scale;
        const size_t at = j * scorer->image + c * plane;
        if (p->u8)
            kernels->normalise_u8(plane, p->u8 + at, scale, shift, out + c * plane);
        for (size_t i = 0; i < plane && p->f32; i++)
            out[c * plane + i] = p->f32[at + i] * scale + shift;
    }
}

/* Which item of which part the pass has reached. */
typedef struct cursor {
    size_t part, item;
} cursor;

static void step_over_empty(const clade_scorer *scorer, cursor *at)
{
    while (at->part < scorer->n_parts && at->item == scorer->parts[at->part].count)
        *at = (cursor){.part = at->part + 1};
}

static clade_status name_item(const clade_scorer *scorer, cursor at, clade_status status)
{
    const part *p = &scorer->parts[at.part];
    return clade_fail_prefix(status, "task \"%s\", batch from item %" PRIu64 " on", scorer->probes->tasks[p->task].name,
                             p->first + at.item * p->step);
}

static clade_status forward_all(clade_scorer *scorer, const clade_provider *provider)
{
    const size_t batch = clade_forward_batch(scorer->forward);
    cursor at = {0};
    for (size_t done = 0; done < scorer->images;) {
        const size_t n = scorer->images - done < batch ? scorer->images - done : batch;
        step_over_empty(scorer, &at);
        const cursor start = at;
        for (size_t i = 0; i < n; i++, at.item++) {
            step_over_empty(scorer, &at);
            normalise(scorer, &scorer->parts[at.part], at.item, scorer->pixels + i * scorer->image);
        }
        const clade_status status = clade_forward_run(scorer->forward, provider, scorer->pixels, n,
                                                      scorer->embeds + done * scorer->embed, NULL);
        if (status != CLADE_OK)
            return name_item(scorer, start, status);
        done += n;
    }
    return CLADE_OK;
}

/* ---- metrics ---- */

static void set_bits(const part *p, const uint8_t *correct, uint8_t *bits)
{
    for (size_t j = 0; j < p->count; j++) {
        const size_t bit = p->bit + j * p->step;
        bits[bit / 8] = (uint8_t)(bits[bit / 8] | correct[j] << (bit % 8));
    }
}

static clade_status score_part(clade_scorer *scorer, const part *p, clade_task_score *score)
{
    const clade_task *task = &scorer->probes->tasks[p->task];
    const float *embeds = scorer->embeds + p->stream * scorer->embed;
    const char *kind = p->kind == PART_CORRUPTED ? scorer->plan.corruptions[p->corruption]->name
                       : p->kind == PART_CLEAN   ? "clean"
                                                 : "unlabelled";
    clade_metrics metrics;
    if (p->count == 0)
        return CLADE_OK;
    clade_status status = clade_cosine_logits(embeds, p->count, scorer->embed, task->head, task->classes,
                                              task->logit_scale, scorer->logits);
    if (status == CLADE_OK)
        status = clade_metrics_of(scorer->logits, p->count, task->classes,
                                  p->kind == PART_UNLABELLED ? NULL : p->labels, scorer->correct, &metrics);
    if (status != CLADE_OK)
        return clade_fail_prefix(status, "task \"%s\", %s items", task->name, kind);
    if (p->kind == PART_UNLABELLED) {
        score->entropy = metrics.entropy;
        return CLADE_OK;
    }
    *(p->kind == PART_CLEAN ? &score->clean : &score->corrupted[p->corruption]) = metrics;
    set_bits(p, scorer->correct, score->correct);
    return CLADE_OK;
}

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

static void score_robustness(clade_task_score *task, size_t n_corruptions)
{
    mean robustness = {0};
    for (size_t k = 0; k < n_corruptions; k++)
        add(&robustness, task->corrupted[k].accuracy);
    task->robustness = value(robustness);
}

static void score_means(clade_score *score)
{
    mean accuracy = {0}, confusion = {0}, nll = {0}, ece = {0}, brier = {0}, robustness = {0}, entropy = {0};
    mean corrupted[CLADE_MAX_CORRUPTIONS] = {{0}};
    score->worst_task = NAN;
    for (size_t t = 0; t < score->n_tasks; t++) {
        const clade_task_score *task = &score->tasks[t];
        score->clean.items += task->clean.items;
        add(&accuracy, task->clean.accuracy);
        add(&confusion, task->clean.entropy);
        add(&nll, task->clean.nll);
        add(&ece, task->clean.ece);
        add(&brier, task->clean.brier);
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
    score->robustness = value(robustness);
    score->entropy = value(entropy);
    for (size_t k = 0; k < CLADE_MAX_CORRUPTIONS; k++)
        score->corrupted_accuracy[k] = value(corrupted[k]);
}

/* The tasks of an empty score, with room for the correctness bits of SCORER's parts. */
static clade_status make_room(const clade_scorer *scorer, clade_score *score)
{
    const size_t n_tasks = scorer->probes->n_tasks;
    *score = (clade_score){.images = scorer->images};
    score->tasks = clade_calloc(n_tasks, sizeof *score->tasks);
    if (!score->tasks)
        return clade_fail_memory(n_tasks * sizeof *score->tasks, "a score");
    score->n_tasks = n_tasks;
    for (size_t k = 0; k < scorer->n_parts; k++)
        if (scorer->parts[k].kind != PART_UNLABELLED)
            score->tasks[scorer->parts[k].task].n_correct += scorer->parts[k].count;
    for (size_t t = 0; t < n_tasks; t++) {
        clade_task_score *task = &score->tasks[t];
        const size_t bytes = (task->n_correct + 7) / 8;
        task->clean = no_metrics;
        for (size_t k = 0; k < CLADE_MAX_CORRUPTIONS; k++)
            task->corrupted[k] = no_metrics;
        task->entropy = NAN;
        task->correct = clade_calloc(bytes, 1);
        if (!task->correct)
            return clade_fail_memory(bytes, "a score");
    }
    return CLADE_OK;
}

clade_status clade_scorer_run(clade_scorer *scorer, const clade_provider *provider, clade_score *score)
{
    clade_status status = make_room(scorer, score);
    if (status == CLADE_OK)
        status = forward_all(scorer, provider);
    for (size_t k = 0; k < scorer->n_parts && status == CLADE_OK; k++)
        status = score_part(scorer, &scorer->parts[k], &score->tasks[scorer->parts[k].task]);
    if (status != CLADE_OK) {
        clade_score_fini(score);
        return status;
    }
    for (size_t t = 0; t < score->n_tasks; t++)
        score_robustness(&score->tasks[t], scorer->plan.n_corruptions);
    score_means(score);
    return CLADE_OK;
}

void clade_score_fini(clade_score *score)
{
    for (size_t t = 0; t < score->n_tasks; t++)
        clade_free(score->tasks[t].correct);
    clade_free(score->tasks);
    *score = (clade_score){0};
}
