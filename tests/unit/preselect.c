/* Pre-selection: the choice, what INNER sees, the guard, batches; that it gains, and is harmless where it cannot. */
#include "mixed_space.h"
#include "near.h"

#include "search/algorithm/preselect.h"
#include "search/closed_form.h"
#include "search/pareto.h"

enum { MOST = 300, WINDOW = 4 };

static clade_preselect_options options_of(size_t candidates)
{
    clade_preselect_options options = clade_preselect_default();
    options.candidates = candidates;
    return options;
}

typedef struct history {
    double objectives[MOST * 3], genomes[MOST * 32];
    size_t trusted; /* children asked while predictions were acted on */
} history;

/* CHILDREN evaluations in the order of the contract. */
static void run(const clade_algorithm *inner, const clade_search_problem *problem,
                const clade_preselect_options *options, clade_closed_form evaluate, const void *context,
                size_t children, history *h)
{
    const size_t n = problem->space->n_genes, m = problem->n_objectives;
    clade_preselect *it = NULL;
    uint64_t told = 0;
    memset(h, 0, sizeof *h);
    assert_ok(clade_preselect_create(inner, problem, options, &it));
    for (uint64_t child = 0; child < children; child++) {
        for (; told < clade_preselect_told_before_ask(it, child, problem->window); told++)
            assert_ok(clade_preselect_tell(it, &(clade_told){.child = told,
                                                             .genome = h->genomes + told * n,
                                                             .objectives = h->objectives + told * m,
                                                             .cost = 1,
                                                             .own = true,
                                                             .complete = true}));
        clade_proposal proposal = {.genome = h->genomes + child * n};
        assert_ok(clade_preselect_ask(it, child, &proposal));
        assert_true(proposal.operator_name[0] != '\0' && proposal.variant == 0);
        evaluate(context, proposal.genome, h->objectives + child * m);
        h->trusted += clade_preselect_correlation(it) >= options->correlation;
    }
    clade_preselect_destroy(it);
}

static void run_form(const char *algorithm, const clade_problem_form *form, uint64_t seed, size_t candidates,
                     clade_closed_form evaluate, history *h)
{
    clade_space space;
    double values[CLADE_MAX_PARAMETERS];
    const clade_algorithm *inner = clade_algorithm_find(algorithm);
    const clade_preselect_options options = options_of(candidates);
    clade_algorithm_defaults(inner, values);
    assert_ok(clade_problem_form_space(form, &space));
    const clade_search_problem problem = {
        .space = &space, .n_objectives = form->n_objectives, .seed = seed, .window = WINDOW, .parameters = values};
    run(inner, &problem, &options, evaluate, form, MOST, h);
    clade_space_fini(&space);
}

static history first_run, second_run;

/* ---- laws ---- */

static void one_candidate_is_the_algorithm(void **state)
{
    (void)state;
    static double objectives[MOST * 2], genomes[MOST * 32], values[CLADE_MAX_PARAMETERS];
    const clade_problem_form *form = clade_problem_form_find("mixmerge", 12);
    const clade_algorithm *inner = clade_algorithm_find("portfolio");
    clade_space space;
    assert_ok(clade_problem_form_space(form, &space));
    clade_algorithm_defaults(inner, values);
    const clade_search_problem problem = {
        .space = &space, .n_objectives = 2, .seed = 4, .window = WINDOW, .parameters = values};
    assert_ok(clade_run_closed_form(inner, &problem, clade_problem_form_evaluate, form, MOST, objectives, genomes));
    run_form("portfolio", form, 4, 1, clade_problem_form_evaluate, &first_run);
    assert_memory_equal(first_run.objectives, objectives, sizeof objectives);
    assert_memory_equal(first_run.genomes, genomes, MOST * space.n_genes * sizeof(double));
    assert_int_equal(first_run.trusted, 0);
    clade_space_fini(&space);
}

static void same_seed_same_bits(void **state)
{
    (void)state;
    double values[CLADE_MAX_PARAMETERS];
    const clade_algorithm *inner = clade_algorithm_find("sms_emoa");
    const clade_preselect_options options = options_of(6);
    clade_algorithm_defaults(inner, values);
    const clade_search_problem problem = {
        .space = &mixed_space, .n_objectives = 2, .seed = 4, .window = WINDOW, .parameters = values};
    run(inner, &problem, &options, mixed_evaluate, NULL, 150, &first_run);
    run(inner, &problem, &options, mixed_evaluate, NULL, 150, &second_run);
    assert_memory_equal(&first_run, &second_run, sizeof first_run);
    assert_true(first_run.trusted > 20);
}

/* ---- what INNER sees: an algorithm whose variants are uniform ---- */

typedef struct probe {
    clade_search_problem problem;
    uint64_t child, variant, asked, batch;
} probe;
static probe the_probe;

static void probe_genome(uint64_t child, uint64_t variant, double *genome)
{
    clade_rng rng = clade_rng_keyed((uint64_t[]){9, child, variant}, 3);
    for (int g = 0; g < 3; g++)
        genome[g] = clade_rng_uniform(&rng);
}

static clade_status probe_create(const clade_search_problem *problem, void **state)
{
    the_probe = (probe){.problem = *problem};
    *state = &the_probe;
    return CLADE_OK;
}

static void probe_destroy(void *state)
{
    (void)state;
}

static uint64_t probe_needs(const void *state, uint64_t child)
{
    (void)state;
    (void)child;
    return 0;
}

static clade_status probe_ask(void *state, uint64_t child, clade_proposal *proposal)
{
    probe *p = state;
    p->child = child;
    p->variant = proposal->variant;
    p->asked++;
    probe_genome(child, proposal->variant, proposal->genome);
    snprintf(proposal->operator_name, sizeof proposal->operator_name, "probe");
    proposal->batch = p->batch;
    proposal->items = p->batch;
    return CLADE_OK;
}

static clade_status probe_tell(void *state, const clade_told *told)
{
    (void)state;
    (void)told;
    return CLADE_OK;
}

static const clade_algorithm prober = {.name = "probe",
                                       .learns = true,
                                       .steady = true,
                                       .create = probe_create,
                                       .destroy = probe_destroy,
                                       .needs = probe_needs,
                                       .ask = probe_ask,
                                       .tell = probe_tell};

static clade_gene genes[3];
static const clade_space cube = {.genes = genes, .n_genes = 3};

/* x1 and x2 at 0 is best for both. */
static void cube_evaluate(const double *x, double y[2])
{
    y[0] = x[0] * x[0] + x[1] + x[2];
    y[1] = (1 - x[0]) * (1 - x[0]) + x[1] + x[2];
}

static clade_preselect *start_probe(size_t candidates)
{
    clade_preselect *it = NULL;
    const clade_preselect_options options = options_of(candidates);
    for (int g = 0; g < 3; g++)
        genes[g] = (clade_gene){.high = 1, .active_in = UINT64_MAX};
    const clade_search_problem problem = {.space = &cube, .n_objectives = 2, .window = 1};
    assert_ok(clade_preselect_create(&prober, &problem, &options, &it));
    return it;
}

/* Ask for and tell children FROM to TO; returns the mean of x1 + x2. */
static double go_on(clade_preselect *it, uint64_t from, uint64_t to)
{
    double sum = 0;
    for (uint64_t child = from; child < to; child++) {
        double genome[3], chosen[3], y[2];
        clade_proposal proposal = {.genome = genome};
        assert_ok(clade_preselect_ask(it, child, &proposal));
        assert_int_equal(the_probe.child, child);
        probe_genome(child, the_probe.variant, chosen); /* the last that INNER was asked for is what came out */
        assert_memory_equal(chosen, genome, sizeof genome);
        assert_string_equal(proposal.operator_name, "probe");
        cube_evaluate(genome, y);
        sum += genome[1] + genome[2];
        assert_ok(clade_preselect_tell(it, &(clade_told){.child = child,
                                                         .genome = genome,
                                                         .objectives = y,
                                                         .batch = proposal.batch,
                                                         .cost = 1,
                                                         .own = true,
                                                         .complete = proposal.batch == 0}));
    }
    return sum / (double)(to - from);
}

static void chooses_what_is_good(void **state)
{
    (void)state;
    clade_preselect *it = start_probe(8);
    const double before = go_on(it, 0, 24);
    assert_int_equal(the_probe.asked, 24);
    (void)go_on(it, 24, 60);
    assert_true(clade_preselect_correlation(it) > 0.9);
    the_probe.asked = 0;
    const double after = go_on(it, 60, 110);
    assert_int_equal(the_probe.asked, 10 + 40 * 9);     /* one of five unseen; 8, and the chosen once more */
    assert_true(before > 0.7 && after < 0.75 * before); /* 1 if all were taken */
    clade_preselect_destroy(it);
}

/* A second ask is the first one's answer; variants are other children, from other variants of INNER. */
static void asks_change_nothing(void **state)
{
    (void)state;
    clade_preselect *it = start_probe(4);
    double genomes[3][3];
    (void)go_on(it, 0, 61);
    for (uint64_t i = 0; i < 3; i++) {
        clade_proposal proposal = {.variant = i % 2, .genome = genomes[i]};
        assert_ok(clade_preselect_ask(it, 61, &proposal));
        assert_int_equal(proposal.variant, i % 2);
        assert_int_equal(the_probe.variant / 4, i % 2);
    }
    assert_memory_equal(genomes[0], genomes[2], sizeof genomes[0]);
    assert_memory_not_equal(genomes[0], genomes[1], sizeof genomes[0]);
    clade_preselect_destroy(it);
}

/* Children of a batch: asked once, and nothing is learned from them. */
static void leaves_batches_alone(void **state)
{
    (void)state;
    clade_preselect *it = start_probe(8);
    (void)go_on(it, 0, 60);
    const double correlation = clade_preselect_correlation(it);
    the_probe.asked = 0;
    the_probe.batch = 3;
    (void)go_on(it, 60, 80);
    assert_int_equal(the_probe.asked, 20);
    assert_near(clade_preselect_correlation(it), correlation, 0);
    the_probe.batch = 0;
    (void)go_on(it, 80, 81); /* 80 is one of five */
    (void)go_on(it, 81, 82);
    assert_int_equal(the_probe.asked, 20 + 1 + 9);
    clade_preselect_destroy(it);
}

/* ---- what it is good for ---- */

static int compare_numbers(const void *left, const void *right)
{
    const double a = *(const double *)left, b = *(const double *)right;
    return (a > b) - (a < b);
}

/* Median hypervolume over SEEDS runs of SMS-EMOA. */
static double volume(const char *name, size_t n_genes, size_t candidates)
{
    enum { SEEDS = 3 };
    double volumes[SEEDS];
    const clade_problem_form *form = clade_problem_form_find(name, n_genes);
    for (uint64_t seed = 0; seed < SEEDS; seed++) {
        run_form("sms_emoa", form, seed, candidates, clade_problem_form_evaluate, &first_run);
        assert_ok(clade_hypervolume(first_run.objectives, MOST, form->n_objectives, form->wide, &volumes[seed]));
    }
    qsort(volumes, SEEDS, sizeof *volumes, compare_numbers);
    return volumes[SEEDS / 2];
}

/* Of 12.1, 15.2 and 3.73 that there are, with 300 evaluations. */
static void gains(void **state)
{
    (void)state;
    assert_true(volume("zdt1", 10, 8) > volume("zdt1", 10, 1) + 0.3);
    assert_true(volume("dtlz2m2", 10, 8) > volume("dtlz2m2", 10, 1) + 0.05);
    assert_true(volume("mixmerge", 12, 8) > volume("mixmerge", 12, 1) + 0.1);
}

/* Hundreds of local fronts. */
static void does_no_harm(void **state)
{
    (void)state;
    assert_true(volume("zdt4", 10, 8) > volume("zdt4", 10, 1) - 25);
}

/* Objectives that have nothing to do with the genome but are its hash: the guard trusts almost no prediction. */
static void evaluate_noise(const void *context, const double *genome, double *objectives)
{
    uint64_t keys[10];
    (void)context;
    memcpy(keys, genome, sizeof keys);
    clade_rng rng = clade_rng_keyed(keys, 10);
    objectives[0] = clade_rng_uniform(&rng);
    objectives[1] = clade_rng_uniform(&rng);
}

static void guards(void **state)
{
    (void)state;
    size_t trusted = 0;
    for (uint64_t seed = 0; seed < 3; seed++) {
        run_form("random", clade_problem_form_find("zdt1", 10), seed, 8, evaluate_noise, &first_run);
        trusted += first_run.trusted;
    }
    assert_true(trusted < 3 * MOST / 20);
    run_form("sms_emoa", clade_problem_form_find("zdt1", 10), 1, 8, clade_problem_form_evaluate, &first_run);
    assert_true(first_run.trusted > MOST / 2);
}

static clade_status attempt(void *context)
{
    double values[CLADE_MAX_PARAMETERS], genome[MIXED_GENES], y[2];
    const clade_algorithm *inner = clade_algorithm_find("sms_emoa");
    const clade_preselect_options options = {.candidates = 3, .correlation = -1, .children = 6};
    clade_preselect *it = NULL;
    (void)context;
    clade_algorithm_defaults(inner, values);
    const clade_search_problem problem = {.space = &mixed_space, .n_objectives = 2, .window = 1, .parameters = values};
    CLADE_TRY(clade_preselect_create(inner, &problem, &options, &it));
    clade_status status = CLADE_OK;
    for (uint64_t child = 0; child < 24 && status == CLADE_OK; child++) {
        clade_proposal proposal = {.genome = genome};
        status = clade_preselect_ask(it, child, &proposal);
        mixed_evaluate(NULL, genome, y);
        const clade_told told = {
            .child = child, .genome = genome, .objectives = y, .cost = 1, .own = true, .complete = true};
        if (status == CLADE_OK)
            status = clade_preselect_tell(it, &told);
    }
    clade_preselect_destroy(it);
    return status;
}

static void faults(void **state)
{
    (void)state;
    check_every_allocation(attempt, NULL);
}

int main(void)
{
    const struct CMUnitTest tests[] = {cmocka_unit_test(one_candidate_is_the_algorithm),
                                       cmocka_unit_test(same_seed_same_bits),
                                       cmocka_unit_test(chooses_what_is_good),
                                       cmocka_unit_test(asks_change_nothing),
                                       cmocka_unit_test(leaves_batches_alone),
                                       cmocka_unit_test(gains),
                                       cmocka_unit_test(does_no_harm),
                                       cmocka_unit_test(guards),
                                       cmocka_unit_test(faults)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}
