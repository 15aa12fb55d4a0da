/* Walking a document, and the typed getters that say where something is wrong. */
#include <inttypes.h>
#include <math.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/json_tree.h"

static const int64_t exact_limit = INT64_C(1) << 53;

clade_json_kind clade_json_kind_of(const clade_json_at *at)
{
    const clade_json_node *node = at->node;
    return node ? node->kind : CLADE_JSON_ABSENT;
}

/* STRING behind the LENGTH bytes of PLACE, cut with "..." when there is no room; the new length. Every value that is read
 * comes by here: snprintf takes four times as long. */
static size_t join(char *place, size_t size, size_t length, const char *string)
{
    const size_t bytes = strlen(string), room = size - 1 - length;
    memcpy(place + length, string, bytes < room ? bytes : room);
    if (bytes > room)
        memcpy(place + size - 4, "...", 3);
    length += bytes < room ? bytes : room;
    place[length] = '\0';
    return length;
}

/* The place one step below AT: ".KEY" or "[INDEX]" added. */
static clade_json_at reach(const clade_json_at *at, const clade_json_node *node, const char *key, size_t index)
{
    clade_json_at next;
    char number[32];
    next.document = at->document;
    next.node = node;
    size_t length = join(next.place, sizeof next.place, 0, at->place);
    if (key && length > 0)
        length = join(next.place, sizeof next.place, length, ".");
    else if (!key)
        snprintf(number, sizeof number, "[%zu]", index);
    (void)join(next.place, sizeof next.place, length, key ? key : number);
    return next;
}

clade_json_at clade_json_member(const clade_json_at *at, const char *key)
{
    const clade_json_node *node = at->node, *found = NULL;
    size_t count = clade_json_kind_of(at) == CLADE_JSON_OBJECT ? node->count : 0;
    for (size_t i = 0; i < count && !found; i++)
        if (clade_json_same_key(node->items[i].key, key))
            found = &node->items[i];
    return reach(at, found, key, 0);
}

clade_json_at clade_json_item(const clade_json_at *at, size_t index)
{
    const clade_json_node *node = at->node;
    const clade_json_node *item = index < clade_json_size(at) ? &node->items[index] : NULL;
    return reach(at, item, item ? item->key : NULL, index);
}

size_t clade_json_size(const clade_json_at *at)
{
    const clade_json_node *node = at->node;
    return node ? node->count : 0;
}

const char *clade_json_key(const clade_json_at *at)
{
    const clade_json_node *node = at->node;
    return node ? node->key : NULL;
}

static void begin_problem(const clade_json_at *at, clade_text *text)
{
    if (at->document)
        clade_text_append(text, "%s: ", clade_json_file(at->document));
    if (at->place[0])
        clade_text_append(text, "%s: ", at->place);
}

void clade_json_problem(const clade_json_at *at, clade_problems *problems, const char *format, ...)
{
    char message[1024];
    va_list arguments;
    va_start(arguments, format);
    vsnprintf(message, sizeof message, format, arguments);
    va_end(arguments);
    clade_text text = {0};
    begin_problem(at, &text);
    clade_problem(problems, "%s%s", clade_text_get(&text), message);
    clade_text_free(&text);
}

/* Add "found X, expected Y" and return false. */
CLADE_PRINTF(3, 4)
static bool mismatch(const clade_json_at *at, clade_problems *problems, const char *expected, ...)
{
    char wanted[256], found[96];
    va_list arguments;
    va_start(arguments, expected);
    vsnprintf(wanted, sizeof wanted, expected, arguments);
    va_end(arguments);
    static const char *const kinds[] = {
        [CLADE_JSON_ABSENT] = "nothing",   [CLADE_JSON_NULL] = "null", [CLADE_JSON_BOOL] = "true",
        [CLADE_JSON_NUMBER] = "",          [CLADE_JSON_STRING] = "",   [CLADE_JSON_ARRAY] = "an array",
        [CLADE_JSON_OBJECT] = "an object",
    };
    const clade_json_node *node = at->node;
    clade_json_kind kind = clade_json_kind_of(at);
    snprintf(found, sizeof found, "%s", kinds[kind]);
    if (kind == CLADE_JSON_BOOL && !node->truth)
        snprintf(found, sizeof found, "false");
    if (kind == CLADE_JSON_NUMBER)
        snprintf(found, sizeof found, "%.*s", (int)node->bytes, node->source);
    if (kind == CLADE_JSON_STRING)
        snprintf(found, sizeof found, "\"%.60s%s\"", node->string, strlen(node->string) > 60 ? "..." : "");
    clade_json_problem(at, problems, "found %s, expected %s", found, wanted);
    return false;
}

bool clade_json_is(const clade_json_at *at, clade_problems *problems, clade_json_kind kind)
{
    static const char *const names[] = {
        [CLADE_JSON_ABSENT] = "nothing",   [CLADE_JSON_NULL] = "null",       [CLADE_JSON_BOOL] = "true or false",
        [CLADE_JSON_NUMBER] = "a number",  [CLADE_JSON_STRING] = "a string", [CLADE_JSON_ARRAY] = "an array",
        [CLADE_JSON_OBJECT] = "an object",
    };
    return clade_json_kind_of(at) == kind || mismatch(at, problems, "%s", names[kind]);
}

bool clade_json_string(const clade_json_at *at, clade_problems *problems, const char **out)
{
    if (!clade_json_is(at, problems, CLADE_JSON_STRING))
        return false;
    *out = ((const clade_json_node *)at->node)->string;
    return true;
}

bool clade_json_bool(const clade_json_at *at, clade_problems *problems, bool *out)
{
    if (!clade_json_is(at, problems, CLADE_JSON_BOOL))
        return false;
    *out = ((const clade_json_node *)at->node)->truth;
    return true;
}

bool clade_json_number(const clade_json_at *at, clade_problems *problems, double low, double high, double *out)
{
    const clade_json_node *node = at->node;
    if (clade_json_kind_of(at) == CLADE_JSON_NUMBER && node->number >= low && node->number <= high) {
        *out = node->number;
        return true;
    }
    if (isinf(low) && isinf(high))
        return mismatch(at, problems, "a number");
    if (isinf(high))
        return mismatch(at, problems, "a number of at least %.15g", low);
    if (isinf(low))
        return mismatch(at, problems, "a number of at most %.15g", high);
    return mismatch(at, problems, "a number from %.15g to %.15g", low, high);
}

/* True when the number is written as an integer and is exact in a double; *OUT gets it. */
static bool plain_integer(const clade_json_at *at, int64_t *out)
{
    const clade_json_node *node = at->node;
    if (clade_json_kind_of(at) != CLADE_JSON_NUMBER || fabs(node->number) > (double)exact_limit)
        return false;
    for (size_t i = 0; i < node->bytes; i++)
        if (node->source[i] != '-' && (node->source[i] < '0' || node->source[i] > '9'))
            return false;
    *out = strtoll(node->source, NULL, 10); /* by now short; ends at the first byte after the number */
    return *out >= -exact_limit && *out <= exact_limit;
}

bool clade_json_integer(const clade_json_at *at, clade_problems *problems, int64_t low, int64_t high, int64_t *out)
{
    int64_t value;
    if (plain_integer(at, &value) && value >= low && value <= high) {
        *out = value;
        return true;
    }
    if (low <= -exact_limit && high >= exact_limit)
        return mismatch(at, problems, "an integer");
    if (high >= exact_limit)
        return mismatch(at, problems, "an integer of at least %" PRId64, low);
    return mismatch(at, problems, "an integer from %" PRId64 " to %" PRId64, low, high);
}

/* A decimal text without sign or leading zeros that fits 64 bits. */
static bool parse_u64(const char *digits, uint64_t *out)
{
    uint64_t value = 0;
    if (digits[0] == '\0' || (digits[0] == '0' && digits[1] != '\0'))
        return false;
    for (; *digits; digits++) {
        uint64_t digit = (uint64_t)(unsigned char)*digits - '0';
        if (digit > 9 || value > (UINT64_MAX - digit) / 10)
            return false;
        value = value * 10 + digit;
    }
    *out = value;
    return true;
}

bool clade_json_u64(const clade_json_at *at, clade_problems *problems, uint64_t *out)
{
    int64_t value;
    if (plain_integer(at, &value) && value >= 0) {
        *out = (uint64_t)value;
        return true;
    }
    if (clade_json_kind_of(at) == CLADE_JSON_STRING && parse_u64(((const clade_json_node *)at->node)->string, out))
        return true;
    return mismatch(at, problems, "an integer from 0 to 2^53, or one up to 2^64-1 as a decimal string");
}

void clade_json_only(const clade_json_at *at, clade_problems *problems, const char *const *known, size_t count)
{
    const clade_json_node *node = at->node;
    size_t items = clade_json_kind_of(at) == CLADE_JSON_OBJECT ? node->count : 0;
    for (size_t i = 0; i < items; i++) {
        const char *key = node->items[i].key;
        bool found = false;
        for (size_t j = 0; j < count && !found; j++)
            found = clade_json_same_key(key, known[j]);
        if (found)
            continue;
        clade_text text = {0};
        begin_problem(at, &text);
        clade_text_append(&text, "unknown key \"%s\"", key);
        clade_append_suggestion(&text, key, known, count);
        clade_problem(problems, "%s", clade_text_get(&text));
        clade_text_free(&text);
    }
}

static void print_node(clade_json_writer *writer, const char *key, const clade_json_node *node)
{
    char number[80];
    switch (node->kind) {
    case CLADE_JSON_OBJECT:
    case CLADE_JSON_ARRAY:
        (node->kind == CLADE_JSON_OBJECT ? clade_json_begin_object : clade_json_begin_array)(writer, key);
        for (size_t i = 0; i < node->count; i++)
            print_node(writer, node->items[i].key, &node->items[i]);
        (node->kind == CLADE_JSON_OBJECT ? clade_json_end_object : clade_json_end_array)(writer);
        break;
    case CLADE_JSON_STRING:
        clade_json_put_string(writer, key, node->string);
        break;
    case CLADE_JSON_NUMBER:
        snprintf(number, sizeof number, "%.*s", (int)node->bytes, node->source);
        clade_json_put_raw(writer, key, number);
        break;
    case CLADE_JSON_BOOL:
        clade_json_put_bool(writer, key, node->truth);
        break;
    case CLADE_JSON_NULL:
    case CLADE_JSON_ABSENT:
        clade_json_put_null(writer, key);
        break;
    }
}

void clade_json_print(const clade_json_at *at, clade_text *text)
{
    clade_json_writer writer = clade_json_writer_to(text, false);
    if (at->node)
        print_node(&writer, NULL, at->node);
    else
        clade_json_put_null(&writer, NULL);
}
