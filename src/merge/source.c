/* Reading one source of a target: as stored, or with rows that come from elsewhere (a remapped vocabulary), plus the
 * low-rank change of an adapter. */
#include <string.h>

#include "merge/low_rank.h"
#include "merge/plan.h"

const float *clade_source_direct(const clade_target *target, size_t source)
{
    const clade_source *from = &target->sources[source];
    bool plain = from->tensor->dtype == CLADE_F32 && !from->rows && !from->delta;
    return plain && (uintptr_t)from->tensor->data % _Alignof(float) == 0 ? from->tensor->data : NULL;
}

/* A row of a remapped tensor, rounded up so that what lies behind it is aligned. */
static size_t row_bytes(const clade_target *target)
{
    size_t columns = target->tensor.rank > 1 ? (size_t)target->tensor.shape[1] : 1;
    return (columns * sizeof(float) + 63) / 64 * 64;
}

size_t clade_source_scratch(const clade_target *target, size_t source)
{
    const clade_source *from = &target->sources[source];
    size_t bytes = from->delta ? clade_low_rank_scratch(from->delta) : 0;
    if (!from->rows)
        return bytes;
    for (size_t s = 0; s < target->n_sources; s++) { /* a row may come from any of them */
        const clade_low_rank *delta = target->sources[s].tensor ? target->sources[s].delta : NULL;
        size_t one = delta ? clade_low_rank_scratch(delta) : 0;
        bytes = one > bytes ? one : bytes;
    }
    return bytes + row_bytes(target);
}

static void read_stored(const clade_source *from, uint64_t first, size_t n, float *out, void *scratch)
{
    const clade_tensor *tensor = from->tensor;
    clade_widen(tensor->dtype, (const unsigned char *)tensor->data + first * (clade_dtype_of(tensor->dtype)->bits / 8),
                n, out);
    if (from->delta)
        clade_low_rank_add(from->delta, tensor, first, n, out, scratch);
}

/* Columns FROM .. FROM + N - 1 of row ROW of a remapped tensor: the mean of its items. */
static void read_row(const clade_target *target, const clade_source *mapped, uint64_t row, size_t from, size_t n,
                     float *out, float *scratch)
{
    const clade_row_map *map = mapped->rows;
    uint32_t begin = map->start[row], count = map->start[row + 1] - begin;
    uint64_t columns = target->tensor.count / map->n_rows;
    memset(out, 0, n * sizeof *out);
    for (uint32_t i = begin; i < begin + count; i++) {
        uint64_t at = map->items[i].row * columns + from;
        read_stored(&target->sources[map->items[i].source], at, n, count == 1 ? out : scratch,
                    (unsigned char *)scratch + row_bytes(target));
        for (size_t c = 0; c < n && count > 1; c++)
            out[c] += scratch[c];
    }
    for (size_t c = 0; c < n && count > 1; c++)
        out[c] /= (float)count;
}

void clade_source_read(const clade_target *target, size_t source, uint64_t first, size_t n, float *out, void *scratch)
{
    const clade_source *from = &target->sources[source];
    if (!from->rows) {
        read_stored(from, first, n, out, scratch);
        return;
    }
    uint64_t columns = target->tensor.count / from->rows->n_rows;
    for (size_t done = 0, m; done < n; done += m) {
        uint64_t row = (first + done) / columns, column = (first + done) % columns;
        m = columns - column < n - done ? (size_t)(columns - column) : n - done;
        read_row(target, from, row, (size_t)column, m, out + done, scratch);
    }
}
