#include "base/json_scan.h"

#include <math.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stdio.h>
#include <string.h>

#include "base/json_number.h"

typedef struct scanner {
    const char *text; /* TEXT[LENGTH] is a NUL, which ends all loops over bytes of a kind */
    size_t length, at;
    size_t values;
    const char *name;
    clade_status status;
    char *strings;         /* TEXT, to end strings in; NULL without a tree */
    clade_json_tree *tree; /* NULL when the text is only checked */
} scanner;

/* The scanner's status, with the message "NAME: line L, column C: ..." for offset AT. */
CLADE_PRINTF(3, 4)
static clade_status fail_at(const scanner *s, size_t at, const char *format, ...)
{
    size_t line = 1, column = 1;
    for (size_t i = 0; i < at; i++) {
        column = s->text[i] == '\n' ? 1 : column + 1;
        line += s->text[i] == '\n';
    }
    char detail[512];
    va_list arguments;
    va_start(arguments, format);
    vsnprintf(detail, sizeof detail, format, arguments);
    va_end(arguments);
    return clade_fail(s->status, "%s: line %zu, column %zu: %s", s->name, line, column, detail);
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
    return fail_at(s, s->at, "found %s, expected %s", found, expected);
}

/* The current byte, or -1 at the end. */
static int peek(const scanner *s)
{
    return s->at < s->length ? (unsigned char)s->text[s->at] : -1;
}

static void skip_space(scanner *s)
{
    const char *c = s->text + s->at;
    while (*c == ' ' || *c == '\t' || *c == '\n' || *c == '\r')
        c++;
    s->at = (size_t)(c - s->text);
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
        return fail_at(s, begin - 1, "found \\u%04X, expected %s", code,
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

/* A byte of a string that stands for itself. */
static bool is_plain(char byte)
{
    return (unsigned char)byte >= 0x20 && (unsigned char)byte < 0x80 && byte != '"' && byte != '\\';
}

/* *OUT and *ESCAPED get what a node says of a string. */
static clade_status scan_string(scanner *s, const char **out, bool *escaped)
{
    const size_t begin = ++s->at; /* the opening quote */
    for (;;) {
        while (is_plain(s->text[s->at]))
            s->at++;
        int byte = peek(s);
        if (byte == '"')
            break;
        if (byte < 0)
            return unexpected(s, "the closing '\"' of a string");
        if (byte < 0x20)
            return unexpected(s, "no raw control byte in a string");
        if (byte >= 0x80) {
            CLADE_TRY(scan_utf8(s));
            continue;
        }
        *escaped = true;
        s->at++;
        CLADE_TRY(scan_escape(s));
    }
    *out = s->text + begin;
    if (s->strings)
        s->strings[s->at] = '\0';
    s->at++;
    return CLADE_OK;
}

/* One digit and those that follow, added to DECIMAL. */
static clade_status scan_digits(scanner *s, clade_json_decimal *decimal)
{
    const char *c = s->text + s->at;
    if (!is_digit(*c))
        return unexpected(s, "a digit");
    while (decimal->digits == 0 && *c == '0')
        c++;
    const char *first = c;
    for (; is_digit(*c); c++)
        decimal->whole = decimal->whole * 10 + (uint64_t)(*c - '0');
    decimal->digits += (size_t)(c - first);
    s->at = (size_t)(c - s->text);
    return CLADE_OK;
}

/* From the 'e', added to DECIMAL. */
static clade_status scan_exponent(scanner *s, clade_json_decimal *decimal)
{
    clade_json_decimal exponent = {0};
    s->at++;
    const bool negative = peek(s) == '-';
    s->at += peek(s) == '+' || negative;
    CLADE_TRY(scan_digits(s, &exponent));
    const bool cut = exponent.digits > CLADE_JSON_WHOLE_DIGITS || exponent.whole > CLADE_JSON_MAX_EXPONENT;
    const int64_t value = cut ? CLADE_JSON_MAX_EXPONENT : (int64_t)exponent.whole;
    decimal->exponent += negative ? -value : value;
    return CLADE_OK;
}

static clade_status scan_number(scanner *s, clade_json_node *node)
{
    const size_t begin = s->at;
    clade_json_decimal decimal = {.negative = peek(s) == '-'};
    s->at += decimal.negative;
    if (peek(s) == '0') {
        s->at++;
        if (is_digit(peek(s)))
            return unexpected(s, "no digit after a leading zero");
    } else {
        CLADE_TRY(scan_digits(s, &decimal));
    }
    if (peek(s) == '.') {
        const size_t point = ++s->at;
        CLADE_TRY(scan_digits(s, &decimal));
        decimal.exponent = -(int64_t)(s->at - point);
    }
    if (peek(s) == 'e' || peek(s) == 'E')
        CLADE_TRY(scan_exponent(s, &decimal));
    const size_t bytes = s->at - begin;
    if (bytes > CLADE_JSON_MAX_NUMBER)
        return fail_at(s, begin, "found a number of %zu characters, expected at most %d", bytes,
                       (int)CLADE_JSON_MAX_NUMBER);
    if (!s->tree)
        return CLADE_OK;
    node->source = s->text + begin;
    node->bytes = (uint8_t)bytes;
    node->number = clade_json_decimal_value(&decimal, node->source, bytes);
    return isfinite(node->number) ? CLADE_OK : fail_at(s, begin, "the number is out of range");
}

static clade_status scan_value(scanner *s, int depth, clade_json_node *node);

/* A key and what stands between it and its value. */
static clade_status scan_key(scanner *s, clade_json_node *node)
{
    if (peek(s) != '"')
        return unexpected(s, "a key in double quotes");
    CLADE_TRY(scan_string(s, &node->key, &node->key_escaped));
    skip_space(s);
    if (peek(s) != ':')
        return unexpected(s, "':' after a key");
    s->at++;
    skip_space(s);
    return CLADE_OK;
}

/* The items of an array or object, from the opening bracket. */
static clade_status scan_items(scanner *s, int depth, clade_json_node *node)
{
    const bool object = node->kind == CLADE_JSON_OBJECT;
    const char close = object ? '}' : ']';
    const size_t begin = s->tree ? s->tree->n_open : 0;
    if (depth >= CLADE_JSON_MAX_DEPTH)
        return fail_at(s, s->at, "nested deeper than %d", (int)CLADE_JSON_MAX_DEPTH);
    s->at++;
    skip_space(s);
    for (bool first = true; peek(s) != close; first = false) {
        clade_json_node item = {0};
        if (!first && peek(s) != ',')
            return unexpected(s, object ? "',' or '}'" : "',' or ']'");
        if (!first) {
            s->at++;
            skip_space(s);
        }
        if (object)
            CLADE_TRY(scan_key(s, &item));
        CLADE_TRY(scan_value(s, depth + 1, &item));
        if (s->tree)
            CLADE_TRY(clade_json_tree_push(s->tree, &item));
        skip_space(s);
    }
    s->at++;
    return s->tree ? clade_json_tree_close(s->tree, begin, node) : CLADE_OK;
}

static clade_status scan_word(scanner *s, clade_json_node *node)
{
    static const struct {
        const char *word;
        clade_json_kind kind;
        bool truth;
    } words[] = {{"true", CLADE_JSON_BOOL, true}, {"false", CLADE_JSON_BOOL, false}, {"null", CLADE_JSON_NULL, false}};
    for (size_t i = 0; i < sizeof words / sizeof words[0]; i++) {
        const size_t length = strlen(words[i].word);
        if (strncmp(s->text + s->at, words[i].word, length) == 0) {
            s->at += length;
            node->kind = words[i].kind;
            node->truth = words[i].truth;
            return CLADE_OK;
        }
    }
    return unexpected(s, "a JSON value");
}

/* NODE gets all but its key. */
static clade_status scan_value(scanner *s, int depth, clade_json_node *node)
{
    if (s->tree && ++s->values > CLADE_JSON_MAX_VALUES)
        return fail_at(s, s->at, "more than %d values", (int)CLADE_JSON_MAX_VALUES);
    const int byte = peek(s);
    if (byte == '{' || byte == '[') {
        node->kind = byte == '{' ? CLADE_JSON_OBJECT : CLADE_JSON_ARRAY;
        return scan_items(s, depth, node);
    }
    if (byte == '"') {
        node->kind = CLADE_JSON_STRING;
        return scan_string(s, &node->string, &node->escaped);
    }
    if (byte == '-' || is_digit(byte)) {
        node->kind = CLADE_JSON_NUMBER;
        return scan_number(s, node);
    }
    return scan_word(s, node);
}

/* The whole text; ROOT is its value. */
static clade_status scan_text(scanner *s, clade_json_node *root)
{
    if (s->length >= 3 && memcmp(s->text, "\xEF\xBB\xBF", 3) == 0)
        return unexpected(s, "no byte order mark");
    skip_space(s);
    CLADE_TRY(scan_value(s, 0, root));
    skip_space(s);
    return s->at == s->length ? CLADE_OK : unexpected(s, "nothing after the value");
}

clade_status clade_json_scan(const char *text, size_t length, const char *name, clade_status status)
{
    scanner s = {.text = text, .length = length, .name = name, .status = status};
    clade_json_node root = {0};
    return scan_text(&s, &root);
}

clade_status clade_json_scan_tree(char *text, size_t length, const char *name, clade_status status,
                                  clade_json_tree *tree)
{
    scanner s = {.text = text, .length = length, .name = name, .status = status, .strings = text, .tree = tree};
    CLADE_TRY(clade_json_tree_begin(tree, length));
    CLADE_TRY(scan_text(&s, &tree->root));
    return clade_json_tree_finish(tree, name, status);
}
