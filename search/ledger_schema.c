#include "search/ledger_schema.h"

#include <string.h>

enum { MOST_LISTED = 3 };

/* SQLite keeps the text of a statement as it was given, so these are also what a file is compared with. */
typedef struct object {
    const char *type, *name, *table;
    int since;    /* the version of the ledger that has it; 0: not made any more, or by SQLite, and harmless */
    bool is_core; /* what has no such table is no ledger at all */
    const char *sql;
} object;

enum { META }; /* its place among the objects */

static const object objects[] = {
    [META] = {"table", "meta", "meta", 1, true,
              "CREATE TABLE meta (key TEXT PRIMARY KEY, value TEXT NOT NULL) WITHOUT ROWID"},
    {"table", "experiment", "experiment", 1, false, "CREATE TABLE experiment (json TEXT NOT NULL)"},
    {"table", "platform", "platform", 1, false,
     "CREATE TABLE platform (session INTEGER PRIMARY KEY, json TEXT NOT NULL, at REAL NOT NULL)"},
    {"table", "parents", "parents", 1, false,
     "CREATE TABLE parents (name TEXT PRIMARY KEY, path TEXT NOT NULL, hash TEXT NOT NULL)"},
    {"table", "children", "children", 1, true,
     "CREATE TABLE children (child INTEGER PRIMARY KEY, recipe_hash TEXT NOT NULL, recipe TEXT NOT NULL, genome TEXT "
     "NOT NULL, vector TEXT NOT NULL, method TEXT NOT NULL, operator TEXT NOT NULL, parents TEXT NOT NULL)"},
    {"table", "evaluations", "evaluations", 1, true,
     "CREATE TABLE evaluations (child INTEGER NOT NULL, split TEXT NOT NULL, status INTEGER NOT NULL, reason TEXT NOT "
     "NULL, score TEXT NOT NULL, images INTEGER NOT NULL, seconds REAL NOT NULL, rank INTEGER NOT NULL, same_as "
     "INTEGER, session INTEGER NOT NULL, at REAL NOT NULL, PRIMARY KEY (child, split))"},
    {"table", "reference_scores", "reference_scores", 1, false,
     "CREATE TABLE reference_scores (name TEXT NOT NULL, split TEXT NOT NULL, status INTEGER NOT NULL, reason TEXT NOT "
     "NULL, score TEXT NOT NULL, images INTEGER NOT NULL, seconds REAL NOT NULL, rank INTEGER NOT NULL, session "
     "INTEGER NOT NULL, at REAL NOT NULL, PRIMARY KEY (name, split))"},
    {"table", "commits", "commits", 1, true,
     "CREATE TABLE commits (child INTEGER PRIMARY KEY, failed INTEGER NOT NULL, objectives TEXT NOT NULL, hash TEXT "
     "NOT NULL)"},
    {"table", "events", "events", 1, true,
     "CREATE TABLE events (number INTEGER PRIMARY KEY, session INTEGER NOT NULL, at REAL NOT NULL, kind TEXT NOT NULL, "
     "detail TEXT NOT NULL)"},
    {"table", "batches", "batches", 2, false,
     "CREATE TABLE batches (child INTEGER PRIMARY KEY, batch INTEGER NOT NULL, items INTEGER NOT NULL)"},
    {"table", "series", "series", 2, false,
     "CREATE TABLE series (child INTEGER PRIMARY KEY, images INTEGER NOT NULL, seconds REAL, hypervolume REAL NOT "
     "NULL, front INTEGER NOT NULL)"},
    /* For ledger_count.c: all that it wants of evaluations, in order of time. */
    {"index", "evaluations_in_time", "evaluations", 1, false,
     "CREATE INDEX evaluations_in_time ON evaluations (session, at, child, split, same_as, images, seconds)"},
    {"index", "children_by_recipe", "children", 0, false,
     "CREATE INDEX children_by_recipe ON children (recipe_hash, child)"},
    /* After somebody's ANALYZE. */
    {"table", "sqlite_stat1", "sqlite_stat1", 0, false, "CREATE TABLE sqlite_stat1(tbl,idx,stat)"},
    {"table", "sqlite_stat4", "sqlite_stat4", 0, false, "CREATE TABLE sqlite_stat4(tbl,idx,neq,nlt,ndlt,sample)"},
};
enum { OBJECTS = sizeof objects / sizeof objects[0] };

static bool is_table(const object *o)
{
    return strcmp(o->type, "table") == 0;
}

/* ---- making ---- */

clade_status clade_schema_upgrade(clade_sqlite *db, int version)
{
    for (size_t i = 0; i < OBJECTS; i++)
        if (is_table(&objects[i]) && objects[i].since > version)
            CLADE_TRY(clade_sqlite_execute(db, objects[i].sql));
    return CLADE_OK;
}

clade_status clade_schema_add_indexes(clade_sqlite *db)
{
    clade_schema schema = {0};
    clade_status status = clade_schema_look(db, &schema);
    for (size_t i = 0; i < OBJECTS && status == CLADE_OK; i++)
        if (!is_table(&objects[i]) && objects[i].since > 0 && !(schema.objects >> i & 1))
            status = clade_sqlite_execute(db, objects[i].sql);
    clade_text_free(&schema.foreign);
    return status;
}

clade_status clade_schema_create(clade_sqlite *db)
{
    CLADE_TRY(clade_sqlite_execute(db, "BEGIN IMMEDIATE"));
    CLADE_TRY(clade_sqlite_execute(db, "PRAGMA application_id = 1129071941")); /* "CLAE" */
    CLADE_TRY(clade_schema_upgrade(db, 0));
    CLADE_TRY(clade_sqlite_execute(db, "COMMIT"));
    return clade_schema_add_indexes(db);
}

/* ---- looking ---- */

/* The row of sqlite_master that QUERY is at. */
typedef struct row {
    clade_text type, name, table, sql;
} row;

static void read_row(clade_query *query, row *r)
{
    clade_query_text(query, 0, &r->type);
    clade_query_text(query, 1, &r->name);
    clade_query_text(query, 2, &r->table);
    clade_query_text(query, 3, &r->sql);
}

/* The text is exactly WORD: no NUL hides more behind it. */
static bool is(const clade_text *text, const char *word)
{
    return text->length == strlen(word) && strcmp(clade_text_get(text), word) == 0;
}

/* The index of R among the objects, or OBJECTS. */
static size_t find(const row *r)
{
    size_t i = 0;
    while (i < OBJECTS && !(is(&r->type, objects[i].type) && is(&r->name, objects[i].name) &&
                            is(&r->table, objects[i].table) && is(&r->sql, objects[i].sql)))
        i++;
    return i;
}

/* An index that SQLite makes for a key of a table; it has no text of its own. */
static bool is_of_a_key(const row *r)
{
    static const char prefix[] = "sqlite_autoindex_";
    return is(&r->type, "index") && r->sql.length == 0 &&
           strncmp(clade_text_get(&r->name), prefix, sizeof prefix - 1) == 0;
}

static void take_row(const row *r, clade_schema *schema, unsigned *core, size_t *n_foreign)
{
    const size_t index = find(r);
    for (size_t i = 0; i < OBJECTS; i++)
        if (objects[i].is_core && is(&r->type, "table") && is(&r->name, objects[i].name))
            *core |= 1u << i;
    if (index < OBJECTS)
        schema->objects |= 1u << index;
    else if (!is_of_a_key(r) && (*n_foreign)++ < MOST_LISTED)
        clade_text_append(&schema->foreign, "%s%.20s \"%.60s\"", *n_foreign > 1 ? ", " : "", clade_text_get(&r->type),
                          clade_text_get(&r->name));
}

clade_status clade_schema_look(clade_sqlite *db, clade_schema *schema)
{
    unsigned core = 0, wanted = 0;
    size_t n_foreign = 0;
    row r = {0};
    *schema = (clade_schema){0};
    clade_query query =
        clade_query_begin(db, "SELECT type, name, tbl_name, COALESCE(sql, '') FROM sqlite_master ORDER BY rowid");
    while (clade_query_row(&query)) {
        read_row(&query, &r);
        take_row(&r, schema, &core, &n_foreign);
    }
    clade_text_free(&r.type);
    clade_text_free(&r.name);
    clade_text_free(&r.table);
    clade_text_free(&r.sql);
    for (size_t i = 0; i < OBJECTS; i++)
        wanted |= objects[i].is_core ? 1u << i : 0;
    if (n_foreign > MOST_LISTED)
        clade_text_append(&schema->foreign, " and %zu more", n_foreign - MOST_LISTED);
    schema->is_ledger = core == wanted;
    schema->has_meta = schema->objects >> META & 1u;
    CLADE_TRY(clade_query_end(&query));
    return clade_text_status(&schema->foreign);
}

clade_status clade_schema_check(const clade_sqlite *db, const clade_schema *schema, int version)
{
    const char *path = clade_sqlite_path(db);
    if (schema->foreign.length > 0)
        return clade_fail(CLADE_EINPUT,
                          "%s: found what no Clade makes: %s; a ledger with views, triggers or other tables in it is "
                          "not read (sqlite3 can take them out: DROP ...)",
                          path, clade_text_get(&schema->foreign));
    for (size_t i = 0; i < OBJECTS; i++)
        if (is_table(&objects[i]) && objects[i].since > 0 &&
            (schema->objects >> i & 1) != (unsigned)(objects[i].since <= version))
            return clade_fail(CLADE_EINPUT, "%s: is a ledger of version %d %s the table %s", path, version,
                              objects[i].since <= version ? "without" : "with", objects[i].name);
    return CLADE_OK;
}
