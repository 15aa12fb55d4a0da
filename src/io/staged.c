/* A folder is written as a temporary sibling and renamed when it is complete. */
#include "io/staged.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>

#include "clade/alloc.h"
#include "clade/files.h"
#include "io/output.h"

clade_status clade_io_write_in_folder(const char *folder, const char *name, const void *data, size_t bytes)
{
    char *path = clade_path_join(folder, name);
    if (!path)
        return clade_fail_memory(strlen(folder), "a path");
    clade_status status = clade_write_file(path, data, bytes);
    clade_free(path);
    return status;
}

/* A plain rename, which never replaces a file or a folder with files. */
clade_status clade_io_put_in_place(const char *staged, const char *out)
{
    if (clade_io_must_fail() || rename(staged, out) != 0) {
        if (errno == EEXIST || errno == ENOTEMPTY || errno == ENOTDIR)
            return clade_fail(CLADE_EUSAGE, "%s: appeared while it was being written, expected nothing there", out);
        return clade_fail_errno(out, "rename the finished folder to");
    }
    return CLADE_OK;
}

static int create_folder(const char *path)
{
    return mkdir(path, 0777);
}

clade_status clade_io_make_parent(const char *out)
{
    char *parent = clade_path_beside(out, ".");
    if (!parent)
        return clade_fail_memory(strlen(out), "a path");
    clade_status status = clade_make_folders(parent);
    clade_free(parent);
    return status;
}

/* OUT has no '/' at its end. */
static clade_status write_staged(const char *out, clade_io_fill fill, void *context)
{
    char *staged;
    int made;
    bool is_free;
    CLADE_TRY(clade_path_is_free(out, &is_free));
    if (!is_free)
        return clade_fail(CLADE_EUSAGE, "%s: is there already, expected nothing: choose another name or remove it",
                          out);
    CLADE_TRY(clade_io_make_parent(out));
    CLADE_TRY(clade_io_make_temporary(out, create_folder, &staged, &made));
    clade_status status = fill(staged, context);
    if (status == CLADE_OK)
        status = clade_io_put_in_place(staged, out);
    if (status == CLADE_OK)
        status = clade_sync_parent(out);
    if (status != CLADE_OK && clade_path_exists(staged) && clade_remove_folder(staged) != CLADE_OK)
        status = clade_fail_prefix(status, "%s: not written, and what there is of it not removed", out);
    clade_free(staged);
    return status;
}

clade_status clade_io_write_folder(const char *out, clade_io_fill fill, void *context)
{
    size_t length = strlen(out);
    while (length > 1 && out[length - 1] == '/')
        length--;
    char *name = clade_strndup(out, length);
    if (!name)
        return clade_fail_memory(length + 1, "a path");
    clade_status status = write_staged(name, fill, context);
    clade_free(name);
    return status;
}
