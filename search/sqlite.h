/* SQLite as the ledger needs it: open, a statement at a time, failures as clade_status with the file's name. The
 * statement keeps the first failure, so that a caller binds, steps and reads in straight lines and checks once, at the
 * end. */
#ifndef CLADE_SQLITE_H
#define CLADE_SQLITE_H

#include <stdbool.h>
#include <stdint.h>

#include "clade/status.h"
#include "clade/text.h"

typedef struct clade_sqlite clade_sqlite;

typedef enum clade_sqlite_mode { CLADE_SQLITE_CREATE, CLADE_SQLITE_WRITE, CLADE_SQLITE_READ } clade_sqlite_mode;

/* CREATE and WRITE set WAL mode and synchronous FULL. CLADE_EINPUT when the file is not there or no database, when it or
 * one that SQLite keeps beside it is a link, or its journal names another file. The connection runs no trigger and reads
 * no view, attaches no file, and takes texts up to 64 MiB. */
clade_status clade_sqlite_open(const char *path, clade_sqlite_mode mode, clade_sqlite **db) CLADE_CHECK_RESULT;
/* PATH and its -wal, -shm, -journal and .lock are regular files or not there, and the journal is of this file alone; else
 * CLADE_EINPUT. The first thing that an open does. */
clade_status clade_sqlite_check_files(const char *path) CLADE_CHECK_RESULT;
/* Go through all pages (PRAGMA quick_check): a damaged file must not be written to. CLADE_EINPUT with the first fault. */
clade_status clade_sqlite_check_pages(clade_sqlite *db) CLADE_CHECK_RESULT;
/* Roll back what is open; a writer folds the WAL back into the file when no reader holds it. Accepts NULL. */
void clade_sqlite_close(clade_sqlite *db);
const char *clade_sqlite_path(const clade_sqlite *db);
int64_t clade_sqlite_last_row(clade_sqlite *db); /* number of the row inserted last */
/* One or more statements without parameters and rows. */
clade_status clade_sqlite_execute(clade_sqlite *db, const char *sql) CLADE_CHECK_RESULT;

/* In a transaction: clade_sqlite_rollback undoes only what comes after this, and commits the rest. */
clade_status clade_sqlite_keep(clade_sqlite *db) CLADE_CHECK_RESULT;
void clade_sqlite_rollback(clade_sqlite *db); /* when a transaction is open */

/* A statement. SQL is a string literal of the program; values only ever come in through the binds, in order. The
 * database keeps what it made of SQL and finds it again by its address; the same SQL may be begun again before its
 * _end. */
typedef struct clade_query {
    clade_sqlite *db; /* borrowed */
    void *statement;  /* owned, until _end */
    void *kept;       /* where it goes back to; NULL: nowhere */
    int bound;
    clade_status status; /* the first failure */
} clade_query;

clade_query clade_query_begin(clade_sqlite *db, const char *sql);
void clade_query_bind_text(clade_query *query, const char *text); /* NULL: null; kept by reference until _end */
void clade_query_bind_integer(clade_query *query, int64_t value);
void clade_query_bind_real(clade_query *query, double value);
bool clade_query_row(clade_query *query); /* step: true while there is a row */
int64_t clade_query_integer(const clade_query *query, int column);
double clade_query_real(const clade_query *query, int column);
/* TEXT is overwritten; null gives "". */
void clade_query_text(clade_query *query, int column, clade_text *text);
/* Into OUT of SIZE bytes; a longer or shorter one than LEAST bytes makes the query fail with CLADE_EINPUT. */
void clade_query_name(clade_query *query, int column, size_t least, char *out, size_t size);
clade_status clade_query_end(clade_query *query) CLADE_CHECK_RESULT; /* release; the first failure */
/* Step a statement that gives no rows, and end it. */
clade_status clade_query_run(clade_query *query) CLADE_CHECK_RESULT;

#endif
