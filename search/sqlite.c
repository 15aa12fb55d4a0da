/* The only file that includes sqlite3.h. Preparing a statement costs ten times what running it does, so each is prepared
 * once: a coordinator with thousands of workers writes thousands of results a second. */
#include "search/sqlite.h"

#include "search/ledger.h"

#include <errno.h>
#include <sqlite3.h>
#include <string.h>

#include "clade/alloc.h"
#include "clade/files.h"

enum { BUSY_MILLISECONDS = 10000, MOST_KEPT = 64, MOST_TEXT = 64 << 20 };

/* Of a new file. Scores are texts of kilobytes: with SQLite's 4,096 bytes a page, writing them takes 1.7 times as long. */
#define PAGE_SIZE "16384"

typedef struct kept_statement {
    sqlite3_stmt *statement; /* owned */
    const char *sql;
    bool used; /* by a query that has not ended */
} kept_statement;

struct clade_sqlite {
    sqlite3 *handle;
    char *path;
    bool writes;
    kept_statement kept[MOST_KEPT]; /* more than the ledger has; what does not fit is prepared each time */
    size_t n_kept;
};

/* What an SQLite result means to a user of Clade. */
static clade_status status_of(int code)
{
    switch (code & 0xff) {
    case SQLITE_NOTADB:
    case SQLITE_CORRUPT:
    case SQLITE_FORMAT:
        return CLADE_EINPUT;
    case SQLITE_ERROR:
    case SQLITE_CONSTRAINT:
    case SQLITE_MISMATCH:
    case SQLITE_MISUSE:
    case SQLITE_RANGE:
        return CLADE_EINTERNAL;
    default: /* full, I/O, busy, read-only, no memory ... */
        return CLADE_EIO;
    }
}

/* Whether the last thing that went wrong with FILE is a disk that does not read. SQLite takes that for damage. */
static bool disk_fails(sqlite3_file *file)
{
    int error = 0;
    return file && file->pMethods && file->pMethods->xFileControl(file, SQLITE_FCNTL_LAST_ERRNO, &error) == SQLITE_OK &&
           (error == EIO || error == ENXIO);
}

/* The same for the database and its journal or WAL. */
static bool cannot_be_read(sqlite3 *handle)
{
    sqlite3_file *database = NULL, *journal = NULL;
    (void)sqlite3_file_control(handle, "main", SQLITE_FCNTL_FILE_POINTER, (void *)&database);
    (void)sqlite3_file_control(handle, "main", SQLITE_FCNTL_JOURNAL_POINTER, (void *)&journal);
    return disk_fails(database) || disk_fails(journal);
}

static clade_status fail(const clade_sqlite *db, int code, const char *action)
{
    if (db->handle && (code & 0xff) == SQLITE_CORRUPT && cannot_be_read(db->handle))
        return clade_fail(CLADE_EIO, "%s: cannot %s: %s", db->path, action, strerror(EIO));
    return clade_fail(status_of(code), "%s: cannot %s: %s (SQLite %d)", db->path, action,
                      db->handle ? sqlite3_errmsg(db->handle) : sqlite3_errstr(code),
                      db->handle ? sqlite3_extended_errcode(db->handle) : code);
}

/* The file may be anybody's (sqlite.org/security.html): nothing that its schema says is run, and nothing in it may be
 * larger than a ledger's texts ever are. */
static int harden(sqlite3 *handle)
{
    static const struct {
        int option, value;
    } options[] = {{SQLITE_DBCONFIG_DEFENSIVE, 1},      {SQLITE_DBCONFIG_TRUSTED_SCHEMA, 0},
                   {SQLITE_DBCONFIG_ENABLE_TRIGGER, 0}, {SQLITE_DBCONFIG_ENABLE_VIEW, 0},
                   {SQLITE_DBCONFIG_DQS_DDL, 0},        {SQLITE_DBCONFIG_DQS_DML, 0},
                   {SQLITE_DBCONFIG_WRITABLE_SCHEMA, 0}};
    static const struct {
        int limit, value;
    } limits[] = {
        {SQLITE_LIMIT_LENGTH, MOST_TEXT},    {SQLITE_LIMIT_SQL_LENGTH, 100000}, {SQLITE_LIMIT_COLUMN, 100},
        {SQLITE_LIMIT_EXPR_DEPTH, 100},      {SQLITE_LIMIT_COMPOUND_SELECT, 8}, {SQLITE_LIMIT_VDBE_OP, 25000},
        {SQLITE_LIMIT_FUNCTION_ARG, 8},      {SQLITE_LIMIT_ATTACHED, 0},        {SQLITE_LIMIT_LIKE_PATTERN_LENGTH, 50},
        {SQLITE_LIMIT_VARIABLE_NUMBER, 100}, {SQLITE_LIMIT_TRIGGER_DEPTH, 1},   {SQLITE_LIMIT_WORKER_THREADS, 0}};
    for (size_t i = 0; i < sizeof options / sizeof options[0]; i++) {
        const int code = sqlite3_db_config(handle, options[i].option, options[i].value, NULL);
        if (code != SQLITE_OK)
            return code;
    }
    for (size_t i = 0; i < sizeof limits / sizeof limits[0]; i++)
        (void)sqlite3_limit(handle, limits[i].limit, limits[i].value);
    return SQLITE_OK;
}

static clade_status configure(clade_sqlite *db, clade_sqlite_mode mode)
{
    int code = harden(db->handle);
    if (code == SQLITE_OK)
        code = sqlite3_busy_timeout(db->handle, BUSY_MILLISECONDS);
    if (code != SQLITE_OK)
        return fail(db, code, "set up");
    /* The first access to the file: here something that is no database is noticed. */
    code = sqlite3_exec(db->handle, "PRAGMA cell_size_check = ON; PRAGMA schema_version", NULL, NULL, NULL);
    if (code != SQLITE_OK)
        return fail(db, code, "read");
    if (mode == CLADE_SQLITE_READ)
        return clade_sqlite_execute(db, "PRAGMA query_only = ON");
    if (mode == CLADE_SQLITE_CREATE)
        CLADE_TRY(clade_sqlite_execute(db, "PRAGMA page_size = " PAGE_SIZE));
    /* Where WAL is not possible the journal stays as it was: slower and readers may wait, as durable. In memory is what
     * clade_sqlite_keep might have to bring back. */
    return clade_sqlite_execute(db, "PRAGMA journal_mode = WAL; PRAGMA synchronous = FULL; PRAGMA foreign_keys = ON; "
                                    "PRAGMA temp_store = MEMORY");
}

clade_status clade_sqlite_open(const char *path, clade_sqlite_mode mode, clade_sqlite **out)
{
    *out = NULL;
    if (mode != CLADE_SQLITE_CREATE && !clade_path_exists(path))
        return clade_fail(CLADE_EINPUT, "%s: there is no such file, expected a ledger", path);
    CLADE_TRY(clade_sqlite_check_files(path));
    clade_sqlite *db = clade_calloc(1, sizeof *db);
    char *copy = clade_strdup(path);
    if (!db || !copy) {
        clade_free(db);
        clade_free(copy);
        return clade_fail_memory(sizeof *db + strlen(path), "a database");
    }
    db->path = copy;
    db->writes = mode != CLADE_SQLITE_READ;
    /* A reader, too, must be able to undo what a killed writer left half done; where the file cannot be written SQLite
     * opens it read-only by itself, and query_only keeps readers from writing everywhere else. */
    const int flags = SQLITE_OPEN_READWRITE | (mode == CLADE_SQLITE_CREATE ? SQLITE_OPEN_CREATE : 0);
    const int code = sqlite3_open_v2(path, &db->handle, flags, NULL);
    clade_status status = code == SQLITE_OK ? configure(db, mode) : fail(db, code, "open");
    if (status == CLADE_OK) {
        *out = db;
        return CLADE_OK;
    }
    db->writes = false; /* leave a file that is not ours as it is */
    clade_sqlite_close(db);
    return status;
}

clade_status clade_sqlite_keep(clade_sqlite *db)
{
    return clade_sqlite_execute(db, "SAVEPOINT kept");
}

void clade_sqlite_rollback(clade_sqlite *db)
{
    if (!db->handle || sqlite3_get_autocommit(db->handle))
        return;
    /* Without such a savepoint this fails, and has done nothing. */
    (void)sqlite3_exec(db->handle, "ROLLBACK TO kept; COMMIT", NULL, NULL, NULL);
    if (!sqlite3_get_autocommit(db->handle))
        (void)sqlite3_exec(db->handle, "ROLLBACK", NULL, NULL, NULL);
}

void clade_sqlite_close(clade_sqlite *db)
{
    if (!db)
        return;
    clade_sqlite_rollback(db);
    for (size_t i = 0; i < db->n_kept; i++)
        (void)sqlite3_finalize(db->kept[i].statement);
    /* Then a finished run can be read where its folder is read-only, too. Refused while a reader holds the file: no
     * harm. */
    if (db->writes) {
        (void)sqlite3_busy_timeout(db->handle, 0);
        (void)sqlite3_exec(db->handle, "PRAGMA journal_mode = DELETE", NULL, NULL, NULL);
    }
    (void)sqlite3_close_v2(db->handle);
    clade_free(db->path);
    clade_free(db);
}

const char *clade_sqlite_path(const clade_sqlite *db)
{
    return db->path;
}

int64_t clade_sqlite_last_row(clade_sqlite *db)
{
    return sqlite3_last_insert_rowid(db->handle);
}

clade_status clade_sqlite_execute(clade_sqlite *db, const char *sql)
{
    const int code = sqlite3_exec(db->handle, sql, NULL, NULL, NULL);
    return code == SQLITE_OK ? CLADE_OK : fail(db, code, "write");
}

clade_status clade_sqlite_check_pages(clade_sqlite *db)
{
    clade_text found = {0};
    clade_query query = clade_query_begin(db, "PRAGMA quick_check(1)");
    if (clade_query_row(&query))
        clade_query_text(&query, 0, &found);
    clade_status status = clade_query_end(&query);
    if (status == CLADE_OK && strcmp(clade_text_get(&found), "ok") != 0 && cannot_be_read(db->handle))
        status = clade_fail(CLADE_EIO, "%s: cannot check: %s", db->path, strerror(EIO));
    else if (status == CLADE_OK && strcmp(clade_text_get(&found), "ok") != 0)
        status = clade_fail(CLADE_EINPUT, "%s: is damaged: %s", db->path, clade_text_get(&found));
    clade_text_free(&found);
    return status;
}

/* ---- statements ---- */

static void check(clade_query *query, int code, const char *action)
{
    if (query->status == CLADE_OK && code != SQLITE_OK)
        query->status = fail(query->db, code, action);
}

static kept_statement *find_kept(clade_sqlite *db, const char *sql)
{
    for (size_t i = 0; i < db->n_kept; i++)
        if (db->kept[i].sql == sql)
            return &db->kept[i];
    return NULL;
}

clade_query clade_query_begin(clade_sqlite *db, const char *sql)
{
    clade_query query = {.db = db, .status = CLADE_OK};
    kept_statement *kept = find_kept(db, sql);
    if (kept && !kept->used) {
        kept->used = true;
        query.statement = kept->statement;
        query.kept = kept;
        return query;
    }
    const bool keep = !kept && db->n_kept < MOST_KEPT;
    sqlite3_stmt *statement = NULL;
    check(&query, sqlite3_prepare_v3(db->handle, sql, -1, keep ? SQLITE_PREPARE_PERSISTENT : 0, &statement, NULL),
          "prepare a statement");
    query.statement = statement;
    if (keep && query.status == CLADE_OK) {
        kept = &db->kept[db->n_kept++];
        *kept = (kept_statement){.statement = statement, .sql = sql, .used = true};
        query.kept = kept;
    }
    return query;
}

void clade_query_bind_text(clade_query *query, const char *text)
{
    query->bound++;
    if (query->status == CLADE_OK)
        check(query, sqlite3_bind_text(query->statement, query->bound, text, -1, SQLITE_STATIC), "bind a text");
}

void clade_query_bind_integer(clade_query *query, int64_t value)
{
    query->bound++;
    if (query->status == CLADE_OK)
        check(query, sqlite3_bind_int64(query->statement, query->bound, value), "bind an integer");
}

void clade_query_bind_real(clade_query *query, double value)
{
    query->bound++;
    if (query->status == CLADE_OK)
        check(query, sqlite3_bind_double(query->statement, query->bound, value), "bind a number");
}

bool clade_query_row(clade_query *query)
{
    if (query->status != CLADE_OK)
        return false;
    const int code = sqlite3_step(query->statement);
    if (code != SQLITE_ROW && code != SQLITE_DONE)
        check(query, code, query->db->writes ? "write" : "read");
    return code == SQLITE_ROW;
}

int64_t clade_query_integer(const clade_query *query, int column)
{
    return sqlite3_column_int64(query->statement, column);
}

double clade_query_real(const clade_query *query, int column)
{
    return sqlite3_column_double(query->statement, column);
}

void clade_query_text(clade_query *query, int column, clade_text *text)
{
    clade_text_clear(text);
    const unsigned char *bytes = sqlite3_column_text(query->statement, column);
    if (bytes)
        clade_text_append_bytes(text, bytes, (size_t)sqlite3_column_bytes(query->statement, column));
    if (query->status == CLADE_OK)
        query->status = clade_text_status(text);
}

void clade_query_name(clade_query *query, int column, size_t least, char *out, size_t size)
{
    const unsigned char *bytes = sqlite3_column_text(query->statement, column);
    const size_t length = bytes ? (size_t)sqlite3_column_bytes(query->statement, column) : 0;
    out[0] = '\0';
    if (length >= least && length < size) {
        if (length > 0)
            memcpy(out, bytes, length);
        out[length] = '\0';
    } else if (query->status == CLADE_OK) {
        query->status =
            clade_fail(CLADE_EINPUT, "%s: column %s: found a text of %zu bytes, expected %zu to %zu", query->db->path,
                       sqlite3_column_name(query->statement, column), length, least, size - 1);
    }
}

clade_status clade_query_end(clade_query *query)
{
    kept_statement *kept = query->kept;
    if (kept) {
        (void)sqlite3_reset(kept->statement); /* repeats the failure of a step, which QUERY has already */
        (void)sqlite3_clear_bindings(kept->statement);
        kept->used = false;
    } else {
        (void)sqlite3_finalize(query->statement);
    }
    query->statement = NULL;
    query->kept = NULL;
    return query->status;
}

clade_status clade_query_run(clade_query *query)
{
    (void)clade_query_row(query);
    return clade_query_end(query);
}

const char *clade_sqlite_version(void)
{
    return sqlite3_libversion();
}
