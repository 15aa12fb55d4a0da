/* Small helpers over cmocka for every test of the project.
 *
 * cmocka.h wants these four headers before it; including them here once keeps tests short. A test that needs the shared
 * data (golden results, model zoo) begins its main with skip_without_shared(). */
#ifndef CLADE_TEST_H
#define CLADE_TEST_H

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <dirent.h>
#include <ftw.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "clade/alloc.h"
#include "clade/status.h"

enum { TEST_PATH = 4096, TEST_SKIPPED = 77 };

/* End the program as "skipped", with a notice, where the shared folder does not exist. */
static inline void skip_without_shared(void)
{
    struct stat info;
    if (stat(CLADE_SHARED_DIR, &info) == 0 && S_ISDIR(info.st_mode))
        return;
    printf("skipped: %s is not there\n", CLADE_SHARED_DIR);
    exit(TEST_SKIPPED);
}

/* FOLDER/NAME in one of eight rotating buffers, so that a few can be used side by side. */
static inline const char *path_in(const char *folder, const char *name)
{
    static char paths[8][TEST_PATH];
    static unsigned turn;
    char *path = paths[turn++ % 8];
    int length = snprintf(path, TEST_PATH, "%s/%s", folder, name);
    assert_in_range(length, 1, TEST_PATH - 1);
    return path;
}

static inline const char *shared_path(const char *name)
{
    return path_in(CLADE_SHARED_DIR, name);
}

/* A new empty folder under the system's temporary folder; PATH has TEST_PATH bytes. */
static inline void make_temporary_folder(char *path)
{
    const char *parent = getenv("TMPDIR");
    snprintf(path, TEST_PATH, "%s/clade-test-XXXXXX", parent && parent[0] ? parent : "/tmp");
    assert_non_null(mkdtemp(path));
}

static inline int remove_entry(const char *path, const struct stat *info, int kind, struct FTW *place)
{
    (void)info;
    (void)kind;
    (void)place;
    return remove(path);
}

/* Remove a folder and all in it. */
static inline void remove_temporary_folder(const char *path)
{
    nftw(path, remove_entry, 16, FTW_DEPTH | FTW_PHYS);
}

/* BYTES of DATA as the file PATH. */
static inline void write_test_file(const char *path, const void *data, size_t bytes)
{
    FILE *file = fopen(path, "wb");
    assert_non_null(file);
    assert_int_equal(fwrite(data, 1, bytes, file), bytes);
    assert_int_equal(fclose(file), 0);
}

/* The call must give CLADE_OK; the stored message is printed when it does not. */
static inline void assert_ok(clade_status status)
{
    if (status != CLADE_OK)
        print_error("%s: %s\n", clade_status_name(status), clade_error_message());
    assert_int_equal(status, CLADE_OK);
}

/* The call must give EXPECTED, and the message must contain PART. */
static inline void assert_fails(clade_status status, clade_status expected, const char *part)
{
    if (status != expected || !strstr(clade_error_message(), part))
        print_error("%s: %s (expected %s and \"%s\")\n", clade_status_name(status), clade_error_message(),
                    clade_status_name(expected), part);
    assert_int_equal(status, expected);
    assert_non_null(strstr(clade_error_message(), part));
}

/* All that was allocated is free again. For tear-downs: the program ends at once if not, since cmocka counts no tear-down of
 * a group that fails. */
static inline int nothing_is_left(void)
{
    if (clade_alloc_live() == 0)
        return 0;
    print_error("%zu allocations are left\n", clade_alloc_live());
    exit(1);
}

/* Run ATTEMPT with the first, the second, ... allocation failing until it gets through. Every failure must be CLADE_EIO
 * and leave nothing behind. ATTEMPT frees what it makes. */
static inline void check_every_allocation(clade_status (*attempt)(void *context), void *context)
{
    clade_status status = CLADE_EIO;
    for (size_t n = 1; status != CLADE_OK; n++) {
        size_t live = clade_alloc_live();
        clade_alloc_fail_at(n);
        status = attempt(context);
        clade_alloc_fail_at(0);
        assert_int_equal(clade_alloc_live(), live);
        if (status != CLADE_OK)
            assert_fails(status, CLADE_EIO, "memory");
        assert_true(n < 100000);
    }
}

#endif
