/* The schema of the ledger: what is made, and the check that a file has that and nothing else. A ledger may come from
 * somebody else, and a schema can hold what SQLite runs by itself when a table is read or written: views, triggers,
 * generated columns, expressions in an index, virtual tables. So every object must be word for word one of ours. */
#ifndef CLADE_LEDGER_SCHEMA_H
#define CLADE_LEDGER_SCHEMA_H

#include "search/sqlite.h"

/* All tables and indexes of the latest version, in an empty file. */
clade_status clade_schema_create(clade_sqlite *db) CLADE_CHECK_RESULT;
/* What a ledger of VERSION lacks, tables only: those of version 1 lack all that is younger. */
clade_status clade_schema_upgrade(clade_sqlite *db, int version) CLADE_CHECK_RESULT;
/* The indexes that an older program did not make. */
clade_status clade_schema_add_indexes(clade_sqlite *db) CLADE_CHECK_RESULT;

/* What a file has. */
typedef struct clade_schema {
    unsigned objects;   /* tables and indexes: bits, in the order of the list in ledger_schema.c */
    bool is_ledger;     /* it has tables by the names that every ledger has */
    bool has_meta;      /* meta is ours: its version can be read */
    clade_text foreign; /* what is not ours; empty: nothing. Owned */
} clade_schema;
/* Only sqlite_master is read. Free SCHEMA->foreign whatever comes back. */
clade_status clade_schema_look(clade_sqlite *db, clade_schema *schema) CLADE_CHECK_RESULT;
/* CLADE_EINPUT unless SCHEMA is that of VERSION, which this program knows. */
clade_status clade_schema_check(const clade_sqlite *db, const clade_schema *schema, int version) CLADE_CHECK_RESULT;

#endif
