/* The parameters that line searches go along: for each method its strength, then whatever else its genes say.
 *
 * A merge has one strength, and many names for it: `lambda`, the factors of the sites where lambda is no gene, the
 * weights where both are fixed. One line is enough, and which one is asked of the method's laws: weights whose scale
 * the method divides out (CLADE_LAW_WEIGHT_SCALE with normalize, a space with a sum) make no line. */
#include <stdio.h>
#include <string.h>

#include "clade/alloc.h"
#include "search/merge_parts.h"

static bool divides(const clade_merge_space *space, size_t m)
{
    const clade_method *method = space->methods[m];
    const size_t k = clade_method_parameter(method, "normalize");
    if (space->sum > 0)
        return true;
    if ((method->laws & CLADE_LAW_WEIGHT_SCALE) == 0)
        return false;
    if (k == method->n_parameters)
        return true;
    const clade_slot *slot = clade_slot_find(space, m, &method->parameters[k]);
    return (slot ? slot->low : method->parameters[k].default_value) > 0;
}

static void add_line(clade_merge_space *space, size_t m, const char *parameter, int slot, bool scaled)
{
    clade_space_line *line = &space->lines[space->n_lines++];
    *line = (clade_space_line){.category = m, .slot = slot, .scaled = scaled};
    snprintf(line->name, sizeof line->name, "%.24s %.14s", space->methods[m]->name, parameter);
}

/* The slot a parameter of method M is searched in, or NULL; a whole number or a choice is no line. */
static const clade_slot *searched(const clade_merge_space *space, size_t m, size_t k)
{
    const clade_slot *slot = clade_slot_find(space, m, &space->methods[m]->parameters[k]);
    return slot && slot->searched && slot->parameter->kind == CLADE_REAL ? slot : NULL;
}

static void add_slot(clade_merge_space *space, size_t m, const clade_slot *slot, bool scaled)
{
    add_line(space, m, slot->name, (int)(slot - space->slots) + 1, scaled);
}

static void add_strength(clade_merge_space *space, size_t m)
{
    const clade_method *method = space->methods[m];
    const clade_slot *strength = NULL, *weight = NULL;
    bool has_factors = false;
    for (size_t k = 0; k < method->n_parameters; k++) {
        if (clade_is_strength(&method->parameters[k])) {
            strength = searched(space, m, k);
            has_factors = space->has_factors;
        }
        if (clade_is_weight(&method->parameters[k]))
            weight = searched(space, m, k);
    }
    if (strength)
        add_slot(space, m, strength, strcmp(strength->name, "lambda") == 0);
    else if (has_factors)
        add_line(space, m, "strength", (int)space->n_slots + 1, true);
    else if (weight && !divides(space, m))
        add_slot(space, m, weight, true);
}

clade_status clade_merge_lines_init(clade_merge_space *space)
{
    size_t most = 1;
    for (size_t m = 0; m < space->n_methods; m++)
        most += space->methods[m]->n_parameters + 1;
    space->lines = clade_calloc(most, sizeof *space->lines);
    if (!space->lines)
        return clade_fail_memory(most * sizeof *space->lines, "the lines of a space");
    for (size_t m = 0; m < space->n_methods; m++) {
        const clade_method *method = space->methods[m];
        add_strength(space, m);
        for (size_t k = 0; k < method->n_parameters; k++) {
            const clade_slot *slot = searched(space, m, k);
            if (slot && !clade_is_strength(&method->parameters[k]) && !clade_is_weight(&method->parameters[k]))
                add_slot(space, m, slot, false);
        }
    }
    return CLADE_OK;
}

const clade_space_line *clade_merge_space_lines(const clade_merge_space *space, size_t *n_lines)
{
    *n_lines = space->n_lines;
    return space->lines;
}
