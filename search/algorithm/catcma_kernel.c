#include "search/algorithm/catcma_kernel.h"

#include <math.h>
#include <string.h>

#include "clade/alloc.h"

static const double LEAST_WIDTH = 0.01;   /* a prior may be wrong */
static const double PLACED_SHARE = 0.5;   /* probability of the category of the child that a kernel is placed at */
static const uint64_t SEED_REDRAWN = 4;   /* one of so many times */
static const double LARGEST_QUANTILE = 8; /* of the normal distribution, that is looked for */

double clade_catcma_integer_spread(double bin, double margin)
{
    double low = 0, high = LARGEST_QUANTILE;
    for (int i = 0; i < 60; i++) {
        const double z = (low + high) / 2;
        /* erfc(z / sqrt(2)) is the probability of more than z standard deviations on either side. */
        if (erfc(z / sqrt(2)) > margin)
            low = z;
        else
            high = z;
    }
    return bin / 2 / fmax(high, 1e-3);
}

static bool is_number(const clade_gene *gene)
{
    return (gene->kind == CLADE_GENE_REAL || gene->kind == CLADE_GENE_INTEGER) && gene->low < gene->high;
}

static void list_genes(clade_catcma_genes *genes, double sigma)
{
    size_t discrete = 0;
    for (size_t g = 0; g < genes->space->n_genes; g++) {
        const clade_gene *gene = &genes->space->genes[g];
        const double width = gene->spread > 0 ? fmax(fmin(1, gene->spread * sqrt(12)), LEAST_WIDTH) : 1;
        if (gene->kind == CLADE_GENE_CATEGORY) {
            const size_t classes = (size_t)gene->high + 1;
            genes->n_most_classes = classes > genes->n_most_classes ? classes : genes->n_most_classes;
            genes->category[genes->n_categories++] = g;
            discrete += classes > 1;
        } else if (is_number(gene)) {
            genes->initial[genes->n] = sigma * width;
            genes->gene[genes->n++] = g;
            discrete += gene->kind == CLADE_GENE_INTEGER;
        }
    }
    genes->n_discrete = discrete > 0 ? discrete : 1;
}

clade_status clade_catcma_genes_init(clade_catcma_genes *genes, const clade_space *space, double sigma, double margin)
{
    const size_t all = space->n_genes;
    genes->space = space;
    genes->margin = margin;
    genes->gene = clade_calloc(all, sizeof *genes->gene);
    genes->category = clade_calloc(all, sizeof *genes->category);
    genes->least_spread = clade_calloc(all, sizeof *genes->least_spread);
    genes->initial = clade_calloc(all, sizeof *genes->initial);
    if (!genes->gene || !genes->category || !genes->least_spread || !genes->initial) {
        clade_catcma_genes_fini(genes);
        return clade_fail_memory(4 * all * sizeof(double), "the genes of CatCMA");
    }
    list_genes(genes, sigma);
    const double each = 1 - pow(1 - margin, 1 / (double)genes->n_discrete);
    for (size_t i = 0; i < genes->n; i++) {
        const clade_gene *gene = &space->genes[genes->gene[i]];
        if (gene->kind == CLADE_GENE_INTEGER && each > 0)
            genes->least_spread[i] = clade_catcma_integer_spread(1 / (gene->high - gene->low + 1), each);
    }
    return CLADE_OK;
}

void clade_catcma_genes_fini(clade_catcma_genes *genes)
{
    clade_free(genes->gene);
    clade_free(genes->category);
    clade_free(genes->least_spread);
    clade_free(genes->initial);
    memset(genes, 0, sizeof *genes);
}

static clade_status allocate(clade_catcma_kernel *kernel, const clade_catcma_genes *genes)
{
    const size_t n = genes->n;
    double **vectors[] = {&kernel->m, &kernel->p, &kernel->step, &kernel->squares, &kernel->seen, &kernel->rank_mu};
    kernel->categories = clade_calloc(genes->n_categories, sizeof *kernel->categories);
    kernel->genome = clade_calloc(genes->space->n_genes, sizeof *kernel->genome);
    kernel->class_weight = clade_calloc(genes->n_most_classes, sizeof *kernel->class_weight);
    bool all = kernel->categories && kernel->genome && kernel->class_weight;
    for (size_t v = 0; v < sizeof vectors / sizeof *vectors; v++) {
        *vectors[v] = clade_calloc(n, sizeof **vectors[v]);
        all &= *vectors[v] != NULL;
    }
    return all ? CLADE_OK : clade_fail_memory(6 * n * sizeof(double), "a kernel of CatCMA");
}

clade_status clade_catcma_kernel_init(clade_catcma_kernel *kernel, const clade_catcma_genes *genes)
{
    clade_status status = allocate(kernel, genes);
    for (size_t c = 0; c < genes->n_categories && status == CLADE_OK; c++) {
        const size_t classes = (size_t)genes->space->genes[genes->category[c]].high + 1;
        kernel->n_categories++;
        status = clade_categorical_init(&kernel->categories[c], classes,
                                        clade_categorical_floor(genes->margin, genes->n_discrete, classes));
    }
    if (status != CLADE_OK) {
        clade_catcma_kernel_fini(kernel);
        return status;
    }
    for (size_t i = 0; i < genes->n; i++) {
        const clade_gene *gene = &genes->space->genes[genes->gene[i]];
        kernel->m[i] = gene->spread > 0 ? gene->prior : 0.5;
    }
    return CLADE_OK;
}

void clade_catcma_kernel_fini(clade_catcma_kernel *kernel)
{
    for (size_t c = 0; c < kernel->n_categories; c++)
        clade_categorical_fini(&kernel->categories[c]);
    clade_free(kernel->categories);
    clade_free(kernel->m);
    clade_free(kernel->p);
    clade_free(kernel->step);
    clade_free(kernel->squares);
    clade_free(kernel->seen);
    clade_free(kernel->rank_mu);
    clade_free(kernel->genome);
    clade_free(kernel->class_weight);
    memset(kernel, 0, sizeof *kernel);
}

void clade_catcma_kernel_place(clade_catcma_kernel *kernel, const clade_catcma_genes *genes, uint64_t child,
                               const double *genome, const double *objectives, size_t n_objectives)
{
    for (size_t i = 0; i < genes->n; i++)
        kernel->m[i] = clade_gene_to_unit(&genes->space->genes[genes->gene[i]], genome[genes->gene[i]]);
    for (size_t c = 0; c < genes->n_categories; c++)
        clade_categorical_reset(&kernel->categories[c], (size_t)genome[genes->category[c]], PLACED_SHARE);
    memcpy(kernel->genome, genome, genes->space->n_genes * sizeof *genome);
    memcpy(kernel->incumbent, objectives, n_objectives * sizeof *objectives);
    kernel->has_incumbent = true;
    kernel->child = child;
}

size_t clade_catcma_kernel_mode(const clade_catcma_kernel *kernel, const clade_catcma_genes *genes)
{
    return genes->space->has_category ? clade_categorical_mode(&kernel->categories[0]) : 0;
}

void clade_catcma_kernel_between(clade_catcma_kernel *kernel, const clade_catcma_genes *genes,
                                 const clade_catcma_kernel *a, const clade_catcma_kernel *b)
{
    const bool alike = clade_catcma_kernel_mode(a, genes) == clade_catcma_kernel_mode(b, genes);
    const double share = alike ? 0.5 : 0;
    for (size_t i = 0; i < genes->n; i++) {
        kernel->m[i] = a->m[i] + share * (b->m[i] - a->m[i]);
        kernel->p[i] = a->p[i] + share * (b->p[i] - a->p[i]);
    }
    for (size_t c = 0; c < genes->n_categories; c++)
        clade_categorical_copy(&kernel->categories[c], &a->categories[c]);
    memcpy(kernel->genome, a->genome, genes->space->n_genes * sizeof *a->genome);
    kernel->has_incumbent = false;
}

void clade_catcma_kernel_sample(const clade_catcma_kernel *kernel, const clade_catcma_genes *genes,
                                const double *spread, clade_rng *rng, double *genome)
{
    const clade_space *space = genes->space;
    /* What is neither a category, nor varied, nor a seed is a gene of a single value. */
    for (size_t g = 0; g < space->n_genes; g++) {
        const clade_gene *gene = &space->genes[g];
        if (gene->kind != CLADE_GENE_SEED)
            genome[g] = gene->low;
        else if (!kernel->has_incumbent || clade_rng_below(rng, SEED_REDRAWN) == 0)
            genome[g] = (double)(clade_rng_next(rng) >> 32);
        else
            genome[g] = kernel->genome[g];
    }
    for (size_t c = 0; c < genes->n_categories; c++)
        genome[genes->category[c]] = (double)clade_categorical_sample(&kernel->categories[c], rng);
    for (size_t i = 0; i < genes->n; i++) {
        const size_t g = genes->gene[i];
        const double z = clade_rng_normal(rng);
        const double x = clade_gene_active(space, genome, g) ? kernel->m[i] + spread[i] * z : kernel->m[i];
        genome[g] = clade_gene_from_unit(&space->genes[g], fmin(fmax(x, 0), 1));
    }
}

/* Y (n) = (x - m) / sigma, 0 in inactive genes, cut to the length that few samples have. */
static void step_to(const clade_catcma_kernel *kernel, const clade_catcma_genes *genes, const double *genome,
                    double sigma, const double *C, double *y)
{
    const double n = (double)genes->n, longest = sqrt(n) + 2 * n / (n + 2);
    double squares = 0;
    for (size_t i = 0; i < genes->n; i++) {
        const size_t g = genes->gene[i];
        const bool active = clade_gene_active(genes->space, genome, g);
        y[i] = active ? (clade_gene_to_unit(&genes->space->genes[g], genome[g]) - kernel->m[i]) / sigma : 0;
        squares += y[i] * y[i] / C[i];
    }
    const double cut = squares > longest * longest ? longest / sqrt(squares) : 1;
    for (size_t i = 0; i < genes->n; i++)
        y[i] *= cut;
}

void clade_catcma_kernel_learn(clade_catcma_kernel *kernel, const clade_catcma_genes *genes,
                               const clade_catcma_candidate *selected, const double *w, size_t count, double sigma,
                               const double *C, double *y)
{
    for (size_t i = 0; i < genes->n; i++)
        kernel->step[i] = kernel->squares[i] = kernel->seen[i] = kernel->rank_mu[i] = 0;
    for (size_t j = 0; j < count; j++) {
        step_to(kernel, genes, selected[j].genome, sigma, C, y);
        for (size_t i = 0; i < genes->n; i++) {
            if (!clade_gene_active(genes->space, selected[j].genome, genes->gene[i]))
                continue;
            kernel->step[i] += w[j] * y[i];
            kernel->squares[i] += w[j] * w[j];
            kernel->seen[i] += w[j];
            kernel->rank_mu[i] += w[j] * y[i] * y[i];
        }
    }
    for (size_t c = 0; c < genes->n_categories; c++) {
        memset(kernel->class_weight, 0, kernel->categories[c].n * sizeof *kernel->class_weight);
        for (size_t j = 0; j < count; j++)
            if (clade_gene_active(genes->space, selected[j].genome, genes->category[c]))
                kernel->class_weight[(size_t)selected[j].genome[genes->category[c]]] += w[j];
        clade_categorical_learn(&kernel->categories[c], kernel->class_weight);
    }
}
