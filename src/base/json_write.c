/* The writer keeps no tree: it appends, and remembers per open container whether a comma is due. */
#include "clade/json.h"

#include <assert.h>
#include <inttypes.h>
#include <string.h>

#include "clade/utf8.h"

enum { REPLACEMENT = 0xfffd }; /* Unicode: for what is no character */

clade_json_writer clade_json_writer_to(clade_text *text, bool pretty)
{
    return (clade_json_writer){.text = text, .pretty = pretty};
}

static void new_line(const clade_json_writer *writer)
{
    if (writer->pretty)
        clade_text_append(writer->text, "\n%*s", 2 * writer->depth, "");
}

/* How many of the LEFT bytes at STRING stand for themselves. */
static size_t plain_bytes(const char *string, size_t left)
{
    size_t at = 0;
    uint32_t code;
    for (size_t length; at < left; at += length) {
        length = clade_utf8_decode(string + at, left - at, &code);
        if (length == 0 || code < 0x20 || code == '"' || code == '\\')
            break;
    }
    return at;
}

/* A string in quotes: runs without anything to escape go over in one piece. */
static void append_string(clade_text *text, const char *string)
{
    size_t left = strlen(string);
    clade_text_append_bytes(text, "\"", 1);
    while (left > 0) {
        const size_t plain = plain_bytes(string, left);
        clade_text_append_bytes(text, string, plain);
        string += plain;
        left -= plain;
        if (left == 0)
            break;
        const unsigned char byte = (unsigned char)*string++;
        left--;
        if (byte == '"' || byte == '\\')
            clade_text_append(text, "\\%c", byte);
        else
            clade_text_append(text, "\\u%04x", byte < 0x20 ? byte : REPLACEMENT);
    }
    clade_text_append_bytes(text, "\"", 1);
}

/* Comma, new line and key: what comes before every value. */
static void begin_value(clade_json_writer *writer, const char *key)
{
    if (writer->depth > 0) {
        bool *has_items = &writer->has_items[writer->depth - 1];
        if (*has_items)
            clade_text_append_bytes(writer->text, ",", 1);
        *has_items = true;
        new_line(writer);
    }
    if (!key)
        return;
    append_string(writer->text, key);
    clade_text_append(writer->text, writer->pretty ? ": " : ":");
}

static void begin_items(clade_json_writer *writer, const char *key, const char *bracket)
{
    begin_value(writer, key);
    assert(writer->depth < CLADE_JSON_MAX_DEPTH);
    clade_text_append_bytes(writer->text, bracket, 1);
    writer->has_items[writer->depth++] = false;
}

static void end_items(clade_json_writer *writer, const char *bracket)
{
    assert(writer->depth > 0);
    if (writer->has_items[--writer->depth])
        new_line(writer);
    clade_text_append_bytes(writer->text, bracket, 1);
}

void clade_json_begin_object(clade_json_writer *writer, const char *key)
{
    begin_items(writer, key, "{");
}

void clade_json_end_object(clade_json_writer *writer)
{
    end_items(writer, "}");
}

void clade_json_begin_array(clade_json_writer *writer, const char *key)
{
    begin_items(writer, key, "[");
}

void clade_json_end_array(clade_json_writer *writer)
{
    end_items(writer, "]");
}

void clade_json_put_string(clade_json_writer *writer, const char *key, const char *value)
{
    if (!value) {
        clade_json_put_null(writer, key);
        return;
    }
    begin_value(writer, key);
    append_string(writer->text, value);
}

void clade_json_put_number(clade_json_writer *writer, const char *key, double value)
{
    begin_value(writer, key);
    clade_text_append_number(writer->text, value);
}

void clade_json_put_integer(clade_json_writer *writer, const char *key, int64_t value)
{
    begin_value(writer, key);
    clade_text_append(writer->text, "%" PRId64, value);
}

void clade_json_put_u64(clade_json_writer *writer, const char *key, uint64_t value)
{
    bool exact = value <= UINT64_C(1) << 53;
    begin_value(writer, key);
    clade_text_append(writer->text, exact ? "%" PRIu64 : "\"%" PRIu64 "\"", value);
}

void clade_json_put_bool(clade_json_writer *writer, const char *key, bool value)
{
    clade_json_put_raw(writer, key, value ? "true" : "false");
}

void clade_json_put_null(clade_json_writer *writer, const char *key)
{
    clade_json_put_raw(writer, key, "null");
}

void clade_json_put_raw(clade_json_writer *writer, const char *key, const char *value)
{
    begin_value(writer, key);
    clade_text_append(writer->text, "%s", value);
}
