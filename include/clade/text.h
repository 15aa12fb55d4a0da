/* Growable strings, lists of problems, and "did you mean". */
#ifndef CLADE_TEXT_H
#define CLADE_TEXT_H

#include <stdbool.h>
#include <stddef.h>

#include "clade/status.h"

/* A growable, always NUL-terminated string. Zeroed ({0}) is valid and empty. Append never crashes: when memory is out
 * the text is marked failed and later appends do nothing; check once, at the end, with clade_text_status. */
typedef struct clade_text {
    char *data; /* owned; NULL while empty, see clade_text_get */
    size_t length, capacity;
    bool failed;
} clade_text;

void clade_text_append(clade_text *text, const char *format, ...) CLADE_PRINTF(2, 3);
void clade_text_append_bytes(clade_text *text, const void *bytes, size_t count);
const char *clade_text_get(const clade_text *text);     /* "" when empty; borrowed */
clade_status clade_text_status(const clade_text *text); /* CLADE_OK or CLADE_EIO (no memory) */
void clade_text_clear(clade_text *text);
void clade_text_free(clade_text *text);

/* For terminals: the same text with "\\u001b" (or the like) for every control character but newline and tab, and for every
 * mark that turns the direction of text around, and "\\xNN" for bytes that are not UTF-8. JSON stays the same JSON. */
void clade_text_append_harmless(clade_text *text, const char *bytes, size_t count);
/* The same of a string into OUT of SIZE bytes, cut where it is longer. */
void clade_harmless(const char *text, char *out, size_t size);

/* Append NUMBER as the shortest decimal that reads back to the same double (at most %.17g); "null" when not finite. */
void clade_text_append_number(clade_text *text, double number);

/* Append a number of bytes for people, in decimal units: "0.22 GB", "4.72 MB", "0.31 kB". */
void clade_text_append_size(clade_text *text, unsigned long long bytes);

/* All errors of one config at once: collect, then turn them into one failure. Zeroed is empty. */
typedef struct clade_problems {
    clade_text text;
    size_t count;
} clade_problems;

void clade_problem(clade_problems *problems, const char *format, ...) CLADE_PRINTF(2, 3);
/* CLADE_OK when there is none; else clade_fail(STATUS, the lines joined by newlines). Frees the list either way. */
clade_status clade_problems_end(clade_problems *problems, clade_status status);

/* The candidate nearest to WORD in edit distance (Damerau-Levenshtein, at most a third of the word's length, at least
 * 1), or NULL. Candidates are borrowed; the first wins a tie. */
const char *clade_nearest_word(const char *word, const char *const *candidates, size_t count);
/* Append "; did you mean \"X\"?" when there is a nearest word, else "; known: a, b, c" . */
void clade_append_suggestion(clade_text *text, const char *word, const char *const *candidates, size_t count);

#endif
