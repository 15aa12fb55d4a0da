/* The end of a job of ranks: who stops, who is not waited for, and whether all go through MPI_Finalize, which would wait for
 * ever for a rank that is not there.
 *
 *   coordinator -> all STOP; each -> STOPPED; coordinator -> all that have: LEAVE, empty (through MPI_Finalize) or not
 *
 * A rank of this machine that does not answer is perhaps held (SIGSTOP): it is let go on; then ended, if the job outlives
 * that. */
#include <signal.h>

#include "clade/alloc.h"
#include "clade/clock.h"
#include "search/pool.h"
#include "search/pool_link.h"

/* Seconds: for workers to stop; after which those that are held are let go on; for messages of the end to leave; for
 * the coordinator's last word. */
static const double GRACE = 2.0, HELD = 0.3, PARTING = 0.5, LAST_WORD = 5.0;

/* Send TAG and LENGTH bytes, 0 or 1, to RANK and see them leave, if they do before DEADLINE: those to a rank that is held or
 * lost may never. */
static clade_status tell(int rank, int tag, size_t length, double deadline)
{
    clade_outgoing *out = NULL;
    bool done = false;
    long pause = CLADE_SHORTEST_NAP;
    CLADE_TRY(clade_link_send(rank, tag, NULL, 0, "1", length, &out));
    for (;;) {
        CLADE_TRY(clade_link_sent(&out, &done));
        if (done || clade_clock_now() > deadline)
            return CLADE_OK;
        clade_link_nap(&pause, CLADE_COORDINATOR_NAP);
    }
}

/* Every rank that is not dead, nor in LEFT_OUT (NULL: none); of failures, the last. */
static clade_status tell_all(int size, int tag, size_t length, const bool *left_out)
{
    const double deadline = clade_clock_now() + PARTING;
    clade_status all = CLADE_OK;
    for (int rank = 1; rank < size; rank++) {
        const bool is_told = !clade_link_is_dead(rank) && !(left_out && left_out[rank]);
        const clade_status status = is_told ? tell(rank, tag, length, deadline) : CLADE_OK;
        all = status == CLADE_OK ? all : status;
    }
    return all;
}

/* Signal every rank of this machine that is neither GONE nor known to be dead. */
static void signal_rest(int size, const bool *gone, int signal_number)
{
    for (int rank = 1; rank < size; rank++)
        if (!gone[rank] && !clade_link_is_dead(rank))
            (void)clade_link_signal(rank, signal_number);
}

/* Hear from the workers that they stop, until all have or are dead, or SECONDS are over. Late results are taken and
 * dropped, or their sends would never end. *LEFT: those that live, as far as is known, and have not. */
static clade_status hear_stopped(int size, bool *stopped, double seconds, int *left)
{
    const double deadline = clade_clock_now() + seconds;
    long pause = CLADE_SHORTEST_NAP;
    for (;;) {
        clade_message in;
        bool got = false;
        *left = 0;
        while (clade_link_next_dead() > 0)
            ;
        for (int rank = 1; rank < size; rank++)
            *left += !stopped[rank] && !clade_link_is_dead(rank);
        if (*left == 0)
            return CLADE_OK;
        CLADE_TRY(clade_link_receive(CLADE_ANY, CLADE_ANY, &in, &got));
        if (got && in.tag == CLADE_TAG_STOPPED)
            stopped[in.source] = true;
        clade_free(in.bytes);
        if (!got && (clade_clock_now() > deadline || !clade_link_launcher_lives()))
            return CLADE_OK;
        if (!got)
            clade_link_nap(&pause, CLADE_COORDINATOR_NAP);
    }
}

/* Until all have stopped or are dead, or they have had their time. *LEFT as in hear_stopped. */
static clade_status await_stopped(int size, bool *stopped, int *left)
{
    CLADE_TRY(hear_stopped(size, stopped, HELD, left));
    if (*left > 0) {
        signal_rest(size, stopped, SIGCONT);
        CLADE_TRY(hear_stopped(size, stopped, GRACE - HELD, left));
    }
    if (*left > 0 && clade_mpi_outlives_ranks()) {
        signal_rest(size, stopped, SIGKILL);
        CLADE_TRY(hear_stopped(size, stopped, PARTING, left));
    }
    return CLADE_OK;
}

/* The coordinator's end. *ALL_LEFT false: ranks that live are left behind. *WHOLE: all are there for MPI_Finalize. What fails
 * keeps nobody from being told to leave. */
static clade_status stop_workers(int size, bool *all_left, bool *whole)
{
    const size_t bytes = (size_t)size;
    bool *stopped = clade_calloc(bytes, sizeof *stopped);
    int left = size - 1;
    *all_left = *whole = false;
    if (!stopped)
        return clade_fail_memory(bytes, "ranks");
    const clade_status told = tell_all(size, CLADE_TAG_STOP, 0, NULL), heard = await_stopped(size, stopped, &left);
    *all_left = left == 0;
    *whole = true;
    for (int rank = 1; rank < size; rank++) {
        *whole = *whole && stopped[rank];
        stopped[rank] = !stopped[rank]; /* from here on: who is not to be told */
    }
    const clade_status leave = tell_all(size, CLADE_TAG_LEAVE, *whole ? 0 : 1, stopped);
    clade_free(stopped);
    if (leave != CLADE_OK) /* one of them will not be there, and others wait for it */
        *all_left = *whole = false;
    return told != CLADE_OK ? told : heard != CLADE_OK ? heard : leave;
}

/* A worker's end. *WHOLE: the coordinator says to leave through MPI_Finalize. */
static clade_status hear_leave(bool *whole)
{
    const double deadline = clade_clock_now() + LAST_WORD;
    long pause = CLADE_SHORTEST_NAP;
    for (;;) {
        clade_message in;
        bool got = false;
        *whole = false;
        CLADE_TRY(clade_link_receive(0, CLADE_TAG_LEAVE, &in, &got));
        clade_free(in.bytes);
        *whole = got && in.length == 0;
        if (got || clade_clock_now() > deadline)
            return CLADE_OK;
        clade_link_nap(&pause, CLADE_COORDINATOR_NAP);
    }
}

clade_status clade_mpi_finish(bool *all_left)
{
    int rank = 0;
    bool whole = true;
    const int size = clade_link_begun(&rank);
    *all_left = true;
    if (size == 0)
        return CLADE_OK;
    const clade_status status = rank == 0 ? stop_workers(size, all_left, &whole) : hear_leave(&whole);
    clade_link_end(whole);
    return status;
}
