#include <math.h>

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

static void put_interval(clade_json_writer *writer, const char *key, clade_interval interval)
{
    if (isnan(interval.low)) {
        clade_json_put_null(writer, key);
        return;
    }
    clade_json_begin_array(writer, key);
    clade_json_put_number(writer, NULL, interval.low);
    clade_json_put_number(writer, NULL, interval.high);
    clade_json_end_array(writer);
}

static void put_optimism(clade_json_writer *writer, const double *search, const double *holdout)
{
    size_t count;
    const clade_objective *const *objectives = clade_objectives(&count);
    clade_json_begin_object(writer, "optimism");
    for (size_t i = 0; i < count; i++)
        clade_json_put_number(writer, objectives[i]->name, clade_optimism(i, search[i], holdout[i]));
    clade_json_end_object(writer);
}

/* The differences to the model the front is held against, and their intervals. */
static void put_against(clade_json_writer *writer, const clade_front *front, const double *holdout,
                        const clade_certainty *certainty)
{
    if (!front->against) {
        clade_json_put_null(writer, "against");
        return;
    }
    clade_json_begin_object(writer, "against");
    clade_json_put_string(writer, "name", front->against);
    for (clade_measure i = 0; i < CLADE_MEASURES; i++) {
        const size_t objective = clade_measure_objective(i);
        clade_json_begin_object(writer, clade_measure_name(i));
        clade_json_put_number(writer, "difference", holdout[objective] - front->against_objectives[objective]);
        put_interval(writer, "interval", certainty[i].difference);
        clade_json_end_object(writer);
    }
    clade_json_end_object(writer);
}

/* What members and references have beside their objectives. */
static void put_certainty(clade_json_writer *writer, const clade_front *front, const clade_score *score,
                          const double *search, const double *holdout, const clade_certainty *certainty)
{
    const clade_experiment *experiment = front->experiment;
    clade_json_begin_object(writer, "holdout_interval");
    for (clade_measure i = 0; i < CLADE_MEASURES; i++)
        put_interval(writer, clade_measure_name(i), certainty[i].value);
    clade_json_end_object(writer);
    put_optimism(writer, search, holdout);
    put_against(writer, front, holdout, certainty);
    clade_json_begin_object(writer, "holdout_corrupted");
    for (size_t k = 0; k < experiment->n_holdout_corruptions; k++)
        clade_json_put_number(writer, experiment->holdout_corruptions[k]->name,
                              score->n_tasks > 0 ? score->corrupted_accuracy[k] : (double)NAN);
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
        clade_json_put_bool(writer, "on_holdout_front", member->on_holdout_front);
        put_certainty(writer, front, &member->holdout, member->search_objectives, member->holdout_objectives,
                      member->certainty);
        clade_json_end_object(writer);
    }
    clade_child_row_fini(&row);
    return status;
}

static void put_references(clade_json_writer *writer, const clade_front *front)
{
    clade_json_begin_array(writer, "references");
    for (size_t r = 0; r < front->n_references; r++) {
        const clade_reference *reference = &front->references[r];
        clade_json_begin_object(writer, NULL);
        clade_json_put_string(writer, "name", reference->name);
        put_objectives(writer, "search", reference->search_objectives);
        put_objectives(writer, "holdout", reference->holdout_objectives);
        put_certainty(writer, front, &reference->holdout, reference->search_objectives, reference->holdout_objectives,
                      reference->certainty);
        clade_json_end_object(writer);
    }
    clade_json_end_array(writer);
}

static void put_corruptions(clade_json_writer *writer, const clade_experiment *experiment)
{
    clade_json_begin_array(writer, "holdout_corruptions");
    for (size_t k = 0; k < experiment->n_holdout_corruptions; k++) {
        const clade_corruption *corruption = experiment->holdout_corruptions[k];
        clade_json_begin_object(writer, NULL);
        clade_json_put_string(writer, "name", corruption->name);
        clade_json_put_integer(writer, "severity", experiment->holdout_severity);
        clade_json_put_bool(writer, "seen_in_search", clade_experiment_has_seen(experiment, corruption));
        clade_json_end_object(writer);
    }
    clade_json_end_array(writer);
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
    put_references(&writer, front);
    put_corruptions(&writer, front->experiment);
    clade_json_begin_object(&writer, "intervals");
    clade_json_put_string(&writer, "method", "bootstrap over items, by task; percentiles");
    clade_json_put_integer(&writer, "percent", CLADE_BOOTSTRAP_PERCENT);
    clade_json_put_integer(&writer, "resamples", CLADE_BOOTSTRAP_RESAMPLES);
    clade_json_end_object(&writer);
    clade_json_end_object(&writer);
    clade_text_append(text, "\n");
    return status == CLADE_OK ? clade_text_status(text) : status;
}
