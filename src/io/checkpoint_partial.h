/* The writer of a checkpoint, and OUT.partial as it finds it. Private to src/io. */
#ifndef CLADE_IO_CHECKPOINT_PARTIAL_H
#define CLADE_IO_CHECKPOINT_PARTIAL_H

#include "clade/checkpoint.h"
#include "io/checkpoint_journal.h"
#include "io/checkpoint_shards.h"

typedef struct clade_io_shard_state {
    clade_safetensors_writer *writer; /* owned; between _begin and _end */
    clade_io_finished finished;       /* what the journal says; bytes 0: nothing */
    bool done;
} clade_io_shard_state;

struct clade_checkpoint_writer {
    char *out, *folder; /* owned; without '/' at the end; folder is out.partial */
    clade_io_shards shards;
    clade_io_shard_state *states; /* (shards.n_shards), owned */
    clade_io_journal *journal;    /* owned */
    bool fresh;                   /* nothing in the folder is from before _open */
};

/* Make FOLDER, or make sure that the one there was left by a merge: what is in it may be removed. CLADE_EUSAGE when it
 * was not. */
clade_status clade_io_partial_take(const char *folder) CLADE_CHECK_RESULT;
/* Open the journal in WRITER's folder, keep the shards that are as it says and remove everything else. HEX is the
 * identity; CAN_RESUME false: keep nothing. */
clade_status clade_io_partial_find(clade_checkpoint_writer *writer, const char *hex,
                                   bool can_resume) CLADE_CHECK_RESULT;
/* The file of a shard while the checkpoint is not finished (PART), or after, in WRITER's folder; a new string
 * (clade_free), or NULL without memory. */
char *clade_io_partial_path(const clade_checkpoint_writer *writer, size_t shard, bool part);
/* clade_checkpoint_writer_finish without closing the writer. */
clade_status clade_io_checkpoint_complete(clade_checkpoint_writer *writer) CLADE_CHECK_RESULT;

#endif
