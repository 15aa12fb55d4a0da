/* The tree that clade_checkpoint_hash computes. Private to src/io. */
#ifndef CLADE_IO_CHECKPOINT_HASH_H
#define CLADE_IO_CHECKPOINT_HASH_H

#include "clade/checkpoint.h"

clade_status clade_io_checkpoint_hash(const clade_checkpoint *checkpoint, clade_team *team,
                                      char hex[CLADE_SHA256_HEX]) CLADE_CHECK_RESULT;

#endif
