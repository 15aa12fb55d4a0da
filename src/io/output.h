/* What src/io shares about writing: temporary siblings and the failure hook. */
#ifndef CLADE_IO_OUTPUT_H
#define CLADE_IO_OUTPUT_H

#include <stdbool.h>

#include "clade/status.h"

/* PATH.tmp-PID, or PATH.tmp-PID.1, ... when what a killed process left behind is in the way, made by CREATE (which
 * returns 0 or more, or -1 with errno) with CONTEXT. *TEMPORARY is owned by the caller. */
clade_status clade_io_make_temporary(const char *path, int (*create)(const char *path), char **temporary,
                                     int *result) CLADE_CHECK_RESULT;

/* True, with errno = ENOSPC, when clade_output_fail_at wants this step to fail. Asked before every step that changes
 * the disk: write, fsync, rename, mkdir. */
bool clade_io_must_fail(void);

#endif
