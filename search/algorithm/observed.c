#include "search/algorithm/observed.h"

#include <math.h>
#include <string.h>

#include "clade/alloc.h"
#include "search/algorithm/good_set.h"

static const double GAMMA = 0.1;
enum { MOST_GOOD = 25, YOUNG = 25, FIRST_CAPACITY = 64 };

clade_status clade_observed_init(clade_observed *s, const clade_search_problem *problem)
{
    const size_t n_genes = problem->space->n_genes;
    s->space = problem->space;
    s->n_objectives = problem->n_objectives;
    s->order = clade_calloc(n_genes, sizeof *s->order);
    s->n_active = clade_calloc(n_genes, sizeof *s->n_active);
    if (!s->order || !s->n_active)
        return clade_fail_memory(n_genes * sizeof *s->order, "TPE");
    return CLADE_OK;
}

void clade_observed_fini(clade_observed *s)
{
    for (size_t g = 0; s->order && g < s->space->n_genes; g++)
        clade_free(s->order[g]);
    clade_free(s->order);
    clade_free(s->n_active);
    clade_free(s->seen);
    clade_free(s->unit);
    clade_free(s->complete);
    clade_free(s->objectives);
    clade_free(s->index);
    clade_free(s->worth);
    memset(s, 0, sizeof *s);
}

bool clade_gene_is_number(const clade_gene *gene)
{
    return gene->kind == CLADE_GENE_REAL || gene->kind == CLADE_GENE_INTEGER;
}

const double *clade_observed_unit(const clade_observed *s, size_t c)
{
    return s->unit + c * s->space->n_genes;
}

bool clade_observed_in(const clade_observed *s, size_t c, size_t g, bool good)
{
    return s->seen[c].good == good && clade_gene_active(s->space, clade_observed_unit(s, c), g);
}

size_t clade_observed_count(const clade_observed *s, size_t g, bool good)
{
    size_t n = 0;
    for (size_t c = 0; c < s->count; c++)
        n += clade_observed_in(s, c, g, good);
    return n;
}

/* Twice the room. An array that did grow stays so when another cannot. */
static clade_status grow(clade_observed *s)
{
    const size_t n_genes = s->space->n_genes, m = s->n_objectives;
    const size_t capacity = s->capacity > 0 ? 2 * s->capacity : FIRST_CAPACITY;
    clade_observation *seen = clade_realloc(s->seen, capacity * sizeof *seen);
    double *unit = clade_realloc(s->unit, capacity * n_genes * sizeof *unit);
    double *objectives = clade_realloc(s->objectives, capacity * m * sizeof *objectives);
    double *worth = clade_realloc(s->worth, capacity * sizeof *worth);
    size_t *complete = clade_realloc(s->complete, capacity * sizeof *complete);
    size_t *index = clade_realloc(s->index, capacity * sizeof *index);
    bool whole = seen && unit && objectives && worth && complete && index;
    s->seen = seen ? seen : s->seen;
    s->unit = unit ? unit : s->unit;
    s->objectives = objectives ? objectives : s->objectives;
    s->worth = worth ? worth : s->worth;
    s->complete = complete ? complete : s->complete;
    s->index = index ? index : s->index;
    for (size_t g = 0; g < n_genes && whole; g++) {
        size_t *order = clade_realloc(s->order[g], capacity * sizeof *order);
        s->order[g] = order ? order : s->order[g];
        whole = order != NULL;
    }
    if (!whole)
        return clade_fail_memory(capacity * (n_genes + m + 5) * sizeof(double), "what TPE was told");
    s->capacity = capacity;
    return CLADE_OK;
}

/* Child C, the youngest, to its place in the order of gene G. */
static void put_in_order(clade_observed *s, size_t c, size_t g)
{
    const size_t n_genes = s->space->n_genes;
    size_t *order = s->order[g], low = 0, high = s->n_active[g]++;
    const double value = s->unit[c * n_genes + g];
    const size_t end = high;
    while (low < high) {
        const size_t middle = (low + high) / 2;
        if (s->unit[order[middle] * n_genes + g] <= value)
            low = middle + 1;
        else
            high = middle;
    }
    memmove(order + low + 1, order + low, (end - low) * sizeof *order);
    order[low] = c;
}

clade_status clade_observed_add(clade_observed *s, const clade_told *told)
{
    const clade_space *space = s->space;
    if (told->objectives && !told->complete && told->batch > 0)
        return CLADE_OK;
    if (s->count == s->capacity)
        CLADE_TRY(grow(s));
    const size_t c = s->count++;
    s->seen[c] = (clade_observation){0};
    double *unit = s->unit + c * space->n_genes;
    for (size_t g = 0; g < space->n_genes; g++) {
        const clade_gene *gene = &space->genes[g];
        unit[g] = clade_gene_is_number(gene) ? clade_gene_to_unit(gene, told->genome[g]) : told->genome[g];
    }
    for (size_t g = 0; g < space->n_genes; g++)
        if (clade_gene_is_number(&space->genes[g]) && clade_gene_active(space, unit, g))
            put_in_order(s, c, g);
    if (!told->objectives || !told->complete)
        return CLADE_OK;
    memcpy(s->objectives + s->n_complete * s->n_objectives, told->objectives,
           s->n_objectives * sizeof *told->objectives);
    s->complete[s->n_complete++] = c;
    return CLADE_OK;
}

/* Of number I of the N others, the youngest last. */
static double weight_of_age(size_t i, size_t n)
{
    if (n < YOUNG || i + YOUNG >= n)
        return 1;
    const size_t ramp = n - YOUNG;
    const double oldest = 1 / (double)n;
    return ramp > 1 ? oldest + (1 - oldest) * (double)i / (double)(ramp - 1) : oldest;
}

clade_status clade_observed_split(clade_observed *s)
{
    if (s->split_of == s->count)
        return CLADE_OK;
    size_t n_good = (size_t)ceil(GAMMA * (double)s->n_complete);
    n_good = n_good > MOST_GOOD ? MOST_GOOD : n_good;
    CLADE_TRY(clade_good_set(s->objectives, s->n_complete, s->n_objectives, n_good, s->index, s->worth));
    for (size_t c = 0; c < s->count; c++)
        s->seen[c].good = false;
    for (size_t i = 0; i < n_good; i++) {
        clade_observation *good = &s->seen[s->complete[s->index[i]]];
        good->good = true;
        good->weight = s->worth[s->index[i]];
    }
    for (size_t c = 0, i = 0; c < s->count; c++)
        if (!s->seen[c].good)
            s->seen[c].weight = weight_of_age(i++, s->count - n_good);
    s->split_of = s->count;
    return CLADE_OK;
}
