/* IDX files (MNIST's format), plain or gzip'd: magic 00 00 TYPE RANK, big-endian u32 extents, data. */
#ifndef CLADE_IDX_H
#define CLADE_IDX_H

#include <stdint.h>

#include "clade/status.h"

typedef struct clade_idx {
    unsigned rank; /* 1 to 4 */
    uint64_t shape[4];
    uint8_t *data;  /* u8 elements, owned */
    uint64_t count; /* product of shape */
} clade_idx;

/* Read a file of unsigned bytes (type 0x08); a gzip'd file is recognised by its first bytes, not its name. The data
 * must be exactly as long as the header says. CLADE_EINPUT otherwise. Memory is taken as data arrive, so a lying header
 * cannot ask for more than the file holds; nor may it be above 8 MiB and a hundred times the gzip'd file. */
clade_status clade_idx_read(const char *path, clade_idx *idx) CLADE_CHECK_RESULT;
/* The same, but only items FIRST..LAST-1 of the first axis are kept (shape[0] becomes LAST-FIRST; TOTAL gets the full
 * extent). Other items are decompressed but never stored. CLADE_EINPUT for a range that is not within the file. */
clade_status clade_idx_read_range(const char *path, uint64_t first, uint64_t last, clade_idx *idx,
                                  uint64_t *total) CLADE_CHECK_RESULT;
void clade_idx_free(clade_idx *idx);

/* The version of zlib; borrowed. */
const char *clade_zlib_version(void);

#endif
