/* For the analyzers, before every file (scripts/analyze.py): a failure is never CLADE_OK. They look at one file at a time,
 * and without this they follow each failing call on as if it had gone well. */
#include "clade/status.h"

#define clade_fail(status, ...) (clade_fail((status), __VA_ARGS__), (status))
#define clade_fail_memory(bytes, what) ((void)clade_fail_memory(bytes, what), CLADE_EIO)
#define clade_fail_errno(path, action) ((void)clade_fail_errno(path, action), CLADE_EIO)
