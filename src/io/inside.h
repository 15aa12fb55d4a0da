/* Files of a model that are copied into another one, which is likely to be published. */
#ifndef CLADE_IO_INSIDE_H
#define CLADE_IO_INSIDE_H

#include "clade/status.h"

/* CLADE_EINPUT when FOLDER/NAME is a link to a file elsewhere: a downloaded folder could have somebody's keys copied so.
 * Elsewhere is outside FOLDER and, for a snapshot in the cache of huggingface_hub (models--X/snapshots/REVISION, all of
 * whose files are links), outside the models--X/blobs beside it. CLADE_OK when there is no such file, or no target. */
clade_status clade_io_check_inside(const char *folder, const char *name) CLADE_CHECK_RESULT;

#endif
