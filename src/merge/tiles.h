/* Tiles: the elements of a target's sources as a method sees them, and its results as the child stores them. */
#ifndef CLADE_MERGE_TILES_H
#define CLADE_MERGE_TILES_H

#include "clade/alloc.h"
#include "merge/plan.h"

/* Everything about one target that its tiles share. */
typedef struct clade_tensor_job {
    const clade_plan *plan;
    const clade_target *target;
    size_t index; /* of the target in the plan */
    uint64_t count;
    clade_merge_tile tensor; /* without elements */
    double *parent;          /* (n_taking_part, n_parameters), owned where some parent takes no part, else NULL */
    uint64_t *parent_keys;   /* (n_taking_part), owned */
    size_t survey_unit, combine_unit;
    const void *copied_from; /* of a copied target */
    const void *state;       /* of its survey; borrowed */
    bool checked;            /* its elements are known to be finite */
} clade_tensor_job;

typedef enum clade_tile_use { CLADE_TILE_SURVEY, CLADE_TILE_COMBINE, CLADE_TILE_BASE } clade_tile_use;

/* What one thread works in. */
typedef struct clade_tile_room {
    clade_arena arena; /* owned; the rest is borrowed from it but where it says otherwise */
    bool widen;        /* the child's values are stored as F32 */
    clade_tile_use use;
    void *to;                                 /* where the bytes of the tile at hand belong, or NULL; the sink's */
    float *converted[CLADE_MAX_PARENTS + 1];  /* (tile), NULL where a source is used as it lies */
    const float *rows[CLADE_MAX_PARENTS + 1]; /* of the tile at hand */
    float *out, *result;                      /* (tile) results: in result, or straight at TO */
    void *stored;                             /* (tile) the same in the child's dtype */
    void *scratch;
} clade_tile_room;

/* Jobs for the targets listed, owned by the caller. */
clade_status clade_tensor_jobs_new(const clade_plan *plan, const size_t *targets, size_t count,
                                   clade_tensor_job **jobs) CLADE_CHECK_RESULT;
void clade_tensor_jobs_free(clade_tensor_job *jobs, size_t count);
/* Read elements FIRST .. FIRST + N - 1 of its sources from the disk now. CLADE_EINPUT where touching them would raise
 * SIGBUS because a file was shortened since it was opened, CLADE_EIO because the disk fails. Small pieces are not worth it and left alone. */
clade_status clade_tensor_job_populate(const clade_tensor_job *job, uint64_t first, uint64_t n) CLADE_CHECK_RESULT;
/* The pages of its sources that hold elements FIRST .. FIRST + N - 1 are not needed soon. */
void clade_tensor_job_release(const clade_tensor_job *job, uint64_t first, uint64_t n);

/* Bytes that the arena of a room must have for tiles of TILE elements (or one unit, where that is more). */
clade_status clade_tile_room_bytes(const clade_tensor_job *job, size_t tile, bool surveying,
                                   size_t *bytes) CLADE_CHECK_RESULT;
/* Share the room out for tiles of at most TILE elements of JOB; what was in it is lost. */
void clade_tile_begin(const clade_tensor_job *job, clade_tile_room *room, size_t tile, clade_tile_use use);
/* Elements FIRST .. FIRST + N - 1 as VIEW, with scratch; CHECK: each must be finite. ROOM->out has room for the results.
 * What was loaded before is overwritten. */
clade_status clade_tile_load(const clade_tensor_job *job, clade_tile_room *room, uint64_t first, size_t n, bool check,
                             clade_merge_tile *view) CLADE_CHECK_RESULT;
/* The same check of the elements that are loaded. */
clade_status clade_tile_check(const clade_tensor_job *job, const clade_tile_room *room, uint64_t first,
                              size_t n) CLADE_CHECK_RESULT;
/* Whether all sources and the child are of one dtype of 16 bits and stored as they are used. */
bool clade_tile_halves(const clade_tensor_job *job, const clade_tile_room *room);
/* Of such a job without loading: results FIRST .. FIRST + N - 1 as the weighted sum of its sources by the coefficients C of
 * its method, in the child's dtype at *BYTES: at ROOM->to, or in the room where that is NULL. False where one of them is not
 * finite. */
bool clade_tile_weigh(const clade_tensor_job *job, clade_tile_room *room, uint64_t first, size_t n, const double *c,
                      const void **bytes);
/* The N results in ROOM->out as *BYTES (*SIZE of them) of the child: at ROOM->to, or in the room
 * where that is NULL. */
clade_status clade_tile_finish(const clade_tensor_job *job, clade_tile_room *room, uint64_t first, size_t n,
                               const void **bytes, size_t *size) CLADE_CHECK_RESULT;

#endif
