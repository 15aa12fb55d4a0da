/* The section "preselect" of experiment.json: {"candidates": 8, "correlation": 0.3, "children": 24}. */
#include "search/experiment_parts.h"

/* Measured with sms_emoa and portfolio: 300 children with it find what 600 find without on most closed forms, and 0.6
 * points on vision8. */
enum { USUAL_CANDIDATES = 8 };
enum { MOST_CANDIDATES = 64, MOST_CHILDREN = 1 << 20 };

static void read_count(const clade_json_at *section, const char *key, int64_t low, int64_t high,
                       clade_problems *problems, size_t *out)
{
    const clade_json_at at = clade_json_member(section, key);
    int64_t value;
    if (clade_json_kind_of(&at) != CLADE_JSON_ABSENT && clade_json_integer(&at, problems, low, high, &value))
        *out = (size_t)value;
}

void clade_experiment_preselect(clade_experiment *experiment, const clade_json_at *at, clade_problems *problems)
{
    static const char *const keys[] = {"candidates", "correlation", "children"};
    clade_preselect_options *options = &experiment->preselect;
    *options = clade_preselect_default();
    options->candidates = USUAL_CANDIDATES;
    if (clade_json_kind_of(at) == CLADE_JSON_ABSENT || !clade_json_is(at, problems, CLADE_JSON_OBJECT))
        return;
    clade_json_only(at, problems, keys, sizeof keys / sizeof *keys);
    read_count(at, "candidates", 1, MOST_CANDIDATES, problems, &options->candidates);
    read_count(at, "children", 4, MOST_CHILDREN, problems, &options->children);
    const clade_json_at correlation = clade_json_member(at, "correlation");
    if (clade_json_kind_of(&correlation) != CLADE_JSON_ABSENT)
        (void)clade_json_number(&correlation, problems, -1.0, 1.0, &options->correlation);
}
