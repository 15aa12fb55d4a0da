/* The laws of clade/files.h. What happens when memory or the disk is full is in tests/fault. */
#include "folder_fixture.h"
#include "io_test.h"

#include "clade/files.h"

static void assert_file_is(const char *path, const char *expected)
{
    char *data;
    size_t bytes;
    assert_ok(clade_read_file(path, 1000, &data, &bytes));
    assert_int_equal(bytes, strlen(expected));
    assert_string_equal(data, expected);
    clade_free(data);
}

static void test_map(void **state)
{
    (void)state;
    clade_map map;
    write_test_file(in_folder("m"), "abc", 3);
    write_test_file(in_folder("empty"), "", 0);
    assert_ok(clade_map_open(in_folder("m"), &map));
    assert_int_equal(map.size, 3);
    assert_memory_equal(map.data, "abc", 3);
    clade_map_close(&map);
    assert_null(map.data);
    assert_ok(clade_map_open(in_folder("empty"), &map));
    assert_null(map.data);
    assert_int_equal(map.size, 0);
    clade_map_close(&map);
    assert_int_equal(symlink("m", in_folder("link")), 0); /* as in the cache of the Hugging Face hub */
    assert_ok(clade_map_open(in_folder("link"), &map));
    clade_map_close(&map);
    assert_fails(clade_map_open(in_folder("absent"), &map), CLADE_EINPUT, "absent");
    assert_fails(clade_map_open(in_folder("m/inner"), &map), CLADE_EINPUT, "m/inner");
    assert_fails(clade_map_open(folder, &map), CLADE_EINPUT, "is a folder, expected a regular file");
    assert_fails(clade_map_open("/dev/null", &map), CLADE_EINPUT, "is a device");
    assert_int_equal(mkfifo(in_folder("pipe"), 0600), 0);
    assert_fails(clade_map_open(in_folder("pipe"), &map), CLADE_EINPUT, "is a pipe"); /* and does not wait */
}

/* Pages of this process that come from files. */
static size_t file_pages(void)
{
    size_t total, resident, shared;
    FILE *file = fopen("/proc/self/statm", "r");
    if (!file)
        skip();
    assert_int_equal(fscanf(file, "%zu %zu %zu", &total, &resident, &shared), 3);
    fclose(file);
    return shared;
}

/* A long file in the memory of a short one. */
static void test_map_pages(void **state)
{
    (void)state;
    enum { BYTES = 64 << 20, PIECE = 1 << 20, PAGE = 4096 };
    clade_map map;
    unsigned sum = 0;
    write_test_file(in_folder("long"), "abc", 3);
    assert_int_equal(truncate(in_folder("long"), BYTES + 5), 0);
    assert_ok(clade_map_open(in_folder("long"), &map));
    size_t before = file_pages();
    for (size_t at = 1; at < map.size; at += PIECE) { /* cut across pages */
        clade_map_will_need(&map, at + PIECE, PIECE);
        assert_true(clade_map_populate(&map, at, PIECE));
        for (size_t i = at; i < at + PIECE && i < map.size; i += PAGE)
            sum += map.data[i];
        clade_map_release(&map, at, PIECE);
    }
    assert_int_equal(sum, 'b');
    assert_true(file_pages() < before + 2 * PIECE / PAGE);
    assert_memory_equal(map.data, "abc\0", 4); /* released, not lost */
    clade_map_release(&map, map.size, 1);
    clade_map_release(&map, 0, SIZE_MAX);
    assert_true(clade_map_populate(&map, SIZE_MAX, SIZE_MAX));
    assert_true(clade_map_populate(&map, 0, 0));
    clade_map_close(&map);
    clade_map_will_need(&map, 0, 1); /* an empty one */
    clade_map_release(&map, 0, 1);
}

static void test_read(void **state)
{
    (void)state;
    char *data;
    size_t bytes;
    write_test_file(in_folder("r"), "a\0bc", 4);
    assert_ok(clade_read_file(in_folder("r"), 4, &data, &bytes));
    assert_int_equal(bytes, 4);
    assert_memory_equal(data, "a\0bc", 5);
    clade_free(data);
    assert_fails(clade_read_file(in_folder("r"), 3, &data, &bytes), CLADE_EINPUT, "larger than the 3 bytes");
    assert_null(data);
    assert_fails(clade_read_file(in_folder("absent"), 3, &data, &bytes), CLADE_EINPUT, "absent");
    if (access("/proc/self/status", R_OK) == 0) { /* states a size of 0, and has more */
        assert_ok(clade_read_file("/proc/self/status", 100000, &data, &bytes));
        assert_true(bytes > 50);
        assert_int_equal(strlen(data), bytes);
        clade_free(data);
        assert_fails(clade_read_file("/proc/self/status", 50, &data, &bytes), CLADE_EINPUT, "larger than the 50 bytes");
    }
}

static void test_output(void **state)
{
    (void)state;
    clade_output *output, *other;
    const char *path = in_folder("o/f");
    assert_ok(clade_make_folders(in_folder("o")));
    assert_ok(clade_output_open(path, &output));
    assert_ok(clade_output_write(output, "new", 3));
    assert_ok(clade_output_write(output, "", 0));
    assert_false(clade_path_exists(path));
    assert_ok(clade_output_open(path, &other)); /* a second writer does not disturb the first */
    assert_ok(clade_output_write(other, "other", 5));
    assert_ok(clade_output_commit(output));
    assert_file_is(path, "new");
    clade_output_abandon(other);
    clade_output_abandon(NULL);
    assert_file_is(path, "new");
    assert_int_equal(entries_in(in_folder("o")), 1);
    assert_ok(clade_write_file(path, "newer", 5));
    assert_file_is(path, "newer");
    assert_ok(clade_copy_file(path, in_folder("o/g")));
    assert_file_is(in_folder("o/g"), "newer");
    assert_fails(clade_copy_file(in_folder("o/absent"), path), CLADE_EINPUT, "o/absent");
    assert_fails(clade_write_file(in_folder("o/no/f"), "x", 1), CLADE_EIO, "o/no/f");
    assert_fails(clade_write_file(in_folder("o"), "x", 1), CLADE_EIO, "rename");
    assert_int_equal(entries_in(in_folder("o")), 2);
}

static void test_output_in_parts(void **state)
{
    (void)state;
    clade_output *output;
    struct stat info;
    assert_ok(clade_make_folders(in_folder("parts")));
    assert_ok(clade_output_open(in_folder("parts/f"), &output));
    assert_ok(clade_output_reserve(output, 10));
    assert_ok(clade_output_write_at(output, 7, "789", 3));
    assert_ok(clade_output_write(output, "01", 2));
    assert_ok(clade_output_write_at(output, 4, "456", 3));
    assert_ok(clade_output_write_at(output, 4, NULL, 0));
    assert_ok(clade_output_write(output, "23", 2));
    assert_ok(clade_output_commit(output));
    assert_file_is(in_folder("parts/f"), "0123456789");
    assert_ok(clade_output_open(in_folder("parts/g"), &output));
    assert_ok(clade_output_reserve(output, 0));
    assert_ok(clade_output_reserve(output, 1 << 20));
    assert_ok(clade_output_commit(output));
    assert_int_equal(stat(in_folder("parts/g"), &info), 0);
    assert_int_equal(info.st_size, 1 << 20);
    assert_ok(clade_output_open(in_folder("parts/h"), &output));
    assert_fails(clade_output_reserve(output, UINT64_C(1) << 62), CLADE_EIO, "reserve 4611686018427387904 bytes");
    assert_fails(clade_output_reserve(output, UINT64_MAX), CLADE_EIO, "no file is that long");
    clade_output_abandon(output);
    assert_int_equal(entries_in(in_folder("parts")), 2);
}

static void test_make_folders(void **state)
{
    (void)state;
    assert_ok(clade_make_folders(in_folder("a/b//c/")));
    assert_true(clade_path_is_folder(in_folder("a/b/c")));
    assert_ok(clade_make_folders(in_folder("a/b/c")));
    assert_ok(clade_make_folders("/"));
    assert_ok(clade_make_folders("."));
    write_test_file(in_folder("a/f"), "", 0);
    assert_fails(clade_make_folders(in_folder("a/f")), CLADE_EIO, "is a file");
    assert_fails(clade_make_folders(in_folder("a/f/g")), CLADE_EIO, "is a file");
    assert_fails(clade_make_folders(""), CLADE_EIO, "empty");
    assert_false(clade_path_is_folder(in_folder("a/f")));
}

static void test_replace_folder(void **state)
{
    (void)state;
    assert_ok(clade_make_folders(in_folder("staged")));
    write_test_file(in_folder("staged/f"), "one", 3);
    assert_ok(clade_replace_folder(in_folder("staged"), in_folder("target")));
    assert_false(clade_path_exists(in_folder("staged")));
    assert_file_is(in_folder("target/f"), "one");
    assert_ok(clade_make_folders(in_folder("staged/inner")));
    write_test_file(in_folder("staged/g"), "two", 3);
    assert_ok(clade_replace_folder(in_folder("staged"), in_folder("target")));
    assert_false(clade_path_exists(in_folder("staged")));
    assert_file_is(in_folder("target/g"), "two");
    assert_false(clade_path_exists(in_folder("target/f")));
    write_test_file(in_folder("file"), "", 0);
    assert_fails(clade_replace_folder(in_folder("target"), in_folder("file")), CLADE_EIO, "is a file");
    assert_fails(clade_replace_folder(in_folder("staged"), in_folder("new")), CLADE_EIO, "expected a finished folder");
    assert_file_is(in_folder("target/g"), "two");
}

static void test_remove_folder(void **state)
{
    (void)state;
    static const char *const refused[] = {"", "/", ".", "..", "//", "/..", "../..", "./"};
    assert_ok(clade_make_folders(in_folder("kept")));
    write_test_file(in_folder("kept/f"), "kept", 4);
    assert_ok(clade_make_folders(in_folder("gone/a/b")));
    write_test_file(in_folder("gone/a/f"), "", 0);
    assert_int_equal(symlink("../../kept", in_folder("gone/a/link")), 0);
    assert_ok(clade_remove_folder(in_folder("gone")));
    assert_false(clade_path_exists(in_folder("gone")));
    assert_file_is(in_folder("kept/f"), "kept"); /* links are removed, not followed */
    assert_ok(clade_remove_folder(in_folder("gone")));
    assert_fails(clade_remove_folder(in_folder("kept/f")), CLADE_EIO, "not a folder");
    for (size_t i = 0; i < sizeof refused / sizeof *refused; i++)
        assert_fails(clade_remove_folder(refused[i]), CLADE_EINTERNAL, "refused");
}

static void assert_path(char *path, const char *expected)
{
    assert_string_equal(path, expected);
    clade_free(path);
}

static void test_paths(void **state)
{
    (void)state;
    assert_path(clade_path_join("a", "b"), "a/b");
    assert_path(clade_path_join("a/", "b"), "a/b");
    assert_path(clade_path_join("/", "b"), "/b");
    assert_path(clade_path_join("", "b"), "b");
    assert_path(clade_path_beside("a/b.json", "c/d"), "a/c/d");
    assert_path(clade_path_beside("/b.json", "c"), "/c");
    assert_path(clade_path_beside("b.json", "c"), "c");
    assert_path(clade_path_beside("a/b.json", "/c"), "/c");
    assert_int_equal(symlink("nowhere", in_folder("dangling")), 0);
    assert_true(clade_path_exists(in_folder("dangling"))); /* something is in the way there */
    assert_false(clade_path_exists(in_folder("nothing")));
}

/* A link to itself: what is behind it cannot be looked at, by root neither. */
static void test_unknowable_paths(void **state)
{
    bool is_free;
    (void)state;
    assert_int_equal(symlink("loop", in_folder("loop")), 0);
    assert_true(clade_path_exists(in_folder("loop/inner")));
    assert_true(clade_path_is_folder(in_folder("loop/inner")));
    assert_fails(clade_path_is_free(in_folder("loop/inner"), &is_free), CLADE_EIO, "loop/inner: cannot look at");
    assert_false(is_free);
    assert_ok(clade_path_is_free(in_folder("loop"), &is_free));
    assert_false(is_free);
    assert_ok(clade_path_is_free(in_folder("no/such/path"), &is_free));
    assert_true(is_free);
    assert_false(clade_path_is_folder(in_folder("no/such/path")));
}

typedef struct visits {
    const char *folder;
    size_t count, most;
} visits;

static clade_status remove_visited(void *context, const char *name)
{
    visits *seen = context;
    if (seen->count == seen->most)
        return clade_fail(CLADE_EEVAL, "enough");
    seen->count++;
    assert_int_equal(unlink(path_in(seen->folder, name)), 0);
    return CLADE_OK;
}

static void test_folder_visit(void **state)
{
    char inner[TEST_PATH], name[8];
    visits seen = {.folder = inner, .most = 10};
    (void)state;
    snprintf(inner, sizeof inner, "%s", in_folder("visited"));
    assert_int_equal(mkdir(inner, 0777), 0);
    for (int i = 0; i < 13; i++) {
        snprintf(name, sizeof name, ".%d", i);
        write_test_file(path_in(inner, name), "", 0);
    }
    assert_fails(clade_folder_visit(inner, remove_visited, &seen), CLADE_EEVAL, "enough");
    assert_int_equal(seen.count, 10);
    seen.most = 20;
    assert_ok(clade_folder_visit(inner, remove_visited, &seen));
    assert_int_equal(seen.count, 13);
    assert_int_equal(entries_in(inner), 0);
    assert_fails(clade_folder_visit(in_folder("absent"), remove_visited, &seen), CLADE_EINPUT, "absent");
    assert_fails(clade_folder_visit("/dev/null", remove_visited, &seen), CLADE_EINPUT, "/dev/null");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_map),
        cmocka_unit_test(test_map_pages),
        cmocka_unit_test(test_read),
        cmocka_unit_test(test_output),
        cmocka_unit_test(test_output_in_parts),
        cmocka_unit_test(test_make_folders),
        cmocka_unit_test(test_replace_folder),
        cmocka_unit_test(test_remove_folder),
        cmocka_unit_test(test_paths),
        cmocka_unit_test(test_unknowable_paths),
        cmocka_unit_test(test_folder_visit),
    };
    return cmocka_run_group_tests(tests, make_folder, remove_folder);
}
