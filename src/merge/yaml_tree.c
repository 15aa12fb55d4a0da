/* The tree is built from libyaml's events with a stack of open collections, so nesting costs no C stack. All nodes are
 * kept in one list and freed with it; entries only point. */
#include "merge/yaml_tree.h"

#include "clade/merge.h"

#include <string.h>
#include <yaml.h>

#include "clade/alloc.h"

enum { MOST_KEYS = 4096, MOST_ANCHORS = 1024 }; /* searched one by one */

typedef struct anchor {
    char *name;                  /* owned */
    const clade_yaml_node *node; /* complete; borrowed */
} anchor;

typedef struct level {
    clade_yaml_node *node;      /* the open collection */
    const clade_yaml_node *key; /* the key waiting for its value */
    char *anchor;               /* of the collection, owned; it can be named once the collection is closed */
} level;

struct clade_yaml {
    const char *name;        /* of the file, borrowed while parsing */
    clade_yaml_node **nodes; /* (n_nodes), owned */
    size_t n_nodes, nodes_capacity;
    size_t n_entries; /* in all collections, those of merge keys too */
    anchor *anchors;  /* (n_anchors), owned */
    size_t n_anchors, anchors_capacity;
    level levels[CLADE_YAML_MAX_DEPTH];
    size_t depth;
    const clade_yaml_node *roots[CLADE_YAML_MAX_DOCUMENTS];
    size_t n_roots;
};

static clade_status fail_at(const clade_yaml *self, size_t line, const char *what)
{
    return clade_fail(CLADE_ECONFIG, "%s:%zu: %s", self->name, line, what);
}

/* Room for one more of SIZE bytes in *LIST. */
static clade_status grow(void **list, size_t count, size_t *capacity, size_t size)
{
    if (count < *capacity)
        return CLADE_OK;
    size_t larger = *capacity ? 2 * *capacity : 8;
    void *moved = clade_realloc(*list, larger * size);
    if (!moved)
        return clade_fail_memory(larger * size, "a YAML document");
    *list = moved;
    *capacity = larger;
    return CLADE_OK;
}

static clade_status new_node(clade_yaml *self, clade_yaml_kind kind, size_t line, clade_yaml_node **out)
{
    if (self->n_nodes == CLADE_YAML_MAX_NODES)
        return fail_at(self, line, "found more than 65536 values, expected a merge configuration");
    void *list = self->nodes;
    CLADE_TRY(grow(&list, self->n_nodes, &self->nodes_capacity, sizeof(clade_yaml_node *)));
    self->nodes = list;
    clade_yaml_node *node = clade_calloc(1, sizeof *node);
    if (!node)
        return clade_fail_memory(sizeof *node, "a YAML document");
    node->kind = kind;
    node->line = line;
    self->nodes[self->n_nodes++] = node;
    *out = node;
    return CLADE_OK;
}

static clade_status add_entry(clade_yaml *self, clade_yaml_node *to, clade_yaml_entry entry)
{
    void *list = to->entries;
    if (self->n_entries++ >= CLADE_YAML_MAX_NODES)
        return fail_at(self, to->line,
                       "found more than 65536 entries with those of aliases, expected a merge configuration");
    CLADE_TRY(grow(&list, to->count, &to->capacity, sizeof *to->entries));
    to->entries = list;
    to->entries[to->count++] = entry;
    return CLADE_OK;
}

/* ---- anchors ---- */

static clade_status add_anchor(clade_yaml *self, const char *name, const clade_yaml_node *node)
{
    void *list = self->anchors;
    if (self->n_anchors == MOST_ANCHORS)
        return fail_at(self, node->line, "found more than 1024 anchors");
    CLADE_TRY(grow(&list, self->n_anchors, &self->anchors_capacity, sizeof *self->anchors));
    self->anchors = list;
    char *copy = clade_strdup(name);
    if (!copy)
        return clade_fail_memory(strlen(name), "a YAML document");
    self->anchors[self->n_anchors++] = (anchor){copy, node};
    return CLADE_OK;
}

/* The latest anchor of that name; an open collection has none yet, so there are no cycles. */
static const clade_yaml_node *find_anchor(const clade_yaml *self, const char *name)
{
    for (size_t i = self->n_anchors; i > 0; i--)
        if (strcmp(self->anchors[i - 1].name, name) == 0)
            return self->anchors[i - 1].node;
    return NULL;
}

static void forget_anchors(clade_yaml *self)
{
    for (size_t i = 0; i < self->n_anchors; i++)
        clade_free(self->anchors[i].name);
    self->n_anchors = 0;
}

/* ---- putting values in their place ---- */

static bool is_merge_key(const clade_yaml_node *key)
{
    return key->plain && strcmp(key->text, "<<") == 0;
}

static clade_status merge_mapping(clade_yaml *self, clade_yaml_node *to, const clade_yaml_node *from)
{
    if (from->kind != CLADE_YAML_MAPPING)
        return fail_at(self, from->line, "found something else after \"<<\", expected a mapping or a list of mappings");
    for (size_t i = 0; i < from->count; i++) {
        if (clade_yaml_get(to, from->entries[i].key->text))
            self->n_entries++; /* counted like one that is added, so that the work is bounded */
        else
            CLADE_TRY(add_entry(self, to, from->entries[i]));
        if (self->n_entries > CLADE_YAML_MAX_NODES)
            return fail_at(self, to->line, "found more than 65536 entries in merged mappings");
    }
    return CLADE_OK;
}

/* Replace the "<<" entries of a finished mapping by what they bring: own entries win, then earlier mappings. */
static clade_status expand_merges(clade_yaml *self, clade_yaml_node *node)
{
    size_t own = node->count, left = 0;
    const clade_yaml_node *merged = NULL;
    for (size_t i = 0; i < own; i++) {
        if (is_merge_key(node->entries[i].key))
            merged = node->entries[i].value;
        else
            node->entries[left++] = node->entries[i];
    }
    node->count = left;
    if (!merged || merged->kind != CLADE_YAML_SEQUENCE)
        return merged ? merge_mapping(self, node, merged) : CLADE_OK;
    for (size_t i = 0; i < merged->count; i++)
        CLADE_TRY(merge_mapping(self, node, merged->entries[i].value));
    return CLADE_OK;
}

static clade_status put_key(clade_yaml *self, level *top, const clade_yaml_node *node)
{
    if (node->kind != CLADE_YAML_SCALAR)
        return fail_at(self, node->line, "found a list or mapping as a key, expected a name");
    if (top->node->count == MOST_KEYS)
        return fail_at(self, node->line, "found more than 4096 keys in a mapping");
    if (clade_yaml_get(top->node, node->text))
        return clade_fail(CLADE_ECONFIG, "%s:%zu: found the key \"%.60s\" a second time, expected it once", self->name,
                          node->line, node->text);
    top->key = node;
    return CLADE_OK;
}

/* NODE is complete, or a collection that has just been opened. */
static clade_status put(clade_yaml *self, const clade_yaml_node *node)
{
    if (self->depth == 0) {
        self->roots[self->n_roots++] = node;
        return CLADE_OK;
    }
    level *top = &self->levels[self->depth - 1];
    if (top->node->kind == CLADE_YAML_SEQUENCE)
        return add_entry(self, top->node, (clade_yaml_entry){NULL, node});
    if (!top->key)
        return put_key(self, top, node);
    const clade_yaml_node *key = top->key;
    top->key = NULL;
    return add_entry(self, top->node, (clade_yaml_entry){key, node});
}

static clade_status open_collection(clade_yaml *self, clade_yaml_kind kind, size_t line, const char *anchor_name)
{
    clade_yaml_node *node = NULL;
    if (self->depth == CLADE_YAML_MAX_DEPTH)
        return fail_at(self, line, "found more than 32 levels of nesting, expected a merge configuration");
    CLADE_TRY(new_node(self, kind, line, &node));
    CLADE_TRY(put(self, node));
    char *copy = anchor_name ? clade_strdup(anchor_name) : NULL;
    if (anchor_name && !copy)
        return clade_fail_memory(strlen(anchor_name), "a YAML document");
    self->levels[self->depth++] = (level){node, NULL, copy};
    return CLADE_OK;
}

static clade_status close_collection(clade_yaml *self)
{
    level *top = &self->levels[self->depth - 1];
    if (top->node->kind == CLADE_YAML_MAPPING)
        CLADE_TRY(expand_merges(self, top->node));
    if (top->anchor)
        CLADE_TRY(add_anchor(self, top->anchor, top->node));
    clade_free(top->anchor);
    self->depth--;
    return CLADE_OK;
}

static clade_status take_scalar(clade_yaml *self, const yaml_event_t *event, size_t line)
{
    const char *text = (const char *)event->data.scalar.value;
    size_t length = event->data.scalar.length;
    clade_yaml_node *node = NULL;
    if (memchr(text, '\0', length))
        return fail_at(self, line, "found a NUL byte in a text, expected text");
    CLADE_TRY(new_node(self, CLADE_YAML_SCALAR, line, &node));
    node->plain = event->data.scalar.style == YAML_PLAIN_SCALAR_STYLE;
    node->text = clade_strndup(text, length);
    if (!node->text)
        return clade_fail_memory(length, "a YAML document");
    if (event->data.scalar.anchor)
        CLADE_TRY(add_anchor(self, (const char *)event->data.scalar.anchor, node));
    return put(self, node);
}

static clade_status take_event(clade_yaml *self, const yaml_event_t *event)
{
    size_t line = event->start_mark.line + 1;
    const char *name;
    const clade_yaml_node *named;
    switch (event->type) {
    case YAML_DOCUMENT_START_EVENT:
        forget_anchors(self);
        return self->n_roots < CLADE_YAML_MAX_DOCUMENTS ? CLADE_OK
                                                        : fail_at(self, line, "found more than 64 documents (\"---\")");
    case YAML_SCALAR_EVENT:
        return take_scalar(self, event, line);
    case YAML_SEQUENCE_START_EVENT:
        return open_collection(self, CLADE_YAML_SEQUENCE, line, (const char *)event->data.sequence_start.anchor);
    case YAML_MAPPING_START_EVENT:
        return open_collection(self, CLADE_YAML_MAPPING, line, (const char *)event->data.mapping_start.anchor);
    case YAML_SEQUENCE_END_EVENT:
    case YAML_MAPPING_END_EVENT:
        return close_collection(self);
    case YAML_ALIAS_EVENT:
        name = (const char *)event->data.alias.anchor;
        named = find_anchor(self, name);
        return named ? put(self, named)
                     : clade_fail(CLADE_ECONFIG,
                                  "%s:%zu: found the alias *%.60s, expected an anchor of that name before it",
                                  self->name, line, name);
    default: /* stream start and end, document end */
        return CLADE_OK;
    }
}

static const char no_mapping[] = "found no mapping at the top of the document, expected \"merge_method: ...\"";

static clade_status take_all(clade_yaml *self, yaml_parser_t *parser)
{
    bool ended = false;
    while (!ended) {
        yaml_event_t event;
        if (!yaml_parser_parse(parser, &event)) {
            if (parser->error == YAML_MEMORY_ERROR)
                return clade_fail_memory(0, "a YAML document");
            return clade_fail(CLADE_ECONFIG, "%s:%zu:%zu: not YAML: %s", self->name, parser->problem_mark.line + 1,
                              parser->problem_mark.column + 1, parser->problem ? parser->problem : "unreadable bytes");
        }
        ended = event.type == YAML_STREAM_END_EVENT;
        clade_status status = take_event(self, &event);
        yaml_event_delete(&event);
        CLADE_TRY(status);
    }
    for (size_t i = 0; i < self->n_roots; i++)
        if (self->roots[i]->kind != CLADE_YAML_MAPPING)
            return fail_at(self, self->roots[i]->line, no_mapping);
    return self->n_roots > 0 ? CLADE_OK : fail_at(self, 1, no_mapping);
}

clade_status clade_yaml_parse(const char *text, size_t length, const char *name, clade_yaml **document)
{
    yaml_parser_t parser;
    *document = NULL;
    if (length > CLADE_YAML_MAX_BYTES)
        return clade_fail(CLADE_ECONFIG, "%s: found %zu bytes, expected at most %d", name, length,
                          CLADE_YAML_MAX_BYTES);
    clade_yaml *made = clade_calloc(1, sizeof *made);
    if (!made)
        return clade_fail_memory(sizeof *made, "a YAML document");
    made->name = name;
    clade_status status;
    if (yaml_parser_initialize(&parser)) {
        yaml_parser_set_input_string(&parser, (const unsigned char *)text, length);
        status = take_all(made, &parser);
        yaml_parser_delete(&parser);
    } else {
        status = clade_fail_memory(sizeof parser, "a YAML parser");
    }
    made->name = NULL;
    if (status != CLADE_OK) {
        clade_yaml_free(made);
        return status;
    }
    *document = made;
    return CLADE_OK;
}

void clade_yaml_free(clade_yaml *document)
{
    if (!document)
        return;
    for (size_t i = 0; i < document->n_nodes; i++) {
        clade_free(document->nodes[i]->text);
        clade_free(document->nodes[i]->entries);
        clade_free(document->nodes[i]);
    }
    forget_anchors(document);
    for (size_t i = 0; i < document->depth; i++)
        clade_free(document->levels[i].anchor);
    clade_free(document->nodes);
    clade_free(document->anchors);
    clade_free(document);
}

/* ---- looking in ---- */

size_t clade_yaml_documents(const clade_yaml *document)
{
    return document->n_roots;
}

const clade_yaml_node *clade_yaml_root(const clade_yaml *document, size_t index)
{
    return document->roots[index];
}

const char *clade_yaml_version(void)
{
    return yaml_get_version_string();
}
