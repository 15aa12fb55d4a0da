/* A wave: the targets that are made together, cut into pieces for the threads (wave.c), surveyed (wave_survey.c) and
 * combined (execute.c). */
#ifndef CLADE_MERGE_WAVE_H
#define CLADE_MERGE_WAVE_H

#include "merge/execute.h"
#include "merge/survey_store.h"
#include "merge/tiles.h"

enum { CLADE_SURVEY_TILE = 16384 };
/* For each thread: enough to keep it busy, few enough that what a survey read is still near when it is combined. */
enum { CLADE_WAVE_ELEMENTS = 1 << 21 };
enum { CLADE_MOST_PARTIALS = 1 << 26, CLADE_MOST_WORKSPACE = 1 << 30 }; /* bytes */

struct clade_executor {
    clade_execution options;
    size_t n_threads;
    clade_tile_room *rooms; /* (n_threads), owned */
    clade_arena partials;
    clade_survey_store tensors, rules;
};

/* A survey and its state: of a tensor of the wave, or of a rule. */
typedef struct clade_survey {
    clade_merge_tile whole;
    size_t first_job, n_jobs; /* the jobs it looks at */
    void *state;
    bool active; /* another pass is wanted */
    bool ran;    /* in this wave: its tensors were read and are finite */
    bool seen;   /* a pass saw all elements, and found them finite */
} clade_survey;

typedef struct clade_piece {
    size_t job, survey;
    uint64_t first;
    size_t n;
} clade_piece;

/* One call of clade_execute, or the survey of a rule. */
typedef struct clade_wave {
    clade_executor *executor;
    const clade_plan *plan;
    const clade_sink *sink;
    clade_tensor_job *jobs; /* (n_jobs), owned */
    size_t n_jobs;
    clade_survey *surveys; /* (n_surveys), owned */
    size_t n_surveys;
    clade_piece *pieces; /* (n_pieces), owned */
    size_t n_pieces;
    unsigned pass;
    unsigned char *partials;
    size_t partial_stride, first_piece; /* of the pieces at hand */
} clade_wave;

clade_status clade_wave_begin(clade_wave *self, const size_t *targets, size_t count) CLADE_CHECK_RESULT;
void clade_wave_free(clade_wave *self);

/* Elements of a piece (or tile) of about LEAST elements that ends where the tensor may be cut. */
size_t clade_piece_elements(const clade_tensor_job *job, size_t unit, size_t least);
size_t clade_count_pieces(const clade_tensor_job *job, size_t elements);
/* Room for N pieces in the place of those there were; then add those of a job. */
clade_status clade_wave_reserve_pieces(clade_wave *self, size_t n) CLADE_CHECK_RESULT;
void clade_wave_add_pieces(clade_wave *self, size_t job, size_t of_survey, size_t elements);
/* A room of every thread fits every job of the wave; a team whose rooms would be too much gives way to the caller:
 * *TEAM is NULL. */
clade_status clade_wave_make_rooms(clade_wave *self, size_t tile, bool surveying, clade_team **team) CLADE_CHECK_RESULT;

/* Survey whatever the wave needs, and give its jobs their states. */
clade_status clade_wave_survey_tensors(clade_wave *self) CLADE_CHECK_RESULT;
clade_status clade_wave_survey_rules(clade_wave *self) CLADE_CHECK_RESULT;

#endif
