/* Making tensors. A wave is a run of targets small enough that what one of its steps leaves in the caches and in memory
 * is still there for the next. Its steps are loops over pieces, each a turn of the team:
 *
 *   survey   pass by pass, over the pieces of all tensors (or rules) that still want one; partial states are folded in
 *            the order of the pieces
 *   combine  tile by tile into a buffer of the thread, narrowed, and handed to the sink
 *
 * Memory: per thread one tile of every source that has to be converted, the method's scratch and the results; the states
 * of the wave. Only a method that needs a whole tensor at once makes that tile large. */
#include "merge/execute.h"

#include <math.h>
#include <string.h>

#include "clade/kernels.h"
#include "clade/text.h"
#include "merge/family.h"
#include "merge/survey_store.h"
#include "merge/tiles.h"

enum { DEFAULT_TILE = 16384, SURVEY_TILE = 16384, COMBINE_PIECE = 1 << 18, WAVE_ELEMENTS = 1 << 25 };
enum { PIECES_AT_ONCE = 64, MOST_PARTIALS = 1 << 26, MOST_WORKSPACE = 1 << 30, SMALL_STATE = 1 << 16 };

struct clade_executor {
    clade_execution options;
    size_t n_threads;
    clade_tile_room *rooms; /* (n_threads), owned */
    clade_arena partials;
    clade_survey_store tensors, rules;
};

/* A survey and its state: of a tensor of the wave, or of a rule. */
typedef struct survey {
    clade_merge_tile whole;
    size_t first_job, n_jobs; /* the jobs it looks at */
    void *state;
    bool active; /* another pass is wanted */
    bool ran;    /* in this wave: its tensors were read and are finite */
} survey;

typedef struct piece {
    size_t job, survey;
    uint64_t first;
    size_t n;
} piece;

/* One call of clade_execute, or the survey of a rule. */
typedef struct wave {
    clade_executor *executor;
    const clade_plan *plan;
    const clade_sink *sink;
    clade_tensor_job *jobs; /* (n_jobs), owned */
    size_t n_jobs;
    survey *surveys; /* (n_surveys), owned */
    size_t n_surveys;
    piece *pieces; /* (n_pieces), owned */
    size_t n_pieces;
    unsigned pass;
    unsigned char *partials;
    size_t partial_stride, first_piece; /* of the pieces at hand */
} wave;

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

/* Rooms for the largest tiles, states of the largest wave, and partial states. */
uint64_t clade_executor_memory(const clade_executor *executor, const clade_plan *plan)
{
    const clade_method *method = plan->recipe->method;
    uint64_t rooms = 0, states = 0, elements = 0, wave_states = 0;
    for (size_t i = 0; i < plan->count; i++) {
        clade_tensor_job *job;
        size_t bytes = 0;
        if (plan->targets[i].copied || clade_tensor_jobs_new(plan, &i, 1, &job) != CLADE_OK)
            continue;
        for (int surveying = method->survey_scope == CLADE_NO_SURVEY ? 1 : 0; surveying < 2; surveying++)
            if (clade_tile_room_bytes(job, executor->options.tile, !surveying, &bytes) == CLADE_OK)
                rooms = bytes > rooms ? bytes : rooms;
        elements += job->count;
        wave_states = elements > WAVE_ELEMENTS ? 0 : wave_states;
        elements = elements > WAVE_ELEMENTS ? job->count : elements;
        if (method->survey_scope == CLADE_SURVEY_TENSOR)
            wave_states += method->state_bytes(&job->tensor) + method->partial_bytes(&job->tensor, 0);
        states = wave_states > states ? wave_states : states;
        clade_tensor_jobs_free(job, 1);
    }
    uint64_t threads = rooms > MOST_WORKSPACE / executor->n_threads ? 1 : executor->n_threads;
    return threads * rooms + states + (method->survey_scope == CLADE_NO_SURVEY ? 0 : MOST_PARTIALS);
}

/* ---- pieces ---- */

static size_t piece_elements(const clade_tensor_job *job, size_t unit, size_t least)
{
    size_t whole = unit >= least ? unit : least / unit * unit;
    return whole < job->count ? whole : job->count;
}

static size_t count_pieces(const clade_tensor_job *job, size_t elements)
{
    return job->count == 0 ? 0 : (job->count - 1) / elements + 1;
}

static void add_pieces(wave *self, size_t job, size_t of_survey, size_t elements)
{
    const clade_tensor_job *one = &self->jobs[job];
    for (uint64_t first = 0; first < one->count; first += elements) {
        size_t n = one->count - first < elements ? (size_t)(one->count - first) : elements;
        self->pieces[self->n_pieces++] = (piece){job, of_survey, first, n};
    }
}

static clade_status reserve_pieces(wave *self, size_t n)
{
    clade_free(self->pieces);
    self->n_pieces = 0;
    self->pieces = clade_calloc(n, sizeof *self->pieces);
    return self->pieces ? CLADE_OK : clade_fail_memory(n * sizeof *self->pieces, "the pieces of a tensor");
}

/* A room of every thread fits every job of the wave; a team whose rooms would be too much gives way to the caller. */
static clade_status make_rooms(wave *self, size_t tile, bool surveying, clade_team **team)
{
    clade_executor *executor = self->executor;
    size_t bytes = 0;
    for (size_t j = 0; j < self->n_jobs; j++) {
        size_t one;
        CLADE_TRY(clade_tile_room_bytes(&self->jobs[j], tile, surveying, &one));
        bytes = one > bytes ? one : bytes;
    }
    *team = bytes > MOST_WORKSPACE / executor->n_threads ? NULL : executor->options.team;
    for (size_t t = 0; t < clade_team_size(*team); t++)
        if (!clade_arena_reserve(&executor->rooms[t].arena, bytes))
            return clade_fail_memory(bytes, "tiles of the parents");
    return CLADE_OK;
}

/* ---- survey ---- */

static clade_status survey_piece(void *context, size_t index, size_t thread)
{
    wave *self = context;
    const piece *at = &self->pieces[self->first_piece + index];
    clade_tensor_job *job = &self->jobs[at->job];
    const clade_method *method = self->plan->recipe->method;
    void *partial = self->partials + index * self->partial_stride;
    clade_tile_room *room = &self->executor->rooms[thread];
    size_t tile = piece_elements(job, job->survey_unit, SURVEY_TILE);
    for (size_t done = 0; done < at->n; done += tile) {
        clade_merge_tile view;
        size_t n = at->n - done < tile ? at->n - done : tile;
        CLADE_TRY(clade_tile_load(job, room, at->first + done, n, tile, CLADE_TILE_SURVEY, self->pass == 0, &view));
        view.state = self->surveys[at->survey].state;
        clade_status status = method->survey(&view, self->pass, partial);
        if (status != CLADE_OK)
            return clade_fail_prefix(status, "tensor %s", job->target->tensor.name);
    }
    return CLADE_OK;
}

/* The pieces at hand, then their partial states folded in order. */
static clade_status survey_batch(wave *self, clade_team *team, size_t count)
{
    const clade_method *method = self->plan->recipe->method;
    if (self->partial_stride > 0)
        memset(self->partials, 0, count * self->partial_stride);
    CLADE_TRY(clade_team_run(team, count, survey_piece, self));
    for (size_t i = 0; i < count; i++) {
        const piece *at = &self->pieces[self->first_piece + i];
        survey *of = &self->surveys[at->survey];
        clade_status status =
            method->survey_merge(&of->whole, self->pass, of->state, self->partials + i * self->partial_stride);
        clade_tensor_job *job = &self->jobs[at->job];
        if (status != CLADE_OK)
            return clade_fail_prefix(status, "tensor %s", job->target->tensor.name);
        if (of->n_jobs > 1 && at->first + at->n == job->count && self->executor->options.release)
            clade_tensor_job_release(job);
    }
    return CLADE_OK;
}

static clade_status list_survey_pieces(wave *self)
{
    size_t n = 0;
    for (int filling = 0; filling < 2; filling++) {
        if (filling)
            CLADE_TRY(reserve_pieces(self, n));
        for (size_t s = 0; s < self->n_surveys; s++)
            for (size_t j = 0; j < self->surveys[s].n_jobs && self->surveys[s].active; j++) {
                size_t job = self->surveys[s].first_job + j;
                size_t elements = piece_elements(&self->jobs[job], self->jobs[job].survey_unit, CLADE_MERGE_PIECE);
                if (filling)
                    add_pieces(self, job, s, elements);
                else
                    n += count_pieces(&self->jobs[job], elements);
            }
    }
    return CLADE_OK;
}

static size_t rounded_up(size_t bytes)
{
    return bytes / 64 * 64 + (bytes % 64 ? 64 : 0);
}

static clade_status survey_pass(wave *self, clade_team *team)
{
    const clade_method *method = self->plan->recipe->method;
    clade_arena *room = &self->executor->partials;
    CLADE_TRY(list_survey_pieces(self));
    self->partial_stride = 0;
    for (size_t s = 0; s < self->n_surveys; s++) {
        size_t bytes =
            self->surveys[s].active ? rounded_up(method->partial_bytes(&self->surveys[s].whole, self->pass)) : 0;
        self->partial_stride = bytes > self->partial_stride ? bytes : self->partial_stride;
    }
    size_t batch =
        self->partial_stride > MOST_PARTIALS / PIECES_AT_ONCE ? MOST_PARTIALS / self->partial_stride : PIECES_AT_ONCE;
    batch = batch > self->executor->n_threads ? batch : self->executor->n_threads;
    batch = batch < self->n_pieces ? batch : self->n_pieces;
    clade_arena_reset(room);
    if (!clade_arena_reserve(room, batch * self->partial_stride + 64))
        return clade_fail_memory(batch * self->partial_stride, "the statistics of a merge");
    self->partials = clade_arena_take(room, batch * self->partial_stride);
    for (self->first_piece = 0; self->first_piece < self->n_pieces; self->first_piece += batch) {
        size_t left = self->n_pieces - self->first_piece;
        CLADE_TRY(survey_batch(self, team, left < batch ? left : batch));
    }
    for (size_t s = 0; s < self->n_surveys; s++) {
        survey *one = &self->surveys[s];
        bool again = false;
        if (one->active && method->survey_end) {
            clade_status status = method->survey_end(&one->whole, self->pass, one->state, &again);
            if (status != CLADE_OK)
                return clade_fail_prefix(status, "tensor %s", self->jobs[one->first_job].target->tensor.name);
        }
        one->active = one->active && again;
    }
    return CLADE_OK;
}

static bool any_active(const wave *self)
{
    for (size_t s = 0; s < self->n_surveys; s++)
        if (self->surveys[s].active)
            return true;
    return false;
}

static clade_status run_surveys(wave *self)
{
    clade_team *team;
    CLADE_TRY(make_rooms(self, SURVEY_TILE, true, &team));
    for (self->pass = 0; any_active(self); self->pass++)
        CLADE_TRY(survey_pass(self, team));
    return CLADE_OK;
}

/* What a state depends on, as bytes. */
static void key_of(const wave *self, const survey *of, clade_text *key)
{
    const clade_method *method = self->plan->recipe->method;
    const clade_merge_tile *whole = &of->whole;
    clade_text_append(key, "%s %llu", method->name, method->uses_masks ? (unsigned long long)whole->seed : 0);
    for (size_t j = 0; j < of->n_jobs; j++) {
        size_t target = self->jobs[of->first_job + j].index;
        clade_text_append_bytes(key, &target, sizeof target);
    }
    clade_text_append_bytes(key, whole->parent_keys, whole->n_parents * sizeof *whole->parent_keys);
    for (size_t k = 0; k < method->n_parameters; k++) {
        bool per_parent = method->parameters[k].scope == CLADE_PER_PARENT;
        /* A state that is not for other values may read all of them. */
        bool read = !whole->reused || (method->survey_parameters >> k & 1);
        for (size_t p = 0; read && p < (per_parent ? whole->n_parents : 1); p++)
            clade_text_append_bytes(key, per_parent ? &whole->parent[p * whole->n_parameters + k] : &whole->site[k],
                                    sizeof(double));
    }
}

/* The kept state, or a new one and its survey still to do. */
static clade_status find_state(wave *self, clade_survey_store *store, survey *of)
{
    clade_text key = {0};
    key_of(self, of, &key);
    clade_status status = clade_text_status(&key);
    if (status == CLADE_OK)
        of->state = clade_survey_store_find(store, &key);
    if (status == CLADE_OK && !of->state) {
        size_t bytes = self->plan->recipe->method->state_bytes(&of->whole);
        of->state = clade_survey_store_add(store, &key, bytes);
        of->active = of->ran = bytes > 0; /* without a state there is nothing to find out */
        if (!of->state)
            status = clade_fail_memory(bytes, "the statistics of a merge");
    }
    clade_text_free(&key);
    return status;
}

static clade_status survey_all(wave *self, clade_survey_store *store)
{
    clade_status status = CLADE_OK;
    for (size_t s = 0; s < self->n_surveys && status == CLADE_OK; s++)
        status = find_state(self, store, &self->surveys[s]);
    if (status == CLADE_OK && any_active(self))
        status = run_surveys(self);
    if (status != CLADE_OK)
        clade_survey_store_drop_turn(store);
    for (size_t s = 0; s < self->n_surveys && status == CLADE_OK; s++)
        for (size_t j = 0; j < self->surveys[s].n_jobs; j++) {
            self->jobs[self->surveys[s].first_job + j].state = self->surveys[s].state;
            self->jobs[self->surveys[s].first_job + j].checked = self->surveys[s].ran;
        }
    return status;
}

/* ---- combine ---- */

static clade_status combine_piece(void *context, size_t index, size_t thread)
{
    wave *self = context;
    const piece *at = &self->pieces[index];
    clade_tensor_job *job = &self->jobs[at->job];
    const clade_method *method = self->plan->recipe->method;
    clade_tile_room *room = &self->executor->rooms[thread];
    size_t tile = piece_elements(job, job->combine_unit, self->executor->options.tile);
    if (job->target->copied)
        return self->sink->put(self->sink->context, job->index, 0, job->copied_from, job->target->tensor.bytes);
    for (size_t done = 0; done < at->n; done += tile) {
        clade_merge_tile view;
        const void *bytes;
        size_t n = at->n - done < tile ? at->n - done : tile, size;
        CLADE_TRY(clade_tile_load(job, room, at->first + done, n, tile,
                                  method->merged_in_survey ? CLADE_TILE_BASE : CLADE_TILE_COMBINE, !job->checked,
                                  &view));
        view.state = job->state;
        clade_status status = method->combine(&view, room->out);
        if (status != CLADE_OK)
            return clade_fail_prefix(status, "tensor %s", job->target->tensor.name);
        CLADE_TRY(clade_tile_finish(job, room, at->first + done, n, self->executor->options.widen, &bytes, &size));
        CLADE_TRY(self->sink->put(self->sink->context, job->index, (at->first + done) * (size / n), bytes, size));
    }
    return CLADE_OK;
}

static clade_status combine_all(wave *self)
{
    clade_team *team;
    size_t n = 0;
    CLADE_TRY(make_rooms(self, self->executor->options.tile, false, &team));
    for (int filling = 0; filling < 2; filling++) {
        if (filling)
            CLADE_TRY(reserve_pieces(self, n));
        for (size_t j = 0; j < self->n_jobs; j++) {
            const clade_tensor_job *job = &self->jobs[j];
            size_t elements = job->target->copied ? job->count : piece_elements(job, job->combine_unit, COMBINE_PIECE);
            if (filling && job->count > 0)
                add_pieces(self, j, 0, elements);
            else
                n += count_pieces(job, elements);
        }
    }
    return clade_team_run(team, self->n_pieces, combine_piece, self);
}

/* ---- waves ---- */

static void free_wave(wave *self)
{
    clade_tensor_jobs_free(self->jobs, self->n_jobs);
    clade_free(self->surveys);
    clade_free(self->pieces);
}

/* Whether a state that serves any values has a chance to be kept: the cache is shared out by elements. */
static bool may_be_reused(const wave *self, const clade_merge_tile *whole)
{
    uint64_t cache = self->executor->options.cache_bytes, elements = 0;
    clade_merge_tile again = *whole;
    again.reused = true;
    for (size_t i = 0; i < self->plan->count; i++)
        elements += self->plan->targets[i].tensor.count;
    double bytes = (double)self->plan->recipe->method->state_bytes(&again);
    return cache > 0 &&
           (bytes <= SMALL_STATE || bytes <= (double)cache * ((double)whole->tensor_count / (double)elements));
}

static clade_status begin_wave(wave *self, const size_t *targets, size_t count)
{
    CLADE_TRY(clade_tensor_jobs_new(self->plan, targets, count, &self->jobs));
    self->n_jobs = count;
    self->surveys = clade_calloc(count, sizeof *self->surveys);
    return self->surveys ? CLADE_OK : clade_fail_memory(count * sizeof *self->surveys, "the surveys of a merge");
}

/* A survey of all tensors of a rule knows its parents by their places. */
static clade_status same_parents(const clade_method *method, const clade_tensor_job *jobs, size_t count)
{
    for (size_t j = 1; j < count; j++)
        if (jobs[j].tensor.n_parents != jobs[0].tensor.n_parents ||
            memcmp(jobs[j].parent_keys, jobs[0].parent_keys, jobs[0].tensor.n_parents * sizeof(uint64_t)) != 0)
            return clade_fail(CLADE_EINCOMPATIBLE,
                              "tensor %s: made of other parents than %s, %s expects the same for all tensors of a rule",
                              jobs[j].target->tensor.name, jobs[0].target->tensor.name, method->name);
    return CLADE_OK;
}

/* The state of a rule, from all its tensors, for the jobs of WAVE that have that rule. */
static clade_status survey_rule(wave *to, const clade_rule *rule)
{
    wave self = {.executor = to->executor, .plan = to->plan};
    const clade_plan *plan = to->plan;
    size_t *targets = clade_calloc(plan->count, sizeof *targets), count = 0;
    if (!targets)
        return clade_fail_memory(plan->count * sizeof *targets, "the tensors of a rule");
    for (size_t i = 0; i < plan->count; i++)
        if (plan->targets[i].rule == rule)
            targets[count++] = i;
    clade_status status = begin_wave(&self, targets, count);
    if (status == CLADE_OK)
        status = same_parents(plan->recipe->method, self.jobs, count);
    if (status == CLADE_OK) {
        self.n_surveys = 1;
        self.surveys[0] = (survey){.whole = self.jobs[0].tensor, .n_jobs = count};
        clade_merge_tile *whole = &self.surveys[0].whole;
        whole->tensor_count = whole->rank = whole->tensor_key = 0;
        whole->shape = NULL;
        for (size_t j = 0; j < count; j++)
            whole->tensor_count += self.jobs[j].count;
        whole->reused = may_be_reused(&self, whole);
        for (size_t j = 0; j < count; j++)
            self.jobs[j].tensor.reused = whole->reused;
        status = survey_all(&self, &to->executor->rules);
    }
    for (size_t j = 0; j < to->n_jobs && status == CLADE_OK; j++)
        if (to->jobs[j].target->rule == rule) {
            to->jobs[j].state = self.surveys[0].state;
            to->jobs[j].tensor.reused = self.surveys[0].whole.reused;
        }
    free_wave(&self);
    clade_free(targets);
    return status;
}

static clade_status survey_rules(wave *self)
{
    for (size_t j = 0; j < self->n_jobs; j++)
        if (!self->jobs[j].target->copied && !self->jobs[j].state)
            CLADE_TRY(survey_rule(self, self->jobs[j].target->rule));
    return CLADE_OK;
}

static clade_status survey_tensors(wave *self)
{
    for (size_t j = 0; j < self->n_jobs; j++)
        if (!self->jobs[j].target->copied && self->jobs[j].count > 0) {
            self->jobs[j].tensor.reused = may_be_reused(self, &self->jobs[j].tensor);
            self->surveys[self->n_surveys++] = (survey){.whole = self->jobs[j].tensor, .first_job = j, .n_jobs = 1};
        }
    clade_survey_store_begin(&self->executor->tensors, self->executor->options.cache_bytes, false);
    return survey_all(self, &self->executor->tensors);
}

static clade_status run_wave(clade_executor *executor, const clade_plan *plan, const size_t *targets, size_t count,
                             const clade_sink *sink)
{
    wave self = {.executor = executor, .plan = plan, .sink = sink};
    clade_status status = begin_wave(&self, targets, count);
    if (status == CLADE_OK && plan->recipe->method->survey_scope == CLADE_SURVEY_RULE)
        status = survey_rules(&self);
    if (status == CLADE_OK && plan->recipe->method->survey_scope == CLADE_SURVEY_TENSOR)
        status = survey_tensors(&self);
    if (status == CLADE_OK)
        status = combine_all(&self);
    for (size_t j = 0; j < self.n_jobs && executor->options.release; j++)
        clade_tensor_job_release(&self.jobs[j]);
    free_wave(&self);
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
            if (elements > WAVE_ELEMENTS)
                break;
        }
        CLADE_TRY(run_wave(executor, plan, targets + first, last - first, sink));
    }
    return CLADE_OK;
}
