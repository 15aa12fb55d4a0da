/* Time that never goes back, for durations and deadlines; and that of the calendar, for people and between machines. */
#ifndef CLADE_CLOCK_H
#define CLADE_CLOCK_H

/* Seconds since some moment before this process began (CLOCK_MONOTONIC): only differences mean something. */
double clade_clock_now(void);
/* Seconds since 1970 (CLOCK_REALTIME), as the machine's clock is set. */
double clade_clock_calendar(void);

#endif
