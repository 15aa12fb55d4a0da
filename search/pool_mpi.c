/* MPI: start, messages, end. The only file that includes mpi.h; what the messages say is in pool_ranks.c. */
#include <limits.h>
#include <mpi.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <time.h>
#include <unistd.h>

#include "clade/alloc.h"
#include "clade/clock.h"
#include "search/pool.h"
#include "search/pool_link.h"

enum { GRACE_SECONDS = 2 };

struct clade_outgoing {
    MPI_Request request;
    char bytes[]; /* must stay until the request is done */
};

/* MPI itself is one per process, and so is what we must remember of it. */
static struct {
    MPI_Comm world;
    int rank, size;
    pid_t parent;
    bool started;
} mpi = {.size = 1};

static clade_status check(int code, const char *what)
{
    if (code == MPI_SUCCESS)
        return CLADE_OK;
    char text[MPI_MAX_ERROR_STRING] = "unknown error";
    int length = 0;
    (void)MPI_Error_string(code, text, &length);
    return clade_fail(CLADE_EIO, "MPI: rank %d cannot %s: %s", mpi.rank, what, text);
}

/* Sleep *MICROSECONDS, and twice as long the next time, up to LONGEST. */
void clade_link_nap(long *microseconds, long longest)
{
    const struct timespec length = {.tv_nsec = *microseconds * 1000};
    (void)nanosleep(&length, NULL);
    *microseconds = *microseconds * 2 > longest ? longest : *microseconds * 2;
}

/* ---- messages ---- */

clade_status clade_link_receive(int source, int tag, clade_message *in, bool *got)
{
    int flag = 0, count = 0;
    MPI_Message handle = MPI_MESSAGE_NULL;
    MPI_Status envelope;
    *in = (clade_message){0};
    *got = false;
    CLADE_TRY(check(MPI_Improbe(source == CLADE_ANY ? MPI_ANY_SOURCE : source, tag == CLADE_ANY ? MPI_ANY_TAG : tag,
                                mpi.world, &flag, &handle, &envelope),
                    "look for a message"));
    if (!flag)
        return CLADE_OK;
    CLADE_TRY(check(MPI_Get_count(&envelope, MPI_BYTE, &count), "size a message"));
    char *bytes = clade_malloc((size_t)count + 1);
    if (!bytes)
        return clade_fail_memory((unsigned long long)count + 1, "a message");
    clade_status status = check(MPI_Mrecv(bytes, count, MPI_BYTE, &handle, MPI_STATUS_IGNORE), "receive a message");
    if (status != CLADE_OK) {
        clade_free(bytes);
        return status;
    }
    bytes[count] = '\0';
    *in = (clade_message){
        .bytes = bytes, .length = (size_t)count, .source = envelope.MPI_SOURCE, .tag = envelope.MPI_TAG};
    *got = true;
    return CLADE_OK;
}

clade_status clade_link_send(int to, int tag, const void *header, size_t header_length, const char *body, size_t length,
                             clade_outgoing **out)
{
    *out = NULL;
    if (length > INT_MAX - header_length)
        return clade_fail(CLADE_EIO, "MPI: a message of %zu bytes is too long, expected at most %d", length, INT_MAX);
    clade_outgoing *message = clade_malloc(sizeof *message + header_length + length);
    if (!message)
        return clade_fail_memory(sizeof *message + header_length + length, "a message");
    if (header_length > 0)
        memcpy(message->bytes, header, header_length);
    if (length > 0)
        memcpy(message->bytes + header_length, body, length);
    clade_status status =
        check(MPI_Isend(message->bytes, (int)(header_length + length), MPI_BYTE, to, tag, mpi.world, &message->request),
              "send a message");
    if (status == CLADE_OK)
        *out = message;
    else
        clade_free(message);
    return status;
}

clade_status clade_link_sent(clade_outgoing **out, bool *done)
{
    int flag = 1;
    if (*out)
        CLADE_TRY(check(MPI_Test(&(*out)->request, &flag, MPI_STATUS_IGNORE), "send a message"));
    *done = flag != 0;
    if (*done) {
        clade_free(*out);
        *out = NULL;
    }
    return CLADE_OK;
}

/* ---- start and end ---- */

bool clade_mpi_launched(void)
{
    return getenv("OMPI_COMM_WORLD_SIZE") || getenv("PMIX_RANK") || getenv("PMI_RANK");
}

clade_status clade_mpi_start(int *rank, int *size)
{
    signal(SIGPIPE, SIG_IGN); /* a peer that died must come back as an error, not end this process */
    CLADE_TRY(check(MPI_Init(NULL, NULL), "start"));
    CLADE_TRY(check(MPI_Comm_set_errhandler(MPI_COMM_WORLD, MPI_ERRORS_RETURN), "start"));
    CLADE_TRY(check(MPI_Comm_dup(MPI_COMM_WORLD, &mpi.world), "start"));
    CLADE_TRY(check(MPI_Comm_set_errhandler(mpi.world, MPI_ERRORS_RETURN), "start"));
    CLADE_TRY(check(MPI_Comm_rank(mpi.world, &mpi.rank), "start"));
    CLADE_TRY(check(MPI_Comm_size(mpi.world, &mpi.size), "start"));
    mpi.started = true;
    /* Ranks outlive a launcher that was killed: the coordinator then stops as on any signal, workers go at once. */
    mpi.parent = getppid();
    (void)prctl(PR_SET_PDEATHSIG, mpi.rank == 0 ? SIGTERM : SIGKILL);
    *rank = mpi.rank;
    *size = mpi.size;
    return CLADE_OK;
}

int clade_mpi_size(void)
{
    return mpi.size;
}

/* Tell every worker to stop and hear from each that it does; false when some did not in time. Their late results are
 * taken and dropped, or their sends would never end. */
static bool stop_workers(void)
{
    const double deadline = clade_clock_now() + GRACE_SECONDS;
    long pause = CLADE_SHORTEST_NAP;
    int left = mpi.size - 1;
    for (int rank = 1; rank < mpi.size; rank++) {
        MPI_Request request; /* nothing to keep: the message is empty */
        if (MPI_Isend(NULL, 0, MPI_BYTE, rank, CLADE_TAG_STOP, mpi.world, &request) != MPI_SUCCESS ||
            MPI_Request_free(&request) != MPI_SUCCESS)
            return false;
    }
    while (left > 0) {
        clade_message in;
        bool got = false;
        if (clade_link_receive(CLADE_ANY, CLADE_ANY, &in, &got) != CLADE_OK)
            return false;
        if (got && in.tag == CLADE_TAG_STOPPED)
            left--;
        clade_free(in.bytes);
        if (!got && (clade_clock_now() > deadline || getppid() != mpi.parent))
            return false;
        if (!got)
            clade_link_nap(&pause, CLADE_COORDINATOR_NAP);
    }
    return true;
}

void clade_mpi_finish(void)
{
    if (!mpi.started)
        return;
    mpi.started = false;
    /* Finalize waits for all ranks; with one that does not answer it would wait for ever. */
    if (mpi.rank == 0 && !stop_workers())
        return;
    (void)MPI_Comm_free(&mpi.world);
    (void)MPI_Finalize();
}

void clade_link_abandon(void)
{
    mpi.started = false;
}

const char *clade_mpi_version(void)
{
    static char version[MPI_MAX_LIBRARY_VERSION_STRING];
    int length = 0;
    if (MPI_Get_library_version(version, &length) != MPI_SUCCESS)
        return "unknown";
    version[strcspn(version, ",\n")] = '\0'; /* "Open MPI v4.1.4, package: ..." */
    return version;
}
