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

/* Send TAG and LENGTH bytes, 0 or 1, to every rank that is not dead, nor in LEFT_OUT (NULL: none), and see them leave, if
 * they do in time: those to a rank that is held or lost may never. */
static void tell_all(int size, int tag, size_t length, const bool *left_out)
{
    const double deadline = clade_clock_now() + PARTING;
    long pause = CLADE_SHORTEST_NAP;
    for (int rank = 1; rank < size; rank++) {
        clade_outgoing *out = NULL;
        bool done = clade_link_is_dead(rank) || (left_out && left_out[rank]) ||
                    clade_link_send(rank, tag, NULL, 0, "1", length, &out) != CLADE_OK;
        while (!done && clade_link_sent(&out, &done) == CLADE_OK && !done && clade_clock_now() < deadline)
            clade_link_nap(&pause, CLADE_COORDINATOR_NAP);
    }
}

/* Signal every rank of this machine that is neither GONE nor known to be dead. */
static void signal_rest(int size, const bool *gone, int signal_number)
{
    for (int rank = 1; rank < size; rank++)
        if (!gone[rank] && !clade_link_is_dead(rank))
            (void)clade_link_signal(rank, signal_number);
}

/* Hear from the workers that they stop, until all have or are dead, or SECONDS are over. Late results are taken and
 * dropped, or their sends would never end. The number of those that live, as far as is known, and have not. */
static int hear_stopped(int size, bool *stopped, double seconds)
{
    const double deadline = clade_clock_now() + seconds;
    long pause = CLADE_SHORTEST_NAP;
    for (;;) {
        clade_message in;
        bool got = false;
        int left = 0;
        while (clade_link_next_dead() > 0)
            ;
        for (int rank = 1; rank < size; rank++)
            left += !stopped[rank] && !clade_link_is_dead(rank);
        if (left == 0 || clade_link_receive(CLADE_ANY, CLADE_ANY, &in, &got) != CLADE_OK)
            return left;
        if (got && in.tag == CLADE_TAG_STOPPED)
            stopped[in.source] = true;
        clade_free(in.bytes);
        if (!got && (clade_clock_now() > deadline || !clade_link_launcher_lives()))
            return left;
        if (!got)
            clade_link_nap(&pause, CLADE_COORDINATOR_NAP);
    }
}

/* The coordinator's end; false: ranks that live are left behind. *WHOLE: all are there for MPI_Finalize. */
static bool stop_workers(int size, bool *whole)
{
    bool *stopped = clade_calloc((size_t)size, sizeof *stopped);
    *whole = false;
    if (!stopped)
        return false;
    tell_all(size, CLADE_TAG_STOP, 0, NULL);
    int left = hear_stopped(size, stopped, HELD);
    if (left > 0) {
        signal_rest(size, stopped, SIGCONT);
        left = hear_stopped(size, stopped, GRACE - HELD);
    }
    if (left > 0 && clade_mpi_outlives_ranks()) {
        signal_rest(size, stopped, SIGKILL);
        left = hear_stopped(size, stopped, PARTING);
    }
    *whole = true;
    for (int rank = 1; rank < size; rank++) {
        *whole = *whole && stopped[rank];
        stopped[rank] = !stopped[rank]; /* from here on: who is not to be told */
    }
    tell_all(size, CLADE_TAG_LEAVE, *whole ? 0 : 1, stopped);
    clade_free(stopped);
    return left == 0;
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
    clade_status status = CLADE_OK;
    const int size = clade_link_begun(&rank);
    *all_left = true;
    if (size == 0)
        return CLADE_OK;
    if (rank == 0)
        *all_left = stop_workers(size, &whole);
    else
        status = hear_leave(&whole);
    clade_link_end(whole);
    return status;
}
