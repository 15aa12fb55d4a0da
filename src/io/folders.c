/* Folders: made with their parents, replaced in one step, removed with all that is in them. */
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <ftw.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "clade/alloc.h"
#include "clade/files.h"
#include "io/output.h"

/* A folder, or a link to one, for certain. */
static bool is_there(const char *path)
{
    struct stat info;
    return stat(path, &info) == 0 && S_ISDIR(info.st_mode);
}

/* mkdir, content with a folder that is there already. */
static clade_status make_one(const char *path)
{
    if (!clade_io_must_fail() && mkdir(path, 0777) == 0)
        return CLADE_OK;
    if (errno != EEXIST)
        return clade_fail_errno(path, "make the folder");
    if (!is_there(path))
        return clade_fail(CLADE_EIO, "%s: is a file, expected a folder or nothing", path);
    return CLADE_OK;
}

clade_status clade_make_folders(const char *path)
{
    if (path[0] == '\0')
        return clade_fail(CLADE_EIO, "cannot make a folder with an empty name");
    if (is_there(path))
        return CLADE_OK;
    char *partial = clade_strdup(path);
    if (!partial)
        return clade_fail_memory(strlen(path) + 1, path);
    clade_status status = CLADE_OK;
    for (char *p = partial + 1; status == CLADE_OK && *p; p++)
        if (*p == '/' && p[-1] != '/') {
            *p = '\0';
            if (!is_there(partial)) { /* the ones above may be readable only */
                status = make_one(partial);
                if (status == CLADE_OK)
                    status = clade_sync_parent(partial);
            }
            *p = '/';
        }
    if (status == CLADE_OK)
        status = make_one(path);
    clade_free(partial);
    return status;
}

clade_status clade_folder_visit(const char *path, clade_visit_name visit, void *context)
{
    DIR *folder = opendir(path);
    if (!folder)
        return clade_fail_errno(path, "open");
    clade_status status = CLADE_OK;
    while (status == CLADE_OK) {
        errno = 0; /* the end of the folder leaves it so */
        const struct dirent *entry = readdir(folder);
        if (!entry) {
            status = errno == 0 ? CLADE_OK : clade_fail_errno(path, "read the folder");
            break;
        }
        if (strcmp(entry->d_name, ".") != 0 && strcmp(entry->d_name, "..") != 0)
            status = visit(context, entry->d_name);
    }
    (void)closedir(folder);
    return status;
}

/* Where the file system cannot exchange two names (NFS): move the old one aside and back if need be. Between the two
 * renames TARGET is absent, and the old folder is at *ASIDE. */
static clade_status replace_in_two_steps(const char *staged, const char *target)
{
    enum { SUFFIX_BYTES = 32 };
    size_t size = strlen(target) + SUFFIX_BYTES;
    char *aside = clade_malloc(size);
    if (!aside)
        return clade_fail_memory(size, target);
    clade_status status;
    snprintf(aside, size, "%s.old-%ld", target, (long)getpid());
    if (rename(target, aside) != 0) {
        status = clade_fail_errno(target, "move aside");
    } else if (rename(staged, target) != 0) {
        status = clade_fail_errno(target, "put the finished folder at");
        if (rename(aside, target) != 0)
            status = clade_fail_prefix(status, "the old folder is now %s", aside);
    } else {
        status = clade_sync_parent(target);
        if (status == CLADE_OK)
            status = clade_remove_folder(aside);
    }
    clade_free(aside);
    return status;
}

/* The two have changed places. The old one may only go when that survives a power cut: its files are names in another
 * folder, and could be gone before the exchange is there. */
static clade_status finish_exchange(const char *staged, const char *target)
{
    clade_status status = clade_sync_parent(target);
    if (status == CLADE_OK)
        return clade_remove_folder(staged);
    (void)renameat2(AT_FDCWD, staged, AT_FDCWD, target, RENAME_EXCHANGE);
    return status;
}

/* PATH itself: a link to a folder is not one. */
static bool is_real_folder(const char *path)
{
    struct stat info;
    return lstat(path, &info) == 0 && S_ISDIR(info.st_mode);
}

clade_status clade_replace_folder(const char *staged, const char *target)
{
    const char *action = "put the finished folder at";
    clade_status status;
    bool is_free;
    CLADE_TRY(clade_path_is_free(target, &is_free));
    if (!is_real_folder(staged))
        return clade_fail(CLADE_EIO, "%s: expected a finished folder there", staged);
    if (!is_free && !is_real_folder(target))
        return clade_fail(CLADE_EIO, "%s: is a file or a link, expected a folder or nothing", target);
    if (clade_io_must_fail())
        return clade_fail_errno(target, action);
    if (is_free)
        status = rename(staged, target) == 0 ? CLADE_OK : clade_fail_errno(target, action);
    else if (renameat2(AT_FDCWD, staged, AT_FDCWD, target, RENAME_EXCHANGE) == 0)
        return finish_exchange(staged, target);
    else if (errno == EINVAL || errno == ENOSYS)
        status = replace_in_two_steps(staged, target);
    else
        status = clade_fail_errno(target, action);
    return status == CLADE_OK ? clade_sync_parent(target) : status;
}

static int remove_one(const char *path, const struct stat *info, int type, struct FTW *where)
{
    (void)info, (void)type, (void)where;
    return remove(path);
}

clade_status clade_remove_folder(const char *path)
{
    enum { MAX_DESCRIPTORS = 16 };
    struct stat info;
    if (path[strspn(path, "/.")] == '\0') /* "", "/", ".", "..", "/../" */
        return clade_fail(CLADE_EINTERNAL, "refused to remove the folder \"%s\"", path);
    if (lstat(path, &info) != 0)
        return errno == ENOENT ? CLADE_OK : clade_fail_errno(path, "remove");
    if (!S_ISDIR(info.st_mode))
        return clade_fail(CLADE_EIO, "%s: is not a folder and was not removed", path);
    /* FTW_PHYS: a link in the folder is removed, never what it points to. */
    if (nftw(path, remove_one, MAX_DESCRIPTORS, FTW_DEPTH | FTW_PHYS) != 0)
        return clade_fail_errno(path, "remove");
    return CLADE_OK;
}
