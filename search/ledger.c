/* The ledger as a file: opening, the lock, and the small tables; the schema is in ledger_schema.c, rows of children are in
 * ledger_rows.c.
 *
 * One writer is enforced by a lock on a file of its own (run_lock.h): SQLite's exclusive mode would shut readers out, and
 * a lock on the database itself would get in the way of SQLite's. */
#include "search/ledger.h"

#include <stdio.h>
#include <unistd.h>

#include "clade/alloc.h"
#include "clade/clock.h"
#include "clade/files.h"
#include "search/ledger_file.h"
#include "search/ledger_schema.h"

/* ---- opening ---- */

static clade_status fail_no_ledger(const char *path)
{
    return clade_fail(CLADE_EINPUT, "%s: is a database but no ledger of Clade (expected the table meta with a version)",
                      path);
}

/* The number in meta; the file has that table, as we make it. */
static clade_status read_version(clade_ledger *ledger)
{
    const char *path = clade_sqlite_path(ledger->db);
    clade_text version = {0};
    bool found = false;
    int number = 0, used = 0;
    clade_status status = clade_ledger_get_meta(ledger, "version", &version, &found);
    if (status == CLADE_OK && !found)
        status = fail_no_ledger(path);
    if (status == CLADE_OK && (sscanf(clade_text_get(&version), "%9d%n", &number, &used) != 1 ||
                               (size_t)used != version.length || number < 1))
        status = clade_fail(CLADE_EINPUT, "%s: meta: version: found \"%s\", expected a number", path,
                            clade_text_get(&version));
    if (status == CLADE_OK && number > CLADE_LEDGER_VERSION)
        status =
            clade_fail(CLADE_EINPUT, "%s: ledger of version %d, this Clade reads up to version %d; use a newer Clade",
                       path, number, CLADE_LEDGER_VERSION);
    ledger->version = number;
    clade_text_free(&version);
    return status;
}

/* Nothing but the version of a file is read before its schema is known to be ours. */
static clade_status check_version(clade_ledger *ledger)
{
    clade_schema schema = {0};
    clade_status status = clade_schema_look(ledger->db, &schema);
    if (status == CLADE_OK && !schema.is_ledger)
        status = fail_no_ledger(clade_sqlite_path(ledger->db));
    if (status == CLADE_OK && schema.has_meta)
        status = read_version(ledger);
    if (status == CLADE_OK)
        status = clade_schema_check(ledger->db, &schema, ledger->version);
    clade_text_free(&schema.foreign);
    return status;
}

static clade_status put_version(clade_ledger *ledger)
{
    char version[16];
    snprintf(version, sizeof version, "%d", CLADE_LEDGER_VERSION);
    ledger->version = CLADE_LEDGER_VERSION;
    return clade_ledger_put_meta(ledger, "version", version);
}

/* From version 1, in one transaction. */
static clade_status upgrade(clade_ledger *ledger)
{
    CLADE_TRY(clade_ledger_begin(ledger));
    CLADE_TRY(clade_schema_upgrade(ledger->db, ledger->version));
    CLADE_TRY(put_version(ledger));
    return clade_ledger_end(ledger);
}

static clade_status new_ledger(const char *path, bool write, clade_ledger **out)
{
    clade_ledger *ledger = clade_calloc(1, sizeof *ledger);
    if (!ledger)
        return clade_fail_memory(sizeof *ledger, "a ledger");
    ledger->children_end = ledger->evaluations_end = ledger->commits_end = write ? 0 : UINT64_MAX;
    clade_status status = write ? clade_run_lock_take(path, CLADE_LOCK_TIMES, &ledger->lock) : CLADE_OK;
    if (status == CLADE_OK)
        *out = ledger;
    else
        clade_ledger_close(ledger);
    return status;
}

clade_status clade_ledger_create(const char *path, clade_ledger **out)
{
    bool is_free;
    *out = NULL;
    CLADE_TRY(clade_path_is_free(path, &is_free));
    if (!is_free)
        return clade_fail(CLADE_EUSAGE, "%s: exists already", path);
    clade_ledger *ledger = NULL;
    CLADE_TRY(new_ledger(path, true, &ledger));
    clade_status status = clade_sqlite_open(path, CLADE_SQLITE_CREATE, &ledger->db);
    if (status == CLADE_OK)
        status = clade_schema_create(ledger->db);
    if (status == CLADE_OK)
        status = put_version(ledger);
    if (status == CLADE_OK) {
        *out = ledger;
        return CLADE_OK;
    }
    clade_ledger_close(ledger);
    (void)unlink(path);
    return status;
}

clade_status clade_ledger_open(const char *path, bool write, clade_ledger **out)
{
    *out = NULL;
    if (!clade_path_exists(path))
        return clade_fail(CLADE_EINPUT, "%s: there is no such file, expected the ledger of a run", path);
    clade_ledger *ledger = NULL;
    CLADE_TRY(new_ledger(path, write, &ledger));
    /* Looked at as a reader first: a file that is not ours, or newer than we are, stays as it is. */
    clade_status status = clade_sqlite_open(path, CLADE_SQLITE_READ, &ledger->db);
    if (status == CLADE_OK)
        status = check_version(ledger);
    if (status == CLADE_OK && write) {
        clade_sqlite_close(ledger->db);
        ledger->db = NULL;
        status = clade_sqlite_open(path, CLADE_SQLITE_WRITE, &ledger->db);
    }
    if (status == CLADE_OK && write)
        status = clade_sqlite_check_pages(ledger->db);
    if (status == CLADE_OK && write && ledger->version < CLADE_LEDGER_VERSION)
        status = upgrade(ledger);
    if (status == CLADE_OK && write) /* older programs made none */
        status = clade_schema_add_indexes(ledger->db);
    if (status == CLADE_OK && write)
        status = clade_ledger_learn(ledger);
    if (status == CLADE_OK)
        *out = ledger;
    else
        clade_ledger_close(ledger);
    return status;
}

void clade_ledger_close(clade_ledger *ledger)
{
    if (!ledger)
        return;
    clade_sqlite_close(ledger->db);
    clade_recipes_free(&ledger->recipes);
    clade_run_lock_release(ledger->lock);
    clade_free(ledger);
}

clade_status clade_ledger_begin(clade_ledger *ledger)
{
    return clade_sqlite_execute(ledger->db, "BEGIN IMMEDIATE");
}

clade_status clade_ledger_end(clade_ledger *ledger)
{
    return clade_sqlite_execute(ledger->db, "COMMIT");
}

clade_status clade_ledger_keep(clade_ledger *ledger)
{
    return clade_sqlite_keep(ledger->db);
}

void clade_ledger_cancel(clade_ledger *ledger)
{
    clade_sqlite_rollback(ledger->db);
}

/* ---- small tables ---- */

/* The first column of the first row, a text. */
static clade_status get_text(clade_query *query, clade_text *text, bool *found)
{
    *found = clade_query_row(query);
    if (*found)
        clade_query_text(query, 0, text);
    return clade_query_end(query);
}

clade_status clade_ledger_put_meta(clade_ledger *ledger, const char *key, const char *value)
{
    clade_query query = clade_query_begin(ledger->db, "INSERT OR REPLACE INTO meta (key, value) VALUES (?, ?)");
    clade_query_bind_text(&query, key);
    clade_query_bind_text(&query, value);
    return clade_query_run(&query);
}

clade_status clade_ledger_get_meta(clade_ledger *ledger, const char *key, clade_text *value, bool *found)
{
    clade_query query = clade_query_begin(ledger->db, "SELECT value FROM meta WHERE key = ?");
    clade_query_bind_text(&query, key);
    return get_text(&query, value, found);
}

clade_status clade_ledger_put_experiment(clade_ledger *ledger, const char *json)
{
    clade_query query = clade_query_begin(ledger->db, "INSERT INTO experiment (json) VALUES (?)");
    clade_query_bind_text(&query, json);
    return clade_query_run(&query);
}

clade_status clade_ledger_get_experiment(clade_ledger *ledger, clade_text *json)
{
    bool found = false;
    clade_query query = clade_query_begin(ledger->db, "SELECT json FROM experiment LIMIT 1");
    CLADE_TRY(get_text(&query, json, &found));
    if (!found)
        return clade_fail(CLADE_EINPUT, "%s: the table experiment is empty", clade_sqlite_path(ledger->db));
    return CLADE_OK;
}

clade_status clade_ledger_put_platform(clade_ledger *ledger, const char *json)
{
    clade_query query = clade_query_begin(ledger->db, "INSERT INTO platform (json, at) VALUES (?, ?)");
    clade_query_bind_text(&query, json);
    clade_query_bind_real(&query, clade_clock_calendar());
    CLADE_TRY(clade_query_run(&query));
    ledger->session = clade_sqlite_last_row(ledger->db);
    return CLADE_OK;
}

clade_status clade_ledger_get_platform(clade_ledger *ledger, clade_text *json, bool *found)
{
    clade_query query = clade_query_begin(ledger->db, "SELECT json FROM platform ORDER BY session DESC LIMIT 1");
    return get_text(&query, json, found);
}

clade_status clade_ledger_put_parent(clade_ledger *ledger, const char *name, const char *path, const char *hash)
{
    clade_query query = clade_query_begin(ledger->db, "INSERT INTO parents (name, path, hash) VALUES (?, ?, ?)");
    clade_query_bind_text(&query, name);
    clade_query_bind_text(&query, path);
    clade_query_bind_text(&query, hash);
    return clade_query_run(&query);
}

clade_status clade_ledger_get_parent(clade_ledger *ledger, const char *name, clade_text *hash, bool *found)
{
    clade_query query = clade_query_begin(ledger->db, "SELECT hash FROM parents WHERE name = ?");
    clade_query_bind_text(&query, name);
    return get_text(&query, hash, found);
}

clade_status clade_ledger_put_event(clade_ledger *ledger, const char *kind, const char *detail)
{
    clade_query query =
        clade_query_begin(ledger->db, "INSERT INTO events (session, at, kind, detail) VALUES (?, ?, ?, ?)");
    clade_query_bind_integer(&query, ledger->session);
    clade_query_bind_real(&query, clade_clock_calendar());
    clade_query_bind_text(&query, kind);
    clade_query_bind_text(&query, detail);
    return clade_query_run(&query);
}

clade_status clade_ledger_get_event(clade_ledger *ledger, const char *kind, clade_text *detail, uint64_t *number,
                                    bool *found)
{
    clade_query query =
        clade_query_begin(ledger->db, "SELECT detail, number FROM events WHERE kind = ? ORDER BY number DESC LIMIT 1");
    clade_query_bind_text(&query, kind);
    *found = clade_query_row(&query);
    if (*found) {
        clade_query_text(&query, 0, detail);
        *number = (uint64_t)clade_query_integer(&query, 1);
    }
    return clade_query_end(&query);
}

clade_status clade_ledger_get_event_since(clade_ledger *ledger, const char *kind, const char *after, clade_text *detail,
                                          bool *found)
{
    clade_query query = clade_query_begin(
        ledger->db,
        "SELECT detail FROM events WHERE kind = ? AND number > (SELECT COALESCE(MAX(number), -1) FROM events "
        "WHERE kind = ?) ORDER BY number DESC LIMIT 1");
    clade_query_bind_text(&query, kind);
    clade_query_bind_text(&query, after);
    return get_text(&query, detail, found);
}
