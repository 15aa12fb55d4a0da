/* Children that race (search/race.h) in a run: the same races whatever the order, the deaths and the sessions; what was
 * stopped is told, recorded and counted, and never a member of the front. */
#include "fake_run.h"

#include "near.h"

#include "search/engine_state.h"

#define SEARCH                                                                                                         \
    "\"algorithm\": {\"name\": \"sms_emoa\", \"population\": 8}, \"budget\": {\"children\": 40}, \"window\": 5,"

static const char racing[] = "\"racing\": true, " SEARCH,
                  choosing[] = "\"racing\": {\"order\": \"disagreement\"}, " SEARCH;

static fake_pool racing_pool(size_t workers, uint64_t seed)
{
    fake_pool pool = fake_pool_of(workers, seed);
    pool.race_every = 2;
    return pool;
}

/* The folder's experiment, run by one worker to its end. */
static void whole_run(char *path, char hash[CLADE_SHA256_HEX])
{
    fake_pool pool = racing_pool(1, 0);
    fake_new_run(folder, path);
    assert_ok(fake_session(path, &pool, 0, NULL));
    fake_run_hash(path, hash);
}

static void check_order_of_arrival(const char *experiment)
{
    char expected[CLADE_SHA256_HEX], hash[CLADE_SHA256_HEX], path[TEST_PATH + 32];
    fake_experiment(folder, experiment);
    whole_run(path, expected);
    assert_true(fake_ask_database(path, "SELECT COUNT(*) FROM commits WHERE objectives LIKE '{%'") > 5);
    for (uint64_t seed = 1; seed <= 4; seed++) {
        fake_pool pool = racing_pool(1 + 2 * seed, seed);
        fake_new_run(folder, path);
        assert_ok(fake_session(path, &pool, 0, NULL));
        fake_run_hash(path, hash);
        assert_string_equal(hash, expected);
    }
}

static void order_of_arrival_does_not_matter(void **state)
{
    (void)state;
    check_order_of_arrival(racing);
    check_order_of_arrival(choosing);
}

static void check_sessions(const char *experiment)
{
    char expected[CLADE_SHA256_HEX], hash[CLADE_SHA256_HEX], path[TEST_PATH + 32];
    fake_experiment(folder, experiment);
    whole_run(path, expected);
    for (size_t results = 1; results <= 24; results += 4) {
        const fake_pool pool = racing_pool(4, 0);
        fake_sessions(folder, &pool, results, path);
        fake_run_hash(path, hash);
        assert_string_equal(hash, expected);
    }
}

static void stopped_and_resumed_it_is_the_same(void **state)
{
    (void)state;
    check_sessions(racing);
    check_sessions(choosing);
}

/* The choice goes into the races' texts, from which the estimates are. */
static void choosing_is_another_run(void **state)
{
    (void)state;
    char drawn[CLADE_SHA256_HEX], chosen[CLADE_SHA256_HEX], path[TEST_PATH + 32];
    fake_experiment(folder, racing);
    whole_run(path, drawn);
    fake_experiment(folder, choosing);
    whole_run(path, chosen);
    assert_string_not_equal(drawn, chosen);
}

/* Half of them look excellent, which they never showed. */
static void no_estimate_is_a_member(void **state)
{
    (void)state;
    char hash[CLADE_SHA256_HEX], path[TEST_PATH + 32], sql[256];
    clade_front front;
    fake_experiment(folder, racing);
    whole_run(path, hash);
    assert_ok(clade_front_read(path, CLADE_SEARCH, &front));
    assert_true(front.n_members > 0);
    for (size_t i = 0; i < front.n_members; i++) {
        snprintf(sql, sizeof sql, "SELECT COUNT(*) FROM commits WHERE child = %llu AND objectives LIKE '{%%'",
                 (unsigned long long)front.members[i].child);
        assert_int_equal(fake_ask_database(path, sql), 0);
    }
    clade_front_fini(&front);
}

static void they_are_counted(void **state)
{
    (void)state;
    char hash[CLADE_SHA256_HEX], path[TEST_PATH + 32];
    clade_ledger *ledger = NULL;
    clade_ledger_counts counts;
    fake_experiment(folder, racing);
    whole_run(path, hash);
    const int64_t stopped = fake_ask_database(path, "SELECT COUNT(*) FROM commits WHERE objectives LIKE '{%'");
    const int64_t repeated =
        fake_ask_database(path, "SELECT COUNT(*) FROM commits c JOIN evaluations e ON c.child = e.child AND e.split = "
                                "'search' WHERE objectives LIKE '{%' AND same_as IS NOT NULL");
    assert_ok(clade_run_ledger(path, &ledger));
    assert_ok(clade_ledger_count(ledger, &counts));
    clade_ledger_close(ledger);
    assert_int_equal((int64_t)counts.stopped, stopped);
    assert_int_equal((int64_t)counts.images_saved, FAKE_ITEMS * (stopped - repeated));
    assert_int_equal(counts.failed, 0);
}

/* ---- what an algorithm is told ---- */

typedef struct memory {
    const clade_space *space;
    uint64_t told, incomplete;
    size_t n_correct;
} memory;

static memory seen; /* of the run under way: an algorithm is a table without a context of its own */

static clade_status create(const clade_search_problem *problem, void **state)
{
    seen = (memory){.space = problem->space};
    *state = &seen;
    return CLADE_OK;
}

static void destroy(void *state)
{
    (void)state;
}

static uint64_t needs(const void *state, uint64_t child)
{
    (void)state;
    (void)child;
    return 0;
}

static clade_status ask(void *state, uint64_t child, clade_proposal *proposal)
{
    const memory *self = state;
    clade_rng rng = clade_child_rng(1, child, proposal->variant, CLADE_DRAW_SAMPLE);
    for (size_t g = 0; g < self->space->n_genes; g++) {
        const clade_gene *gene = &self->space->genes[g];
        proposal->genome[g] =
            gene->kind == CLADE_GENE_REAL ? gene->low + (gene->high - gene->low) * clade_rng_uniform(&rng) : gene->low;
    }
    snprintf(proposal->operator_name, sizeof proposal->operator_name, "random");
    return CLADE_OK;
}

static clade_status tell(void *state, const clade_told *told)
{
    memory *self = state;
    assert_int_equal(told->child, self->told);
    assert_true(told->own);
    assert_non_null(told->objectives);
    assert_non_null(told->correct);
    assert_int_equal(told->n_correct, 2 * FAKE_ITEMS * (1 + CLADE_DEFAULT_CORRUPTIONS));
    assert_int_equal(told->n_tasks, 2);
    /* the first bits of both tasks, as fake_score has them of the accuracy */
    assert_int_equal(told->correct[0], (uint8_t)(256.0 * told->tasks[0]));
    assert_int_equal(told->correct[1 + CLADE_DEFAULT_CORRUPTIONS], (uint8_t)(256.0 * told->tasks[1]));
    if (told->complete)
        assert_near(-told->objectives[0], (told->tasks[0] + told->tasks[1]) / 2.0, 1e-12);
    self->told++;
    self->incomplete += !told->complete;
    return CLADE_OK;
}

static void algorithms_are_told_of_it(void **state)
{
    (void)state;
    static const clade_algorithm algorithm = {
        .name = "watching", .create = create, .destroy = destroy, .needs = needs, .ask = ask, .tell = tell};
    char path[TEST_PATH + 32];
    fake_pool pool = racing_pool(3, 1);
    fake_experiment(folder, "\"racing\": {\"rungs\": [0.5]}, \"budget\": {\"children\": 30},");
    fake_new_run(folder, path);
    assert_ok(fake_session(path, &pool, 0, &algorithm));
    assert_int_equal(seen.told, 30);
    assert_true(seen.incomplete > 3 && seen.incomplete < 27);
    assert_int_equal((int64_t)seen.incomplete,
                     fake_ask_database(path, "SELECT COUNT(*) FROM commits WHERE objectives LIKE '{%'"));
}

/* ---- whom a child races against ---- */

enum { MANY = 40 };

/* The numbers of the opponents of a child that is bred when the front has COUNT members, in the order sent. */
static size_t opponents_of(size_t count, uint64_t *children)
{
    static uint8_t bits[1] = {5};
    clade_rival rivals[MANY];
    clade_engine engine = {.rivals = rivals, .n_rivals = count, .n_correct = 8};
    clade_text text = {0};
    clade_json *document = NULL;
    clade_problems problems = {0};
    for (size_t i = 0; i < count; i++)
        rivals[i] = (clade_rival){.opponent = {.child = 100 + i, .correct = bits}, .first = (double)i};
    assert_ok(clade_engine_race(&engine, &text));
    if (text.length == 0)
        return 0;
    assert_ok(clade_json_parse(text.data, text.length, "race", CLADE_EINTERNAL, &document));
    const clade_json_at root = clade_json_root(document), array = clade_json_member(&root, "opponents");
    const size_t n = clade_json_size(&array);
    for (size_t i = 0; i < n; i++) {
        const clade_json_at item = clade_json_item(&array, i), child = clade_json_member(&item, "child");
        assert_true(clade_json_u64(&child, &problems, &children[i]));
    }
    clade_json_free(document);
    clade_text_free(&text);
    return n;
}

/* All of a short front; of a long one CLADE_MAX_OPPONENTS, both ends among them, at even distances. */
static void opponents_are_spread(void **state)
{
    (void)state;
    uint64_t children[MANY];
    assert_int_equal(opponents_of(0, children), 0);
    for (size_t count = 1; count <= MANY; count++) {
        const size_t n = opponents_of(count, children);
        assert_int_equal(n, count < CLADE_MAX_OPPONENTS ? count : CLADE_MAX_OPPONENTS);
        assert_int_equal(children[0], 100);
        assert_int_equal(children[n - 1], 100 + count - 1);
        const size_t step = n > 1 ? (count - 1) / (n - 1) : 0;
        for (size_t i = 1; i < n; i++)
            assert_true(children[i] - children[i - 1] >= step && children[i] - children[i - 1] <= step + 1);
    }
}

/* The text of a race of one opponent when CHILDREN have answered, of which it is one. */
static void race_after(uint64_t children, clade_text *text)
{
    uint8_t all = 15, none = 0;
    clade_rival rival = {.opponent = {.child = 3, .correct = &all}};
    clade_engine engine = {.rivals = &rival, .n_rivals = 1, .n_correct = 4};
    for (uint64_t child = 0; child < children; child++)
        assert_ok(clade_item_answers_add(&engine.answers, child == 0 ? &all : &none, NULL, 4));
    assert_ok(clade_engine_race(&engine, text));
    clade_item_answers_fini(&engine.answers);
}

/* From eight children on besides the opponents, whose answers have no say: eight times wrong. */
static void items_are_chosen_by_others(void **state)
{
    (void)state;
    clade_text text = {0};
    race_after(8, &text);
    assert_null(strstr(text.data, "spread"));
    race_after(9, &text);
    assert_non_null(strstr(text.data, "\"spread\":\"5b5b5b5b\"")); /* 1020 * 1 * 9 / 100 = 91 */
    clade_text_free(&text);
}

/* Without "racing" nothing is sent, and nothing is stopped. */
static void off_by_default(void **state)
{
    (void)state;
    char hash[CLADE_SHA256_HEX], path[TEST_PATH + 32];
    fake_experiment(folder, "\"budget\": {\"children\": 20},");
    whole_run(path, hash);
    assert_int_equal(fake_ask_database(path, "SELECT COUNT(*) FROM commits WHERE objectives LIKE '{%'"), 0);
}

int main(void)
{
    fake_fast_disk();
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(order_of_arrival_does_not_matter, set_up, tear_down),
        cmocka_unit_test_setup_teardown(stopped_and_resumed_it_is_the_same, set_up, tear_down),
        cmocka_unit_test_setup_teardown(choosing_is_another_run, set_up, tear_down),
        cmocka_unit_test_setup_teardown(no_estimate_is_a_member, set_up, tear_down),
        cmocka_unit_test_setup_teardown(they_are_counted, set_up, tear_down),
        cmocka_unit_test_setup_teardown(algorithms_are_told_of_it, set_up, tear_down),
        cmocka_unit_test_setup_teardown(opponents_are_spread, set_up, tear_down),
        cmocka_unit_test_setup_teardown(items_are_chosen_by_others, set_up, tear_down),
        cmocka_unit_test_setup_teardown(off_by_default, set_up, tear_down),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
