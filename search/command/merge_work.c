#include "search/command/merge_work.h"

#include <errno.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "clade/alloc.h"
#include "clade/files.h"
#include "clade/version.h"

static const char MARK[] = ".clade-work", MADE[] = ".made";
enum { MOST_MADE_BYTES = 256 };

char *clade_work_path(const char *out)
{
    size_t length = strlen(out);
    clade_text path = {0};
    while (length > 1 && out[length - 1] == '/')
        length--;
    clade_text_append(&path, "%.*s.work", (int)length, out);
    if (path.failed)
        clade_text_free(&path);
    return path.data;
}

clade_status clade_work_open(const char *work)
{
    static const char note[] = "The intermediate merges of clade merge. The same command goes on from here.\n";
    char *mark = clade_path_join(work, MARK);
    bool is_free = false, has_no_mark = false;
    if (!mark)
        return clade_fail_memory(strlen(work), "a path");
    clade_status status = clade_path_is_free(work, &is_free);
    if (status == CLADE_OK && !is_free)
        status = clade_path_is_free(mark, &has_no_mark);
    if (status == CLADE_OK && is_free) {
        status = clade_make_folders(work);
        if (status == CLADE_OK)
            status = clade_write_file(mark, note, sizeof note - 1);
    } else if (status == CLADE_OK && has_no_mark) {
        status = clade_fail(CLADE_EUSAGE,
                            "%s: exists and was not made by clade merge, which needs that name for intermediate merges",
                            work);
    }
    clade_free(mark);
    return status;
}

/* CHILD.made: NULL without memory. */
static char *made_path(const char *child)
{
    clade_text path = {0};
    clade_text_append(&path, "%s%s", child, MADE);
    if (path.failed)
        clade_text_free(&path);
    return path.data;
}

/* What says of which recipe and parents a child is. */
static clade_status append_identity(const clade_recipe *recipe, clade_text *text)
{
    char hex[CLADE_SHA256_HEX];
    CLADE_TRY(clade_recipe_hash(recipe, hex));
    clade_text_append(text, "%s %s\n", CLADE_VERSION, hex);
    return clade_text_status(text);
}

static clade_status is_made(const char *child, const char *made, const clade_recipe *recipe, bool *found)
{
    clade_text identity = {0};
    char *text = NULL;
    size_t length = 0;
    clade_status status = append_identity(recipe, &identity);
    if (status == CLADE_OK && clade_path_is_folder(child) && clade_path_exists(made))
        status = clade_read_file(made, MOST_MADE_BYTES, &text, &length);
    *found = status == CLADE_OK && text && strcmp(text, clade_text_get(&identity)) == 0;
    clade_free(text);
    clade_text_free(&identity);
    return status;
}

clade_status clade_work_find(const char *child, const clade_recipe *recipe, bool *found)
{
    char *made = made_path(child);
    *found = false;
    if (!made)
        return clade_fail_memory(strlen(child), "a path");
    clade_status status = is_made(child, made, recipe, found);
    clade_free(made);
    return status == CLADE_OK && !*found ? clade_work_forget(child) : status;
}

clade_status clade_work_made(const char *child, const clade_recipe *recipe)
{
    char *made = made_path(child);
    clade_text identity = {0};
    clade_status status = made ? append_identity(recipe, &identity) : clade_fail_memory(strlen(child), "a path");
    if (status == CLADE_OK)
        status = clade_write_file(made, clade_text_get(&identity), identity.length);
    clade_text_free(&identity);
    clade_free(made);
    return status;
}

static clade_status remove_file(const char *path)
{
    return unlink(path) == 0 || errno == ENOENT ? CLADE_OK : clade_fail_errno(path, "remove");
}

clade_status clade_work_forget(const char *child)
{
    char *made = made_path(child);
    if (!made)
        return clade_fail_memory(strlen(child), "a path");
    clade_status status = remove_file(made);
    clade_free(made);
    return status == CLADE_OK ? clade_remove_folder(child) : status;
}

/* Of FOLDER: its mark, and what says which children are made. */
static clade_status remove_mark(void *folder, const char *name)
{
    const size_t length = strlen(name), tail = sizeof MADE - 1;
    const bool made = length > tail && strcmp(name + length - tail, MADE) == 0;
    if (!made && strcmp(name, MARK) != 0)
        return CLADE_OK;
    char *path = clade_path_join(folder, name);
    const clade_status status = path ? remove_file(path) : clade_fail_memory(length, "a path");
    clade_free(path);
    return status;
}

/* Renamed first: until then the same command can go on, and a mark in a finished folder does no harm. */
clade_status clade_work_become(const char *work, const char *out)
{
    if (rename(work, out) != 0)
        return clade_fail_errno(out, "rename the finished merges to");
    return clade_folder_visit(out, remove_mark, (void *)(uintptr_t)out);
}

clade_status clade_work_remove(const char *work)
{
    return clade_remove_folder(work);
}
