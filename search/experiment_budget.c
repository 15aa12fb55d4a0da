/* When a run ends, how many children may be in flight until then, and what share of them line searches have. */
#include <math.h>
#include <string.h>

#include "search/experiment_parts.h"

static const double MOST_LINE_SHARE = 0.9; /* the rest is for the algorithm */

/* A number at each objective's name, and at "hypervolume". */
static void read_target(clade_experiment *experiment, const clade_json_at *at, clade_problems *problems)
{
    const char *keys[CLADE_MAX_OBJECTIVES + 1] = {"hypervolume"};
    for (size_t k = 0; k < CLADE_MAX_OBJECTIVES; k++)
        experiment->target[k] = NAN;
    experiment->target_hypervolume = NAN;
    if (clade_json_kind_of(at) == CLADE_JSON_ABSENT || !clade_json_is(at, problems, CLADE_JSON_OBJECT))
        return;
    for (size_t k = 0; k < experiment->n_objectives; k++) {
        const clade_json_at value = clade_json_member(at, experiment->objectives[k]->name);
        keys[k + 1] = experiment->objectives[k]->name;
        if (clade_json_kind_of(&value) != CLADE_JSON_ABSENT)
            (void)clade_json_number(&value, problems, -INFINITY, INFINITY, &experiment->target[k]);
    }
    const clade_json_at volume = clade_json_member(at, "hypervolume");
    if (clade_json_kind_of(&volume) != CLADE_JSON_ABSENT)
        (void)clade_json_number(&volume, problems, 0, INFINITY, &experiment->target_hypervolume);
    clade_json_only(at, problems, keys, experiment->n_objectives + 1);
}

void clade_experiment_budget(clade_experiment *experiment, const clade_json_at *at, clade_problems *problems)
{
    static const char *const keys[] = {"children", "images", "seconds", "no_progress", "target"};
    if (clade_json_kind_of(at) != CLADE_JSON_ABSENT && clade_json_is(at, problems, CLADE_JSON_OBJECT))
        clade_json_only(at, problems, keys, sizeof keys / sizeof *keys);
    const bool none_given = clade_json_size(at) == 0;
    experiment->children = clade_experiment_count(at, "children", none_given ? 600 : 0, problems);
    experiment->images = clade_experiment_count(at, "images", 0, problems);
    experiment->no_progress = clade_experiment_count(at, "no_progress", 0, problems);
    const clade_json_at seconds = clade_json_member(at, "seconds"), target = clade_json_member(at, "target");
    if (clade_json_kind_of(&seconds) != CLADE_JSON_ABSENT)
        (void)clade_json_number(&seconds, problems, 0, CLADE_MOST_SECONDS, &experiment->seconds);
    read_target(experiment, &target, problems);
    if (experiment->children == 0 && experiment->images == 0 && !(experiment->seconds > 0) &&
        experiment->no_progress == 0)
        clade_json_problem(at, problems,
                           "found no limit, expected children, images, seconds or no_progress above 0 (a target alone "
                           "may never be reached)");
}

void clade_experiment_line_search(clade_experiment *experiment, const clade_json_at *at, clade_problems *problems)
{
    if (clade_json_kind_of(at) == CLADE_JSON_ABSENT ||
        !clade_json_number(at, problems, 0, MOST_LINE_SHARE, &experiment->line_share))
        return;
    if (experiment->line_share > 0 && experiment->children == 0 && experiment->images == 0)
        clade_json_problem(at, problems, "found a share of no budget, expected budget.children or budget.images");
}

size_t clade_default_window(uint64_t children)
{
    enum { LEAST = 4, MOST = 4096, CHILDREN_A_PLACE = 128 };
    const uint64_t window = children / CHILDREN_A_PLACE;
    return window < LEAST ? LEAST : window > MOST ? MOST : (size_t)window;
}

void clade_experiment_set_children(clade_experiment *experiment, uint64_t children)
{
    experiment->children = children;
    if (!experiment->window_given)
        experiment->window = clade_default_window(children);
}

size_t clade_window_for_workers(size_t workers)
{
    return workers + (3 * (workers - 1) + 1) / 2;
}
