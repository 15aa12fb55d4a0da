/* Tokens of strict JSON (RFC 8259) in text that is already known to be valid UTF-8, for the safetensors header: no
 * recursion, exact 64-bit integers. Every failure is CLADE_EINPUT with the place, what was found and what was expected.
 */
#ifndef CLADE_IO_SCAN_H
#define CLADE_IO_SCAN_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "clade/status.h"

typedef struct clade_scanner {
    const char *name;          /* of the file, for messages */
    const unsigned char *text; /* (length) */
    size_t length;
    size_t at;     /* the next byte */
    char *strings; /* (length): decoded strings fit, because quotes and escapes are longer than what they stand for */
    size_t strings_used;
} clade_scanner;

/* A decoded string: NUL-terminated, and may have more NULs inside. */
typedef struct clade_scan_text {
    const char *data;
    size_t length;
} clade_scan_text;

/* The failure for a next byte that is not what the grammar wants. */
clade_status clade_scan_unexpected(const clade_scanner *s, const char *expected);
/* Pass over white space; the next byte, or -1 at the end. */
int clade_scan_peek(clade_scanner *s);
/* Pass over white space and BYTE; WHAT describes it. */
clade_status clade_scan_expect(clade_scanner *s, char byte, const char *what) CLADE_CHECK_RESULT;

/* Lists that end with CLOSE, after their opening bracket:  for (_first(s, ']', &more); more;) { item; _next(s, ']',
 * &more); } */
void clade_scan_first(clade_scanner *s, char close, bool *more);
clade_status clade_scan_next(clade_scanner *s, char close, bool *more) CLADE_CHECK_RESULT;

/* A string, decoded. The next string overwrites it unless clade_scan_keep is called first. */
clade_status clade_scan_string(clade_scanner *s, const char *what, clade_scan_text *out) CLADE_CHECK_RESULT;
void clade_scan_keep(clade_scanner *s, const clade_scan_text *text);
bool clade_scan_equals(const clade_scan_text *text, const char *word);

/* A plain integer from 0 to 2^64 - 1: no sign, fraction, exponent or leading zero. */
clade_status clade_scan_u64(clade_scanner *s, uint64_t *out) CLADE_CHECK_RESULT;

/* Check and pass over any one value that lies inside LEVELS open brackets. More than 127 levels in all, and numbers
 * that are no finite double, are refused: that is what the reference's JSON reader does. */
clade_status clade_scan_skip(clade_scanner *s, size_t levels) CLADE_CHECK_RESULT;

#endif
