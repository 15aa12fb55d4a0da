/* Surveys: pass by pass over the pieces of all tensors (or rules) that still want one, partial states folded in the order
 * of the pieces; or a state that an earlier child left. */
#include <string.h>

#include "merge/wave.h"

enum { PIECES_AT_ONCE = 4, SMALL_STATE = 1 << 16 }; /* pieces for each thread */

/* ---- survey ---- */

static size_t sample_stride(const clade_wave *self, const clade_survey *of)
{
    const clade_method *method = self->plan->recipe->method;
    return method->sample_stride ? method->sample_stride(&of->whole, self->pass) : 0;
}

static clade_status survey_tile(clade_wave *self, const clade_piece *at, size_t thread, uint64_t first, size_t n,
                                void *partial)
{
    clade_tensor_job *job = &self->jobs[at->job];
    clade_tile_room *room = &self->executor->rooms[thread];
    const clade_survey *of = &self->surveys[at->survey];
    const clade_method *method = self->plan->recipe->method;
    clade_merge_tile view;
    bool check = !of->seen && sample_stride(self, of) == 0;
    CLADE_TRY(clade_tile_load(job, room, first, n, check && !method->takes_nonfinite, &view));
    view.state = of->state;
    clade_status status = method->survey(&view, self->pass, partial);
    if (status != CLADE_OK)
        return clade_fail_prefix(status, "tensor %s", job->target->tensor.name);
    return check && method->takes_nonfinite ? clade_tile_check(job, room, first, n) : CLADE_OK;
}

static clade_status survey_piece(void *context, size_t index, size_t thread)
{
    clade_wave *self = context;
    const clade_piece *at = &self->pieces[self->first_piece + index];
    clade_tensor_job *job = &self->jobs[at->job];
    void *partial = self->partials + index * self->partial_stride;
    size_t stride = sample_stride(self, &self->surveys[at->survey]);
    size_t tile = clade_piece_elements(job, job->survey_unit, CLADE_SURVEY_TILE);
    if (self->executor->options.release)
        CLADE_TRY(clade_tensor_job_populate(job, at->first, at->n));
    clade_tile_begin(job, &self->executor->rooms[thread], tile, CLADE_TILE_SURVEY);
    for (uint64_t first = at->first, end = at->first + at->n; first < end && stride > 0; first += stride) {
        uint64_t place = clade_sample_place(first, stride);
        if (place + CLADE_MERGE_SAMPLE <= end)
            CLADE_TRY(survey_tile(self, at, thread, place, CLADE_MERGE_SAMPLE, partial));
    }
    for (size_t done = 0; done < at->n && stride == 0; done += tile) {
        size_t n = at->n - done < tile ? at->n - done : tile;
        CLADE_TRY(survey_tile(self, at, thread, at->first + done, n, partial));
    }
    return CLADE_OK;
}

static void clear_partial(const clade_wave *self, size_t index)
{
    const clade_method *method = self->plan->recipe->method;
    const clade_survey *of = &self->surveys[self->pieces[self->first_piece + index].survey];
    size_t bytes = method->cleared_bytes ? method->cleared_bytes(&of->whole, self->pass)
                                         : method->partial_bytes(&of->whole, self->pass);
    if (bytes > 0)
        memset(self->partials + index * self->partial_stride, 0, bytes);
}

/* The pieces at hand, then their partial states folded in order. */
static clade_status survey_batch(clade_wave *self, clade_team *team, size_t count)
{
    const clade_method *method = self->plan->recipe->method;
    if (self->sink->stop && self->sink->stop(self->sink->context))
        return clade_fail(CLADE_EINTERRUPTED, "interrupted");
    for (size_t i = 0; i < count; i++)
        clear_partial(self, i);
    CLADE_TRY(clade_team_run(team, count, survey_piece, self));
    for (size_t i = 0; i < count; i++) {
        const clade_piece *at = &self->pieces[self->first_piece + i];
        clade_survey *of = &self->surveys[at->survey];
        clade_status status =
            method->survey_merge(&of->whole, self->pass, of->state, self->partials + i * self->partial_stride);
        clade_tensor_job *job = &self->jobs[at->job];
        if (status != CLADE_OK)
            return clade_fail_prefix(status, "tensor %s", job->target->tensor.name);
        if (self->executor->options.release && (of->n_jobs > 1 || job->count > CLADE_WAVE_ELEMENTS))
            clade_tensor_job_release(job, at->first, at->n);
    }
    return CLADE_OK;
}

static clade_status list_survey_pieces(clade_wave *self)
{
    size_t n = 0;
    for (int filling = 0; filling < 2; filling++) {
        if (filling)
            CLADE_TRY(clade_wave_reserve_pieces(self, n));
        for (size_t s = 0; s < self->n_surveys; s++)
            for (size_t j = 0; j < self->surveys[s].n_jobs && self->surveys[s].active; j++) {
                size_t job = self->surveys[s].first_job + j;
                size_t elements =
                    clade_piece_elements(&self->jobs[job], self->jobs[job].survey_unit, CLADE_MERGE_PIECE);
                if (filling)
                    clade_wave_add_pieces(self, job, s, elements);
                else
                    n += clade_count_pieces(&self->jobs[job], elements);
            }
    }
    return CLADE_OK;
}

static size_t rounded_up(size_t bytes)
{
    return bytes / 64 * 64 + (bytes % 64 ? 64 : 0);
}

static clade_status survey_pass(clade_wave *self, clade_team *team)
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
    size_t most = PIECES_AT_ONCE * self->executor->n_threads;
    size_t batch =
        self->partial_stride > CLADE_MOST_PARTIALS / most ? CLADE_MOST_PARTIALS / self->partial_stride : most;
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
        clade_survey *one = &self->surveys[s];
        bool again = false;
        one->seen = one->seen || sample_stride(self, one) == 0;
        if (one->active && method->survey_end) {
            clade_status status = method->survey_end(&one->whole, self->pass, one->state, &again);
            if (status != CLADE_OK)
                return clade_fail_prefix(status, "tensor %s", self->jobs[one->first_job].target->tensor.name);
        }
        one->active = one->active && again;
    }
    return CLADE_OK;
}

static bool any_active(const clade_wave *self)
{
    for (size_t s = 0; s < self->n_surveys; s++)
        if (self->surveys[s].active)
            return true;
    return false;
}

static clade_status run_surveys(clade_wave *self)
{
    clade_team *team;
    CLADE_TRY(clade_wave_make_rooms(self, CLADE_SURVEY_TILE, true, &team));
    for (self->pass = 0; any_active(self); self->pass++)
        CLADE_TRY(survey_pass(self, team));
    return CLADE_OK;
}

/* What a state depends on, as bytes. */
static void key_of(const clade_wave *self, const clade_survey *of, clade_text *key)
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
static clade_status find_state(clade_wave *self, clade_survey_store *store, clade_survey *of)
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

static clade_status survey_all(clade_wave *self, clade_survey_store *store)
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

/* ---- of the tensors of a wave, and of rules ---- */

/* Whether a state that serves any values has a chance to be kept: the cache is shared out by elements. */
static bool may_be_reused(const clade_wave *self, const clade_merge_tile *whole)
{
    uint64_t cache = self->executor->options.cache_bytes, elements = self->plan->elements;
    clade_merge_tile again = *whole;
    again.reused = true;
    double bytes = (double)self->plan->recipe->method->state_bytes(&again);
    return cache > 0 &&
           (bytes <= SMALL_STATE || bytes <= (double)cache * ((double)whole->tensor_count / (double)elements));
}

/* The state of a rule, from all its tensors, for the jobs of WAVE that have that rule. */
static clade_status survey_rule(clade_wave *to, const clade_rule *rule)
{
    clade_wave self = {.executor = to->executor, .plan = to->plan, .sink = to->sink};
    const clade_plan *plan = to->plan;
    size_t *targets = clade_calloc(plan->count, sizeof *targets), count = 0;
    if (!targets)
        return clade_fail_memory(plan->count * sizeof *targets, "the tensors of a rule");
    for (size_t i = 0; i < plan->count; i++)
        if (plan->targets[i].rule == rule)
            targets[count++] = i;
    clade_status status = clade_wave_begin(&self, targets, count);
    if (status == CLADE_OK) {
        self.n_surveys = 1;
        self.surveys[0] = (clade_survey){.whole = self.jobs[0].tensor, .n_jobs = count};
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
    clade_wave_free(&self);
    clade_free(targets);
    return status;
}

clade_status clade_wave_survey_rules(clade_wave *self)
{
    for (size_t j = 0; j < self->n_jobs; j++)
        if (!self->jobs[j].target->copied && !self->jobs[j].state)
            CLADE_TRY(survey_rule(self, self->jobs[j].target->rule));
    return CLADE_OK;
}

clade_status clade_wave_survey_tensors(clade_wave *self)
{
    for (size_t j = 0; j < self->n_jobs; j++)
        if (!self->jobs[j].target->copied && self->jobs[j].count > 0) {
            self->jobs[j].tensor.reused = may_be_reused(self, &self->jobs[j].tensor);
            self->surveys[self->n_surveys++] =
                (clade_survey){.whole = self->jobs[j].tensor, .first_job = j, .n_jobs = 1};
        }
    clade_survey_store_begin(&self->executor->tensors, self->executor->options.cache_bytes, false);
    return survey_all(self, &self->executor->tensors);
}
