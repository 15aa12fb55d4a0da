/* What a scorer keeps. Private to src/score.
 *
 * The items of all tasks form one stream of images, cut into parts: the clean items of a task, its items under one
 * corruption, its unlabelled items. The pass runs over the stream in full batches, across parts; metrics are per part.
 */
#ifndef CLADE_SCORE_SCORER_H
#define CLADE_SCORE_SCORER_H

#include "clade/score.h"

typedef enum part_kind { PART_CLEAN, PART_CORRUPTED, PART_UNLABELLED } part_kind;

typedef struct part {
    size_t task, corruption; /* corruption: index into the plan, when kind says so */
    part_kind kind;
    size_t count;    /* items scored */
    uint8_t *u8;     /* (>= count, C, H, W), owned; NULL when the items are F32 */
    float *f32;      /* (>= count, C, H, W) in [0, 1], owned; NULL when they are u8 */
    uint8_t *labels; /* (>= count), owned; NULL for unlabelled items */
    size_t stream;   /* place of item 0 among all images */
    uint64_t first;  /* index of item 0 in the task's file ... */
    size_t step;     /* ... and the distance to the next, there and among the bits of `correct` */
    size_t bit;      /* of item 0 among the task's correctness bits */
} part;

struct clade_scorer {
    const clade_probes *probes; /* borrowed */
    clade_score_plan plan;
    clade_preprocess preprocess;
    size_t channels, height, width, image; /* of every image; image = C * H * W */
    size_t embed;                          /* P, the width of embeddings and heads */
    part *parts;                           /* (n_parts), owned; those of tasks that plan.tasks leaves out are empty */
    size_t n_parts, images, memory;
    clade_forward *forward; /* owned */
    float *pixels;          /* (batch, C, H, W), owned */
    float *embeds;          /* (images, P), owned */
    float *logits;          /* (largest part, its classes), owned */
    uint8_t *correct;       /* (largest part), owned */
    /* of the run under way */
    size_t *queue;        /* (batch): the images being forwarded, owned */
    float *queue_embeds;  /* (batch, P), owned */
    uint32_t *rank;       /* (images): place in the order of its task and kind; owned */
    uint8_t *seen;        /* (images): 1 when forwarded; owned */
    float *seen_embeds;   /* (largest part, P): those of a part that is not seen whole, owned */
    uint8_t *seen_labels; /* (largest part), owned */
};

/* Lay out and fill the parts of SCORER, whose probes, plan and sizes are set: counts, memory, loading, corrupting. */
clade_status clade_scorer_load(clade_scorer *scorer) CLADE_CHECK_RESULT;

/* ---- score.c ---- */

/* From what the tasks of SCORE have, their robustness and the means over tasks; these are zeros before. */
void clade_score_means(clade_score *score);

/* ---- scorer_pass.c ---- */

/* Begin a run: nothing is seen, and the items of every task are in the order ORDER (clade_rungs), the corrupted ones, with
 * APART, in the opposite order. */
void clade_scorer_begin(clade_scorer *scorer, const size_t *const *order, bool apart);
/* Forward what the first SHARE of the labelled items has that was not seen yet; 1: everything. With ITEMS above 0: of
 * the first ITEMS of every task and kind. */
clade_status clade_scorer_forward(clade_scorer *scorer, const clade_provider *provider, double share,
                                  size_t items) CLADE_CHECK_RESULT;

#endif
