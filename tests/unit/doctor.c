/* What the doctor says of machines that are not here, and of folders that cannot hold a run. */
#include "test.h"

#include <errno.h>
#include <math.h>
#include <sys/file.h>
#include <sys/syscall.h>
#include <sys/vfs.h>

#include "search/command/doctor_checks.h"

/* ---- machines ---- */

enum { RANKS = 5 };

/* Healthy ranks: 0 to 2 on host a, 3 and 4 on host b, four CPUs each. */
static void make_cluster(clade_machine machines[RANKS])
{
    for (int r = 0; r < RANKS; r++) {
        machines[r] = (clade_machine){.rank = r,
                                      .cpus = {0x0F},
                                      .online = 4,
                                      .blas_threads = 1,
                                      .memory = 16e9,
                                      .shared_memory = 8e9,
                                      .disk = 100e9,
                                      .temporary = 100e9,
                                      .clock_ahead = 0.01 * r,
                                      .answered = true};
        snprintf(machines[r].host, sizeof machines[r].host, "%s", r < 3 ? "a" : "b");
        clade_text_append(&machines[r].platform, "{\"cpu\":\"x\"}");
    }
}

static void free_cluster(clade_machine machines[RANKS])
{
    for (int r = 0; r < RANKS; r++)
        clade_machine_fini(&machines[r]);
}

/* COUNT findings, FATAL of them, and all PARTS (a NULL ends them) in them. Frees the cluster. */
static void finds(clade_machine machines[RANKS], double need, size_t count, size_t fatal, const char *const *parts)
{
    clade_findings findings = {0};
    clade_diagnose(machines, RANKS, need, &findings);
    const char *text = clade_text_get(&findings.text);
    if (findings.count != count || findings.fatal != fatal)
        print_error("%s", text);
    assert_int_equal(findings.count, count);
    assert_int_equal(findings.fatal, fatal);
    for (size_t i = 0; parts[i]; i++) {
        if (!strstr(text, parts[i]))
            print_error("no \"%s\" in: %s", parts[i], text);
        assert_non_null(strstr(text, parts[i]));
    }
    clade_text_free(&findings.text);
    free_cluster(machines);
}

static void healthy(void **state)
{
    (void)state;
    clade_machine m[RANKS];
    make_cluster(m);
    finds(m, 1e9, 0, 0, (const char *const[]){NULL});
}

static void too_many_workers(void **state)
{
    (void)state;
    clade_machine m[RANKS];
    make_cluster(m); /* one CPU each, and another: the union counts, and rank 0 takes none */
    m[0].cpus[0] = m[1].cpus[0] = 1;
    m[2].cpus[0] = 2;
    m[3].cpus[0] = m[4].cpus[0] = 8;
    finds(m, 0.0, 1, 0, (const char *const[]){"b: 2 workers share 1 cores", "at most 1 there", "--bind-to none", NULL});
    make_cluster(m);
    m[3].quota = m[4].quota = 1.5; /* of a container */
    finds(m, 0.0, 1, 0, (const char *const[]){"b: 2 workers share 1.5 cores", NULL});
}

static void each_fault(void **state)
{
    (void)state;
    clade_machine m[RANKS];
    make_cluster(m);
    m[2].blas_threads = 8;
    finds(m, 0.0, 1, 0, (const char *const[]){"rank 2 on a: BLAS uses 8 threads", "OPENBLAS_NUM_THREADS=1", NULL});
    make_cluster(m);
    m[3].shared_memory = m[4].shared_memory = 15e6;
    finds(m, 0.0, 1, 1, (const char *const[]){"b: /dev/shm has only 15 MB", "--shm-size", NULL});
    make_cluster(m);
    m[1].clock_ahead = -2.5;
    m[4].clock_ahead = 90.0;
    finds(m, 0.0, 2, 0,
          (const char *const[]){"rank 1 on a: its clock is 2.5 s behind", "90.0 s ahead of", "NTP", NULL});
    make_cluster(m);
    clade_text_clear(&m[4].platform);
    clade_text_append(&m[4].platform, "{\"cpu\":\"y\"}");
    finds(m, 0.0, 1, 0,
          (const char *const[]){"rank 4 on b computes on another platform", "nodes of one kind",
                                "; cpu: y, rank 0 has x\n", NULL});
    make_cluster(m); /* (other words of the same) */
    clade_text_append(&m[4].platform, " other");
    finds(m, 0.0, 1, 0, (const char *const[]){"rank 4 on b computes on another platform", NULL});
    make_cluster(m);
    m[3].disk = m[4].disk = 5e8;
    finds(m, 0.0, 1, 0, (const char *const[]){"b: only 500 MB are free on this disk", NULL});
    make_cluster(m);
    m[3].memory = m[4].memory = 5e8;
    finds(m, 0.0, 1, 0, (const char *const[]){"b: only 500 MB of memory", NULL});
}

/* 16 GB a host hold two workers of 8 GB, and not of 9; on host a rank 0 takes nothing. */
static void memory_of_an_experiment(void **state)
{
    (void)state;
    clade_machine m[RANKS];
    make_cluster(m);
    finds(m, 8e9, 0, 0, (const char *const[]){NULL});
    make_cluster(m);
    finds(m, 9e9, 2, 2,
          (const char *const[]){"a: 2 workers need about 9.00 GB each", "18.00 GB in all", "at most 1 there", NULL});
}

/* A silent rank is one finding; nothing of it is judged, and nobody is on its host. */
static void silent_rank(void **state)
{
    (void)state;
    clade_machine m[RANKS];
    make_cluster(m);
    clade_machine_fini(&m[1]);
    m[1] = (clade_machine){.rank = 1, .clock_ahead = (double)NAN};
    finds(m, 0.0, 1, 1, (const char *const[]){"rank 1 does not answer", NULL});
}

static void what_is_not_known_is_null(void **state)
{
    (void)state;
    clade_machine m[RANKS];
    clade_text text = {0};
    make_cluster(m);
    m[0].memory = m[0].shared_memory = -1.0;
    clade_machine_fini(&m[1]);
    m[1] = (clade_machine){.rank = 1};
    clade_json_writer writer = clade_json_writer_to(&text, false);
    clade_json_begin_object(&writer, NULL);
    clade_doctor_put_machines(m, 2, &writer);
    clade_json_end_object(&writer);
    assert_string_equal(
        clade_text_get(&text),
        "{\"ranks\":[{\"rank\":0,\"answered\":true,\"host\":\"a\",\"cores_of_host\":4,\"blas_threads\":1,"
        "\"memory_free_bytes\":null,\"shared_memory_free_bytes\":null,\"clock_ahead_seconds\":0},"
        "{\"rank\":1,\"answered\":false,\"host\":null,\"cores_of_host\":null,\"blas_threads\":null,"
        "\"memory_free_bytes\":null,\"shared_memory_free_bytes\":null,\"clock_ahead_seconds\":null}]}");
    clade_text_free(&text);
    free_cluster(m);
}

static void sent_and_read(void **state)
{
    (void)state;
    clade_machine here, there;
    clade_text text = {0};
    assert_ok(clade_machine_look(7, &here));
    assert_true(here.answered && here.online >= 1 && here.memory > 0.0 && here.host[0] != '\0');
    assert_true(clade_machine_cores(&here, 1, 0) >= 1.0);
    clade_machine_print(&here, &text);
    assert_ok(clade_machine_parse(clade_text_get(&text), text.length, 7, &there));
    assert_string_equal(there.host, here.host);
    assert_string_equal(clade_text_get(&there.platform), clade_text_get(&here.platform));
    assert_memory_equal(there.cpus, here.cpus, sizeof here.cpus);
    assert_int_equal(there.online, here.online);
    assert_int_equal(there.blas_threads, here.blas_threads);
    assert_true(there.memory >= here.memory && there.memory <= here.memory);
    clade_machine_fini(&there);
    assert_fails(clade_machine_parse("{\"host\":3}", 10, 7, &there), CLADE_EINTERNAL, "rank 7: host");
    clade_machine_fini(&there);
    assert_fails(clade_machine_parse("x", 1, 7, &there), CLADE_EINTERNAL, "rank 7");
    clade_machine_fini(&there);
    clade_machine_fini(&here);
    clade_text_free(&text);
}

static clade_status send_and_read(void *context)
{
    clade_machine here = {0}, there = {0};
    clade_text text = {0};
    (void)context;
    clade_status status = clade_machine_look(1, &here);
    if (status == CLADE_OK) {
        clade_machine_print(&here, &text);
        status = clade_text_status(&text);
    }
    if (status == CLADE_OK)
        status = clade_machine_parse(clade_text_get(&text), text.length, 1, &there);
    clade_machine_fini(&here);
    clade_machine_fini(&there);
    clade_text_free(&text);
    return status;
}

static void memory_runs_out(void **state)
{
    (void)state;
    check_every_allocation(send_and_read, NULL);
}

/* ---- folders; the system's answers are replaced ---- */

static enum { REAL_LOCKS, NO_LOCKS, IDLE_LOCKS } locks;
static bool on_nfs;

int flock(int fd, int operation)
{
    if (locks == IDLE_LOCKS)
        return 0;
    if (locks == REAL_LOCKS)
        return (int)syscall(SYS_flock, fd, operation);
    errno = ENOLCK;
    return -1;
}

int statfs(const char *path, struct statfs *info)
{
    const int result = (int)syscall(SYS_statfs, path, info);
    if (on_nfs)
        info->f_type = 0x6969;
    return result;
}

static void folder_gives(const char *folder, size_t count, size_t fatal, const char *part)
{
    clade_findings findings = {0};
    clade_doctor_folder(folder, &findings);
    if (findings.count != count || findings.fatal != fatal || !strstr(clade_text_get(&findings.text), part))
        print_error("%s\n", clade_text_get(&findings.text));
    assert_int_equal(findings.count, count);
    assert_int_equal(findings.fatal, fatal);
    assert_non_null(strstr(clade_text_get(&findings.text), part));
    clade_text_free(&findings.text);
}

static void folders(void **state)
{
    (void)state;
    char folder[TEST_PATH];
    make_temporary_folder(folder);
    folder_gives(folder, 0, 0, "");
    locks = NO_LOCKS;
    folder_gives(folder, 1, 1, "has no locks");
    locks = IDLE_LOCKS;
    folder_gives(folder, 1, 1, "keep nobody out");
    locks = REAL_LOCKS;
    on_nfs = true;
    folder_gives(folder, 1, 0, "(NFS)");
    on_nfs = false;
    assert_int_equal(rmdir(folder), 0); /* nothing was left in it */
    folder_gives(folder, 1, 1, "no file can be made there");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(healthy),
        cmocka_unit_test(too_many_workers),
        cmocka_unit_test(each_fault),
        cmocka_unit_test(memory_of_an_experiment),
        cmocka_unit_test(silent_rank),
        cmocka_unit_test(sent_and_read),
        cmocka_unit_test(memory_runs_out),
        cmocka_unit_test(folders),
        cmocka_unit_test(what_is_not_known_is_null),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
