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

/* ---- one parent's task vector after sparsification, block by block ---- */

typedef enum clade_sparse_mode { SPARSE_ALL, SPARSE_NOTHING, SPARSE_SOME } clade_sparse_mode;
/* Density 1 keeps all and density 0 nothing, whatever the row. */
bool clade_some_sparse(const clade_merge_tile *tile); /* of rows that have densities */
clade_sparse_mode clade_sparse_mode_of(const clade_merge_tile *tile, const clade_task_row *row, size_t parent);

/* The cuts of a trim: kept are the elements before UPPER that are not before LOWER. */
typedef struct clade_trim_cuts {
    clade_trim_order order;
    clade_cut lower, upper;
} clade_trim_cuts;

typedef struct clade_sparse_reader {
    const clade_kernels *kernels;
    clade_sparse_mode mode;
    clade_sparsifier sparsifier;
    const float *x, *base; /* of the next element */
    double weight;         /* factor of what is kept */
    uint64_t index;        /* of the next element, in what a trim looks at */
    clade_trim_cuts cuts;
    const uint64_t *bits; /* of the tensor's mask, which then needs no draws; or NULL */
    clade_rng draws;
    uint64_t threshold;    /* DARE: draws below it keep */
    const uint32_t *ranks; /* DELLA: of the next element */
    double low, slope;     /* DELLA: the probability to stay is low + slope * rank */
    bool by_probability;   /* DELLA: what stays is divided by it */
} clade_sparse_reader;

/* Read PARENT's task vector from the start of TILE, times WEIGHT. CUTS: of a trim, else unused. BITS: of a mask that was
 * drawn before, or NULL. For DELLA without them the ranks go to the tile's scratch (clade_sparse_scratch bytes), where
 * each parent has its place. CLADE_ECONFIG: density and epsilon give no probabilities. */
clade_status clade_sparse_begin(const clade_merge_tile *tile, const clade_task_row *row, size_t parent,
                                const clade_trim_cuts *cuts, const uint64_t *bits, double weight,
                                clade_sparse_reader *reader) CLADE_CHECK_RESULT;
/* The next M <= CLADE_MERGE_BLOCK elements: weight (x - base) where kept, else 0. */
void clade_sparse_next(clade_sparse_reader *reader, size_t m, double *y);
size_t clade_sparse_scratch(const clade_merge_tile *tile);

/* ---- ranks ---- */

/* The elements of the rows of a tensor that lie together: DELLA ranks along dimension 1 (a vector is one row). */
size_t clade_rank_unit(const clade_merge_tile *tensor);
/* RANKS[i] = how many elements of its row are smaller than x_i - base_i in magnitude, or equal and before it. *LENGTH:
 * elements of a row. N is a multiple of the unit. ROOM: clade_rank_room bytes. */
clade_status clade_rank_rows(const clade_merge_tile *tile, const float *x, uint32_t *ranks, void *room,
                             uint64_t *length) CLADE_CHECK_RESULT;
size_t clade_rank_room(const clade_merge_tile *tile);

/* ---- surveys ---- */

/* Surveys of trims: the cuts, then the sums of a rescaling. */
size_t clade_trim_state_bytes(const clade_merge_tile *tensor, const clade_task_row *row);
size_t clade_trim_partial_bytes(const clade_merge_tile *tensor, const clade_task_row *row, unsigned pass);
clade_status clade_trim_survey(const clade_merge_tile *tile, const clade_task_row *row, void *partial);
clade_status clade_trim_merge(const clade_merge_tile *tensor, const clade_task_row *row, void *state,
                              const void *partial);
clade_status clade_trim_end(const clade_merge_tile *tensor, const clade_task_row *row, void *state, bool *again);
/* What combine needs of them: the cuts, and what the survivors are multiplied by. */
clade_trim_cuts clade_task_cuts(const clade_merge_tile *tile, const clade_task_row *row, size_t parent);
double clade_trim_factor(const clade_merge_tile *tile, const clade_task_row *row, size_t parent);

/* Surveys of masks: the sums of a rescaling. */
size_t clade_mask_state_bytes(const clade_merge_tile *tensor);
size_t clade_mask_partial_bytes(const clade_merge_tile *tensor, unsigned pass);
clade_status clade_mask_survey(const clade_merge_tile *tile, const clade_task_row *row, void *partial);
clade_status clade_mask_merge(const clade_merge_tile *tensor, unsigned pass, void *state, const void *partial);
/* The mask of a parent's whole tensor, whose bits need not be set where the task vector is 0; NULL: it was not drawn. */
const uint64_t *clade_mask_bits(const clade_merge_tile *tile, size_t parent);
double clade_mask_factor(const clade_merge_tile *tile, const clade_task_row *row, size_t parent);

/* Combine of every row. */
clade_status clade_task_combine(const clade_merge_tile *tile, const clade_task_row *row, float *out);

#endif
