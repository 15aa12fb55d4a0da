/* The journal of a checkpoint that is being written: which of its shards are finished. Private to src/io.
 *
 * A file of JSON lines in the folder of the checkpoint, also the lock that keeps a second writer out:
 *   {"clade_partial":1,"identity":"HEX"}
 *   {"shard":"model-00001-of-00003.safetensors.part","bytes":"4999999488","sum":"HEX"}
 * A line is written after its shard is safe on the disk, and then synced. What a power cut leaves of a line is no line.
 */
#ifndef CLADE_IO_CHECKPOINT_JOURNAL_H
#define CLADE_IO_CHECKPOINT_JOURNAL_H

#include <stdbool.h>

#include "clade/hash.h"
#include "clade/status.h"
#include "io/file_sum.h"

#define CLADE_IO_JOURNAL_NAME ".clade-journal"

typedef struct clade_io_journal clade_io_journal;

typedef struct clade_io_finished {
    uint64_t bytes;
    clade_io_sum sum;
} clade_io_finished;

/* Make or open FOLDER's journal and lock it; *EMPTY: nothing is in it yet. CLADE_EUSAGE when somebody else has it. */
clade_status clade_io_journal_open(const char *folder, clade_io_journal **journal, bool *empty) CLADE_CHECK_RESULT;
/* Read it: *SAME says whether it is of IDENTITY; if so, TAKE is called for every line in their order (a shard that is
 * there twice counts as its last line says). Lines are added after the last whole one. */
typedef void (*clade_io_take_line)(void *context, const char *shard, const clade_io_finished *finished);
clade_status clade_io_journal_read(clade_io_journal *journal, const char *identity, bool *same, clade_io_take_line take,
                                   void *context) CLADE_CHECK_RESULT;
/* Empty it and begin it anew for IDENTITY. */
clade_status clade_io_journal_start(clade_io_journal *journal, const char *identity) CLADE_CHECK_RESULT;
clade_status clade_io_journal_add(clade_io_journal *journal, const char *shard,
                                  const clade_io_finished *finished) CLADE_CHECK_RESULT;
/* Let go of the lock. Accepts NULL. */
void clade_io_journal_close(clade_io_journal *journal);

#endif
