/* Weights from an open checkpoint. F32 data that lie aligned are lent as they are; all others are widened when they are
 * asked for and dropped when they are released, so a half-precision checkpoint never costs a second whole copy. */
#include <stdint.h>
#include <string.h>

#include "clade/alloc.h"
#include "clade/hash.h"
#include "clade/model.h"

typedef struct context {
    clade_checkpoint *checkpoint; /* borrowed */
} context;

static bool can_lend(const clade_tensor *tensor)
{
    return tensor->dtype == CLADE_F32 && (uintptr_t)tensor->data % _Alignof(float) == 0;
}

static clade_status acquire(void *opaque, const char *name, clade_tensor *out)
{
    const context *self = opaque;
    const char *path = clade_checkpoint_path(self->checkpoint);
    const clade_tensor *tensor = clade_checkpoint_find(self->checkpoint, name);
    if (tensor == NULL)
        return clade_fail(CLADE_EEVAL, "%s: tensor \"%s\" is missing", path, name);
    if (!clade_dtype_of(tensor->dtype)->mergeable)
        return clade_fail(CLADE_EEVAL, "%s: tensor \"%s\": found dtype %s, expected F32, F16, BF16 or F64", path, name,
                          clade_dtype_of(tensor->dtype)->name);
    *out = *tensor;
    if (can_lend(tensor))
        return CLADE_OK;
    out->dtype = CLADE_F32;
    out->bytes = tensor->count * sizeof(float);
    float *widened = clade_malloc(out->bytes);
    if (widened == NULL)
        return clade_fail_memory(out->bytes, name);
    clade_widen(tensor->dtype, tensor->data, tensor->count, widened);
    out->data = widened;
    return CLADE_OK;
}

static void release(void *opaque, const clade_tensor *tensor)
{
    const context *self = opaque;
    const clade_tensor *source = clade_checkpoint_find(self->checkpoint, tensor->name);
    if (source != NULL && !can_lend(source))
        clade_free((void *)(uintptr_t)tensor->data); /* ours, lent as const */
}

/* A hash of all names, dtypes and bytes: two checkpoints with the same weights may share what was packed. */
static uint64_t version_of(const clade_checkpoint *checkpoint)
{
    uint64_t version = 0;
    for (size_t i = 0; i < clade_checkpoint_count(checkpoint); i++) {
        const clade_tensor *tensor = clade_checkpoint_at(checkpoint, i);
        version = clade_xxh64(tensor->name, strlen(tensor->name) + 1, version + (uint64_t)tensor->dtype);
        version = clade_xxh64(tensor->data, tensor->bytes, version);
    }
    return version == 0 ? 1 : version;
}

clade_status clade_checkpoint_provider_open(clade_checkpoint *checkpoint, clade_provider *provider)
{
    context *self = clade_malloc(sizeof *self);
    if (self == NULL)
        return clade_fail_memory(sizeof *self, "a provider of weights");
    self->checkpoint = checkpoint;
    *provider =
        (clade_provider){.context = self, .acquire = acquire, .release = release, .version = version_of(checkpoint)};
    return CLADE_OK;
}

void clade_checkpoint_provider_close(clade_provider *provider)
{
    clade_free(provider->context);
    *provider = (clade_provider){0};
}
