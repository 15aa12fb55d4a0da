/* The scanner checks the text, cJSON builds the tree, and an index of our own beside the tree is what everybody reads
 * (json_tree.h says why). */
#include "clade/json.h"

#include <errno.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cjson/cJSON.h>

#include "base/json_scan.h"
#include "base/json_tree.h"
#include "clade/alloc.h"

enum { FEW_KEYS = 16 };

struct clade_json {
    char *name; /* owned */
    char *text; /* owned, NUL-terminated source */
    size_t length;
    cJSON *tree;            /* owned; holds the keys and strings */
    clade_json_node *nodes; /* owned; [0] is the root */
    size_t used;            /* nodes given out */
    size_t cursor;          /* where the search for the next number's text goes on */
    clade_status status_if_bad;
};

static size_t count_nodes(const cJSON *json)
{
    size_t count = 1;
    for (const cJSON *child = json->child; child; child = child->next)
        count += count_nodes(child);
    return count;
}

static clade_json_kind kind_of(const cJSON *json)
{
    if (cJSON_IsObject(json))
        return CLADE_JSON_OBJECT;
    if (cJSON_IsArray(json))
        return CLADE_JSON_ARRAY;
    if (cJSON_IsString(json))
        return CLADE_JSON_STRING;
    if (cJSON_IsNumber(json))
        return CLADE_JSON_NUMBER;
    return cJSON_IsBool(json) ? CLADE_JSON_BOOL : CLADE_JSON_NULL;
}

static int compare_keys(const void *a, const void *b)
{
    return strcmp(*(const char *const *)a, *(const char *const *)b);
}

static clade_status key_twice(const clade_json *document, const char *key)
{
    return clade_fail(document->status_if_bad, "%s: the key \"%s\" is given twice in one object", document->name, key);
}

/* Each with each: for few keys, as nearly all objects have. */
static clade_status check_few_keys(const clade_json *document, const clade_json_node *object)
{
    for (size_t i = 1; i < object->count; i++)
        for (size_t j = 0; j < i; j++)
            if (strcmp(object->items[i].key, object->items[j].key) == 0)
                return key_twice(document, object->items[i].key);
    return CLADE_OK;
}

static clade_status check_keys(const clade_json *document, const clade_json_node *object)
{
    if (object->count <= FEW_KEYS)
        return check_few_keys(document, object);
    size_t bytes = object->count * sizeof(char *);
    const char **keys = clade_malloc(bytes);
    if (!keys)
        return clade_fail_memory(bytes, "the keys of a JSON object");
    for (size_t i = 0; i < object->count; i++)
        keys[i] = object->items[i].key;
    qsort(keys, object->count, sizeof *keys, compare_keys);
    clade_status status = CLADE_OK;
    for (size_t i = 1; i < object->count && status == CLADE_OK; i++)
        if (strcmp(keys[i - 1], keys[i]) == 0)
            status = key_twice(document, keys[i]);
    clade_free(keys);
    return status;
}

/* Fill NODE and what hangs under it, in document order, so that numbers meet their source text. */
static clade_status index_node(clade_json *document, clade_json_node *node, const cJSON *json)
{
    *node = (clade_json_node){
        .kind = kind_of(json),
        .truth = cJSON_IsTrue(json),
        .number = json->valuedouble,
        .string = json->valuestring,
        .key = json->string,
        .items = document->nodes + document->used,
    };
    if (node->kind == CLADE_JSON_NUMBER) {
        node->bytes = clade_json_scan_number(document->text, document->length, &document->cursor);
        node->source = document->text + document->cursor;
        if (!isfinite(node->number))
            return clade_json_scan_fail(document->text, document->cursor, document->name, document->status_if_bad,
                                        "the number is out of range");
        document->cursor += node->bytes;
    }
    clade_json_node *items = document->nodes + document->used;
    for (const cJSON *child = json->child; child; child = child->next)
        node->count++;
    document->used += node->count;
    for (const cJSON *child = json->child; child; child = child->next)
        CLADE_TRY(index_node(document, items++, child));
    return node->kind == CLADE_JSON_OBJECT ? check_keys(document, node) : CLADE_OK;
}

/* Everything that can fail once the document exists; the caller frees it. */
static clade_status build(clade_json *document)
{
    CLADE_TRY(clade_json_scan(document->text, document->length, CLADE_JSON_MAX_VALUES, document->name,
                              document->status_if_bad));
    cJSON_Hooks hooks = {.malloc_fn = clade_malloc, .free_fn = clade_free};
    cJSON_InitHooks(&hooks); /* the same two values every time */
    document->tree = cJSON_ParseWithLength(document->text, document->length + 1);
    if (!document->tree) /* the scanner let it pass, so it is not the text */
        return clade_fail_memory(document->length, "a JSON tree");
    size_t bytes = count_nodes(document->tree) * sizeof(clade_json_node);
    document->nodes = clade_malloc(bytes);
    if (!document->nodes)
        return clade_fail_memory(bytes, "a JSON index");
    document->used = 1;
    return index_node(document, document->nodes, document->tree);
}

/* Takes TEXT (LENGTH bytes and a NUL; NULL after a failed allocation), whatever comes out. */
static clade_status parse_owned(char *text, size_t length, const char *name, clade_status status_if_bad,
                                clade_json **out)
{
    clade_json *document = clade_calloc(1, sizeof *document);
    char *copy = clade_strdup(name);
    if (!text || !document || !copy) {
        clade_free(copy);
        clade_free(document);
        clade_free(text);
        return clade_fail_memory(length, "a JSON text");
    }
    *document = (clade_json){.name = copy, .text = text, .length = length, .status_if_bad = status_if_bad};
    clade_status status = build(document);
    if (status != CLADE_OK) {
        clade_json_free(document);
        return status;
    }
    *out = document;
    return CLADE_OK;
}

static clade_status check_size(size_t length, const char *name)
{
    if (length <= CLADE_JSON_MAX_BYTES)
        return CLADE_OK;
    return clade_fail(CLADE_EINPUT, "%s: found more than %d bytes, expected a smaller JSON text", name,
                      (int)CLADE_JSON_MAX_BYTES);
}

clade_status clade_json_parse(const char *text, size_t length, const char *name, clade_status status_if_bad,
                              clade_json **document)
{
    *document = NULL;
    CLADE_TRY(check_size(length, name));
    char *copy = clade_malloc(length + 1);
    if (copy) {
        if (length > 0)
            memcpy(copy, text, length);
        copy[length] = '\0';
    }
    return parse_owned(copy, length, name, status_if_bad, document);
}

clade_status clade_json_read(const char *path, clade_status status_if_bad, clade_json **document)
{
    *document = NULL;
    FILE *file = fopen(path, "rb");
    if (!file)
        return clade_fail_errno(path, "open");
    clade_text text = {0};
    char part[16384];
    size_t count;
    do {
        count = fread(part, 1, sizeof part, file);
        clade_text_append_bytes(&text, part, count);
    } while (count == sizeof part && text.length <= CLADE_JSON_MAX_BYTES);
    clade_status status = clade_text_status(&text);
    if (ferror(file)) /* a folder opens, and cannot be read: a wrong name, not a broken disk */
        status = clade_fail_errno(path, errno == EISDIR ? "open" : "read");
    fclose(file);
    if (status == CLADE_OK)
        status = check_size(text.length, path);
    if (status == CLADE_OK)
        return parse_owned(text.data, text.length, path, status_if_bad, document);
    clade_text_free(&text);
    return status;
}

void clade_json_free(clade_json *document)
{
    if (!document)
        return;
    cJSON_Delete(document->tree);
    clade_free(document->nodes);
    clade_free(document->text);
    clade_free(document->name);
    clade_free(document);
}

const char *clade_json_file(const clade_json *document)
{
    return document->name;
}

clade_json_at clade_json_root(const clade_json *document)
{
    return (clade_json_at){.document = document, .node = document ? document->nodes : NULL};
}

const char *clade_cjson_version(void)
{
    return cJSON_Version();
}
