/* JSON read where it lies, without a tree: for texts of millions of values (a tree of them takes some hundred bytes a
 * value), and for edits that leave every other byte as it is. Private to the library.
 *
 * All but _check want a text that _check (or clade_json_parse) has accepted, and offsets that come from here. */
#ifndef CLADE_BASE_JSON_WALK_H
#define CLADE_BASE_JSON_WALK_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "clade/status.h"

/* TEXT is strict JSON, as clade_json_parse wants it, but for the number of values, which has no limit, and for keys
 * given twice, which are for the caller to see. TEXT[LENGTH] is a NUL. */
clade_status clade_json_check(const char *text, size_t length, const char *name,
                              clade_status status_if_bad) CLADE_CHECK_RESULT;

/* An item of an array or a member of an object, as offsets into the text. */
typedef struct clade_json_entry {
    size_t key, key_end;     /* without the quotes; both 0 in an array */
    size_t value, value_end; /* without white space around it */
} clade_json_entry;

/* The first byte at or after AT that is not white space. */
size_t clade_json_skip_space(const char *text, size_t at);
/* The next entry of the array or object that begins at *AT, which moves on; false after the last, *AT being then the
 * closing bracket. */
bool clade_json_next(const char *text, size_t *at, clade_json_entry *entry);
/* The key is written as KEY, without escapes. */
bool clade_json_key_is(const char *text, const clade_json_entry *entry, const char *key);
/* How often KEY is in the object that begins at AT; *ENTRY gets the last one. 0 when there is no object. */
size_t clade_json_find(const char *text, size_t at, const char *key, clade_json_entry *entry);

/* The string between the quotes at BEGIN - 1 and END, decoded into OUT with a NUL: at most END - BEGIN + 1 bytes. OUT
 * may be TEXT + BEGIN. Returns the number of bytes without the NUL. */
size_t clade_json_decode(const char *text, size_t begin, size_t end, char *out);
/* The value is a plain integer from 0 to LIMIT. */
bool clade_json_natural(const char *text, const clade_json_entry *entry, uint32_t limit, uint32_t *out);

#endif
