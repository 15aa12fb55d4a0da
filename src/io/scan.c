#include "io/scan.h"

#include <string.h>

#include "clade/utf8.h"
#include "io/bytes.h"

clade_status clade_scan_unexpected(const clade_scanner *s, const char *expected)
{
    char found[CLADE_IO_QUOTE] = "the end of the header";
    if (s->at < s->length)
        clade_io_quote((const char *)s->text + s->at, 1, found);
    return clade_fail(CLADE_EINPUT, "%s: header byte %zu: found %s, expected %s", s->name, s->at, found, expected);
}

static void skip_space(clade_scanner *s)
{
    while (s->at < s->length &&
           (s->text[s->at] == ' ' || s->text[s->at] == '\t' || s->text[s->at] == '\n' || s->text[s->at] == '\r'))
        s->at++;
}

int clade_scan_peek(clade_scanner *s)
{
    skip_space(s);
    return s->at < s->length ? s->text[s->at] : -1;
}

clade_status clade_scan_expect(clade_scanner *s, char byte, const char *what)
{
    if (clade_scan_peek(s) != byte)
        return clade_scan_unexpected(s, what);
    s->at++;
    return CLADE_OK;
}

clade_status clade_scan_next(clade_scanner *s, char close, bool *more)
{
    int byte = clade_scan_peek(s);
    if (byte != ',' && byte != close)
        return clade_scan_unexpected(s, close == '}' ? "',' or '}'" : "',' or ']'");
    s->at++;
    *more = byte == ',';
    return CLADE_OK;
}

void clade_scan_first(clade_scanner *s, char close, bool *more)
{
    *more = clade_scan_peek(s) != close;
    if (!*more)
        s->at++;
}

/* Four hexadecimal digits. */
static clade_status scan_hex4(clade_scanner *s, unsigned *code)
{
    *code = 0;
    for (int i = 0; i < 4; i++, s->at++) {
        unsigned char c = s->at < s->length ? s->text[s->at] : 0;
        unsigned digit;
        if (c >= '0' && c <= '9')
            digit = c - '0';
        else if ((c >= 'a' && c <= 'f') || (c >= 'A' && c <= 'F'))
            digit = (c | 0x20u) - 'a' + 10;
        else
            return clade_scan_unexpected(s, "four hexadecimal digits after \\u");
        *code = *code * 16 + digit;
    }
    return CLADE_OK;
}

/* The code point of a \u escape, of which "\u" is read; half a surrogate pair is refused. */
static clade_status scan_code_point(clade_scanner *s, unsigned *code)
{
    CLADE_TRY(scan_hex4(s, code));
    if (*code >= 0xDC00 && *code <= 0xDFFF)
        return clade_scan_unexpected(s, "no low surrogate without a high one before it");
    if (*code < 0xD800 || *code > 0xDBFF)
        return CLADE_OK;
    unsigned low;
    if (s->length - s->at < 2 || s->text[s->at] != '\\' || s->text[s->at + 1] != 'u')
        return clade_scan_unexpected(s, "the \\u of a low surrogate after a high one");
    s->at += 2;
    CLADE_TRY(scan_hex4(s, &low));
    if (low < 0xDC00 || low > 0xDFFF)
        return clade_scan_unexpected(s, "a low surrogate (\\uDC00 to \\uDFFF) after a high one");
    *code = 0x10000 + ((*code - 0xD800) << 10) + (low - 0xDC00);
    return CLADE_OK;
}

/* One escape, of which the backslash is read, appended at *END. */
static clade_status scan_escape(clade_scanner *s, char **end)
{
    static const char letters[] = "\"\\/bfnrt", meanings[] = "\"\\/\b\f\n\r\t";
    unsigned char c = s->at < s->length ? s->text[s->at] : 0;
    const char *known = c ? strchr(letters, c) : NULL;
    if (known) {
        s->at++;
        *(*end)++ = meanings[known - letters];
        return CLADE_OK;
    }
    if (c != 'u')
        return clade_scan_unexpected(s, "one of \" \\ / b f n r t u after a backslash");
    unsigned code;
    s->at++;
    CLADE_TRY(scan_code_point(s, &code));
    *end += clade_utf8_encode(code, *end);
    return CLADE_OK;
}

/* A string, decoded. It stays only if the caller then calls clade_scan_keep(); the next string overwrites it otherwise.
 */
clade_status clade_scan_string(clade_scanner *s, const char *what, clade_scan_text *out)
{
    CLADE_TRY(clade_scan_expect(s, '"', what));
    char *begin = s->strings + s->strings_used, *end = begin;
    for (;;) {
        if (s->at == s->length || s->text[s->at] < 0x20)
            return clade_scan_unexpected(s, "more of a string (control bytes are escaped)");
        unsigned char c = s->text[s->at++];
        if (c == '"')
            break;
        if (c == '\\')
            CLADE_TRY(scan_escape(s, &end));
        else
            *end++ = (char)c;
    }
    *end = '\0';
    *out = (clade_scan_text){begin, (size_t)(end - begin)};
    return CLADE_OK;
}

void clade_scan_keep(clade_scanner *s, const clade_scan_text *text)
{
    s->strings_used += text->length + 1;
}

bool clade_scan_equals(const clade_scan_text *text, const char *word)
{
    return text->length == strlen(word) && memcmp(text->data, word, text->length) == 0;
}

clade_status clade_scan_u64(clade_scanner *s, uint64_t *out)
{
    static const char expected[] = "a plain integer from 0 to 2^64 - 1";
    int first = clade_scan_peek(s);
    if (first < '0' || first > '9')
        return clade_scan_unexpected(s, expected);
    size_t begin = s->at;
    uint64_t value = 0;
    for (; s->at < s->length && s->text[s->at] >= '0' && s->text[s->at] <= '9'; s->at++)
        if (__builtin_mul_overflow(value, (uint64_t)10, &value) ||
            __builtin_add_overflow(value, (uint64_t)(s->text[s->at] - '0'), &value))
            return clade_scan_unexpected(s, "the end of a number that is already above 2^64 - 1");
    if (first == '0' && s->at - begin > 1)
        return clade_fail(CLADE_EINPUT, "%s: header byte %zu: found a number with a leading zero", s->name, begin);
    if (s->at < s->length && (s->text[s->at] == '.' || (s->text[s->at] | 0x20) == 'e'))
        return clade_scan_unexpected(s, expected);
    *out = value;
    return CLADE_OK;
}

static bool is_digit(const clade_scanner *s)
{
    return s->at < s->length && s->text[s->at] >= '0' && s->text[s->at] <= '9';
}

static bool take(clade_scanner *s, char byte)
{
    if (s->at == s->length || s->text[s->at] != byte)
        return false;
    s->at++;
    return true;
}

/* The digits of a number as they pass by: enough of them to see whether it is above the largest double. */
typedef struct magnitude {
    uint64_t leading; /* the first 17 significant digits */
    int digits;       /* how many of them there are so far */
    int64_t exponent; /* of ten, of the first significant digit */
} magnitude;

/* One or more digits, of which POINT says whether they come after the decimal point. */
static clade_status scan_digits(clade_scanner *s, bool point, magnitude *m)
{
    if (!is_digit(s))
        return clade_scan_unexpected(s, "a digit");
    for (; is_digit(s); s->at++) {
        unsigned digit = s->text[s->at] - '0';
        bool significant = m->digits > 0 || digit != 0;
        if (point && !(m->digits > 0))
            m->exponent--; /* a zero, or the first significant digit, behind the point */
        else if (!point && m->digits > 0)
            m->exponent++;
        if (significant && m->digits < 17) {
            m->leading = m->leading * 10 + digit;
            m->digits++;
        }
    }
    return CLADE_OK;
}

/* Add the exponent part, if there is one; it saturates far above what a number of any length can make up for. */
static clade_status scan_exponent(clade_scanner *s, magnitude *m)
{
    const int64_t limit = (int64_t)1 << 40;
    if (!take(s, 'e') && !take(s, 'E'))
        return CLADE_OK;
    bool negative = take(s, '-');
    if (!negative)
        (void)take(s, '+');
    if (!is_digit(s))
        return clade_scan_unexpected(s, "a digit of an exponent");
    int64_t value = 0;
    for (; is_digit(s); s->at++)
        if (value < limit)
            value = value * 10 + (s->text[s->at] - '0');
    m->exponent += negative ? -value : value;
    return CLADE_OK;
}

static clade_status skip_number(clade_scanner *s)
{
    size_t begin = s->at;
    magnitude m = {0};
    (void)take(s, '-');
    if (take(s, '0')) {
        if (is_digit(s))
            return clade_scan_unexpected(s, "no leading zero");
    } else {
        CLADE_TRY(scan_digits(s, false, &m));
    }
    if (take(s, '.'))
        CLADE_TRY(scan_digits(s, true, &m));
    CLADE_TRY(scan_exponent(s, &m));
    for (; m.digits > 0 && m.digits < 17; m.digits++)
        m.leading *= 10;
    /* The largest double is 1.7976931348623157e308. */
    if (m.digits > 0 && (m.exponent > 308 || (m.exponent == 308 && m.leading > 17976931348623157u)))
        return clade_fail(CLADE_EINPUT, "%s: header byte %zu: found a number beyond the range of a double", s->name,
                          begin);
    return CLADE_OK;
}

static clade_status skip_scalar(clade_scanner *s)
{
    static const char *const words[] = {"true", "false", "null"};
    int first = clade_scan_peek(s);
    clade_scan_text ignored;
    if (first == '"')
        return clade_scan_string(s, "a string", &ignored);
    if (first == '-' || (first >= '0' && first <= '9'))
        return skip_number(s);
    for (size_t i = 0; i < sizeof words / sizeof *words; i++) {
        size_t length = strlen(words[i]);
        if (s->length - s->at >= length && memcmp(s->text + s->at, words[i], length) == 0) {
            s->at += length;
            return CLADE_OK;
        }
    }
    return clade_scan_unexpected(s, "a JSON value");
}

static clade_status skip_key(clade_scanner *s)
{
    clade_scan_text ignored;
    CLADE_TRY(clade_scan_string(s, "a key in double quotes", &ignored));
    return clade_scan_expect(s, ':', "':' after a key");
}

/* After a value: to the next one, out of all lists that end here. CLOSE holds the closing bracket of the DEPTH open
 * ones. */
static clade_status skip_to_next(clade_scanner *s, const char *close, size_t *depth)
{
    bool more = false;
    while (*depth > 0 && !more) {
        CLADE_TRY(clade_scan_next(s, close[*depth - 1], &more));
        if (!more)
            --*depth;
        else if (close[*depth - 1] == '}')
            CLADE_TRY(skip_key(s));
    }
    return CLADE_OK;
}

clade_status clade_scan_skip(clade_scanner *s, size_t levels)
{
    enum { MAX_LEVELS = 127 };
    char close[MAX_LEVELS];
    size_t depth = 0;
    do {
        int first = clade_scan_peek(s);
        bool more = false;
        if (first != '[' && first != '{') {
            CLADE_TRY(skip_scalar(s));
        } else {
            if (levels + depth >= MAX_LEVELS)
                return clade_scan_unexpected(s, "at most 127 levels of brackets");
            s->at++;
            close[depth++] = first == '[' ? ']' : '}';
            clade_scan_first(s, close[depth - 1], &more);
            if (!more)
                depth--;
            else if (first == '{')
                CLADE_TRY(skip_key(s));
        }
        if (!more)
            CLADE_TRY(skip_to_next(s, close, &depth));
    } while (depth > 0);
    return CLADE_OK;
}
