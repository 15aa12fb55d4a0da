#include "base/json_walk.h"

#include <string.h>

#include "base/json_scan.h"
#include "clade/utf8.h"

clade_status clade_json_check(const char *text, size_t length, const char *name, clade_status status_if_bad)
{
    return clade_json_scan(text, length, name, status_if_bad);
}

size_t clade_json_skip_space(const char *text, size_t at)
{
    while (text[at] == ' ' || text[at] == '\n' || text[at] == '\r' || text[at] == '\t')
        at++;
    return at;
}

/* Past the string that begins at AT. */
static size_t skip_string(const char *text, size_t at)
{
    for (at++; text[at] != '"'; at++)
        if (text[at] == '\\')
            at++;
    return at + 1;
}

/* Past the value that begins at AT. */
static size_t skip_value(const char *text, size_t at)
{
    size_t depth = 0;
    do {
        switch (text[at]) {
        case '"':
            at = skip_string(text, at);
            break;
        case '{':
        case '[':
            depth++;
            at++;
            break;
        case '}':
        case ']':
            depth--;
            at++;
            break;
        default: /* one byte of what is inside, or a whole number or word */
            at += depth > 0 ? 1 : strcspn(text + at, ",}] \t\r\n");
        }
    } while (depth > 0);
    return at;
}

bool clade_json_next(const char *text, size_t *at, clade_json_entry *entry)
{
    *at = clade_json_skip_space(text, *at);
    if (text[*at] == '{' || text[*at] == '[' || text[*at] == ',')
        *at = clade_json_skip_space(text, *at + 1);
    if (text[*at] == '}' || text[*at] == ']')
        return false;
    *entry = (clade_json_entry){.value = *at, .value_end = skip_value(text, *at)};
    size_t colon = clade_json_skip_space(text, entry->value_end);
    if (text[colon] == ':') {
        entry->key = entry->value + 1;
        entry->key_end = entry->value_end - 1;
        entry->value = clade_json_skip_space(text, colon + 1);
        entry->value_end = skip_value(text, entry->value);
    }
    *at = clade_json_skip_space(text, entry->value_end);
    return true;
}

bool clade_json_key_is(const char *text, const clade_json_entry *entry, const char *key)
{
    size_t length = entry->key_end - entry->key;
    return length == strlen(key) && memcmp(text + entry->key, key, length) == 0;
}

size_t clade_json_find(const char *text, size_t at, const char *key, clade_json_entry *entry)
{
    clade_json_entry found;
    size_t count = 0;
    if (text[at] != '{')
        return 0;
    while (clade_json_next(text, &at, &found))
        if (clade_json_key_is(text, &found, key)) {
            *entry = found;
            count++;
        }
    return count;
}

static unsigned hex_of(const char *digits)
{
    unsigned value = 0;
    for (int i = 0; i < 4; i++) {
        unsigned char digit = (unsigned char)digits[i];
        value = value * 16 + (digit <= '9' ? digit - (unsigned)'0' : (digit | 0x20u) - 'a' + 10u);
    }
    return value;
}

/* The escape whose backslash is at *AT, which moves past it. */
static size_t decode_escape(const char *text, size_t *at, char *out)
{
    static const char letters[] = "bfnrt", bytes[] = "\b\f\n\r\t";
    char letter = text[*at + 1];
    if (letter != 'u') {
        const char *known = strchr(letters, letter);
        *out = known ? bytes[known - letters] : letter;
        *at += 2;
        return 1;
    }
    unsigned code = hex_of(text + *at + 2);
    *at += 6;
    if (code >= 0xd800 && code <= 0xdbff) { /* checked: the low half follows */
        code = 0x10000 + ((code - 0xd800) << 10) + (hex_of(text + *at + 2) - 0xdc00);
        *at += 6;
    }
    return clade_utf8_encode(code, out);
}

size_t clade_json_decode(const char *text, size_t begin, size_t end, char *out)
{
    size_t length = 0;
    for (size_t at = begin; at < end;)
        if (text[at] == '\\')
            length += decode_escape(text, &at, out + length);
        else
            out[length++] = text[at++];
    out[length] = '\0';
    return length;
}

bool clade_json_natural(const char *text, const clade_json_entry *entry, uint32_t limit, uint32_t *out)
{
    uint64_t value = 0;
    for (size_t i = entry->value; i < entry->value_end; i++) {
        if (text[i] < '0' || text[i] > '9')
            return false;
        value = value * 10 + (uint64_t)(text[i] - '0');
        if (value > limit)
            return false;
    }
    *out = (uint32_t)value;
    return true;
}
