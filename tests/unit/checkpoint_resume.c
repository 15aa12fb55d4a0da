/* What an interrupted writer leaves is gone on with where it is right, and only there. */
#include "writer_fixture.h"

/* Shards 0 and 2 finished, shard 1 half put. */
static void interrupt(const char *identity)
{
    clade_checkpoint_writer *writer;
    unsigned char bytes[MAX_BYTES];
    assert_ok(open_writer(identity, &writer));
    assert_ok(write_shard(writer, 0, 4));
    assert_ok(write_shard(writer, 2, 4));
    assert_ok(clade_checkpoint_writer_begin(writer, 1));
    bytes_of(2, bytes);
    assert_ok(clade_checkpoint_writer_put(writer, 2, 0, bytes, 5));
    clade_checkpoint_writer_close(writer);
    assert_false(clade_path_exists(out));
}

/* Write what is not done and check the result; DONE has a digit for every shard that is expected to be there. */
static void go_on(const char *identity, const char *done)
{
    clade_checkpoint_writer *writer;
    assert_ok(open_writer(identity, &writer));
    for (size_t s = 0; s < SHARDS; s++) {
        assert_int_equal(clade_checkpoint_writer_done(writer, s), strchr(done, (char)('0' + s)) != NULL);
        if (!clade_checkpoint_writer_done(writer, s))
            assert_ok(write_shard(writer, s, 7));
    }
    assert_ok(clade_checkpoint_writer_finish(writer));
    check_out();
}

static void test_resume(void **state)
{
    (void)state;
    use("resume");
    clade_checkpoint *model;
    interrupt("recipe");
    assert_fails(clade_checkpoint_open(partial, &model), CLADE_EINPUT, "has neither");
    go_on("recipe", "02");
    interrupt("recipe");
    go_on("other recipe", "");
    interrupt("recipe");
    go_on(NULL, "");
    interrupt("recipe");
    write_test_file(in_partial("stray"), "x", 1);
    assert_ok(clade_make_folders(in_partial("stray.d/inner")));
    go_on("recipe", "02");
    interrupt("recipe"); /* as by a process killed in the middle of _finish */
    assert_int_equal(
        rename(in_partial("model-00003-of-00003.safetensors.part"), in_partial("model-00003-of-00003.safetensors")), 0);
    go_on("recipe", "02");
    clade_checkpoint_layout other = {.shard_bytes = 1000};
    clade_checkpoint_writer *writer;
    interrupt("recipe"); /* the same recipe in other shards is another job */
    assert_ok(clade_checkpoint_writer_open(out, tensors, COUNT, &other, "recipe", &writer));
    assert_int_equal(clade_checkpoint_writer_shards(writer), 1);
    assert_false(clade_checkpoint_writer_done(writer, 0));
    assert_ok(clade_checkpoint_writer_discard(writer));
    assert_false(clade_path_exists(partial));
}

/* Change byte AT of a file by XOR with BITS. */
static void change_byte(const char *path, long at, unsigned char bits)
{
    FILE *file = fopen(path, "r+b");
    assert_non_null(file);
    assert_int_equal(fseek(file, at, SEEK_SET), 0);
    int byte = fgetc(file);
    assert_int_equal(fseek(file, at, SEEK_SET), 0);
    assert_int_equal(fputc(byte ^ bits, file), byte ^ bits);
    assert_int_equal(fclose(file), 0);
}

static void test_damage(void **state)
{
    (void)state;
    use("damage");
    struct stat info;
    for (long at = 0; at < 600; at += 37) { /* any bit of a shard that was called finished */
        interrupt("recipe");
        const char *part = in_partial("model-00003-of-00003.safetensors.part");
        assert_int_equal(stat(part, &info), 0);
        change_byte(part, at % info.st_size, (unsigned char)(1 << at % 8));
        go_on("recipe", "0");
    }
    interrupt("recipe");
    assert_int_equal(truncate(in_partial("model-00001-of-00003.safetensors.part"), 20), 0);
    go_on("recipe", "2");
    interrupt("recipe");
    unlink(in_partial("model-00001-of-00003.safetensors.part"));
    go_on("recipe", "2");
}

/* Every length of the journal: what is left of a line is no line, and what came before it counts. */
static void test_torn_journal(void **state)
{
    (void)state;
    use("torn");
    char *text;
    size_t bytes;
    interrupt("recipe");
    assert_ok(clade_read_file(in_partial(".clade-journal"), 10000, &text, &bytes));
    const char *first_end = strchr(text, '\n'), *second_end = strchr(first_end + 1, '\n');
    size_t lines[] = {(size_t)(first_end - text) + 1, (size_t)(second_end - text) + 1, bytes};
    for (size_t length = 0; length <= bytes; length += length % 29 == 28 ? 1 : 4) {
        size_t cut = length > bytes ? bytes : length;
        if (!clade_path_exists(partial))
            interrupt("recipe");
        assert_int_equal(truncate(in_partial(".clade-journal"), (off_t)cut), 0);
        go_on("recipe", cut < lines[1] ? "" : cut < lines[2] ? "0" : "02");
    }
    clade_free(text);
    interrupt("recipe");
    write_test_file(in_partial(".clade-journal"), "not ours at all\n\0\n", 18);
    go_on("recipe", "");
}

static void test_exclusion(void **state)
{
    (void)state;
    clade_checkpoint_writer *first, *second;
    use("locked");
    assert_ok(open_writer("recipe", &first));
    assert_fails(open_writer("recipe", &second), CLADE_EUSAGE, "another merge is writing");
    assert_fails(open_writer(NULL, &second), CLADE_EUSAGE, "another merge is writing");
    assert_null(second);
    for (size_t s = 0; s < SHARDS; s++)
        assert_ok(write_shard(first, s, 8)); /* undisturbed */
    assert_ok(clade_checkpoint_writer_finish(first));
    assert_fails(open_writer("recipe", &second), CLADE_EUSAGE, "is there already");
    check_out();
    assert_ok(open_writer("recipe", &first));
    clade_checkpoint_writer_close(first);
    assert_ok(open_writer("recipe", &first));
    assert_ok(clade_make_folders(out)); /* somebody makes OUT meanwhile */
    write_test_file(in_folder("locked/f"), "x", 1);
    for (size_t s = 0; s < SHARDS; s++)
        assert_ok(write_shard(first, s, 8));
    assert_fails(clade_checkpoint_writer_finish(first), CLADE_EUSAGE, "appeared while it was being written");
    assert_ok(clade_remove_folder(out));
    go_on("recipe", "012");
}

/* What people keep under such a name is not ours to remove. */
static void test_foreign_partial(void **state)
{
    (void)state;
    clade_checkpoint_writer *writer;
    use("foreign");
    assert_ok(clade_make_folders(partial));
    write_test_file(in_partial("thesis.txt"), "x", 1);
    assert_fails(open_writer("recipe", &writer), CLADE_EUSAGE, "no merge left it");
    assert_true(clade_path_exists(in_partial("thesis.txt")));
    unlink(in_partial("thesis.txt"));
    go_on("recipe", ""); /* an empty folder is all right */
    write_test_file(partial, "x", 1);
    assert_fails(open_writer("recipe", &writer), CLADE_EUSAGE, "no merge left it");
    unlink(partial);
    assert_ok(clade_make_folders(in_folder("elsewhere")));
    assert_int_equal(symlink("elsewhere", partial), 0);
    assert_fails(open_writer("recipe", &writer), CLADE_EUSAGE, "no merge left it");
    unlink(partial);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_resume),    cmocka_unit_test(test_damage),          cmocka_unit_test(test_torn_journal),
        cmocka_unit_test(test_exclusion), cmocka_unit_test(test_foreign_partial),
    };
    return cmocka_run_group_tests(tests, make_folder, remove_folder);
}
