/* A portfolio gives more children to the member that brings more, some to each, and is the members' own work. */
#include "near.h"

#include "search/closed_form.h"

enum { CHILDREN = 500, FIRST = 0, SECOND, THIRD };

static double values[CLADE_MAX_PARAMETERS];

static double choice(const clade_algorithm *portfolio, const char *name)
{
    const char *const *choices = portfolio->parameters[FIRST].choices;
    double index = 0;
    while (choices[(size_t)index] && strcmp(choices[(size_t)index], name) != 0)
        index++;
    assert_non_null(choices[(size_t)index]);
    return index;
}

/* Children of the second half that are NAME's. */
static size_t share_of(const char *name, const char *first, const char *second)
{
    const clade_algorithm *portfolio = clade_algorithm_find("portfolio");
    const clade_problem_form *form = clade_problem_form_find("zdt1", 10);
    clade_space space;
    void *state;
    static double genomes[CHILDREN][10];
    size_t count = 0;
    clade_algorithm_defaults(portfolio, values);
    values[FIRST] = choice(portfolio, first);
    values[SECOND] = choice(portfolio, second);
    values[THIRD] = choice(portfolio, "none");
    assert_ok(clade_problem_form_space(form, &space));
    const clade_search_problem problem = {
        .space = &space, .n_objectives = 2, .seed = 2, .window = 1, .parameters = values, .children = CHILDREN};
    assert_ok(portfolio->create(&problem, &state));
    for (uint64_t child = 0; child < CHILDREN; child++) {
        clade_proposal proposal = {.genome = genomes[child]};
        double objectives[2];
        assert_ok(portfolio->ask(state, child, &proposal));
        const size_t length = strlen(name);
        count += child >= CHILDREN / 2 && strncmp(proposal.operator_name, name, length) == 0 &&
                 proposal.operator_name[length] == ':';
        clade_problem_form_evaluate(form, genomes[child], objectives);
        const clade_told told = {.child = child,
                                 .genome = genomes[child],
                                 .objectives = objectives,
                                 .cost = 1,
                                 .own = true,
                                 .complete = true};
        assert_ok(portfolio->tell(state, &told));
    }
    portfolio->destroy(state);
    clade_space_fini(&space);
    return count;
}

static void pays_who_brings(void **state)
{
    (void)state;
    const size_t learns = share_of("sms_emoa", "sms_emoa", "random"), lot = share_of("random", "sms_emoa", "random");
    assert_int_equal(learns + lot, CHILDREN / 2);
    assert_true(learns > 2 * lot && lot > CHILDREN / 2 / 20);
    assert_true(share_of("sms_emoa", "random", "sms_emoa") > CHILDREN / 4); /* wherever it stands */
}

static void members(void **state)
{
    (void)state;
    const clade_algorithm *portfolio = clade_algorithm_find("portfolio");
    const clade_problem_form *form = clade_problem_form_find("zdt1", 10);
    clade_space space;
    void *made;
    assert_ok(clade_problem_form_space(form, &space));
    clade_algorithm_defaults(portfolio, values);
    const clade_search_problem problem = {.space = &space, .n_objectives = 2, .window = 1, .parameters = values};
    values[SECOND] = values[FIRST];
    assert_fails(portfolio->create(&problem, &made), CLADE_ECONFIG, "twice");
    values[FIRST] = values[SECOND] = values[THIRD] = 0;
    assert_fails(portfolio->create(&problem, &made), CLADE_ECONFIG, "no member");
    for (const char *const *name = portfolio->parameters[FIRST].choices + 1; *name; name++) {
        assert_non_null(clade_algorithm_find(*name));
        assert_true(clade_algorithm_find(*name)->steady);
        values[THIRD] = choice(portfolio, *name);
        assert_ok(portfolio->create(&problem, &made));
        portfolio->destroy(made);
    }
    clade_space_fini(&space);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(pays_who_brings),
        cmocka_unit_test(members),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
