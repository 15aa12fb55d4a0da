/* Rows of children, evaluations and commits. What is read is checked: a ledger is an ordinary database that anyone may
 * have changed. */
#include "search/ledger.h"

#include <math.h>
#include <stdio.h>
#include <string.h>

#include "clade/clock.h"
#include "clade/json.h"
#include "search/ledger_file.h"

enum {
    HASH_LENGTH = CLADE_SHA256_HEX - 1,
    MAX_OBJECTIVES = sizeof((clade_commit_row *)0)->objectives / sizeof(double)
};

/* ---- children ---- */

void clade_child_row_fini(clade_child_row *row)
{
    clade_text_free(&row->recipe);
    clade_text_free(&row->genome);
    clade_text_free(&row->vector);
    *row = (clade_child_row){0};
}

static clade_status put_batch(clade_ledger *ledger, const clade_child_row *row)
{
    clade_query query = clade_query_begin(ledger->db, "INSERT INTO batches (child, batch, items) VALUES (?, ?, ?)");
    clade_query_bind_integer(&query, (int64_t)row->child);
    clade_query_bind_integer(&query, (int64_t)row->batch);
    clade_query_bind_integer(&query, (int64_t)row->items);
    return clade_query_run(&query);
}

clade_status clade_ledger_put_child(clade_ledger *ledger, const clade_child_row *row)
{
    clade_text parents = {0};
    clade_ledger_extend(&ledger->children_end, row->child);
    if (row->batch == 0)
        CLADE_TRY(clade_recipes_add(&ledger->recipes, row->recipe_hash, row->child));
    clade_text_append(&parents, "[");
    for (size_t i = 0; i < row->n_parents; i++)
        clade_text_append(&parents, "%s%llu", i > 0 ? "," : "", (unsigned long long)row->parents[i]);
    clade_text_append(&parents, "]");
    clade_status status = clade_text_status(&parents);
    if (status == CLADE_OK) {
        clade_query query = clade_query_begin(
            ledger->db, "INSERT INTO children (child, recipe_hash, recipe, genome, vector, method, operator, parents) "
                        "VALUES (?, ?, ?, ?, ?, ?, ?, ?)");
        clade_query_bind_integer(&query, (int64_t)row->child);
        clade_query_bind_text(&query, row->recipe_hash);
        clade_query_bind_text(&query, clade_text_get(&row->recipe));
        clade_query_bind_text(&query, clade_text_get(&row->genome));
        clade_query_bind_text(&query, clade_text_get(&row->vector));
        clade_query_bind_text(&query, row->method);
        clade_query_bind_text(&query, row->operator_name);
        clade_query_bind_text(&query, clade_text_get(&parents));
        status = clade_query_run(&query);
    }
    clade_text_free(&parents);
    return status == CLADE_OK && row->batch > 0 ? put_batch(ledger, row) : status;
}

/* A JSON array of child numbers, each smaller than CHILD: so lineages end. */
static clade_status parse_parents(const clade_ledger *ledger, const clade_text *text, clade_child_row *row)
{
    char name[4096];
    snprintf(name, sizeof name, "%s: children: child %llu: parents", clade_sqlite_path(ledger->db),
             (unsigned long long)row->child);
    clade_json *document = NULL;
    clade_problems problems = {0};
    CLADE_TRY(clade_json_parse(clade_text_get(text), text->length, name, CLADE_EINPUT, &document));
    const clade_json_at root = clade_json_root(document);
    row->n_parents = clade_json_size(&root);
    if (!clade_json_is(&root, &problems, CLADE_JSON_ARRAY) ||
        row->n_parents > sizeof row->parents / sizeof row->parents[0]) {
        clade_json_problem(&root, &problems, "found %zu parents, expected an array of at most 4", row->n_parents);
        row->n_parents = 0;
    }
    for (size_t i = 0; i < row->n_parents; i++) {
        const clade_json_at item = clade_json_item(&root, i);
        int64_t parent = 0;
        (void)clade_json_integer(&item, &problems, 0, (int64_t)row->child - 1, &parent);
        row->parents[i] = (uint64_t)parent;
    }
    clade_json_free(document);
    return clade_problems_end(&problems, CLADE_EINPUT);
}

/* A hash or the name of a method, which is printed without quotes: letters, digits, and what stands between them. */
static clade_status check_word(const clade_ledger *ledger, const char *table, uint64_t child, const char *word)
{
    char shown[80];
    if (word[strspn(word, "0123456789abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ_.-")] == '\0')
        return CLADE_OK;
    clade_harmless(word, shown, sizeof shown);
    return clade_fail(CLADE_EINPUT, "%s: %s: child %llu: found \"%s\", expected letters and digits",
                      clade_sqlite_path(ledger->db), table, (unsigned long long)child, shown);
}

/* A text that goes into JSON as it is; there may be none. */
static clade_status check_json(const clade_ledger *ledger, uint64_t child, const char *column, const clade_text *text)
{
    char name[4096];
    if (text->length == 0)
        return CLADE_OK;
    snprintf(name, sizeof name, "%s: children: child %llu: %s", clade_sqlite_path(ledger->db),
             (unsigned long long)child, column);
    clade_json *document = NULL;
    CLADE_TRY(clade_json_parse(clade_text_get(text), text->length, name, CLADE_EINPUT, &document));
    clade_json_free(document);
    return CLADE_OK;
}

static clade_status check_child(const clade_ledger *ledger, const clade_child_row *row)
{
    CLADE_TRY(check_word(ledger, "children", row->child, row->recipe_hash));
    CLADE_TRY(check_word(ledger, "children", row->child, row->method));
    CLADE_TRY(check_json(ledger, row->child, "genome", &row->genome));
    return check_json(ledger, row->child, "recipe", &row->recipe);
}

clade_status clade_ledger_get_child(clade_ledger *ledger, uint64_t child, clade_child_row *row, bool *found)
{
    clade_child_row_fini(row);
    row->child = child;
    *found = false;
    if (child >= ledger->children_end)
        return CLADE_OK;
    clade_text parents = {0};
    clade_query query = clade_query_begin(
        ledger->db,
        "SELECT recipe_hash, recipe, genome, vector, method, operator, parents FROM children WHERE child = ?");
    clade_query_bind_integer(&query, (int64_t)child);
    *found = clade_query_row(&query);
    if (*found) {
        clade_query_name(&query, 0, HASH_LENGTH, row->recipe_hash, sizeof row->recipe_hash);
        clade_query_text(&query, 1, &row->recipe);
        clade_query_text(&query, 2, &row->genome);
        clade_query_text(&query, 3, &row->vector);
        clade_query_name(&query, 4, 1, row->method, sizeof row->method);
        clade_query_name(&query, 5, 1, row->operator_name, sizeof row->operator_name);
        clade_query_text(&query, 6, &parents);
    }
    clade_status status = clade_query_end(&query);
    if (status == CLADE_OK && *found)
        status = parse_parents(ledger, &parents, row);
    if (status == CLADE_OK && *found)
        status = check_child(ledger, row);
    clade_text_free(&parents);
    return status;
}

/* ---- evaluations ---- */

void clade_evaluation_row_fini(clade_evaluation_row *row)
{
    clade_text_free(&row->reason);
    clade_text_free(&row->score);
    *row = (clade_evaluation_row){0};
}

/* The columns that evaluations and reference scores share, in this order. */
static void bind_evaluation(clade_query *query, const clade_ledger *ledger, const clade_evaluation_row *row)
{
    clade_query_bind_text(query, clade_split_name(row->split));
    clade_query_bind_integer(query, row->status);
    clade_query_bind_text(query, clade_text_get(&row->reason));
    clade_query_bind_text(query, clade_text_get(&row->score));
    clade_query_bind_integer(query, (int64_t)row->images);
    clade_query_bind_real(query, row->seconds);
    clade_query_bind_integer(query, row->rank);
    clade_query_bind_integer(query, ledger->session);
    clade_query_bind_real(query, clade_clock_calendar());
}

/* ROW as it is without one in the table. */
static void no_evaluation(clade_split split, clade_evaluation_row *row)
{
    clade_evaluation_row_fini(row);
    row->split = split;
    row->same_as = -1;
}

static clade_status read_evaluation(clade_query *query, clade_split split, clade_evaluation_row *row, bool *found)
{
    no_evaluation(split, row);
    clade_query_bind_text(query, clade_split_name(split));
    *found = clade_query_row(query);
    if (*found) {
        row->status = (clade_status)clade_query_integer(query, 0);
        clade_query_text(query, 1, &row->reason);
        clade_query_text(query, 2, &row->score);
        row->images = (uint64_t)clade_query_integer(query, 3);
        row->seconds = clade_query_real(query, 4);
        row->rank = (int)clade_query_integer(query, 5);
        row->same_as = clade_query_integer(query, 6);
    }
    return clade_query_end(query);
}

clade_status clade_ledger_put_evaluation(clade_ledger *ledger, const clade_evaluation_row *row)
{
    clade_ledger_extend(&ledger->evaluations_end, row->child);
    clade_query query = clade_query_begin(
        ledger->db, row->same_as >= 0
                        ? "INSERT INTO evaluations (same_as, child, split, status, reason, score, images, seconds, "
                          "rank, session, at) VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)"
                        : "INSERT INTO evaluations (child, split, status, reason, score, images, seconds, rank, "
                          "session, at) VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?)");
    if (row->same_as >= 0)
        clade_query_bind_integer(&query, row->same_as);
    clade_query_bind_integer(&query, (int64_t)row->child);
    bind_evaluation(&query, ledger, row);
    return clade_query_run(&query);
}

clade_status clade_ledger_get_evaluation(clade_ledger *ledger, uint64_t child, clade_split split,
                                         clade_evaluation_row *row, bool *found)
{
    no_evaluation(split, row);
    row->child = child;
    *found = false;
    if (child >= ledger->evaluations_end)
        return CLADE_OK;
    clade_query query = clade_query_begin(
        ledger->db, "SELECT status, reason, score, images, seconds, rank, COALESCE(same_as, -1) FROM evaluations "
                    "WHERE child = ? AND split = ?");
    clade_query_bind_integer(&query, (int64_t)child);
    clade_status status = read_evaluation(&query, split, row, found);
    row->child = child;
    return status;
}

clade_status clade_ledger_put_reference(clade_ledger *ledger, const char *name, const clade_evaluation_row *row)
{
    clade_query query = clade_query_begin(
        ledger->db, "INSERT INTO reference_scores (name, split, status, reason, score, images, seconds, rank, "
                    "session, at) VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?)");
    clade_query_bind_text(&query, name);
    bind_evaluation(&query, ledger, row);
    return clade_query_run(&query);
}

clade_status clade_ledger_get_reference(clade_ledger *ledger, const char *name, clade_split split,
                                        clade_evaluation_row *row, bool *found)
{
    clade_query query = clade_query_begin(ledger->db, "SELECT status, reason, score, images, seconds, rank, -1 FROM "
                                                      "reference_scores WHERE name = ? AND split = ?");
    clade_query_bind_text(&query, name);
    return read_evaluation(&query, split, row, found);
}

/* ---- commits ---- */

clade_status clade_ledger_put_commit(clade_ledger *ledger, const clade_commit_row *row)
{
    clade_text objectives = {0};
    clade_ledger_extend(&ledger->commits_end, row->child);
    clade_text_append(&objectives, row->incomplete ? "{\"estimate\":[" : "[");
    for (size_t i = 0; i < row->n_objectives; i++) {
        clade_text_append(&objectives, "%s", i > 0 ? "," : "");
        clade_text_append_number(&objectives, row->objectives[i]);
    }
    clade_text_append(&objectives, row->incomplete ? "]}" : "]");
    clade_status status = clade_text_status(&objectives);
    if (status == CLADE_OK) {
        clade_query query =
            clade_query_begin(ledger->db, "INSERT INTO commits (child, failed, objectives, hash) VALUES (?, ?, ?, ?)");
        clade_query_bind_integer(&query, (int64_t)row->child);
        clade_query_bind_integer(&query, row->failed);
        clade_query_bind_text(&query, clade_text_get(&objectives));
        clade_query_bind_text(&query, row->hash);
        status = clade_query_run(&query);
    }
    clade_text_free(&objectives);
    return status;
}

static clade_status parse_objectives(const clade_ledger *ledger, const clade_text *text, clade_commit_row *row)
{
    char name[4096];
    snprintf(name, sizeof name, "%s: commits: child %llu: objectives", clade_sqlite_path(ledger->db),
             (unsigned long long)row->child);
    clade_json *document = NULL;
    clade_problems problems = {0};
    CLADE_TRY(clade_json_parse(clade_text_get(text), text->length, name, CLADE_EINPUT, &document));
    clade_json_at root = clade_json_root(document);
    row->incomplete = clade_json_kind_of(&root) == CLADE_JSON_OBJECT;
    if (row->incomplete)
        root = clade_json_member(&root, "estimate");
    row->n_objectives = clade_json_size(&root);
    if (!clade_json_is(&root, &problems, CLADE_JSON_ARRAY) || row->n_objectives > MAX_OBJECTIVES) {
        clade_json_problem(&root, &problems, "found %zu numbers, expected an array of at most %d", row->n_objectives,
                           (int)MAX_OBJECTIVES);
        row->n_objectives = 0;
    }
    for (size_t i = 0; i < row->n_objectives; i++) {
        const clade_json_at item = clade_json_item(&root, i);
        row->objectives[i] = NAN;
        if (!row->failed)
            (void)clade_json_number(&item, &problems, -HUGE_VAL, HUGE_VAL, &row->objectives[i]);
    }
    clade_json_free(document);
    return clade_problems_end(&problems, CLADE_EINPUT);
}

clade_status clade_ledger_get_commit(clade_ledger *ledger, uint64_t child, clade_commit_row *row, bool *found)
{
    *row = (clade_commit_row){.child = child};
    *found = false;
    if (child >= ledger->commits_end)
        return CLADE_OK;
    clade_text objectives = {0};
    clade_query query = clade_query_begin(ledger->db, "SELECT failed, objectives, hash FROM commits WHERE child = ?");
    clade_query_bind_integer(&query, (int64_t)child);
    *found = clade_query_row(&query);
    if (*found) {
        row->failed = clade_query_integer(&query, 0) != 0;
        clade_query_text(&query, 1, &objectives);
        clade_query_name(&query, 2, HASH_LENGTH, row->hash, sizeof row->hash);
    }
    clade_status status = clade_query_end(&query);
    if (status == CLADE_OK && *found)
        status = check_word(ledger, "commits", child, row->hash);
    if (status == CLADE_OK && *found)
        status = parse_objectives(ledger, &objectives, row);
    clade_text_free(&objectives);
    return status;
}
