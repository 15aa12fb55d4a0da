/* Statements that are kept: as if each were prepared anew. */
#include "ledger_fixture.h"

#include "search/sqlite.h"

static const char select_from[] = "SELECT number, word FROM t WHERE number >= ? ORDER BY number";
static const char insert[] = "INSERT INTO t (number, word) VALUES (?, ?)";

static clade_status put(clade_sqlite *db, int64_t number, const char *word)
{
    clade_query query = clade_query_begin(db, insert);
    clade_query_bind_integer(&query, number);
    clade_query_bind_text(&query, word);
    return clade_query_run(&query);
}

static clade_sqlite *table_of_three(void)
{
    clade_sqlite *db = NULL;
    assert_ok(clade_sqlite_open(path, CLADE_SQLITE_CREATE, &db));
    assert_ok(clade_sqlite_execute(db, "CREATE TABLE t (number INTEGER PRIMARY KEY, word TEXT NOT NULL)"));
    assert_ok(put(db, 1, "one"));
    assert_ok(put(db, 2, "two"));
    assert_ok(put(db, 3, "three"));
    return db;
}

static void one_statement_twice_at_once(void **state)
{
    (void)state;
    clade_sqlite *db = table_of_three();
    for (int again = 0; again < 2; again++) {
        clade_query outer = clade_query_begin(db, select_from);
        clade_query_bind_integer(&outer, 1);
        for (int64_t i = 1; i <= 3; i++) {
            assert_true(clade_query_row(&outer));
            clade_query inner = clade_query_begin(db, select_from);
            clade_query_bind_integer(&inner, 3);
            assert_true(clade_query_row(&inner));
            assert_int_equal(clade_query_integer(&inner, 0), 3);
            assert_false(clade_query_row(&inner));
            assert_ok(clade_query_end(&inner));
            assert_int_equal(clade_query_integer(&outer, 0), i);
        }
        assert_false(clade_query_row(&outer));
        assert_ok(clade_query_end(&outer));
    }
    clade_sqlite_close(db);
}

static void nothing_stays_bound(void **state)
{
    (void)state;
    clade_sqlite *db = table_of_three();
    clade_query query = clade_query_begin(db, select_from);
    clade_query_bind_integer(&query, 1);
    assert_true(clade_query_row(&query)); /* and not to its end */
    assert_ok(clade_query_end(&query));
    query = clade_query_begin(db, select_from);
    assert_false(clade_query_row(&query)); /* number >= NULL */
    assert_ok(clade_query_end(&query));
    query = clade_query_begin(db, select_from);
    clade_query_bind_integer(&query, 2);
    assert_true(clade_query_row(&query));
    assert_int_equal(clade_query_integer(&query, 0), 2);
    assert_ok(clade_query_end(&query));
    clade_sqlite_close(db);
}

static void a_failure_is_of_its_query_alone(void **state)
{
    (void)state;
    clade_sqlite *db = table_of_three();
    assert_fails(put(db, 2, "two again"), CLADE_EINTERNAL, "UNIQUE");
    assert_ok(put(db, 4, "four"));
    assert_fails(put(db, 5, NULL), CLADE_EINTERNAL, "NOT NULL");
    assert_ok(put(db, 5, "five"));
    for (int again = 0; again < 2; again++) {
        clade_query query = clade_query_begin(db, "SELECT a FROM nowhere");
        assert_false(clade_query_row(&query));
        assert_fails(clade_query_end(&query), CLADE_EINTERNAL, "nowhere");
    }
    clade_sqlite_close(db);
}

static void a_new_schema_is_seen(void **state)
{
    (void)state;
    clade_sqlite *db = table_of_three();
    for (int64_t round = 0; round < 3; round++) {
        assert_ok(put(db, 10 + round, "more"));
        clade_query query = clade_query_begin(db, select_from);
        clade_query_bind_integer(&query, 10 + round);
        assert_true(clade_query_row(&query));
        assert_false(clade_query_row(&query));
        assert_ok(clade_query_end(&query));
        assert_ok(clade_sqlite_execute(db, round == 0   ? "CREATE INDEX by_word ON t (word)"
                                           : round == 1 ? "DROP INDEX by_word"
                                                        : "DROP TABLE t"));
    }
    assert_fails(put(db, 99, "gone"), CLADE_EINTERNAL, "no such table");
    clade_sqlite_close(db);
}

static void more_statements_than_are_kept(void **state)
{
    (void)state;
    enum { STATEMENTS = 200 };
    static char sql[STATEMENTS][64]; /* as constant as a literal */
    clade_sqlite *db = table_of_three();
    for (int round = 0; round < 2; round++)
        for (int i = 0; i < STATEMENTS; i++) {
            snprintf(sql[i], sizeof sql[i], "SELECT number + %d FROM t WHERE number = ?", i);
            clade_query query = clade_query_begin(db, sql[i]);
            clade_query_bind_integer(&query, 3);
            assert_true(clade_query_row(&query));
            assert_int_equal(clade_query_integer(&query, 0), 3 + i);
            assert_ok(clade_query_end(&query));
        }
    clade_sqlite_close(db);
}

/* A reader that has ended its query holds no old state of the file. */
static void readers_see_what_is_new(void **state)
{
    (void)state;
    clade_sqlite *writer = table_of_three(), *reader = NULL;
    assert_ok(clade_sqlite_open(path, CLADE_SQLITE_READ, &reader));
    for (int64_t number = 4; number < 8; number++) {
        assert_ok(put(writer, number, "more"));
        clade_query query = clade_query_begin(reader, select_from);
        clade_query_bind_integer(&query, number);
        assert_true(clade_query_row(&query));
        assert_ok(clade_query_end(&query));
    }
    clade_sqlite_close(reader);
    clade_sqlite_close(writer);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(one_statement_twice_at_once, set_up, tear_down),
        cmocka_unit_test_setup_teardown(nothing_stays_bound, set_up, tear_down),
        cmocka_unit_test_setup_teardown(a_failure_is_of_its_query_alone, set_up, tear_down),
        cmocka_unit_test_setup_teardown(a_new_schema_is_seen, set_up, tear_down),
        cmocka_unit_test_setup_teardown(more_statements_than_are_kept, set_up, tear_down),
        cmocka_unit_test_setup_teardown(readers_see_what_is_new, set_up, tear_down),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
