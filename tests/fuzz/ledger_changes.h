/* Changes to a ledger as text, so that a fuzzer spends its time on what is in the rows and not on SQLite's pages. A line
 * is one change; what is none is ignored.
 *
 *   CRTVALUE    column C ('A' is columns[0]) of row R ('a' is the first) becomes VALUE, of type T: i an integer, r a
 *               number, t a text, b a blob, n null; with d the row goes
 *   CRsONVALUE  N % 32 bytes of the text that is there, after the share O / 256 of it, become VALUE
 *   !SQL        a statement, which may only touch the ledger's own tables
 *
 * Changes that SQLite refuses (no such row, a key that is there already) are no changes. */
#ifndef CLADE_FUZZ_LEDGER_CHANGES_H
#define CLADE_FUZZ_LEDGER_CHANGES_H

#include <sqlite3.h>

#include "fuzz/scratch.h"

static const char *const columns[] = {"children.child",
                                      "children.recipe_hash",
                                      "children.recipe",
                                      "children.genome",
                                      "children.vector",
                                      "children.method",
                                      "children.operator",
                                      "children.parents",
                                      "evaluations.child",
                                      "evaluations.split",
                                      "evaluations.status",
                                      "evaluations.reason",
                                      "evaluations.score",
                                      "evaluations.images",
                                      "evaluations.seconds",
                                      "evaluations.rank",
                                      "evaluations.same_as",
                                      "evaluations.session",
                                      "commits.child",
                                      "commits.failed",
                                      "commits.objectives",
                                      "commits.hash",
                                      "experiment.json",
                                      "platform.json",
                                      "parents.name",
                                      "parents.path",
                                      "parents.hash",
                                      "reference_scores.name",
                                      "reference_scores.split",
                                      "reference_scores.status",
                                      "reference_scores.score",
                                      "reference_scores.reason",
                                      "events.kind",
                                      "events.detail",
                                      "events.session",
                                      "series.child",
                                      "series.images",
                                      "series.seconds",
                                      "series.hypervolume",
                                      "series.front",
                                      "batches.child",
                                      "batches.batch",
                                      "batches.items",
                                      "platform.at",
                                      "events.at",
                                      "evaluations.at",
                                      "children.rowid",
                                      "commits.rowid"};
enum { COLUMNS = sizeof columns / sizeof *columns, CHANGE_HEAD = 3, SPLICE_HEAD = CHANGE_HEAD + 2 };

/* SQL without a way out of the file, or to the end of time. */
static int allow(void *context, int action, const char *a, const char *b, const char *c, const char *d)
{
    (void)context, (void)a, (void)b, (void)c, (void)d;
    return action == SQLITE_ATTACH || action == SQLITE_DETACH || action == SQLITE_PRAGMA ? SQLITE_DENY : SQLITE_OK;
}

static int give_up(void *context)
{
    (void)context;
    return 1;
}

/* FORMAT, with the table and the name of column COLUMN and the number of a row, as a statement; NULL where it is none. */
static sqlite3_stmt *prepare(sqlite3 *db, const char *format, size_t column, unsigned row)
{
    char sql[512], table[32];
    sqlite3_stmt *statement = NULL;
    const char *dot = strchr(columns[column], '.');
    snprintf(table, sizeof table, "%.*s", (int)(dot - columns[column]), columns[column]);
    snprintf(sql, sizeof sql, format, table, dot + 1, row);
    (void)sqlite3_prepare_v2(db, sql, -1, &statement, NULL);
    return statement;
}

static void run(sqlite3_stmt *statement)
{
    if (statement)
        (void)sqlite3_step(statement);
    (void)sqlite3_finalize(statement);
}

/* The text there is in the column, with a part of it changed, bound to UPDATE. */
static void bind_spliced(sqlite3 *db, sqlite3_stmt *update, size_t column, unsigned row, const uint8_t *line,
                         size_t size)
{
    sqlite3_stmt *read = prepare(db, "SELECT \"%2$s\" FROM %1$s LIMIT 1 OFFSET %3$u", column, row);
    if (size >= SPLICE_HEAD && read && sqlite3_step(read) == SQLITE_ROW) {
        const char *old = (const char *)sqlite3_column_text(read, 0);
        const size_t length = old ? (size_t)sqlite3_column_bytes(read, 0) : 0;
        const size_t at = length * line[CHANGE_HEAD] / 256, most = length - at, wanted = line[CHANGE_HEAD + 1] % 32;
        const size_t after = at + (wanted < most ? wanted : most), added = size - SPLICE_HEAD;
        char *text = malloc(length + added + 1);
        check(text != NULL);
        if (at > 0)
            memcpy(text, old, at);
        memcpy(text + at, line + SPLICE_HEAD, added);
        if (length > after)
            memcpy(text + at + added, old + after, length - after);
        (void)sqlite3_bind_text(update, 1, text, (int)(at + added + length - after), SQLITE_TRANSIENT);
        free(text);
    }
    (void)sqlite3_finalize(read);
}

static void change_column(sqlite3 *db, size_t column, unsigned row, const uint8_t *line, size_t size)
{
    const char *value = (const char *)line + CHANGE_HEAD;
    const int length = (int)(size - CHANGE_HEAD);
    char number[32];
    snprintf(number, sizeof number, "%.*s", length < 31 ? length : 31, value);
    sqlite3_stmt *update = prepare(
        db, "UPDATE %1$s SET \"%2$s\" = ? WHERE rowid = (SELECT rowid FROM %1$s LIMIT 1 OFFSET %3$u)", column, row);
    if (!update)
        return;
    switch (line[2]) {
    case 'i':
        (void)sqlite3_bind_int64(update, 1, strtoll(number, NULL, 10));
        break;
    case 'r':
        (void)sqlite3_bind_double(update, 1, strtod(number, NULL));
        break;
    case 't':
        (void)sqlite3_bind_text(update, 1, value, length, SQLITE_STATIC);
        break;
    case 'b':
        (void)sqlite3_bind_blob(update, 1, value, length, SQLITE_STATIC);
        break;
    case 's':
        bind_spliced(db, update, column, row, line, size);
        break;
    default: /* null */
        break;
    }
    run(update);
}

static void change(sqlite3 *db, const uint8_t *line, size_t size)
{
    if (size < CHANGE_HEAD)
        return;
    if (line[0] == '!') {
        char *sql = strndup((const char *)line + 1, size - 1);
        check(sql != NULL);
        (void)sqlite3_exec(db, sql, NULL, NULL, NULL);
        free(sql);
        return;
    }
    const size_t column = (size_t)(line[0] - 'A');
    const unsigned row = (unsigned)(line[1] - 'a');
    if (line[0] < 'A' || column >= COLUMNS || line[1] < 'a')
        return;
    if (line[2] == 'd')
        run(prepare(db, "DELETE FROM %1$s WHERE rowid = (SELECT rowid FROM %1$s LIMIT 1 OFFSET %3$u)", column, row));
    else
        change_column(db, column, row, line, size);
}

/* Make the changes that DATA says in the ledger at PATH. */
static void change_ledger(const char *path, const uint8_t *data, size_t size)
{
    enum { STEPS = 100000 }; /* of SQLite's machine */
    sqlite3 *db = NULL;
    check(sqlite3_open(path, &db) == SQLITE_OK);
    (void)sqlite3_limit(db, SQLITE_LIMIT_ATTACHED, 0);
    (void)sqlite3_limit(db, SQLITE_LIMIT_LENGTH, 1 << 20);
    check(sqlite3_exec(db, "PRAGMA synchronous = OFF; BEGIN", NULL, NULL, NULL) == SQLITE_OK);
    (void)sqlite3_set_authorizer(db, allow, NULL);
    sqlite3_progress_handler(db, STEPS, give_up, NULL);
    for (size_t at = 0; at < size;) {
        const uint8_t *end = memchr(data + at, '\n', size - at);
        const size_t length = end ? (size_t)(end - data) - at : size - at;
        change(db, data + at, length);
        at += length + 1;
    }
    (void)sqlite3_set_authorizer(db, NULL, NULL);
    (void)sqlite3_exec(db, "COMMIT", NULL, NULL, NULL); /* a change may have ended it already */
    check(sqlite3_close(db) == SQLITE_OK);
}

#endif
