/* A run that goes on: the paths of its models where they are now, a raised budget, and what is another experiment. */
#include "fake_run.h"

#include <fcntl.h>
#include <sys/file.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <time.h>

#include "search/run_folder.h"

static bool dies_at_rename;

int rename(const char *from, const char *to)
{
    if (dies_at_rename)
        (void)raise(SIGKILL);
    return (int)syscall(SYS_renameat2, AT_FDCWD, from, AT_FDCWD, to, 0);
}

static void a_path_follows_its_folder(void **state)
{
    (void)state;
    static const struct {
        const char *path, *from, *to, *expected;
    } cases[] = {
        {"/a/zoo/base", "/a/runs/1", "/b/c/runs/1", "/b/c/zoo/base"},
        {"/a/zoo", "/a/run", "/a/other", "/a/zoo"},
        {"/a/run/models", "/a/run", "/b/other", "/b/other/models"},
        {"/a/run-2/models", "/a/run", "/b/run", "/b/run-2/models"},
        {"/a/b", "/a/b/run", "/c/d/run", "/c/d"},
        {"/a/b", "/a/b/c/run", "/run", NULL},
        {"/models", "/runs/1", "/mnt/runs/1", "/mnt/models"},
        {"/models", "/runs/1", "/1", NULL},
        {"/models", "/runs/1", "/x/1", "/models"},
    };
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        char *found = NULL;
        assert_ok(clade_path_follow(cases[i].path, cases[i].from, cases[i].to, &found));
        if (cases[i].expected)
            assert_string_equal(found, cases[i].expected);
        else
            assert_null(found);
        clade_free(found);
    }
}

/* MOVED rules of a request, or a file's experiment. */
static clade_status resume(const char *path, clade_resume_request request, clade_experiment **experiment)
{
    *experiment = NULL;
    return clade_run_resume(path, &request, experiment);
}

static void a_rule_moves_what_is_below_it(void **state)
{
    (void)state;
    char path[TEST_PATH + 32], rule[2 * TEST_PATH + 64], there[TEST_PATH + 64], beside[TEST_PATH + 64];
    clade_experiment *experiment = NULL;
    fake_experiment(folder, "\"budget\": {\"children\": 12},");
    fake_new_run(folder, path);
    snprintf(there, sizeof there, "%s/elsewhere", folder);
    assert_ok(clade_make_folders(there));
    const char *const names[] = {"base", "digits", "fashion"};
    for (size_t i = 0; i < 3; i++) { /* seeds as nobody checks here */
        snprintf(beside, sizeof beside, "%s/%s.safetensors", folder, names[i]);
        assert_int_equal(remove(beside), 0);
        fake_checkpoint(there, names[i], i);
    }
    assert_fails(resume(path, (clade_resume_request){0}, &experiment), CLADE_EINPUT, "--moved");
    snprintf(rule, sizeof rule, "%s/base.safetensors=%s/base.safetensors", folder, there);
    const char *const one[] = {rule};
    assert_fails(resume(path, (clade_resume_request){.moved = one, .n_moved = 1}, &experiment), CLADE_EINPUT,
                 "parent ");
    assert_int_equal(fake_ask_database(path, "SELECT COUNT(*) FROM events WHERE kind = 'places'"), 1);
    snprintf(rule, sizeof rule, "%s=%s/../elsewhere/.", folder, there);
    snprintf(beside, sizeof beside, "%s/probes.json", there);
    assert_fails(resume(path, (clade_resume_request){.moved = one, .n_moved = 1}, &experiment), CLADE_EINPUT,
                 "the probes");
    fake_file(there, "probes.json", "{}");
    assert_ok(resume(path, (clade_resume_request){.moved = one, .n_moved = 1}, &experiment));
    assert_string_equal(experiment->probes, beside);
    clade_experiment_free(experiment);
    assert_ok(clade_run_experiment(path, &experiment)); /* it is remembered */
    assert_string_equal(experiment->probes, beside);
    clade_experiment_free(experiment);
    assert_int_equal(fake_ask_database(path, "SELECT COUNT(*) FROM events WHERE kind = 'places'"), 2);
    assert_ok(resume(path, (clade_resume_request){0}, &experiment)); /* and said once */
    clade_experiment_free(experiment);
    assert_int_equal(fake_ask_database(path, "SELECT COUNT(*) FROM events WHERE kind = 'places'"), 2);
}

/* Whoever starts a session again gives the same rule again. All paths are below FOLDER. */
static void a_rule_may_be_given_twice(void **state)
{
    (void)state;
    static const struct {
        const char *base, *old, *new, *expected; /* NULL: refused */
    } cases[] = {
        {"gone/base.safetensors", "gone", "a/b", "a/b/base.safetensors"},
        {"a/b/base.safetensors", "gone", "a/b", "a/b/base.safetensors"}, /* twice, or found by itself */
        {"a/base.safetensors", "a", "a/b", "a/b/base.safetensors"},
        {"a/b/base.safetensors", "a", "a/b", "a/b/base.safetensors"},
        {"a/b/base.safetensors", "a/b", "a", "a/base.safetensors"}, /* there are two: the rule says which */
        {"gone/base.safetensors", "gone/base.safetensors", "a/b/base.safetensors", "a/b/base.safetensors"},
        {"gone/base.safetensors", "other", "a", NULL},
        {"gone/base.safetensors", "go", "a", NULL},
    };
    char path[TEST_PATH + 32], rule[2 * TEST_PATH + 128], name[TEST_PATH + 64];
    fake_experiment(folder, "\"budget\": {\"children\": 12},");
    snprintf(path, sizeof path, "%s/a/b", folder);
    assert_ok(clade_make_folders(path));
    fake_checkpoint(path, "base", 0);
    snprintf(path, sizeof path, "%s/experiment.json", folder);
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        clade_experiment *experiment = NULL;
        assert_ok(clade_experiment_read(path, &experiment));
        snprintf(name, sizeof name, "%s/%s", folder, cases[i].base);
        clade_free(experiment->base);
        experiment->base = clade_strdup(name);
        snprintf(rule, sizeof rule, "%s/%s=%s/%s", folder, cases[i].old, folder, cases[i].new);
        if (cases[i].expected) {
            assert_ok(clade_places_move(experiment, rule));
            snprintf(name, sizeof name, "%s/%s", folder, cases[i].expected);
        } else {
            assert_fails(clade_places_move(experiment, rule), CLADE_EUSAGE, "no path of this run");
        }
        assert_string_equal(experiment->base, name);
        clade_experiment_free(experiment);
    }
}

/* All there is, as after a change of the root. */
static void a_rule_may_move_everything(void **state)
{
    (void)state;
    char path[TEST_PATH + 32], name[TEST_PATH + 64];
    clade_experiment *experiment = NULL;
    fake_experiment(folder, "\"budget\": {\"children\": 12},");
    snprintf(path, sizeof path, "%s/experiment.json", folder);
    assert_ok(clade_experiment_read(path, &experiment));
    snprintf(name, sizeof name, "/nowhere%s", experiment->base);
    assert_ok(clade_places_move(experiment, "/=/nowhere"));
    assert_string_equal(experiment->base, name);
    clade_experiment_free(experiment);
}

static void a_budget_is_raised(void **state)
{
    (void)state;
    char path[TEST_PATH + 32];
    clade_experiment *experiment = NULL;
    fake_experiment(folder, "\"budget\": {\"children\": 12, \"images\": 500, \"seconds\": 2.5}, \"window\": 4,");
    fake_new_run(folder, path);
    assert_fails(resume(path, (clade_resume_request){.seconds = 2}, &experiment), CLADE_EUSAGE, "less than the 2.5");
    assert_fails(resume(path, (clade_resume_request){.images = 499, .children = 20}, &experiment), CLADE_EUSAGE,
                 "less than the 500");
    assert_int_equal(fake_ask_database(path, "SELECT COUNT(*) FROM events WHERE kind = 'budget'"), 0);
    assert_ok(resume(path, (clade_resume_request){.images = 500, .children = 12}, &experiment));
    clade_experiment_free(experiment);
    assert_int_equal(fake_ask_database(path, "SELECT COUNT(*) FROM events WHERE kind = 'budget'"), 0);
    assert_ok(resume(path, (clade_resume_request){.images = 900}, &experiment));
    clade_experiment_free(experiment);
    /* The seconds that were forgiven stay so when the limit of seconds is raised after that. */
    (void)fake_ask_database(path,
                            "UPDATE events SET detail = json_set(detail, '$.wall_seconds', 3.0) WHERE kind = 'budget'");
    assert_ok(resume(path, (clade_resume_request){.seconds = 7}, &experiment));
    clade_experiment_free(experiment);
    assert_int_equal(fake_ask_database(path, "SELECT COUNT(*) FROM events WHERE kind = 'budget' AND "
                                             "json_extract(detail, '$.wall_seconds') = 3.0"),
                     2);
    assert_ok(clade_run_experiment(path, &experiment));
    assert_true(experiment->children == 12 && experiment->images == 900 && experiment->seconds > 6.9);
    assert_true(experiment->planned == 12 && experiment->planned_images == 500);
    clade_experiment_free(experiment);
}

/* The file that the run began with is its experiment, whatever was raised since; anything between is another one. */
static void the_first_budget_is_no_difference(void **state)
{
    (void)state;
    static const struct {
        const char *budget, *lines;
    } cases[] = {
        {"\"children\": 12, \"images\": 500, \"seconds\": 2.5", ""},
        {"\"children\": 12, \"images\": 500, \"seconds\": 9", ""},
        {"\"children\": 12, \"images\": 500, \"seconds\": 10", ""},
        {"\"children\": 12, \"images\": 500, \"seconds\": 3", "\n  budget.seconds: found 3, the run has 9"},
        {"\"children\": 13, \"images\": 500, \"seconds\": 9", "\n  budget.children: found 13, the run has 20"},
        {"\"children\": 12, \"images\": 501, \"seconds\": 9", "\n  budget.images: found 501, the run has 900"},
    };
    char path[TEST_PATH + 32], file[TEST_PATH + 32], text[128];
    clade_experiment *have = NULL, *wanted = NULL;
    snprintf(file, sizeof file, "%s/experiment.json", folder);
    fake_experiment(folder, "\"budget\": {\"children\": 12, \"images\": 500, \"seconds\": 2.5}, \"window\": 4,");
    fake_new_run(folder, path);
    assert_ok(resume(path, (clade_resume_request){.seconds = 7}, &have));
    clade_experiment_free(have);
    assert_ok(resume(path, (clade_resume_request){.seconds = 9, .children = 20, .images = 900}, &have));
    clade_experiment_free(have);
    assert_ok(clade_run_experiment(path, &have));
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        clade_text lines = {0};
        snprintf(text, sizeof text, "\"budget\": {%s}, \"window\": 4,", cases[i].budget);
        fake_experiment(folder, text);
        assert_ok(clade_experiment_read(file, &wanted));
        assert_ok(clade_experiment_difference(wanted, have, &lines));
        assert_string_equal(clade_text_get(&lines), cases[i].lines);
        clade_text_free(&lines);
        clade_experiment_free(wanted);
    }
    clade_experiment_free(have);
}

/* More could not be told from infinity, or by the workers, who read it as well. */
static void seconds_have_a_bound(void **state)
{
    (void)state;
    char path[TEST_PATH + 32], file[TEST_PATH + 32];
    clade_experiment *experiment = NULL;
    const uint64_t most = (uint64_t)CLADE_MOST_SECONDS;
    snprintf(file, sizeof file, "%s/experiment.json", folder);
    fake_experiment(folder, "\"budget\": {\"seconds\": 1e30},");
    assert_fails(clade_experiment_read(file, &experiment), CLADE_ECONFIG, "budget.seconds");
    fake_experiment(folder, "\"budget\": {\"seconds\": 5},");
    fake_new_run(folder, path);
    assert_fails(resume(path, (clade_resume_request){.seconds = 2 * most}, &experiment), CLADE_EUSAGE, "--seconds");
    assert_ok(resume(path, (clade_resume_request){.seconds = most}, &experiment));
    clade_experiment_free(experiment);
    fake_experiment(folder, "\"budget\": {\"seconds\": 9007199254740992},");
    assert_ok(resume(path, (clade_resume_request){.experiment = file}, &experiment));
    clade_experiment_free(experiment);
}

static void a_difference_is_listed_by_key(void **state)
{
    (void)state;
    static const struct {
        const char *text, *lines;
    } cases[] = {
        {"\"budget\": {\"children\": 12},", ""},
        {"\"budget\": {\"children\": 1200},", ""}, /* and with it the window by default */
        {"\"budget\": {\"children\": 11},", "\n  budget.children: found 11, the run has 12"},
        {"\"budget\": {\"seconds\": 5},",
         "\n  budget.children: found 0, the run has 12\n  budget.seconds: found 5, the run has 0"},
        {"\"budget\": {\"children\": 12}, \"window\": 7,", "\n  window: found 7, the run has 4"},
        {"\"budget\": {\"children\": 12}, \"seed\": 2,", "\n  seed: found 2, the run has 1"},
        {"\"budget\": {\"children\": 12}, \"corruptions\": {\"severity\": 3},",
         "\n  corruptions.severity: found 3, the run has 5\n  holdout_corruptions.severity: found 3, the run has 5"},
    };
    char path[TEST_PATH + 32];
    clade_experiment *have = NULL, *wanted = NULL;
    snprintf(path, sizeof path, "%s/experiment.json", folder);
    fake_experiment(folder, "\"budget\": {\"children\": 12},");
    assert_ok(clade_experiment_read(path, &have));
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        clade_text lines = {0};
        fake_experiment(folder, cases[i].text);
        assert_ok(clade_experiment_read(path, &wanted));
        assert_ok(clade_experiment_difference(wanted, have, &lines));
        assert_string_equal(clade_text_get(&lines), cases[i].lines);
        clade_text_free(&lines);
        clade_experiment_free(wanted);
    }
    clade_experiment_free(have);
}

/* It is the order of the genes, and to JSON no difference. */
static void the_order_of_parents_is_a_difference(void **state)
{
    (void)state;
    char path[TEST_PATH + 32], *swap;
    clade_experiment *have = NULL, *wanted = NULL;
    clade_text lines = {0};
    snprintf(path, sizeof path, "%s/experiment.json", folder);
    fake_experiment(folder, "\"budget\": {\"children\": 12},");
    assert_ok(clade_experiment_read(path, &have));
    assert_ok(clade_experiment_read(path, &wanted));
    assert_true(wanted->n_parents == 2);
    swap = wanted->parent_names[0];
    wanted->parent_names[0] = wanted->parent_names[1];
    wanted->parent_names[1] = swap;
    swap = wanted->parent_paths[0];
    wanted->parent_paths[0] = wanted->parent_paths[1];
    wanted->parent_paths[1] = swap;
    assert_ok(clade_experiment_difference(wanted, have, &lines));
    assert_string_equal(clade_text_get(&lines),
                        "\n  parents: found \"digits\" in place 1, the run has \"fashion\" there");
    clade_text_free(&lines);
    clade_experiment_free(have);
    clade_experiment_free(wanted);
}

typedef struct pair {
    const clade_experiment *wanted, *have;
    const char *lines; /* that differ, with memory enough */
} pair;

static clade_status compare(void *context)
{
    const pair *both = context;
    clade_text lines = {0};
    const clade_status status = clade_experiment_difference(both->wanted, both->have, &lines);
    if (status == CLADE_OK)
        assert_string_equal(clade_text_get(&lines), both->lines);
    clade_text_free(&lines);
    return status;
}

/* What could not be printed is no difference. */
static void compared_without_memory(void **state)
{
    (void)state;
    char file[TEST_PATH + 32];
    clade_experiment *have = NULL, *wanted = NULL;
    snprintf(file, sizeof file, "%s/experiment.json", folder);
    fake_experiment(folder, "\"budget\": {\"children\": 12}, \"window\": 4,");
    assert_ok(clade_experiment_read(file, &have));
    fake_experiment(folder, "\"budget\": {\"children\": 12}, \"window\": 7,");
    assert_ok(clade_experiment_read(file, &wanted));
    pair both = {.wanted = wanted, .have = have, .lines = "\n  window: found 7, the run has 4"};
    check_every_allocation(compare, &both);
    both = (pair){.wanted = have, .have = have, .lines = ""};
    check_every_allocation(compare, &both);
    clade_experiment_free(wanted);
    clade_experiment_free(have);
}

/* ---- what killed searches leave ---- */

static void make_run(const char *path)
{
    clade_experiment *experiment = NULL;
    char file[TEST_PATH + 32];
    snprintf(file, sizeof file, "%s/experiment.json", folder);
    assert_ok(clade_experiment_read(file, &experiment));
    assert_ok(clade_run_create(experiment, path));
    clade_experiment_free(experiment);
}

/* The name of the one folder beside PATH that is being filled for it; false: there is none. */
static bool find_staged(const char *name, char *staged, size_t size)
{
    DIR *entries = opendir(folder);
    bool found = false;
    assert_non_null(entries);
    for (const struct dirent *entry = readdir(entries); entry; entry = readdir(entries))
        if (strncmp(entry->d_name, name, strlen(name)) == 0 && strstr(entry->d_name, ".tmp-")) {
            found = true;
            snprintf(staged, size, "%s", entry->d_name);
        }
    assert_int_equal(closedir(entries), 0);
    return found;
}

/* A process of this machine that is dead, or has only to be asked for its exit code, fills nothing: at once. */
static void what_we_left_is_removed(void **state)
{
    (void)state;
    char staged[300];
    siginfo_t info;
    fake_experiment(folder, "\"budget\": {\"children\": 12},");
    const pid_t child = fork();
    assert_true(child >= 0);
    if (child == 0) {
        dies_at_rename = true;
        make_run(path_in(folder, "run"));
        _exit(1);
    }
    assert_int_equal(waitid(P_PID, (id_t)child, &info, WEXITED | WNOWAIT), 0);
    assert_int_equal(info.si_status, SIGKILL);
    assert_true(find_staged("run", staged, sizeof staged));
    make_run(path_in(folder, "run"));
    assert_false(find_staged("run", staged, sizeof staged));
    assert_int_equal(waitpid(child, NULL, 0), child);
    /* One that lives may be filling its own. */
    snprintf(strstr(staged, ".tmp-"), 32, ".tmp-%ld%s", (long)getppid(), strrchr(staged, '-'));
    assert_int_equal(mkdir(path_in(folder, staged), 0755), 0);
    assert_int_equal(rename(path_in(folder, "run"), path_in(folder, "other")), 0);
    make_run(path_in(folder, "run"));
    assert_true(fake_exists(folder, staged));
}

static void set_age(const char *path, long seconds)
{
    const struct timespec then = {.tv_sec = time(NULL) - seconds};
    assert_int_equal(utimensat(AT_FDCWD, path, (const struct timespec[]){then, then}, 0), 0);
}

/* Numbers of processes say nothing of another machine, or container: its search has a lock, or has just begun. */
static void what_others_fill_is_left(void **state)
{
    (void)state;
    static const char STAGED[] = "run.tmp-999999999-00000000", LOCK[] = "run.tmp-999999999-00000000/run.db.lock",
                      OWNER[] = "{\"host\":\"node17\",\"boot\":\"1-2\",\"process\":4711,\"since\":\"2026\"}";
    static const struct {
        const char *owner; /* in the lock's file; NULL: there is none */
        bool held, kept;
        long age, beat; /* seconds, of the folder and of the lock's last beat */
    } cases[] = {
        {NULL, false, true, 0, 0},     {NULL, false, false, 90, 0},   {"", false, true, 0, 0},
        {"", true, true, 90, 0},       {OWNER, true, true, 90, 90},   {OWNER, false, true, 90, 0},
        {OWNER, false, false, 90, 60}, {OWNER, false, false, 10, 60},
    };
    fake_experiment(folder, "\"budget\": {\"children\": 12},");
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        int file = -1;
        assert_int_equal(mkdir(path_in(folder, STAGED), 0755), 0);
        if (cases[i].owner) {
            write_test_file(path_in(folder, LOCK), cases[i].owner, strlen(cases[i].owner));
            set_age(path_in(folder, LOCK), cases[i].beat);
        }
        if (cases[i].held) {
            file = open(path_in(folder, LOCK), O_RDWR | O_CLOEXEC);
            assert_int_equal(flock(file, LOCK_EX), 0);
        }
        set_age(path_in(folder, STAGED), cases[i].age);
        make_run(path_in(folder, "run"));
        if (fake_exists(folder, STAGED) != cases[i].kept)
            print_error("case %zu\n", i);
        assert_int_equal(fake_exists(folder, STAGED), cases[i].kept);
        if (file >= 0)
            assert_int_equal(close(file), 0);
        remove_temporary_folder(path_in(folder, STAGED));
        remove_temporary_folder(path_in(folder, "run"));
    }
}

static clade_status resume_all(void *context)
{
    char rule[2 * TEST_PATH + 64], file[TEST_PATH + 32];
    clade_experiment *experiment = NULL;
    snprintf(rule, sizeof rule, "%s=%s", folder, folder);
    snprintf(file, sizeof file, "%s/experiment.json", folder);
    const char *const one[] = {rule};
    const clade_status status = resume(
        context, (clade_resume_request){.children = 15, .experiment = file, .moved = one, .n_moved = 1}, &experiment);
    clade_experiment_free(experiment);
    return status;
}

static void without_memory(void **state)
{
    (void)state;
    char path[TEST_PATH + 32], alone[TEST_PATH + 64];
    fake_experiment(folder, "\"budget\": {\"children\": 12},");
    fake_new_run(folder, path);
    snprintf(alone, sizeof alone, "%s/moved", folder);
    assert_int_equal(rename(path, alone), 0);
    check_every_allocation(resume_all, alone);
    assert_int_equal(fake_ask_database(alone, "SELECT COUNT(*) FROM events WHERE kind = 'budget'"), 1);
    assert_int_equal(fake_ask_database(alone, "SELECT COUNT(*) FROM events WHERE kind = 'places'"), 2);
}

int main(void)
{
    fake_fast_disk();
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_path_follows_its_folder),
        cmocka_unit_test_setup_teardown(a_rule_moves_what_is_below_it, set_up, tear_down),
        cmocka_unit_test_setup_teardown(a_rule_may_be_given_twice, set_up, tear_down),
        cmocka_unit_test_setup_teardown(a_rule_may_move_everything, set_up, tear_down),
        cmocka_unit_test_setup_teardown(a_budget_is_raised, set_up, tear_down),
        cmocka_unit_test_setup_teardown(the_order_of_parents_is_a_difference, set_up, tear_down),
        cmocka_unit_test_setup_teardown(a_difference_is_listed_by_key, set_up, tear_down),
        cmocka_unit_test_setup_teardown(the_first_budget_is_no_difference, set_up, tear_down),
        cmocka_unit_test_setup_teardown(seconds_have_a_bound, set_up, tear_down),
        cmocka_unit_test_setup_teardown(compared_without_memory, set_up, tear_down),
        cmocka_unit_test_setup_teardown(what_we_left_is_removed, set_up, tear_down),
        cmocka_unit_test_setup_teardown(what_others_fill_is_left, set_up, tear_down),
        cmocka_unit_test_setup_teardown(without_memory, set_up, tear_down),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
