/* The command line of mpirun, and the coordinator's words taken out of what mpirun says. */
#include "test.h"

#include <fcntl.h>

#include "search/command/launch_words.h"

static void expect_words(int version, const char *more, char **argv, int argc, const char *expected)
{
    clade_launch_words line;
    char joined[1024] = "";
    assert_ok(clade_launch_words_make(version, 8, more, "/bin/clade", argc, argv, &line));
    for (char **word = line.words; *word; word++) {
        strcat(joined, *word);
        strcat(joined, word[1] ? "|" : "");
    }
    assert_string_equal(joined, expected);
    clade_launch_words_fini(&line);
}

static void words_are_of_the_version(void **state)
{
    (void)state;
    char *argv[] = {"search",           "--workers", "8",        "a b.json", "--mpirun=-x A",
                    "--worker-timeout", "5",         "--mpirun", "--x"};
    expect_words(4, NULL, argv, 9,
                 "mpirun|--quiet|--oversubscribe|--bind-to|none|--enable-recovery|-x|CLADE_LAUNCHER|-n|9|/bin/clade|"
                 "search|a b.json|--worker-timeout|5");
    expect_words(5, " --hostfile  h ", argv, 1,
                 "mpirun|--map-by|:OVERSUBSCRIBE|--bind-to|none|--with-ft|ulfm|-x|CLADE_LAUNCHER|--hostfile|h|"
                 "-n|9|/bin/clade|search");
    expect_words(0, "-a -b", argv, 2, "mpirun|-a|-b|-n|9|/bin/clade|search");
    expect_words(0, "", (char *[]){"search", "--workers=8", "--workersx"}, 3,
                 "mpirun|-n|9|/bin/clade|search|--workersx");
    assert_int_equal(clade_alloc_live(), 0);
}

static clade_status make(void *context)
{
    clade_launch_words line;
    char *argv[] = {"search"};
    (void)context;
    CLADE_TRY(clade_launch_words_make(4, 2, "a b", "clade", 1, argv, &line));
    clade_launch_words_fini(&line);
    return CLADE_OK;
}

static void memory_can_end(void **state)
{
    (void)state;
    check_every_allocation(make, NULL);
}

/* What comes out when TEXT comes in pieces of STEP bytes. */
static clade_mark_filter pass(const char *text, size_t step, char out[4096])
{
    int ends[2];
    clade_mark_filter filter;
    assert_int_equal(pipe(ends), 0);
    clade_mark_filter_begin(&filter, "77-1");
    for (size_t at = 0, length = strlen(text); at < length; at += step)
        clade_mark_filter_take(&filter, text + at, step < length - at ? step : length - at, ends[1]);
    clade_mark_filter_end(&filter, ends[1]);
    assert_int_equal(close(ends[1]), 0);
    memset(out, 0, 4096);
    assert_true(read(ends[0], out, 4095) >= 0);
    assert_int_equal(close(ends[0]), 0);
    return filter;
}

static void expect_passed(const char *text, const char *expected, bool begun, bool ended, int status)
{
    char out[4096];
    for (size_t step = 1; step <= strlen(text); step++) {
        const clade_mark_filter filter = pass(text, step, out);
        assert_string_equal(out, expected);
        assert_true(filter.begun == begun && filter.ended == ended);
        assert_int_equal(filter.status, status);
    }
}

#define MARK CLADE_LAUNCH_MARK "77-1 "

static void marks_are_taken_out(void **state)
{
    (void)state;
    expect_passed("one\ntwo", "one\ntwo", false, false, 0);
    expect_passed(MARK "begun 0\n3/30 children\n" MARK "ended 75\n", "3/30 children\n", true, true, 75);
    expect_passed("half a line" MARK "ended 0\n of a rank\n", "half a line of a rank\n", false, true, 0);
    expect_passed("\036\036" MARK "ended 4\n\036", "\036\036\036", false, true, 4);
    /* of another job, cut short, or with nothing to say */
    expect_passed(CLADE_LAUNCH_MARK "78-1 ended 4\n", CLADE_LAUNCH_MARK "78-1 ended 4\n", false, false, 0);
    expect_passed("x" MARK "ended", "x" MARK "ended", false, false, 0);
    expect_passed(MARK "ended 4711\n" MARK "ended -1\n" MARK "\n", "", false, false, 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(words_are_of_the_version),
        cmocka_unit_test(memory_can_end),
        cmocka_unit_test(marks_are_taken_out),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
