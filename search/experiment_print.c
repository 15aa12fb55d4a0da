#include "search/experiment_parts.h"

#include <math.h>

#include "search/closed_form.h"

static void print_space(const clade_experiment *experiment, clade_json_writer *writer)
{
    clade_json_begin_object(writer, "space");
    clade_json_begin_array(writer, "methods");
    for (size_t m = 0; m < experiment->n_methods; m++)
        clade_json_put_string(writer, NULL, experiment->methods[m]->name);
    clade_json_end_array(writer);
    clade_experiment_print_sites(experiment, writer);
    clade_json_begin_object(writer, "range");
    for (size_t r = 0; r < experiment->n_ranges; r++) {
        clade_json_begin_array(writer, experiment->ranges[r].parameter);
        clade_json_put_number(writer, NULL, experiment->ranges[r].low);
        clade_json_put_number(writer, NULL, experiment->ranges[r].high);
        clade_json_end_array(writer);
    }
    clade_json_end_object(writer);
    clade_json_end_object(writer);
}

static void print_racing(const clade_racing *racing, clade_json_writer *writer)
{
    if (racing->n_shares == 0) {
        clade_json_put_bool(writer, "racing", false);
        return;
    }
    clade_json_begin_object(writer, "racing");
    clade_json_begin_array(writer, "rungs");
    for (size_t r = 0; r < racing->n_shares; r++)
        clade_json_put_number(writer, NULL, racing->shares[r]);
    clade_json_end_array(writer);
    clade_json_put_number(writer, "error", racing->error);
    clade_json_put_string(writer, "order", racing->by_disagreement ? "disagreement" : "random");
    clade_json_end_object(writer);
}

static void print_first(const clade_experiment *experiment, clade_json_writer *writer)
{
    clade_json_begin_array(writer, "first");
    for (size_t i = 0; i < experiment->n_first; i++)
        clade_json_put_string(writer, NULL, experiment->first[i]);
    clade_json_end_array(writer);
}

static void print_scoring(const clade_experiment *experiment, clade_json_writer *writer)
{
    clade_json_begin_array(writer, "objectives");
    for (size_t i = 0; i < experiment->n_objectives; i++)
        clade_json_put_string(writer, NULL, experiment->objectives[i]->name);
    clade_json_end_array(writer);
    clade_json_begin_object(writer, "corruptions");
    clade_json_begin_array(writer, "names");
    for (size_t i = 0; i < experiment->n_corruptions; i++)
        clade_json_put_string(writer, NULL, experiment->corruptions[i]->name);
    clade_json_end_array(writer);
    clade_json_put_integer(writer, "severity", experiment->severity);
    clade_json_put_string(writer, "assign", experiment->rotate ? "rotate" : "all");
    clade_json_end_object(writer);
    clade_json_begin_object(writer, "holdout_corruptions");
    clade_json_begin_array(writer, "names");
    for (size_t i = 0; i < experiment->n_holdout_corruptions; i++)
        clade_json_put_string(writer, NULL, experiment->holdout_corruptions[i]->name);
    clade_json_end_array(writer);
    clade_json_put_integer(writer, "severity", experiment->holdout_severity);
    clade_json_end_object(writer);
    clade_json_begin_object(writer, "items");
    clade_json_put_u64(writer, "labelled", experiment->labelled);
    clade_json_put_u64(writer, "corrupted", experiment->corrupted);
    clade_json_put_u64(writer, "unlabelled", experiment->unlabelled);
    clade_json_end_object(writer);
    print_racing(&experiment->racing, writer);
    clade_json_put_u64(writer, "memory", experiment->memory);
    clade_json_put_u64(writer, "cache_megabytes", experiment->cache_megabytes);
}

static void print_target(const clade_experiment *experiment, clade_json_writer *writer)
{
    clade_json_begin_object(writer, "target");
    for (size_t k = 0; k < experiment->n_objectives; k++)
        if (!isnan(experiment->target[k]))
            clade_json_put_number(writer, experiment->objectives[k]->name, experiment->target[k]);
    if (!isnan(experiment->target_hypervolume))
        clade_json_put_number(writer, "hypervolume", experiment->target_hypervolume);
    clade_json_end_object(writer);
}

static void print_search(const clade_experiment *experiment, clade_json_writer *writer)
{
    const clade_algorithm *algorithm = experiment->algorithm;
    clade_json_begin_object(writer, "algorithm");
    clade_json_put_string(writer, "name", algorithm->name);
    for (size_t p = 0; p < algorithm->n_parameters; p++) {
        const double value = experiment->algorithm_parameters[p];
        if (algorithm->parameters[p].kind == CLADE_CHOICE)
            clade_json_put_string(writer, algorithm->parameters[p].name,
                                  algorithm->parameters[p].choices[(size_t)value]);
        else if (algorithm->parameters[p].kind == CLADE_BOOLEAN)
            clade_json_put_bool(writer, algorithm->parameters[p].name, value > 0);
        else if (algorithm->parameters[p].kind == CLADE_INTEGER)
            clade_json_put_integer(writer, algorithm->parameters[p].name, (int64_t)value);
        else
            clade_json_put_number(writer, algorithm->parameters[p].name, value);
    }
    clade_json_end_object(writer);
    clade_json_begin_object(writer, "preselect");
    clade_json_put_u64(writer, "candidates", experiment->preselect.candidates);
    clade_json_put_number(writer, "correlation", experiment->preselect.correlation);
    clade_json_put_u64(writer, "children", experiment->preselect.children);
    clade_json_end_object(writer);
    clade_json_begin_object(writer, "budget");
    clade_json_put_u64(writer, "children", experiment->children);
    clade_json_put_u64(writer, "images", experiment->images);
    clade_json_put_number(writer, "seconds", experiment->seconds);
    clade_json_put_u64(writer, "no_progress", experiment->no_progress);
    print_target(experiment, writer);
    clade_json_end_object(writer);
    clade_json_put_number(writer, "line_search", experiment->line_share);
    clade_json_put_u64(writer, "window", experiment->window);
    clade_json_put_string(writer, "signal", experiment->smooth ? "loss" : "objective");
    clade_json_put_string(writer, "best", experiment->best);
    clade_json_put_bool(writer, "references", experiment->references);
    clade_json_put_bool(writer, "best_weights", experiment->best_weights);
}

static void print_models(const clade_experiment *experiment, clade_json_writer *writer)
{
    clade_json_put_string(writer, "base", experiment->base);
    clade_json_begin_object(writer, "parents");
    for (size_t p = 0; p < experiment->n_parents; p++)
        clade_json_put_string(writer, experiment->parent_names[p], experiment->parent_paths[p]);
    clade_json_end_object(writer);
    clade_json_put_string(writer, "probes", experiment->probes);
    print_space(experiment, writer);
    print_first(experiment, writer);
    clade_json_put_bool(writer, "hand_made", experiment->hand_made);
    print_scoring(experiment, writer);
}

static void print_form(const clade_problem_form *form, clade_json_writer *writer)
{
    clade_json_begin_object(writer, "problem");
    clade_json_put_string(writer, "name", form->name);
    clade_json_put_u64(writer, "genes", form->n_genes);
    clade_json_end_object(writer);
}

void clade_experiment_print(const clade_experiment *experiment, bool pretty, clade_text *text)
{
    clade_json_writer writer = clade_json_writer_to(text, pretty);
    clade_json_begin_object(&writer, NULL);
    clade_json_put_integer(&writer, "clade", 1);
    clade_json_put_u64(&writer, "seed", experiment->seed);
    if (experiment->form)
        print_form(experiment->form, &writer);
    else
        print_models(experiment, &writer);
    print_search(experiment, &writer);
    clade_json_end_object(&writer);
}
