#include "search/algorithm/cma_restart.h"

#include <math.h>
#include <string.h>

#include "clade/alloc.h"

#include "search/order_statistics.h"

static const double TOLFUN = 1e-12, TOLX = 1e-11, CONDITION = 1e14;
enum { MOST_DOUBLINGS = 9, STAGNATION_ENDS = 20 }; /* pycma's numbers */

/* Generations that stagnation and tolfun look back. */
static size_t stagnation_length(size_t n, size_t lambda)
{
    return 120 + 30 * n / lambda;
}

static size_t tolfun_length(size_t n, size_t lambda)
{
    return 10 + 30 * n / lambda;
}

clade_status clade_cma_run_init(clade_cma_run *run, clade_cma_restarts restarts, size_t lambda0, size_t lambda_least,
                                double sigma0, size_t n)
{
    const size_t smallest = 4; /* lambda, for the longest history */
    run->restarts = restarts;
    run->lambda0 = lambda0;
    run->lambda_least = lambda_least;
    run->sigma0 = sigma0;
    run->capacity = stagnation_length(n, smallest);
    run->best = clade_calloc(run->capacity, sizeof *run->best);
    run->median = clade_calloc(run->capacity, sizeof *run->median);
    if (run->best && run->median)
        return CLADE_OK;
    clade_cma_run_fini(run);
    return clade_fail_memory(2 * run->capacity * sizeof *run->best, "the history of CMA-ES");
}

void clade_cma_run_fini(clade_cma_run *run)
{
    clade_free(run->best);
    clade_free(run->median);
    memset(run, 0, sizeof *run);
}

static size_t clamp_lambda(double lambda)
{
    return lambda < 4 ? 4 : (size_t)lambda;
}

static void begin_large(clade_cma_run *run, double lambda0)
{
    run->small = false;
    run->allowed = 0;
    run->sigma = run->sigma0;
    run->lambda = clamp_lambda(lambda0 * exp2((double)run->large));
}

static void begin_small(clade_cma_run *run, double lambda0, double u, double v)
{
    const double lambda_large = lambda0 * exp2((double)run->large);
    run->small = true;
    run->allowed = run->last_large / 2;
    run->sigma = run->sigma0 * pow(10, -2 * v);
    run->lambda = clamp_lambda(lambda0 * pow(lambda_large / (2 * lambda0), u * u));
}

void clade_cma_run_begin(clade_cma_run *run, bool again, size_t n, double u, double v)
{
    const double by_default = fmax((double)clade_cma_default_lambda(n > 0 ? n : 1), (double)run->lambda_least);
    const double lambda0 = run->lambda0 > 0 ? (double)run->lambda0 : by_default;
    if (again) {
        run->number++;
        if (run->small)
            run->total_small += run->children;
        else
            run->total_large += run->last_large = run->children;
    }
    /* The second run is large: before it a small run could not differ from the first. */
    if (again && run->restarts == CLADE_CMA_BIPOP && run->large > 0 && run->total_small < run->total_large) {
        begin_small(run, lambda0, u, v);
    } else {
        run->large += again && run->large < MOST_DOUBLINGS;
        begin_large(run, lambda0);
    }
    run->children = run->generation = 0;
    run->length = stagnation_length(n, run->lambda);
}

/* The median of the STAGNATION_ENDS values of generations from FIRST on. */
static double median_from(const clade_cma_run *run, const double *history, uint64_t first)
{
    double values[STAGNATION_ENDS];
    for (uint64_t i = 0; i < STAGNATION_ENDS; i++)
        values[i] = history[(first + i) % run->length];
    clade_sort_numbers(values, STAGNATION_ENDS);
    return values[STAGNATION_ENDS / 2];
}

static bool stagnates(const clade_cma_run *run)
{
    if (run->generation < run->length)
        return false;
    const uint64_t first = run->generation - run->length, last = run->generation - STAGNATION_ENDS;
    return median_from(run, run->best, last) >= median_from(run, run->best, first) &&
           median_from(run, run->median, last) >= median_from(run, run->median, first);
}

static bool flat(const clade_cma_run *run, size_t n)
{
    const size_t back = tolfun_length(n, run->lambda);
    if (run->generation < back)
        return false;
    double least = INFINITY, largest = -INFINITY;
    for (uint64_t g = run->generation - back; g < run->generation; g++) {
        least = fmin(least, run->best[g % run->length]);
        largest = fmax(largest, run->best[g % run->length]);
    }
    return largest - least < TOLFUN;
}

static bool no_step_left(const clade_cma_run *run, const clade_cma *cma)
{
    bool none = true;
    for (size_t i = 0; i < cma->n; i++)
        none &= clade_cma_deviation(cma, i) < TOLX * run->sigma0 && cma->sigma * fabs(cma->p_c[i]) < TOLX * run->sigma0;
    return none;
}

const char *clade_cma_run_over(clade_cma_run *run, const clade_cma *cma, double best, double median, bool comparable)
{
    run->best[run->generation % run->length] = best;
    run->median[run->generation % run->length] = median;
    run->generation++;
    run->children += run->lambda;
    if (run->restarts == CLADE_CMA_NO_RESTARTS)
        return NULL;
    if (comparable && flat(run, cma->n))
        return "tolfun";
    if (comparable && stagnates(run))
        return "stagnation";
    if (no_step_left(run, cma))
        return "tolx";
    if (clade_cma_condition(cma) > CONDITION)
        return "condition";
    return run->allowed > 0 && run->children >= run->allowed ? "budget" : NULL;
}
