#include "search/command/stop.h"

#include <signal.h>
#include <stddef.h>

/* Set by the handler, polled by whoever works: the one global a signal forces on us. */
static volatile int stop_requested;

static void request_stop(int signal_number)
{
    (void)signal_number;
    stop_requested = 1;
}

void clade_stop_catch(void)
{
    struct sigaction action = {.sa_handler = request_stop, .sa_flags = SA_RESTART};
    sigemptyset(&action.sa_mask);
    sigaction(SIGINT, &action, NULL);
    sigaction(SIGTERM, &action, NULL);
    sigaction(SIGUSR1, &action, NULL);
}

bool clade_stop_requested(void)
{
    return stop_requested != 0;
}

const volatile int *clade_stop_flag(void)
{
    return &stop_requested;
}
