/* The section "racing" of experiment.json: false, true (the defaults), or {"rungs": [0.25, 0.5], "error": 0.05,
 * "order": "random"}. */
#include <string.h>

#include "search/experiment_parts.h"

static const clade_racing defaults = {.shares = {0.25, 0.5}, .n_shares = 2, .error = 0.05};

/* Ascending shares above 0 and below 1. */
static void read_rungs(const clade_json_at *at, clade_racing *racing, clade_problems *problems)
{
    if (!clade_json_is(at, problems, CLADE_JSON_ARRAY))
        return;
    const size_t count = clade_json_size(at);
    if (count == 0 || count > CLADE_MAX_RUNGS) {
        clade_json_problem(at, problems, "found %zu rungs, expected 1 to %d", count, CLADE_MAX_RUNGS);
        return;
    }
    double before = 0.0;
    racing->n_shares = count;
    for (size_t r = 0; r < count; r++) {
        const clade_json_at item = clade_json_item(at, r);
        double share = 0.0;
        if (!clade_json_number(&item, problems, 0.0, 1.0, &share))
            return;
        if (!(share > before && share < 1.0))
            clade_json_problem(&item, problems, "found %g, expected a share above %g and below 1", share, before);
        racing->shares[r] = before = share;
    }
}

static void read_order(const clade_json_at *at, clade_racing *racing, clade_problems *problems)
{
    const char *word = "random";
    if (!clade_json_string(at, problems, &word))
        return;
    racing->by_disagreement = strcmp(word, "disagreement") == 0;
    if (!racing->by_disagreement && strcmp(word, "random") != 0)
        clade_json_problem(at, problems, "found \"%s\", expected \"random\" or \"disagreement\"", word);
}

/* Accuracies of single items are what the test is about; nothing is known of the front in other objectives before all
 * items are scored. */
static void check_objectives(const clade_experiment *experiment, const clade_json_at *at, clade_problems *problems)
{
    for (size_t i = 0; i < experiment->n_objectives; i++) {
        const char *name = experiment->objectives[i]->name;
        if (strcmp(name, "accuracy") != 0 && strcmp(name, "robustness") != 0)
            clade_json_problem(at, problems,
                               "found the objective \"%s\", expected only accuracy and robustness when children race",
                               name);
    }
}

void clade_experiment_racing(clade_experiment *experiment, const clade_json_at *at, clade_problems *problems)
{
    static const char *const keys[] = {"rungs", "error", "order"};
    const clade_json_kind kind = clade_json_kind_of(at);
    bool on = false;
    if (kind == CLADE_JSON_ABSENT || (kind == CLADE_JSON_BOOL && (!clade_json_bool(at, problems, &on) || !on)))
        return;
    experiment->racing = defaults;
    check_objectives(experiment, at, problems);
    if (on)
        return;
    if (kind != CLADE_JSON_OBJECT) {
        clade_json_problem(at, problems, "expected true, false or an object with rungs, error and order");
        return;
    }
    clade_json_only(at, problems, keys, sizeof keys / sizeof *keys);
    const clade_json_at rungs = clade_json_member(at, "rungs"), error = clade_json_member(at, "error"),
                        order = clade_json_member(at, "order");
    if (clade_json_kind_of(&rungs) != CLADE_JSON_ABSENT)
        read_rungs(&rungs, &experiment->racing, problems);
    if (clade_json_kind_of(&error) != CLADE_JSON_ABSENT)
        (void)clade_json_number(&error, problems, 1e-9, 0.5, &experiment->racing.error);
    if (clade_json_kind_of(&order) != CLADE_JSON_ABSENT)
        read_order(&order, &experiment->racing, problems);
}
