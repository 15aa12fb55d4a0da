#include "io/config_text.h"

#include <string.h>

#include "clade/json.h"

/* One member of the top-level object, as offsets into the text. */
typedef struct member {
    size_t key, key_end;     /* without the quotes */
    size_t value, value_end; /* without white space around it */
} member;

static size_t skip_space(const char *text, size_t at)
{
    return at + strspn(text + at, " \t\r\n");
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
        if (text[at] == '"') {
            at = skip_string(text, at);
        } else if (text[at] == '{' || text[at] == '[') {
            depth++;
            at++;
        } else if (text[at] == '}' || text[at] == ']') {
            depth--;
            at++;
        } else if (depth > 0) {
            at++;
        } else {
            at += strcspn(text + at, ",}] \t\r\n");
        }
    } while (depth > 0);
    return at;
}

/* The member at or after *AT, which stands behind '{' or a value; false at the end of the object. */
static bool next_member(const char *text, size_t *at, member *m)
{
    *at = skip_space(text, *at);
    if (text[*at] == ',')
        *at = skip_space(text, *at + 1);
    if (text[*at] == '}')
        return false;
    m->key = *at + 1;
    m->key_end = skip_string(text, *at) - 1;
    m->value = skip_space(text, skip_space(text, m->key_end + 1) + 1);
    m->value_end = skip_value(text, m->value);
    *at = m->value_end;
    return true;
}

static bool has_key(const char *text, const member *m, const char *key)
{
    return m->key_end - m->key == strlen(key) && memcmp(text + m->key, key, m->key_end - m->key) == 0;
}

/* TEXT is strict JSON with an object at the top. */
static void replace_dtype(const char *text, size_t length, const char *dtype, clade_text *out)
{
    size_t open = skip_space(text, 0) + 1, first = skip_space(text, open), copied = open, at = open;
    bool has_dtype = false;
    member m;
    while (next_member(text, &at, &m))
        has_dtype |= has_key(text, &m, "dtype");
    clade_text_append_bytes(out, text, open);
    if (!has_dtype) {
        clade_text_append_bytes(out, text + open, first - open);
        clade_text_append(out, "\"dtype\": \"%s\"%s", dtype, text[first] == '}' ? "" : ",");
    }
    for (at = open; next_member(text, &at, &m);)
        if (has_key(text, &m, "dtype") || has_key(text, &m, "torch_dtype")) {
            clade_text_append_bytes(out, text + copied, m.value - copied);
            clade_text_append(out, "\"%s\"", dtype);
            copied = m.value_end;
        }
    clade_text_append_bytes(out, text + copied, length - copied);
}

clade_status clade_io_config_with_dtype(const char *text, size_t length, const char *name, const char *dtype,
                                        clade_text *out)
{
    clade_json *document;
    CLADE_TRY(clade_json_parse(text, length, name, CLADE_EINPUT, &document));
    clade_json_at root = clade_json_root(document);
    clade_json_kind kind = clade_json_kind_of(&root);
    clade_json_free(document);
    if (kind != CLADE_JSON_OBJECT)
        return clade_fail(CLADE_EINPUT, "%s: expected an object at the top", name);
    replace_dtype(text, length, dtype, out);
    CLADE_TRY(clade_text_status(out));
    /* Once more, because a key spelled with an escape ("d\u0074ype") is now there twice. */
    CLADE_TRY(clade_json_parse(clade_text_get(out), out->length, name, CLADE_EINPUT, &document));
    clade_json_free(document);
    return CLADE_OK;
}
