/* YAML documents as trees: the only file that knows libyaml is yaml_tree.c.
 *
 * Safe on any input: bytes, nodes and depth are capped, duplicate keys are refused, an alias shares the node it names
 * and is never copied, an anchor cannot contain itself. A merge key ("<<") adds the entries of its mappings that are
 * not there. */
#ifndef CLADE_MERGE_YAML_TREE_H
#define CLADE_MERGE_YAML_TREE_H

#include <stdbool.h>
#include <stddef.h>

#include "clade/status.h"

enum {
    CLADE_YAML_MAX_BYTES = 1 << 20,
    CLADE_YAML_MAX_NODES = 1 << 16,
    CLADE_YAML_MAX_DEPTH = 32,
    CLADE_YAML_MAX_DOCUMENTS = 64
};

typedef enum clade_yaml_kind { CLADE_YAML_SCALAR, CLADE_YAML_SEQUENCE, CLADE_YAML_MAPPING } clade_yaml_kind;

typedef struct clade_yaml_node clade_yaml_node;

typedef struct clade_yaml_entry {
    const clade_yaml_node *key;   /* a scalar; NULL in a sequence; borrowed */
    const clade_yaml_node *value; /* borrowed */
} clade_yaml_entry;

struct clade_yaml_node {
    clade_yaml_kind kind;
    size_t line;               /* from 1 */
    char *text;                /* of a scalar, owned, without inner NUL */
    bool plain;                /* a scalar without quotes: null, booleans and numbers are plain */
    clade_yaml_entry *entries; /* (count), owned */
    size_t count, capacity;
};

typedef struct clade_yaml clade_yaml;

/* Parse LENGTH bytes; NAME stands for the file in messages. One document or more ("---"), the root of each a mapping; an
 * anchor holds in its document. CLADE_ECONFIG. */
clade_status clade_yaml_parse(const char *text, size_t length, const char *name,
                              clade_yaml **document) CLADE_CHECK_RESULT;
void clade_yaml_free(clade_yaml *document);
size_t clade_yaml_documents(const clade_yaml *document); /* at least 1 */
const clade_yaml_node *clade_yaml_root(const clade_yaml *document, size_t index);

/* The value of KEY in a mapping; NULL when there is none or NODE is no mapping (or NULL). */
const clade_yaml_node *clade_yaml_get(const clade_yaml_node *node, const char *key);
/* A plain ~, null or nothing; also true for a NULL node. */
bool clade_yaml_is_null(const clade_yaml_node *node);
/* A finite decimal number, plain or quoted ("1e-3" is a string in YAML 1.1 and a number to mergekit), or a plain
 * boolean (true, yes, on: 1; false, no, off: 0). */
bool clade_yaml_number(const clade_yaml_node *node, double *out);

#endif
