#include <math.h>
#include <string.h>

#include "clade/alloc.h"
#include "search/algorithm.h"

typedef struct run {
    const clade_algorithm *algorithm;
    const clade_search_problem *problem;
    void *state;
    double *objectives, *genomes;
    uint64_t told;
} run;

/* A value that is not finite is a failure, as in the engine. */
static clade_status tell_next(run *r)
{
    const size_t m = r->problem->n_objectives;
    const double *objectives = r->objectives + r->told * m, *genome = r->genomes + r->told * r->problem->space->n_genes;
    bool finite = true;
    for (size_t k = 0; k < m; k++)
        finite &= isfinite(objectives[k]) != 0;
    const clade_told told = {.child = r->told++,
                             .genome = genome,
                             .objectives = finite ? objectives : NULL,
                             .cost = 1,
                             .own = true,
                             .complete = true};
    return r->algorithm->tell(r->state, &told);
}

static clade_status run_all(run *r, clade_closed_form evaluate, const void *context, size_t children)
{
    for (uint64_t child = 0; child < children; child++) {
        const uint64_t before = clade_told_before_ask(r->algorithm, r->state, child, r->problem->window);
        while (r->told < before)
            CLADE_TRY(tell_next(r));
        clade_proposal proposal = {.genome = r->genomes + child * r->problem->space->n_genes};
        CLADE_TRY(r->algorithm->ask(r->state, child, &proposal));
        evaluate(context, proposal.genome, r->objectives + child * r->problem->n_objectives);
    }
    while (r->told < children)
        CLADE_TRY(tell_next(r));
    return CLADE_OK;
}

clade_status clade_run_closed_form(const clade_algorithm *algorithm, const clade_search_problem *problem,
                                   clade_closed_form evaluate, const void *context, size_t children, double *objectives,
                                   double *genomes)
{
    const size_t n_genes = problem->space->n_genes;
    double *kept = genomes ? NULL : clade_calloc(children, n_genes * sizeof *kept);
    if (!genomes && !kept)
        return clade_fail_memory(children * n_genes * sizeof *kept, "the genomes of a run");
    run r = {.algorithm = algorithm, .problem = problem, .objectives = objectives, .genomes = genomes ? genomes : kept};
    clade_status status = algorithm->create(problem, &r.state);
    if (status == CLADE_OK) {
        status = run_all(&r, evaluate, context, children);
        algorithm->destroy(r.state);
    }
    clade_free(kept);
    return status;
}
