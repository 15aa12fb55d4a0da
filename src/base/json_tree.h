/* What is inside a clade_json_at and its document. Private to base/: json_scan.c builds it, json.c owns it, json_get.c
 * reads it. */
#ifndef CLADE_BASE_JSON_TREE_H
#define CLADE_BASE_JSON_TREE_H

#include <string.h>

#include "clade/json.h"

/* One value. Items of a container lie side by side, so that item I is reached at once: walking a weight map of 100,000
 * names by index would be quadratic in a linked list. */
typedef struct clade_json_node {
    const char *key; /* the key this value has in its object, or NULL; borrowed from the document's text */
    union {
        const struct clade_json_node *items; /* (count) of an array or object */
        const char *string;                  /* of a string; borrowed from the document's text */
        const char *source;                  /* of a number: BYTES of text as written (a double loses 2^53 + 1) */
        size_t first;                        /* of an array or object until _finish: where its items begin */
    };
    size_t count;  /* items of an array or object */
    double number; /* of a number */
    clade_json_kind kind;
    uint8_t bytes;             /* of a number's source */
    bool truth;                /* of a bool */
    bool escaped, key_escaped; /* until _finish: the string, the key is as written */
} clade_json_node;

/* A tree that grows as the text is read. Values of containers that are not closed yet wait in OPEN; those of a closed
 * one move to NODES together. */
typedef struct clade_json_tree {
    clade_json_node *nodes; /* owned */
    size_t used, capacity;
    clade_json_node *open; /* owned; NULL after _finish */
    size_t n_open, open_capacity;
    clade_json_node root;
} clade_json_tree;

/* Room for the values of a text of LENGTH bytes, as most texts have them; {0} is valid too. */
clade_status clade_json_tree_begin(clade_json_tree *tree, size_t length) CLADE_CHECK_RESULT;
/* VALUE stands in the container that was begun last. */
clade_status clade_json_tree_push(clade_json_tree *tree, const clade_json_node *value) CLADE_CHECK_RESULT;
/* CONTAINER ends: its items are those pushed since there were BEGIN open ones. */
clade_status clade_json_tree_close(clade_json_tree *tree, size_t begin, clade_json_node *container) CLADE_CHECK_RESULT;
/* The text is read: decode what is escaped (in the text itself, which the nodes point into) and refuse a key given
 * twice, with STATUS_IF_BAD and NAME. */
clade_status clade_json_tree_finish(clade_json_tree *tree, const char *name,
                                    clade_status status_if_bad) CLADE_CHECK_RESULT;
void clade_json_tree_free(clade_json_tree *tree);

/* Keys are compared often, and most differ in the first byte. */
static inline bool clade_json_same_key(const char *a, const char *b)
{
    return a[0] == b[0] && strcmp(a, b) == 0;
}

#endif
