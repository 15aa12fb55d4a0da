/* The pass: images of the stream through the model in full batches, across parts, all at once or rung by rung. */
#include <inttypes.h>
#include <math.h>
#include <string.h>

#include "clade/kernels.h"
#include "score/scorer.h"

/* What may be missing from a product of a share and a count, so that half of 30 is 15 and not 16. */
static const double ROUNDING = 1e-9;

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

/* ---- the order of a task's items ---- */

/* The parts of a task lie together: clean, corrupted ones, unlabelled. */
static size_t parts_of_task(const clade_scorer *scorer)
{
    return scorer->n_parts / scorer->probes->n_tasks;
}

/* Items of a task that are scored corrupted: rotating, each of them is in one part only. */
static size_t corrupted_items(const clade_scorer *scorer, size_t task)
{
    const size_t per_task = parts_of_task(scorer);
    const part *parts = scorer->parts + task * per_task;
    size_t count = 0;
    for (size_t k = 1; k + 1 < per_task; k++)
        count = scorer->plan.rotate ? count + parts[k].count : parts[k].count;
    return count;
}

/* Number the clean items of a task in its order, and its corrupted ones; APART from the other end of the order. */
static void rank_task(clade_scorer *scorer, size_t task, const size_t *order, bool apart)
{
    const size_t per_task = parts_of_task(scorer), labelled = clade_scorer_labelled(scorer, task);
    const part *clean = scorer->parts + task * per_task;
    const size_t corrupted = corrupted_items(scorer, task), n = per_task - 2;
    uint32_t clean_rank = 0, corrupted_rank = 0;
    for (size_t place = 0; place < labelled; place++) {
        const size_t from_end = apart ? labelled - 1 - place : place;
        size_t i = order ? order[place] : place;
        if (i < clean->count)
            scorer->rank[clean->stream + i] = clean_rank++;
        i = order ? order[from_end] : from_end;
        if (i >= corrupted)
            continue;
        for (size_t k = 0; k < n; k++) {
            const part *p = clean + 1 + k;
            if (!scorer->plan.rotate || i % n == k)
                scorer->rank[p->stream + (scorer->plan.rotate ? i / n : i)] = corrupted_rank;
        }
        corrupted_rank++;
    }
}

void clade_scorer_begin(clade_scorer *scorer, const size_t *const *order, bool apart)
{
    memset(scorer->seen, 0, scorer->images);
    memset(scorer->rank, 0, scorer->images * sizeof *scorer->rank);
    for (size_t t = 0; t < scorer->probes->n_tasks; t++)
        rank_task(scorer, t, order ? order[t] : NULL, apart);
}

/* The rank at which the first SHARE of the items of P ends, or (above 0) the first ITEMS. */
static uint32_t end_of(const clade_scorer *scorer, const part *p, double share, size_t items)
{
    if (items > 0 && p->kind != PART_UNLABELLED)
        return items < UINT32_MAX ? (uint32_t)items : UINT32_MAX;
    if (items == 0 && share >= 1.0)
        return UINT32_MAX;
    if (p->kind == PART_UNLABELLED)
        return 0;
    const size_t count = p->kind == PART_CLEAN ? p->count : corrupted_items(scorer, p->task);
    return (uint32_t)ceil(share * (double)count - ROUNDING);
}

/* ---- batches ---- */

static clade_status name_image(const clade_scorer *scorer, size_t image, clade_status status)
{
    const part *p = scorer->parts;
    while (image - p->stream >= p->count)
        p++;
    return clade_fail_prefix(status, "task \"%s\", item %" PRIu64, scorer->probes->tasks[p->task].name,
                             p->first + (image - p->stream) * p->step);
}

/* Why the N images of the queue fail with STATUS: the first of them that fails alone is named, whatever shared its
 * batch, since the reason must not depend on which tasks are scored here. */
static clade_status name_failure(clade_scorer *scorer, const clade_provider *provider, size_t n, clade_status status)
{
    for (size_t i = 0; i < n; i++) {
        const clade_status alone = clade_forward_run(scorer->forward, provider, scorer->pixels + i * scorer->image, 1,
                                                     scorer->queue_embeds, NULL);
        if (alone != CLADE_OK)
            return name_image(scorer, scorer->queue[i], alone);
    }
    return status;
}

/* Forward the N images in the queue. */
static clade_status forward_queue(clade_scorer *scorer, const clade_provider *provider, size_t n)
{
    const size_t row = scorer->embed * sizeof *scorer->embeds;
    const clade_status status =
        clade_forward_run(scorer->forward, provider, scorer->pixels, n, scorer->queue_embeds, NULL);
    if (status != CLADE_OK)
        return name_failure(scorer, provider, n, status);
    for (size_t i = 0; i < n; i++) {
        const size_t image = scorer->queue[i];
        memcpy(scorer->embeds + image * scorer->embed, scorer->queue_embeds + i * scorer->embed, row);
        scorer->seen[image] = 1;
    }
    return CLADE_OK;
}

clade_status clade_scorer_forward(clade_scorer *scorer, const clade_provider *provider, double share, size_t items)
{
    const size_t batch = clade_forward_batch(scorer->forward);
    size_t n = 0;
    for (size_t k = 0; k < scorer->n_parts; k++) {
        const part *p = &scorer->parts[k];
        const uint32_t end = end_of(scorer, p, share, items);
        for (size_t j = 0; j < p->count; j++) {
            if (scorer->seen[p->stream + j] || scorer->rank[p->stream + j] >= end)
                continue;
            normalise(scorer, p, j, scorer->pixels + n * scorer->image);
            scorer->queue[n++] = p->stream + j;
            if (n < batch)
                continue;
            CLADE_TRY(forward_queue(scorer, provider, n));
            n = 0;
        }
    }
    return n > 0 ? forward_queue(scorer, provider, n) : CLADE_OK;
}
