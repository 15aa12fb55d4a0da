/* What a writer knows of its ledger without asking it is what the file says; and the index of older programs. */
#include "ledger_fixture.h"

#include "clade/alloc.h"
#include "search/ledger_recipes.h"

/* Child NUMBER with the recipe of hash WORD, repeated. */
static void put_recipe(clade_ledger *ledger, uint64_t number, const char *word, uint64_t batch)
{
    clade_child_row row = {.child = number, .method = "ties", .operator_name = "x", .batch = batch, .items = 4};
    for (size_t i = 0; i + 1 < CLADE_SHA256_HEX; i++)
        row.recipe_hash[i] = word[i % strlen(word)];
    set_text(&row.recipe, "{}");
    set_text(&row.genome, "{}");
    set_text(&row.vector, "[]");
    assert_ok(clade_ledger_put_child(ledger, &row));
    clade_child_row_fini(&row);
}

/* The first child before BEFORE with that recipe; -1: none. */
static int64_t find(clade_ledger *ledger, const char *word, uint64_t before)
{
    char hash[CLADE_SHA256_HEX] = {0};
    uint64_t child = 0;
    bool found = false;
    for (size_t i = 0; i + 1 < CLADE_SHA256_HEX; i++)
        hash[i] = word[i % strlen(word)];
    assert_ok(clade_ledger_find_recipe(ledger, hash, before, &child, &found));
    return found ? (int64_t)child : -1;
}

/* Recipe i % 50 for child i, and every seventh for a batch: whoever looks finds what is meant. */
static void check_recipes(clade_ledger *ledger, uint64_t children)
{
    char word[24];
    for (uint64_t r = 0; r < 50; r++) {
        int64_t first = -1;
        for (uint64_t child = r; child < children && first < 0; child += 50)
            if (child % 7 != 0)
                first = (int64_t)child;
        snprintf(word, sizeof word, "%llux", (unsigned long long)r);
        assert_int_equal(find(ledger, word, children), first);
        if (first >= 0) {
            assert_int_equal(find(ledger, word, (uint64_t)first), -1);
            assert_int_equal(find(ledger, word, (uint64_t)first + 1), first);
        }
    }
    assert_int_equal(find(ledger, "no such", children), -1);
}

static void writers_and_readers_find_the_same(void **state)
{
    (void)state;
    char word[24];
    clade_ledger *ledger = create();
    assert_ok(clade_ledger_begin(ledger));
    for (uint64_t i = 0; i < 300; i++) {
        const uint64_t child = i % 2 ? i - 1 : i + 1; /* not quite in order */
        snprintf(word, sizeof word, "%llux", (unsigned long long)(child % 50));
        put_recipe(ledger, child, word, child % 7 == 0);
    }
    check_recipes(ledger, 300);
    assert_ok(clade_ledger_end(ledger));
    clade_ledger_close(ledger);
    for (int write = 0; write < 2; write++) {
        ledger = open_ledger(write);
        check_recipes(ledger, 300);
        clade_ledger_close(ledger);
    }
}

static void what_was_cancelled_is_not_found(void **state)
{
    (void)state;
    clade_ledger *ledger = create();
    clade_evaluation_row evaluation = {0};
    clade_child_row child = {0};
    clade_commit_row commit;
    bool found = true;
    assert_ok(clade_ledger_begin(ledger));
    put_recipe(ledger, 0, "a", 0);
    put_evaluation(ledger, 0, CLADE_SEARCH, CLADE_OK, 1);
    clade_ledger_cancel(ledger);
    assert_int_equal(find(ledger, "a", 9), -1);
    assert_ok(clade_ledger_get_child(ledger, 0, &child, &found));
    assert_false(found);
    assert_ok(clade_ledger_get_evaluation(ledger, 0, CLADE_SEARCH, &evaluation, &found));
    assert_false(found);
    assert_ok(clade_ledger_get_commit(ledger, 0, &commit, &found));
    assert_false(found);
    put_recipe(ledger, 0, "b", 0);
    put_recipe(ledger, 1, "a", 0);
    assert_int_equal(find(ledger, "a", 9), 1);
    assert_int_equal(find(ledger, "b", 9), 0);
    clade_child_row_fini(&child);
    clade_evaluation_row_fini(&evaluation);
    clade_ledger_close(ledger);
}

/* A child at the end of what the writer knows, after opening and beside a reader. */
static void the_ends_are_learned(void **state)
{
    (void)state;
    clade_ledger *ledger = create();
    clade_evaluation_row evaluation = {0};
    clade_child_row child = {0};
    clade_commit_row commit = {.child = 4, .n_objectives = 1}, back;
    bool found = false;
    memset(commit.hash, 'c', CLADE_SHA256_HEX - 1);
    put_child(ledger, 6, 'a');
    put_evaluation(ledger, 5, CLADE_SEARCH, CLADE_OK, 1);
    assert_ok(clade_ledger_put_commit(ledger, &commit));
    clade_ledger_close(ledger);
    ledger = open_ledger(true);
    clade_ledger *reader = open_ledger(false);
    for (int again = 0; again < 2; again++) {
        clade_ledger *one = again ? reader : ledger;
        assert_ok(clade_ledger_get_child(one, 6, &child, &found));
        assert_true(found);
        assert_ok(clade_ledger_get_child(one, 7, &child, &found));
        assert_false(found);
        assert_ok(clade_ledger_get_evaluation(one, 5, CLADE_SEARCH, &evaluation, &found));
        assert_true(found);
        assert_ok(clade_ledger_get_evaluation(one, 6, CLADE_SEARCH, &evaluation, &found));
        assert_false(found);
        assert_int_equal(evaluation.child, 6);
        assert_int_equal(evaluation.same_as, -1);
        assert_ok(clade_ledger_get_commit(one, 4, &back, &found));
        assert_true(found);
        assert_ok(clade_ledger_get_commit(one, 5, &back, &found));
        assert_false(found);
    }
    put_child(ledger, 7, 'b');
    assert_ok(clade_ledger_get_child(reader, 7, &child, &found));
    assert_true(found);
    clade_child_row_fini(&child);
    clade_evaluation_row_fini(&evaluation);
    clade_ledger_close(reader);
    clade_ledger_close(ledger);
}

/* Whether the file has the index that older programs made. */
static bool has_index(void)
{
    sqlite3 *db = NULL;
    sqlite3_stmt *statement = NULL;
    assert_int_equal(sqlite3_open(path, &db), SQLITE_OK);
    assert_int_equal(sqlite3_prepare_v2(db, "SELECT COUNT(*) FROM sqlite_master WHERE name = 'children_by_recipe'", -1,
                                        &statement, NULL),
                     SQLITE_OK);
    assert_int_equal(sqlite3_step(statement), SQLITE_ROW);
    const bool has = sqlite3_column_int(statement, 0) > 0;
    sqlite3_finalize(statement);
    assert_int_equal(sqlite3_close(db), SQLITE_OK);
    return has;
}

static void a_writer_drops_the_old_index(void **state)
{
    (void)state;
    clade_ledger *ledger = create();
    put_recipe(ledger, 0, "a", 0);
    put_recipe(ledger, 1, "b", 0);
    clade_ledger_close(ledger);
    assert_false(has_index());
    execute("CREATE INDEX children_by_recipe ON children (recipe_hash, child)");
    ledger = open_ledger(false);
    assert_int_equal(find(ledger, "b", 9), 1);
    clade_ledger_close(ledger);
    assert_true(has_index());
    ledger = open_ledger(true);
    assert_int_equal(find(ledger, "b", 9), 1);
    clade_ledger_close(ledger);
    assert_false(has_index());
}

static void a_broken_hash_is_refused(void **state)
{
    (void)state;
    clade_ledger *ledger = create();
    put_recipe(ledger, 0, "a", 0);
    clade_ledger_close(ledger);
    execute("UPDATE children SET recipe_hash = 'short'");
    assert_fails(clade_ledger_open(path, true, &ledger), CLADE_EINPUT, "recipe_hash");
    ledger = open_ledger(false);
    clade_ledger_close(ledger);
}

static void thousands_of_recipes(void **state)
{
    (void)state;
    clade_recipes recipes = {0};
    char hash[32];
    uint64_t child = 0;
    assert_false(clade_recipes_find(&recipes, "0", &child));
    for (uint64_t i = 20000; i-- > 0;) {
        snprintf(hash, sizeof hash, "%llu", (unsigned long long)(i % 15000));
        assert_ok(clade_recipes_add(&recipes, hash, i));
    }
    assert_int_equal(recipes.count, 15000);
    for (uint64_t i = 0; i < 15000; i++) {
        snprintf(hash, sizeof hash, "%llu", (unsigned long long)i);
        assert_true(clade_recipes_find(&recipes, hash, &child));
        assert_int_equal(child, i);
    }
    assert_false(clade_recipes_find(&recipes, "15000", &child));
    clade_recipes_free(&recipes);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(writers_and_readers_find_the_same, set_up, tear_down),
        cmocka_unit_test_setup_teardown(what_was_cancelled_is_not_found, set_up, tear_down),
        cmocka_unit_test_setup_teardown(the_ends_are_learned, set_up, tear_down),
        cmocka_unit_test_setup_teardown(a_writer_drops_the_old_index, set_up, tear_down),
        cmocka_unit_test_setup_teardown(a_broken_hash_is_refused, set_up, tear_down),
        cmocka_unit_test_setup_teardown(thousands_of_recipes, set_up, tear_down),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
