/* A race as text: what the coordinator knew when it bred the child, for the worker that scores it. */
#include "clade/alloc.h"
#include "clade/json.h"
#include "search/race.h"

void clade_race_print(const clade_opponent *opponents, size_t n, size_t n_bits, const size_t *const *order,
                      const size_t *n_labelled, size_t n_tasks, clade_text *text)
{
    clade_json_writer writer = clade_json_writer_to(text, false);
    clade_json_begin_object(&writer, NULL);
    clade_json_begin_array(&writer, "opponents");
    for (size_t m = 0; m < n; m++) {
        clade_json_begin_object(&writer, NULL);
        clade_json_put_u64(&writer, "child", opponents[m].child);
        clade_json_put_bits(&writer, "correct", opponents[m].correct, n_bits);
        clade_json_end_object(&writer);
    }
    clade_json_end_array(&writer);
    if (order) {
        clade_json_begin_array(&writer, "order");
        for (size_t t = 0; t < n_tasks; t++) {
            clade_json_begin_array(&writer, NULL);
            for (size_t i = 0; i < n_labelled[t]; i++)
                clade_json_put_u64(&writer, NULL, order[t][i]);
            clade_json_end_array(&writer);
        }
        clade_json_end_array(&writer);
    }
    clade_json_end_object(&writer);
}

/* ---- reading ---- */

static bool read_opponents(const clade_json_at *root, clade_race *race, clade_problems *problems)
{
    static const char *const known[] = {"child", "correct"};
    const clade_json_at array = clade_json_member(root, "opponents");
    if (!clade_json_is(&array, problems, CLADE_JSON_ARRAY))
        return true;
    const size_t count = clade_json_size(&array);
    if (count > CLADE_MAX_OPPONENTS) {
        clade_json_problem(&array, problems, "found %zu opponents, expected at most %d", count, CLADE_MAX_OPPONENTS);
        return true;
    }
    for (size_t m = 0; m < count; m++) {
        const clade_json_at item = clade_json_item(&array, m), child = clade_json_member(&item, "child"),
                            correct = clade_json_member(&item, "correct");
        clade_opponent *opponent = &race->opponents[race->n_opponents++];
        clade_json_only(&item, problems, known, sizeof known / sizeof *known);
        (void)clade_json_u64(&child, problems, &opponent->child);
        if (!clade_json_bits(&correct, race->n_bits, problems, &opponent->correct))
            return false;
    }
    return true;
}

/* A permutation of 0 .. n-1; PLACED (n) is false before and true after. */
static void read_permutation(const clade_json_at *array, size_t n, bool *placed, size_t *order,
                             clade_problems *problems)
{
    if (clade_json_size(array) != n) {
        clade_json_problem(array, problems, "found %zu items, expected %zu", clade_json_size(array), n);
        return;
    }
    for (size_t place = 0; place < n; place++) {
        const clade_json_at at = clade_json_item(array, place);
        int64_t item = 0;
        if (!clade_json_integer(&at, problems, 0, (int64_t)n - 1, &item))
            return;
        if (placed[item]) {
            clade_json_problem(&at, problems, "found item %lld a second time", (long long)item);
            return;
        }
        placed[item] = true;
        order[place] = (size_t)item;
    }
}

static bool read_order(const clade_json_at *root, const clade_scorer *scorer, clade_race *race,
                       clade_problems *problems)
{
    const clade_json_at array = clade_json_member(root, "order");
    const size_t n_tasks = race->probes->n_tasks;
    if (clade_json_kind_of(&array) == CLADE_JSON_ABSENT)
        return true;
    if (clade_json_size(&array) != n_tasks) {
        clade_json_problem(&array, problems, "found %zu tasks, expected %zu", clade_json_size(&array), n_tasks);
        return true;
    }
    race->order = clade_calloc(n_tasks, sizeof *race->order);
    bool enough = race->order != NULL;
    for (size_t t = 0; enough && t < n_tasks; t++) {
        const clade_json_at item = clade_json_item(&array, t);
        const size_t n = clade_scorer_labelled(scorer, t);
        bool *placed = clade_calloc(n + 1, sizeof *placed);
        race->order[t] = clade_calloc(n + 1, sizeof **race->order);
        enough = placed && race->order[t];
        if (enough)
            read_permutation(&item, n, placed, race->order[t], problems);
        clade_free(placed);
    }
    return enough;
}

clade_status clade_race_parse(const char *json, size_t length, const clade_scorer *scorer, clade_race *race)
{
    static const char *const known[] = {"opponents", "order"};
    clade_json *document = NULL;
    clade_problems problems = {0};
    CLADE_TRY(clade_json_parse(json, length, "race", CLADE_EINTERNAL, &document));
    const clade_json_at root = clade_json_root(document);
    race->n_bits = clade_scorer_bits(scorer);
    clade_json_only(&root, &problems, known, sizeof known / sizeof *known);
    const bool enough = read_opponents(&root, race, &problems) && read_order(&root, scorer, race, &problems);
    clade_json_free(document);
    clade_status status = clade_problems_end(&problems, CLADE_EINTERNAL);
    if (!enough)
        status = clade_fail_memory(race->n_bits / 8, "a race");
    if (status != CLADE_OK)
        clade_race_fini(race);
    return status;
}

void clade_race_fini(clade_race *race)
{
    for (size_t m = 0; m < race->n_opponents; m++)
        clade_free(race->opponents[m].correct);
    for (size_t t = 0; race->order && t < race->probes->n_tasks; t++)
        clade_free(race->order[t]);
    clade_free(race->order);
    race->order = NULL;
    race->n_opponents = 0;
}
