/* How evaluations are watched, as `search` and `resume` are asked to. */
#ifndef CLADE_LIMITS_H
#define CLADE_LIMITS_H

#include "search/pool.h"

/* TIME, of --evaluation-time, is seconds, with decimals or not, or HH:MM:SS; MEMORY, of --evaluation-memory, bytes, or a number with K, M, G or
 * T (of 1024, as Slurm has them). Both may be NULL: no limit of the user's. CLADE_EUSAGE for all else and for 0. */
clade_status clade_limits_parse(const char *command, const char *time, const char *memory,
                                clade_pool_limits *limits) CLADE_CHECK_RESULT;

#endif
