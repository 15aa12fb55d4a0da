/* What ledger.c and ledger_rows.c share. */
#ifndef CLADE_LEDGER_FILE_H
#define CLADE_LEDGER_FILE_H

#include "search/ledger.h"
#include "search/ledger_recipes.h"
#include "search/run_lock.h"
#include "search/sqlite.h"

struct clade_ledger {
    clade_sqlite *db;
    int version;          /* of the schema */
    clade_run_lock *lock; /* owned; NULL when reading */
    int64_t session;      /* of what is written from now on; 0 before clade_ledger_put_platform */
    /* Above every child that the table has; what is not below is known not to be there, without a query, since there is
     * one writer. UINT64_MAX when reading: the writer may be at work. */
    uint64_t children_end, evaluations_end, commits_end;
    clade_recipes recipes; /* of the children that are for no batch, when writing */
};

/* A row of CHILD may be in the table from now on. */
static inline void clade_ledger_extend(uint64_t *end, uint64_t child)
{
    if (*end <= child)
        *end = child + 1;
}

/* For the writer, at its beginning: what it knows of the tables of children without asking them. */
clade_status clade_ledger_learn(clade_ledger *ledger) CLADE_CHECK_RESULT;

#endif
