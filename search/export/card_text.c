/* Quoting for YAML and Markdown. */
#include <string.h>

#include "search/export/card_parts.h"

/* The length of the UTF-8 sequence at S and its code point; 0 when it is none (too long, a surrogate, cut off). */
static size_t decode(const unsigned char *s, unsigned *point)
{
    static const unsigned least[] = {0, 0, 0x80, 0x800, 0x10000};
    size_t length = s[0] < 0x80 ? 1 : s[0] >= 0xf0 ? 4 : s[0] >= 0xe0 ? 3 : 2;
    if (s[0] >= 0xf8 || (s[0] >= 0x80 && s[0] < 0xc0))
        return 0;
    *point = length == 1 ? s[0] : s[0] & (0x7fu >> length);
    for (size_t i = 1; i < length; i++) {
        if ((s[i] & 0xc0) != 0x80)
            return 0;
        *point = *point << 6 | (s[i] & 0x3fu);
    }
    bool bad = *point < least[length] || *point > 0x10ffff || (*point >= 0xd800 && *point < 0xe000);
    return bad ? 0 : length;
}

/* Characters that YAML allows only as escapes, or that end a line for some of its readers. */
static bool is_escaped(unsigned point)
{
    return point < 0x20 || (point >= 0x7f && point < 0xa0) || point == 0x2028 || point == 0x2029 || point == 0xfeff ||
           point == 0xfffe || point == 0xffff;
}

void clade_card_quote(clade_text *text, const char *string)
{
    clade_text_append(text, "\"");
    for (const unsigned char *s = (const unsigned char *)string; *s;) {
        unsigned point = 0;
        size_t length = decode(s, &point);
        if (length == 0)
            clade_text_append(text, "?");
        else if (is_escaped(point))
            clade_text_append(text, "\\u%04X", point);
        else if (point == '"' || point == '\\')
            clade_text_append(text, "\\%c", (char)point);
        else
            clade_text_append_bytes(text, s, length);
        s += length ? length : 1;
    }
    clade_text_append(text, "\"");
}

void clade_card_cell(clade_text *text, const char *string, size_t length)
{
    for (const unsigned char *s = (const unsigned char *)string; *s && length > 0;) {
        unsigned point = 0;
        size_t bytes = decode(s, &point);
        if (bytes == 0 || bytes > length)
            clade_text_append(text, "?");
        else if (is_escaped(point))
            clade_text_append(text, " ");
        else if (point < 0x80 && strchr("|`<[]*\\", (int)point))
            clade_text_append(text, "\\%c", (char)point);
        else
            clade_text_append_bytes(text, s, bytes);
        bytes = bytes == 0 || bytes > length ? 1 : bytes;
        s += bytes;
        length -= bytes;
    }
}

void clade_card_block(clade_text *text, const char *language, const char *body)
{
    enum { LEAST_FENCE = 3 };
    size_t longest = LEAST_FENCE - 1, run = 0, length = strlen(body);
    for (const char *c = body; *c; c++) {
        run = *c == '`' ? run + 1 : 0;
        longest = run > longest ? run : longest;
    }
    for (size_t i = 0; i <= longest; i++)
        clade_text_append(text, "`");
    clade_text_append(text, "%s\n", language);
    clade_text_append_bytes(text, body, length);
    clade_text_append(text, length > 0 && body[length - 1] == '\n' ? "" : "\n");
    for (size_t i = 0; i <= longest; i++)
        clade_text_append(text, "`");
    clade_text_append(text, "\n\n");
}
