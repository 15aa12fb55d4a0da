/* The file of metrics, read back by a small parser of Prometheus' text format 0.0.4. */
#include "test.h"

#include <ctype.h>
#include <math.h>

#include "clade/files.h"
#include "search/metrics.h"

enum { MOST_SAMPLES = 64 };

typedef struct sample {
    char name[64], run[256], objective[64];
    double value;
} sample;

typedef struct page {
    sample samples[MOST_SAMPLES];
    size_t count;
} page;

/* NAME: [a-zA-Z_:][a-zA-Z0-9_:]* */
static const char *parse_name(const char *c, char *name, size_t size)
{
    size_t n = 0;
    assert_true(isalpha((unsigned char)*c) || *c == '_');
    while (isalnum((unsigned char)*c) || *c == '_' || *c == ':') {
        assert_true(n + 1 < size);
        name[n++] = *c++;
    }
    name[n] = '\0';
    return c;
}

/* "VALUE", with \\, \" and \n for what they stand for. */
static const char *parse_string(const char *c, char *value, size_t size)
{
    size_t n = 0;
    assert_int_equal(*c++, '"');
    while (*c != '"') {
        assert_true(*c != '\0' && *c != '\n' && n + 1 < size);
        if (*c == '\\')
            assert_non_null(strchr("\\\"n", *++c));
        value[n++] = *c == 'n' && c[-1] == '\\' ? '\n' : *c;
        c++;
    }
    value[n] = '\0';
    return c + 1;
}

static const char *parse_sample(const char *c, sample *s)
{
    char label[64], *end = NULL;
    *s = (sample){0};
    c = parse_name(c, s->name, sizeof s->name);
    assert_int_equal(*c, '{');
    do {
        c = parse_name(c + 1, label, sizeof label);
        assert_int_equal(*c++, '=');
        assert_true(strcmp(label, "run") == 0 || strcmp(label, "objective") == 0);
        c = strcmp(label, "run") == 0 ? parse_string(c, s->run, sizeof s->run)
                                      : parse_string(c, s->objective, sizeof s->objective);
    } while (*c == ',');
    assert_int_equal(*c++, '}');
    assert_int_equal(*c++, ' ');
    s->value = strtod(c, &end);
    assert_true(end > c && *end == '\n');
    return end + 1;
}

/* Every sample stands under a HELP and a TYPE of its name; every name comes once; counters end in _total. */
static void parse(const char *text, page *p)
{
    const char *c = text;
    *p = (page){0};
    while (*c != '\0') {
        char name[64], typed[64], type[16];
        assert_int_equal(strncmp(c, "# HELP ", 7), 0);
        c = parse_name(c + 7, name, sizeof name);
        for (size_t i = 0; i < p->count; i++)
            assert_string_not_equal(p->samples[i].name, name);
        assert_int_equal(*c, ' ');
        c = strchr(c, '\n') + 1;
        assert_int_equal(strncmp(c, "# TYPE ", 7), 0);
        c = parse_name(c + 7, typed, sizeof typed);
        assert_string_equal(typed, name);
        c = parse_name(c + 1, type, sizeof type);
        assert_true(strcmp(type, "gauge") == 0 || strcmp(type, "counter") == 0);
        assert_int_equal(strcmp(type, "counter") == 0, strstr(name, "_total") != NULL);
        assert_int_equal(*c++, '\n');
        const size_t before = p->count;
        while (*c != '\0' && *c != '#') {
            assert_true(p->count < MOST_SAMPLES);
            c = parse_sample(c, &p->samples[p->count]);
            assert_string_equal(p->samples[p->count++].name, name);
        }
        assert_true(p->count > before);
    }
}

static const sample *find(const page *p, const char *name, const char *objective)
{
    for (size_t i = 0; i < p->count; i++)
        if (strcmp(p->samples[i].name, name) == 0 && strcmp(p->samples[i].objective, objective) == 0)
            return &p->samples[i];
    return NULL;
}

static void has(const page *p, const char *name, double value)
{
    const sample *s = find(p, name, "");
    if (!s)
        print_error("there is no %s\n", name);
    assert_non_null(s);
    assert_true(fabs(s->value - value) <= 1e-12 * fabs(value));
}

static const double best[] = {0.75, 0.5};
static const clade_progress progress = {.committed = 120,
                                        .failed = 3,
                                        .budget_children = 600,
                                        .in_flight = 8,
                                        .waiting = 2,
                                        .images = 123456789,
                                        .seconds = 61.25,
                                        .workers = 4,
                                        .workers_retired = 2,
                                        .children_per_second = 2.5,
                                        .eta_seconds = 192.0,
                                        .front = 5,
                                        .hypervolume = 0.612345678901,
                                        .best = best};

static const clade_objective objectives[] = {{.name = "accuracy"}, {.name = "robustness"}};

static clade_experiment experiment_of_two(void)
{
    return (clade_experiment){.objectives = {&objectives[0], &objectives[1]}, .n_objectives = 2};
}

static void all_values(void **state)
{
    (void)state;
    const clade_experiment experiment = experiment_of_two();
    clade_text text = {0};
    page p;
    clade_metrics_print(&experiment, &progress, "/runs/a", true, 4096, &text);
    parse(clade_text_get(&text), &p);
    has(&p, "clade_session_active", 1);
    has(&p, "clade_children_committed_total", 120);
    has(&p, "clade_children_failed_total", 3);
    has(&p, "clade_children_in_flight", 8);
    has(&p, "clade_results_waiting", 2);
    has(&p, "clade_children_budget", 600);
    has(&p, "clade_children_per_second", 2.5);
    has(&p, "clade_eta_seconds", 192);
    has(&p, "clade_images_total", 123456789);
    has(&p, "clade_run_seconds_total", 61.25);
    has(&p, "clade_front_members", 5);
    has(&p, "clade_hypervolume", 0.612345678901);
    has(&p, "clade_workers", 4);
    has(&p, "clade_workers_retired", 2);
    has(&p, "clade_ledger_bytes", 4096);
    assert_non_null(find(&p, "clade_best", "robustness"));
    assert_true(find(&p, "clade_best", "accuracy")->value > 0.7);
    for (size_t i = 0; i < p.count; i++)
        assert_string_equal(p.samples[i].run, "/runs/a");
    clade_text_free(&text);
}

/* What is not known is absent, not zero or NaN. */
static void unknown_values(void **state)
{
    (void)state;
    const clade_experiment experiment = experiment_of_two();
    const clade_progress none = {.eta_seconds = -1.0, .best = best, .hypervolume = (double)NAN};
    clade_text text = {0};
    page p;
    clade_metrics_print(&experiment, &none, "run", false, 0, &text);
    parse(clade_text_get(&text), &p);
    has(&p, "clade_session_active", 0);
    assert_null(find(&p, "clade_eta_seconds", ""));
    assert_null(find(&p, "clade_children_budget", ""));
    assert_null(find(&p, "clade_hypervolume", ""));
    assert_null(find(&p, "clade_best", "accuracy"));
    clade_text_free(&text);
}

static void names_are_escaped(void **state)
{
    (void)state;
    static const char run[] = "/a \"b\"\\c\nclade_up 1\n{}";
    const clade_experiment experiment = experiment_of_two();
    clade_text text = {0};
    page p;
    clade_metrics_print(&experiment, &progress, run, true, 1, &text);
    parse(clade_text_get(&text), &p);
    assert_string_equal(p.samples[0].run, run);
    clade_text_free(&text);
}

/* WHOLE: what it is with memory enough. */
static clade_status print_all(void *whole)
{
    const clade_experiment experiment = experiment_of_two();
    clade_text text = {0};
    clade_metrics_print(&experiment, &progress, "run", true, 1, &text);
    const clade_status status = clade_text_status(&text);
    if (status == CLADE_OK)
        assert_string_equal(clade_text_get(&text), whole);
    clade_text_free(&text);
    return status;
}

static void memory_runs_out(void **state)
{
    (void)state;
    const clade_experiment experiment = experiment_of_two();
    clade_text text = {0};
    char whole[4096];
    clade_metrics_print(&experiment, &progress, "run", true, 1, &text);
    assert_true(snprintf(whole, sizeof whole, "%s", clade_text_get(&text)) < (int)sizeof whole);
    clade_text_free(&text);
    check_every_allocation(print_all, whole);
}

/* The file is replaced whole, holds the size of the ledger, and a full disk leaves the old one. */
static void written(void **state)
{
    (void)state;
    const clade_experiment experiment = experiment_of_two();
    char folder[TEST_PATH], *text = NULL;
    size_t bytes = 0;
    page p;
    make_temporary_folder(folder);
    write_test_file(path_in(folder, "run.db"), "12345", 5);
    write_test_file(path_in(folder, "run.db-wal"), "123", 3);
    const char *file = path_in(folder, "clade.prom");
    assert_ok(clade_metrics_write(file, &experiment, &progress, folder, true));
    assert_ok(clade_metrics_write(file, &experiment, &progress, folder, false));
    clade_output_fail_at(1);
    assert_fails(clade_metrics_write(file, &experiment, &progress, folder, true), CLADE_EIO, "clade.prom");
    clade_output_fail_at(0);
    assert_ok(clade_read_file(file, 1 << 16, &text, &bytes));
    parse(text, &p);
    has(&p, "clade_ledger_bytes", 8);
    has(&p, "clade_session_active", 0);
    clade_free(text);
    remove_temporary_folder(folder);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(all_values), cmocka_unit_test(unknown_values),  cmocka_unit_test(names_are_escaped),
        cmocka_unit_test(written),    cmocka_unit_test(memory_runs_out),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
