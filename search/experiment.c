#include "search/experiment.h"

#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "clade/alloc.h"
#include "clade/files.h"
#include "clade/utf8.h"
#include "search/experiment_parts.h"

enum { MAX_EXPERIMENT_BYTES = 1 << 20, MAX_WINDOW = 16384, MAX_PARENT_NAME = 64 };
static const size_t DEFAULT_MEMORY = (size_t)1 << 30;
static const int64_t LEAST_MEMORY = 1 << 20, MOST_MEMORY = INT64_C(1) << 53;
enum { DEFAULT_CACHE_MEGABYTES = 256, MOST_CACHE_MEGABYTES = 1 << 30 };

/* The corruptions' draws do not depend on the experiment's seed: runs with different seeds, holdout scores and `clade
 * eval` see the same corrupted images. */
static const uint64_t PROBE_SEED = 0;

/* ---- paths ---- */

/* PATH as it can be opened from anywhere: FOLDER (relative to the working directory, "" for it) before it unless
 * absolute. Owned; NULL without memory. */
static char *absolute(const char *folder, const char *path)
{
    if (path[0] == '/')
        return clade_strdup(path);
    if (folder[0] == '/')
        return clade_path_join(folder, path);
    char *here = getcwd(NULL, 0); /* the C library's memory */
    char *there = !here ? NULL : folder[0] ? clade_path_join(here, folder) : clade_strdup(here);
    char *whole = there ? clade_path_join(there, path) : NULL;
    clade_free(there);
    free(here);
    return whole;
}

static clade_status read_path(const clade_json_at *at, const char *folder, char **out, clade_problems *problems)
{
    const char *path;
    if (!clade_json_string(at, problems, &path))
        return CLADE_OK;
    if (path[0] == '\0') {
        clade_json_problem(at, problems, "found \"\", expected a path");
        return CLADE_OK;
    }
    *out = absolute(folder, path);
    if (!*out)
        return clade_fail_memory(strlen(path), "a path");
    if (clade_utf8_valid(*out, strlen(*out)) != strlen(*out)) /* no JSON could say it: the ledger, messages */
        clade_json_problem(at, problems, "\"%s\" is in a folder whose name is not UTF-8; move it", path);
    return CLADE_OK;
}

/* Names go into genes, recipes and file names. */
static void check_parent_name(const clade_json_at *at, const char *name, clade_problems *problems)
{
    static const char *const allowed = "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789_.-";
    const size_t length = strlen(name);
    if (length == 0 || length > MAX_PARENT_NAME || strspn(name, allowed) != length)
        clade_json_problem(at, problems, "found the name \"%.80s\", expected 1 to %d of A-Z a-z 0-9 _ . -", name,
                           MAX_PARENT_NAME);
}

static clade_status read_parents(clade_experiment *experiment, const clade_json_at *at, const char *folder,
                                 clade_problems *problems)
{
    if (!clade_json_is(at, problems, CLADE_JSON_OBJECT))
        return CLADE_OK;
    const size_t count = clade_json_size(at);
    if (count == 0 || count > CLADE_MAX_PARENTS) {
        clade_json_problem(at, problems, "found %zu parents, expected 1 to %d", count, CLADE_MAX_PARENTS);
        return CLADE_OK;
    }
    experiment->parent_names = clade_calloc(count, sizeof *experiment->parent_names);
    experiment->parent_paths = clade_calloc(count, sizeof *experiment->parent_paths);
    if (!experiment->parent_names || !experiment->parent_paths)
        return clade_fail_memory(count * sizeof *experiment->parent_names, "the parents of an experiment");
    for (size_t i = 0; i < count; i++) {
        const clade_json_at item = clade_json_item(at, i);
        const char *name = clade_json_key(&item);
        check_parent_name(&item, name, problems);
        experiment->n_parents++;
        experiment->parent_names[i] = clade_strdup(name);
        if (!experiment->parent_names[i])
            return clade_fail_memory(strlen(name) + 1, "the name of a parent");
        CLADE_TRY(read_path(&item, folder, &experiment->parent_paths[i], problems));
    }
    return CLADE_OK;
}

/* Recipes to start with. */
static clade_status read_first(clade_experiment *experiment, const clade_json_at *at, const char *folder,
                               clade_problems *problems)
{
    if (clade_json_kind_of(at) == CLADE_JSON_ABSENT || !clade_json_is(at, problems, CLADE_JSON_ARRAY))
        return CLADE_OK;
    experiment->first = clade_calloc(clade_json_size(at) + 1, sizeof *experiment->first);
    if (!experiment->first)
        return clade_fail_memory((clade_json_size(at) + 1) * sizeof *experiment->first, "the first recipes");
    for (size_t i = 0; i < clade_json_size(at); i++) {
        const clade_json_at item = clade_json_item(at, i);
        char *path = NULL;
        CLADE_TRY(read_path(&item, folder, &path, problems));
        if (path)
            experiment->first[experiment->n_first++] = path;
    }
    return CLADE_OK;
}

/* ---- the whole ---- */

/* "knee", or an objective: all of them are recorded for every child, so any will do. */
static clade_status read_best(clade_experiment *experiment, const clade_json_at *at, clade_problems *problems)
{
    const char *word = "knee", *known[64] = {"knee"};
    size_t count;
    const clade_objective *const *all = clade_objectives(&count);
    for (size_t i = 0; i < count && i + 1 < 64; i++)
        known[i + 1] = all[i]->name;
    const bool given = clade_json_kind_of(at) != CLADE_JSON_ABSENT && clade_json_string(at, problems, &word);
    if (given && strcmp(word, "knee") != 0 && !clade_objective_find(word)) {
        clade_text text = {0};
        clade_append_suggestion(&text, word, known, count + 1);
        clade_json_problem(at, problems, "unknown choice \"%.60s\"%s", word, clade_text_get(&text));
        clade_text_free(&text);
    }
    experiment->best = clade_strdup(word);
    return experiment->best ? CLADE_OK : clade_fail_memory(strlen(word) + 1, "an experiment");
}

static void read_integer(const clade_json_at *root, const char *key, int64_t low, int64_t high, size_t *value,
                         clade_problems *problems)
{
    const clade_json_at at = clade_json_member(root, key);
    int64_t number = (int64_t)*value;
    if (clade_json_kind_of(&at) != CLADE_JSON_ABSENT)
        (void)clade_json_integer(&at, problems, low, high, &number);
    *value = (size_t)number;
}

static void read_bool(const clade_json_at *root, const char *key, bool *value, clade_problems *problems)
{
    const clade_json_at at = clade_json_member(root, key);
    if (clade_json_kind_of(&at) != CLADE_JSON_ABSENT)
        (void)clade_json_bool(&at, problems, value);
}

/* After the budget. */
static void read_window(clade_experiment *experiment, const clade_json_at *root, clade_problems *problems)
{
    const clade_json_at at = clade_json_member(root, "window");
    experiment->window = clade_default_window(experiment->children);
    experiment->window_given = clade_json_kind_of(&at) != CLADE_JSON_ABSENT;
    read_integer(root, "window", 1, MAX_WINDOW, &experiment->window, problems);
}

static void read_numbers(clade_experiment *experiment, const clade_json_at *root, clade_problems *problems)
{
    const clade_json_at version = clade_json_member(root, "clade"), seed = clade_json_member(root, "seed");
    int64_t number;
    (void)clade_json_integer(&version, problems, 1, 1, &number);
    experiment->seed = 1;
    if (clade_json_kind_of(&seed) != CLADE_JSON_ABSENT)
        (void)clade_json_u64(&seed, problems, &experiment->seed);
    experiment->best_weights = experiment->references = experiment->hand_made = true;
    read_bool(root, "best_weights", &experiment->best_weights, problems);
    read_bool(root, "references", &experiment->references, problems);
    read_bool(root, "hand_made", &experiment->hand_made, problems);
    experiment->memory = DEFAULT_MEMORY;
    read_integer(root, "memory", LEAST_MEMORY, MOST_MEMORY, &experiment->memory, problems);
    experiment->cache_megabytes = DEFAULT_CACHE_MEGABYTES;
    read_integer(root, "cache_megabytes", 0, MOST_CACHE_MEGABYTES, &experiment->cache_megabytes, problems);
}

clade_merge_space_plan clade_experiment_space_plan(const clade_experiment *experiment)
{
    return (clade_merge_space_plan){
        .methods = experiment->methods,
        .n_methods = experiment->n_methods,
        .sites = experiment->sites,
        .named_sites = experiment->named_sites,
        .n_named_sites = experiment->n_named_sites,
        .coordinates = experiment->coordinates,
        .ranges = experiment->ranges,
        .n_ranges = experiment->n_ranges,
        .priors = experiment->priors,
        .n_priors = experiment->n_priors,
        .sum = experiment->sum,
        .base_path = experiment->base,
        .parent_names = (const char *const *)experiment->parent_names,
        .parent_paths = (const char *const *)experiment->parent_paths,
        .n_parents = experiment->n_parents,
    };
}

/* What the space says of methods, sites and ranges together; only when those could be read, so that one mistake gives
 * one line. */
static void check_space(const clade_experiment *experiment, const clade_json_at *root, clade_problems *problems)
{
    if (problems->count > 0)
        return;
    const clade_merge_space_plan plan = clade_experiment_space_plan(experiment);
    clade_text where = {0};
    clade_text_append(&where, "%s: ", clade_json_file(root->document));
    clade_merge_space_check(&plan, clade_text_get(&where), problems);
    clade_text_free(&where);
}

static clade_status read_all(clade_experiment *experiment, const clade_json_at *root, const char *folder,
                             clade_problems *problems)
{
    static const char *const keys[] = {"clade",
                                       "seed",
                                       "base",
                                       "parents",
                                       "probes",
                                       "space",
                                       "objectives",
                                       "corruptions",
                                       "items",
                                       "algorithm",
                                       "budget",
                                       "window",
                                       "best",
                                       "best_weights",
                                       "memory",
                                       "cache_megabytes",
                                       "signal",
                                       "references",
                                       "holdout_corruptions",
                                       "racing",
                                       "first",
                                       "hand_made",
                                       "preselect",
                                       "line_search"};
    if (!clade_json_is(root, problems, CLADE_JSON_OBJECT))
        return CLADE_OK;
    clade_json_only(root, problems, keys, sizeof keys / sizeof *keys);
    const clade_json_at base = clade_json_member(root, "base"), parents = clade_json_member(root, "parents"),
                        probes = clade_json_member(root, "probes"), space = clade_json_member(root, "space"),
                        objectives = clade_json_member(root, "objectives"),
                        corruptions = clade_json_member(root, "corruptions"), items = clade_json_member(root, "items"),
                        algorithm = clade_json_member(root, "algorithm"), budget = clade_json_member(root, "budget"),
                        best = clade_json_member(root, "best"),
                        holdout_corruptions = clade_json_member(root, "holdout_corruptions"),
                        racing = clade_json_member(root, "racing"), first = clade_json_member(root, "first"),
                        preselect = clade_json_member(root, "preselect");
    read_numbers(experiment, root, problems);
    CLADE_TRY(read_path(&base, folder, &experiment->base, problems));
    CLADE_TRY(read_parents(experiment, &parents, folder, problems));
    CLADE_TRY(read_path(&probes, folder, &experiment->probes, problems));
    CLADE_TRY(clade_experiment_space(experiment, &space, problems));
    CLADE_TRY(read_first(experiment, &first, folder, problems));
    clade_experiment_objectives(experiment, &objectives, problems);
    clade_experiment_corruptions(experiment, &corruptions, problems);
    clade_experiment_holdout_corruptions(experiment, &holdout_corruptions, problems);
    clade_experiment_items(experiment, &items, problems);
    clade_experiment_racing(experiment, &racing, problems);
    CLADE_TRY(clade_experiment_algorithm(experiment, &algorithm, problems));
    clade_experiment_preselect(experiment, &preselect, problems);
    clade_experiment_budget(experiment, &budget, problems);
    read_window(experiment, root, problems);
    const clade_json_at line_search = clade_json_member(root, "line_search");
    clade_experiment_line_search(experiment, &line_search, problems);
    const clade_json_at signal = clade_json_member(root, "signal");
    clade_experiment_signal(experiment, &signal, problems);
    CLADE_TRY(read_best(experiment, &best, problems));
    check_space(experiment, root, problems);
    return CLADE_OK;
}

static clade_status from_document(const clade_json *document, const char *folder, clade_experiment **experiment)
{
    clade_experiment *made = clade_calloc(1, sizeof *made);
    if (!made)
        return clade_fail_memory(sizeof *made, "an experiment");
    clade_problems problems = {0};
    const clade_json_at root = clade_json_root(document);
    clade_status status = read_all(made, &root, folder, &problems);
    if (status == CLADE_OK)
        status = clade_problems_end(&problems, CLADE_ECONFIG);
    clade_text_free(&problems.text);
    if (status != CLADE_OK) {
        clade_experiment_free(made);
        return status;
    }
    *experiment = made;
    return CLADE_OK;
}

clade_status clade_experiment_parse(const char *text, size_t length, const char *name, const char *folder,
                                    clade_experiment **experiment)
{
    clade_json *document;
    if (length > MAX_EXPERIMENT_BYTES)
        return clade_fail(CLADE_ECONFIG, "%s: found %zu bytes, expected an experiment of at most %d", name, length,
                          MAX_EXPERIMENT_BYTES);
    CLADE_TRY(clade_json_parse(text, length, name, CLADE_ECONFIG, &document));
    const clade_status status = from_document(document, folder, experiment);
    clade_json_free(document);
    return status;
}

clade_status clade_experiment_read(const char *path, clade_experiment **experiment)
{
    char *text;
    size_t bytes;
    CLADE_TRY(clade_read_file(path, MAX_EXPERIMENT_BYTES, &text, &bytes));
    const char *slash = strrchr(path, '/');
    /* "/experiment.json" lies in "/", "experiment.json" in "". */
    char *folder = clade_strndup(path, slash == path ? 1 : slash ? (size_t)(slash - path) : 0);
    const clade_status status = folder ? clade_experiment_parse(text, bytes, path, folder, experiment)
                                       : clade_fail_memory(strlen(path), "the folder of an experiment");
    clade_free(folder);
    clade_free(text);
    return status;
}

void clade_experiment_free(clade_experiment *experiment)
{
    if (!experiment)
        return;
    for (size_t p = 0; p < experiment->n_parents; p++) {
        clade_free(experiment->parent_names[p]);
        clade_free(experiment->parent_paths[p]);
    }
    for (size_t r = 0; r < experiment->n_ranges; r++)
        clade_free(experiment->ranges[r].parameter);
    clade_free(experiment->parent_names);
    clade_free(experiment->parent_paths);
    clade_free(experiment->base);
    clade_free(experiment->probes);
    clade_free(experiment->methods);
    clade_experiment_sites_fini(experiment);
    for (size_t i = 0; i < experiment->n_first; i++)
        clade_free(experiment->first[i]);
    clade_free(experiment->first);
    clade_free(experiment->ranges);
    clade_free(experiment->algorithm_parameters);
    clade_free(experiment->best);
    clade_free(experiment);
}

/* ---- plans ---- */

/* SPLIT under COUNT corruptions, all of one severity. */
static clade_score_plan plan_of(const clade_experiment *experiment, clade_split split,
                                const clade_corruption *const *corruptions, size_t count, int severity)
{
    clade_score_plan plan = {.labelled_split = split,
                             .with_corrupted = true,
                             .with_unlabelled = true,
                             .n_corruptions = count,
                             .seed = PROBE_SEED,
                             .memory = experiment->memory};
    for (size_t c = 0; c < count; c++) {
        plan.corruptions[c] = corruptions[c];
        plan.severities[c] = severity;
    }
    return plan;
}

clade_score_plan clade_experiment_search_plan(const clade_experiment *experiment)
{
    clade_score_plan plan =
        plan_of(experiment, CLADE_SEARCH, experiment->corruptions, experiment->n_corruptions, experiment->severity);
    plan.labelled = experiment->labelled;
    plan.corrupted = experiment->corrupted;
    plan.unlabelled = experiment->unlabelled;
    plan.rotate = experiment->rotate;
    return plan;
}

clade_score_plan clade_experiment_holdout_plan(const clade_experiment *experiment)
{
    return plan_of(experiment, CLADE_HOLDOUT, experiment->holdout_corruptions, experiment->n_holdout_corruptions,
                   experiment->holdout_severity);
}

size_t clade_experiment_parent(const clade_experiment *experiment, const char *name)
{
    size_t i = 0;
    while (i < experiment->n_parents && strcmp(experiment->parent_names[i], name) != 0)
        i++;
    return i;
}

bool clade_experiment_has_seen(const clade_experiment *experiment, const clade_corruption *corruption)
{
    for (size_t c = 0; c < experiment->n_corruptions; c++)
        if (experiment->corruptions[c] == corruption)
            return true;
    return false;
}
