#include "io/inside.h"

#include <stdbool.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#include "clade/alloc.h"
#include "clade/files.h"

/* PATH begins with the LENGTH bytes of FOLDER and a '/'. */
static bool is_below(const char *path, const char *folder, size_t length)
{
    return strncmp(path, folder, length) == 0 && path[length] == '/';
}

/* HOME is ABOVE/snapshots/REVISION and PATH below ABOVE/blobs. */
static bool is_blob_of(const char *path, const char *home)
{
    static const char snapshots[] = "/snapshots", blobs[] = "/blobs";
    const char *revision = strrchr(home, '/');
    const size_t length = sizeof snapshots - 1;
    if (!revision || (size_t)(revision - home) < length || strncmp(revision - length, snapshots, length) != 0)
        return false;
    const size_t above = (size_t)(revision - home) - length;
    return strncmp(path, home, above) == 0 && is_below(path + above, blobs, sizeof blobs - 1);
}

clade_status clade_io_check_inside(const char *folder, const char *name)
{
    struct stat info;
    char *path = clade_path_join(folder, name);
    if (!path)
        return clade_fail_memory(strlen(folder), "a path");
    clade_status status = CLADE_OK;
    if (lstat(path, &info) == 0 && S_ISLNK(info.st_mode)) {
        char *home = realpath(folder, NULL), *target = realpath(path, NULL); /* the C library's memory */
        if (home && target && !is_below(target, home, strlen(home)) && !is_blob_of(target, home))
            status = clade_fail(CLADE_EINPUT,
                                "%s: is a link to %s, outside the model's folder, and would be copied into the merge: "
                                "put the file itself there",
                                path, target);
        free(home);
        free(target);
    }
    clade_free(path);
    return status;
}
