/* Children by what they have: a recipe, an operator. */
#include "search/ledger.h"
#include "search/ledger_file.h"

enum { HASH_LENGTH = CLADE_SHA256_HEX - 1 };

/* How far the tables go. */
static clade_status learn_ends(clade_ledger *ledger)
{
    clade_query query = clade_query_begin(ledger->db, "SELECT (SELECT COALESCE(MAX(child), -1) FROM children),"
                                                      " (SELECT COALESCE(MAX(child), -1) FROM evaluations),"
                                                      " (SELECT COALESCE(MAX(child), -1) FROM commits)");
    if (clade_query_row(&query)) {
        ledger->children_end = (uint64_t)clade_query_integer(&query, 0) + 1;
        ledger->evaluations_end = (uint64_t)clade_query_integer(&query, 1) + 1;
        ledger->commits_end = (uint64_t)clade_query_integer(&query, 2) + 1;
    }
    return clade_query_end(&query);
}

static clade_status learn_recipes(clade_ledger *ledger)
{
    char hash[CLADE_SHA256_HEX];
    clade_status status = CLADE_OK;
    clade_query query = clade_query_begin(
        ledger->db, "SELECT child, recipe_hash FROM children WHERE child NOT IN (SELECT child FROM batches)");
    while (status == CLADE_OK && clade_query_row(&query)) {
        clade_query_name(&query, 1, HASH_LENGTH, hash, sizeof hash);
        if (hash[0] != '\0')
            status = clade_recipes_add(&ledger->recipes, hash, (uint64_t)clade_query_integer(&query, 0));
    }
    const clade_status ended = clade_query_end(&query);
    return status == CLADE_OK ? ended : status;
}

clade_status clade_ledger_learn(clade_ledger *ledger)
{
    CLADE_TRY(learn_ends(ledger));
    /* Older programs kept an index in its place. */
    CLADE_TRY(clade_sqlite_execute(ledger->db, "DROP INDEX IF EXISTS children_by_recipe"));
    return learn_recipes(ledger);
}

clade_status clade_ledger_find_recipe(clade_ledger *ledger, const char *recipe_hash, uint64_t before, uint64_t *child,
                                      bool *found)
{
    uint64_t first = 0;
    *found = false;
    if (ledger->lock && (!clade_recipes_find(&ledger->recipes, recipe_hash, &first) || first >= before))
        return CLADE_OK;
    /* The first child it looks at is the one, unless two hashes have the same key. */
    clade_query query = clade_query_begin(ledger->db, "SELECT child FROM children WHERE child >= ? AND child < ? AND "
                                                      "recipe_hash = ? AND child NOT IN (SELECT child FROM batches) "
                                                      "ORDER BY child LIMIT 1");
    clade_query_bind_integer(&query, (int64_t)first);
    clade_query_bind_integer(&query, (int64_t)before);
    clade_query_bind_text(&query, recipe_hash);
    *found = clade_query_row(&query);
    if (*found)
        *child = (uint64_t)clade_query_integer(&query, 0);
    return clade_query_end(&query);
}

clade_status clade_ledger_find_operator(clade_ledger *ledger, const char *prefix, uint64_t first, uint64_t *child,
                                        bool *found)
{
    *found = false;
    if (first > INT64_MAX) /* after the last that SQLite can number; it would begin again */
        return CLADE_OK;
    clade_query query = clade_query_begin(
        ledger->db, "SELECT child FROM children WHERE child >= ? AND instr(operator, ?) = 1 ORDER BY child LIMIT 1");
    clade_query_bind_integer(&query, (int64_t)first);
    clade_query_bind_text(&query, prefix);
    *found = clade_query_row(&query);
    if (*found)
        *child = (uint64_t)clade_query_integer(&query, 0);
    return clade_query_end(&query);
}
