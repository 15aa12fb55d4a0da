/* A folder for harnesses of readers that want files by name: made at the first call, in memory where there is a folder
 * for it, removed when the program ends. */
#ifndef CLADE_FUZZ_SCRATCH_H
#define CLADE_FUZZ_SCRATCH_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "clade/alloc.h"
#include "clade/files.h"

enum { SCRATCH_FOLDER = 1024, SCRATCH_PATH = SCRATCH_FOLDER + 128 };

static inline void check(bool law)
{
    if (!law)
        abort();
}

static inline char *scratch_folder_kept(void)
{
    static char kept[SCRATCH_FOLDER];
    return kept;
}

static inline void scratch_end(void)
{
    if (clade_remove_folder(scratch_folder_kept()) != CLADE_OK)
        fprintf(stderr, "%s\n", clade_error_message());
}

static inline const char *scratch_folder(void)
{
    char *kept = scratch_folder_kept();
    if (kept[0] != '\0')
        return kept;
    const char *parent = getenv("TMPDIR");
    if (!parent || parent[0] == '\0')
        parent = access("/dev/shm", W_OK) == 0 ? "/dev/shm" : "/tmp";
    snprintf(kept, SCRATCH_FOLDER, "%s/clade-fuzz-XXXXXX", parent);
    check(mkdtemp(kept) != NULL && atexit(scratch_end) == 0);
    return kept;
}

/* PATH (SCRATCH_PATH) becomes the folder's file or folder NAME; returns PATH. */
static inline const char *scratch_path(const char *name, char *path)
{
    const int length = snprintf(path, SCRATCH_PATH, "%s/%s", scratch_folder(), name);
    check(length > 0 && length < SCRATCH_PATH);
    return path;
}

static inline void scratch_make_folder(const char *name)
{
    char path[SCRATCH_PATH];
    check(clade_make_folders(scratch_path(name, path)) == CLADE_OK);
}

/* SIZE bytes as the file NAME, without a sync. */
static inline void scratch_write(const char *name, const void *data, size_t size)
{
    char path[SCRATCH_PATH];
    FILE *file = fopen(scratch_path(name, path), "wb");
    check(file && fwrite(data, 1, size, file) == size && fclose(file) == 0);
}

static inline void scratch_remove(const char *name)
{
    char path[SCRATCH_PATH];
    check(unlink(scratch_path(name, path)) == 0);
}

#endif
