/* A score as JSON and back: what workers send and the ledger keeps.
 *
 *   {"tasks": {TASK: {"clean": METRICS, "corrupted": {CORRUPTION: METRICS},
 *                     "robustness": x, "entropy": x, "unlabelled": n, "confidence": x,
 *                     "confidence_variance": x, "correct": HEX}},
 *    "mean": {"clean": METRICS, "corrupted": {CORRUPTION: accuracy},
 *             "robustness": x, "entropy": x, "worst_task": x},
 *    "images": n}
 *   of a child that was stopped, also, in each task and at the end:
 *     "bits": n, "clean_bits": n, "seen": HEX
 *     "stopped": {"reason": "race", "chance" or "batch", "rung": n, "left": images, "accuracy": x, "robustness": x}
 *   METRICS: {"items": n, "accuracy": x, "entropy": x, "nll": x, "ece": x, "brier": x, "loss": x, "confidence": x,
 *             "confidence_variance": x, "confidence_covariance": x}
 *
 * Numbers read back to the same double; NAN is null. CORRUPTION is its name, or NAME:SEVERITY where a plan has the same
 * one at several severities. HEX holds the correctness bits, two digits a byte, the lowest bit first. The means could
 * be computed again, but are read as they are, so that a ledger shows what was committed. */
#include <float.h>
#include <math.h>
#include <stdio.h>
#include <string.h>

#include "clade/alloc.h"
#include "clade/bits.h"
#include "clade/json.h"
#include "clade/score.h"

enum { KEY_SIZE = 64 };
#define KEYS(keys) keys, sizeof keys / sizeof *keys

static const struct {
    const char *key;
    size_t offset;
    bool later; /* scores of older programs are without it: NAN */
} metric_fields[] = {{"accuracy", offsetof(clade_metrics, accuracy), false},
                     {"entropy", offsetof(clade_metrics, entropy), false},
                     {"nll", offsetof(clade_metrics, nll), false},
                     {"ece", offsetof(clade_metrics, ece), false},
                     {"brier", offsetof(clade_metrics, brier), false},
                     {"loss", offsetof(clade_metrics, loss), true},
                     {"confidence", offsetof(clade_metrics, confidence), true},
                     {"confidence_variance", offsetof(clade_metrics, confidence_variance), true},
                     {"confidence_covariance", offsetof(clade_metrics, confidence_covariance), true}};
enum { METRIC_FIELDS = sizeof metric_fields / sizeof *metric_fields };

static const char *const reasons[] = {
    [CLADE_OUTRACED] = "race", [CLADE_AT_CHANCE] = "chance", [CLADE_SAMPLED] = "batch"};
_Static_assert(sizeof reasons / sizeof *reasons == CLADE_STOP_REASONS, "a reason to stop has no name");

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
    clade_json_put_u64(writer, "unlabelled", task->unlabelled);
    clade_json_put_number(writer, "confidence", task->confidence);
    clade_json_put_number(writer, "confidence_variance", task->confidence_variance);
    clade_json_put_bits(writer, "correct", task->correct, task->n_correct);
    if (task->seen) {
        clade_json_put_u64(writer, "bits", task->n_correct);
        clade_json_put_u64(writer, "clean_bits", task->n_clean);
        clade_json_put_bits(writer, "seen", task->seen, task->n_correct);
    }
    clade_json_end_object(writer);
}

static void put_stopped(clade_json_writer *writer, const clade_stopped *stopped)
{
    clade_json_begin_object(writer, "stopped");
    clade_json_put_string(writer, "reason", reasons[stopped->reason]);
    clade_json_put_u64(writer, "rung", stopped->rung);
    clade_json_put_u64(writer, "left", stopped->left);
    clade_json_put_number(writer, "accuracy", stopped->accuracy);
    clade_json_put_number(writer, "robustness", stopped->robustness);
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
    if (score->stopped.reason != CLADE_NOT_STOPPED)
        put_stopped(&writer, &score->stopped);
    clade_json_end_object(&writer);
}

/* ---- reading ---- */

/* A value that must be there: a number, or null for NAN. */
static void take_number(const clade_json_at *at, clade_problems *problems, double *out)
{
    *out = NAN;
    if (clade_json_kind_of(at) != CLADE_JSON_NULL)
        clade_json_number(at, problems, -DBL_MAX, DBL_MAX, out);
}

static void get_number(const clade_json_at *object, const char *key, clade_problems *problems, double *out)
{
    const clade_json_at at = clade_json_member(object, key);
    take_number(&at, problems, out);
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
        const clade_json_at member = clade_json_member(&at, metric_fields[i].key);
        *metric(metrics, i) = NAN;
        if (!metric_fields[i].later || clade_json_kind_of(&member) != CLADE_JSON_ABSENT)
            take_number(&member, problems, metric(metrics, i));
    }
    get_count(&at, "items", problems, &metrics->items);
    clade_json_only(&at, problems, KEYS(known));
}

/* TASK's bits, of which SCORED items were scored: all there are, or those that a stopped child saw. */
static bool get_all_bits(const clade_json_at *at, size_t scored, bool stopped, clade_problems *problems,
                         clade_task_score *task)
{
    const clade_json_at correct_at = clade_json_member(at, "correct"), seen_at = clade_json_member(at, "seen");
    size_t seen = 0;
    bool beyond = false;
    task->n_clean = task->clean.items;
    task->n_correct = scored;
    if (stopped) {
        get_count(at, "bits", problems, &task->n_correct);
        get_count(at, "clean_bits", problems, &task->n_clean);
    }
    if (!clade_json_bits(&correct_at, task->n_correct, problems, &task->correct))
        return false;
    if (!stopped)
        return true;
    if (!clade_json_bits(&seen_at, task->n_correct, problems, &task->seen))
        return false;
    for (size_t i = 0; task->seen && task->correct && i < task->n_correct; i++) {
        seen += clade_bit(task->seen, i);
        beyond = beyond || (task->correct[i / 8] & ~task->seen[i / 8]) != 0;
    }
    if (task->n_clean > task->n_correct || seen != scored || beyond)
        clade_json_problem(&seen_at, problems, "found %zu items seen of %zu (%zu clean), expected the %zu scored", seen,
                           task->n_correct, task->n_clean, scored);
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

/* Of the unlabelled items; scores of older programs are without it. */
static void get_confidence(const clade_json_at *at, clade_problems *problems, clade_task_score *task)
{
    const clade_json_at count = clade_json_member(at, "unlabelled");
    task->confidence = task->confidence_variance = NAN;
    if (clade_json_kind_of(&count) == CLADE_JSON_ABSENT)
        return;
    get_count(at, "unlabelled", problems, &task->unlabelled);
    get_number(at, "confidence", problems, &task->confidence);
    get_number(at, "confidence_variance", problems, &task->confidence_variance);
}

static bool get_task(const clade_json_at *tasks, const char *name, const clade_score_plan *plan, bool stopped,
                     clade_problems *problems, clade_task_score *task)
{
    static const char *const known[] = {"clean",      "corrupted",           "robustness", "entropy", "unlabelled",
                                        "confidence", "confidence_variance", "correct",    "bits",    "clean_bits",
                                        "seen"};
    enum { OF_A_WHOLE_CHILD = 8 }; /* of them */
    static const clade_metrics none = {.accuracy = NAN,
                                       .entropy = NAN,
                                       .nll = NAN,
                                       .ece = NAN,
                                       .brier = NAN,
                                       .loss = NAN,
                                       .confidence = NAN,
                                       .confidence_variance = NAN,
                                       .confidence_covariance = NAN};
    char key[KEY_SIZE];
    const clade_json_at at = get_object(tasks, name, problems);
    const clade_json_at corrupted = get_object(&at, "corrupted", problems);
    clade_json_only(&at, problems, known, stopped ? sizeof known / sizeof *known : OF_A_WHOLE_CHILD);
    check_corruptions(&corrupted, plan, problems);
    get_metrics(&at, "clean", problems, &task->clean);
    size_t scored = task->clean.items;
    for (size_t k = 0; k < CLADE_MAX_CORRUPTIONS; k++)
        task->corrupted[k] = none;
    for (size_t k = 0; k < corruptions_of(plan); k++) {
        get_metrics(&corrupted, corruption_key(plan, k, key), problems, &task->corrupted[k]);
        scored += task->corrupted[k].items;
    }
    get_number(&at, "robustness", problems, &task->robustness);
    get_number(&at, "entropy", problems, &task->entropy);
    get_confidence(&at, problems, task);
    return get_all_bits(&at, scored, stopped, problems, task);
}

/* What a score says of a child that was stopped; absent: it was not. */
static void get_stopped(const clade_json_at *root, clade_problems *problems, clade_stopped *stopped)
{
    static const char *const known[] = {"reason", "rung", "left", "accuracy", "robustness"};
    const clade_json_at at = clade_json_member(root, "stopped"), reason = clade_json_member(&at, "reason"),
                        rung = clade_json_member(&at, "rung");
    const char *word = "";
    int64_t number = 1;
    if (clade_json_kind_of(&at) == CLADE_JSON_ABSENT)
        return;
    clade_json_only(&at, problems, KEYS(known));
    if (clade_json_string(&reason, problems, &word)) {
        for (size_t r = CLADE_NOT_STOPPED + 1; r < CLADE_STOP_REASONS; r++)
            if (strcmp(word, reasons[r]) == 0)
                stopped->reason = (clade_stop_reason)r;
        if (stopped->reason == CLADE_NOT_STOPPED)
            clade_json_problem(&reason, problems, "found \"%.20s\", expected \"race\" or \"chance\"", word);
    }
    (void)clade_json_integer(&rung, problems, 1, CLADE_MAX_RUNGS, &number);
    stopped->rung = (size_t)number;
    get_count(&at, "left", problems, &stopped->left);
    get_number(&at, "accuracy", problems, &stopped->accuracy);
    get_number(&at, "robustness", problems, &stopped->robustness);
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
        if (!get_task(&at, probes->tasks[t].name, plan, score->stopped.reason != CLADE_NOT_STOPPED, problems,
                      &score->tasks[t]))
            return false;
    return true;
}

clade_status clade_score_parse(const char *json, size_t length, const clade_probes *probes,
                               const clade_score_plan *plan, clade_score *score)
{
    static const char *const known[] = {"tasks", "mean", "images", "stopped"};
    clade_json *document = NULL;
    clade_problems problems = {0};
    *score = (clade_score){0};
    CLADE_TRY(clade_json_parse(json, length, "score", CLADE_EINPUT, &document));
    const clade_json_at root = clade_json_root(document);
    clade_json_only(&root, &problems, KEYS(known));
    get_stopped(&root, &problems, &score->stopped);
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
