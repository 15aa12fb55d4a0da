#include "search/export/front.h"

#include <math.h>

static void append_values(const double *values, size_t count, clade_text *text)
{
    for (size_t i = 0; i < count; i++) {
        clade_text_append(text, ",");
        if (isfinite(values[i]))
            clade_text_append_number(text, values[i]);
    }
}

clade_status clade_front_write_csv(const clade_front *front, clade_text *text)
{
    size_t count = 0;
    const clade_objective *const *objectives = clade_objectives(&count);
    clade_text_append(text, "child,method,recipe_hash");
    for (size_t i = 0; i < count; i++)
        clade_text_append(text, ",search_%s", objectives[i]->name);
    for (size_t i = 0; i < count; i++)
        clade_text_append(text, ",holdout_%s", objectives[i]->name);
    clade_text_append(text, ",holdout_front");
    for (clade_measure i = 0; i < CLADE_MEASURES; i++)
        clade_text_append(text, ",holdout_%s_low,holdout_%s_high", clade_measure_name(i), clade_measure_name(i));
    clade_text_append(text, "\n");
    /* Method names and hashes are words of ours: nothing to quote. */
    for (size_t i = 0; i < front->n_members; i++) {
        const clade_member *member = &front->members[i];
        clade_text_append(text, "%llu,%s,%s", (unsigned long long)member->child, member->method, member->recipe_hash);
        append_values(member->search_objectives, count, text);
        append_values(member->holdout_objectives, count, text);
        clade_text_append(text, ",%d", member->on_holdout_front);
        for (size_t m = 0; m < CLADE_MEASURES; m++)
            append_values((const double[]){member->certainty[m].value.low, member->certainty[m].value.high}, 2, text);
        clade_text_append(text, "\n");
    }
    return clade_text_status(text);
}
