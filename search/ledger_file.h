/* What ledger.c and ledger_rows.c share. */
#ifndef CLADE_LEDGER_FILE_H
#define CLADE_LEDGER_FILE_H

#include "search/ledger.h"
#include "search/sqlite.h"

struct clade_ledger {
    clade_sqlite *db;
    int version;     /* of the schema */
    int lock;        /* descriptor of the lock file; -1 when reading */
    int64_t session; /* of what is written from now on; 0 before clade_ledger_put_platform */
};

/* Seconds since 1970, for the `at` columns. */
double clade_ledger_now(void);

#endif
