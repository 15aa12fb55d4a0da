/* What the reader of items tells the rest of the score layer. Private to src/score. */
#ifndef CLADE_SCORE_ITEMS_H
#define CLADE_SCORE_ITEMS_H

#include <stdbool.h>

#include "clade/probes.h"

/* Files are told apart by name, so that what a file is never depends on its bytes: ".safetensors", else IDX. */
bool clade_is_safetensors_name(const char *path);

/* Bytes of one value of the task's images as they are kept: 1 (U8) or 4 (F32). Opens a safetensors file. */
clade_status clade_items_value_bytes(const clade_task *task, size_t *bytes) CLADE_CHECK_RESULT;

#endif
