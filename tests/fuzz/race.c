/* Any bytes as a job's race, which a coordinator sends to a worker: refused, or printed again to the same text; and what
 * is accepted can be raced against. */
#include "search/race.h"
#include "fuzz/scratch.h"
#include "score/scorer.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

enum { ITEMS = 6, BITS = 3 * ITEMS }; /* clean, and under two corruptions */

static clade_text text_of(const clade_race *race)
{
    clade_text text = {0};
    clade_race_print(race->opponents, race->n_opponents, race->spread, race->n_bits, &text);
    check(!text.failed);
    return text;
}

static void check_round_trip(const clade_race *race, const clade_scorer *scorer)
{
    clade_race again = {0};
    clade_text first = text_of(race);
    check(clade_race_parse(first.data, first.length, scorer, &again) == CLADE_OK);
    check(again.n_opponents == race->n_opponents && (again.spread != NULL) == (race->spread != NULL));
    clade_text second = text_of(&again);
    check(strcmp(first.data, second.data) == 0);
    clade_text_free(&first);
    clade_text_free(&second);
    clade_race_fini(&again);
}

/* A child of which half of the items were seen, all of them wrong. */
static void check_stop(clade_race *race)
{
    uint8_t correct[(BITS + 7) / 8] = {0}, seen[(BITS + 7) / 8] = {0x49, 0x92};
    clade_task_score task = {.clean = {.items = ITEMS / 2, .entropy = 0.5},
                             .correct = correct,
                             .n_correct = BITS,
                             .n_clean = ITEMS,
                             .seen = seen};
    const clade_score score = {.tasks = &task, .n_tasks = 1};
    clade_stopped stopped = {0};
    if (clade_race_stop(race, &score, &stopped))
        check(stopped.accuracy >= 0.0 && stopped.accuracy <= 1.0 && stopped.robustness >= 0.0 &&
              stopped.robustness <= 1.0);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    char name[] = "a", path[] = "probes.json";
    clade_task task = {.name = name, .classes = 4, .splits = {[CLADE_SEARCH] = {0, ITEMS}}};
    const clade_probes probes = {.path = path, .tasks = &task, .n_tasks = 1};
    const struct clade_scorer scorer = {
        .probes = &probes,
        .plan = {.with_corrupted = true,
                 .corruptions = {clade_corruption_find("jpeg"), clade_corruption_find("contrast")},
                 .severities = {5, 1},
                 .n_corruptions = 2}};
    clade_race race = {.racing = {.shares = {0.5}, .n_shares = 1, .error = 0.05},
                       .accuracy = true,
                       .robustness = true,
                       .probes = &probes};
    check(clade_scorer_bits(&scorer) == BITS);
    if (clade_race_parse((const char *)data, size, &scorer, &race) == CLADE_OK) {
        check(race.n_opponents <= CLADE_MAX_OPPONENTS && race.n_bits == BITS);
        check_round_trip(&race, &scorer);
        check_stop(&race);
    } else {
        check(race.n_opponents == 0 && !race.spread && clade_error_message()[0] != '\0');
    }
    clade_race_fini(&race);
    check(clade_alloc_live() == 0);
    return 0;
}
