/* MPI: start, messages, end. The only file that includes mpi.h; what the messages say is in pool_ranks.c. */
#include <limits.h>
#include <mpi.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <time.h>
#include <unistd.h>

#include "clade/alloc.h"
#include "clade/clock.h"
#include "search/neighbours.h"
#include "search/pool.h"
#include "search/pool_link.h"

static const double LOOK = 0.1; /* seconds between two looks at who died */

struct clade_outgoing {
    MPI_Request request;
    int to;
    char bytes[]; /* must stay until the request is done */
};

/* A message that has begun to come. The rest of a large one may take its time, and never comes from a rank that died. */
typedef struct incoming {
    struct incoming *next;
    MPI_Request request;
    clade_message message;
} incoming;

/* MPI itself is one per process, and so is what we must remember of it. */
static struct {
    MPI_Comm world;
    int rank, size;
    pid_t parent;
    bool started;
    incoming *first; /* the oldest */
    /* rank 0 */
    clade_identity *who;          /* (size) */
    bool *dead;                   /* (size) */
    clade_neighbours *neighbours; /* the ranks on this machine */
    double looked;
} mpi = {.size = 1};

/* User-level failure mitigation, where the MPI that runs has it (Open MPI 5, MPICH 4); else NULL.
 * https://docs.open-mpi.org/en/v5.0.x/features/ulfm.html */
int MPIX_Comm_get_failed(MPI_Comm comm, MPI_Group *failed) __attribute__((weak));
int MPIX_Comm_ack_failed(MPI_Comm comm, int to_acknowledge, int *acknowledged) __attribute__((weak));

static clade_status check(int code, const char *what)
{
    if (code == MPI_SUCCESS)
        return CLADE_OK;
    char text[MPI_MAX_ERROR_STRING] = "unknown error";
    int length = 0;
    (void)MPI_Error_string(code, text, &length);
    return clade_fail(CLADE_EIO, "MPI: rank %d cannot %s: %s", mpi.rank, what, text);
}

void clade_link_nap(long *microseconds, long longest)
{
    const struct timespec length = {.tv_nsec = *microseconds * 1000};
    (void)nanosleep(&length, NULL);
    *microseconds = *microseconds * 2 > longest ? longest : *microseconds * 2;
}

/* ---- ranks that died ---- */

/* The ranks that MPI knows to have failed, in OUT (size) as flags; false: none, or MPI does not tell. */
static bool look_for_failed(bool *out)
{
    MPI_Group world, failed;
    int count = 0;
    memset(out, 0, (size_t)mpi.size * sizeof *out);
    if (!MPIX_Comm_get_failed || MPIX_Comm_get_failed(mpi.world, &failed) != MPI_SUCCESS)
        return false;
    if (MPI_Group_size(failed, &count) == MPI_SUCCESS && count > 0 &&
        MPI_Comm_group(mpi.world, &world) == MPI_SUCCESS) {
        for (int i = 0; i < count; i++) {
            int rank = MPI_UNDEFINED;
            if (MPI_Group_translate_ranks(failed, 1, &i, world, &rank) == MPI_SUCCESS && rank >= 0 && rank < mpi.size)
                out[rank] = true;
        }
        (void)MPI_Group_free(&world);
    }
    (void)MPI_Group_free(&failed);
    return count > 0;
}

/* Whether CODE, of a call that had to do with RANK (or with any, CLADE_ANY), only says that somebody died: then a message
 * of theirs never comes, and one to them is lost, which is for the coordinator to notice. A worker without coordinator
 * cannot go on. */
static bool is_loss(int code, int rank)
{
    int acknowledged = 0;
    if (code == MPI_SUCCESS || !MPIX_Comm_get_failed)
        return false;
    bool *failed = clade_calloc((size_t)mpi.size, sizeof *failed);
    const bool some = failed && look_for_failed(failed);
    const bool loss = some && (rank == CLADE_ANY || failed[rank]) && (mpi.rank == 0 || !failed[0]);
    clade_free(failed);
    /* So that messages of any rank can be looked for again. */
    return loss && MPIX_Comm_ack_failed && MPIX_Comm_ack_failed(mpi.world, mpi.size, &acknowledged) == MPI_SUCCESS;
}

int clade_link_next_dead(void)
{
    const double now = clade_clock_now();
    if (!mpi.dead || now - mpi.looked < LOOK)
        return 0;
    bool *failed = MPIX_Comm_get_failed ? clade_calloc((size_t)mpi.size, sizeof *failed) : NULL;
    int found = 0;
    if (failed && look_for_failed(failed))
        for (int rank = 1; rank < mpi.size && found == 0; rank++)
            found = failed[rank] && !mpi.dead[rank] ? rank : 0;
    clade_free(failed);
    while (found == 0) {
        const int rank = clade_neighbours_next_dead(mpi.neighbours);
        if (rank < 0)
            break;
        found = mpi.dead[rank] ? 0 : rank; /* rank 0 is never among them */
    }
    if (found == 0)
        mpi.looked = now;
    else
        mpi.dead[found] = true;
    return found;
}

bool clade_link_is_dead(int rank)
{
    return mpi.dead && mpi.dead[rank];
}

bool clade_link_signal(int rank, int signal_number)
{
    return mpi.neighbours && clade_neighbours_signal(mpi.neighbours, rank, signal_number);
}

const char *clade_link_host(int rank)
{
    return mpi.who && rank >= 0 && rank < mpi.size ? mpi.who[rank].host : "?";
}

/* ---- messages ---- */

/* Begin to receive a message of SOURCE with TAG if one is there. */
static clade_status begin_receive(int source, int tag)
{
    int flag = 0, count = 0;
    MPI_Message handle = MPI_MESSAGE_NULL;
    MPI_Status envelope;
    const int code = MPI_Improbe(source == CLADE_ANY ? MPI_ANY_SOURCE : source, tag == CLADE_ANY ? MPI_ANY_TAG : tag,
                                 mpi.world, &flag, &handle, &envelope);
    if (is_loss(code, source))
        return CLADE_OK;
    CLADE_TRY(check(code, "look for a message"));
    if (!flag)
        return CLADE_OK;
    CLADE_TRY(check(MPI_Get_count(&envelope, MPI_BYTE, &count), "size a message"));
    incoming *new = clade_malloc(sizeof *new);
    char *bytes = clade_malloc((size_t)count + 1);
    if (!new || !bytes) {
        clade_free(new);
        clade_free(bytes);
        return clade_fail_memory((unsigned long long)count + 1, "a message");
    }
    bytes[count] = '\0';
    *new = (incoming){
        .message = {.bytes = bytes, .length = (size_t)count, .source = envelope.MPI_SOURCE, .tag = envelope.MPI_TAG}};
    const int received = MPI_Imrecv(bytes, count, MPI_BYTE, &handle, &new->request);
    if (received != MPI_SUCCESS) {
        clade_free(new);
        clade_free(bytes);
        return is_loss(received, envelope.MPI_SOURCE) ? CLADE_OK : check(received, "receive a message");
    }
    incoming **end = &mpi.first;
    while (*end)
        end = &(*end)->next;
    *end = new;
    return CLADE_OK;
}

/* Whether a message of the same rank stands before ONE: they are taken in their order. */
static bool is_behind(const incoming *one)
{
    for (const incoming *other = mpi.first; other != one; other = other->next)
        if (other->message.source == one->message.source)
            return true;
    return false;
}

clade_status clade_link_receive(int source, int tag, clade_message *in, bool *got)
{
    *in = (clade_message){0};
    *got = false;
    CLADE_TRY(begin_receive(source, tag));
    for (incoming **at = &mpi.first; *at; at = &(*at)->next) {
        incoming *one = *at;
        int flag = 0;
        if ((source != CLADE_ANY && source != one->message.source) || (tag != CLADE_ANY && tag != one->message.tag) ||
            clade_link_is_dead(one->message.source) || is_behind(one))
            continue;
        const int code = MPI_Test(&one->request, &flag, MPI_STATUS_IGNORE);
        if (is_loss(code, one->message.source))
            continue;
        CLADE_TRY(check(code, "receive a message"));
        if (!flag)
            continue;
        *in = one->message;
        *got = true;
        *at = one->next;
        clade_free(one);
        return CLADE_OK;
    }
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
    message->to = to;
    const int code =
        MPI_Isend(message->bytes, (int)(header_length + length), MPI_BYTE, to, tag, mpi.world, &message->request);
    if (code == MPI_SUCCESS) {
        *out = message;
        return CLADE_OK;
    }
    clade_free(message);
    return is_loss(code, to) ? CLADE_OK : check(code, "send a message");
}

clade_status clade_link_sent(clade_outgoing **out, bool *done)
{
    int flag = 1;
    const int code = *out ? MPI_Test(&(*out)->request, &flag, MPI_STATUS_IGNORE) : MPI_SUCCESS;
    *done = code == MPI_SUCCESS ? flag != 0 : is_loss(code, (*out)->to);
    if (!*done)
        CLADE_TRY(check(code, "send a message"));
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

static bool is_set(const char *name)
{
    const char *value = getenv(name);
    return value && strcmp(value, "1") == 0;
}

bool clade_mpi_loses_status(void)
{
    return is_set("OMPI_MCA_orte_enable_recovery");
}

bool clade_mpi_outlives_ranks(void)
{
    return clade_mpi_loses_status() || is_set("OMPI_MCA_mpi_ft_enable");
}

/* Rank 0 learns who the others are. */
static clade_status meet(void)
{
    clade_identity self;
    clade_identify(&self);
    if (mpi.rank == 0) {
        mpi.who = clade_calloc((size_t)mpi.size, sizeof *mpi.who);
        mpi.dead = clade_calloc((size_t)mpi.size, sizeof *mpi.dead);
        if (!mpi.who || !mpi.dead)
            return clade_fail_memory((size_t)mpi.size * sizeof *mpi.who, "ranks");
        CLADE_TRY(clade_neighbours_new((size_t)mpi.size, &mpi.neighbours));
    }
    CLADE_TRY(check(MPI_Gather(&self, (int)sizeof self, MPI_BYTE, mpi.who, (int)sizeof self, MPI_BYTE, 0, mpi.world),
                    "start"));
    for (int rank = 1; mpi.rank == 0 && self.machine[0] != '\0' && rank < mpi.size; rank++)
        if (memcmp(mpi.who[rank].machine, self.machine, sizeof self.machine) == 0)
            clade_neighbours_add(mpi.neighbours, rank, mpi.who[rank].pid);
    return CLADE_OK;
}

clade_status clade_mpi_start(int *rank, int *size)
{
    /* Reading another rank's memory hangs when that rank dies meanwhile; our messages are small. */
    (void)setenv("OMPI_MCA_btl_vader_single_copy_mechanism", "none", 0);
    signal(SIGPIPE, SIG_IGN); /* a peer that died must come back as an error, not end this process */
    CLADE_TRY(check(MPI_Init(NULL, NULL), "start"));
    CLADE_TRY(check(MPI_Comm_set_errhandler(MPI_COMM_WORLD, MPI_ERRORS_RETURN), "start"));
    CLADE_TRY(check(MPI_Comm_rank(MPI_COMM_WORLD, &mpi.rank), "start"));
    CLADE_TRY(check(MPI_Comm_size(MPI_COMM_WORLD, &mpi.size), "start"));
    CLADE_TRY(check(MPI_Comm_dup(MPI_COMM_WORLD, &mpi.world), "start"));
    CLADE_TRY(check(MPI_Comm_set_errhandler(mpi.world, MPI_ERRORS_RETURN), "start"));
    CLADE_TRY(meet());
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

int clade_link_begun(int *rank)
{
    *rank = mpi.rank;
    return mpi.started ? mpi.size : 0;
}

bool clade_link_launcher_lives(void)
{
    return getppid() == mpi.parent;
}

void clade_link_end(bool finalize)
{
    if (finalize) {
        (void)MPI_Comm_free(&mpi.world);
        (void)MPI_Finalize();
    }
    mpi.started = false;
    clade_neighbours_free(mpi.neighbours);
    clade_free(mpi.who);
    clade_free(mpi.dead);
    mpi.neighbours = NULL;
    mpi.who = NULL;
    mpi.dead = NULL;
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
