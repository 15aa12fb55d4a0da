#include "search/export/front_formats.h"

static void put_objectives(clade_json_writer *writer, const char *key, const double *values)
{
    size_t count;
    const clade_objective *const *objectives = clade_objectives(&count);
    clade_json_begin_object(writer, key);
    for (size_t i = 0; i < count; i++)
        clade_json_put_number(writer, objectives[i]->name, values[i]);
    clade_json_end_object(writer);
}

static clade_status put_member(clade_json_writer *writer, const clade_front *front, size_t index, clade_ledger *ledger)
{
    const clade_member *member = &front->members[index];
    clade_child_row row = {0};
    bool found = false;
    clade_status status = clade_ledger_get_child(ledger, member->child, &row, &found);
    if (status == CLADE_OK && !found)
        status = clade_fail(CLADE_EINPUT, "run.db: child %llu is on the front but has no row",
                            (unsigned long long)member->child);
    if (status == CLADE_OK) {
        clade_json_begin_object(writer, NULL);
        clade_json_put_u64(writer, "child", member->child);
        clade_json_put_bool(writer, "best", index == front->best);
        clade_json_put_string(writer, "method", member->method);
        clade_json_put_string(writer, "operator", row.operator_name);
        clade_json_put_string(writer, "recipe_hash", member->recipe_hash);
        clade_json_put_raw(writer, "genes", clade_text_get(&row.genome));
        put_objectives(writer, "search", member->search_objectives);
        put_objectives(writer, "holdout", member->holdout_objectives);
        clade_json_end_object(writer);
    }
    clade_child_row_fini(&row);
    return status;
}

clade_status clade_front_write_json(const clade_front *front, clade_ledger *ledger, clade_text *text)
{
    clade_status status = CLADE_OK;
    clade_json_writer writer = clade_json_writer_to(text, true);
    clade_json_begin_object(&writer, NULL);
    clade_json_put_string(&writer, "run_hash", front->run_hash);
    clade_json_begin_array(&writer, "objectives");
    for (size_t i = 0; i < front->experiment->n_objectives; i++)
        clade_json_put_string(&writer, NULL, front->experiment->objectives[i]->name);
    clade_json_end_array(&writer);
    clade_json_begin_array(&writer, "front");
    for (size_t i = 0; i < front->n_members && status == CLADE_OK; i++)
        status = put_member(&writer, front, i, ledger);
    clade_json_end_array(&writer);
    clade_json_end_object(&writer);
    clade_text_append(text, "\n");
    return status == CLADE_OK ? clade_text_status(text) : status;
}
