#include "clade/text.h"

#include <math.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "clade/alloc.h"

/* Room for COUNT more bytes and the NUL. */
static bool grow(clade_text *text, size_t count)
{
    if (text->failed)
        return false;
    if (count < text->capacity - text->length)
        return true;
    size_t needed = text->length + count + 1;
    size_t capacity = text->capacity < 64 ? 64 : text->capacity;
    while (capacity < needed && capacity <= SIZE_MAX / 2)
        capacity *= 2;
    char *data = needed > count && capacity >= needed ? clade_realloc(text->data, capacity) : NULL;
    if (!data) {
        text->failed = true;
        return false;
    }
    text->data = data;
    text->capacity = capacity;
    return true;
}

CLADE_PRINTF(2, 0)
static void append_list(clade_text *text, const char *format, va_list arguments)
{
    va_list again;
    va_copy(again, arguments);
    /* Into the room there is; once more when that was too small. */
    const size_t room = text->capacity - text->length;
    int length = text->failed ? -1 : vsnprintf(room > 0 ? text->data + text->length : NULL, room, format, again);
    va_end(again);
    if (length < 0 || ((size_t)length >= room && !grow(text, (size_t)length))) {
        if (room > 0)
            text->data[text->length] = '\0';
        text->failed = true;
        return;
    }
    if ((size_t)length >= room)
        vsnprintf(text->data + text->length, (size_t)length + 1, format, arguments);
    text->length += (size_t)length;
}

void clade_text_append(clade_text *text, const char *format, ...)
{
    va_list arguments;
    va_start(arguments, format);
    append_list(text, format, arguments);
    va_end(arguments);
}

void clade_text_append_bytes(clade_text *text, const void *bytes, size_t count)
{
    if (!grow(text, count))
        return;
    if (count > 0)
        memcpy(text->data + text->length, bytes, count);
    text->length += count;
    text->data[text->length] = '\0';
}

const char *clade_text_get(const clade_text *text)
{
    return text->data ? text->data : "";
}

clade_status clade_text_status(const clade_text *text)
{
    return text->failed ? clade_fail_memory((unsigned long long)text->length, "a text") : CLADE_OK;
}

void clade_text_clear(clade_text *text)
{
    text->length = 0;
    text->failed = false;
    if (text->data)
        text->data[0] = '\0';
}

void clade_text_free(clade_text *text)
{
    clade_free(text->data);
    *text = (clade_text){0};
}

void clade_text_append_number(clade_text *text, double number)
{
    if (!isfinite(number)) {
        clade_text_append(text, "null");
        return;
    }
    /* %g drops trailing zeros, so the first precision that reads back is the shortest. A normal double has 15 digits at
     * least; a subnormal one may have fewer. */
    int precision = number == 0 || fabs(number) >= 2.2250738585072014e-308 ? 15 : 1;
    char digits[40];
    do
        snprintf(digits, sizeof digits, "%.*g", precision, number);
    while (precision++ < 17 && strtod(digits, NULL) != number);
    clade_text_append_bytes(text, digits, strlen(digits));
}

void clade_text_append_size(clade_text *text, unsigned long long bytes)
{
    const double size = (double)bytes;
    clade_text_append(text, "%.2f %s",
                      size / (size >= 1e7   ? 1e9
                              : size >= 1e4 ? 1e6
                                            : 1e3),
                      size >= 1e7   ? "GB"
                      : size >= 1e4 ? "MB"
                                    : "kB");
}

void clade_problem(clade_problems *problems, const char *format, ...)
{
    if (problems->count++ > 0)
        clade_text_append(&problems->text, "\n");
    va_list arguments;
    va_start(arguments, format);
    append_list(&problems->text, format, arguments);
    va_end(arguments);
}

clade_status clade_problems_end(clade_problems *problems, clade_status status)
{
    clade_status result = CLADE_OK;
    if (problems->count > 0)
        result = clade_fail(status, "%s%s", clade_text_get(&problems->text),
                            problems->text.failed ? "\n(out of memory: not all problems are listed)" : "");
    clade_text_free(&problems->text);
    problems->count = 0;
    return result;
}

enum { WORD_BYTES = 64 }; /* longer words have no neighbours */

static size_t least(size_t a, size_t b)
{
    return a < b ? a : b;
}

/* Damerau-Levenshtein distance (optimal string alignment): insert, delete, replace, swap neighbours, each costs 1. */
static size_t edit_distance(const char *a, size_t a_length, const char *b, size_t b_length)
{
    size_t rows[3][WORD_BYTES + 1]; /* distances of a[0..i-2], a[0..i-1], a[0..i] to every start of b */
    size_t *before = rows[0], *above = rows[1], *row = rows[2];
    for (size_t j = 0; j <= b_length; j++)
        row[j] = j;
    for (size_t i = 1; i <= a_length; i++) {
        size_t *spare = before;
        before = above;
        above = row;
        row = spare;
        row[0] = i;
        for (size_t j = 1; j <= b_length; j++) {
            size_t replaced = above[j - 1] + (a[i - 1] != b[j - 1]);
            row[j] = least(replaced, least(above[j], row[j - 1]) + 1);
            if (i > 1 && j > 1 && a[i - 1] == b[j - 2] && a[i - 2] == b[j - 1])
                row[j] = least(row[j], before[j - 2] + 1);
        }
    }
    return row[b_length];
}

const char *clade_nearest_word(const char *word, const char *const *candidates, size_t count)
{
    size_t length = strlen(word);
    if (length > WORD_BYTES)
        return NULL;
    size_t best = length / 3 > 1 ? length / 3 + 1 : 2; /* one more than is allowed */
    const char *nearest = NULL;
    for (size_t i = 0; i < count; i++) {
        size_t candidate_length = strlen(candidates[i]);
        if (candidate_length > WORD_BYTES)
            continue;
        size_t distance = edit_distance(word, length, candidates[i], candidate_length);
        if (distance < best) {
            best = distance;
            nearest = candidates[i];
        }
    }
    return nearest;
}

void clade_append_suggestion(clade_text *text, const char *word, const char *const *candidates, size_t count)
{
    const char *nearest = clade_nearest_word(word, candidates, count);
    if (nearest) {
        clade_text_append(text, "; did you mean \"%s\"?", nearest);
        return;
    }
    clade_text_append(text, "; known: ");
    for (size_t i = 0; i < count; i++)
        clade_text_append(text, "%s%s", i > 0 ? ", " : "", candidates[i]);
}
