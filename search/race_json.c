/* A race as text: what the coordinator knew when it bred the child, for the worker that scores it. */
#include "clade/alloc.h"
#include "clade/json.h"
#include "search/race.h"

enum { BYTE = 8 }; /* bits */

void clade_race_print(const clade_opponent *opponents, size_t n, const uint8_t *spread, size_t n_bits, clade_text *text)
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
    if (spread)
        clade_json_put_bits(&writer, "spread", spread, BYTE * n_bits);
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

static bool read_spread(const clade_json_at *root, clade_race *race, clade_problems *problems)
{
    const clade_json_at bytes = clade_json_member(root, "spread");
    return clade_json_kind_of(&bytes) == CLADE_JSON_ABSENT ||
           clade_json_bits(&bytes, BYTE * race->n_bits, problems, &race->spread);
}

clade_status clade_race_parse(const char *json, size_t length, const clade_scorer *scorer, clade_race *race)
{
    static const char *const known[] = {"opponents", "spread"};
    clade_json *document = NULL;
    clade_problems problems = {0};
    CLADE_TRY(clade_json_parse(json, length, "race", CLADE_EINTERNAL, &document));
    const clade_json_at root = clade_json_root(document);
    race->n_bits = clade_scorer_bits(scorer);
    clade_json_only(&root, &problems, known, sizeof known / sizeof *known);
    const bool enough = read_opponents(&root, race, &problems) && read_spread(&root, race, &problems);
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
    clade_free(race->spread);
    race->spread = NULL;
    race->n_opponents = 0;
}
