/* Making tensors. A wave is a run of targets small enough that what one of its steps leaves in the caches and in memory
 * is still there for the next. Its steps are loops over pieces, each a turn of the team:
 *
 *   survey   pass by pass, over the pieces of all tensors (or rules) that still want one; partial states are folded in
 *            the order of the pieces
 *   combine  tile by tile into a buffer of the thread, narrowed, and handed to the sink
 *
 * Memory: per thread one tile of every source that has to be converted, the method's scratch and the results; the states
 * of the wave. Only a method that needs a whole tensor at once makes that tile large. */
#include "clade/kernels.h"
#include "merge/wave.h"

enum { DEFAULT_TILE = 8192, COMBINE_PIECE = 1 << 18 };
enum { WAVE_SURVEYS = 512 }; /* states of many small tensors are larger than these */

/* ---- an executor ---- */

clade_status clade_executor_new(const clade_execution *options, clade_executor **executor)
{
    *executor = NULL;
    clade_executor *made = clade_calloc(1, sizeof *made);
    if (!made)
        return clade_fail_memory(sizeof *made, "an executor");
    made->options = *options;
    made->options.tile = options->tile ? options->tile : DEFAULT_TILE;
    made->n_threads = clade_team_size(options->team);
    made->rooms = clade_calloc(made->n_threads, sizeof *made->rooms);
    if (!made->rooms) {
        clade_executor_free(made);
        return clade_fail_memory(sizeof *made->rooms, "an executor");
    }
    for (size_t t = 0; t < made->n_threads; t++)
        made->rooms[t].widen = options->widen;
    *executor = made;
    return CLADE_OK;
}

void clade_executor_free(clade_executor *executor)
{
    if (!executor)
        return;
    clade_executor_forget(executor);
    for (size_t t = 0; executor->rooms && t < executor->n_threads; t++)
        clade_arena_free(&executor->rooms[t].arena);
    clade_arena_free(&executor->partials);
    clade_free(executor->rooms);
    clade_free(executor);
}

void clade_executor_forget(clade_executor *executor)
{
    clade_survey_store_clear(&executor->tensors);
    clade_survey_store_clear(&executor->rules);
}

void clade_executor_counts(const clade_executor *executor, uint64_t *found, uint64_t *made)
{
    *found = executor->tensors.found + executor->rules.found;
    *made = executor->tensors.made + executor->rules.made;
}

/* Whether a wave may have that much. */
static bool fits_wave(const clade_executor *executor, const clade_plan *plan, uint64_t elements, size_t targets)
{
    return elements <= CLADE_WAVE_ELEMENTS * executor->n_threads &&
           (targets <= WAVE_SURVEYS || plan->recipe->method->survey_scope != CLADE_SURVEY_TENSOR);
}

/* Rooms for the largest tiles, states of the largest wave, and partial states. */
uint64_t clade_executor_memory(const clade_executor *executor, const clade_plan *plan)
{
    const clade_method *method = plan->recipe->method;
    uint64_t rooms = 0, states = 0, elements = 0, wave_states = 0;
    size_t surveys = 0;
    for (size_t i = 0; i < plan->count; i++) {
        clade_tensor_job *job;
        size_t bytes = 0;
        if (plan->targets[i].copied || clade_tensor_jobs_new(plan, &i, 1, &job) != CLADE_OK)
            continue;
        for (int surveying = method->survey_scope == CLADE_NO_SURVEY ? 1 : 0; surveying < 2; surveying++)
            if (clade_tile_room_bytes(job, executor->options.tile, !surveying, &bytes) == CLADE_OK)
                rooms = bytes > rooms ? bytes : rooms;
        bool next = !fits_wave(executor, plan, elements += job->count, ++surveys);
        wave_states = next ? 0 : wave_states;
        elements = next ? job->count : elements;
        surveys = next ? 1 : surveys;
        if (method->survey_scope == CLADE_SURVEY_TENSOR)
            wave_states += method->state_bytes(&job->tensor) + method->partial_bytes(&job->tensor, 0);
        states = wave_states > states ? wave_states : states;
        clade_tensor_jobs_free(job, 1);
    }
    uint64_t threads = rooms > CLADE_MOST_WORKSPACE / executor->n_threads ? 1 : executor->n_threads;
    return threads * rooms + states + (method->survey_scope == CLADE_NO_SURVEY ? 0 : CLADE_MOST_PARTIALS);
}

/* ---- combine ---- */

/* Elements FIRST .. FIRST + N - 1 as *BYTES. C: NULL, or the coefficients of a weighted sum; one that is not finite is done
 * again, tile by tile, for its message. */
static clade_status combine_tile(const clade_tensor_job *job, clade_tile_room *room, uint64_t first, size_t n,
                                 const double *c, const void **bytes, size_t *size)
{
    const clade_method *method = job->plan->recipe->method;
    clade_merge_tile view;
    *size = n * sizeof(uint16_t);
    if (c && clade_tile_weigh(job, room, first, n, c, bytes))
        return CLADE_OK;
    bool check = !job->checked && !method->carries_nonfinite;
    CLADE_TRY(clade_tile_load(job, room, first, n, check && !method->takes_nonfinite, &view));
    view.state = job->state;
    clade_status status = method->combine(&view, room->out);
    if (status != CLADE_OK)
        return clade_fail_prefix(status, "tensor %s", job->target->tensor.name);
    if (check && method->takes_nonfinite)
        CLADE_TRY(clade_tile_check(job, room, first, n));
    return clade_tile_finish(job, room, first, n, bytes, size);
}

/* The coefficients, where the method and the tensor allow to work with nothing else; else *C is NULL. */
static clade_status find_coefficients(const clade_tensor_job *job, const clade_tile_room *room, double *room_for_c,
                                      const double **c)
{
    const clade_method *method = job->plan->recipe->method;
    *c = NULL;
    if (!method->coefficients || !clade_tile_halves(job, room) ||
        (method->has_coefficients && !method->has_coefficients(&job->tensor)))
        return CLADE_OK;
    clade_merge_tile tensor = job->tensor;
    tensor.state = job->state;
    clade_status status = method->coefficients(&tensor, room_for_c);
    if (status != CLADE_OK)
        return clade_fail_prefix(status, "tensor %s", job->target->tensor.name);
    *c = room_for_c;
    return CLADE_OK;
}

static clade_status combine_piece(void *context, size_t index, size_t thread)
{
    clade_wave *self = context;
    const clade_piece *at = &self->pieces[index];
    clade_tensor_job *job = &self->jobs[at->job];
    const clade_sink *sink = self->sink;
    clade_tile_room *room = &self->executor->rooms[thread];
    size_t tile = clade_piece_elements(job, job->combine_unit, self->executor->options.tile);
    double room_for_c[CLADE_MAX_PARENTS];
    const double *c;
    if (self->executor->options.release)
        CLADE_TRY(clade_tensor_job_populate(job, at->first, at->n));
    if (job->target->copied)
        return sink->put(sink->context, job->index, 0, job->copied_from, job->target->tensor.bytes);
    size_t bytes_each = room->widen ? sizeof(float) : clade_dtype_of(job->target->tensor.dtype)->bits / 8;
    clade_tile_begin(job, room, tile,
                     self->plan->recipe->method->merged_in_survey ? CLADE_TILE_BASE : CLADE_TILE_COMBINE);
    CLADE_TRY(find_coefficients(job, room, room_for_c, &c));
    for (size_t done = 0; done < at->n; done += tile) {
        const void *bytes;
        size_t n = at->n - done < tile ? at->n - done : tile, size;
        uint64_t first_byte = (at->first + done) * bytes_each;
        room->to = sink->place ? sink->place(sink->context, job->index, first_byte) : NULL;
        CLADE_TRY(combine_tile(job, room, at->first + done, n, c, &bytes, &size));
        if (!room->to)
            CLADE_TRY(sink->put(sink->context, job->index, first_byte, bytes, size));
    }
    if (self->executor->options.release && job->count > CLADE_WAVE_ELEMENTS)
        clade_tensor_job_release(job, at->first, at->n);
    return CLADE_OK;
}

static clade_status combine_all(clade_wave *self)
{
    clade_team *team;
    size_t n = 0;
    CLADE_TRY(clade_wave_make_rooms(self, self->executor->options.tile, false, &team));
    for (int filling = 0; filling < 2; filling++) {
        if (filling)
            CLADE_TRY(clade_wave_reserve_pieces(self, n));
        for (size_t j = 0; j < self->n_jobs; j++) {
            const clade_tensor_job *job = &self->jobs[j];
            size_t elements =
                job->target->copied ? job->count : clade_piece_elements(job, job->combine_unit, COMBINE_PIECE);
            if (filling && job->count > 0)
                clade_wave_add_pieces(self, j, 0, elements);
            else
                n += clade_count_pieces(job, elements);
        }
    }
    return clade_team_run(team, self->n_pieces, combine_piece, self);
}

/* ---- waves ---- */

static clade_status run_wave(clade_executor *executor, const clade_plan *plan, const size_t *targets, size_t count,
                             const clade_sink *sink)
{
    clade_wave self = {.executor = executor, .plan = plan, .sink = sink};
    clade_status status = clade_wave_begin(&self, targets, count);
    if (status == CLADE_OK && plan->recipe->method->survey_scope == CLADE_SURVEY_RULE)
        status = clade_wave_survey_rules(&self);
    if (status == CLADE_OK && plan->recipe->method->survey_scope == CLADE_SURVEY_TENSOR)
        status = clade_wave_survey_tensors(&self);
    if (status == CLADE_OK)
        status = combine_all(&self);
    for (size_t j = 0; j < self.n_jobs && executor->options.release; j++)
        clade_tensor_job_release(&self.jobs[j], 0, self.jobs[j].count);
    clade_wave_free(&self);
    return status;
}

clade_status clade_execute(clade_executor *executor, const clade_plan *plan, const size_t *targets, size_t count,
                           const clade_sink *sink)
{
    clade_survey_store_begin(&executor->rules, executor->options.cache_bytes, true);
    for (size_t first = 0, last; first < count; first = last) {
        uint64_t elements = plan->targets[targets[first]].tensor.count;
        for (last = first + 1; last < count; last++) {
            elements += plan->targets[targets[last]].tensor.count;
            if (!fits_wave(executor, plan, elements, last - first + 1))
                break;
        }
        CLADE_TRY(run_wave(executor, plan, targets + first, last - first, sink));
    }
    return CLADE_OK;
}
