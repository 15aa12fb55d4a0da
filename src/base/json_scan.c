#include "base/json_scan.h"

#include <stdarg.h>
#include <stdbool.h>
#include <stdio.h>
#include <string.h>

#include "clade/json.h"

typedef struct scanner {
    const char *text;
    size_t length, at;
    size_t values, max_values;
    const char *name;
    clade_status status;
} scanner;

clade_status clade_json_scan_fail(const char *text, size_t at, const char *name, clade_status status,
                                  const char *format, ...)
{
    size_t line = 1, column = 1;
    for (size_t i = 0; i < at; i++) {
        column = text[i] == '\n' ? 1 : column + 1;
        line += text[i] == '\n';
    }
    char detail[512];
    va_list arguments;
    va_start(arguments, format);
    vsnprintf(detail, sizeof detail, format, arguments);
    va_end(arguments);
    return clade_fail(status, "%s: line %zu, column %zu: %s", name, line, column, detail);
}

/* Fail at the current byte: what it is, and EXPECTED. */
static clade_status unexpected(const scanner *s, const char *expected)
{
    char found[32];
    unsigned char byte = s->at < s->length ? (unsigned char)s->text[s->at] : 0;
    if (s->at >= s->length)
        snprintf(found, sizeof found, "the end of the text");
    else if (byte > 0x20 && byte < 0x7f)
        snprintf(found, sizeof found, "'%c'", byte);
    else
        snprintf(found, sizeof found, "byte 0x%02X", byte);
    return clade_json_scan_fail(s->text, s->at, s->name, s->status, "found %s, expected %s", found, expected);
}

/* The current byte, or -1 at the end. */
static int peek(const scanner *s)
{
    return s->at < s->length ? (unsigned char)s->text[s->at] : -1;
}

static void skip_space(scanner *s)
{
    while (peek(s) == ' ' || peek(s) == '\t' || peek(s) == '\n' || peek(s) == '\r')
        s->at++;
}

static bool is_digit(int byte)
{
    return byte >= '0' && byte <= '9';
}

/* The value of a hex digit, or -1. */
static int hex_value(int byte)
{
    if (is_digit(byte))
        return byte - '0';
    int letter = byte | 0x20; /* lower case */
    return byte >= 0 && letter >= 'a' && letter <= 'f' ? letter - 'a' + 10 : -1;
}

/* Four hex digits of an escape; the offset stays at the first wrong one. */
static clade_status scan_hex(scanner *s, unsigned *code)
{
    *code = 0;
    for (int i = 0; i < 4; i++, s->at++) {
        int digit = hex_value(peek(s));
        if (digit < 0)
            return unexpected(s, "four hex digits after \\u");
        *code = *code * 16 + (unsigned)digit;
    }
    return CLADE_OK;
}

/* After a backslash. A high surrogate must be followed by a low one; \u0000 would cut C strings short. */
static clade_status scan_escape(scanner *s)
{
    int byte = peek(s);
    if (byte > 0 && byte != 'u' && strchr("\"\\/bfnrt", byte)) {
        s->at++;
        return CLADE_OK;
    }
    if (byte != 'u')
        return unexpected(s, "one of \" \\ / b f n r t u after a backslash");
    size_t begin = s->at++;
    unsigned code, low = 0;
    CLADE_TRY(scan_hex(s, &code));
    bool high = code >= 0xd800 && code <= 0xdbff;
    if (high && peek(s) == '\\' && s->at + 1 < s->length && s->text[s->at + 1] == 'u') {
        s->at += 2;
        CLADE_TRY(scan_hex(s, &low));
    }
    bool paired = high && low >= 0xdc00 && low <= 0xdfff;
    if (code == 0 || (code >= 0xd800 && code <= 0xdfff && !paired))
        return clade_json_scan_fail(s->text, begin - 1, s->name, s->status, "found \\u%04X, expected %s", code,
                                    code == 0 ? "a character other than NUL" : "a pair of surrogates");
    return CLADE_OK;
}

/* One character of two to four bytes: no overlong forms, no surrogates, nothing above U+10FFFF (RFC 3629). */
static clade_status scan_utf8(scanner *s)
{
    int lead = peek(s);
    if (lead < 0xc2 || lead > 0xf4)
        return unexpected(s, "UTF-8");
    int count = lead < 0xe0 ? 1 : lead < 0xf0 ? 2 : 3; /* bytes that follow */
    int low = lead == 0xe0 ? 0xa0 : lead == 0xf0 ? 0x90 : 0x80;
    int high = lead == 0xed ? 0x9f : lead == 0xf4 ? 0x8f : 0xbf;
    s->at++;
    for (int i = 0; i < count; i++, s->at++) {
        if (peek(s) < low || peek(s) > high)
            return unexpected(s, "a UTF-8 continuation byte");
        low = 0x80;
        high = 0xbf;
    }
    return CLADE_OK;
}

static clade_status scan_string(scanner *s)
{
    s->at++; /* the opening quote */
    for (;;) {
        int byte = peek(s);
        if (byte == '"') {
            s->at++;
            return CLADE_OK;
        }
        if (byte < 0)
            return unexpected(s, "the closing '\"' of a string");
        if (byte < 0x20)
            return unexpected(s, "no raw control byte in a string");
        if (byte >= 0x80) {
            CLADE_TRY(scan_utf8(s));
            continue;
        }
        s->at++;
        if (byte == '\\')
            CLADE_TRY(scan_escape(s));
    }
}

static clade_status scan_digits(scanner *s)
{
    if (!is_digit(peek(s)))
        return unexpected(s, "a digit");
    while (is_digit(peek(s)))
        s->at++;
    return CLADE_OK;
}

static clade_status scan_number(scanner *s)
{
    size_t begin = s->at;
    s->at += peek(s) == '-';
    if (peek(s) == '0') {
        s->at++;
        if (is_digit(peek(s)))
            return unexpected(s, "no digit after a leading zero");
    } else {
        CLADE_TRY(scan_digits(s));
    }
    if (peek(s) == '.') {
        s->at++;
        CLADE_TRY(scan_digits(s));
    }
    if (peek(s) == 'e' || peek(s) == 'E') {
        s->at++;
        s->at += peek(s) == '+' || peek(s) == '-';
        CLADE_TRY(scan_digits(s));
    }
    if (s->at - begin > CLADE_JSON_MAX_NUMBER)
        return clade_json_scan_fail(s->text, begin, s->name, s->status,
                                    "found a number of %zu characters, expected at most %d", s->at - begin,
                                    (int)CLADE_JSON_MAX_NUMBER);
    return CLADE_OK;
}

static clade_status scan_value(scanner *s, int depth);

/* The items of an array or object, from the opening bracket. */
static clade_status scan_items(scanner *s, int depth)
{
    bool object = s->text[s->at] == '{';
    char close = object ? '}' : ']';
    if (depth >= CLADE_JSON_MAX_DEPTH)
        return clade_json_scan_fail(s->text, s->at, s->name, s->status, "nested deeper than %d",
                                    (int)CLADE_JSON_MAX_DEPTH);
    s->at++;
    skip_space(s);
    if (peek(s) == close) {
        s->at++;
        return CLADE_OK;
    }
    for (;;) {
        if (object) {
            if (peek(s) != '"')
                return unexpected(s, "a key in double quotes");
            CLADE_TRY(scan_string(s));
            skip_space(s);
            if (peek(s) != ':')
                return unexpected(s, "':' after a key");
            s->at++;
            skip_space(s);
        }
        CLADE_TRY(scan_value(s, depth + 1));
        skip_space(s);
        if (peek(s) == close) {
            s->at++;
            return CLADE_OK;
        }
        if (peek(s) != ',')
            return unexpected(s, object ? "',' or '}'" : "',' or ']'");
        s->at++;
        skip_space(s);
    }
}

static clade_status scan_value(scanner *s, int depth)
{
    if (++s->values > s->max_values)
        return clade_json_scan_fail(s->text, s->at, s->name, s->status, "more than %zu values", s->max_values);
    int byte = peek(s);
    if (byte == '{' || byte == '[')
        return scan_items(s, depth);
    if (byte == '"')
        return scan_string(s);
    if (byte == '-' || is_digit(byte))
        return scan_number(s);
    static const char *const words[] = {"true", "false", "null"};
    for (size_t i = 0; i < sizeof words / sizeof words[0]; i++) {
        size_t length = strlen(words[i]);
        if (s->length - s->at >= length && memcmp(s->text + s->at, words[i], length) == 0) {
            s->at += length;
            return CLADE_OK;
        }
    }
    return unexpected(s, "a JSON value");
}

clade_status clade_json_scan(const char *text, size_t length, size_t max_values, const char *name, clade_status status)
{
    scanner s = {.text = text, .length = length, .max_values = max_values, .name = name, .status = status};
    if (length >= 3 && memcmp(text, "\xEF\xBB\xBF", 3) == 0)
        return unexpected(&s, "no byte order mark");
    skip_space(&s);
    CLADE_TRY(scan_value(&s, 0));
    skip_space(&s);
    return s.at == length ? CLADE_OK : unexpected(&s, "nothing after the value");
}

size_t clade_json_scan_number(const char *text, size_t length, size_t *at)
{
    bool in_string = false;
    for (size_t i = *at; i < length; i++) {
        if (in_string && text[i] == '\\')
            i++;
        else if (text[i] == '"')
            in_string = !in_string;
        else if (!in_string && (text[i] == '-' || is_digit(text[i]))) {
            *at = i;
            size_t end = i;
            while (end < length && (is_digit(text[end]) || strchr("+-.eE", text[end])))
                end++;
            return end - i;
        }
    }
    return 0;
}
