/* A ledger in a temporary folder, and rows to put into it. */
#ifndef CLADE_LEDGER_FIXTURE_H
#define CLADE_LEDGER_FIXTURE_H

#include "test.h"

#include <sqlite3.h>

#include "search/ledger.h"

static char folder[TEST_PATH], path[TEST_PATH + 16];

static inline int set_up(void **state)
{
    (void)state;
    make_temporary_folder(folder);
    snprintf(path, sizeof path, "%s/run.db", folder);
    return 0;
}

static inline int tear_down(void **state)
{
    (void)state;
    remove_temporary_folder(folder);
    assert_int_equal(clade_alloc_live(), 0);
    return 0;
}

static inline clade_ledger *create(void)
{
    clade_ledger *ledger = NULL;
    assert_ok(clade_ledger_create(path, &ledger));
    return ledger;
}

static inline clade_ledger *open_ledger(bool write)
{
    clade_ledger *ledger = NULL;
    assert_ok(clade_ledger_open(path, write, &ledger));
    return ledger;
}

static inline void set_text(clade_text *text, const char *value)
{
    clade_text_clear(text);
    clade_text_append(text, "%s", value);
}

static inline void put_child(clade_ledger *ledger, uint64_t child, char letter)
{
    clade_child_row row = {.child = child, .method = "ties", .operator_name = "sbx+pm"};
    memset(row.recipe_hash, letter, CLADE_SHA256_HEX - 1);
    set_text(&row.recipe, "{\"clade_recipe\":1}");
    set_text(&row.genome, "{\"weight\":0.25}");
    set_text(&row.vector, "[0.25,0.1]");
    for (uint64_t p = 0; p < child && p < 4; p++)
        row.parents[row.n_parents++] = p;
    assert_ok(clade_ledger_put_child(ledger, &row));
    clade_child_row_fini(&row);
}

static inline void put_evaluation(clade_ledger *ledger, uint64_t child, clade_split split, clade_status status,
                                  uint64_t images)
{
    clade_evaluation_row row = {
        .child = child, .split = split, .status = status, .images = images, .seconds = 1.5, .rank = 3, .same_as = -1};
    set_text(&row.reason, status == CLADE_OK ? "" : "it's \"broken\"; DROP TABLE children");
    set_text(&row.score, status == CLADE_OK ? "{\"a\":1}" : "");
    assert_ok(clade_ledger_put_evaluation(ledger, &row));
    clade_evaluation_row_fini(&row);
}

/* Change the file behind the ledger's back. */
static inline void execute(const char *sql)
{
    sqlite3 *db = NULL;
    assert_int_equal(sqlite3_open(path, &db), SQLITE_OK);
    assert_int_equal(sqlite3_exec(db, sql, NULL, NULL, NULL), SQLITE_OK);
    assert_int_equal(sqlite3_close(db), SQLITE_OK);
}

/* ---- the series ---- */

#endif
