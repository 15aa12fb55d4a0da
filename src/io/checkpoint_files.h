/* What lies beside the weights in a checkpoint's folder. Private to src/io. */
#ifndef CLADE_IO_CHECKPOINT_FILES_H
#define CLADE_IO_CHECKPOINT_FILES_H

#include "clade/checkpoint.h"

/* Write config.json, the copied files, README.md and the extra files of LAYOUT into FOLDER. TENSORS are those of the
 * checkpoint, for the dtype that config.json states. */
clade_status clade_io_write_beside(const char *folder, const clade_tensor *tensors, size_t count,
                                   const clade_checkpoint_layout *layout) CLADE_CHECK_RESULT;

#endif
