/* Strict JSON in one pass: the text is checked and, where wanted, becomes a tree. Private to base/. */
#ifndef CLADE_BASE_JSON_SCAN_H
#define CLADE_BASE_JSON_SCAN_H

#include <stddef.h>

#include "base/json_tree.h"
#include "clade/status.h"

enum { CLADE_JSON_MAX_VALUES = 1 << 20 }; /* of a tree: 40 bytes each, up to three times that while it grows */

/* Check that TEXT is one JSON value (RFC 8259, without \u0000, a byte order mark, or nesting above
 * CLADE_JSON_MAX_DEPTH). STATUS with "NAME: line L, column C: found X, expected Y" when not; columns count bytes.
 * TEXT[LENGTH] is a NUL. */
clade_status clade_json_scan(const char *text, size_t length, const char *name, clade_status status) CLADE_CHECK_RESULT;

/* The same, and build TREE (the caller's to free, whatever comes out) of at most CLADE_JSON_MAX_VALUES values, whose
 * numbers must fit doubles and keys differ. The nodes point into TEXT, whose strings are decoded and end with a NUL
 * where the quote was; numbers stay as they are. */
clade_status clade_json_scan_tree(char *text, size_t length, const char *name, clade_status status,
                                  clade_json_tree *tree) CLADE_CHECK_RESULT;

#endif
