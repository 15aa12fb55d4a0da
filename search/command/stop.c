#include "search/command/stop.h"

#include <signal.h>
#include <stddef.h>
#include <unistd.h>

#include "clade/status.h"

/* Set by the handler, polled by whoever works: the one global a signal forces on us. */
static volatile int stop_requested;

static void request_stop(int signal_number)
{
    (void)signal_number;
    stop_requested = 1;
}

/* Mapped files cannot be read any more. Where one is likely to be shortened it is populated first, with a message that
 * names it (clade_checkpoint_populate); this is for the rest. */
static void leave_lost_file(int signal_number)
{
    static const char message[] = "clade: a file that is being read was shortened, or its disk fails\n";
    (void)signal_number;
    ssize_t ignored = write(STDERR_FILENO, message, sizeof message - 1);
    (void)ignored;
    _exit(CLADE_EIO);
}

void clade_stop_catch(void)
{
    struct sigaction lost = {.sa_handler = leave_lost_file};
    struct sigaction action = {.sa_handler = request_stop, .sa_flags = SA_RESTART};
    sigemptyset(&action.sa_mask);
    sigaction(SIGINT, &action, NULL);
    sigaction(SIGTERM, &action, NULL);
    sigaction(SIGUSR1, &action, NULL);
    sigemptyset(&lost.sa_mask);
    sigaction(SIGBUS, &lost, NULL);
}

bool clade_stop_requested(void)
{
    return stop_requested != 0;
}

const volatile int *clade_stop_flag(void)
{
    return &stop_requested;
}
