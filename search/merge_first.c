/* The recipes that a search starts with, as genomes: the user's own, then the hand-made ones. Which method can say
 * which of them is a fact about merging, kept here as one table; everything else (ranges, fixed values, drop rates) is
 * asked of the space. */
#include <math.h>
#include <stdio.h>
#include <string.h>

#include "clade/alloc.h"
#include "search/merge_parts.h"

/* A method that keeps whole task vectors (density 1) and adds them up can say "sum" recipes; one whose consensus leaves
 * a lone parent alone can say "one" recipes; one that takes a mean of models can say "mean" recipes. */
typedef enum ability { ONE = 1, MEAN = 2, SUM = 4 } ability;
static const struct {
    const char *method;
    unsigned abilities;
} able[] = {
    {"task_arithmetic", SUM | ONE | MEAN},
    {"dare_linear", SUM | ONE | MEAN},
    {"linear", ONE | MEAN},
    {"slerp", ONE},
    {"ties", ONE},
    {"dare_ties", ONE},
};

enum { ALL_PARENTS = -1, LIST_STEP = 16 };
static const double BEST_SUM = 1.2;  /* of uniform coefficients: merge_priors.c says where it comes from */
static const double TEMPERATURE = 5; /* of LM-Cocktail, its default */
static const double ROUNDING = 1e-9;

/* What a hand-made recipe says. */
typedef struct wish {
    char name[64];
    unsigned ability;           /* what its method must be able to say, or */
    const clade_method *method; /* the method, by its settings: what these say nothing of has the default */
    int parent;                 /* whose weight is WEIGHT (others 0), or ALL_PARENTS */
    double weight;
    const double *weights; /* (n_parents), borrowed, or NULL: WEIGHT */
    bool rising;           /* linearly with depth: 0 at the first site, twice the weight at the last */
    double lambda;         /* of METHOD */
    const char *parameter; /* of METHOD, or NULL */
    double value;
} wish;

/* Being made. */
typedef struct maker {
    const clade_merge_space *space;
    clade_first *list; /* owned until it is handed out */
    size_t count, room, n_own;
    double metagpt[CLADE_MAX_PARENTS], cocktail[CLADE_MAX_PARENTS];
    bool has_metagpt, has_cocktail;
} maker;

static unsigned abilities_of(const clade_method *method)
{
    for (size_t a = 0; a < sizeof able / sizeof *able; a++)
        if (strcmp(able[a].method, method->name) == 0)
            return able[a].abilities;
    return 0;
}

/* ---- a wish in a genome ---- */

/* What the wish wants a parameter to be, for one parent; NAN when it has no opinion. */
static double wanted(const wish *w, const clade_parameter *parameter, size_t parent)
{
    if (clade_is_weight(parameter))
        return w->weights ? w->weights[parent] : w->parent == ALL_PARENTS || w->parent == (int)parent ? w->weight : 0;
    const bool strength = strcmp(parameter->name, "lambda") == 0;
    if (w->method)
        return strength                                                     ? w->lambda
               : w->parameter && strcmp(parameter->name, w->parameter) == 0 ? w->value
                                                                            : (double)NAN;
    return strength || strcmp(parameter->name, "density") == 0 ? 1 : parameter->default_value;
}

/* Linear in depth: 0 at the first site, 2 at the last. NAN when all are at one depth. */
static double rise(const clade_merge_space *space, size_t site)
{
    const clade_site *list = space->sites.list;
    double first = list[0].depth, last = list[0].depth;
    for (size_t s = 1; s < space->sites.n_sites; s++) {
        first = fmin(first, list[s].depth);
        last = fmax(last, list[s].depth);
    }
    return last > first ? 2 * (list[site].depth - first) / (last - first) : (double)NAN;
}

/* Write VALUE into the genes of a slot for one parent; false when it is out of their range. */
static bool set_value(const clade_merge_space *space, const clade_slot *slot, size_t parent, double value, bool rising,
                      double *genome)
{
    if (slot->drop)
        value = 1 - value;
    const size_t sites = slot->by_site ? space->sites.n_sites : 1;
    for (size_t s = 0; s < sites; s++) {
        const double here = rising && slot->by_site ? value * rise(space, s) : value;
        if (here < slot->low || here > slot->high)
            return false;
        if (slot->searched)
            genome[slot->gene + parent * sites + s] = here;
    }
    return true;
}

/* The factors of the sites; false when a rising recipe has no sites to rise over. */
static bool set_rise(const clade_merge_space *space, const wish *w, double *genome)
{
    if (!w->rising)
        return true;
    if (isnan(rise(space, 0)) || space->sum > 0)
        return false;
    for (size_t s = 0; s < space->sites.n_sites && space->has_factors; s++)
        genome[space->factor_gene + s] = rise(space, s);
    return true;
}

/* A method that feels the sum of the weights has to say the space's. */
static bool suits_sum(const clade_merge_space *space, const clade_method *method, const wish *w)
{
    if (!(space->sum > 0) || w->method || (abilities_of(method) & SUM) == 0)
        return true;
    double sum = 0;
    for (size_t p = 0; p < space->n_parents; p++)
        sum += w->weights ? w->weights[p] : w->parent == ALL_PARENTS || w->parent == (int)p ? w->weight : 0;
    return fabs(sum - space->sum) <= ROUNDING * space->sum;
}

/* The wish said by method M; false when a value of it cannot be said. */
static bool say(const clade_merge_space *space, size_t m, const wish *w, double *genome)
{
    const clade_method *method = space->methods[m];
    if (!set_rise(space, w, genome) || !suits_sum(space, method, w))
        return false;
    if (space->genes.has_category)
        genome[0] = (double)m;
    for (size_t k = 0; k < method->n_parameters; k++) {
        const clade_parameter *parameter = &method->parameters[k];
        const clade_slot *slot = clade_slot_find(space, m, parameter);
        const size_t parents = parameter->scope == CLADE_PER_PARENT ? space->n_parents : 1;
        for (size_t p = 0; p < parents; p++) {
            const double value = wanted(w, parameter, p), fixed = parameter->default_value;
            if (isnan(value))
                continue;
            const bool rising = w->rising && clade_is_weight(parameter);
            if (slot ? !set_value(space, slot, p, value, rising, genome) : value < fixed || value > fixed)
                return false;
        }
    }
    return true;
}

static bool say_by_any(const clade_merge_space *space, const wish *w, double *genome)
{
    for (size_t m = 0; m < space->n_methods; m++) {
        const clade_method *method = space->methods[m];
        clade_merge_defaults(space, genome);
        if ((method == w->method || (abilities_of(method) & w->ability) != 0) && say(space, m, w, genome))
            return true;
    }
    return false;
}

/* ---- the list ---- */

/* Equal to one that is there but for rounding: the average of five parents is task arithmetic at .2. */
static bool is_known(const maker *self, const double *genome)
{
    for (size_t i = 0; i < self->count; i++) {
        bool equal = true;
        for (size_t g = 0; g < self->space->genes.n_genes && equal; g++)
            equal = fabs(self->list[i].genome[g] - genome[g]) <= ROUNDING * (1 + fabs(genome[g]));
        if (equal)
            return true;
    }
    return false;
}

/* GENOME is owned from now on. */
static clade_status add(maker *self, const char *name, double *genome)
{
    if (self->count == self->room) {
        clade_first *larger = clade_realloc(self->list, (self->room + LIST_STEP) * sizeof *larger);
        if (!larger) {
            clade_free(genome);
            return clade_fail_memory((self->room + LIST_STEP) * sizeof *larger, "first recipes");
        }
        self->list = larger;
        self->room += LIST_STEP;
    }
    clade_first *one = &self->list[self->count++];
    snprintf(one->name, sizeof one->name, "%.63s", name);
    one->genome = genome;
    return CLADE_OK;
}

static clade_status new_genome(const clade_merge_space *space, double **genome)
{
    const size_t bytes = (space->genes.n_genes + 1) * sizeof(double);
    *genome = clade_malloc(bytes);
    return *genome ? CLADE_OK : clade_fail_memory(bytes, "a first recipe");
}

/* WISH into the list, when the space can say it and there is room. */
static clade_status grant(maker *self, wish w)
{
    double *genome;
    if (self->count - self->n_own >= CLADE_MOST_FIRST)
        return CLADE_OK;
    CLADE_TRY(new_genome(self->space, &genome));
    if (say_by_any(self->space, &w, genome) && !is_known(self, genome))
        return add(self, w.name, genome);
    clade_free(genome);
    return CLADE_OK;
}

/* ---- the hand-made ones ---- */

static clade_status grant_uniform(maker *self, const char *kind, bool rising, double scale)
{
    wish w = {.ability = SUM, .parent = ALL_PARENTS, .weight = rising ? scale / 2 : scale, .rising = rising};
    snprintf(w.name, sizeof w.name, "%s %.3g", kind, scale);
    return grant(self, w);
}

static clade_status grant_row(maker *self, const clade_published *row)
{
    const clade_method *method = clade_method_find(row->method);
    const size_t weight = clade_method_parameter(method, "weight");
    wish w = {.method = method,
              .parent = ALL_PARENTS,
              .lambda = row->lambda,
              .parameter = row->parameter,
              .value = row->value,
              .weight = row->weight};
    if (row->uniform)
        w.weight = BEST_SUM / (double)self->space->n_parents;
    else if (isnan(row->weight) && weight < method->n_parameters)
        w.weight = method->parameters[weight].default_value;
    snprintf(w.name, sizeof w.name, "%s", row->name);
    return grant(self, w);
}

/* The first row of every method, or else all rows but those. Methods without a row that no other wish speaks for are
 * tried at their defaults. */
static clade_status grant_rows(maker *self, bool first)
{
    size_t count;
    const clade_published *rows = clade_published_settings(&count);
    for (size_t r = 0; r < count; r++) {
        bool earlier = false;
        for (size_t q = 0; q < r; q++)
            earlier = earlier || strcmp(rows[q].method, rows[r].method) == 0;
        if (earlier != first)
            CLADE_TRY(grant_row(self, &rows[r]));
    }
    for (size_t m = 0; m < self->space->n_methods && first; m++) {
        const char *name = self->space->methods[m]->name;
        bool has_row = (abilities_of(self->space->methods[m]) & (SUM | MEAN)) != 0;
        for (size_t r = 0; r < count; r++)
            has_row = has_row || strcmp(rows[r].method, name) == 0;
        if (!has_row)
            CLADE_TRY(grant_row(self, &(clade_published){.name = name, .method = name, .weight = NAN, .lambda = NAN}));
    }
    return CLADE_OK;
}

/* In the order of their promise. */
static clade_status grant_all(maker *self)
{
    static const double scales[] = {0.3, 0.2, 0.4, 0.1}; /* Ilharco et al. 2022 and those who compare with it */
    static const double risen[] = {0.3, 0.6, 0.9};
    const size_t n = self->space->n_parents;
    const double best = BEST_SUM / (double)n;
    CLADE_TRY(grant(self, (wish){.name = "average", .ability = MEAN, .parent = ALL_PARENTS, .weight = 1 / (double)n}));
    CLADE_TRY(grant_uniform(self, "task_arithmetic", false, best));
    /* LiNeS (Wang et al. 2024, arXiv 2410.17146): task vectors scaled linearly with depth, because early layers hold
     * what the tasks share. Named by the coefficients that the last site reaches; the first has the best mean. */
    CLADE_TRY(grant_uniform(self, "lines", true, 2 * best));
    if (self->has_metagpt)
        CLADE_TRY(grant(self, (wish){.name = "metagpt weights", .ability = SUM, .weights = self->metagpt}));
    if (self->has_cocktail)
        CLADE_TRY(grant(self, (wish){.name = "lm_cocktail weights", .ability = MEAN, .weights = self->cocktail}));
    CLADE_TRY(grant_rows(self, true));
    for (size_t s = 0; s < sizeof scales / sizeof *scales; s++)
        CLADE_TRY(grant_uniform(self, "task_arithmetic", false, scales[s]));
    for (size_t s = 0; s < sizeof risen / sizeof *risen; s++)
        CLADE_TRY(grant_uniform(self, "lines", true, risen[s]));
    CLADE_TRY(grant_rows(self, false));
    CLADE_TRY(grant(self, (wish){.name = "base", .ability = SUM, .parent = ALL_PARENTS, .weight = 0}));
    for (size_t p = 0; p < n; p++) {
        wish w = {.ability = ONE, .parent = (int)p, .weight = 1};
        snprintf(w.name, sizeof w.name, "parent %.50s", self->space->parent_names[p]);
        CLADE_TRY(grant(self, w));
    }
    return CLADE_OK;
}

/* ---- weights in closed form ---- */

/* MetaGPT: lambda_k = |tau_k|^2 / sum_j |tau_j|^2, over the whole model. */
static clade_status find_metagpt(maker *self)
{
    const clade_merge_space *space = self->space;
    double sum = 0;
    bool sums = false, known = false;
    for (size_t m = 0; m < space->n_methods; m++)
        sums = sums || (abilities_of(space->methods[m]) & SUM) != 0;
    if (sums)
        CLADE_TRY(clade_merge_norms(space, self->metagpt, &known));
    for (size_t p = 0; p < space->n_parents && known; p++)
        sum += self->metagpt[p];
    self->has_metagpt = known && sum > 0 && isfinite(sum);
    for (size_t p = 0; p < space->n_parents && self->has_metagpt; p++)
        self->metagpt[p] /= sum;
    return CLADE_OK;
}

/* LM-Cocktail (Xiao et al. 2023, arXiv 2311.13534): softmax of - loss / temperature. */
static void find_cocktail(maker *self, const double *losses)
{
    const size_t n = self->space->n_parents;
    double least = INFINITY, sum = 0;
    self->has_cocktail = losses != NULL;
    for (size_t p = 0; p < n && losses; p++) {
        self->has_cocktail = self->has_cocktail && isfinite(losses[p]);
        least = fmin(least, losses[p]);
    }
    for (size_t p = 0; p < n && self->has_cocktail; p++)
        sum += self->cocktail[p] = exp((least - losses[p]) / TEMPERATURE);
    for (size_t p = 0; p < n && self->has_cocktail; p++)
        self->cocktail[p] /= sum;
}

/* ---- the user's own ---- */

static clade_status add_own(maker *self, const char *path, clade_problems *problems)
{
    const char *slash = strrchr(path, '/');
    const size_t before = problems->count;
    clade_recipe *recipe;
    double *genome;
    CLADE_TRY(clade_recipe_read(path, &recipe));
    clade_status status = new_genome(self->space, &genome);
    if (status == CLADE_OK)
        status = clade_merge_space_encode(self->space, recipe, path, genome, problems);
    clade_recipe_free(recipe);
    if (status == CLADE_OK && problems->count == before)
        return add(self, slash ? slash + 1 : path, genome);
    clade_free(genome);
    return status;
}

static clade_status add_all_own(maker *self, const clade_first_sources *sources)
{
    clade_problems problems = {0};
    clade_status status = CLADE_OK;
    for (size_t r = 0; r < sources->n_recipes && status == CLADE_OK; r++)
        status = add_own(self, sources->recipe_paths[r], &problems);
    self->n_own = self->count;
    if (status == CLADE_OK)
        return clade_problems_end(&problems, CLADE_ECONFIG);
    clade_text_free(&problems.text);
    return status;
}

static clade_status make(maker *self, const clade_first_sources *sources)
{
    if (sources) {
        CLADE_TRY(add_all_own(self, sources));
        if (sources->only_own)
            return CLADE_OK;
        find_cocktail(self, sources->parent_losses);
    }
    CLADE_TRY(find_metagpt(self));
    return grant_all(self);
}

clade_status clade_merge_space_first(const clade_merge_space *space, const clade_first_sources *sources,
                                     clade_first **first, size_t *count)
{
    maker self = {.space = space};
    const clade_status status = make(&self, sources);
    if (status != CLADE_OK) {
        clade_first_free(self.list, self.count);
        return status;
    }
    *first = self.list;
    *count = self.count;
    return CLADE_OK;
}

void clade_first_free(clade_first *first, size_t count)
{
    for (size_t i = 0; i < count; i++)
        clade_free(first[i].genome);
    clade_free(first);
}
