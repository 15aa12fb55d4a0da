/* IDX files (Y. LeCun, yann.lecun.com/exdb/mnist): 00 00 TYPE RANK, big-endian u32 extents, data. One loop reads both
 * kinds of file through a source that copies or inflates; what is not wanted goes through a small buffer and is
 * dropped. */
#include "clade/idx.h"

#include <inttypes.h>
#include <stdbool.h>
#include <string.h>
#include <zlib.h>

#include "clade/alloc.h"
#include "clade/files.h"
#include "io/bytes.h"

enum { TYPE_U8 = 0x08, MAX_RANK = 4, FIRST_CHUNK = 1 << 20 };

/* Images shrink to a tenth; deflate can make a thousandth of zeros, and a small file of gigabytes is an attack. */
enum { MAX_INFLATION = 100, ANY_INFLATION = 8 << 20 /* bytes that may be of any file */ };

typedef struct idx_source {
    const char *path;
    const unsigned char *next; /* of the file */
    size_t left, size;
    bool gzip;
    bool ended; /* the gzip'd data have ended */
    z_stream inflater;
} idx_source;

static void *allocate(void *unused, unsigned items, unsigned size)
{
    (void)unused;
    return clade_calloc(items, size);
}

static void release(void *unused, void *memory)
{
    (void)unused;
    clade_free(memory);
}

static bool is_gzip(const unsigned char *data, size_t size)
{
    return size >= 2 && data[0] == 0x1F && data[1] == 0x8B;
}

static clade_status source_open(idx_source *source, const char *path, const clade_map *map)
{
    enum { GZIP_ONLY = 16 };
    source->path = path;
    source->next = map->data;
    source->left = source->size = map->size;
    source->gzip = is_gzip(map->data, map->size);
    source->inflater.zalloc = allocate;
    source->inflater.zfree = release;
    if (source->gzip && inflateInit2(&source->inflater, MAX_WBITS + GZIP_ONLY) != Z_OK)
        return clade_fail_memory(sizeof source->inflater, "inflating");
    return CLADE_OK;
}

static void source_close(idx_source *source)
{
    if (source->gzip)
        inflateEnd(&source->inflater);
}

/* At the end of one gzip member: more may follow (RFC 1952), but nothing else. */
static clade_status next_member(idx_source *source)
{
    if (source->left == 0) {
        source->ended = true;
        return CLADE_OK;
    }
    if (!is_gzip(source->next, source->left))
        return clade_fail(CLADE_EINPUT, "%s: found %zu bytes after the end of the gzip'd data", source->path,
                          source->left);
    return inflateReset(&source->inflater) == Z_OK
               ? CLADE_OK
               : clade_fail(CLADE_EINTERNAL, "%s: the inflater could not be reset", source->path);
}

/* One call of inflate, for at most WANTED bytes. */
static clade_status inflate_some(idx_source *source, unsigned char *out, size_t wanted, size_t *got)
{
    enum { MAX_CHUNK = 1 << 30 }; /* zlib counts in 32 bits */
    z_stream *z = &source->inflater;
    unsigned in = source->left < MAX_CHUNK ? (unsigned)source->left : MAX_CHUNK;
    z->next_in = (unsigned char *)(uintptr_t)source->next;
    z->avail_in = in;
    z->next_out = out;
    z->avail_out = wanted < MAX_CHUNK ? (unsigned)wanted : MAX_CHUNK;
    int code = inflate(z, Z_NO_FLUSH);
    source->next += in - z->avail_in;
    source->left -= in - z->avail_in;
    *got = (size_t)(z->next_out - out);
    if (code == Z_STREAM_END)
        return next_member(source);
    if (code == Z_MEM_ERROR)
        return clade_fail_memory(sizeof *z, "inflating");
    if (code == Z_BUF_ERROR && source->left == 0)
        return clade_fail(CLADE_EINPUT, "%s: the gzip'd data are cut", source->path);
    if (code != Z_OK)
        return clade_fail(CLADE_EINPUT, "%s: the gzip'd data are damaged: %s", source->path,
                          z->msg ? z->msg : "unknown fault");
    return CLADE_OK;
}

/* Up to BYTES into OUT; *GOT is less only at the end of the data. */
static clade_status source_read(idx_source *source, void *out, size_t bytes, size_t *got)
{
    *got = 0;
    if (!source->gzip) {
        *got = bytes < source->left ? bytes : source->left;
        if (*got == 0) /* NEXT may be NULL */
            return CLADE_OK;
        memcpy(out, source->next, *got);
        source->next += *got;
        source->left -= *got;
        return CLADE_OK;
    }
    while (*got < bytes && !source->ended) {
        size_t some;
        CLADE_TRY(inflate_some(source, (unsigned char *)out + *got, bytes - *got, &some));
        *got += some;
    }
    return CLADE_OK;
}

static clade_status fail_short(const idx_source *source, uint64_t missing)
{
    return clade_fail(CLADE_EINPUT, "%s: the data end %" PRIu64 " bytes before what the header says", source->path,
                      missing);
}

/* Pass over BYTES of data. */
static clade_status source_skip(idx_source *source, uint64_t bytes)
{
    unsigned char dropped[1 << 14];
    while (bytes != 0) {
        size_t got, wanted = bytes < sizeof dropped ? (size_t)bytes : sizeof dropped;
        CLADE_TRY(source_read(source, dropped, wanted, &got));
        bytes -= got;
        if (got < wanted)
            return fail_short(source, bytes);
    }
    return CLADE_OK;
}

/* Type, rank and extents; *ITEM gets the bytes of one item of the first axis, *COUNT those of all. */
static clade_status read_header(idx_source *source, clade_idx *idx, uint64_t *item, uint64_t *count)
{
    unsigned char magic[4], extents[4 * MAX_RANK];
    size_t got;
    CLADE_TRY(source_read(source, magic, sizeof magic, &got));
    if (got < sizeof magic || magic[0] != 0 || magic[1] != 0)
        return clade_fail(CLADE_EINPUT, "%s: is no IDX file, expected two zero bytes, a type and a rank first",
                          source->path);
    if (magic[2] != TYPE_U8)
        return clade_fail(CLADE_EINPUT, "%s: found IDX type 0x%02x, expected 0x08 (unsigned bytes)", source->path,
                          magic[2]);
    if (magic[3] < 1 || magic[3] > MAX_RANK)
        return clade_fail(CLADE_EINPUT, "%s: found %u axes, expected 1 to %d", source->path, magic[3], MAX_RANK);
    idx->rank = magic[3];
    CLADE_TRY(source_read(source, extents, 4u * idx->rank, &got));
    if (got < 4u * idx->rank)
        return clade_fail(CLADE_EINPUT, "%s: ends inside its header of %u bytes", source->path, 4 + 4 * idx->rank);
    *item = 1;
    for (unsigned i = 0; i < idx->rank; i++) {
        const unsigned char *e = extents + 4 * i;
        idx->shape[i] = (uint64_t)e[0] << 24 | (uint64_t)e[1] << 16 | (uint64_t)e[2] << 8 | e[3];
        if (i != 0 && !clade_io_multiply(*item, idx->shape[i], item))
            return clade_fail(CLADE_EINPUT, "%s: the product of its extents overflows 64 bits", source->path);
    }
    if (!clade_io_multiply(*item, idx->shape[0], count))
        return clade_fail(CLADE_EINPUT, "%s: the product of its extents overflows 64 bits", source->path);
    return CLADE_OK;
}

/* A header that asks for more than the rest of the file can hold is refused before anything is allocated. */
static clade_status check_size(const idx_source *source, uint64_t count)
{
    if (!source->gzip && count != source->left)
        return clade_fail(CLADE_EINPUT, "%s: %zu bytes follow the header, expected %" PRIu64, source->path,
                          source->left, count);
    if (source->gzip && count > ANY_INFLATION && count / MAX_INFLATION > source->size)
        return clade_fail(CLADE_EINPUT,
                          "%s: its header asks for %" PRIu64 " bytes, more than its %zu gzip'd ones can hold (%d times "
                          "as many)",
                          source->path, count, source->size, (int)MAX_INFLATION);
    return CLADE_OK;
}

/* BYTES of data into *DATA, which grows as they arrive. */
static clade_status read_data(idx_source *source, uint64_t bytes, uint8_t **data)
{
    size_t used = 0, capacity = bytes < FIRST_CHUNK ? (size_t)bytes : FIRST_CHUNK;
    *data = clade_malloc(capacity);
    if (!*data)
        return clade_fail_memory(capacity, source->path);
    for (;;) {
        size_t got;
        CLADE_TRY(source_read(source, *data + used, capacity - used, &got));
        used += got;
        if (used < capacity)
            return fail_short(source, bytes - used);
        if (used == bytes)
            return CLADE_OK;
        capacity = bytes - used < used ? (size_t)bytes : 2 * used;
        uint8_t *larger = clade_realloc(*data, capacity);
        if (!larger)
            return clade_fail_memory(capacity, source->path);
        *data = larger;
    }
}

static clade_status expect_end(idx_source *source)
{
    unsigned char extra;
    size_t got;
    CLADE_TRY(source_read(source, &extra, 1, &got));
    if (got != 0)
        return clade_fail(CLADE_EINPUT, "%s: holds more data than its header says", source->path);
    return CLADE_OK;
}

/* Items *FIRST to *LAST - 1, or all when FIRST is NULL. */
static clade_status read_items(idx_source *source, const uint64_t *first, const uint64_t *last, clade_idx *idx,
                               uint64_t *total)
{
    uint64_t item, count;
    CLADE_TRY(read_header(source, idx, &item, &count));
    *total = idx->shape[0];
    uint64_t begin = first ? *first : 0, end = first ? *last : *total;
    if (begin > end || end > *total)
        return clade_fail(CLADE_EINPUT, "%s: items %" PRIu64 " to %" PRIu64 " are wanted, but it has %" PRIu64,
                          source->path, begin, end, *total);
    CLADE_TRY(check_size(source, count));
    CLADE_TRY(source_skip(source, begin * item));
    CLADE_TRY(read_data(source, (end - begin) * item, &idx->data));
    CLADE_TRY(source_skip(source, (*total - end) * item));
    CLADE_TRY(expect_end(source));
    idx->shape[0] = end - begin;
    idx->count = (end - begin) * item;
    return CLADE_OK;
}

static clade_status read_file(const char *path, const uint64_t *first, const uint64_t *last, clade_idx *idx,
                              uint64_t *total)
{
    clade_map map;
    idx_source source = {0};
    *idx = (clade_idx){0};
    *total = 0;
    CLADE_TRY(clade_map_open(path, &map));
    clade_status status = source_open(&source, path, &map);
    if (status == CLADE_OK) {
        status = read_items(&source, first, last, idx, total);
        source_close(&source);
    }
    clade_map_close(&map);
    if (status != CLADE_OK)
        clade_idx_free(idx);
    return status;
}

clade_status clade_idx_read(const char *path, clade_idx *idx)
{
    uint64_t total;
    return read_file(path, NULL, NULL, idx, &total);
}

clade_status clade_idx_read_range(const char *path, uint64_t first, uint64_t last, clade_idx *idx, uint64_t *total)
{
    return read_file(path, &first, &last, idx, total);
}

void clade_idx_free(clade_idx *idx)
{
    clade_free(idx->data);
    *idx = (clade_idx){0};
}

const char *clade_zlib_version(void)
{
    return zlibVersion();
}
