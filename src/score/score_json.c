/* A score as JSON and back: what workers send and the ledger keeps.
 *
 *   {"tasks": {TASK: {"clean": METRICS, "corrupted": {CORRUPTION: METRICS},
 *                     "robustness": x, "entropy": x, "correct": HEX}},
 *    "mean": {"clean": METRICS, "corrupted": {CORRUPTION: accuracy},
 *             "robustness": x, "entropy": x, "worst_task": x},
 *    "images": n}
 *   METRICS: {"items": n, "accuracy": x, "entropy": x, "nll": x, "ece": x, "brier": x}
 *
 * Numbers read back to the same double; NAN is null. CORRUPTION is its name, or NAME:SEVERITY where a plan has the same
 * one at several severities. HEX holds the correctness bits, two digits a byte, the lowest bit first. The means could
 * be computed again, but are read as they are, so that a ledger shows what was committed. */
#include <float.h>
#include <math.h>
#include <stdio.h>
#include <string.h>

#include "clade/alloc.h"
#include "clade/json.h"
#include "clade/score.h"

enum { KEY_SIZE = 64 };
#define KEYS(keys) keys, sizeof keys / sizeof *keys

static const struct {
    const char *key;
    size_t offset;
} metric_fields[] = {{"accuracy", offsetof(clade_metrics, accuracy)},
                     {"entropy", offsetof(clade_metrics, entropy)},
                     {"nll", offsetof(clade_metrics, nll)},
                     {"ece", offsetof(clade_metrics, ece)},
                     {"brier", offsetof(clade_metrics, brier)}};
enum { METRIC_FIELDS = sizeof metric_fields / sizeof *metric_fields };

/* Where metric I lies in METRICS. */
static double *metric(clade_metrics *metrics, size_t i)
{
    return (double *)(void *)((char *)metrics + metric_fields[i].offset);
}

static size_t corruptions_of(const clade_score_plan *plan)
{
    return plan->with_corrupted ? plan->n_corruptions : 0;
}

static const char *corruption_key(const clade_score_plan *plan, size_t k, char key[KEY_SIZE])
{
    size_t same = 0;
    for (size_t j = 0; j < plan->n_corruptions; j++)
        same += plan->corruptions[j] == plan->corruptions[k];
    if (same == 1)
        return plan->corruptions[k]->name;
    snprintf(key, KEY_SIZE, "%s:%d", plan->corruptions[k]->name, plan->severities[k]);
    return key;
}

/* ---- writing ---- */

static void put_metrics(clade_json_writer *writer, const char *key, const clade_metrics *metrics)
{
    clade_metrics copy = *metrics;
    clade_json_begin_object(writer, key);
    clade_json_put_u64(writer, "items", metrics->items);
    for (size_t i = 0; i < METRIC_FIELDS; i++)
        clade_json_put_number(writer, metric_fields[i].key, *metric(&copy, i));
    clade_json_end_object(writer);
}

static void put_bits(clade_json_writer *writer, const clade_task_score *task)
{
    clade_text hex = {0};
    for (size_t i = 0; i < (task->n_correct + 7) / 8; i++)
        clade_text_append(&hex, "%02x", task->correct[i]);
    clade_json_put_string(writer, "correct", clade_text_get(&hex));
    writer->text->failed = writer->text->failed || hex.failed;
    clade_text_free(&hex);
}

static void put_task(clade_json_writer *writer, const char *name, const clade_task_score *task,
                     const clade_score_plan *plan)
{
    char key[KEY_SIZE];
    clade_json_begin_object(writer, name);
    put_metrics(writer, "clean", &task->clean);
    clade_json_begin_object(writer, "corrupted");
    for (size_t k = 0; k < corruptions_of(plan); k++)
        put_metrics(writer, corruption_key(plan, k, key), &task->corrupted[k]);
    clade_json_end_object(writer);
    clade_json_put_number(writer, "robustness", task->robustness);
    clade_json_put_number(writer, "entropy", task->entropy);
    put_bits(writer, task);
    clade_json_end_object(writer);
}

void clade_score_print(const clade_score *score, const clade_probes *probes, const clade_score_plan *plan,
                       clade_text *text)
{
    char key[KEY_SIZE];
    clade_json_writer writer = clade_json_writer_to(text, false);
    clade_json_begin_object(&writer, NULL);
    clade_json_begin_object(&writer, "tasks");
    for (size_t t = 0; t < score->n_tasks; t++)
        put_task(&writer, probes->tasks[t].name, &score->tasks[t], plan);
    clade_json_end_object(&writer);
    clade_json_begin_object(&writer, "mean");
    put_metrics(&writer, "clean", &score->clean);
    clade_json_begin_object(&writer, "corrupted");
    for (size_t k = 0; k < corruptions_of(plan); k++)
        clade_json_put_number(&writer, corruption_key(plan, k, key), score->corrupted_accuracy[k]);
    clade_json_end_object(&writer);
    clade_json_put_number(&writer, "robustness", score->robustness);
    clade_json_put_number(&writer, "entropy", score->entropy);
    clade_json_put_number(&writer, "worst_task", score->worst_task);
    clade_json_end_object(&writer);
    clade_json_put_u64(&writer, "images", score->images);
    clade_json_end_object(&writer);
}

/* ---- reading ---- */

/* A member that must be there: a number, or null for NAN. */
static void get_number(const clade_json_at *object, const char *key, clade_problems *problems, double *out)
{
    const clade_json_at at = clade_json_member(object, key);
    *out = NAN;
    if (clade_json_kind_of(&at) != CLADE_JSON_NULL)
        clade_json_number(&at, problems, -DBL_MAX, DBL_MAX, out);
}

static void get_count(const clade_json_at *object, const char *key, clade_problems *problems, size_t *out)
{
    const clade_json_at at = clade_json_member(object, key);
    int64_t count;
    if (clade_json_integer(&at, problems, 0, INT64_C(1) << 53, &count))
        *out = (size_t)count;
}

/* The object KEY of OBJECT; absent, with a problem, when it is not one. */
static clade_json_at get_object(const clade_json_at *object, const char *key, clade_problems *problems)
{
    const clade_json_at at = clade_json_member(object, key);
    clade_json_is(&at, problems, CLADE_JSON_OBJECT);
    return at;
}

static void get_metrics(const clade_json_at *object, const char *key, clade_problems *problems, clade_metrics *metrics)
{
    const char *known[METRIC_FIELDS + 1] = {"items"};
    const clade_json_at at = get_object(object, key, problems);
    for (size_t i = 0; i < METRIC_FIELDS; i++) {
        known[i + 1] = metric_fields[i].key;
        get_number(&at, metric_fields[i].key, problems, metric(metrics, i));
    }
    get_count(&at, "items", problems, &metrics->items);
    clade_json_only(&at, problems, KEYS(known));
}

static int hex_digit(char c)
{
    return c >= '0' && c <= '9' ? c - '0' : c >= 'a' && c <= 'f' ? c - 'a' + 10 : -1;
}

/* TASK's n_correct bits; its length says how much HEX must hold, so nothing larger than the text is allocated. */
static bool get_bits(const clade_json_at *object, clade_problems *problems, clade_task_score *task)
{
    const clade_json_at at = clade_json_member(object, "correct");
    const char *hex;
    if (!clade_json_string(&at, problems, &hex))
        return true;
    const size_t digits = strlen(hex), bytes = task->n_correct / 8 + (task->n_correct % 8 != 0);
    if (digits % 2 != 0 || digits / 2 != bytes) {
        clade_json_problem(&at, problems, "found %zu digits, expected %zu for %zu items", digits, 2 * bytes,
                           task->n_correct);
        return true;
    }
    task->correct = clade_calloc(bytes, 1);
    if (!task->correct)
        return false;
    for (size_t i = 0; i < digits; i++) {
        const int digit = hex_digit(hex[i]);
        if (digit < 0) {
            clade_json_problem(&at, problems, "found '%c' at %zu, expected 0-9 or a-f", hex[i], i);
            return true;
        }
        task->correct[i / 2] = (uint8_t)(task->correct[i / 2] << 4 | digit);
    }
    if (task->n_correct % 8 != 0 && task->correct[bytes - 1] >> (task->n_correct % 8) != 0)
        clade_json_problem(&at, problems, "found bits set beyond item %zu, the last", task->n_correct - 1);
    return true;
}

/* The keys of an object "corrupted" must be those of the plan. */
static void check_corruptions(const clade_json_at *at, const clade_score_plan *plan, clade_problems *problems)
{
    char keys[CLADE_MAX_CORRUPTIONS][KEY_SIZE];
    const char *known[CLADE_MAX_CORRUPTIONS];
    for (size_t k = 0; k < corruptions_of(plan); k++)
        known[k] = corruption_key(plan, k, keys[k]);
    clade_json_only(at, problems, known, corruptions_of(plan));
}

static bool get_task(const clade_json_at *tasks, const char *name, const clade_score_plan *plan,
                     clade_problems *problems, clade_task_score *task)
{
    static const char *const known[] = {"clean", "corrupted", "robustness", "entropy", "correct"};
    static const clade_metrics none = {.accuracy = NAN, .entropy = NAN, .nll = NAN, .ece = NAN, .brier = NAN};
    char key[KEY_SIZE];
    const clade_json_at at = get_object(tasks, name, problems);
    const clade_json_at corrupted = get_object(&at, "corrupted", problems);
    clade_json_only(&at, problems, KEYS(known));
    check_corruptions(&corrupted, plan, problems);
    get_metrics(&at, "clean", problems, &task->clean);
    task->n_correct = task->clean.items;
    for (size_t k = 0; k < CLADE_MAX_CORRUPTIONS; k++)
        task->corrupted[k] = none;
    for (size_t k = 0; k < corruptions_of(plan); k++) {
        get_metrics(&corrupted, corruption_key(plan, k, key), problems, &task->corrupted[k]);
        task->n_correct += task->corrupted[k].items;
    }
    get_number(&at, "robustness", problems, &task->robustness);
    get_number(&at, "entropy", problems, &task->entropy);
    return get_bits(&at, problems, task);
}

static void get_means(const clade_json_at *root, const clade_score_plan *plan, clade_problems *problems,
                      clade_score *score)
{
    static const char *const known[] = {"clean", "corrupted", "robustness", "entropy", "worst_task"};
    char key[KEY_SIZE];
    const clade_json_at at = get_object(root, "mean", problems);
    const clade_json_at corrupted = get_object(&at, "corrupted", problems);
    clade_json_only(&at, problems, KEYS(known));
    check_corruptions(&corrupted, plan, problems);
    get_metrics(&at, "clean", problems, &score->clean);
    for (size_t k = 0; k < CLADE_MAX_CORRUPTIONS; k++)
        score->corrupted_accuracy[k] = NAN;
    for (size_t k = 0; k < corruptions_of(plan); k++)
        get_number(&corrupted, corruption_key(plan, k, key), problems, &score->corrupted_accuracy[k]);
    get_number(&at, "robustness", problems, &score->robustness);
    get_number(&at, "entropy", problems, &score->entropy);
    get_number(&at, "worst_task", problems, &score->worst_task);
}

static bool get_tasks(const clade_json_at *root, const clade_probes *probes, const clade_score_plan *plan,
                      clade_problems *problems, clade_score *score)
{
    const clade_json_at at = get_object(root, "tasks", problems);
    if (clade_json_size(&at) != probes->n_tasks)
        clade_json_problem(&at, problems, "found %zu tasks, expected the %zu of %s", clade_json_size(&at),
                           probes->n_tasks, probes->path);
    score->tasks = clade_calloc(probes->n_tasks, sizeof *score->tasks);
    if (!score->tasks)
        return false;
    score->n_tasks = probes->n_tasks;
    for (size_t t = 0; t < probes->n_tasks; t++)
        if (!get_task(&at, probes->tasks[t].name, plan, problems, &score->tasks[t]))
            return false;
    return true;
}

clade_status clade_score_parse(const char *json, size_t length, const clade_probes *probes,
                               const clade_score_plan *plan, clade_score *score)
{
    static const char *const known[] = {"tasks", "mean", "images"};
    clade_json *document = NULL;
    clade_problems problems = {0};
    *score = (clade_score){0};
    CLADE_TRY(clade_json_parse(json, length, "score", CLADE_EINPUT, &document));
    const clade_json_at root = clade_json_root(document);
    clade_json_only(&root, &problems, KEYS(known));
    const bool enough = get_tasks(&root, probes, plan, &problems, score);
    get_means(&root, plan, &problems, score);
    get_count(&root, "images", &problems, &score->images);
    clade_json_free(document);
    clade_status status = clade_problems_end(&problems, CLADE_EINPUT);
    if (!enough)
        status = clade_fail_memory(probes->n_tasks * sizeof *score->tasks, "a score");
    if (status != CLADE_OK)
        clade_score_fini(score);
    return status;
}
