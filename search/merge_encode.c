/* A recipe as a genome: the inverse of decode. The genome is read off the recipe value by value, then decoded again;
 * what comes out otherwise is what the space cannot say. */
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "clade/alloc.h"
#include "search/merge_parts.h"

/* Relative, for values that went through products and curves. */
static const double ROUNDING = 1e-9;

typedef struct encoder {
    const clade_merge_space *space;
    const clade_recipe *recipe;
    size_t method;
    size_t parent[CLADE_MAX_PARENTS]; /* (n_parents): where the space's parents are in the recipe */
    const clade_rule **rules;         /* (n_groups): of the first tensor of each group */
    double *genome;
    const char *where;
    clade_problems *problems;
} encoder;

/* ---- what is merged ---- */

/* Two paths lead to one place; when one leads nowhere, they are spelled alike. */
static bool same_place(const char *a, const char *b)
{
    char *real_a = realpath(a, NULL), *real_b = realpath(b, NULL); /* the C library's memory */
    const bool same = strcmp(real_a && real_b ? real_a : a, real_a && real_b ? real_b : b) == 0;
    free(real_a);
    free(real_b);
    return same;
}

static void find_method(encoder *self)
{
    const clade_merge_space *space = self->space;
    while (self->method < space->n_methods && space->methods[self->method] != self->recipe->method)
        self->method++;
    if (self->method == space->n_methods)
        clade_problem(self->problems, "%s: method: found %s, which is not in space.methods", self->where,
                      self->recipe->method->name);
}

static void find_parents(encoder *self)
{
    const clade_merge_space *space = self->space;
    const clade_recipe *recipe = self->recipe;
    if (recipe->n_parents != space->n_parents)
        clade_problem(self->problems, "%s: parents: found %zu, the experiment has %zu", self->where, recipe->n_parents,
                      space->n_parents);
    for (size_t p = 0; p < space->n_parents; p++) {
        size_t q = 0;
        while (q < recipe->n_parents && strcmp(recipe->parents[q].name, space->parent_names[p]) != 0)
            q++;
        self->parent[p] = q;
        if (q == recipe->n_parents)
            clade_problem(self->problems, "%s: parents: found none named %s, which is a parent of the experiment",
                          self->where, space->parent_names[p]);
        else if (recipe->parents[q].adapter.path)
            clade_problem(self->problems, "%s: parents: %s has an adapter, expected the model at %s", self->where,
                          space->parent_names[p], space->parent_paths[p]);
        else if (recipe->parents[q].path && !same_place(recipe->parents[q].path, space->parent_paths[p]))
            clade_problem(self->problems, "%s: parents: %s is %s, the experiment's is %s", self->where,
                          space->parent_names[p], recipe->parents[q].path, space->parent_paths[p]);
    }
    const bool based = recipe->method->base != CLADE_BASE_IGNORED;
    const char *found = based && recipe->base ? recipe->base->path : NULL, *expected = based ? space->base_path : NULL;
    if ((found && !expected) || (expected && !found) || (found && expected && !same_place(found, expected)))
        clade_problem(self->problems, "%s: base: found %s, the experiment's is %s", self->where, found ? found : "none",
                      expected ? expected : "none");
}

/* Keys of recipes that spaces have not. */
static void check_extras(encoder *self)
{
    const clade_recipe *recipe = self->recipe;
    const struct {
        const char *key;
        bool given;
    } extras[] = {{"dtype", recipe->has_dtype},
                  {"out_dtype", recipe->has_out_dtype},
                  {"stacks", recipe->n_stacks > 0},
                  {"vocabulary", recipe->vocabulary.kind != CLADE_VOCABULARY_SAME}};
    for (size_t i = 0; i < sizeof extras / sizeof *extras; i++)
        if (extras[i].given)
            clade_problem(self->problems, "%s: %s: searches have none", self->where, extras[i].key);
    for (size_t r = 0; r < recipe->n_rules; r++)
        if (recipe->rules[r].only)
            clade_problem(self->problems,
                          "%s: rules[%zu].only: in searches all parents take part; expected weights of 0", self->where,
                          r);
    if (recipe->method->uses_masks && recipe->seed > UINT32_MAX)
        clade_problem(self->problems, "%s: seed: found one of more than 32 bits, searches have none", self->where);
}

/* ---- values ---- */

static double value_at(const encoder *self, const clade_rule *rule, size_t parameter, size_t parent)
{
    const clade_method *method = self->recipe->method;
    if (method->parameters[parameter].scope != CLADE_PER_PARENT)
        return rule->site[parameter];
    return rule->parent[self->parent[parent] * method->n_parameters + parameter];
}

/* In a canonical recipe the values of a rule that gives the base, and those of a parent of weight 0, say nothing. */
static bool says(const encoder *self, const clade_rule *rule, size_t parameter, size_t parent)
{
    const clade_method *method = self->recipe->method;
    const clade_parameter *p = &method->parameters[parameter];
    const size_t weight = clade_method_parameter(method, "weight");
    if (clade_rule_is_base(method, rule) && p->scope != CLADE_PER_RECIPE && !clade_is_strength(p))
        return false;
    if (p->scope != CLADE_PER_PARENT || weight == method->n_parameters || weight == parameter)
        return true;
    const double coefficient = value_at(self, rule, weight, parent);
    return coefficient < 0 || coefficient > 0;
}

/* The base can be said by a strength of 0; else it has to be said by weights of 0. */
static bool has_zero_strength(const encoder *self)
{
    const clade_method *method = self->recipe->method;
    const size_t lambda = clade_method_parameter(method, "lambda");
    if (lambda == method->n_parameters || self->space->has_factors)
        return true;
    const clade_slot *slot = clade_slot_find(self->space, self->method, &method->parameters[lambda]);
    return slot && slot->low <= 0 && slot->high >= 0;
}

/* What the rules give in each group, OUT (n_groups), as a gene has it; NAN where they say nothing. */
static void read_groups(const encoder *self, const clade_slot *slot, size_t parameter, size_t parent, double *out)
{
    const clade_method *method = self->recipe->method;
    const clade_parameter *p = &method->parameters[parameter];
    const bool by_weight = !has_zero_strength(self), by_curve = slot && slot->by_site && self->space->sites.curve;
    for (size_t g = 0; g < self->space->sites.n_groups; g++) {
        const clade_rule *rule = self->rules[g];
        out[g] = NAN;
        if (!rule)
            continue;
        const bool alone = clade_is_weight(p) && clade_rule_is_alone(method, rule, self->recipe->n_parents);
        if (by_curve && alone && value_at(self, rule, parameter, parent) > 0)
            continue; /* of any weight: what the curve comes by */
        if (by_weight && clade_rule_is_base(method, rule))
            out[g] = clade_is_weight(p) ? 0 : NAN;
        else if (says(self, rule, parameter, parent))
            out[g] = slot && slot->drop ? 1 - value_at(self, rule, parameter, parent)
                                        : value_at(self, rule, parameter, parent);
    }
}

/* Knots of the curve through VALUES (n_groups, then room for 3 n_sites): least squares, whose matrix has three
 * diagonals because each value hangs on two knots. KNOTS keeps what it has where nothing is said. */
static void fit_knots(const clade_sites *sites, double *values, double *knots)
{
    const size_t n = sites->n_sites;
    double *diagonal = values + sites->n_groups, *beside = diagonal + n, *right = beside + n;
    memset(diagonal, 0, 3 * n * sizeof *diagonal);
    for (size_t g = 0; g < sites->n_groups; g++) {
        if (isnan(values[g]))
            continue;
        const double place = sites->groups[g].depth * (double)(n - 1);
        const size_t k = place < (double)(n - 1) ? (size_t)place : n - 2;
        const double b = place - (double)k, a = 1 - b;
        diagonal[k] += a * a;
        diagonal[k + 1] += b * b;
        beside[k] += a * b;
        right[k] += a * values[g];
        right[k + 1] += b * values[g];
    }
    for (size_t k = 0; k < n; k++) {
        if (k > 0 && diagonal[k - 1] > ROUNDING) {
            const double factor = beside[k - 1] / diagonal[k - 1];
            diagonal[k] -= factor * beside[k - 1];
            right[k] -= factor * right[k - 1];
        }
    }
    for (size_t k = n; k-- > 0;)
        if (diagonal[k] > ROUNDING)
            knots[k] = (right[k] - (k + 1 < n ? beside[k] * knots[k + 1] : 0)) / diagonal[k];
}

static double clamp(double x, double low, double high)
{
    return x < low ? low : x > high ? high : x;
}

/* GENES (n_sites, or one when the value is not by site) from what the rules give in each group. */
static void set_genes(const clade_sites *sites, bool by_site, double *values, double low, double high, double *genes)
{
    const size_t n_genes = by_site ? sites->n_sites : 1;
    if (by_site && sites->curve)
        fit_knots(sites, values, genes);
    for (size_t g = sites->n_groups; g-- > 0 && !(by_site && sites->curve);)
        if (!isnan(values[g]))
            genes[by_site ? sites->groups[g].site : 0] = values[g];
    for (size_t i = 0; i < n_genes; i++) /* 0 is more than a small number: it takes a parent or a site out */
        genes[i] = clamp(fabs(genes[i]) <= ROUNDING ? 0 : genes[i], low, high);
}

/* A gene for the model and factors of the sites whose products are VALUES: the first of some genes that needs factors
 * within their limits. */
static void set_strength(const encoder *self, const clade_slot *slot, double default_value, double *values)
{
    const clade_sites *sites = &self->space->sites;
    double least = INFINITY, most = -INFINITY;
    for (size_t g = 0; g < sites->n_groups; g++)
        if (!isnan(values[g])) {
            least = fmin(least, values[g]);
            most = fmax(most, values[g]);
        }
    const double low = slot ? slot->low : default_value, high = slot ? slot->high : default_value;
    const double tried[] = {least < most ? default_value : most, most, most / CLADE_FACTOR_HIGH, high, low};
    double gene = clamp(default_value, low, high);
    for (size_t i = sizeof tried / sizeof *tried; i-- > 0;) {
        const bool in_range = tried[i] >= low && tried[i] <= high && (tried[i] < 0 || tried[i] > 0);
        if (in_range && least / tried[i] >= CLADE_FACTOR_LOW && most / tried[i] <= CLADE_FACTOR_HIGH)
            gene = tried[i];
    }
    if (slot && slot->searched)
        self->genome[slot->gene] = gene;
    for (size_t g = 0; g < sites->n_groups; g++)
        values[g] /= gene;
    set_genes(sites, true, values, CLADE_FACTOR_LOW, CLADE_FACTOR_HIGH, self->genome + self->space->factor_gene);
}

static clade_status read_genes(encoder *self)
{
    const clade_merge_space *space = self->space;
    const clade_method *method = self->recipe->method;
    const size_t room = space->sites.n_groups + 3 * space->sites.n_sites;
    double *values = clade_calloc(room, sizeof *values);
    if (!values)
        return clade_fail_memory(room * sizeof *values, "the values of a recipe");
    for (size_t k = 0; k < method->n_parameters; k++) {
        const clade_parameter *parameter = &method->parameters[k];
        const clade_slot *slot = clade_slot_find(space, self->method, parameter);
        const size_t n_parents = parameter->scope == CLADE_PER_PARENT ? space->n_parents : 1;
        for (size_t p = 0; p < n_parents; p++) {
            read_groups(self, slot, k, p, values);
            if (space->has_factors && clade_is_strength(parameter))
                set_strength(self, slot, slot ? clade_slot_default(slot) : clade_unsearched(parameter), values);
            else if (slot && slot->searched)
                set_genes(&space->sites, slot->by_site, values, slot->low, slot->high,
                          self->genome + slot->gene + p * (slot->by_site ? space->sites.n_sites : 1));
        }
    }
    clade_free(values);
    return CLADE_OK;
}

/* ---- what it says then ---- */

static void append_reason(const encoder *self, const clade_parameter *parameter, double value, clade_text *text)
{
    const clade_merge_space *space = self->space;
    const clade_slot *slot = clade_slot_find(space, self->method, parameter);
    const double gene = slot && slot->drop ? 1 - value : value;
    const bool scaled = space->has_factors && clade_is_strength(parameter);
    if (scaled)
        clade_text_append(text, "a site's factor on it is from %g to %g", CLADE_FACTOR_LOW, CLADE_FACTOR_HIGH);
    else if (!slot)
        clade_text_append(text, "it is not searched; space.range can say so");
    else if (gene < slot->low || gene > slot->high)
        clade_text_append(text, "space.range.%s is [%g, %g]", slot->name, slot->low, slot->high);
    else if (space->sum > 0 && clade_is_weight(parameter))
        clade_text_append(text, "space.sum is %g", space->sum);
    else if (!slot->by_site)
        clade_text_append(
            text, "it is one value for the model%s",
            parameter->scope != CLADE_PER_RECIPE && space->product ? "; with coordinates \"full\" it is not" : "");
    else if (space->sites.curve)
        clade_text_append(text, "a curve through %zu knots does not go there", space->sites.n_sites);
    else
        clade_text_append(text, "other tensors of the same site have another one");
}

/* The values of one parameter, of one parent, at all tensors; the first difference is a problem. */
static void compare(const encoder *self, const clade_recipe *said, size_t k, size_t p)
{
    const clade_family *family = self->space->family;
    const clade_method *method = self->recipe->method;
    const clade_parameter *parameter = &method->parameters[k];
    const bool per_parent = parameter->scope == CLADE_PER_PARENT;
    for (size_t i = 0; i < clade_family_count(family); i++) {
        const char *name = clade_family_at(family, i)->name;
        const clade_rule *a = clade_recipe_rule(said, name), *b = clade_recipe_rule(self->recipe, name);
        const double found = value_at(self, b, k, p),
                     best = per_parent ? a->parent[p * method->n_parameters + k] : a->site[k];
        if (fabs(found - best) <= ROUNDING * (1 + fabs(found)))
            continue;
        clade_text reason = {0};
        append_reason(self, parameter, found, &reason);
        clade_problem(self->problems, "%s: %s%s%s: found %g at tensor %s, where the space can say %g: %s", self->where,
                      parameter->name, per_parent ? " of " : "", per_parent ? self->space->parent_names[p] : "", found,
                      name, best, clade_text_get(&reason));
        clade_text_free(&reason);
        return;
    }
}

static clade_status compare_all(const encoder *self)
{
    const clade_method *method = self->recipe->method;
    clade_recipe *said;
    CLADE_TRY(clade_merge_space_decode(self->space, self->genome, &said));
    for (size_t k = 0; k < method->n_parameters; k++)
        for (size_t p = 0; p < (method->parameters[k].scope == CLADE_PER_PARENT ? self->space->n_parents : 1); p++)
            compare(self, said, k, p);
    clade_recipe_free(said);
    return CLADE_OK;
}

/* The rule of the first tensor of every group; a tensor without a rule is a problem. */
static clade_status find_rules(encoder *self)
{
    const clade_sites *sites = &self->space->sites;
    const clade_family *family = self->space->family;
    self->rules = clade_calloc(sites->n_groups, sizeof(const clade_rule *));
    if (!self->rules)
        return clade_fail_memory(sites->n_groups * sizeof(const clade_rule *), "the rules of a recipe");
    for (size_t i = 0; i < clade_family_count(family); i++) {
        const char *name = clade_family_at(family, i)->name;
        const clade_rule *rule = clade_recipe_rule(self->recipe, name);
        size_t g = 0;
        while (g < sites->n_groups && !clade_site_group_matches(&sites->groups[g], name))
            g++;
        if (!rule) {
            clade_problem(self->problems, "%s: found no rule for tensor %s", self->where, name);
            return CLADE_OK;
        }
        if (g < sites->n_groups && !self->rules[g])
            self->rules[g] = rule;
    }
    return CLADE_OK;
}

static clade_status encode(encoder *self, size_t problems_before)
{
    CLADE_TRY(find_rules(self));
    if (self->problems->count > problems_before)
        return CLADE_OK;
    clade_merge_defaults(self->space, self->genome);
    if (self->space->genes.has_category)
        self->genome[0] = (double)self->method;
    if (self->recipe->method->uses_masks)
        self->genome[self->space->seed_gene] = (double)self->recipe->seed;
    CLADE_TRY(read_genes(self));
    return compare_all(self);
}

clade_status clade_merge_space_encode(const clade_merge_space *space, clade_recipe *recipe, const char *where,
                                      double *genome, clade_problems *problems)
{
    encoder self = {.space = space, .recipe = recipe, .genome = genome, .where = where, .problems = problems};
    const size_t before = problems->count;
    find_method(&self);
    find_parents(&self);
    check_extras(&self);
    if (problems->count > before)
        return CLADE_OK;
    clade_merge_canonical(recipe);
    const clade_status status = encode(&self, before);
    clade_free(self.rules);
    return status;
}
