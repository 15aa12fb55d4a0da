#include "search/neighbours.h"

#include <errno.h>
#include <poll.h>
#include <stdio.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "clade/alloc.h"

/* Only what is known, since poll() takes no more descriptors than a process may have, which may be fewer than ranks. */
struct clade_neighbours {
    size_t ranks, count;
    struct pollfd *process; /* (count of ranks); fd below 0: was not there when it was added */
    int *rank;              /* (count of ranks): whose process it is */
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
    self->rank = clade_calloc(ranks, sizeof *self->rank);
    self->ranks = ranks;
    if (!self->process || !self->rank) {
        clade_neighbours_free(self);
        return clade_fail_memory(ranks * sizeof *self->process, "neighbours");
    }
    *out = self;
    return CLADE_OK;
}

/* The rank at place I, which is told of. */
static int forget(clade_neighbours *self, size_t i)
{
    const int rank = self->rank[i];
    if (self->process[i].fd >= 0)
        (void)close(self->process[i].fd);
    self->count--;
    self->process[i] = self->process[self->count];
    self->rank[i] = self->rank[self->count];
    return rank;
}

void clade_neighbours_free(clade_neighbours *self)
{
    if (!self)
        return;
    while (self->count > 0)
        (void)forget(self, 0);
    clade_free(self->process);
    clade_free(self->rank);
    clade_free(self);
}

void clade_neighbours_add(clade_neighbours *self, int rank, int64_t pid)
{
    if (rank < 0 || (size_t)rank >= self->ranks || self->count == self->ranks)
        return;
    const int process = (int)syscall(SYS_pidfd_open, (pid_t)pid, 0);
    if (process < 0 && errno != ESRCH)
        return;
    self->process[self->count] = (struct pollfd){.fd = process, .events = POLLIN};
    self->rank[self->count++] = rank;
}

int clade_neighbours_next_dead(clade_neighbours *self)
{
    for (size_t i = 0; i < self->count; i++)
        if (self->process[i].fd < 0)
            return forget(self, i);
    const int ready = poll(self->process, self->count, 0);
    for (size_t i = 0; ready > 0 && i < self->count; i++)
        if (self->process[i].revents & POLLIN)
            return forget(self, i);
    return -1;
}

bool clade_neighbours_signal(const clade_neighbours *self, int rank, int signal_number)
{
    for (size_t i = 0; i < self->count; i++)
        if (self->rank[i] == rank && self->process[i].fd >= 0)
            return syscall(SYS_pidfd_send_signal, self->process[i].fd, signal_number, NULL, 0) == 0;
    return false;
}
