/* Folders that appear whole or not at all. Private to src/io. */
#ifndef CLADE_IO_STAGED_H
#define CLADE_IO_STAGED_H

#include <stddef.h>

#include "clade/status.h"

/* Make folder OUT, which must not exist (CLADE_EUSAGE), with what FILL writes into FOLDER: a temporary sibling, with the
 * folders above it made where they are missing, renamed at the end and removed on failure. A '/' at the end of OUT is
 * ignored. */
typedef clade_status (*clade_io_fill)(const char *folder, void *context);
clade_status clade_io_write_folder(const char *out, clade_io_fill fill, void *context) CLADE_CHECK_RESULT;
/* Its two ends, for folders that are filled in another way: make the folder that will hold OUT, and give the complete
 * folder STAGED, its sibling, the name OUT (CLADE_EUSAGE when something is there by now; the parent is not synced). */
clade_status clade_io_make_parent(const char *out) CLADE_CHECK_RESULT;
clade_status clade_io_put_in_place(const char *staged, const char *out) CLADE_CHECK_RESULT;
/* BYTES of DATA as FOLDER/NAME. */
clade_status clade_io_write_in_folder(const char *folder, const char *name, const void *data,
                                      size_t bytes) CLADE_CHECK_RESULT;

#endif
