/* Shared by the tests of src/io. */
#ifndef CLADE_IO_TEST_H
#define CLADE_IO_TEST_H

#include "test.h"

#include <dirent.h>

#include "clade/files.h"

/* A safetensors file, malloc'ed: HEADER (LENGTH bytes) behind its length, then DATA_BYTES zero bytes; *SIZE bytes. */
static inline unsigned char *pack_safetensors(const char *header, size_t length, size_t data_bytes, size_t *size)
{
    *size = 8 + length + data_bytes;
    unsigned char *bytes = calloc(1, *size);
    assert_non_null(bytes);
    for (int i = 0; i < 8; i++)
        bytes[i] = (unsigned char)((uint64_t)length >> (8 * i));
    memcpy(bytes + 8, header, length);
    return bytes;
}

/* Files and folders in a folder: what was left behind would be among them. */
static inline size_t entries_in(const char *path)
{
    size_t count = 0;
    DIR *opened = opendir(path);
    assert_non_null(opened);
    for (struct dirent *entry = readdir(opened); entry; entry = readdir(opened))
        count += strcmp(entry->d_name, ".") != 0 && strcmp(entry->d_name, "..") != 0;
    closedir(opened);
    return count;
}

/* Run ATTEMPT with the first, the second, ... step that changes the disk failing until it gets through. Every failure
 * must be CLADE_EIO, leave no allocation, and satisfy CHECK; so must the success in the end. */
static inline void check_every_write(clade_status (*attempt)(void), void (*check)(clade_status status))
{
    clade_status status = CLADE_EIO;
    for (size_t n = 1; status != CLADE_OK; n++) {
        size_t live = clade_alloc_live();
        clade_output_fail_at(n);
        status = attempt();
        clade_output_fail_at(0);
        assert_int_equal(clade_alloc_live(), live);
        if (status != CLADE_OK)
            assert_fails(status, CLADE_EIO, "No space left on device");
        check(status);
        assert_true(n < 10000);
    }
}

#endif
