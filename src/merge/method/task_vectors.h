/* The parts of the task-vector pipeline (task_vectors.c): its rows, what each does to a parent's task vector, and the
 * surveys that this needs. */
#ifndef CLADE_MERGE_TASK_VECTORS_H
#define CLADE_MERGE_TASK_VECTORS_H

#include "clade/kernels.h"
#include "clade/rng.h"
#include "merge/method/methods.h"
#include "merge/method/trim.h"

/* Parameters of every row; task arithmetic has the first three. Behind them each row has its own. */
enum { TASK_WEIGHT, TASK_LAMBDA, TASK_NORMALIZE, TASK_DENSITY, TASK_RESCALE, TASK_OWN };
enum { TASK_TRIM_RULE = TASK_OWN, TASK_MERGE };        /* TIES */
enum { TASK_GAMMA = TASK_OWN };                        /* Breadcrumbs */
enum { TASK_BY_PROBABILITY = TASK_OWN, TASK_EPSILON }; /* DARE has the first, DELLA both */
enum { TASK_EXACT_K, TASK_GE_KTH };                    /* choices of TASK_TRIM_RULE */
enum { TASK_MERGE_SUM, TASK_MERGE_MAX };               /* choices of TASK_MERGE */

enum { TASK_N_ARITHMETIC = TASK_DENSITY, TASK_N_TIES = TASK_MERGE + 1, TASK_N_OUTLIERS = TASK_GAMMA + 1 };
enum { TASK_N_DROP = TASK_BY_PROBABILITY + 1, TASK_N_MAGPRUNE = TASK_EPSILON + 1 };

extern const clade_parameter clade_task_arithmetic[TASK_N_ARITHMETIC], clade_task_ties[TASK_N_TIES],
    clade_task_ties_global[TASK_N_TIES], clade_task_outliers[TASK_N_OUTLIERS], clade_task_drop[TASK_N_DROP],
    clade_task_magprune[TASK_N_MAGPRUNE], clade_task_magprune_ties[TASK_N_MAGPRUNE];

typedef enum clade_sparsifier {
    SPARSIFY_NONE,
    SPARSIFY_TRIM,     /* TIES: the largest magnitudes stay */
    SPARSIFY_OUTLIERS, /* Breadcrumbs: the largest but for the very largest */
    SPARSIFY_DROP,     /* DARE: a draw for each element */
    SPARSIFY_MAGPRUNE  /* DELLA: the same with probabilities by the rank of the magnitude in its row */
} clade_sparsifier;

typedef struct clade_task_row {
    clade_sparsifier sparsifier;
    bool elect;
    bool choose; /* has TASK_MERGE */
    bool global; /* trims over all tensors of a rule */
} clade_task_row;

static inline double clade_task_value(const clade_merge_tile *tile, size_t parent, size_t parameter)
{
    return tile->parent[parent * tile->n_parameters + parameter];
}

/* ---- one parent's task vector after sparsification ---- */

typedef enum clade_sparse_mode { SPARSE_ALL, SPARSE_NOTHING, SPARSE_SOME } clade_sparse_mode;
/* Density 1 keeps all and density 0 nothing, whatever the row. */
bool clade_some_sparse(const clade_merge_tile *tile); /* of rows that have densities */
clade_sparse_mode clade_sparse_mode_of(const clade_merge_tile *tile, const clade_task_row *row, size_t parent);

/* The cuts of a trim: kept are the elements before UPPER that are not before LOWER. */
typedef struct clade_trim_cuts {
    clade_trim_order order;
    clade_cut lower, upper;
} clade_trim_cuts;

/* PARENT's task vector over TILE. Of trims only CUTS: clade_sparse_cut gives the bounds. Masks that the survey did not
 * leave are drawn into the tile's scratch. CLADE_ECONFIG: density and epsilon give no probabilities. */
clade_status clade_sparse_begin(const clade_merge_tile *tile, const clade_task_row *row, size_t parent,
                                clade_trim_cuts *cuts, clade_sparse_row *to) CLADE_CHECK_RESULT;
/* Move TO from the first element of the tile to element FIRST and set the bounds of a trim, for as many elements as have
 * the same bounds; returns how many, at most N. Rows of masks know no elements but the first. */
size_t clade_sparse_cut(const clade_merge_tile *tile, const clade_task_row *row, size_t parent,
                        const clade_trim_cuts *cuts, size_t first, size_t n, clade_sparse_row *to);
size_t clade_sparse_scratch(const clade_merge_tile *tile, const clade_task_row *row);

/* ---- masks ---- */

/* The draws of PARENT from the first element of TILE on. */
clade_pcg32 clade_mask_draws(const clade_merge_tile *tile, size_t parent);
/* The mask of TILE (clade_mask_words of its elements); no bit need be set where the task vector is 0. */
clade_status clade_mask_draw(const clade_merge_tile *tile, const clade_task_row *row, size_t parent,
                             uint64_t *bits) CLADE_CHECK_RESULT;
/* Room for a mask of the tile in its scratch. */
uint64_t *clade_mask_place(const clade_merge_tile *tile, const clade_task_row *row, size_t parent);

/* ---- DELLA ---- */

/* The rank of an element is how many of its row are smaller in magnitude, or equal and before it; its probability to
 * stay rises with it. Rows lie along dimension 1, a vector is one row; a unit is the rows that lie together. */
size_t clade_rank_unit(const clade_merge_tile *tensor);
/* The mask of a tile of whole units. The room is at the start of the tile's scratch. CLADE_ECONFIG: density and epsilon
 * give no probabilities; CLADE_EINCOMPATIBLE: rows too long. */
clade_status clade_rank_mask(const clade_merge_tile *tile, size_t parent, uint64_t *bits) CLADE_CHECK_RESULT;
/* RANKS (n) of the same; *LENGTH: elements of a row. ROOM: clade_rank_room bytes. */
clade_status clade_rank_rows(const clade_merge_tile *tile, const float *x, uint32_t *ranks, void *room,
                             uint64_t *length) CLADE_CHECK_RESULT;
/* The mask applied: y = weight (x - base) / probability where kept, else 0. RANKS (n): room. */
clade_status clade_rank_prune(const clade_merge_tile *tile, size_t parent, double weight, uint32_t *ranks,
                              double *y) CLADE_CHECK_RESULT;
size_t clade_rank_room(const clade_merge_tile *tile);

/* ---- surveys ---- */

/* Surveys of trims: the cuts, then the sums of a rescaling. PASS as in clade/method.h; the others know it. */
size_t clade_trim_state_bytes(const clade_merge_tile *tensor, const clade_task_row *row);
size_t clade_trim_partial_bytes(const clade_merge_tile *tensor, const clade_task_row *row, unsigned pass);
size_t clade_trim_sample_stride(const clade_merge_tile *tensor, unsigned pass); /* of rows that are not global */
size_t clade_trim_cleared_bytes(const clade_merge_tile *tensor, unsigned pass);
clade_status clade_trim_survey(const clade_merge_tile *tile, const clade_task_row *row, void *partial);
clade_status clade_trim_merge(const clade_merge_tile *tensor, const clade_task_row *row, void *state,
                              const void *partial);
clade_status clade_trim_end(const clade_merge_tile *tensor, const clade_task_row *row, void *state, bool *again);
/* What combine needs of them: the cuts, and what the survivors are multiplied by. */
clade_trim_cuts clade_task_cuts(const clade_merge_tile *tile, const clade_task_row *row, size_t parent);
double clade_trim_factor(const clade_merge_tile *tile, const clade_task_row *row, size_t parent);

/* Surveys of masks: the masks, and the sums of a rescaling. */
size_t clade_mask_state_bytes(const clade_merge_tile *tensor);
size_t clade_mask_partial_bytes(const clade_merge_tile *tensor, unsigned pass);
clade_status clade_mask_survey(const clade_merge_tile *tile, const clade_task_row *row, void *partial);
clade_status clade_mask_merge(const clade_merge_tile *tensor, unsigned pass, void *state, const void *partial);
/* The mask of a parent's whole tensor; NULL: it was not drawn. */
const uint64_t *clade_mask_bits(const clade_merge_tile *tile, size_t parent);
double clade_mask_factor(const clade_merge_tile *tile, const clade_task_row *row, size_t parent);

/* Combine of every row. */
clade_status clade_task_combine(const clade_merge_tile *tile, const clade_task_row *row, float *out);

#endif
