/* JSON: a strict reader, and a small writer with fixed key order and exact numbers.
 *
 * Reading has caps on size, depth (64) and number of values (2^20); duplicate keys, trailing bytes, control bytes,
 * invalid UTF-8, \u0000 and numbers that overflow a double are refused. Numbers are the nearest doubles, whatever the
 * locale. A clade_json_at is a value: a node plus the place it was reached by ("space.methods[1]"), so every message
 * can say where. Getters add one line "FILE: PLACE: found X, expected Y" to a list of problems and return false; so a
 * reader reports all mistakes of a file at once. */
#ifndef CLADE_JSON_H
#define CLADE_JSON_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "clade/status.h"
#include "clade/text.h"

typedef struct clade_json clade_json; /* an owned document */

typedef struct clade_json_at {
    const clade_json *document; /* borrowed; NULL means "absent" */
    const void *node;           /* opaque */
    char place[160];            /* "" at the root */
} clade_json_at;

enum { CLADE_JSON_MAX_BYTES = 64 << 20, CLADE_JSON_MAX_DEPTH = 64 };

/* Parse a file / a text of LENGTH bytes; NAME stands for the file in messages. CLADE_EINPUT when the file is not there
 * or too large, STATUS_IF_BAD when the text is not strict JSON, with line and column. The caller owns *DOCUMENT. */
clade_status clade_json_read(const char *path, clade_status status_if_bad, clade_json **document) CLADE_CHECK_RESULT;
clade_status clade_json_parse(const char *text, size_t length, const char *name, clade_status status_if_bad,
                              clade_json **document) CLADE_CHECK_RESULT;
void clade_json_free(clade_json *document);
const char *clade_json_file(const clade_json *document); /* the name given */

typedef enum clade_json_kind {
    CLADE_JSON_ABSENT,
    CLADE_JSON_NULL,
    CLADE_JSON_BOOL,
    CLADE_JSON_NUMBER,
    CLADE_JSON_STRING,
    CLADE_JSON_ARRAY,
    CLADE_JSON_OBJECT
} clade_json_kind;

clade_json_at clade_json_root(const clade_json *document);
clade_json_kind clade_json_kind_of(const clade_json_at *at);
/* The member KEY of an object, the item INDEX of an array or object; ABSENT (never an error) when there is none. */
clade_json_at clade_json_member(const clade_json_at *at, const char *key);
clade_json_at clade_json_item(const clade_json_at *at, size_t index);
size_t clade_json_size(const clade_json_at *at);     /* items of an array or object, else 0 */
const char *clade_json_key(const clade_json_at *at); /* the key this node has in its object, or NULL; borrowed */

/* Typed getters. False, and one problem, when the node is absent or of another type or out of range; *OUT untouched. */
bool clade_json_string(const clade_json_at *at, clade_problems *problems, const char **out); /* borrowed */
bool clade_json_number(const clade_json_at *at, clade_problems *problems, double low, double high, double *out);
/* Integers are exact: written without fraction or exponent, within [LOW, HIGH] (both within +-2^53). */
bool clade_json_integer(const clade_json_at *at, clade_problems *problems, int64_t low, int64_t high, int64_t *out);
/* A u64: a plain integer up to 2^53, or a decimal string for any value ("18446744073709551615"). */
bool clade_json_u64(const clade_json_at *at, clade_problems *problems, uint64_t *out);
bool clade_json_bool(const clade_json_at *at, clade_problems *problems, bool *out);
bool clade_json_is(const clade_json_at *at, clade_problems *problems, clade_json_kind kind);
/* Problem for every key of the object that is not in KNOWN, with "did you mean". */
void clade_json_only(const clade_json_at *at, clade_problems *problems, const char *const *known, size_t count);
/* COUNT bits (LSB first) as clade_json_put_bits writes them, into *OUT: owned, ceil(COUNT / 8) bytes, NULL where the
 * string has another length, which is checked before anything is allocated. False only without memory. */
bool clade_json_bits(const clade_json_at *at, size_t count, clade_problems *problems, uint8_t **out);
/* "FILE: PLACE: MESSAGE" as a problem, for checks of the caller's own. */
void clade_json_problem(const clade_json_at *at, clade_problems *problems, const char *format, ...) CLADE_PRINTF(3, 4);
/* The node's subtree appended to TEXT, compact, numbers as they stand in the source (for copying what is passed on). */
void clade_json_print(const clade_json_at *at, clade_text *text);

/* Writer: appends to TEXT (borrowed). Keys come in the order of the calls; two spaces of indentation when PRETTY, else
 * compact. Strings are escaped (control bytes \u00XX; bytes that are not UTF-8 become U+FFFD, so that what is written can
 * always be parsed), numbers by clade_text_append_number. KEY is
 * NULL inside arrays and at the root. */
typedef struct clade_json_writer {
    clade_text *text;
    bool pretty;
    int depth;
    bool has_items[CLADE_JSON_MAX_DEPTH];
} clade_json_writer;

clade_json_writer clade_json_writer_to(clade_text *text, bool pretty);
void clade_json_begin_object(clade_json_writer *writer, const char *key);
void clade_json_end_object(clade_json_writer *writer);
void clade_json_begin_array(clade_json_writer *writer, const char *key);
void clade_json_end_array(clade_json_writer *writer);
void clade_json_put_string(clade_json_writer *writer, const char *key, const char *value); /* NULL value: null */
void clade_json_put_number(clade_json_writer *writer, const char *key, double value);
void clade_json_put_integer(clade_json_writer *writer, const char *key, int64_t value);
void clade_json_put_u64(clade_json_writer *writer, const char *key, uint64_t value); /* above 2^53: as a string */
void clade_json_put_bool(clade_json_writer *writer, const char *key, bool value);
void clade_json_put_null(clade_json_writer *writer, const char *key);
/* COUNT bits, LSB first, as a string of hex digits, two a byte; those beyond COUNT must be 0. */
void clade_json_put_bits(clade_json_writer *writer, const char *key, const uint8_t *bits, size_t count);
/* VALUE is already JSON, inserted as it is. */
void clade_json_put_raw(clade_json_writer *writer, const char *key, const char *value);

#endif
