/* What a result depends on besides the experiment and the seed (DESIGN.md 3, promise 2). */
#ifndef CLADE_PLATFORM_H
#define CLADE_PLATFORM_H

#include "clade/text.h"

/* The platform as JSON: version, compiler, CPU, kernels, BLAS config, core and threads, MPI. Equal on two machines when
 * a run may move from one to the other and stay bit for bit the same. */
void clade_platform_print(clade_text *json);

#endif
