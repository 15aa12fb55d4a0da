/* Status codes, messages, the allocator and its hook, the log. */
#include "test.h"

#include <errno.h>

#include "clade/log.h"

static void test_fail(void **state)
{
    (void)state;
    assert_int_equal(clade_fail(CLADE_EINPUT, "%s: byte %d", "file", 7), CLADE_EINPUT);
    assert_string_equal(clade_error_message(), "file: byte 7");
    assert_int_equal(clade_fail_prefix(CLADE_EINPUT, "child %d", 3), CLADE_EINPUT);
    assert_string_equal(clade_error_message(), "child 3: file: byte 7");
    assert_int_equal(clade_fail(CLADE_EEVAL, "again: %s", clade_error_message()), CLADE_EEVAL);
    assert_string_equal(clade_error_message(), "again: child 3: file: byte 7");
    assert_int_equal(clade_fail_memory(12, "a thing"), CLADE_EIO);
    assert_string_equal(clade_error_message(), "out of memory: 12 bytes for a thing");
}

static void test_long_message(void **state)
{
    (void)state;
    char *text = malloc(20001);
    assert_non_null(text);
    memset(text, 'x', 20000);
    text[20000] = '\0';
    assert_int_equal(clade_fail(CLADE_EIO, "%s", text), CLADE_EIO);
    assert_int_equal(strlen(clade_error_message()), 8191);
    assert_string_equal(clade_error_message() + 8186, "xx...");
    assert_int_equal(clade_fail_prefix(CLADE_EIO, "before"), CLADE_EIO);
    assert_memory_equal(clade_error_message(), "before: xx", 10);
    assert_string_equal(clade_error_message() + 8186, "xx...");
    free(text);
}

static void test_fail_errno(void **state)
{
    (void)state;
    errno = ENOENT;
    assert_int_equal(clade_fail_errno("a", "open"), CLADE_EINPUT);
    assert_string_equal(clade_error_message(), "a: cannot open: No such file or directory");
    errno = EISDIR;
    assert_int_equal(clade_fail_errno("a", "open"), CLADE_EINPUT);
    errno = EACCES;
    assert_int_equal(clade_fail_errno("a", "open"), CLADE_EIO);
    errno = ENOENT;
    assert_int_equal(clade_fail_errno("a", "rename"), CLADE_EIO);
}

static void test_names(void **state)
{
    (void)state;
    const clade_status all[] = {CLADE_OK,      CLADE_EINTERNAL, CLADE_EUSAGE,
                                CLADE_ECONFIG, CLADE_EINPUT,    CLADE_EINCOMPATIBLE,
                                CLADE_EEVAL,   CLADE_EIO,       CLADE_EINTERRUPTED};
    for (size_t i = 0; i < sizeof all / sizeof all[0]; i++)
        assert_string_not_equal(clade_status_name(all[i]), "unknown status");
    assert_string_equal(clade_status_name((clade_status)42), "unknown status");
}

static clade_status ask(clade_status answer, int *calls)
{
    ++*calls;
    return answer;
}

static clade_status try_both(clade_status first, clade_status second, int *calls)
{
    CLADE_TRY(ask(first, calls));
    CLADE_TRY(ask(second, calls));
    return CLADE_OK;
}

static void test_try(void **state)
{
    (void)state;
    int calls = 0;
    assert_int_equal(try_both(CLADE_OK, CLADE_OK, &calls), CLADE_OK);
    assert_int_equal(try_both(CLADE_EIO, CLADE_EINPUT, &calls), CLADE_EIO);
    assert_int_equal(calls, 3);
}

static void test_blocks(void **state)
{
    (void)state;
    size_t live = clade_alloc_live();
    for (size_t bytes = 0; bytes < 300; bytes += 7) {
        unsigned char *block = clade_malloc(bytes);
        assert_non_null(block);
        assert_int_equal((uintptr_t)block % 64, 0);
        memset(block, (int)bytes, bytes);
        block = clade_realloc(block, 2 * bytes + 1);
        assert_non_null(block);
        for (size_t i = 0; i < bytes; i++)
            assert_int_equal(block[i], (unsigned char)bytes);
        block = clade_realloc(block, bytes / 2);
        assert_non_null(block);
        assert_int_equal(clade_alloc_live(), live + 1);
        clade_free(block);
    }
    unsigned char *zeros = clade_calloc(100, 7);
    assert_non_null(zeros);
    for (size_t i = 0; i < 700; i++)
        assert_int_equal(zeros[i], 0);
    clade_free(zeros);
    clade_free(NULL);
    assert_null(clade_calloc(SIZE_MAX / 2, 3));
    assert_null(clade_malloc(SIZE_MAX));
    assert_null(clade_malloc(SIZE_MAX - 63));
    char *text = clade_strdup("abc"), *part = clade_strndup("abc", 2), *whole = clade_strndup("abc", 9);
    assert_string_equal(text, "abc");
    assert_string_equal(part, "ab");
    assert_string_equal(whole, "abc");
    clade_free(text);
    clade_free(part);
    clade_free(whole);
    assert_int_equal(clade_alloc_live(), live);
}

static void test_fail_at(void **state)
{
    (void)state;
    clade_alloc_fail_at(2);
    void *first = clade_malloc(1), *second = clade_malloc(1), *third = clade_malloc(1);
    assert_non_null(first);
    assert_null(second);
    assert_non_null(third);
    clade_alloc_fail_at(1);
    assert_null(clade_realloc(first, 100));
    first = clade_realloc(first, 100);
    assert_non_null(first);
    clade_alloc_fail_at(1);
    clade_alloc_fail_at(0);
    void *fourth = clade_malloc(1);
    assert_non_null(fourth);
    clade_free(first);
    clade_free(third);
    clade_free(fourth);
}

static void test_arena(void **state)
{
    (void)state;
    clade_arena arena = {0};
    assert_null(clade_arena_take(&arena, 1));
    assert_true(clade_arena_reserve(&arena, 200));
    unsigned char *first = clade_arena_take(&arena, 10), *second = clade_arena_take(&arena, 64);
    assert_ptr_equal(second, first + 64);
    assert_int_equal((uintptr_t)first % 64, 0);
    assert_null(clade_arena_take(&arena, 73));
    assert_non_null(clade_arena_take(&arena, 72));
    assert_null(clade_arena_take(&arena, SIZE_MAX - 10));
    clade_arena_reset(&arena);
    assert_ptr_equal(clade_arena_take(&arena, 200), first);
    assert_true(clade_arena_reserve(&arena, 100)); /* fits: the block stays */
    assert_ptr_equal(clade_arena_take(&arena, 1), first);
    clade_alloc_fail_at(1);
    assert_false(clade_arena_reserve(&arena, 1000));
    clade_alloc_fail_at(0);
    assert_null(clade_arena_take(&arena, 1));
    clade_arena_free(&arena);
}

/* What FILE has, without the 24 bytes of the time at the beginning, which is checked. */
static char *without_time(FILE *file, char *text, size_t size)
{
    static const char form[] = "dddd-dd-ddTdd:dd:dd.dddZ ";
    rewind(file);
    text[fread(text, 1, size - 1, file)] = '\0';
    assert_true(strlen(text) > strlen(form));
    for (size_t i = 0; form[i] != '\0'; i++)
        assert_true(form[i] == 'd' ? text[i] >= '0' && text[i] <= '9' : text[i] == form[i]);
    return text + strlen(form);
}

static void test_log(void **state)
{
    (void)state;
    char text[512] = "";
    FILE *file = tmpfile();
    assert_non_null(file);
    clade_log_set_file(file);
    clade_log_set_level(CLADE_LOG_WARNING);
    clade_log(CLADE_LOG_WARNING, "to be %s\nin one line", "seen");
    clade_log(CLADE_LOG_INFO, "not to be seen");
    clade_log_record(CLADE_LOG_INFO, 3, "not to be seen");
    clade_log_set_file(NULL);
    clade_log(CLADE_LOG_WARNING, "not in the file");
    clade_log_record(CLADE_LOG_ERROR, 3, "not in the file");
    clade_log_set_level(CLADE_LOG_INFO);
    assert_string_equal(without_time(file, text, sizeof text), "WARNING to be seen | in one line\n");
    fclose(file);
}

/* Rank and child stand in the file, and on the stderr of a rank that is not the coordinator. */
static void test_log_of_ranks(void **state)
{
    (void)state;
    char text[512] = "";
    FILE *file = tmpfile(), *terminal = tmpfile();
    const int kept = dup(STDERR_FILENO);
    assert_true(file && terminal && kept >= 0);
    assert_true(dup2(fileno(terminal), STDERR_FILENO) >= 0);
    clade_log_set_file(file);
    clade_log_set_rank(3);
    clade_log_set_child(17);
    clade_log(CLADE_LOG_WARNING, "hot");
    clade_log_set_child(CLADE_LOG_NOBODY);
    clade_log_set_file(NULL);
    clade_log_set_rank(0);
    clade_log(CLADE_LOG_WARNING, "mine");
    clade_log_set_rank(CLADE_LOG_NOBODY);
    assert_true(dup2(kept, STDERR_FILENO) >= 0);
    assert_int_equal(close(kept), 0);
    assert_string_equal(without_time(file, text, sizeof text), "rank 3 child 17 WARNING hot\n");
    assert_string_equal(without_time(terminal, text, sizeof text), "rank 3 child 17 WARNING hot\nwarning: mine\n");
    fclose(file);
    fclose(terminal);
    file = tmpfile();
    assert_non_null(file);
    clade_log_set_file(file);
    clade_log_record(CLADE_LOG_ERROR, 9, "of the file");
    clade_log_set_file(NULL);
    assert_string_equal(without_time(file, text, sizeof text), "child 9 ERROR of the file\n");
    fclose(file);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_fail),         cmocka_unit_test(test_long_message), cmocka_unit_test(test_fail_errno),
        cmocka_unit_test(test_names),        cmocka_unit_test(test_try),          cmocka_unit_test(test_blocks),
        cmocka_unit_test(test_fail_at),      cmocka_unit_test(test_arena),        cmocka_unit_test(test_log),
        cmocka_unit_test(test_log_of_ranks),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
