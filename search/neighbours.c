#include "search/neighbours.h"

#include <errno.h>
#include <poll.h>
#include <stdio.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "clade/alloc.h"

struct clade_neighbours {
    size_t ranks;
    struct pollfd *process; /* (ranks); fd below 0: not known, or told of */
    bool *absent;           /* (ranks): was not there when it was added */
};

/* Processes see each other where the kernel was booted once, pids are counted together, and the host has one name. */
void clade_identify(clade_identity *self)
{
    char boot[64] = "", pids[48] = "";
    *self = (clade_identity){.pid = getpid()};
    (void)gethostname(self->host, sizeof self->host - 1);
    FILE *file = fopen("/proc/sys/kernel/random/boot_id", "r");
    if (file && fgets(boot, sizeof boot, file) && readlink("/proc/self/ns/pid", pids, sizeof pids - 1) > 0)
        snprintf(self->machine, sizeof self->machine, "%s%s %s", boot, pids, self->host);
    if (file)
        (void)fclose(file);
}

clade_status clade_neighbours_new(size_t ranks, clade_neighbours **out)
{
    *out = NULL;
    clade_neighbours *self = clade_calloc(1, sizeof *self);
    if (!self)
        return clade_fail_memory(sizeof *self, "neighbours");
    self->process = clade_calloc(ranks, sizeof *self->process);
    self->absent = clade_calloc(ranks, sizeof *self->absent);
    for (size_t r = 0; self->process && r < ranks; r++)
        self->process[r] = (struct pollfd){.fd = -1, .events = POLLIN};
    self->ranks = ranks;
    if (!self->process || !self->absent) {
        clade_neighbours_free(self);
        return clade_fail_memory(ranks * sizeof *self->process, "neighbours");
    }
    *out = self;
    return CLADE_OK;
}

static void forget(clade_neighbours *self, size_t rank)
{
    if (self->process[rank].fd >= 0)
        (void)close(self->process[rank].fd);
    self->process[rank].fd = -1;
}

void clade_neighbours_free(clade_neighbours *self)
{
    if (!self)
        return;
    for (size_t r = 0; self->process && r < self->ranks; r++)
        forget(self, r);
    clade_free(self->process);
    clade_free(self->absent);
    clade_free(self);
}

void clade_neighbours_add(clade_neighbours *self, int rank, int64_t pid)
{
    if (rank < 0 || (size_t)rank >= self->ranks)
        return;
    self->process[rank].fd = (int)syscall(SYS_pidfd_open, (pid_t)pid, 0);
    self->absent[rank] = self->process[rank].fd < 0 && errno == ESRCH;
}

int clade_neighbours_next_dead(clade_neighbours *self)
{
    const int ready = poll(self->process, self->ranks, 0);
    for (size_t r = 0; r < self->ranks; r++) {
        if (!self->absent[r] && !(ready > 0 && self->process[r].fd >= 0 && (self->process[r].revents & POLLIN)))
            continue;
        self->absent[r] = false;
        forget(self, r);
        return (int)r;
    }
    return -1;
}

bool clade_neighbours_signal(const clade_neighbours *self, int rank, int signal_number)
{
    return rank >= 0 && (size_t)rank < self->ranks && self->process[rank].fd >= 0 &&
           syscall(SYS_pidfd_send_signal, self->process[rank].fd, signal_number, NULL, 0) == 0;
}
