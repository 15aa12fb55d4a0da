/* clade bench evaluator: what it costs that children are evaluated in a process of their own.
 *
 *   start   from posix_spawn to the answer of a `clade evaluator` to an experiment that is none: all but the opening of
 *           the checkpoints
 *   way     a job (8,000 bytes) there and a score (20,000 bytes) back over a channel, with a process that does nothing
 *           else; and a byte there and back over a plain socket, the floor of any other process */
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>

#include "clade/alloc.h"
#include "clade/clock.h"
#include "clade/json.h"
#include "search/command/bench.h"
#include "search/command/command.h"
#include "search/evaluator_process.h"
#include "search/order_statistics.h"

enum { PEER = 0, STARTS = 25, ROUNDS = 4000, JOB_BYTES = 8000, SCORE_BYTES = 20000 };

typedef struct costs {
    double start[STARTS], way[ROUNDS], floor[ROUNDS]; /* seconds, ascending in the end */
} costs;

/* ---- the start ---- */

static clade_status start_one(double *seconds)
{
    static const char no_experiment[] = "{}";
    const clade_place place = {.n_shares = 1};
    const int32_t ranks[] = {PEER};
    clade_text message = {0};
    clade_message answer = {0};
    clade_evaluator_process *process = NULL;
    CLADE_TRY(clade_experiment_pack(&place, ranks, no_experiment, &message));
    const double start = clade_clock_now();
    clade_status status = clade_evaluator_start(NULL, &process);
    if (status == CLADE_OK)
        status = clade_channel_deliver(clade_evaluator_channel(process), PEER, CLADE_TAG_EXPERIMENT, NULL, 0,
                                       clade_text_get(&message), message.length);
    if (status == CLADE_OK)
        status = clade_channel_await(clade_evaluator_channel(process), PEER, CLADE_TAG_READY, &answer);
    *seconds = clade_clock_now() - start;
    clade_evaluator_end(process);
    clade_free(answer.bytes);
    clade_text_free(&message);
    return status;
}

/* ---- the way ---- */

/* The process at the other end: answers until the end is closed. */
static _Noreturn void answer_channel(int end)
{
    static const char score[SCORE_BYTES] = {0};
    clade_channel *channel = NULL;
    clade_message in = {0};
    clade_status status = clade_channel_open(end, &channel);
    while (status == CLADE_OK) {
        status = clade_channel_await(channel, PEER, CLADE_TAG_JOB, &in);
        clade_free(in.bytes);
        if (status == CLADE_OK)
            status = clade_channel_deliver(channel, PEER, CLADE_TAG_RESULT, NULL, 0, score, sizeof score);
    }
    clade_channel_close(channel);
    _exit(0);
}

static _Noreturn void answer_byte(int end)
{
    char byte;
    while (read(end, &byte, 1) == 1 && write(end, &byte, 1) == 1)
        ;
    _exit(0);
}

/* A process with ANSWER at the other end of *END. */
static clade_status fork_answerer(void (*answer)(int end), int *end, pid_t *pid)
{
    int ends[2];
    if (socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, ends) != 0)
        return clade_fail_errno("bench evaluator", "make a socket for");
    *pid = fork();
    if (*pid == 0) {
        (void)close(ends[0]);
        answer(ends[1]);
    }
    (void)close(ends[1]);
    *end = ends[0];
    if (*pid > 0)
        return CLADE_OK;
    (void)close(ends[0]);
    return clade_fail_errno("bench evaluator", "fork");
}

static clade_status time_channel(int end, double *seconds)
{
    static const char job[JOB_BYTES] = {0};
    clade_channel *channel = NULL;
    clade_status status = clade_channel_open(end, &channel);
    for (size_t i = 0; i < ROUNDS && status == CLADE_OK; i++) {
        clade_message in = {0};
        const double start = clade_clock_now();
        status = clade_channel_deliver(channel, PEER, CLADE_TAG_JOB, NULL, 0, job, sizeof job);
        if (status == CLADE_OK)
            status = clade_channel_await(channel, PEER, CLADE_TAG_RESULT, &in);
        seconds[i] = clade_clock_now() - start;
        clade_free(in.bytes);
    }
    clade_channel_close(channel);
    return status;
}

static clade_status time_byte(int end, double *seconds)
{
    char byte = 0;
    for (size_t i = 0; i < ROUNDS; i++) {
        const double start = clade_clock_now();
        if (write(end, &byte, 1) != 1 || read(end, &byte, 1) != 1)
            return clade_fail_errno("bench evaluator", "talk to a process");
        seconds[i] = clade_clock_now() - start;
    }
    (void)close(end);
    return CLADE_OK;
}

static clade_status time_way(void (*answer)(int end), clade_status (*ask)(int end, double *seconds), double *seconds)
{
    int end = -1;
    pid_t pid = 0;
    CLADE_TRY(fork_answerer(answer, &end, &pid));
    const clade_status status = ask(end, seconds);
    (void)waitpid(pid, NULL, 0);
    return status;
}

/* ---- all of it ---- */

static clade_status measure(costs *c)
{
    for (size_t i = 0; i < STARTS; i++) {
        CLADE_TRY(clade_bench_go_on());
        CLADE_TRY(start_one(&c->start[i]));
    }
    CLADE_TRY(time_way(answer_channel, time_channel, c->way));
    CLADE_TRY(time_way(answer_byte, time_byte, c->floor));
    clade_sort_numbers(c->start, STARTS);
    clade_sort_numbers(c->way, ROUNDS);
    clade_sort_numbers(c->floor, ROUNDS);
    return CLADE_OK;
}

static void put(const char *name, const double *seconds, size_t count, clade_json_writer *writer)
{
    clade_json_begin_object(writer, name);
    clade_json_put_number(writer, "median_microseconds", 1e6 * clade_quantile(seconds, count, 0.5));
    clade_json_put_number(writer, "p95_microseconds", 1e6 * clade_quantile(seconds, count, 0.95));
    clade_json_end_object(writer);
}

static void print(const char *name, const double *seconds, size_t count)
{
    printf("%-46s median %9.1f us, 95 %% within %9.1f us (%zu)\n", name, 1e6 * clade_quantile(seconds, count, 0.5),
           1e6 * clade_quantile(seconds, count, 0.95), count);
}

clade_status clade_bench_evaluator(const clade_bench_options *options)
{
    clade_text text = {0};
    costs *c = clade_calloc(1, sizeof *c);
    if (!c)
        return clade_fail_memory(sizeof *c, "a bench");
    const clade_status status = measure(c);
    if (status == CLADE_OK && options->json) {
        clade_json_writer writer = clade_json_writer_to(&text, false);
        clade_json_begin_object(&writer, NULL);
        put("start", c->start, STARTS, &writer);
        put("way", c->way, ROUNDS, &writer);
        put("floor", c->floor, ROUNDS, &writer);
        clade_json_end_object(&writer);
        clade_text_append(&text, "\n");
    } else if (status == CLADE_OK) {
        print("start of an evaluator, without checkpoints", c->start, STARTS);
        print("8,000 bytes there and 20,000 back", c->way, ROUNDS);
        print("a byte there and back, plain socket", c->floor, ROUNDS);
    }
    clade_free(c);
    return clade_finish_output(status, &text);
}
