/* Any bytes as the JSON of a score, as a worker or a ledger might hand it over: refused, or printed again to the same
 * text. */
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "clade/alloc.h"
#include "clade/score.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void require(bool holds)
{
    if (!holds)
        abort();
}

static clade_text text_of(const clade_score *score, const clade_probes *probes, const clade_score_plan *plan)
{
    clade_text text = {0};
    clade_score_print(score, probes, plan, &text);
    require(!text.failed);
    return text;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    char name[] = "a", path[] = "probes.json";
    clade_task task = {.name = name};
    const clade_probes probes = {.path = path, .tasks = &task, .n_tasks = 1};
    const clade_score_plan plan = {.with_corrupted = true,
                                   .corruptions = {clade_corruption_find("jpeg"), clade_corruption_find("contrast")},
                                   .severities = {5, 1},
                                   .n_corruptions = 2};
    const size_t live = clade_alloc_live();
    clade_score score = {0}, again = {0};
    if (clade_score_parse((const char *)data, size, &probes, &plan, &score) == CLADE_OK) {
        clade_text first = text_of(&score, &probes, &plan);
        const clade_status status = clade_score_parse(first.data, first.length, &probes, &plan, &again);
        require(status == CLADE_OK);
        clade_text second = text_of(&again, &probes, &plan);
        require(strcmp(first.data, second.data) == 0);
        clade_text_free(&first);
        clade_text_free(&second);
    }
    clade_score_fini(&score);
    clade_score_fini(&again);
    require(clade_alloc_live() == live);
    return 0;
}
