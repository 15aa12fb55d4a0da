/* What a simulated pool draws: times, failures, deaths. */
#include <math.h>

#include "clade/rng.h"
#include "search/pool_simulated.h"

enum { DRAW_SECONDS = 1, DRAW_FAILURE, DRAW_DEATH };

static clade_rng draw(const clade_simulation *plan, uint64_t number, uint64_t what)
{
    const uint64_t keys[] = {plan->seed, number, what};
    return clade_rng_keyed(keys, sizeof keys / sizeof *keys);
}

double clade_simulation_seconds(const clade_simulation *plan, uint64_t job)
{
    clade_rng rng = draw(plan, job, DRAW_SECONDS);
    const double shape = plan->shape;
    switch (plan->times) {
    case CLADE_TIMES_LOG_UNIFORM: /* low * shape^u, whose mean is low * (shape - 1) / ln shape */
        if (shape - 1 < 1e-9)
            return plan->mean;
        return plan->mean * log(shape) / (shape - 1) * pow(shape, clade_rng_uniform(&rng));
    case CLADE_TIMES_LOGNORMAL:
        return plan->mean * exp(shape * clade_rng_normal(&rng) - 0.5 * shape * shape);
    case CLADE_TIMES_PARETO: /* low * u^(-1 / shape), whose mean is low * shape / (shape - 1) */
        return plan->mean * (shape - 1) / shape * pow(1 - clade_rng_uniform(&rng), -1 / shape);
    case CLADE_TIMES_RECORDED:
        return plan->recorded[clade_rng_below(&rng, plan->n_recorded)];
    case CLADE_TIMES_EQUAL:
        break;
    }
    return plan->mean;
}

bool clade_simulation_fails(const clade_simulation *plan, uint64_t job)
{
    clade_rng rng = draw(plan, job, DRAW_FAILURE);
    return clade_rng_uniform(&rng) < plan->failures;
}

double clade_simulation_death(const clade_simulation *plan, uint64_t worker)
{
    clade_rng rng = draw(plan, worker, DRAW_DEATH);
    const bool dies = clade_rng_uniform(&rng) < plan->deaths;
    return dies ? plan->within * clade_rng_uniform(&rng) : (double)INFINITY;
}

static bool is_share(double value)
{
    return value >= 0 && value <= 1;
}

static clade_status check_times(const clade_simulation *plan)
{
    static const double least_shape[] = {[CLADE_TIMES_EQUAL] = -INFINITY,
                                         [CLADE_TIMES_LOG_UNIFORM] = 1,
                                         [CLADE_TIMES_LOGNORMAL] = 0,
                                         [CLADE_TIMES_PARETO] = 1,
                                         [CLADE_TIMES_RECORDED] = -INFINITY};
    bool positive = plan->times != CLADE_TIMES_RECORDED || plan->n_recorded > 0;
    for (size_t i = 0; plan->times == CLADE_TIMES_RECORDED && i < plan->n_recorded; i++)
        positive &= plan->recorded[i] > 0 && isfinite(plan->recorded[i]);
    if (!positive)
        return clade_fail(CLADE_EUSAGE, "a simulated pool: found %zu recorded times, expected some, all above 0",
                          plan->n_recorded);
    if (!(plan->shape >= least_shape[plan->times]) || (plan->times == CLADE_TIMES_PARETO && !(plan->shape > 1)))
        return clade_fail(CLADE_EUSAGE, "a simulated pool: found the shape %g of times, expected %s %g", plan->shape,
                          plan->times == CLADE_TIMES_PARETO ? "more than" : "at least", least_shape[plan->times]);
    return CLADE_OK;
}

clade_status clade_simulation_check(const clade_simulation *plan)
{
    if (plan->workers < 1 || !(plan->mean > 0) || !(plan->latency >= 0) || !(plan->within >= 0))
        return clade_fail(
            CLADE_EUSAGE,
            "a simulated pool: found %zu workers, a mean time of %g, a latency of %g and deaths within %g "
            "seconds, expected workers and times",
            plan->workers, plan->mean, plan->latency, plan->within);
    if (!is_share(plan->failures) || !is_share(plan->deaths))
        return clade_fail(CLADE_EUSAGE,
                          "a simulated pool: found the shares %g of failures and %g of deaths, expected 0 to 1",
                          plan->failures, plan->deaths);
    return check_times(plan);
}
