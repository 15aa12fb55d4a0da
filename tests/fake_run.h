/* A run without a model: three small checkpoints, probes whose images are never read, and a pool that scores a child by
 * how near its weights are to its parents', in any order of arrival, with failures, delays and deaths as a test asks
 * for. */
#ifndef CLADE_FAKE_RUN_H
#define CLADE_FAKE_RUN_H

#include "test.h"

#include <math.h>
#include <signal.h>
#include <sqlite3.h>

#include "clade/files.h"
#include "clade/log.h"
#include "clade/merge.h"
#include "clade/safetensors.h"
#include "search/pool_backend.h"
#include "search/run_folder.h"
#include "search/subject_merge.h"

enum { FAKE_TENSORS = 3, FAKE_VALUES = 16, FAKE_ITEMS = 8, FAKE_HELD = 64 };

/* ---- the zoo ---- */

static inline void fake_checkpoint(const char *folder, const char *name, uint64_t seed)
{
    static const uint64_t shape[] = {FAKE_VALUES};
    static const char *const names[FAKE_TENSORS] = {"embed.weight", "model.layers.0.weight", "model.layers.1.weight"};
    char path[TEST_PATH + 64];
    float values[FAKE_TENSORS][FAKE_VALUES];
    clade_tensor tensors[FAKE_TENSORS];
    clade_rng rng = clade_rng_seeded(seed, 1);
    for (size_t t = 0; t < FAKE_TENSORS; t++) {
        for (size_t i = 0; i < FAKE_VALUES; i++)
            values[t][i] = (float)(clade_rng_uniform(&rng) - 0.5);
        tensors[t] = (clade_tensor){.name = names[t],
                                    .dtype = CLADE_F32,
                                    .rank = 1,
                                    .shape = shape,
                                    .count = FAKE_VALUES,
                                    .bytes = sizeof values[t],
                                    .data = values[t]};
    }
    snprintf(path, sizeof path, "%s/%s.safetensors", folder, name);
    assert_ok(clade_safetensors_write(path, tensors, FAKE_TENSORS, NULL, NULL));
}

static inline void fake_file(const char *folder, const char *name, const char *text)
{
    char path[TEST_PATH + 64];
    snprintf(path, sizeof path, "%s/%s", folder, name);
    write_test_file(path, text, strlen(text));
}

/* Heads of two classes for both tasks. */
static inline void fake_heads(const char *folder)
{
    static const uint64_t shape[] = {2, 2};
    static const float rows[] = {1.0F, 0.0F, 0.0F, 1.0F};
    char path[TEST_PATH + 64];
    const clade_tensor heads[] = {{.name = "digits",
                                   .dtype = CLADE_F32,
                                   .rank = 2,
                                   .shape = shape,
                                   .count = 4,
                                   .bytes = sizeof rows,
                                   .data = rows},
                                  {.name = "fashion",
                                   .dtype = CLADE_F32,
                                   .rank = 2,
                                   .shape = shape,
                                   .count = 4,
                                   .bytes = sizeof rows,
                                   .data = rows}};
    snprintf(path, sizeof path, "%s/heads.safetensors", folder);
    assert_ok(clade_safetensors_write(path, heads, 2, NULL, NULL));
}

/* The folder's zoo, probes and experiment.json; EXTRA are further members of the experiment ("\"seed\": 3, "). */
static inline void fake_experiment(const char *folder, const char *extra)
{
    char text[4096];
    fake_checkpoint(folder, "base", 1);
    fake_checkpoint(folder, "fashion", 2);
    fake_checkpoint(folder, "digits", 3);
    fake_heads(folder);
    fake_file(folder, "images.idx", "never read");
    fake_file(folder, "labels.idx", "never read");
    fake_file(
        folder, "probes.json",
        "{\"tasks\": ["
        "{\"name\": \"fashion\", \"images\": \"images.idx\", \"labels\": \"labels.idx\", \"head\": {\"file\": "
        "\"heads.safetensors\", \"tensor\": \"fashion\", \"logit_scale\": 20.0}, \"splits\": {\"search\": [0, 8], "
        "\"unlabelled\": [8, 16], \"holdout\": [16, 24]}},"
        "{\"name\": \"digits\", \"images\": \"images.idx\", \"labels\": \"labels.idx\", \"head\": {\"file\": "
        "\"heads.safetensors\", \"tensor\": \"digits\", \"logit_scale\": 20.0}, \"splits\": {\"search\": [0, 8], "
        "\"unlabelled\": [8, 16], \"holdout\": [16, 24]}}]}");
    snprintf(text, sizeof text,
             "{\"clade\": 1, %s \"base\": \"base.safetensors\", \"parents\": {\"fashion\": \"fashion.safetensors\", "
             "\"digits\": "
             "\"digits.safetensors\"}, \"probes\": \"probes.json\", \"space\": {\"methods\": [\"task_arithmetic\", "
             "\"ties\"], "
             "\"sites\": \"model\"}}",
             extra);
    fake_file(folder, "experiment.json", text);
}

/* ---- the pool ---- */

typedef struct fake_pool {
    const clade_experiment *experiment;
    const clade_probes *probes;
    clade_child *child;
    clade_rng rng;
    size_t workers;    /* jobs held at once; results come back in random order when there are more than one */
    size_t fail_every; /* recipes whose hash is a multiple of this fail; 0: none; 1: all */
    size_t nan_every;  /* likewise, entropy and all else not finite */
    size_t race_every; /* likewise, stopped after the first rung, when they race; what is estimated of them tells the
                          race's text, so that two runs with the same hash had the same races */
    bool misled;       /* the less entropy, the fewer clean labelled items are right */
    size_t kill_after; /* results after which the process is killed; 0: never */
    size_t stop_after; /* results after which *STOP is set */
    volatile int *stop;
    void (*idle)(const struct fake_pool *self); /* called, when not NULL, when the engine has nothing to do but wait */
    size_t begun, delivered;
    clade_pool_job *held[FAKE_HELD];
    size_t n_held;
} fake_pool;

/* 1 - mean distance of the child to parent PARENT, in [0, 1]. */
static inline double fake_nearness(const clade_child *child, const clade_checkpoint *parent)
{
    double sum = 0.0;
    for (size_t t = 0; t < clade_child_count(child); t++) {
        const clade_tensor *a = clade_child_at(child, t), *b = clade_checkpoint_find(parent, a->name);
        for (size_t i = 0; i < a->count; i++) {
            float x, y;
            memcpy(&x, (const char *)a->data + i * sizeof x, sizeof x);
            memcpy(&y, (const char *)b->data + i * sizeof y, sizeof y);
            sum += fabs((double)x - (double)y);
        }
    }
    return fmax(0.0, 1.0 - sum / (FAKE_TENSORS * FAKE_VALUES));
}

static inline clade_recipe *fake_recipe(const char *json, size_t length)
{
    clade_json *document = NULL;
    clade_problems problems = {0};
    clade_recipe *recipe = NULL;
    assert_ok(clade_json_parse(json, length, "recipe", CLADE_EINTERNAL, &document));
    const clade_json_at root = clade_json_root(document);
    assert_ok(clade_recipe_parse(&root, &problems, &recipe));
    assert_ok(clade_problems_end(&problems, CLADE_EINTERNAL));
    clade_json_free(document);
    return recipe;
}

/* No item right up to an entropy of 0.19 (the least there is is a little less), all from 0.23 on. */
static inline void fake_mislead(double entropy, clade_task_score *task)
{
    size_t right = 0;
    task->correct[0] = 0;
    for (size_t i = 0; i < FAKE_ITEMS; i++) {
        const bool is_right = (double)i + 0.5 < FAKE_ITEMS * (entropy - 0.19) / 0.04;
        task->correct[0] = (uint8_t)(task->correct[0] | is_right << i);
        right += is_right;
    }
    task->clean.accuracy = (double)right / FAKE_ITEMS;
}

static inline void fake_score(const fake_pool *self, const clade_family *family, clade_split split, bool broken,
                              const clade_stopped *stopped, clade_text *json)
{
    clade_task_score tasks[2];
    uint8_t bits[2][64] = {{0}}, all[64];
    memset(all, 0xff, sizeof all);
    const clade_score_plan plan = split == CLADE_HOLDOUT ? clade_experiment_holdout_plan(self->experiment)
                                                         : clade_experiment_search_plan(self->experiment);
    clade_score score = {
        .tasks = tasks, .n_tasks = 2, .images = 2 * FAKE_ITEMS - stopped->left, .worst_task = 1.0, .stopped = *stopped};
    for (size_t t = 0; t < 2; t++) {
        const double x =
            fake_nearness(self->child, clade_family_parent(family, t)) * (split == CLADE_HOLDOUT ? 0.9 : 1.0);
        const clade_metrics metrics = {.items = FAKE_ITEMS,
                                       .accuracy = broken ? NAN : x,
                                       .entropy = 1.0 - x,
                                       .nll = 1.0 - x,
                                       .ece = 0.1,
                                       .brier = 0.5};
        tasks[t] = (clade_task_score){.clean = metrics, .robustness = x * x, .entropy = 1.0 - x, .correct = bits[t]};
        for (size_t k = 0; k < plan.n_corruptions; k++)
            tasks[t].corrupted[k] = metrics;
        tasks[t].n_clean = FAKE_ITEMS;
        tasks[t].n_correct = FAKE_ITEMS * (1 + plan.n_corruptions);
        tasks[t].seen = stopped->reason == CLADE_NOT_STOPPED ? NULL : all;
        bits[t][0] = (uint8_t)(unsigned)(256.0 * x); /* some that differ from child to child */
        /* On holdout the first items are right, as many as the accuracy says, clean and under every corruption. */
        for (size_t i = 0; split == CLADE_HOLDOUT && i < FAKE_ITEMS * (1 + plan.n_corruptions); i++) {
            const bool right = (double)(i % FAKE_ITEMS) + 0.5 < x * FAKE_ITEMS;
            bits[t][i / 8] = (uint8_t)((bits[t][i / 8] & ~(1 << (i % 8))) | right << (i % 8));
        }
        score.clean.items += FAKE_ITEMS;
        score.clean.accuracy += metrics.accuracy / 2.0;
        score.robustness += (1.0 - fabs(x - 0.8)) / 2.0;
        score.entropy += metrics.entropy / 2.0;
        score.worst_task = fmin(score.worst_task, x);
    }
    for (size_t t = 0; self->misled && split == CLADE_SEARCH && t < 2; t++)
        fake_mislead(score.entropy, &tasks[t]);
    clade_score_print(&score, self->probes, &plan, json);
}

/* What the recipe's numbers (not its paths) say of failing: the same wherever and whenever it is evaluated. */
static inline bool fake_chance(const clade_pool_job *job, size_t every, uint64_t seed)
{
    const char *rules = strstr(job->recipe, "\"rules\"");
    assert_non_null(rules);
    return every > 0 && clade_xxh64(rules, strlen(rules), seed) % every == 0;
}

static inline void fake_evaluate(fake_pool *self, const clade_pool_job *job, clade_pool_result *result)
{
    clade_family *family = NULL;
    result->job = job->job;
    result->rank = 1 + (int)clade_rng_below(&self->rng, self->workers);
    result->seconds = clade_rng_uniform(&self->rng);
    if (fake_chance(job, self->fail_every, 1)) {
        result->status = CLADE_EEVAL;
        clade_text_append(&result->bytes, "made to fail");
        return;
    }
    clade_recipe *recipe = fake_recipe(job->recipe, job->length);
    assert_ok(
        clade_family_open(self->experiment->base, (const char *const *)self->experiment->parent_paths, 2, &family));
    assert_ok(clade_child_new(family, &(clade_child_options){.widen = true}, &self->child));
    assert_ok(clade_child_make(self->child, recipe));
    clade_stopped stopped = {0};
    if (job->race_length > 0 && fake_chance(job, self->race_every, 3)) {
        const uint64_t race = clade_xxh64(clade_pool_job_of(job).race, job->race_length, 0);
        stopped = (clade_stopped){.reason = CLADE_OUTRACED,
                                  .rung = 1,
                                  .left = FAKE_ITEMS,
                                  .accuracy = (double)(race % 1000) / 1000.0, /* which might be the best of all */
                                  .robustness = (double)(race / 1000 % 1000) / 1000.0};
    }
    fake_score(self, family, job->split, fake_chance(job, self->nan_every, 2), &stopped, &result->bytes);
    clade_child_free(self->child);
    clade_family_close(family);
    clade_recipe_free(recipe);
}

static inline size_t fake_workers(const void *state)
{
    return ((const fake_pool *)state)->workers;
}

static inline clade_status fake_wait(void *state, clade_pool *pool, unsigned milliseconds, clade_pool_done *done)
{
    fake_pool *self = state;
    if (self->idle && milliseconds > 0)
        self->idle(self);
    while (self->n_held < self->workers) {
        clade_pool_job *job = clade_pool_take(pool, 1); /* not who gives the results: it may try again */
        if (!job)
            break;
        self->held[self->n_held++] = job;
        self->begun++;
    }
    if (self->n_held == 0 || (self->workers > 1 && clade_rng_below(&self->rng, 3) == 0))
        return CLADE_OK;
    clade_pool_result *result = &done->result;
    const size_t pick = clade_rng_below(&self->rng, self->n_held);
    clade_pool_job *job = self->held[pick];
    self->held[pick] = self->held[--self->n_held];
    fake_evaluate(self, job, result);
    done->job = job;
    self->delivered++;
    if (self->kill_after > 0 && self->delivered > self->kill_after)
        raise(SIGKILL);
    if (self->stop_after > 0 && self->delivered >= self->stop_after)
        *self->stop = 1;
    return CLADE_OK;
}

static inline void fake_close(void *state)
{
    fake_pool *self = state;
    for (size_t i = 0; i < self->n_held; i++)
        clade_free(self->held[i]);
    self->n_held = 0;
}

static const clade_pool_backend fake_backend = {.workers = fake_workers, .wait = fake_wait, .close = fake_close};

/* ---- a session ---- */

/* Go on with the run in FOLDER through SETTINGS (copied; counts come back in it). CHILDREN > 0 raises the budget.
 * ALGORITHM replaces the experiment's when not NULL. */
static inline clade_status fake_session(const char *run_folder, fake_pool *settings, uint64_t children,
                                        const clade_algorithm *algorithm)
{
    clade_experiment *experiment = NULL;
    clade_family *family = NULL;
    clade_probes *probes = NULL;
    clade_subject subject = {0};
    clade_pool *pool = NULL;
    volatile int stop = 0;
    const clade_resume_request request = {.children = children};
    CLADE_TRY(clade_run_resume(run_folder, &request, &experiment));
    if (algorithm)
        experiment->algorithm = algorithm;
    assert_ok(clade_family_open(experiment->base, (const char *const *)experiment->parent_paths, experiment->n_parents,
                                &family));
    assert_ok(clade_probes_read(experiment->probes, &probes));
    settings->experiment = experiment;
    settings->probes = probes;
    settings->stop = &stop;
    settings->begun = settings->delivered = 0;
    assert_ok(clade_pool_new(&fake_backend, settings, &pool));
    const clade_engine_options options = {.run_folder = run_folder, .stop = &stop};
    assert_ok(clade_subject_merge_new(experiment, family, probes, &subject));
    const clade_status status = clade_engine_run(experiment, &subject, pool, &options);
    clade_subject_free(&subject);
    clade_pool_close(pool);
    clade_family_close(family);
    clade_probes_free(probes);
    clade_experiment_free(experiment);
    return status;
}

static inline fake_pool fake_pool_of(size_t workers, uint64_t seed)
{
    return (fake_pool){.workers = workers, .rng = clade_rng_seeded(seed, 7)};
}

/* ---- runs ---- */

/* A fresh run of the folder's experiment; PATH has TEST_PATH + 32 bytes. */
static inline void fake_new_run(const char *folder, char *path)
{
    static unsigned runs;
    char experiment_path[TEST_PATH + 32];
    clade_experiment *experiment = NULL;
    snprintf(experiment_path, sizeof experiment_path, "%s/experiment.json", folder);
    snprintf(path, TEST_PATH + 32, "%s/run-%u", folder, runs++);
    assert_ok(clade_experiment_read(experiment_path, &experiment));
    assert_ok(clade_run_create(experiment, path));
    clade_experiment_free(experiment);
}

/* A fresh run of the folder's experiment in sessions of so many RESULTS, to its end; results arrive in another order each
 * time. PATH as above. */
static inline void fake_sessions(const char *folder, const fake_pool *settings, size_t results, char *path)
{
    clade_status status = CLADE_EINTERRUPTED;
    fake_new_run(folder, path);
    for (uint64_t session = 0; status == CLADE_EINTERRUPTED; session++) {
        fake_pool pool = *settings;
        pool.rng = clade_rng_seeded(10 * results + session, 7);
        pool.stop_after = results;
        status = fake_session(path, &pool, 0, NULL);
        assert_true(session < 100);
    }
    assert_ok(status);
}

static inline void fake_run_hash(const char *path, char hash[CLADE_SHA256_HEX])
{
    clade_front front;
    assert_ok(clade_front_read(path, CLADE_SEARCH, &front));
    memcpy(hash, front.run_hash, CLADE_SHA256_HEX);
    clade_front_fini(&front);
}

/* An uninterrupted run by one worker: what every other way must come to. */
static inline void fake_reference_hash(const char *folder, char hash[CLADE_SHA256_HEX])
{
    char path[TEST_PATH + 32];
    fake_pool pool = fake_pool_of(1, 0);
    fake_new_run(folder, path);
    assert_ok(fake_session(path, &pool, 0, NULL));
    fake_run_hash(path, hash);
}

/* A number out of the run's database. */
static inline int64_t fake_ask_database(const char *path, const char *sql)
{
    char database[TEST_PATH + 64];
    sqlite3 *db = NULL;
    sqlite3_stmt *statement = NULL;
    snprintf(database, sizeof database, "%s/run.db", path);
    assert_int_equal(sqlite3_open(database, &db), SQLITE_OK);
    assert_int_equal(sqlite3_prepare_v2(db, sql, -1, &statement, NULL), SQLITE_OK);
    const int64_t answer = sqlite3_step(statement) == SQLITE_ROW ? sqlite3_column_int64(statement, 0) : -1;
    sqlite3_finalize(statement);
    assert_int_equal(sqlite3_close(db), SQLITE_OK);
    return answer;
}

static inline char *fake_read_file(const char *path, const char *name)
{
    char file[TEST_PATH + 128];
    char *text = NULL;
    size_t bytes = 0;
    snprintf(file, sizeof file, "%s/%s", path, name);
    assert_ok(clade_read_file(file, 1 << 24, &text, &bytes));
    return text;
}

static inline bool fake_exists(const char *path, const char *name)
{
    char file[TEST_PATH + 128];
    snprintf(file, sizeof file, "%s/%s", path, name);
    return clade_path_exists(file);
}

/* Thousands of fsyncs, of which no disk is tested: in memory where there is a folder for it. */
static inline void fake_fast_disk(void)
{
    if (access("/dev/shm", W_OK) == 0)
        setenv("TMPDIR", "/dev/shm", 0);
}

/* ---- the fixture of tests that run in a folder of their own ---- */

static char folder[TEST_PATH];

static inline int set_up(void **state)
{
    (void)state;
    clade_log_set_level(CLADE_LOG_ERROR);
    make_temporary_folder(folder);
    return 0;
}

static inline int tear_down(void **state)
{
    (void)state;
    remove_temporary_folder(folder);
    assert_int_equal(clade_alloc_live(), 0);
    return 0;
}

#endif
