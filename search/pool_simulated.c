/* The coming events are the ends of the jobs under way, one a worker, in a binary heap by (time, order of dealing). A
 * death needs no event of its own: whether a worker outlives a job is known when the job is dealt. */
#include "search/pool_simulated.h"

#include <math.h>
#include <time.h>

#include "clade/alloc.h"
#include "search/pool_backend.h"

typedef struct worker {
    double dies;         /* INFINITY: it does not */
    double begin, end;   /* of its last job */
    clade_pool_job *job; /* under way, owned; NULL: idle */
    bool lost;           /* it dies before the end of its job */
} worker;

typedef struct event {
    double time; /* when the coordinator knows */
    uint64_t order;
    size_t worker;
} event;

typedef struct simulated {
    clade_simulation plan;
    clade_evaluator evaluator;
    clade_simulation_report *report; /* may be NULL */
    clade_simulation_report counts;
    double now, left_at; /* virtual time; on its own clock, when the coordinator was left to itself */
    worker *workers;
    event *events; /* (n_events), a heap, least first */
    size_t n_events;
    size_t *idle; /* (n_idle) workers, a ring that begins at `first_idle`: who waits longest is next */
    size_t first_idle, n_idle;
    clade_pool_job *lost; /* to be dealt again, in the order of loss */
    uint64_t dealt;
    double last_begin;
} simulated;

static double clock_of(clade_simulated_thinking thinking)
{
    struct timespec now;
    clock_gettime(thinking == CLADE_THINKS_ON_CPU ? CLOCK_THREAD_CPUTIME_ID : CLOCK_MONOTONIC, &now);
    return (double)now.tv_sec + 1e-9 * (double)now.tv_nsec;
}

/* ---- the heap ---- */

static bool is_before(const event *a, const event *b)
{
    return a->time < b->time || (!(b->time < a->time) && a->order < b->order);
}

static void push(simulated *self, event new)
{
    size_t at = self->n_events++;
    for (; at > 0 && is_before(&new, &self->events[(at - 1) / 2]); at = (at - 1) / 2)
        self->events[at] = self->events[(at - 1) / 2];
    self->events[at] = new;
}

static event pop(simulated *self)
{
    const event first = self->events[0], last = self->events[--self->n_events];
    size_t at = 0;
    for (;;) {
        size_t child = 2 * at + 1;
        if (child + 1 < self->n_events && is_before(&self->events[child + 1], &self->events[child]))
            child++;
        if (child >= self->n_events || !is_before(&self->events[child], &last))
            break;
        self->events[at] = self->events[child];
        at = child;
    }
    self->events[at] = last;
    return first;
}

/* ---- workers ---- */

/* The worker that has been idle for the longest, of those that live; the dead are dropped. */
static bool take_idle(simulated *self, size_t *index)
{
    while (self->n_idle > 0) {
        *index = self->idle[self->first_idle];
        self->first_idle = (self->first_idle + 1) % self->plan.workers;
        self->n_idle--;
        if (self->workers[*index].dies > self->now)
            return true;
    }
    return false;
}

static void put_idle(simulated *self, size_t index)
{
    self->idle[(self->first_idle + self->n_idle++) % self->plan.workers] = index;
}

static clade_pool_job *next_job(simulated *self, clade_pool *pool, size_t index)
{
    clade_pool_job *job = self->lost;
    if (!job)
        return clade_pool_take(pool, index);
    self->lost = job->next;
    return job;
}

static void begin(simulated *self, size_t index, clade_pool_job *job)
{
    worker *w = &self->workers[index];
    const double seconds = clade_simulation_seconds(&self->plan, job->job);
    w->job = job;
    w->begin = self->now + self->plan.latency;
    w->end = w->begin + seconds;
    w->lost = w->dies < w->end;
    self->last_begin = w->begin;
    if (w->lost)
        w->end = fmax(w->dies, w->begin);
    else
        self->counts.busy += seconds;
    push(self, (event){.time = w->end + self->plan.latency, .order = self->dealt++, .worker = index});
}

static void deal(simulated *self, clade_pool *pool)
{
    size_t index;
    while (take_idle(self, &index)) {
        clade_pool_job *job = next_job(self, pool, index);
        if (!job) {
            /* Back to the front: it goes on waiting. */
            self->first_idle = (self->first_idle + self->plan.workers - 1) % self->plan.workers;
            self->n_idle++;
            return;
        }
        begin(self, index, job);
    }
}

/* ---- results ---- */

static void keep_lost(simulated *self, worker *w)
{
    clade_pool_job **end = &self->lost;
    while (*end)
        end = &(*end)->next;
    w->job->next = NULL;
    *end = w->job;
    w->job = NULL;
    self->counts.redone++;
}

static void evaluate(simulated *self, const clade_pool_job *job, clade_pool_result *result)
{
    const clade_job asked = clade_pool_job_of(job);
    if (clade_simulation_fails(&self->plan, job->job)) {
        result->status = CLADE_EEVAL;
        clade_text_append(&result->bytes, "a simulated failure");
    } else {
        result->status = self->evaluator.evaluate(self->evaluator.context, &asked, &result->bytes);
        if (result->status != CLADE_OK) {
            clade_text_clear(&result->bytes);
            clade_text_append(&result->bytes, "%s", clade_error_message());
        }
    }
    self->counts.done++;
    self->counts.failed += result->status != CLADE_OK;
}

static clade_status give(simulated *self, size_t index, clade_pool_done *done)
{
    worker *w = &self->workers[index];
    clade_pool_result *result = &done->result;
    done->job = w->job;
    done->worker = index;
    result->rank = (int)index + 1;
    result->seconds = w->end - w->begin;
    evaluate(self, w->job, result);
    w->job = NULL;
    put_idle(self, index);
    return clade_text_status(&result->bytes);
}

/* As the coordinator of real ranks: a worker whose result is taken gets its next job before the result is worked on. */
static clade_status next_result(simulated *self, clade_pool *pool, bool waits, clade_pool_done *done)
{
    for (;;) {
        deal(self, pool);
        if (self->n_events == 0) /* and a job is pending */
            return clade_fail(CLADE_EIO, "a simulated pool: all %zu workers died", self->plan.workers);
        if (self->events[0].time > self->now && !waits)
            return CLADE_OK;
        const event due = pop(self);
        self->now = fmax(self->now, due.time);
        if (self->workers[due.worker].lost) {
            keep_lost(self, &self->workers[due.worker]);
            continue;
        }
        CLADE_TRY(give(self, due.worker, done));
        deal(self, pool);
        return CLADE_OK;
    }
}

static clade_status simulated_wait(void *state, clade_pool *pool, unsigned milliseconds, clade_pool_done *done)
{
    simulated *self = state;
    if (self->plan.thinking != CLADE_THINKS_AT_ONCE) {
        const double thought = clock_of(self->plan.thinking) - self->left_at;
        self->counts.thought += thought;
        self->now += thought;
    }
    const clade_status status = next_result(self, pool, milliseconds > 0, done);
    self->left_at = clock_of(self->plan.thinking);
    return status;
}

static size_t simulated_workers(const void *state)
{
    return ((const simulated *)state)->plan.workers;
}

/* ---- the report ---- */

/* Worker seconds until TIME, which lies after the beginning of every job but those that are on their way. */
static double busy_until(const simulated *self, double time)
{
    double after = 0;
    for (size_t i = 0; i < self->plan.workers; i++) {
        const worker *w = &self->workers[i];
        if (!w->lost)
            after += fmax(0, w->end - fmax(time, w->begin));
    }
    return self->counts.busy - after;
}

static double lived_until(const simulated *self, double time)
{
    double lived = 0;
    for (size_t i = 0; i < self->plan.workers; i++)
        lived += fmin(time, self->workers[i].dies);
    return lived;
}

static void fill_report(const simulated *self, clade_simulation_report *report)
{
    *report = self->counts;
    report->elapsed = self->now;
    report->busy = busy_until(self, self->now);
    report->full_elapsed = fmin(self->now, self->last_begin);
    report->full_busy = busy_until(self, report->full_elapsed);
    const double lived = lived_until(self, report->elapsed), full = lived_until(self, report->full_elapsed);
    report->utilisation = lived > 0 ? report->busy / lived : 0;
    report->full_utilisation = full > 0 ? report->full_busy / full : 0;
    for (size_t i = 0; i < self->plan.workers; i++)
        report->died += self->workers[i].dies <= self->now;
}

/* ---- opening and closing ---- */

static void simulated_close(void *state)
{
    simulated *self = state;
    if (!self)
        return;
    if (self->report && self->workers)
        fill_report(self, self->report);
    for (size_t i = 0; self->workers && i < self->plan.workers; i++)
        clade_free(self->workers[i].job);
    while (self->lost) {
        clade_pool_job *job = self->lost;
        self->lost = job->next;
        clade_free(job);
    }
    clade_free(self->workers);
    clade_free(self->events);
    clade_free(self->idle);
    clade_free(self);
}

clade_status clade_pool_open_simulated(const clade_simulation *plan, const clade_evaluator *evaluator,
                                       clade_simulation_report *report, clade_pool **pool)
{
    static const clade_pool_backend backend = {
        .workers = simulated_workers, .wait = simulated_wait, .close = simulated_close};
    *pool = NULL;
    CLADE_TRY(clade_simulation_check(plan));
    simulated *self = clade_calloc(1, sizeof *self);
    if (!self)
        return clade_fail_memory(sizeof *self, "a simulated pool");
    *self = (simulated){.plan = *plan, .evaluator = *evaluator, .report = report, .left_at = clock_of(plan->thinking)};
    self->workers = clade_calloc(plan->workers, sizeof *self->workers);
    self->events = clade_calloc(plan->workers, sizeof *self->events);
    self->idle = clade_calloc(plan->workers, sizeof *self->idle);
    if (!self->workers || !self->events || !self->idle) {
        simulated_close(self);
        return clade_fail_memory(plan->workers * sizeof *self->workers, "a simulated pool");
    }
    for (size_t i = 0; i < plan->workers; i++) {
        self->workers[i].dies = clade_simulation_death(plan, i);
        put_idle(self, i);
    }
    return clade_pool_new(&backend, self, pool);
}
