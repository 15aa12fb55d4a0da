/* What is looked at before SQLite opens a file that somebody else may have made: the file itself and those that SQLite
 * keeps beside it. SQLite writes to all of them, deletes them, and takes a journal's word for which other file to
 * delete. */
#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>

#include "search/sqlite.h"

enum { MAGIC_BYTES = 8 };

/* What SQLite writes there would end up somewhere else. */
static clade_status check_kind(const char *path)
{
    struct stat info;
    if (lstat(path, &info) != 0)
        return errno == ENOENT ? CLADE_OK : clade_fail_errno(path, "open");
    if (!S_ISREG(info.st_mode))
        return clade_fail(CLADE_EINPUT, "%s: is %s, expected a file of a ledger itself", path,
                          S_ISLNK(info.st_mode)   ? "a link"
                          : S_ISDIR(info.st_mode) ? "a folder"
                                                  : "no regular file");
    return CLADE_OK;
}

/* A journal of a transaction over several databases ends in the name of a file and a magic number (sqlite.org/
 * fileformat.html 3, pager.c: writeSuperJournal); rolling it back deletes that file. Clade never writes one. */
static clade_status check_journal(const char *path)
{
    static const unsigned char magic[MAGIC_BYTES] = {0xd9, 0xd5, 0x05, 0xf9, 0x20, 0xa1, 0x63, 0xd7};
    unsigned char end[MAGIC_BYTES];
    FILE *file = fopen(path, "rb");
    if (!file)
        return errno == ENOENT ? CLADE_OK : clade_fail_errno(path, "open");
    const bool named = fseek(file, -MAGIC_BYTES, SEEK_END) == 0 && fread(end, 1, sizeof end, file) == sizeof end &&
                       memcmp(end, magic, sizeof end) == 0;
    (void)fclose(file);
    return named ? clade_fail(CLADE_EINPUT, "%s: names another file to delete, which no journal of Clade does", path)
                 : CLADE_OK;
}

clade_status clade_sqlite_check_files(const char *path)
{
    static const char *const ends[] = {"", "-wal", "-shm", "-journal", ".lock"};
    clade_status status = CLADE_OK;
    for (size_t i = 0; i < sizeof ends / sizeof ends[0] && status == CLADE_OK; i++) {
        clade_text name = {0};
        clade_text_append(&name, "%s%s", path, ends[i]);
        status = clade_text_status(&name);
        if (status == CLADE_OK)
            status = check_kind(clade_text_get(&name));
        if (status == CLADE_OK && strcmp(ends[i], "-journal") == 0)
            status = check_journal(clade_text_get(&name));
        clade_text_free(&name);
    }
    return status;
}
