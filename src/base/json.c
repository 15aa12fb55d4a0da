/* A document is its text, and the tree that the scanner makes of it, which points into the text. */
#include "clade/json.h"

#include <errno.h>
#include <fcntl.h>
#include <stdbool.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/json_scan.h"
#include "base/json_tree.h"
#include "clade/alloc.h"

struct clade_json {
    char *name; /* owned */
    char *text; /* owned, NUL-terminated; its strings are decoded */
    clade_json_tree tree;
};

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
    *document = (clade_json){.name = copy, .text = text};
    clade_status status = clade_json_scan_tree(text, length, copy, status_if_bad, &document->tree);
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

/* A pipe would hang, /dev/zero would never end, and a folder is a wrong name. */
static clade_status open_regular(const char *path, FILE **file)
{
    struct stat info;
    const int descriptor = open(path, O_RDONLY | O_CLOEXEC | O_NONBLOCK);
    if (descriptor < 0)
        return clade_fail_errno(path, "open");
    const bool known = fstat(descriptor, &info) == 0;
    clade_status status = CLADE_OK;
    if (known && S_ISREG(info.st_mode)) {
        status = check_size((size_t)info.st_size, path);
        if (status == CLADE_OK)
            *file = fdopen(descriptor, "rb");
    }
    if (*file)
        return CLADE_OK;
    if (known && S_ISDIR(info.st_mode)) {
        errno = EISDIR;
        status = clade_fail_errno(path, "open");
    } else if (known && !S_ISREG(info.st_mode)) {
        status = clade_fail(CLADE_EINPUT, "%s: is a pipe or a device, expected a regular file", path);
    } else if (status == CLADE_OK) {
        status = clade_fail_errno(path, "read");
    }
    close(descriptor);
    return status;
}

clade_status clade_json_read(const char *path, clade_status status_if_bad, clade_json **document)
{
    *document = NULL;
    FILE *file = NULL;
    CLADE_TRY(open_regular(path, &file));
    clade_text text = {0};
    char part[16384];
    size_t count;
    do {
        count = fread(part, 1, sizeof part, file);
        clade_text_append_bytes(&text, part, count);
    } while (count == sizeof part && !text.failed && text.length <= CLADE_JSON_MAX_BYTES);
    clade_status status = clade_text_status(&text);
    if (ferror(file))
        status = clade_fail_errno(path, "read");
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
    clade_json_tree_free(&document->tree);
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
    return (clade_json_at){.document = document, .node = document ? &document->tree.root : NULL};
}
