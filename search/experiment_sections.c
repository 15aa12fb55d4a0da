#include <math.h>
#include <string.h>

#include "clade/alloc.h"
#include "search/experiment_parts.h"

enum { MAX_NAMES = 64 };
static const int64_t ANY_SIZE = INT64_C(1) << 53;

/* ---- names out of registries ---- */

/* "unknown THING WORD; did you mean ...". */
static void unknown(const clade_json_at *at, clade_problems *problems, const char *thing, const char *word,
                    const char *const *known, size_t count)
{
    clade_text text = {0};
    clade_append_suggestion(&text, word, known, count);
    clade_json_problem(at, problems, "unknown %s \"%.60s\"%s", thing, word, clade_text_get(&text));
    clade_text_free(&text);
}

/* Item INDEX of an array is not the same string as an earlier one. */
static bool is_first(const clade_json_at *array, size_t index, const char *name, clade_problems *problems)
{
    for (size_t i = 0; i < index; i++) {
        const clade_json_at item = clade_json_item(array, i);
        const char *other;
        clade_problems ignored = {0};
        const bool same = clade_json_string(&item, &ignored, &other) && strcmp(other, name) == 0;
        clade_text_free(&ignored.text);
        if (same) {
            const clade_json_at at = clade_json_item(array, index);
            clade_json_problem(&at, problems, "found \"%s\" a second time", name);
            return false;
        }
    }
    return true;
}

/* An array of 1 to MOST strings; its length, or 0 with a problem. */
static size_t list_size(const clade_json_at *at, size_t most, clade_problems *problems)
{
    if (!clade_json_is(at, problems, CLADE_JSON_ARRAY))
        return 0;
    const size_t size = clade_json_size(at);
    if (size >= 1 && size <= most)
        return size;
    clade_json_problem(at, problems, "found %zu names, expected 1 to %zu", size, most);
    return 0;
}

/* ---- space ---- */

static bool suits(const clade_method *method, const clade_experiment *experiment)
{
    return experiment->n_parents >= method->min_parents && experiment->n_parents <= method->max_parents;
}

/* By default a search has the methods that cost no more than reading the parents, and that others start from; those of
 * them that can merge this many parents. The rest have to be named. */
static void default_methods(clade_experiment *experiment)
{
    static const char *const usual[] = {"linear", "slerp", "task_arithmetic", "ties", "dare_linear", "dare_ties"};
    for (size_t m = 0; m < sizeof usual / sizeof usual[0]; m++) {
        const clade_method *method = clade_method_find(usual[m]);
        if (suits(method, experiment))
            experiment->methods[experiment->n_methods++] = method;
    }
}

static void read_method(clade_experiment *experiment, const clade_json_at *array, size_t index,
                        clade_problems *problems)
{
    const clade_json_at item = clade_json_item(array, index);
    const char *name;
    if (!clade_json_string(&item, problems, &name) || !is_first(array, index, name, problems))
        return;
    size_t count;
    const clade_method *const *all = clade_methods(&count);
    for (size_t m = 0; m < count; m++)
        if (strcmp(all[m]->name, name) == 0) {
            experiment->methods[experiment->n_methods++] = all[m];
            return;
        }
    const char *known[MAX_NAMES];
    for (size_t m = 0; m < count && m < MAX_NAMES; m++)
        known[m] = all[m]->name;
    unknown(&item, problems, "method", name, known, count < MAX_NAMES ? count : MAX_NAMES);
}

static clade_status read_methods(clade_experiment *experiment, const clade_json_at *at, clade_problems *problems)
{
    size_t count;
    (void)clade_methods(&count);
    experiment->methods = clade_calloc(count, sizeof(const clade_method *));
    if (!experiment->methods)
        return clade_fail_memory(count * sizeof(const clade_method *), "the methods of an experiment");
    if (clade_json_kind_of(at) == CLADE_JSON_ABSENT) {
        default_methods(experiment);
        return CLADE_OK;
    }
    const size_t size = list_size(at, count, problems);
    for (size_t i = 0; i < size; i++)
        read_method(experiment, at, i, problems);
    return CLADE_OK;
}

static clade_status read_range(clade_experiment *experiment, const clade_json_at *at, clade_problems *problems)
{
    const clade_json_at low = clade_json_item(at, 0), high = clade_json_item(at, 1);
    clade_range_override *range = &experiment->ranges[experiment->n_ranges];
    if (!clade_json_is(at, problems, CLADE_JSON_ARRAY))
        return CLADE_OK;
    if (clade_json_size(at) != 2) {
        clade_json_problem(at, problems, "found %zu numbers, expected [low, high]", clade_json_size(at));
        return CLADE_OK;
    }
    const bool has_low = clade_json_number(&low, problems, -INFINITY, INFINITY, &range->low);
    const bool has_high = clade_json_number(&high, problems, -INFINITY, INFINITY, &range->high);
    if (!has_low || !has_high)
        return CLADE_OK;
    range->parameter = clade_strdup(clade_json_key(at));
    if (!range->parameter)
        return clade_fail_memory(strlen(clade_json_key(at)) + 1, "the name of a parameter");
    experiment->n_ranges++;
    return CLADE_OK;
}

static clade_status read_ranges(clade_experiment *experiment, const clade_json_at *at, clade_problems *problems)
{
    if (clade_json_kind_of(at) == CLADE_JSON_ABSENT || !clade_json_is(at, problems, CLADE_JSON_OBJECT))
        return CLADE_OK;
    experiment->ranges = clade_calloc(clade_json_size(at), sizeof *experiment->ranges);
    if (!experiment->ranges)
        return clade_fail_memory(clade_json_size(at) * sizeof *experiment->ranges, "the ranges of an experiment");
    for (size_t i = 0; i < clade_json_size(at); i++) {
        const clade_json_at item = clade_json_item(at, i);
        CLADE_TRY(read_range(experiment, &item, problems));
    }
    return CLADE_OK;
}

clade_status clade_experiment_space(clade_experiment *experiment, const clade_json_at *at, clade_problems *problems)
{
    static const char *const keys[] = {"methods", "sites", "coordinates", "range", "prior", "sum"};
    if (clade_json_kind_of(at) != CLADE_JSON_ABSENT && clade_json_is(at, problems, CLADE_JSON_OBJECT))
        clade_json_only(at, problems, keys, sizeof keys / sizeof *keys);
    const clade_json_at methods = clade_json_member(at, "methods"), range = clade_json_member(at, "range");
    CLADE_TRY(read_methods(experiment, &methods, problems));
    CLADE_TRY(clade_experiment_sites(experiment, at, problems));
    return read_ranges(experiment, &range, problems);
}

/* ---- scoring ---- */

void clade_experiment_objectives(clade_experiment *experiment, const clade_json_at *at, clade_problems *problems)
{
    if (clade_json_kind_of(at) == CLADE_JSON_ABSENT) {
        experiment->objectives[experiment->n_objectives++] = clade_objective_find("accuracy");
        experiment->objectives[experiment->n_objectives++] = clade_objective_find("robustness");
        return;
    }
    const char *known[MAX_NAMES];
    size_t count;
    const clade_objective *const *all = clade_objectives(&count);
    for (size_t i = 0; i < count && i < MAX_NAMES; i++)
        known[i] = all[i]->name;
    const size_t size = list_size(at, CLADE_MAX_OBJECTIVES, problems);
    for (size_t i = 0; i < size; i++) {
        const clade_json_at item = clade_json_item(at, i);
        const char *name;
        if (!clade_json_string(&item, problems, &name) || !is_first(at, i, name, problems))
            continue;
        const clade_objective *objective = clade_objective_find(name);
        if (objective)
            experiment->objectives[experiment->n_objectives++] = objective;
        else
            unknown(&item, problems, "objective", name, known, count);
    }
}

/* An array of names into LIST (MAX_CORRUPTIONS); how many. */
static size_t read_corruption_names(const clade_json_at *at, const clade_corruption **list, clade_problems *problems)
{
    size_t count, n = 0;
    const clade_corruption *const *all = clade_corruptions(&count);
    const char *known[MAX_NAMES];
    for (size_t i = 0; i < count && i < MAX_NAMES; i++)
        known[i] = all[i]->name;
    const size_t size = list_size(at, CLADE_MAX_CORRUPTIONS, problems);
    for (size_t i = 0; i < size; i++) {
        const clade_json_at item = clade_json_item(at, i);
        const char *name;
        if (!clade_json_string(&item, problems, &name) || !is_first(at, i, name, problems))
            continue;
        const clade_corruption *corruption = clade_corruption_find(name);
        if (corruption)
            list[n++] = corruption;
        else
            unknown(&item, problems, "corruption", name, known, count);
    }
    return n;
}

static int read_severity(const clade_json_at *section, int default_severity, clade_problems *problems)
{
    const clade_json_at at = clade_json_member(section, "severity");
    int64_t level = default_severity;
    if (clade_json_kind_of(&at) != CLADE_JSON_ABSENT)
        (void)clade_json_integer(&at, problems, 1, 5, &level);
    return (int)level;
}

void clade_experiment_corruptions(clade_experiment *experiment, const clade_json_at *at, clade_problems *problems)
{
    static const char *const keys[] = {"names", "severity", "assign"}, *const assign_words[] = {"rotate", "all"};
    if (clade_json_kind_of(at) != CLADE_JSON_ABSENT && clade_json_is(at, problems, CLADE_JSON_OBJECT))
        clade_json_only(at, problems, keys, sizeof keys / sizeof *keys);
    const clade_json_at names = clade_json_member(at, "names"), assign = clade_json_member(at, "assign");
    size_t count;
    const clade_corruption *const *all = clade_corruptions(&count);
    if (clade_json_kind_of(&names) != CLADE_JSON_ABSENT)
        experiment->n_corruptions = read_corruption_names(&names, experiment->corruptions, problems);
    else
        for (size_t i = 0; i < count && i < CLADE_DEFAULT_CORRUPTIONS; i++)
            experiment->corruptions[experiment->n_corruptions++] = all[i];
    experiment->severity = read_severity(at, 5, problems);
    experiment->rotate = true;
    const char *word;
    if (clade_json_kind_of(&assign) == CLADE_JSON_ABSENT || !clade_json_string(&assign, problems, &word))
        return;
    experiment->rotate = strcmp(word, "rotate") == 0;
    if (!experiment->rotate && strcmp(word, "all") != 0)
        unknown(&assign, problems, "assignment", word, assign_words, 2);
}

void clade_experiment_holdout_corruptions(clade_experiment *experiment, const clade_json_at *at,
                                          clade_problems *problems)
{
    static const char *const keys[] = {"names", "severity"};
    if (clade_json_kind_of(at) != CLADE_JSON_ABSENT && clade_json_is(at, problems, CLADE_JSON_OBJECT))
        clade_json_only(at, problems, keys, sizeof keys / sizeof *keys);
    const clade_json_at names = clade_json_member(at, "names");
    if (clade_json_kind_of(&names) != CLADE_JSON_ABSENT) {
        experiment->n_holdout_corruptions = read_corruption_names(&names, experiment->holdout_corruptions, problems);
    } else {
        memcpy(experiment->holdout_corruptions, experiment->corruptions, sizeof experiment->corruptions);
        experiment->n_holdout_corruptions = experiment->n_corruptions;
    }
    experiment->holdout_severity = read_severity(at, experiment->severity, problems);
}

uint64_t clade_experiment_count(const clade_json_at *section, const char *key, uint64_t default_size,
                                clade_problems *problems)
{
    const clade_json_at at = clade_json_member(section, key);
    int64_t value = (int64_t)default_size;
    if (clade_json_kind_of(&at) != CLADE_JSON_ABSENT)
        (void)clade_json_integer(&at, problems, 0, ANY_SIZE, &value);
    return (uint64_t)value;
}

/* What algorithms are told of the objectives. A race estimates objectives, and not their losses. */
void clade_experiment_signal(clade_experiment *experiment, const clade_json_at *at, clade_problems *problems)
{
    static const char *const words[] = {"loss", "objective"};
    const bool races = experiment->racing.n_shares > 0, given = clade_json_kind_of(at) != CLADE_JSON_ABSENT;
    const char *word = words[races];
    if (given && !clade_json_string(at, problems, &word))
        return;
    experiment->smooth = strcmp(word, "loss") == 0;
    if (!experiment->smooth && strcmp(word, "objective") != 0)
        unknown(at, problems, "signal", word, words, 2);
    else if (experiment->smooth && races)
        clade_json_problem(at, problems, "found \"loss\", expected \"objective\" when children race");
}

void clade_experiment_items(clade_experiment *experiment, const clade_json_at *at, clade_problems *problems)
{
    static const char *const keys[] = {"labelled", "corrupted", "unlabelled"};
    if (clade_json_kind_of(at) != CLADE_JSON_ABSENT && clade_json_is(at, problems, CLADE_JSON_OBJECT))
        clade_json_only(at, problems, keys, sizeof keys / sizeof *keys);
    experiment->labelled = clade_experiment_count(at, "labelled", 0, problems);
    experiment->corrupted = clade_experiment_count(at, "corrupted", 0, problems);
    experiment->unlabelled = clade_experiment_count(at, "unlabelled", 0, problems);
}

/* ---- search ---- */

static const clade_algorithm *read_algorithm_name(const clade_json_at *at, clade_problems *problems)
{
    const char *name, *known[MAX_NAMES];
    if (!clade_json_string(at, problems, &name))
        return NULL;
    const clade_algorithm *algorithm = clade_algorithm_find(name);
    size_t count;
    const clade_algorithm *const *all = clade_algorithms(&count);
    for (size_t i = 0; i < count && i < MAX_NAMES; i++)
        known[i] = all[i]->name;
    if (!algorithm)
        unknown(at, problems, "algorithm", name, known, count);
    return algorithm;
}

/* A choice by its name; its value is the place of the name. */
static void read_choice(const clade_parameter *parameter, const clade_json_at *at, double *value,
                        clade_problems *problems)
{
    const char *word;
    size_t count = 0;
    if (!clade_json_string(at, problems, &word))
        return;
    for (; parameter->choices[count]; count++)
        if (strcmp(parameter->choices[count], word) == 0) {
            *value = (double)count;
            return;
        }
    unknown(at, problems, parameter->name, word, parameter->choices, count);
}

static void read_parameter(const clade_parameter *parameter, const clade_json_at *section, double *value,
                           clade_problems *problems)
{
    const clade_json_at at = clade_json_member(section, parameter->name);
    int64_t integer;
    bool truth;
    *value = parameter->default_value;
    if (clade_json_kind_of(&at) == CLADE_JSON_ABSENT && !isnan(*value))
        return;
    if (parameter->kind == CLADE_INTEGER &&
        clade_json_integer(&at, problems, (int64_t)parameter->low, (int64_t)parameter->high, &integer))
        *value = (double)integer;
    if (parameter->kind == CLADE_BOOLEAN && clade_json_bool(&at, problems, &truth))
        *value = truth;
    if (parameter->kind == CLADE_REAL)
        (void)clade_json_number(&at, problems, parameter->low, parameter->high, value);
    if (parameter->kind == CLADE_CHOICE)
        read_choice(parameter, &at, value, problems);
}

/* A name, or an object with the name and parameters of the algorithm. */
clade_status clade_experiment_algorithm(clade_experiment *experiment, const clade_json_at *at, clade_problems *problems)
{
    const bool absent = clade_json_kind_of(at) == CLADE_JSON_ABSENT,
               plain = clade_json_kind_of(at) == CLADE_JSON_STRING;
    const clade_json_at name = plain ? *at : clade_json_member(at, "name");
    const clade_algorithm *algorithm = clade_algorithm_find("portfolio");
    if (!absent && (plain || clade_json_is(at, problems, CLADE_JSON_OBJECT)))
        algorithm = read_algorithm_name(&name, problems);
    if (!algorithm)
        return CLADE_OK;
    const char *keys[1 + CLADE_MAX_PARAMETERS] = {"name"};
    experiment->algorithm = algorithm;
    experiment->algorithm_parameters = clade_calloc(algorithm->n_parameters, sizeof(double));
    if (!experiment->algorithm_parameters)
        return clade_fail_memory(algorithm->n_parameters * sizeof(double), "the parameters of the algorithm");
    for (size_t p = 0; p < algorithm->n_parameters; p++) {
        keys[1 + p] = algorithm->parameters[p].name;
        read_parameter(&algorithm->parameters[p], at, &experiment->algorithm_parameters[p], problems);
    }
    clade_json_only(at, problems, keys, 1 + algorithm->n_parameters);
    return CLADE_OK;
}
