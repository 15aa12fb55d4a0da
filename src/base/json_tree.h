/* What is inside a clade_json_at and its document. Private to base/: json.c builds it, json_get.c reads it. */
#ifndef CLADE_BASE_JSON_TREE_H
#define CLADE_BASE_JSON_TREE_H

#include "clade/json.h"

/* One value. Items of a container lie side by side, so that item I is reached at once (cJSON's are a linked list:
 * walking a weight map of 100,000 names by index would be quadratic). */
typedef struct clade_json_node {
    clade_json_kind kind;
    bool truth;         /* of a bool */
    double number;      /* of a number */
    const char *string; /* of a string; borrowed from the document */
    const char *key;    /* the key this value has in its object, or NULL; borrowed from the document */
    const char *source; /* of a number: BYTES of text as written (a double loses 2^53 + 1, and 1e0 is no integer) */
    size_t bytes;
    const struct clade_json_node *items; /* (count) of an array or object */
    size_t count;
} clade_json_node;

#endif
