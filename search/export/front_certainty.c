/* How sure the numbers of a front are, for Markdown. */
#include <math.h>
#include <stdio.h>

#include "search/export/front_formats.h"

enum { NAME_BYTES = 512 };

/* A member or a reference. */
typedef struct line {
    const char *name;
    const double *search, *holdout;
    const clade_certainty *certainty;
} line;

/* A measure is shown when some member has it. */
static bool is_shown(const clade_front *front, clade_measure measure)
{
    for (size_t i = 0; i < front->n_members; i++)
        if (!isnan(front->members[i].certainty[measure].value.low))
            return true;
    return false;
}

static void append_interval(clade_text *text, double value, clade_interval interval, const char *format)
{
    char low[32], high[32], middle[32];
    if (isnan(value) || isnan(interval.low)) {
        clade_text_append(text, " |");
        return;
    }
    snprintf(middle, sizeof middle, format, value);
    snprintf(low, sizeof low, format, interval.low);
    snprintf(high, sizeof high, format, interval.high);
    clade_text_append(text, " %s [%s, %s] |", middle, low, high);
}

static void append_line(clade_text *text, const clade_front *front, const line *row)
{
    clade_text_append(text, "| %s |", row->name);
    for (clade_measure m = 0; m < CLADE_MEASURES; m++) {
        const size_t i = clade_measure_objective(m);
        const double optimism = clade_optimism(i, row->search[i], row->holdout[i]);
        if (!is_shown(front, m))
            continue;
        append_interval(text, row->holdout[i], row->certainty[m].value, "%.4f");
        if (isnan(optimism))
            clade_text_append(text, " |");
        else
            clade_text_append(text, " %+.4f |", optimism);
        if (front->against)
            append_interval(text, row->holdout[i] - front->against_objectives[i], row->certainty[m].difference,
                            "%+.4f");
    }
    clade_text_append(text, "\n");
}

static bool other_corruptions(const clade_experiment *experiment)
{
    bool same = experiment->n_holdout_corruptions == experiment->n_corruptions &&
                experiment->holdout_severity == experiment->severity;
    for (size_t k = 0; k < experiment->n_holdout_corruptions; k++)
        same = same && clade_experiment_has_seen(experiment, experiment->holdout_corruptions[k]);
    return !same;
}

static void append_head(clade_text *text, const clade_front *front)
{
    size_t columns = 1;
    clade_text_append(text,
                      "With %d %% intervals (bootstrap over the holdout items, by task, %d resamples; below 30 items a "
                      "task they are too narrow); o: no other member of the front dominates it on holdout. Optimism: "
                      "how much better the search split says it is; of models that no search chose it shows how much "
                      "easier that split is.",
                      CLADE_BOOTSTRAP_PERCENT, CLADE_BOOTSTRAP_RESAMPLES);
    if (other_corruptions(front->experiment))
        clade_text_append(text,
                          " That of robustness is also the difference between the corruptions of the two splits.");
    if (front->against)
        clade_text_append(text, " Differences are to %s on the same items.", front->against);
    clade_text_append(text, "\n\n|  |");
    for (clade_measure m = 0; m < CLADE_MEASURES; m++) {
        if (!is_shown(front, m))
            continue;
        clade_text_append(text, " %s (holdout) | optimism |", clade_measure_name(m));
        columns += 2;
        if (front->against)
            clade_text_append(text, " difference |");
        columns += front->against != NULL;
    }
    clade_text_append(text, "\n|");
    for (size_t c = 0; c < columns; c++)
        clade_text_append(text, "---|");
    clade_text_append(text, "\n");
}

/* What each corruption leaves of the accuracy of MEMBER. */
static void append_corruptions(clade_text *text, const clade_front *front, const clade_member *member)
{
    const clade_experiment *experiment = front->experiment;
    if (member->holdout.n_tasks == 0)
        return;
    clade_text_append(text, "\n| corruption at severity %d | in the search | child %llu | %s |\n|---|---|---|---|\n",
                      experiment->holdout_severity, (unsigned long long)member->child,
                      front->against ? front->against : "");
    for (size_t k = 0; k < experiment->n_holdout_corruptions; k++) {
        const clade_corruption *corruption = experiment->holdout_corruptions[k];
        const bool seen = clade_experiment_has_seen(experiment, corruption);
        clade_text_append(text, "| %s | ", corruption->name);
        if (seen && experiment->severity != experiment->holdout_severity)
            clade_text_append(text, "at severity %d |", experiment->severity);
        else
            clade_text_append(text, "%s |", seen ? "yes" : "**never**");
        clade_text_append(text, " %.4f |", member->holdout.corrupted_accuracy[k]);
        if (front->against)
            clade_text_append(text, " %.4f |", front->against_score->corrupted_accuracy[k]);
        clade_text_append(text, "%s\n", front->against ? "" : " |");
    }
}

void clade_front_write_certainty(const clade_front *front, size_t member, clade_text *text)
{
    char name[NAME_BYTES];
    append_head(text, front);
    for (size_t i = 0; i < front->n_members; i++) {
        const clade_member *m = &front->members[i];
        if (member != SIZE_MAX && i != member)
            continue;
        snprintf(name, sizeof name, "%schild %llu%s%s", member != SIZE_MAX ? "**this model**, " : "",
                 (unsigned long long)m->child, i == front->best && member == SIZE_MAX ? " (best)" : "",
                 m->on_holdout_front ? " o" : "");
        append_line(text, front, &(line){name, m->search_objectives, m->holdout_objectives, m->certainty});
    }
    for (size_t r = 0; r < front->n_references; r++) {
        const clade_reference *reference = &front->references[r];
        append_line(text, front,
                    &(line){reference->name, reference->search_objectives, reference->holdout_objectives,
                            reference->certainty});
    }
    append_corruptions(text, front, &front->members[member == SIZE_MAX ? front->best : member]);
}
