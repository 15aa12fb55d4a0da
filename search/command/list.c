/* clade list: every registry, with parameters, ranges, defaults and source. */
#include <math.h>
#include <string.h>

#include "clade/corruption.h"
#include "clade/model.h"
#include "clade/score.h"
#include "search/algorithm.h"
#include "search/command/command.h"

static const char *scope_name(clade_parameter_scope scope)
{
    static const char *const names[] = {
        [CLADE_PER_RECIPE] = "recipe", [CLADE_PER_SITE] = "site", [CLADE_PER_PARENT] = "parent"};
    return names[scope];
}

static const char *kind_name(clade_parameter_kind kind)
{
    static const char *const names[] = {
        [CLADE_REAL] = "real", [CLADE_INTEGER] = "integer", [CLADE_BOOLEAN] = "boolean", [CLADE_CHOICE] = "choice"};
    return names[kind];
}

static void put_choices(clade_json_writer *writer, const clade_parameter *parameter)
{
    clade_json_put_string(writer, "default", parameter->choices[(size_t)parameter->default_value]);
    clade_json_begin_array(writer, "choices");
    for (size_t i = 0; parameter->choices[i]; i++)
        clade_json_put_string(writer, NULL, parameter->choices[i]);
    clade_json_end_array(writer);
}

static void put_parameters(clade_json_writer *writer, const clade_parameter *parameters, size_t count)
{
    clade_json_begin_array(writer, "parameters");
    for (size_t i = 0; i < count; i++) {
        const clade_parameter *p = &parameters[i];
        clade_json_begin_object(writer, NULL);
        clade_json_put_string(writer, "name", p->name);
        clade_json_put_string(writer, "kind", kind_name(p->kind));
        clade_json_put_string(writer, "scope", scope_name(p->scope));
        if (p->kind != CLADE_CHOICE) {
            clade_json_put_number(writer, "low", p->low);
            clade_json_put_number(writer, "high", p->high);
        }
        if (p->kind == CLADE_CHOICE)
            put_choices(writer, p);
        else
            clade_json_put_number(writer, "default", p->default_value);
        clade_json_begin_array(writer, "search");
        clade_json_put_number(writer, NULL, p->search_low);
        clade_json_put_number(writer, NULL, p->search_high);
        clade_json_end_array(writer);
        clade_json_put_string(writer, "help", p->help);
        clade_json_end_object(writer);
    }
    clade_json_end_array(writer);
}

static const char *base_name(clade_base_use use)
{
    static const char *const names[] = {
        [CLADE_BASE_IGNORED] = "ignored", [CLADE_BASE_OPTIONAL] = "optional", [CLADE_BASE_REQUIRED] = "required"};
    return names[use];
}

/* What a method must see before it can make the first element. */
static const char *survey_name(clade_survey_scope scope)
{
    static const char *const names[] = {
        [CLADE_NO_SURVEY] = "none", [CLADE_SURVEY_TENSOR] = "tensor", [CLADE_SURVEY_RULE] = "all tensors of the rule"};
    return names[scope];
}

static void list_methods(clade_json_writer *writer)
{
    size_t count;
    const clade_method *const *methods = clade_methods(&count);
    for (size_t i = 0; i < count; i++) {
        const clade_method *m = methods[i];
        clade_json_begin_object(writer, NULL);
        clade_json_put_string(writer, "name", m->name);
        clade_json_put_string(writer, "title", m->title);
        clade_json_put_string(writer, "formula", m->formula);
        clade_json_put_string(writer, "source", m->source);
        clade_json_put_string(writer, "mergekit", m->mergekit);
        clade_json_put_u64(writer, "min_parents", m->min_parents);
        clade_json_put_u64(writer, "max_parents", m->max_parents);
        clade_json_put_string(writer, "base", base_name(m->base));
        clade_json_put_bool(writer, "random_masks", m->uses_masks);
        clade_json_put_string(writer, "first_pass", survey_name(m->survey_scope));
        if (m->statistics)
            clade_json_put_string(writer, "statistics", m->statistics);
        clade_json_put_bool(writer, "same_bits_everywhere", (m->laws & CLADE_LAW_EXACT_BITS) != 0);
        put_parameters(writer, m->parameters, m->n_parameters);
        clade_json_end_object(writer);
    }
}

static void list_algorithms(clade_json_writer *writer)
{
    size_t count;
    const clade_algorithm *const *algorithms = clade_algorithms(&count);
    for (size_t i = 0; i < count; i++) {
        clade_json_begin_object(writer, NULL);
        clade_json_put_string(writer, "name", algorithms[i]->name);
        clade_json_put_string(writer, "title", algorithms[i]->title);
        clade_json_put_string(writer, "source", algorithms[i]->source);
        clade_json_put_bool(writer, "steady", algorithms[i]->steady);
        put_parameters(writer, algorithms[i]->parameters, algorithms[i]->n_parameters);
        clade_json_end_object(writer);
    }
}

static void list_objectives(clade_json_writer *writer)
{
    size_t count;
    const clade_objective *const *objectives = clade_objectives(&count);
    for (size_t i = 0; i < count; i++) {
        clade_json_begin_object(writer, NULL);
        clade_json_put_string(writer, "name", objectives[i]->name);
        clade_json_put_string(writer, "title", objectives[i]->title);
        clade_json_put_string(writer, "unit", objectives[i]->unit);
        clade_json_put_string(writer, "direction", objectives[i]->maximise ? "maximise" : "minimise");
        clade_json_put_string(writer, "help", objectives[i]->help);
        clade_json_end_object(writer);
    }
}

static void list_corruptions(clade_json_writer *writer)
{
    size_t count;
    const clade_corruption *const *corruptions = clade_corruptions(&count);
    for (size_t i = 0; i < count; i++) {
        clade_json_begin_object(writer, NULL);
        clade_json_put_string(writer, "name", corruptions[i]->name);
        clade_json_put_string(writer, "title", corruptions[i]->title);
        clade_json_put_bool(writer, "default", i < CLADE_DEFAULT_CORRUPTIONS);
        clade_json_put_string(writer, "source", corruptions[i]->source);
        clade_json_end_object(writer);
    }
}

static void list_families(clade_json_writer *writer)
{
    size_t count;
    const clade_family_traits *families = clade_model_families(&count);
    for (size_t i = 0; i < count; i++) {
        clade_json_begin_object(writer, NULL);
        clade_json_put_string(writer, "name", families[i].name);
        clade_json_put_string(writer, "title", families[i].title);
        clade_json_put_string(writer, "architectures", families[i].architectures);
        clade_json_put_string(writer, "source", families[i].source);
        clade_json_end_object(writer);
    }
}

static void list_sites(clade_json_writer *writer)
{
    static const struct {
        const char *name, *help;
    } sites[] = {
        {"model", "one value for the whole model"},
        {"depth:K", "K knots at equal distances over the depth, linear between them; K >= 2"},
        {"layer", "the tensors before the stack, each block, the tensors after it"},
        {"module", "attention, MLP, norms and the rest of each block, by the names of tensors; before, after"},
        {"tensor", "each tensor"},
        {"groups", "{\"groups\": {NAME: [PATTERN, ...]}}: tensors that match and are in no group before; rest"},
        {"auto", "coarse to fine: model, depth:3, layer, module; a list of sites says other levels"},
    };
    for (size_t i = 0; i < sizeof sites / sizeof sites[0]; i++) {
        clade_json_begin_object(writer, NULL);
        clade_json_put_string(writer, "name", sites[i].name);
        clade_json_put_string(writer, "help", sites[i].help);
        clade_json_end_object(writer);
    }
}

static const struct registry {
    const char *name;
    void (*list)(clade_json_writer *writer);
} registries[] = {
    {"methods", list_methods},         {"algorithms", list_algorithms}, {"objectives", list_objectives},
    {"corruptions", list_corruptions}, {"families", list_families},     {"sites", list_sites},
};
enum { REGISTRIES = sizeof registries / sizeof registries[0] };

/* ---- for people: the same JSON, laid out ---- */

static void people_value(const clade_json_at *at, clade_text *text)
{
    const char *string = NULL;
    if (clade_json_kind_of(at) == CLADE_JSON_STRING && clade_json_string(at, NULL, &string))
        clade_text_append(text, "%s", string);
    else
        clade_json_print(at, text);
}

static void people_parameters(const clade_json_at *parameters, clade_text *text)
{
    for (size_t i = 0; i < clade_json_size(parameters); i++) {
        static const char *const columns[] = {"scope", "kind", "low", "high", "default", "choices", "search"};
        const clade_json_at parameter = clade_json_item(parameters, i);
        clade_json_at field = clade_json_member(&parameter, "name");
        clade_text_append(text, "    ");
        people_value(&field, text);
        clade_text_append(text, ":");
        for (size_t c = 0; c < sizeof columns / sizeof columns[0]; c++) {
            field = clade_json_member(&parameter, columns[c]);
            if (clade_json_kind_of(&field) == CLADE_JSON_NULL || clade_json_kind_of(&field) == CLADE_JSON_ABSENT)
                continue;
            clade_text_append(text, " %s ", columns[c]);
            people_value(&field, text);
            clade_text_append(text, c + 1 < sizeof columns / sizeof columns[0] ? "," : "");
        }
        field = clade_json_member(&parameter, "help");
        clade_text_append(text, "\n      ");
        people_value(&field, text);
        clade_text_append(text, "\n");
    }
}

static void people_entry(const clade_json_at *entry, clade_text *text)
{
    for (size_t i = 0; i < clade_json_size(entry); i++) {
        const clade_json_at field = clade_json_item(entry, i);
        const char *key = clade_json_key(&field);
        if (strcmp(key, "parameters") == 0) {
            people_parameters(&field, text);
            continue;
        }
        if (i > 0)
            clade_text_append(text, "  %s: ", key);
        people_value(&field, text);
        clade_text_append(text, "\n");
    }
}

static void lay_out(const clade_json_at *root, clade_text *text)
{
    for (size_t i = 0; i < clade_json_size(root); i++) {
        const clade_json_at entry = clade_json_item(root, i);
        people_entry(&entry, text);
    }
}

static clade_status unknown_registry(const char *name)
{
    const char *names[REGISTRIES];
    for (size_t i = 0; i < REGISTRIES; i++)
        names[i] = registries[i].name;
    return clade_unknown_word("registry", name, names, REGISTRIES);
}

static clade_status list(const struct registry *registry, bool as_json)
{
    clade_text json = {0};
    clade_json_writer writer = clade_json_writer_to(&json, true);
    clade_json_begin_array(&writer, NULL);
    registry->list(&writer);
    clade_json_end_array(&writer);
    clade_text_append(&json, "\n");
    return clade_finish_json(CLADE_OK, &json, as_json, lay_out);
}

static clade_status run(int argc, char **argv)
{
    bool json = false;
    const clade_option options[] = {{"--json", NULL, CLADE_OPTION_FLAG, &json, "print JSON"}};
    clade_arguments arguments;
    CLADE_TRY(clade_parse_arguments(&clade_command_list, argc, argv, options, 1, 1, 1, &arguments));
    if (arguments.help)
        return CLADE_OK;
    for (size_t i = 0; i < REGISTRIES; i++)
        if (strcmp(arguments.items[0], registries[i].name) == 0)
            return list(&registries[i], json);
    return unknown_registry(arguments.items[0]);
}

const clade_command clade_command_list = {
    .name = "list",
    .synopsis = "methods|algorithms|objectives|corruptions|families|sites [--json]",
    .summary = "what there is: every registry, with parameters, ranges, defaults and source",
    .run = run,
};
