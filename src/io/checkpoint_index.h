/* model.safetensors.index.json: which shard each tensor is in. Private to src/io. */
#ifndef CLADE_IO_CHECKPOINT_INDEX_H
#define CLADE_IO_CHECKPOINT_INDEX_H

#include "clade/json.h"

typedef struct clade_io_place {
    const char *tensor, *shard; /* borrowed from the document */
} clade_io_place;

typedef struct clade_io_index {
    clade_json *document;   /* owned */
    clade_io_place *places; /* (count), owned, sorted by tensor */
    size_t count;
    const char **shards; /* (n_shards), owned; each once, sorted */
    size_t n_shards;
} clade_io_index;

/* Read PATH. Refused: an empty weight_map, and shard names that are no plain "*.safetensors" in the same folder.
 * clade_io_index_free is due in every case. */
clade_status clade_io_index_read(const char *path, clade_io_index *index) CLADE_CHECK_RESULT;
void clade_io_index_free(clade_io_index *index);

#endif
