/* CMA-ES on minibatches, on a sphere whose gradient is another in every batch. */
#include "near.h"

#include "clade/linalg.h"
#include "clade/rng.h"
#include "search/algorithm.h"

enum { GENES = 12, WINDOW = 4, CHILDREN = 1500, FIRST = 3 };
static const double BEST = 0.7; /* of every gene */

static clade_gene genes[GENES];
static const clade_space space = {.genes = genes, .n_genes = GENES};
static double first[FIRST][GENES];
static const char *const names[FIRST] = {"far", "near", "fails"};

static int make_space(void **state)
{
    (void)state;
    clade_blas_single_thread(); /* as the program does: the bits of sums depend on the threads */
    for (size_t g = 0; g < GENES; g++) {
        genes[g] = (clade_gene){.name = "x", .high = 1, .active_in = UINT64_MAX};
        first[0][g] = 0.1;
        first[1][g] = 0.4;
        first[2][g] = 0.9;
    }
    return 0;
}

/* The objectives of one batch: a slope of its own for each, which the whole (batch 0) does not have; two objectives whose best
 * points lie a little apart. */
static void evaluate(const double *genome, uint64_t batch, double objectives[2])
{
    clade_rng rng = clade_rng_seeded(batch, 77);
    objectives[0] = objectives[1] = 0;
    for (size_t g = 0; g < GENES; g++) {
        const double slope = batch > 0 ? 0.3 * clade_rng_normal(&rng) : 0, x = genome[g];
        objectives[0] += (x - BEST - 0.02) * (x - BEST - 0.02) + slope * x;
        objectives[1] += (x - BEST + 0.02) * (x - BEST + 0.02) + slope * x;
    }
}

typedef struct history {
    double genomes[CHILDREN][GENES];
    clade_proposal proposals[CHILDREN];
} history;

/* A run of CHILDREN in the order of the contract. Individual "fails" fails. */
static void run(uint64_t seed, bool batches, history *h)
{
    const clade_algorithm *algorithm = clade_algorithm_find("minibatch");
    double values[CLADE_MAX_PARAMETERS];
    clade_algorithm_defaults(algorithm, values);
    const clade_search_problem problem = {.space = &space,
                                          .n_objectives = 2,
                                          .seed = seed,
                                          .window = WINDOW,
                                          .first = first[0],
                                          .first_names = names,
                                          .n_first = FIRST,
                                          .parameters = values,
                                          .batches = batches};
    void *state;
    memset(h, 0, sizeof *h);
    assert_ok(algorithm->create(&problem, &state));
    uint64_t told = 0;
    for (uint64_t child = 0; child < CHILDREN; child++) {
        for (; told + WINDOW <= child; told++) {
            double objectives[2];
            const clade_proposal *p = &h->proposals[told];
            evaluate(h->genomes[told], p->batch, objectives);
            const clade_told result = {.child = told,
                                       .genome = h->genomes[told],
                                       .objectives = told == 2 ? NULL : objectives,
                                       .batch = p->batch,
                                       .cost = 1,
                                       .own = true,
                                       .complete = p->batch == 0};
            assert_ok(algorithm->tell(state, &result));
        }
        double other[GENES];
        clade_proposal variant = {.variant = 1, .genome = other};
        h->proposals[child] = (clade_proposal){.genome = h->genomes[child]};
        assert_ok(algorithm->ask(state, child, &h->proposals[child]));
        memcpy(other, h->genomes[child], sizeof other);
        if (child % 7 == 0) { /* asking again changes nothing */
            assert_ok(algorithm->ask(state, child, &variant));
            assert_ok(algorithm->ask(state, child, &h->proposals[child]));
        }
        assert_true(clade_space_holds(&space, h->genomes[child]));
    }
    algorithm->destroy(state);
}

static history one, two;

static double distance(const double *genome)
{
    double square = 0;
    for (size_t g = 0; g < GENES; g++)
        square += (genome[g] - BEST) * (genome[g] - BEST);
    return sqrt(square / GENES);
}

/* The first individuals on one batch, the best of them again on all items, then generations on fresh batches, and means. */
static void schedule(void **state)
{
    (void)state;
    run(1, true, &one);
    for (size_t c = 0; c < FIRST; c++)
        assert_true(one.proposals[c].batch == 1 && one.proposals[c].items == 64);
    size_t generation = 0, in_generation = 0, means = 0, again = 0;
    for (size_t c = FIRST; c < CHILDREN; c++) {
        const clade_proposal *p = &one.proposals[c];
        if (strncmp(p->operator_name, "first: ", 7) == 0) {
            again++;
            assert_int_equal(p->batch, 0);
            assert_true(memcmp(one.genomes[c], first[0], sizeof first[0]) == 0 ||
                        memcmp(one.genomes[c], first[1], sizeof first[1]) == 0);
        } else if (p->batch == 0) {
            static const char *const turns[] = {"mean", "tilt 1", "average", "tilt 2"};
            assert_string_equal(p->operator_name, turns[means % 4]);
            assert_int_equal(p->batch, 0);
            assert_int_equal(in_generation, 0);
            assert_int_equal(generation % 4, 0);
            means++;
        } else {
            assert_int_equal(p->batch, 2 + generation);
            /* Bred from the best of the last generation that was told. */
            assert_int_equal(p->n_parents, generation > 1 ? CLADE_MAX_CHILD_PARENTS : p->n_parents);
            for (size_t i = 0; i < p->n_parents; i++)
                assert_int_equal(one.proposals[p->parents[i]].batch, one.proposals[p->parents[0]].batch);
            assert_int_equal(p->items, 32);
            in_generation = (in_generation + 1) % 11; /* 4 + floor(3 ln 12) */
            generation += in_generation == 0;
        }
    }
    assert_true(again == 2 && means > 25);
}

/* Chance averages out in the mean, and more of it in the average of the means: they end near the best of the whole, though
 * each batch has its best elsewhere. */
static void finds_the_best(void **state)
{
    (void)state;
    double means = 0, averages = 0;
    enum { SEEDS = 10 };
    for (uint64_t seed = 1; seed <= SEEDS; seed++) {
        double mean = 0, average = 0;
        run(seed, true, &one);
        for (size_t c = 0; c < CHILDREN; c++) {
            if (strcmp(one.proposals[c].operator_name, "mean") == 0)
                mean = distance(one.genomes[c]);
            if (strcmp(one.proposals[c].operator_name, "average") == 0)
                average = distance(one.genomes[c]);
        }
        assert_true(mean < 0.2 && average < 0.15); /* the near individual has .3, the best of a batch about .15 */
        means += mean / SEEDS;
        averages += average / SEEDS;
    }
    printf("distance of the last mean %.3f, of the last average %.3f\n", means, averages);
    assert_true(means < 0.12 && averages < means);
}

static void deterministic(void **state)
{
    (void)state;
    run(3, true, &one);
    run(3, true, &two);
    for (size_t c = 0; c < CHILDREN; c++) {
        assert_memory_equal(one.genomes[c], two.genomes[c], sizeof one.genomes[c]);
        assert_int_equal(one.proposals[c].batch, two.proposals[c].batch);
    }
    run(4, true, &two);
    assert_memory_not_equal(one.genomes, two.genomes, sizeof one.genomes);
}

/* Without batches no child asks for one. */
static void without_batches(void **state)
{
    (void)state;
    run(1, false, &one);
    for (size_t c = 0; c < CHILDREN; c++)
        assert_int_equal(one.proposals[c].batch, 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(schedule),
        cmocka_unit_test(finds_the_best),
        cmocka_unit_test(deterministic),
        cmocka_unit_test(without_batches),
    };
    return cmocka_run_group_tests(tests, make_space, NULL);
}
