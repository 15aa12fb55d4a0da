/* What a terminal would obey rather than show. Names and reasons come from files that somebody else may have made, and
 * an escape sequence in one of them can rewrite the screen, or the title, or what was said before. */
#include <stdint.h>
#include <stdio.h>
#include <string.h>

#include "clade/text.h"
#include "clade/utf8.h"

enum { ESCAPE_BYTES = 8 };

/* Control characters of both sets, but new lines and tabs; and the marks that change the direction of text, so that it
 * reads as another (Unicode technical standard 55). */
static bool is_harmful(uint32_t code)
{
    return (code < 0x20 && code != '\n' && code != '\t') || (code >= 0x7f && code <= 0x9f) ||
           (code >= 0x202a && code <= 0x202e) || (code >= 0x2066 && code <= 0x2069);
}

/* How many of the LEFT bytes at TEXT are fine as they are. */
static size_t harmless_bytes(const char *text, size_t left)
{
    size_t at = 0;
    while (at < left) {
        uint32_t code = 0;
        const size_t length = clade_utf8_decode(text + at, left - at, &code);
        if (length == 0 || is_harmful(code))
            break;
        at += length;
    }
    return at;
}

/* What stands for the harmful character at TEXT; the bytes that it takes. */
static size_t escape(const char *text, size_t left, char out[ESCAPE_BYTES])
{
    uint32_t code = 0;
    const size_t length = clade_utf8_decode(text, left, &code);
    if (length > 0)
        snprintf(out, ESCAPE_BYTES, "\\u%04x", (unsigned)(code & 0xffff));
    else
        snprintf(out, ESCAPE_BYTES, "\\x%02x", (unsigned)(unsigned char)text[0]);
    return length > 0 ? length : 1;
}

void clade_text_append_harmless(clade_text *text, const char *bytes, size_t count)
{
    char shown[ESCAPE_BYTES];
    for (size_t at = 0; at < count;) {
        const size_t plain = harmless_bytes(bytes + at, count - at);
        clade_text_append_bytes(text, bytes + at, plain);
        at += plain;
        if (at == count)
            break;
        at += escape(bytes + at, count - at, shown);
        clade_text_append_bytes(text, shown, strlen(shown));
    }
}

void clade_harmless(const char *text, char *out, size_t size)
{
    char shown[ESCAPE_BYTES];
    size_t used = 0;
    for (size_t at = 0, length = strlen(text); at < length && used + 1 < size;) {
        const size_t plain = harmless_bytes(text + at, length - at), room = size - 1 - used;
        memcpy(out + used, text + at, plain < room ? plain : room);
        used += plain < room ? plain : room;
        at += plain;
        if (at == length || plain >= room)
            break;
        at += escape(text + at, length - at, shown);
        const size_t bytes = strlen(shown);
        if (bytes >= size - used)
            break;
        memcpy(out + used, shown, bytes);
        used += bytes;
    }
    out[used] = '\0';
}
