/* The strict half of reading JSON: cJSON takes leading zeros, raw control bytes, bad UTF-8, trailing text and more, so
 * this scanner judges the text first and cJSON only builds the tree of what passed. Private to base/. */
#ifndef CLADE_BASE_JSON_SCAN_H
#define CLADE_BASE_JSON_SCAN_H

#include <stddef.h>

#include "clade/status.h"

enum {
    CLADE_JSON_MAX_VALUES = 1 << 20, /* cJSON takes some 40 bytes of heap per byte of "1,1,1" */
    CLADE_JSON_MAX_NUMBER = 60       /* bytes; cJSON copies numbers into 64 */
};

/* Check that TEXT is one JSON value (RFC 8259, without \u0000, a byte order mark, or nesting above
 * CLADE_JSON_MAX_DEPTH) of at most MAX_VALUES values. STATUS with "NAME: line L, column C: found X, expected Y" when
 * not; columns count bytes. */
clade_status clade_json_scan(const char *text, size_t length, size_t max_values, const char *name, clade_status status);

/* Bytes of the first number of checked TEXT at or after *AT, outside strings; *AT gets its offset, 0 when there is
 * none. */
size_t clade_json_scan_number(const char *text, size_t length, size_t *at);

/* STATUS, with the message "NAME: line L, column C: ..." for offset AT of TEXT. */
clade_status clade_json_scan_fail(const char *text, size_t at, const char *name, clade_status status,
                                  const char *format, ...) CLADE_PRINTF(5, 6);

#endif
