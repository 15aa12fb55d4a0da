/* An evaluator: opens the files, does jobs. It knows no MPI: what it hears and says goes over the channel to the process
 * that watches it, a rank's supervisor (supervisor.h) or the search itself (pool_process.c). */
#ifndef CLADE_POOL_SERVE_H
#define CLADE_POOL_SERVE_H

#include "search/channel.h"

/* Take EXPERIMENT, say READY, do jobs until the channel ends (CLADE_OK). CHANNEL is borrowed. */
clade_status clade_pool_serve(clade_channel *channel) CLADE_CHECK_RESULT;

#endif
