/* What the parts of a trim's survey share: its state and partial states. task_survey.c runs the passes, task_sample.c does
 * those of sampled cuts. */
#ifndef CLADE_MERGE_TASK_SURVEY_H
#define CLADE_MERGE_TASK_SURVEY_H

#include "merge/method/magnitude_sum.h"
#include "merge/method/trim_bracket.h"

enum { CLADE_UPPER_CUT = 0, CLADE_LOWER_CUT = 1, CLADE_TRIM_CUTS = 2 };
typedef enum clade_trim_step {
    TRIM_BEGIN,
    TRIM_SAMPLE,
    TRIM_GATHER,
    TRIM_COUNT,
    TRIM_MARK,
    TRIM_SUM
} clade_trim_step; /* what the next pass is for */

typedef struct clade_trim_sums {
    clade_magnitude_sum all, kept;
} clade_trim_sums;

typedef struct clade_trim_parent {
    clade_selection cuts[CLADE_TRIM_CUTS];
    clade_bracket brackets[CLADE_TRIM_CUTS];
    clade_bracket_count inside[CLADE_TRIM_CUTS];
    clade_trim_sums sums;
} clade_trim_parent;

typedef struct clade_trim_state {
    clade_trim_step step;
    unsigned digit; /* of COUNT */
    uint64_t count; /* elements surveyed, or sampled */
    clade_trim_parent
        parents[]; /* (n_parents), then uint32_t sample (n_parents, runs), uint64_t entries (n_parents, cuts,
                               limit) or uint64_t counts (n_parents, cuts, buckets) */
} clade_trim_state;

typedef struct clade_trim_partial {
    uint64_t first;  /* index of the piece's first element */
    uint64_t count;  /* elements in it so far; the first tile clears the rest */
    uint64_t data[]; /* uint32_t sample (n_parents, runs), clade_bracket_count (n_parents, cuts) and uint64_t entries
                        (n_parents, cuts, limit), uint32_t counts (n_parents, cuts, buckets), uint64_t marks (n_parents,
                        cuts, words), or sums (n_parents) */
} clade_trim_partial;

static inline size_t clade_trim_n_cuts(const clade_task_row *row)
{
    return row->sparsifier == SPARSIFY_OUTLIERS ? CLADE_TRIM_CUTS : 1;
}

static inline clade_trim_order clade_trim_order_of(const clade_task_row *row)
{
    return row->sparsifier == SPARSIFY_OUTLIERS ? CLADE_SMALLEST_FIRST : CLADE_LARGEST_FIRST;
}

/* How many elements come before a cut, and whether all that equal the last of them do too. */
clade_selection clade_trim_selection_of(const clade_merge_tile *tile, const clade_task_row *row, size_t p, size_t cut,
                                        uint64_t count);

/* ---- sampled cuts: pass 0 takes a sample, pass 1 gathers what lies in the brackets ---- */

/* Of the sample; 0: there is none. */
size_t clade_trim_stride_of(const clade_merge_tile *tensor, const clade_task_row *row);
/* Bytes for all parents of the state, and of a partial state. */
size_t clade_sample_state_bytes(const clade_merge_tile *tensor, const clade_task_row *row);
size_t clade_sample_partial_bytes(const clade_merge_tile *tensor, const clade_task_row *row, unsigned pass);
/* Pass 0, and the brackets of all cuts at its end. */
void clade_sample_keys(const clade_merge_tile *tile, const clade_task_row *row, size_t parent,
                       clade_trim_partial *partial);
void clade_sample_merge_keys(const clade_merge_tile *tensor, const clade_task_row *row, clade_trim_state *to,
                             const clade_trim_partial *from);
/* False: too many elements would have to be gathered. */
bool clade_sample_bracket(const clade_merge_tile *tensor, const clade_task_row *row, clade_trim_state *state);
/* Pass 1, and the cuts at its end; false: some cut was not found. */
void clade_sample_gather(const clade_merge_tile *tile, const clade_task_row *row, size_t parent,
                         const clade_trim_state *state, clade_trim_partial *partial);
void clade_sample_merge_entries(const clade_merge_tile *tensor, const clade_task_row *row, clade_trim_state *to,
                                const clade_trim_partial *from);
bool clade_sample_select(const clade_merge_tile *tensor, const clade_task_row *row, clade_trim_state *state);

#endif
