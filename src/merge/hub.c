#include "clade/hub.h"

#include <string.h>

#include "clade/alloc.h"
#include "clade/files.h"
#include "merge/yaml_tree.h"

/* ---- names ---- */

static size_t part_length(const char *text)
{
    static const char letters[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789._-";
    return text[0] == '.' ? 0 : strspn(text, letters);
}

bool clade_hub_is_name(const char *text)
{
    size_t owner = part_length(text);
    if (owner == 0 || text[owner] != '/')
        return false;
    size_t name = part_length(text + owner + 1);
    return name > 0 && text[owner + 1 + name] == '\0';
}

void clade_hub_append_missing(const char *path, const char *written, clade_text *text)
{
    clade_text_append(text, "%.1000s: no such file or folder", path);
    if (written && clade_hub_is_name(written))
        clade_text_append(text,
                          "; if it is a model of the hub: huggingface-cli download %.200s --local-dir DIR, and give "
                          "DIR here",
                          written);
}

/* ---- the metadata of a model card ---- */

struct clade_front_matter {
    clade_yaml *yaml; /* owned */
    const clade_yaml_node *root;
};

/* The length of the line at TEXT without its end, and where the next one begins. */
static size_t line_length(const char *text, size_t length, size_t *next)
{
    const char *end = memchr(text, '\n', length);
    size_t line = end ? (size_t)(end - text) : length;
    *next = end ? line + 1 : length;
    while (line > 0 && (text[line - 1] == '\r' || text[line - 1] == ' '))
        line--;
    return line;
}

static bool is_fence(const char *text, size_t length, size_t *next)
{
    return line_length(text, length, next) == 3 && memcmp(text, "---", 3) == 0;
}

/* Where the metadata lie in TEXT. */
static bool find_matter(const char *text, size_t length, size_t *begin, size_t *end)
{
    size_t next, at = length >= 3 && memcmp(text, "\xef\xbb\xbf", 3) == 0 ? 3 : 0; /* a byte order mark */
    if (!is_fence(text + at, length - at, &next))
        return false;
    *begin = at += next;
    while (at < length) {
        *end = at;
        if (is_fence(text + at, length - at, &next))
            return true;
        at += next;
    }
    return false;
}

clade_status clade_front_matter_parse(const char *text, size_t length, clade_front_matter **matter)
{
    size_t begin = 0, end = 0;
    clade_yaml *yaml = NULL;
    *matter = NULL;
    if (!find_matter(text, length, &begin, &end) || end - begin > CLADE_YAML_MAX_BYTES)
        return CLADE_OK;
    clade_status status = clade_yaml_parse(text + begin, end - begin, "README.md", &yaml);
    if (status != CLADE_OK)
        return status == CLADE_EIO ? status : CLADE_OK;
    clade_front_matter *made = clade_calloc(1, sizeof *made);
    if (!made) {
        clade_yaml_free(yaml);
        return clade_fail_memory(sizeof *made, "the metadata of a model card");
    }
    *made = (clade_front_matter){yaml, clade_yaml_root(yaml, 0)};
    *matter = made;
    return CLADE_OK;
}

clade_status clade_front_matter_read(const char *folder, clade_front_matter **matter)
{
    char *path = clade_path_join(folder, "README.md"), *text = NULL;
    size_t length = 0;
    clade_status status = CLADE_OK;
    *matter = NULL;
    if (!path)
        return clade_fail_memory(strlen(folder), "a path");
    if (clade_path_exists(path))
        status = clade_read_file(path, CLADE_YAML_MAX_BYTES, &text, &length);
    if (text)
        status = clade_front_matter_parse(text, length, matter);
    clade_free(text);
    clade_free(path);
    return status == CLADE_EIO ? status : CLADE_OK; /* as for a folder without a card */
}

void clade_front_matter_free(clade_front_matter *matter)
{
    if (!matter)
        return;
    clade_yaml_free(matter->yaml);
    clade_free(matter);
}

static bool is_text(const clade_yaml_node *node)
{
    return node->kind == CLADE_YAML_SCALAR && !clade_yaml_is_null(node);
}

size_t clade_front_matter_count(const clade_front_matter *matter, const char *key)
{
    const clade_yaml_node *node = matter ? clade_yaml_get(matter->root, key) : NULL;
    if (!node || node->kind == CLADE_YAML_MAPPING || (node->kind == CLADE_YAML_SCALAR && !is_text(node)))
        return 0;
    if (node->kind == CLADE_YAML_SCALAR)
        return 1;
    for (size_t i = 0; i < node->count; i++)
        if (!is_text(node->entries[i].value))
            return 0;
    return node->count;
}

const char *clade_front_matter_get(const clade_front_matter *matter, const char *key, size_t index)
{
    if (index >= clade_front_matter_count(matter, key))
        return NULL;
    const clade_yaml_node *node = clade_yaml_get(matter->root, key);
    return node->kind == CLADE_YAML_SCALAR ? node->text : node->entries[index].value->text;
}
