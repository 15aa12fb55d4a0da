#include "search/closed_form_run.h"

#include <string.h>

#include "clade/alloc.h"

typedef struct form_run {
    const clade_algorithm *algorithm;
    const clade_search_problem *problem;
    const clade_problem_form *form;
    size_t children;
    void *state;
    double *objectives; /* (children, n_objectives) */
    double *genomes;    /* (children + 1, n_genes): one more, as scratch */
    bool *is_member;    /* (children) */
} form_run;

static double *genome_of(const form_run *r, uint64_t child)
{
    return r->genomes + child * r->problem->space->n_genes;
}

static clade_status tell_until(form_run *r, uint64_t *told, uint64_t end)
{
    for (; *told < end; ++*told) {
        const clade_told result = {.child = *told,
                                   .genome = genome_of(r, *told),
                                   .objectives = r->objectives + *told * r->form->n_objectives,
                                   .own = true,
                                   .cost = 1,
                                   .complete = true};
        CLADE_TRY(r->algorithm->tell(r->state, &result));
    }
    return CLADE_OK;
}

static clade_status run_children(form_run *r)
{
    uint64_t told = 0;
    for (uint64_t child = 0; child < r->children; child++) {
        const uint64_t before = clade_told_before_ask(r->algorithm, r->state, child, r->problem->window);
        CLADE_TRY(tell_until(r, &told, before));
        clade_proposal proposal = {.genome = genome_of(r, child)};
        CLADE_TRY(r->algorithm->ask(r->state, child, &proposal));
        clade_problem_form_evaluate(r->form, proposal.genome, r->objectives + child * r->form->n_objectives);
    }
    return tell_until(r, &told, r->children);
}

static clade_status find_members(form_run *r, double *members, size_t *count)
{
    const size_t m = r->form->n_objectives;
    for (uint64_t more = 0; more < CLADE_ASKED_FOR_PARENTS; more++) {
        clade_proposal proposal = {.genome = genome_of(r, r->children)};
        CLADE_TRY(r->algorithm->ask(r->state, r->children + more, &proposal));
        for (size_t p = 0; p < proposal.n_parents; p++)
            r->is_member[proposal.parents[p]] = true;
    }
    for (size_t i = 0; i < r->children; i++)
        if (r->is_member[i])
            memcpy(members + (*count)++ * m, r->objectives + i * m, m * sizeof *members);
    return CLADE_OK;
}

static clade_status run_state(form_run *r, double *members, size_t *count)
{
    CLADE_TRY(r->algorithm->create(r->problem, &r->state));
    clade_status status = run_children(r);
    if (status == CLADE_OK && members)
        status = find_members(r, members, count);
    r->algorithm->destroy(r->state);
    return status;
}

clade_status clade_run_form(const clade_algorithm *algorithm, const clade_search_problem *problem,
                            const clade_problem_form *form, size_t children, double *objectives, double *members,
                            size_t *count)
{
    const size_t bytes = problem->space->n_genes * sizeof(double);
    form_run r = {.algorithm = algorithm,
                  .problem = problem,
                  .form = form,
                  .children = children,
                  .objectives = objectives,
                  .genomes = clade_calloc(children + 1, bytes),
                  .is_member = clade_calloc(children, sizeof(bool))};
    *count = 0;
    const clade_status status =
        r.genomes && r.is_member ? run_state(&r, members, count) : clade_fail_memory((children + 1) * bytes, "a run");
    clade_free(r.genomes);
    clade_free(r.is_member);
    return status;
}
