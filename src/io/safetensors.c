/* Reading safetensors: the checks of the reference implementation (safetensors 0.8, tensor.rs,
 * SafeTensors::read_metadata and Metadata::validate), and lookup by name. The lists are sorted twice: by offset, where
 * each tensor must begin where the one before it ends, and then by name, where no two may be equal. */
#include "clade/safetensors.h"

#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

#include "clade/alloc.h"
#include "io/bytes.h"
#include "io/safetensors_file.h"

enum { LENGTH_BYTES = 8 };

_Static_assert(__BYTE_ORDER__ == __ORDER_LITTLE_ENDIAN__, "tensors are used as they lie in the file, little-endian");

/* What people often have in place of a safetensors file, by its first bytes. */
static const char *foreign_kind(const clade_map *map)
{
    static const struct {
        const char *bytes;
        size_t length;
        const char *kind;
    } kinds[] = {
        {"version https://git-lfs", 23, " (this is a git-lfs pointer: fetch the file itself with `git lfs pull`)"},
        {"<!", 2, " (this is an HTML page: the download failed)"},
        {"<html", 5, " (this is an HTML page: the download failed)"},
        {"PK\x03\x04", 4, " (this is a zip file, as torch.save writes: convert it with safetensors.torch.save_file)"},
        {"\x80\x02", 2, " (this is a Python pickle: convert it with safetensors.torch.save_file)"},
        {"\x80\x04", 2, " (this is a Python pickle: convert it with safetensors.torch.save_file)"},
        {"GGUF", 4, " (this is a GGUF file)"},
        {"\x93NUMPY", 6, " (this is a NumPy file)"},
        {"\x89HDF", 4, " (this is an HDF5 file)"},
    };
    for (size_t i = 0; i < sizeof kinds / sizeof *kinds; i++)
        if (map->size >= kinds[i].length && memcmp(map->data, kinds[i].bytes, kinds[i].length) == 0)
            return kinds[i].kind;
    return "";
}

/* N, which must fit in the file and in the format's limit. */
static clade_status read_length(const clade_map *map, const char *name, size_t *header_bytes)
{
    uint64_t n = 0;
    if (map->size < LENGTH_BYTES)
        return clade_fail(CLADE_EINPUT, "%s: has %zu bytes, expected at least 8 for the length of the header", name,
                          map->size);
    for (int i = LENGTH_BYTES - 1; i >= 0; i--)
        n = n << 8 | map->data[i];
    if (n > CLADE_SAFETENSORS_MAX_HEADER)
        return clade_fail(CLADE_EINPUT, "%s: states a header of %" PRIu64 " bytes, expected at most %d%s", name, n,
                          CLADE_SAFETENSORS_MAX_HEADER, foreign_kind(map));
    if (n > map->size - LENGTH_BYTES)
        return clade_fail(CLADE_EINPUT, "%s: states a header of %" PRIu64 " bytes, but only %zu follow", name, n,
                          map->size - LENGTH_BYTES);
    *header_bytes = (size_t)n;
    return CLADE_OK;
}

static int by_name(const void *a, const void *b)
{
    const safetensors_entry *x = a, *y = b;
    return clade_io_compare(x->tensor.name, x->name_length, y->tensor.name, y->name_length);
}

/* An empty tensor comes before the one that begins where it lies, so the order is by begin, then end. */
static int by_offsets(const void *a, const void *b)
{
    const safetensors_entry *x = a, *y = b;
    if (x->begin != y->begin)
        return x->begin < y->begin ? -1 : 1;
    if (x->tensor.bytes != y->tensor.bytes)
        return x->tensor.bytes < y->tensor.bytes ? -1 : 1;
    return by_name(a, b);
}

static int by_key(const void *a, const void *b)
{
    const safetensors_pair *x = a, *y = b;
    return clade_io_compare(x->key, x->key_length, y->key, y->key_length);
}

/* Shape and dtype of one tensor against the bytes it claims. */
static clade_status check_size(safetensors_entry *entry, const char *name)
{
    char quoted[CLADE_IO_QUOTE];
    clade_tensor *t = &entry->tensor;
    uint64_t count, bytes;
    const char *wrong = clade_io_tensor_size(t->dtype, t->shape, t->rank, &count, &bytes);
    if (wrong)
        return clade_fail(CLADE_EINPUT, "%s: tensor %s: %s", name, clade_io_quote(t->name, entry->name_length, quoted),
                          wrong);
    if (bytes != t->bytes)
        return clade_fail(CLADE_EINPUT,
                          "%s: tensor %s: data_offsets span %zu bytes, expected %" PRIu64 " for %" PRIu64
                          " elements of %s",
                          name, clade_io_quote(t->name, entry->name_length, quoted), t->bytes, bytes, count,
                          clade_dtype_of(t->dtype)->name);
    t->count = (size_t)count;
    return CLADE_OK;
}

/* Every tensor begins where the one before ends, and the last one ends with the file: no holes, no overlap, no tail. */
static clade_status check_layout(clade_safetensors *file, const char *name)
{
    char quoted[CLADE_IO_QUOTE];
    const unsigned char *buffer = file->map.data + LENGTH_BYTES + file->header_bytes;
    uint64_t buffer_bytes = file->map.size - LENGTH_BYTES - file->header_bytes, end = 0;
    if (file->count != 0)
        qsort(file->entries, file->count, sizeof *file->entries, by_offsets);
    for (size_t i = 0; i < file->count; i++) {
        safetensors_entry *entry = &file->entries[i];
        if (entry->begin != end)
            return clade_fail(CLADE_EINPUT,
                              "%s: tensor %s: begins at %" PRIu64 ", expected %" PRIu64
                              ", the end of the tensors before it",
                              name, clade_io_quote(entry->tensor.name, entry->name_length, quoted), entry->begin, end);
        entry->tensor.shape = entry->tensor.rank ? file->extents + entry->first_extent : NULL;
        CLADE_TRY(check_size(entry, name));
        end = entry->begin + entry->tensor.bytes;
        if (end > buffer_bytes)
            return clade_fail(CLADE_EINPUT,
                              "%s: tensor %s: ends at %" PRIu64 ", but only %" PRIu64
                              " bytes follow the header: the file is cut",
                              name, clade_io_quote(entry->tensor.name, entry->name_length, quoted), end, buffer_bytes);
        entry->tensor.data = buffer + entry->begin;
    }
    if (end != buffer_bytes)
        return clade_fail(CLADE_EINPUT,
                          "%s: %" PRIu64 " bytes follow the header, expected %" PRIu64 ", the end of the last tensor",
                          name, buffer_bytes, end);
    return CLADE_OK;
}

/* Sort by name and by key, and refuse what is there twice: which one counts would depend on the reader. */
static clade_status check_names(clade_safetensors *file, const char *name)
{
    char quoted[CLADE_IO_QUOTE];
    if (file->count != 0)
        qsort(file->entries, file->count, sizeof *file->entries, by_name);
    for (size_t i = 1; i < file->count; i++)
        if (by_name(&file->entries[i - 1], &file->entries[i]) == 0)
            return clade_fail(CLADE_EINPUT, "%s: tensor %s: found twice, expected different names", name,
                              clade_io_quote(file->entries[i].tensor.name, file->entries[i].name_length, quoted));
    if (file->pair_count != 0)
        qsort(file->pairs, file->pair_count, sizeof *file->pairs, by_key);
    for (size_t i = 1; i < file->pair_count; i++)
        if (by_key(&file->pairs[i - 1], &file->pairs[i]) == 0)
            return clade_fail(CLADE_EINPUT, "%s: metadata key %s: found twice, expected different keys", name,
                              clade_io_quote(file->pairs[i].key, file->pairs[i].key_length, quoted));
    return CLADE_OK;
}

static clade_status read_map(clade_safetensors *file, const char *name)
{
    CLADE_TRY(read_length(&file->map, name, &file->header_bytes));
    CLADE_TRY(clade_io_read_header(file->map.data + LENGTH_BYTES, file->header_bytes, name, file));
    /* Names first: a tensor that is there twice also overlaps itself, and that message would mislead. */
    CLADE_TRY(check_names(file, name));
    CLADE_TRY(check_layout(file, name));
    if (file->count != 0)
        qsort(file->entries, file->count, sizeof *file->entries, by_name);
    return CLADE_OK;
}

/* Take MAP over, in success and failure, when OWNS_MAP. */
static clade_status open_map(clade_map map, bool owns_map, const char *name, clade_safetensors **file)
{
    *file = NULL;
    clade_safetensors *made = clade_calloc(1, sizeof *made);
    if (!made) {
        if (owns_map)
            clade_map_close(&map);
        return clade_fail_memory(sizeof *made, name);
    }
    made->map = map;
    made->owns_map = owns_map;
    clade_status status = read_map(made, name);
    if (status != CLADE_OK) {
        clade_safetensors_close(made);
        return status;
    }
    *file = made;
    return CLADE_OK;
}

clade_status clade_safetensors_open(const char *path, clade_safetensors **file)
{
    clade_map map;
    *file = NULL;
    CLADE_TRY(clade_map_open(path, &map));
    return open_map(map, true, path, file);
}

clade_status clade_safetensors_scan(const void *bytes, size_t size, const char *name, clade_safetensors **file)
{
    return open_map((clade_map){bytes, size}, false, name, file);
}

void clade_safetensors_close(clade_safetensors *file)
{
    if (!file)
        return;
    if (file->owns_map)
        clade_map_close(&file->map);
    clade_free(file->entries);
    clade_free(file->pairs);
    clade_free(file->extents);
    clade_free(file->strings);
    clade_free(file);
}

size_t clade_safetensors_count(const clade_safetensors *file)
{
    return file->count;
}

const clade_tensor *clade_safetensors_at(const clade_safetensors *file, size_t index)
{
    return &file->entries[index].tensor;
}

size_t clade_safetensors_name_length(const clade_safetensors *file, size_t index)
{
    return file->entries[index].name_length;
}

const clade_tensor *clade_safetensors_find(const clade_safetensors *file, const char *name)
{
    safetensors_entry key = {.tensor.name = name, .name_length = strlen(name)};
    const safetensors_entry *found =
        file->count ? bsearch(&key, file->entries, file->count, sizeof key, by_name) : NULL;
    return found ? &found->tensor : NULL;
}

size_t clade_safetensors_header_bytes(const clade_safetensors *file)
{
    return file->header_bytes;
}

uint64_t clade_safetensors_begin(const clade_safetensors *file, size_t index)
{
    return file->entries[index].begin;
}

size_t clade_safetensors_metadata_count(const clade_safetensors *file)
{
    return file->pair_count;
}

const char *clade_safetensors_metadata_key(const clade_safetensors *file, size_t index)
{
    return file->pairs[index].key;
}

const char *clade_safetensors_metadata_value(const clade_safetensors *file, size_t index)
{
    return file->pairs[index].value;
}

size_t clade_safetensors_metadata_key_length(const clade_safetensors *file, size_t index)
{
    return file->pairs[index].key_length;
}

size_t clade_safetensors_metadata_value_length(const clade_safetensors *file, size_t index)
{
    return file->pairs[index].value_length;
}
