/* A ledger from somebody else: whatever is in it, status, front, lineage, report and a child's recipe are read or refused
 * with a message, what is written as JSON is JSON, and resume goes on or says why not. The bytes are changes to the
 * ledger of a small run (ledger_changes.h), or, where they begin as a database does, the database. */
#include "fake_run.h"

#include "fuzz/ledger_changes.h"
#include "search/command/recipe_source.h"
#include "search/command/run_status.h"
#include "search/export/card.h"
#include "search/export/front.h"
#include "search/export/front_formats.h"
#include "search/export/lineage.h"
#include "search/export/series.h"
#include "search/run_folder.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

enum { CHILDREN = 6, MOST_LEDGER = 1 << 20 };

/* A run that ended, and one that was stopped on its way. */
typedef struct small_run {
    char path[TEST_PATH + 32];
    char *ledger; /* its bytes */
    size_t bytes;
} small_run;

/* ---- runs ---- */

static void make_run(small_run *made, size_t stop_after)
{
    char database[TEST_PATH + 64];
    sqlite3 *db = NULL;
    fake_pool pool = fake_pool_of(1, 3);
    pool.fail_every = 5;
    pool.race_every = 3;
    pool.stop_after = stop_after;
    fake_new_run(scratch_folder(), made->path);
    check(fake_session(made->path, &pool, 0, NULL) == (stop_after > 0 ? CLADE_EINTERRUPTED : CLADE_OK));
    snprintf(database, sizeof database, "%s/run.db", made->path);
    check(sqlite3_open(database, &db) == SQLITE_OK); /* small pages: written anew for every input */
    check(sqlite3_exec(db, "PRAGMA page_size = 1024; VACUUM", NULL, NULL, NULL) == SQLITE_OK);
    check(sqlite3_close(db) == SQLITE_OK);
    check(clade_read_file(database, MOST_LEDGER, &made->ledger, &made->bytes) == CLADE_OK);
}

static void write_ledger(const small_run *of, const uint8_t *data, size_t size)
{
    static const char magic[] = "SQLite format 3";
    char database[TEST_PATH + 64];
    const bool is_raw = size >= sizeof magic && memcmp(data, magic, sizeof magic) == 0;
    snprintf(database, sizeof database, "%s/run.db", of->path);
    write_test_file(database, is_raw ? (const void *)data : of->ledger, is_raw ? size : of->bytes);
    if (!is_raw)
        change_ledger(database, data, size);
}

/* ---- readers ---- */

static void said(clade_status status)
{
    check(status == CLADE_OK || clade_error_message()[0] != '\0');
}

/* What came out of a reader, as it gets to a terminal; frees it. */
static void look_at(clade_status status, clade_text *text, bool is_json)
{
    clade_json *document;
    clade_text shown = {0};
    said(status);
    clade_text_append_harmless(&shown, clade_text_get(text), status == CLADE_OK ? text->length : 0);
    check(clade_text_status(&shown) == CLADE_OK);
    for (size_t i = 0; i < shown.length; i++)
        check((uint8_t)shown.data[i] >= ' ' || shown.data[i] == '\n' || shown.data[i] == '\t');
    if (status == CLADE_OK && is_json) {
        check(clade_json_parse(shown.data, shown.length, "output", CLADE_EINTERNAL, &document) == CLADE_OK);
        clade_json_free(document);
    }
    clade_text_free(&shown);
    clade_text_free(text);
}

static void read_status(const char *path)
{
    clade_run_status status = {0};
    clade_text json = {0}, people = {0};
    const clade_status read = clade_run_status_read(path, &status);
    if (read == CLADE_OK) {
        clade_run_status_json(&status, true, &json);
        clade_run_status_people(&status, &people);
        clade_run_status_line(&status, &people);
    }
    look_at(read, &json, true);
    look_at(read, &people, false);
    clade_run_status_fini(&status);
}

static void write_front(clade_front *front, clade_ledger *ledger)
{
    clade_text text[4] = {{0}};
    look_at(clade_front_write_csv(front, &text[0]), &text[0], false);
    look_at(clade_front_write_json(front, ledger, &text[1]), &text[1], true);
    look_at(clade_front_write_svg(front, ledger, &text[2]), &text[2], false);
    clade_front_write_text(front, &text[3]);
    if (front->n_members > 0 && front->against)
        clade_front_write_certainty(front, SIZE_MAX, &text[3]);
    look_at(clade_text_status(&text[3]), &text[3], false);
}

static void read_front(const char *path, clade_ledger *ledger)
{
    clade_front front = {0};
    clade_status status = clade_front_read(path, CLADE_SEARCH, &front);
    if (status == CLADE_OK)
        status = clade_front_intervals(&front, NULL);
    if (status == CLADE_OK)
        write_front(&front, ledger);
    said(status);
    clade_front_fini(&front);
}

static void read_lineage(const char *path, clade_ledger *ledger, uint64_t child)
{
    clade_experiment *experiment = NULL;
    clade_lineage lineage = {0};
    clade_text text[3] = {{0}};
    clade_status status = clade_run_experiment(path, &experiment);
    if (status == CLADE_OK)
        status = clade_lineage_read(ledger, child, &lineage);
    if (status == CLADE_OK) {
        look_at(clade_lineage_write_json(&lineage, experiment, &text[0]), &text[0], true);
        look_at(clade_lineage_write_dot(&lineage, experiment, &text[1]), &text[1], false);
        look_at(clade_lineage_write_text(&lineage, experiment, &text[2]), &text[2], false);
    }
    said(status);
    clade_lineage_fini(&lineage);
    clade_experiment_free(experiment);
}

/* As `clade merge RUN:CHILD` does, and its card. */
static void read_recipe(const char *path, unsigned child)
{
    char source[TEST_PATH + 64];
    clade_recipe *recipe = NULL;
    clade_text card = {0};
    snprintf(source, sizeof source, "%s:%u", path, child);
    clade_status status = clade_recipe_open(source, &recipe);
    if (status == CLADE_OK)
        status = clade_model_card(recipe, recipe, NULL, 0, &card);
    look_at(status, &card, false);
    clade_recipe_free(recipe);
}

static void read_all(const char *path)
{
    clade_ledger *ledger = NULL;
    clade_text csv = {0}, json = {0};
    read_status(path);
    const clade_status status = clade_run_ledger(path, &ledger);
    said(status);
    if (status != CLADE_OK)
        return;
    read_front(path, ledger);
    read_lineage(path, ledger, CHILDREN - 1);
    read_recipe(path, CHILDREN - 2);
    look_at(clade_series_write_csv(ledger, &csv), &csv, false);
    look_at(clade_series_write_json(ledger, &json), &json, true);
    clade_ledger_close(ledger);
}

/* ---- resume ---- */

/* A pool in which everything fails; after two results it wants to stop. */
typedef struct failing_pool {
    volatile int stop;
    int results;
} failing_pool;

static size_t one_worker(const void *state)
{
    (void)state;
    return 1;
}

static clade_status fail_next(void *state, clade_pool *pool, unsigned milliseconds, clade_pool_done *done)
{
    failing_pool *self = state;
    (void)milliseconds;
    done->job = clade_pool_take(pool, 0);
    if (!done->job)
        return CLADE_OK;
    done->result.status = CLADE_EEVAL;
    clade_text_append(&done->result.bytes, "made to fail");
    self->stop = ++self->results >= 2;
    return CLADE_OK;
}

static void nothing_to_close(void *state)
{
    (void)state;
}

static clade_status go_on(const char *path, const clade_experiment *experiment, const clade_family *family,
                          const clade_probes *probes)
{
    static const clade_pool_backend failing = {.workers = one_worker, .wait = fail_next, .close = nothing_to_close};
    failing_pool state = {0};
    clade_pool *pool = NULL;
    clade_subject subject = {0};
    const clade_engine_options options = {.run_folder = path, .stop = &state.stop};
    check(clade_pool_new(&failing, &state, &pool) == CLADE_OK);
    clade_status status = clade_subject_merge_new(experiment, family, probes, &subject);
    if (status == CLADE_OK)
        status = clade_engine_run(experiment, &subject, pool, &options);
    clade_subject_free(&subject);
    clade_pool_close(pool);
    return status;
}

static void resume(const char *path)
{
    clade_experiment *experiment = NULL;
    clade_family *family = NULL;
    clade_probes *probes = NULL;
    clade_status status = clade_run_resume(path, &(clade_resume_request){0}, &experiment);
    if (status == CLADE_OK && experiment->base)
        status = clade_family_open(experiment->base, (const char *const *)experiment->parent_paths,
                                   experiment->n_parents, &family);
    if (status == CLADE_OK && family)
        status = clade_probes_read(experiment->probes, &probes);
    if (status == CLADE_OK && family)
        status = go_on(path, experiment, family, probes);
    said(status);
    clade_probes_free(probes);
    clade_family_close(family);
    clade_experiment_free(experiment);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    static small_run runs[2];
    static size_t live;
    if (!runs[0].ledger) {
        clade_log_set_level(CLADE_LOG_ERROR);
        fake_experiment(scratch_folder(),
                        "\"algorithm\": {\"name\": \"sms_emoa\", \"population\": 4}, \"budget\": {\"children\": 6}, "
                        "\"racing\": true, \"window\": 2, \"best_weights\": false,");
        make_run(&runs[0], 0);
        make_run(&runs[1], 6);
        live = clade_alloc_live();
    }
    write_ledger(&runs[0], data, size);
    read_all(runs[0].path);
    check(clade_alloc_live() == live);
    write_ledger(&runs[1], data, size);
    resume(runs[1].path);
    check(clade_alloc_live() == live);
    return 0;
}
