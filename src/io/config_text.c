#include "io/config_text.h"

#include <string.h>

#include "clade/alloc.h"
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

/* One edit of a text. */
typedef struct edit {
    const char *text; /* strict JSON with an object at the top */
    const clade_config_member *members;
    size_t n_members;
    bool *found;   /* (n_members) */
    size_t copied; /* bytes of text that are in out, or replaced there */
    clade_text *out;
} edit;

static void copy_to(edit *e, size_t end)
{
    clade_text_append_bytes(e->out, e->text + e->copied, end - e->copied);
    e->copied = end;
}

static bool is_in(const clade_config_member *wanted, const char *section)
{
    return section && wanted->section ? strcmp(section, wanted->section) == 0 : section == wanted->section;
}

/* The first member to set that M of this section is (SECTION is NULL at the top level), or n_members. */
static size_t wanted_for(const edit *e, const char *section, const member *m)
{
    size_t i = 0;
    while (i < e->n_members && !(is_in(&e->members[i], section) && has_key(e->text, m, e->members[i].key)))
        i++;
    return i;
}

/* The section that begins as the value of M, or NULL when nothing is to be set in it. */
static const char *section_at(const edit *e, const member *m)
{
    for (size_t i = 0; i < e->n_members && e->text[m->value] == '{'; i++)
        if (e->members[i].section && has_key(e->text, m, e->members[i].section))
            return e->members[i].section;
    return NULL;
}

/* Mark what is there of the section in the object whose '{' is before OPEN. */
static void find_members(edit *e, size_t open, const char *section)
{
    member m;
    for (size_t at = open; next_member(e->text, &at, &m);)
        for (size_t i = 0; i < e->n_members; i++)
            if (is_in(&e->members[i], section) && has_key(e->text, &m, e->members[i].key))
                e->found[i] = true;
}

/* True when an earlier member names the same as number I. */
static bool is_repeated(const edit *e, size_t i)
{
    size_t k = 0;
    while (k < i &&
           !(is_in(&e->members[k], e->members[i].section) && strcmp(e->members[k].key, e->members[i].key) == 0))
        k++;
    return k < i;
}

/* Put what the object whose '{' is before OPEN lacks at its front, set out like what comes first in it. */
static void add_missing(edit *e, size_t open, const char *section)
{
    size_t first = skip_space(e->text, open);
    bool any = false;
    for (size_t i = 0; i < e->n_members; i++) {
        const clade_config_member *wanted = &e->members[i];
        if (!is_in(wanted, section) || !wanted->add || e->found[i] || is_repeated(e, i))
            continue;
        clade_text_append(e->out, any ? "," : "");
        clade_text_append_bytes(e->out, e->text + open, first - open);
        clade_text_append(e->out, "\"%s\": %s", wanted->key, wanted->value);
        any = true;
    }
    clade_text_append(e->out, any && e->text[first] != '}' ? "," : "");
}

/* The object whose '{' is at BEGIN. Objects in a section are not looked into, so this goes one level deep. */
static void edit_object(edit *e, size_t begin, const char *section)
{
    member m;
    find_members(e, begin + 1, section);
    copy_to(e, begin + 1);
    add_missing(e, begin + 1, section);
    for (size_t at = begin + 1; next_member(e->text, &at, &m);) {
        size_t i = wanted_for(e, section, &m);
        const char *inner = section ? NULL : section_at(e, &m);
        if (i < e->n_members) {
            copy_to(e, m.value);
            clade_text_append(e->out, "%s", e->members[i].value);
            e->copied = m.value_end;
        } else if (inner) {
            edit_object(e, m.value, inner);
        }
    }
}

static clade_status check_object(const char *text, size_t length, const char *name)
{
    clade_json *document;
    CLADE_TRY(clade_json_parse(text, length, name, CLADE_EINPUT, &document));
    clade_json_at root = clade_json_root(document);
    clade_json_kind kind = clade_json_kind_of(&root);
    clade_json_free(document);
    return kind == CLADE_JSON_OBJECT ? CLADE_OK : clade_fail(CLADE_EINPUT, "%s: expected an object at the top", name);
}

clade_status clade_io_config_edit(const char *text, size_t length, const char *name, const clade_config_member *members,
                                  size_t n_members, bool *found, clade_text *out)
{
    CLADE_TRY(check_object(text, length, name));
    bool *there = clade_calloc(n_members, sizeof *there);
    if (!there)
        return clade_fail_memory(n_members, "the members of a configuration");
    edit e = {.text = text, .members = members, .n_members = n_members, .found = there, .out = out};
    edit_object(&e, skip_space(text, 0), NULL);
    copy_to(&e, length);
    for (size_t i = 0; found && i < n_members; i++)
        found[i] = there[i];
    clade_free(there);
    CLADE_TRY(clade_text_status(out));
    /* Once more, because a key spelled with an escape ("d\u0074ype") is now there twice. */
    return check_object(clade_text_get(out), out->length, name);
}
