/* What keeps hostile files from doing more than being refused, piece by piece: text for terminals, links in a model's
 * folder, the list of maps that the handler of SIGBUS reads. */
#include "folder_fixture.h"

#include <signal.h>
#include <sys/wait.h>

#include "clade/files.h"
#include "clade/text.h"
#include "io/inside.h"
#include "search/sqlite.h"

/* ---- text ---- */

static void test_harmless(void **state)
{
    (void)state;
    static const struct {
        const char *text, *shown;
    } rows[] = {
        {"plain, with\nlines\tand é", "plain, with\nlines\tand é"},
        {"\x1b[2J", "\\u001b[2J"},
        {"a\rb\a\x7f", "a\\u000db\\u0007\\u007f"},
        {"\xc2\x9b"
         "31m",
         "\\u009b31m"}, /* the same as ESC [ in the second set of control characters */
        {"\x9b"
         "31m",
         "\\x9b"
         "31m"}, /* in Latin-1 */
        {"\xe2\x80\xae"
         "gnp.exe",
         "\\u202e"
         "gnp.exe"},                         /* shown from right to left */
        {"\xe0\x82\x9b", "\\xe0\\x82\\x9b"}, /* overlong */
        {"\xf0\x9f\x98\x80", "\xf0\x9f\x98\x80"},
        {"\xf0\x9f\x98", "\\xf0\\x9f\\x98"},
        {"", ""},
    };
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        char out[64];
        clade_text text = {0};
        clade_harmless(rows[i].text, out, sizeof out);
        assert_string_equal(out, rows[i].shown);
        clade_text_append_harmless(&text, rows[i].text, strlen(rows[i].text));
        assert_string_equal(clade_text_get(&text), rows[i].shown);
        clade_text_free(&text);
    }
}

/* Cut where the room ends, never inside an escape, and always ended. */
static void test_harmless_is_cut(void **state)
{
    (void)state;
    for (size_t size = 1; size < 16; size++) {
        char out[16];
        memset(out, 'x', sizeof out);
        clade_harmless("ab\x1b"
                       "cd",
                       out, size);
        assert_true(strlen(out) < size);
        assert_int_equal(strncmp("ab\\u001bcd", out, strlen(out)), 0);
        assert_true(strlen(out) <= 2 || strlen(out) >= 8);
    }
}

/* ---- links ---- */

static void put(const char *name)
{
    write_test_file(in_folder(name), "{}", 2);
}

static void test_inside(void **state)
{
    (void)state;
    char model[TEST_PATH]; /* in_folder's buffers are used again */
    snprintf(model, sizeof model, "%s", in_folder("hub/snapshots/0123"));
    assert_ok(clade_make_folders(model));
    assert_ok(clade_make_folders(in_folder("hub/blobs")));
    assert_ok(clade_make_folders(in_folder("hub/blobs-of-others")));
    put("hub/blobs/sha");
    put("hub/blobs-of-others/sha");
    put("secret");
    put("hub/snapshots/0123/own.json");
    assert_int_equal(symlink("own.json", in_folder("hub/snapshots/0123/beside.json")), 0);
    assert_int_equal(symlink("../../blobs/sha", in_folder("hub/snapshots/0123/blob.json")), 0);
    assert_int_equal(symlink("../../blobs-of-others/sha", in_folder("hub/snapshots/0123/other.json")), 0);
    assert_int_equal(symlink("../../../secret", in_folder("hub/snapshots/0123/up.json")), 0);
    assert_int_equal(symlink(in_folder("secret"), in_folder("hub/snapshots/0123/absolute.json")), 0);
    assert_int_equal(symlink("nowhere", in_folder("hub/snapshots/0123/dangling.json")), 0);
    assert_ok(clade_io_check_inside(model, "own.json"));
    assert_ok(clade_io_check_inside(model, "beside.json"));
    assert_ok(clade_io_check_inside(model, "blob.json"));
    assert_ok(clade_io_check_inside(model, "absent.json"));
    assert_ok(clade_io_check_inside(model, "dangling.json"));
    assert_fails(clade_io_check_inside(model, "other.json"), CLADE_EINPUT, "other.json: is a link to");
    assert_fails(clade_io_check_inside(model, "up.json"), CLADE_EINPUT, "secret, outside the model's folder");
    assert_fails(clade_io_check_inside(model, "absolute.json"), CLADE_EINPUT, "secret, outside the model's folder");
    /* A folder that is reached by a link is the folder itself. */
    assert_int_equal(symlink(model, in_folder("linked")), 0);
    assert_ok(clade_io_check_inside(in_folder("linked"), "beside.json"));
    assert_fails(clade_io_check_inside(in_folder("linked"), "up.json"), CLADE_EINPUT, "outside");
}

/* ---- maps ---- */

static void test_maps_are_found(void **state)
{
    (void)state;
    enum { MAPS = 100, BYTES = 5000 };
    static char bytes[BYTES];
    clade_map maps[MAPS];
    const char *path;
    size_t size;
    write_test_file(in_folder("map"), bytes, sizeof bytes);
    for (size_t i = 0; i < MAPS; i++)
        assert_ok(clade_map_open(in_folder("map"), &maps[i]));
    for (size_t i = 0; i < MAPS; i++) {
        assert_true(clade_map_find(maps[i].data + BYTES - 1, &path, &size));
        assert_string_equal(path, in_folder("map"));
        assert_int_equal(size, BYTES);
    }
    assert_false(clade_map_find(bytes, &path, &size));
    assert_false(clade_map_find(NULL, &path, &size));
    for (size_t i = 0; i < MAPS; i++) {
        const unsigned char *data = maps[i].data;
        clade_map_close(&maps[i]);
        assert_false(clade_map_find(data, &path, &size));
    }
    assert_false(clade_file_is_shorter(in_folder("map"), BYTES));
    assert_true(clade_file_is_shorter(in_folder("map"), BYTES + 1));
}

/* In place of the program's handler, which ends the process just so. */
static void leave(int signal_number, siginfo_t *signal, void *context)
{
    const char *path;
    size_t bytes;
    (void)signal_number;
    (void)context;
    _exit(clade_map_find(signal->si_addr, &path, &bytes) && clade_file_is_shorter(path, bytes) ? CLADE_EINPUT
                                                                                               : CLADE_EIO);
}

static void test_shortened_while_mapped(void **state)
{
    (void)state;
    enum { BYTES = 1 << 20 };
    char *bytes = clade_calloc(1, BYTES);
    write_test_file(in_folder("cut"), bytes, BYTES);
    clade_free(bytes);
    const pid_t child = fork();
    if (child == 0) {
        struct sigaction action = {.sa_sigaction = leave, .sa_flags = SA_SIGINFO};
        clade_map map;
        if (sigaction(SIGBUS, &action, NULL) != 0 || clade_map_open(in_folder("cut"), &map) != CLADE_OK ||
            truncate(in_folder("cut"), 4096) != 0)
            _exit(99);
        for (size_t i = 0; i < BYTES; i += 4096)
            (void)*(volatile const unsigned char *)(map.data + i);
        _exit(98);
    }
    int code = 0;
    assert_int_equal(waitpid(child, &code, 0), child);
    assert_true(WIFEXITED(code));
    assert_int_equal(WEXITSTATUS(code), CLADE_EINPUT);
}

/* ---- files of a database ---- */

static void test_files_of_a_database(void **state)
{
    (void)state;
    static const unsigned char end[] = {0, 0,   0,    1,    'x',  0,    0,    0,    1,    0,   0,
                                        0, 'x', 0xd9, 0xd5, 0x05, 0xf9, 0x20, 0xa1, 0x63, 0xd7};
    char path[TEST_PATH];
    snprintf(path, sizeof path, "%s", in_folder("run.db"));
    assert_ok(clade_sqlite_check_files(path)); /* nothing there */
    put("run.db");
    put("run.db-journal");
    assert_ok(clade_sqlite_check_files(path));
    write_test_file(in_folder("run.db-journal"), end, sizeof end);
    assert_fails(clade_sqlite_check_files(path), CLADE_EINPUT, "run.db-journal: names another file to delete");
    assert_int_equal(unlink(in_folder("run.db-journal")), 0);
    assert_int_equal(symlink("nowhere", in_folder("run.db-wal")), 0);
    assert_fails(clade_sqlite_check_files(path), CLADE_EINPUT, "run.db-wal: is a link");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_harmless),
        cmocka_unit_test(test_harmless_is_cut),
        cmocka_unit_test(test_inside),
        cmocka_unit_test(test_maps_are_found),
        cmocka_unit_test(test_shortened_while_mapped),
        cmocka_unit_test(test_files_of_a_database),
    };
    return cmocka_run_group_tests(tests, make_folder, remove_folder);
}
