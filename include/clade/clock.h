/* Time that never goes back, for durations and deadlines; what the calendar says is not here. */
#ifndef CLADE_CLOCK_H
#define CLADE_CLOCK_H

/* Seconds since some moment before this process began (CLOCK_MONOTONIC): only differences mean something. */
double clade_clock_now(void);

#endif
