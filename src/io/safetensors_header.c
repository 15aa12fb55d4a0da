/* The grammar of a safetensors header: JSON, but only the part of it that the format uses.
 *
 *   header   = '{' [ member { ',' member } ] '}' { 0x20 }
 *   member   = '"__metadata__"' ':' '{' [ string ':' string { ',' ... } ] '}'  |  name ':' record
 *   record   = '{' "dtype" ':' string, "shape" ':' '[' u64 ... ']', "data_offsets" ':' '[' u64 ',' u64 ']' '}'
 *
 * White space may stand between any two tokens inside the outer braces. The fields of a record come in any order, each
 * once. Unknown fields of a record are checked and passed over, as in the reference implementation: the format text
 * does not forbid them, and newer writers may add some. */
#include <inttypes.h>
#include <string.h>

#include "clade/alloc.h"
#include "clade/utf8.h"
#include "io/bytes.h"
#include "io/safetensors_file.h"
#include "io/scan.h"

/* LIST with room for COUNT + 1 items of SIZE bytes, or NULL. Grows by half, to waste little on a long header. */
static void *with_room(void *list, size_t count, size_t *capacity, size_t size)
{
    if (count < *capacity)
        return list;
    size_t wanted = *capacity + *capacity / 2 + 16;
    void *larger = clade_realloc(list, wanted * size);
    if (larger)
        *capacity = wanted;
    return larger;
}

static clade_status scan_shape(clade_scanner *s, clade_safetensors *file, safetensors_entry *entry)
{
    bool more;
    CLADE_TRY(clade_scan_expect(s, '[', "'[' of a shape"));
    entry->first_extent = file->extent_count;
    for (clade_scan_first(s, ']', &more); more;) {
        uint64_t *extents = with_room(file->extents, file->extent_count, &file->extent_capacity, sizeof *extents);
        if (!extents)
            return clade_fail_memory(file->extent_capacity * sizeof *extents, "shapes");
        file->extents = extents;
        CLADE_TRY(clade_scan_u64(s, &extents[file->extent_count]));
        file->extent_count++;
        CLADE_TRY(clade_scan_next(s, ']', &more));
    }
    entry->tensor.rank = file->extent_count - entry->first_extent;
    return CLADE_OK;
}

static clade_status scan_offsets(clade_scanner *s, safetensors_entry *entry)
{
    uint64_t end;
    CLADE_TRY(clade_scan_expect(s, '[', "'[' of data_offsets"));
    CLADE_TRY(clade_scan_u64(s, &entry->begin));
    CLADE_TRY(clade_scan_expect(s, ',', "',' and the second of two data_offsets"));
    CLADE_TRY(clade_scan_u64(s, &end));
    CLADE_TRY(clade_scan_expect(s, ']', "']' after two data_offsets"));
    if (end < entry->begin)
        return clade_fail(CLADE_EINPUT,
                          "%s: header byte %zu: data_offsets end at %" PRIu64 ", before their begin %" PRIu64, s->name,
                          s->at, end, entry->begin);
    entry->tensor.bytes = (size_t)(end - entry->begin);
    return CLADE_OK;
}

static clade_status scan_dtype(clade_scanner *s, safetensors_entry *entry)
{
    clade_scan_text text;
    CLADE_TRY(clade_scan_string(s, "the name of a dtype", &text));
    for (int d = 0; d < CLADE_DTYPE_COUNT; d++)
        if (clade_scan_equals(&text, clade_dtype_of((clade_dtype)d)->name)) {
            entry->tensor.dtype = (clade_dtype)d;
            return CLADE_OK;
        }
    char found[CLADE_IO_QUOTE];
    return clade_fail(CLADE_EINPUT,
                      "%s: header byte %zu: found dtype %s, expected one of safetensors 0.8 (F32, BF16, ...)", s->name,
                      s->at, clade_io_quote(text.data, text.length, found));
}

enum { DTYPE = 1, SHAPE = 2, OFFSETS = 4, ALL_FIELDS = 7 };

/* One field of a record; SEEN has those that came before. */
static clade_status scan_field(clade_scanner *s, clade_safetensors *file, safetensors_entry *entry, unsigned *seen)
{
    clade_scan_text key;
    CLADE_TRY(clade_scan_string(s, "a field of a tensor's record in double quotes", &key));
    unsigned field = clade_scan_equals(&key, "dtype")          ? DTYPE
                     : clade_scan_equals(&key, "shape")        ? SHAPE
                     : clade_scan_equals(&key, "data_offsets") ? OFFSETS
                                                               : 0;
    if (*seen & field)
        return clade_fail(CLADE_EINPUT, "%s: header byte %zu: found \"%s\" a second time in one record", s->name, s->at,
                          key.data);
    *seen |= field;
    CLADE_TRY(clade_scan_expect(s, ':', "':' after the name of a field"));
    switch (field) {
    case DTYPE:
        return scan_dtype(s, entry);
    case SHAPE:
        return scan_shape(s, file, entry);
    case OFFSETS:
        return scan_offsets(s, entry);
    default:
        return clade_scan_skip(s, 2);
    }
}

static clade_status scan_record(clade_scanner *s, clade_safetensors *file, safetensors_entry *entry)
{
    unsigned seen = 0;
    bool more;
    CLADE_TRY(clade_scan_expect(s, '{', "'{' of a tensor's record"));
    for (clade_scan_first(s, '}', &more); more;) {
        CLADE_TRY(scan_field(s, file, entry, &seen));
        CLADE_TRY(clade_scan_next(s, '}', &more));
    }
    if (seen == ALL_FIELDS)
        return CLADE_OK;
    return clade_fail(CLADE_EINPUT, "%s: header byte %zu: the record that ends here has no \"%s\"", s->name, s->at,
                      !(seen & DTYPE)   ? "dtype"
                      : !(seen & SHAPE) ? "shape"
                                        : "data_offsets");
}

static clade_status scan_metadata(clade_scanner *s, clade_safetensors *file)
{
    bool more;
    if (file->has_metadata)
        return clade_fail(CLADE_EINPUT, "%s: header byte %zu: found a second \"__metadata__\"", s->name, s->at);
    file->has_metadata = true;
    CLADE_TRY(clade_scan_expect(s, '{', "'{' of \"__metadata__\""));
    for (clade_scan_first(s, '}', &more); more;) {
        clade_scan_text key, value;
        CLADE_TRY(clade_scan_string(s, "a metadata key in double quotes", &key));
        clade_scan_keep(s, &key);
        CLADE_TRY(clade_scan_expect(s, ':', "':' after a metadata key"));
        CLADE_TRY(clade_scan_string(s, "a metadata value in double quotes", &value));
        clade_scan_keep(s, &value);
        safetensors_pair *pairs = with_room(file->pairs, file->pair_count, &file->pair_capacity, sizeof *pairs);
        if (!pairs)
            return clade_fail_memory(file->pair_capacity * sizeof *pairs, "metadata");
        file->pairs = pairs;
        pairs[file->pair_count++] = (safetensors_pair){key.data, value.data, key.length, value.length};
        CLADE_TRY(clade_scan_next(s, '}', &more));
    }
    return CLADE_OK;
}

static clade_status scan_member(clade_scanner *s, clade_safetensors *file)
{
    clade_scan_text name;
    CLADE_TRY(clade_scan_string(s, "the name of a tensor in double quotes", &name));
    bool is_metadata = clade_scan_equals(&name, "__metadata__");
    if (!is_metadata)
        clade_scan_keep(s, &name);
    CLADE_TRY(clade_scan_expect(s, ':', "':' after the name of a tensor"));
    if (is_metadata)
        return scan_metadata(s, file);
    safetensors_entry *entries = with_room(file->entries, file->count, &file->capacity, sizeof *entries);
    if (!entries)
        return clade_fail_memory(file->capacity * sizeof *entries, "the list of tensors");
    file->entries = entries;
    entries[file->count] = (safetensors_entry){.tensor.name = name.data, .name_length = name.length};
    return scan_record(s, file, &entries[file->count++]);
}

/* Nothing but 0x20 may follow the object: other bytes could hide a second file in the header. */
static clade_status scan_padding(clade_scanner *s)
{
    while (s->at < s->length && s->text[s->at] == ' ')
        s->at++;
    if (s->at == s->length)
        return CLADE_OK;
    return clade_scan_unexpected(s, "nothing but spaces (0x20) after the header's '}'");
}

clade_status clade_io_read_header(const unsigned char *text, size_t length, const char *name, clade_safetensors *file)
{
    bool more;
    clade_scanner s = {.name = name, .text = text, .length = length};
    size_t invalid = clade_utf8_valid((const char *)text, length);
    if (invalid != length)
        return clade_fail(CLADE_EINPUT, "%s: header byte %zu: found 0x%02x, expected valid UTF-8", name, invalid,
                          text[invalid]);
    if (length == 0 || text[0] != '{')
        return clade_scan_unexpected(&s, "'{' as the first byte of the header");
    file->strings = s.strings = clade_malloc(length);
    if (!file->strings)
        return clade_fail_memory(length, "the names of tensors");
    CLADE_TRY(clade_scan_expect(&s, '{', "'{'"));
    for (clade_scan_first(&s, '}', &more); more;) {
        CLADE_TRY(scan_member(&s, file));
        CLADE_TRY(clade_scan_next(&s, '}', &more));
    }
    return scan_padding(&s);
}
