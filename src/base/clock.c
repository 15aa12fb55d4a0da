#include "clade/clock.h"

#include <time.h>

static double seconds_of(clockid_t clock)
{
    struct timespec now;
    (void)clock_gettime(clock, &now);
    return (double)now.tv_sec + 1e-9 * (double)now.tv_nsec;
}

double clade_clock_now(void)
{
    return seconds_of(CLOCK_MONOTONIC);
}

double clade_clock_calendar(void)
{
    return seconds_of(CLOCK_REALTIME);
}
