#include "search/export/lineage.h"

#include <stdlib.h>

#include "clade/alloc.h"

void clade_lineage_fini(clade_lineage *lineage)
{
    for (size_t i = 0; i < lineage->count; i++)
        clade_child_row_fini(&lineage->items[i].row);
    clade_free(lineage->items);
    *lineage = (clade_lineage){0};
}

static bool has(const clade_lineage *lineage, uint64_t child)
{
    for (size_t i = 0; i < lineage->count; i++)
        if (lineage->items[i].row.child == child)
            return true;
    return false;
}

static clade_status add(clade_ledger *ledger, uint64_t child, size_t *capacity, clade_lineage *lineage)
{
    bool found = false;
    if (lineage->count == *capacity) {
        const size_t grown = *capacity == 0 ? 16 : 2 * *capacity;
        clade_ancestor *items = clade_realloc(lineage->items, grown * sizeof *items);
        if (items == NULL)
            return clade_fail_memory(grown * sizeof *items, "a lineage");
        lineage->items = items;
        *capacity = grown;
    }
    clade_ancestor *ancestor = &lineage->items[lineage->count];
    *ancestor = (clade_ancestor){0};
    lineage->count++; /* what was read of it is freed with the rest, also after a failure */
    CLADE_TRY(clade_ledger_get_child(ledger, child, &ancestor->row, &found));
    if (!found)
        return clade_fail(CLADE_EUSAGE, "the run has no child %llu", (unsigned long long)child);
    CLADE_TRY(clade_ledger_get_commit(ledger, child, &ancestor->commit, &found));
    if (!found)
        ancestor->commit.failed = true;
    return CLADE_OK;
}

static int by_child(const void *a, const void *b)
{
    const uint64_t x = ((const clade_ancestor *)a)->row.child, y = ((const clade_ancestor *)b)->row.child;
    return x < y ? -1 : x > y;
}

/* Breadth first: the list is its own queue. */
clade_status clade_lineage_read(clade_ledger *ledger, uint64_t child, clade_lineage *lineage)
{
    size_t capacity = 0;
    *lineage = (clade_lineage){0};
    clade_status status = add(ledger, child, &capacity, lineage);
    for (size_t next = 0; next < lineage->count && status == CLADE_OK; next++) {
        const size_t parents = lineage->items[next].row.n_parents;
        for (size_t i = 0; i < parents && status == CLADE_OK; i++) {
            const uint64_t parent = lineage->items[next].row.parents[i];
            if (!has(lineage, parent))
                status = add(ledger, parent, &capacity, lineage);
        }
    }
    if (status != CLADE_OK) {
        clade_lineage_fini(lineage);
        return status;
    }
    qsort(lineage->items, lineage->count, sizeof *lineage->items, by_child);
    return CLADE_OK;
}

static void put_ancestor(clade_json_writer *writer, const clade_ancestor *ancestor, const clade_experiment *experiment)
{
    clade_json_begin_object(writer, NULL);
    clade_json_put_u64(writer, "child", ancestor->row.child);
    clade_json_put_string(writer, "method", ancestor->row.method);
    clade_json_put_string(writer, "operator", ancestor->row.operator_name);
    clade_json_begin_array(writer, "parents");
    for (size_t i = 0; i < ancestor->row.n_parents; i++)
        clade_json_put_u64(writer, NULL, ancestor->row.parents[i]);
    clade_json_end_array(writer);
    clade_json_put_string(writer, "recipe_hash", ancestor->row.recipe_hash);
    clade_json_begin_object(writer, "objectives");
    for (size_t i = 0; i < experiment->n_objectives && !ancestor->commit.failed; i++)
        clade_json_put_number(writer, experiment->objectives[i]->name, ancestor->commit.objectives[i]);
    clade_json_end_object(writer);
    if (ancestor->commit.incomplete)
        clade_json_put_bool(writer, "estimated", true);
    clade_json_put_raw(writer, "recipe", clade_text_get(&ancestor->row.recipe));
    clade_json_end_object(writer);
}

clade_status clade_lineage_write_json(const clade_lineage *lineage, const clade_experiment *experiment,
                                      clade_text *text)
{
    clade_json_writer writer = clade_json_writer_to(text, true);
    clade_json_begin_object(&writer, NULL);
    clade_json_put_u64(&writer, "child", lineage->items[lineage->count - 1].row.child);
    clade_json_begin_array(&writer, "lineage");
    for (size_t i = 0; i < lineage->count; i++)
        put_ancestor(&writer, &lineage->items[i], experiment);
    clade_json_end_array(&writer);
    clade_json_end_object(&writer);
    clade_text_append(text, "\n");
    return clade_text_status(text);
}

static void append_objectives(clade_text *text, const clade_ancestor *ancestor, const clade_experiment *experiment,
                              const char *before)
{
    if (ancestor->commit.failed)
        clade_text_append(text, "%snot scored", before);
    for (size_t i = 0; i < experiment->n_objectives && !ancestor->commit.failed; i++)
        clade_text_append(text, "%s%s %s%.4f", before, experiment->objectives[i]->name,
                          ancestor->commit.incomplete ? "~" : "", ancestor->commit.objectives[i]);
}

/* NAME inside a quoted label of Graphviz, which would take a quote for its end and has attributes that read files. */
static void append_label(clade_text *text, const char *name)
{
    for (const char *c = name; *c; c++)
        clade_text_append(text, *c == '"' || *c == '\\' ? "\\%c" : "%c", *c);
}

clade_status clade_lineage_write_dot(const clade_lineage *lineage, const clade_experiment *experiment, clade_text *text)
{
    clade_text_append(text, "digraph lineage {\n  node [shape=box, fontname=\"sans-serif\"];\n");
    for (size_t i = 0; i < lineage->count; i++) {
        const clade_ancestor *ancestor = &lineage->items[i];
        clade_text_append(text, "  c%llu [label=\"child %llu\\n%s\\n", (unsigned long long)ancestor->row.child,
                          (unsigned long long)ancestor->row.child, ancestor->row.method);
        append_label(text, ancestor->row.operator_name);
        append_objectives(text, ancestor, experiment, "\\n");
        clade_text_append(text, "\"%s];\n", i + 1 == lineage->count ? ", penwidth=2" : "");
        for (size_t p = 0; p < ancestor->row.n_parents; p++)
            clade_text_append(text, "  c%llu -> c%llu;\n", (unsigned long long)ancestor->row.parents[p],
                              (unsigned long long)ancestor->row.child);
    }
    clade_text_append(text, "}\n");
    return clade_text_status(text);
}

clade_status clade_lineage_write_text(const clade_lineage *lineage, const clade_experiment *experiment,
                                      clade_text *text)
{
    for (size_t i = lineage->count; i-- > 0;) {
        const clade_ancestor *ancestor = &lineage->items[i];
        clade_text_append(text, "child %-5llu %-16s %-22s", (unsigned long long)ancestor->row.child,
                          ancestor->row.method, ancestor->row.operator_name);
        append_objectives(text, ancestor, experiment, "  ");
        for (size_t p = 0; p < ancestor->row.n_parents; p++)
            clade_text_append(text, "%s%llu", p == 0 ? "  from " : ", ", (unsigned long long)ancestor->row.parents[p]);
        clade_text_append(text, "\n");
    }
    return clade_text_status(text);
}
