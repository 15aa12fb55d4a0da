/* Threads that wait between loops: starting a thread costs as much as merging a small tensor. Turns are handed out one
 * by one from a counter, in order, so every turn below a failed one has begun before it and the lowest failure is the
 * same whatever the timing. */
#include "clade/team.h"

#include <pthread.h>
#include <sched.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <string.h>

#include "clade/alloc.h"

typedef struct member {
    clade_team *team;
    size_t number;
    pthread_t thread;
} member;

struct clade_team {
    size_t size;     /* threads, the caller among them */
    size_t running;  /* members that have a thread: size - 1 once all are started */
    member *members; /* (size - 1), owned */
    pthread_mutex_t lock;
    pthread_cond_t begin, end;
    unsigned long loop; /* number of the loop at hand, so that a member joins each loop once */
    size_t busy;        /* members still in it */
    bool closing;

    size_t count;
    clade_turn turn;
    void *context;
    atomic_size_t next;
    size_t failed; /* lowest turn that failed, or count */
    clade_status status;
    char message[CLADE_MESSAGE_BYTES];
};

static void note_failure(clade_team *team, size_t index, clade_status status)
{
    pthread_mutex_lock(&team->lock);
    atomic_store(&team->next, team->count);
    if (index < team->failed) {
        team->failed = index;
        team->status = status;
        strncpy(team->message, clade_error_message(), CLADE_MESSAGE_BYTES - 1);
    }
    pthread_mutex_unlock(&team->lock);
}

static void take_turns(clade_team *team, size_t thread)
{
    for (;;) {
        size_t index = atomic_fetch_add(&team->next, 1);
        if (index >= team->count)
            return;
        clade_status status = team->turn(team->context, index, thread);
        if (status != CLADE_OK) {
            note_failure(team, index, status);
            return;
        }
    }
}

static void *work(void *argument)
{
    member *self = argument;
    clade_team *team = self->team;
    unsigned long seen = 0;
    pthread_mutex_lock(&team->lock);
    for (;;) {
        while (team->loop == seen && !team->closing)
            pthread_cond_wait(&team->begin, &team->lock);
        if (team->closing)
            break;
        seen = team->loop;
        pthread_mutex_unlock(&team->lock);
        take_turns(team, self->number);
        pthread_mutex_lock(&team->lock);
        if (--team->busy == 0)
            pthread_cond_signal(&team->end);
    }
    pthread_mutex_unlock(&team->lock);
    return NULL;
}

static size_t usable_cpus(void)
{
    cpu_set_t set;
    int count = sched_getaffinity(0, sizeof set, &set) == 0 ? CPU_COUNT(&set) : 1;
    return count > 0 ? (size_t)count : 1;
}

static clade_status start(clade_team *team)
{
    while (team->running < team->size - 1) {
        member *next = &team->members[team->running];
        *next = (member){.team = team, .number = team->running + 1};
        if (pthread_create(&next->thread, NULL, work, next) != 0)
            return clade_fail(CLADE_EIO, "cannot start thread %zu of %zu: the system gives no more", next->number + 1,
                              team->size);
        team->running++;
    }
    return CLADE_OK;
}

clade_status clade_team_new(size_t threads, clade_team **team)
{
    *team = NULL;
    clade_team *made = clade_calloc(1, sizeof *made);
    if (!made)
        return clade_fail_memory(sizeof *made, "a team of threads");
    made->size = threads ? threads : usable_cpus();
    pthread_mutex_init(&made->lock, NULL);
    pthread_cond_init(&made->begin, NULL);
    pthread_cond_init(&made->end, NULL);
    made->members = clade_calloc(made->size, sizeof *made->members);
    clade_status status =
        made->members ? start(made) : clade_fail_memory(made->size * sizeof *made->members, "a team of threads");
    if (status != CLADE_OK) {
        clade_team_free(made);
        return status;
    }
    *team = made;
    return CLADE_OK;
}

void clade_team_free(clade_team *team)
{
    if (!team)
        return;
    pthread_mutex_lock(&team->lock);
    team->closing = true;
    pthread_cond_broadcast(&team->begin);
    pthread_mutex_unlock(&team->lock);
    for (size_t i = 0; i < team->running; i++)
        pthread_join(team->members[i].thread, NULL);
    pthread_cond_destroy(&team->end);
    pthread_cond_destroy(&team->begin);
    pthread_mutex_destroy(&team->lock);
    clade_free(team->members);
    clade_free(team);
}

size_t clade_team_size(const clade_team *team)
{
    return team ? team->size : 1;
}

static clade_status run_alone(size_t count, clade_turn turn, void *context)
{
    for (size_t index = 0; index < count; index++)
        CLADE_TRY(turn(context, index, 0));
    return CLADE_OK;
}

clade_status clade_team_run(clade_team *team, size_t count, clade_turn turn, void *context)
{
    if (!team || team->size == 1 || count < 2)
        return run_alone(count, turn, context);
    pthread_mutex_lock(&team->lock);
    team->count = team->failed = count;
    team->turn = turn;
    team->context = context;
    team->status = CLADE_OK;
    atomic_store(&team->next, 0);
    team->busy = team->running;
    team->loop++;
    pthread_cond_broadcast(&team->begin);
    pthread_mutex_unlock(&team->lock);
    take_turns(team, 0);
    pthread_mutex_lock(&team->lock);
    while (team->busy > 0)
        pthread_cond_wait(&team->end, &team->lock);
    pthread_mutex_unlock(&team->lock);
    return team->status == CLADE_OK ? CLADE_OK : clade_fail(team->status, "%s", team->message);
}
