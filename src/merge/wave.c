/* Cutting a wave into pieces, and room for the threads that work on them. */
#include "merge/wave.h"

void clade_wave_free(clade_wave *self)
{
    clade_tensor_jobs_free(self->jobs, self->n_jobs);
    clade_free(self->surveys);
    clade_free(self->pieces);
}

clade_status clade_wave_begin(clade_wave *self, const size_t *targets, size_t count)
{
    CLADE_TRY(clade_tensor_jobs_new(self->plan, targets, count, &self->jobs));
    self->n_jobs = count;
    self->surveys = clade_calloc(count, sizeof *self->surveys);
    return self->surveys ? CLADE_OK : clade_fail_memory(count * sizeof *self->surveys, "the surveys of a merge");
}

/* ---- pieces ---- */

size_t clade_piece_elements(const clade_tensor_job *job, size_t unit, size_t least)
{
    size_t whole = unit >= least ? unit : least / unit * unit;
    return whole < job->count ? whole : job->count;
}

size_t clade_count_pieces(const clade_tensor_job *job, size_t elements)
{
    return job->count == 0 ? 0 : (job->count - 1) / elements + 1;
}

void clade_wave_add_pieces(clade_wave *self, size_t job, size_t of_survey, size_t elements)
{
    const clade_tensor_job *one = &self->jobs[job];
    for (uint64_t first = 0; first < one->count; first += elements) {
        size_t n = one->count - first < elements ? (size_t)(one->count - first) : elements;
        self->pieces[self->n_pieces++] = (clade_piece){job, of_survey, first, n};
    }
}

clade_status clade_wave_reserve_pieces(clade_wave *self, size_t n)
{
    clade_free(self->pieces);
    self->n_pieces = 0;
    self->pieces = clade_calloc(n, sizeof *self->pieces);
    return self->pieces ? CLADE_OK : clade_fail_memory(n * sizeof *self->pieces, "the pieces of a tensor");
}

/* A room of every thread fits every job of the wave; a team whose rooms would be too much gives way to the caller. */
clade_status clade_wave_make_rooms(clade_wave *self, size_t tile, bool surveying, clade_team **team)
{
    clade_executor *executor = self->executor;
    size_t bytes = 0;
    for (size_t j = 0; j < self->n_jobs; j++) {
        size_t one;
        CLADE_TRY(clade_tile_room_bytes(&self->jobs[j], tile, surveying, &one));
        bytes = one > bytes ? one : bytes;
    }
    *team = bytes > CLADE_MOST_WORKSPACE / executor->n_threads ? NULL : executor->options.team;
    for (size_t t = 0; t < clade_team_size(*team); t++)
        if (!clade_arena_reserve(&executor->rooms[t].arena, bytes))
            return clade_fail_memory(bytes, "tiles of the parents");
    return CLADE_OK;
}
