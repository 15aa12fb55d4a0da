#include <math.h>
#include <string.h>

#include "search/export/front_formats.h"

static void append_value(clade_text *text, double value)
{
    if (isfinite(value))
        clade_text_append(text, "  %9.4f", value);
    else
        clade_text_append(text, "  %9s", "-");
}

static void append_names(clade_text *text, const clade_front *front, const char *split)
{
    clade_text_append(text, "  | %s:", split);
    const size_t used = strlen(split) + 1;
    for (size_t i = 0; i < front->experiment->n_objectives; i++)
        clade_text_append(text, "%*.9s", (int)(i == 0 && used < 11 ? 11 - used : 11),
                          front->experiment->objectives[i]->name);
}

static void append_values(clade_text *text, const clade_front *front, const double *values)
{
    size_t count;
    const clade_objective *const *all = clade_objectives(&count);
    clade_text_append(text, "  |");
    for (size_t i = 0; i < front->experiment->n_objectives; i++)
        for (size_t j = 0; j < count; j++)
            if (all[j] == front->experiment->objectives[i])
                append_value(text, values[j]);
    clade_text_append(text, " ");
}

void clade_front_write_text(const clade_front *front, clade_text *text)
{
    clade_text_append(text, "   child  method          ");
    append_names(text, front, "search");
    append_names(text, front, "holdout");
    clade_text_append(text, "\n");
    for (size_t i = 0; i < front->n_members; i++) {
        const clade_member *member = &front->members[i];
        clade_text_append(text, "%c%c %5llu  %-16s", i == front->best ? '*' : ' ', member->on_holdout_front ? 'o' : ' ',
                          (unsigned long long)member->child, member->method);
        append_values(text, front, member->search_objectives);
        append_values(text, front, member->holdout_objectives);
        clade_text_append(text, "\n");
    }
    clade_text_append(text,
                      "%zu members; * is the best by the rule \"%s\", o is non-dominated on holdout, too; run_hash "
                      "%.16s\n",
                      front->n_members, front->experiment->best, front->run_hash);
}
