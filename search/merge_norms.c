/* The lengths of the parents' task vectors, for MetaGPT's weights (Zhou et al. 2024, arXiv 2406.11385): the same sums
 * as the method metagpt surveys, over the whole model, with the same kernel. */
#include "clade/adapter.h"
#include "clade/alloc.h"
#include "clade/kernels.h"
#include "search/merge_parts.h"

typedef struct reader {
    const clade_merge_space *space;
    float *base, *parent; /* (CLADE_CHUNK_ELEMENTS) each */
    double *squares;      /* (n_parents) */
} reader;

/* N elements from FIRST on of tensor INDEX of CHECKPOINT, into OUT. */
static clade_status load(const clade_checkpoint *checkpoint, size_t index, size_t first, size_t n, float *out)
{
    enum { WORTH_RELEASING = 1 << 16 };
    const clade_tensor *tensor = clade_checkpoint_at(checkpoint, index);
    const uint64_t bits = clade_dtype_of(tensor->dtype)->bits, from = first * bits / 8, bytes = n * bits / 8;
    if (bytes >= WORTH_RELEASING)
        CLADE_TRY(clade_checkpoint_populate(checkpoint, tensor, from, bytes));
    clade_widen(tensor->dtype, (const unsigned char *)tensor->data + from, n, out);
    if (bytes >= WORTH_RELEASING)
        clade_checkpoint_release(checkpoint, tensor, from, bytes);
    return CLADE_OK;
}

static clade_status add_tensor(reader *self, size_t index)
{
    const clade_family *family = self->space->family;
    const size_t count = (size_t)clade_family_at(family, index)->count;
    for (size_t first = 0, n; first < count; first += n) {
        n = count - first < CLADE_CHUNK_ELEMENTS ? count - first : CLADE_CHUNK_ELEMENTS;
        CLADE_TRY(load(clade_family_base(family), index, first, n, self->base));
        for (size_t p = 0; p < self->space->n_parents; p++) {
            CLADE_TRY(load(clade_family_parent(family, p), index, first, n, self->parent));
            self->squares[p] += clade_kernels_best()->dot_deltas(n, self->parent, self->parent, self->base);
        }
    }
    return CLADE_OK;
}

static clade_status add_all(reader *self)
{
    const clade_family *family = self->space->family;
    self->base = clade_malloc(CLADE_CHUNK_ELEMENTS * sizeof(float));
    self->parent = clade_malloc(CLADE_CHUNK_ELEMENTS * sizeof(float));
    if (!self->base || !self->parent)
        return clade_fail_memory(CLADE_CHUNK_ELEMENTS * sizeof(float), "a piece of a tensor");
    /* The checkpoints of a family list the same tensors in the same order. */
    for (size_t i = 0; i < clade_family_count(family); i++)
        if (clade_is_merged(clade_family_at(family, i)))
            CLADE_TRY(add_tensor(self, i));
    return CLADE_OK;
}

clade_status clade_merge_norms(const clade_merge_space *space, double *squares, bool *known)
{
    reader self = {.space = space, .squares = squares};
    *known = clade_family_base(space->family) != NULL;
    for (size_t p = 0; p < space->n_parents; p++) {
        bool is_adapter;
        squares[p] = 0;
        CLADE_TRY(clade_adapter_is(space->parent_paths[p], &is_adapter));
        *known = *known && !is_adapter;
    }
    if (!*known)
        return CLADE_OK;
    const clade_status status = add_all(&self);
    clade_free(self.base);
    clade_free(self.parent);
    return status;
}
