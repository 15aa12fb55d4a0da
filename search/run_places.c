/* Where the models and probes of a run are. The ledger's events "places" say {"folder": F, "paths": [...]}: base, probes,
 * parents, first recipes in the order of the experiment. Paths there are absolute, as a worker on another host opens the
 * same; F is what makes them relative again: a project that moved as a whole is found by the way from F to each path. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "clade/alloc.h"
#include "clade/files.h"
#include "search/run_folder.h"

enum { MAX_LABEL = 128 };

/* ---- the paths of an experiment ---- */

static size_t count_places(const clade_experiment *experiment)
{
    return 2 + experiment->n_parents + experiment->n_first;
}

/* The path is NULL where an experiment has no base. */
static char **place_at(clade_experiment *experiment, size_t index)
{
    if (index < 2)
        return index == 0 ? &experiment->base : &experiment->probes;
    return index < 2 + experiment->n_parents ? &experiment->parent_paths[index - 2]
                                             : &experiment->first[index - 2 - experiment->n_parents];
}

static const char *path_at(const clade_experiment *experiment, size_t index)
{
    if (index < 2)
        return index == 0 ? experiment->base : experiment->probes;
    return index < 2 + experiment->n_parents ? experiment->parent_paths[index - 2]
                                             : experiment->first[index - 2 - experiment->n_parents];
}

static void label(const clade_experiment *experiment, size_t index, char text[MAX_LABEL])
{
    if (index < 2)
        snprintf(text, MAX_LABEL, "%s", index == 0 ? "the base" : "the probes");
    else
        snprintf(text, MAX_LABEL, "parent %s", experiment->parent_names[index - 2]);
}

/* PATH, taken, in the place of INDEX. */
static void put_place(clade_experiment *experiment, size_t index, char *path)
{
    char **place = place_at(experiment, index);
    clade_free(*place);
    *place = path;
}

/* ---- ways from folder to folder ---- */

/* PATH, absolute, without "//", "." and "..", as a new string; NULL without memory. */
static char *plain(const char *path)
{
    char *out = clade_calloc(1, strlen(path) + 2);
    size_t length = 0;
    for (const char *at = path; out && *at;) {
        at += strspn(at, "/");
        const size_t part = strcspn(at, "/");
        if (part == 2 && strncmp(at, "..", 2) == 0) {
            while (length > 0 && out[--length] != '/')
                continue;
        } else if (part > 0 && !(part == 1 && at[0] == '.')) {
            out[length++] = '/';
            memcpy(out + length, at, part);
            length += part;
        }
        at += part;
    }
    if (out) {
        length += length == 0;
        out[0] = '/';
        out[length] = '\0';
    }
    return out;
}

/* PATH as it can be opened from anywhere, plain. */
static char *absolute(const char *path)
{
    char *here = path[0] == '/' ? NULL : getcwd(NULL, 0); /* the C library's memory */
    char *whole = path[0] == '/' ? clade_strdup(path) : here ? clade_path_join(here, path) : NULL;
    char *out = whole ? plain(whole) : NULL;
    free(here);
    clade_free(whole);
    return out;
}

/* The place of a run folder, which may not be there yet: links are followed, as ".." from within it does. */
static char *folder_place(const char *run_folder)
{
    const char *slash = strrchr(run_folder, '/');
    char *above = clade_path_beside(run_folder, ".");
    char *real = realpath(run_folder, NULL), *real_above = above ? realpath(above, NULL) : NULL; /* the C library's */
    char *out = real         ? clade_strdup(real)
                : real_above ? clade_path_join(real_above, slash ? slash + 1 : run_folder)
                             : absolute(run_folder);
    free(real);
    free(real_above);
    clade_free(above);
    return out;
}

clade_status clade_path_follow(const char *path, const char *from, const char *to, char **out)
{
    size_t same = 0, end = 0, up = 0, length = strlen(to);
    *out = NULL;
    for (; path[end] == from[end] && path[end]; end++)
        same = path[end] == '/' ? end : same;
    if ((path[end] == '/' || path[end] == '\0') && (from[end] == '/' || from[end] == '\0'))
        same = end; /* one is above the other */
    for (const char *at = from + same; *at; at++)
        up += *at == '/' && at[1] != '\0';
    for (; up > 0 && length > 0; up--)
        while (length > 0 && to[--length] != '/')
            continue;
    if (up > 0)
        return CLADE_OK;
    *out = clade_calloc(1, length + strlen(path + same) + 1);
    if (!*out)
        return clade_fail_memory(length + strlen(path + same) + 1, "a path");
    memcpy(*out, to, length);
    memcpy(*out + length, path + same, strlen(path + same));
    return CLADE_OK;
}

/* ---- the ledger's ---- */

static clade_status print_places(const char *run_folder, const clade_experiment *experiment, clade_text *json)
{
    char *folder = folder_place(run_folder);
    if (!folder)
        return clade_fail_memory(strlen(run_folder), "a path");
    clade_json_writer writer = clade_json_writer_to(json, false);
    clade_json_begin_object(&writer, NULL);
    clade_json_put_string(&writer, "folder", folder);
    clade_json_begin_array(&writer, "paths");
    for (size_t i = 0; i < count_places(experiment); i++)
        clade_json_put_string(&writer, NULL, path_at(experiment, i) ? path_at(experiment, i) : "");
    clade_json_end_array(&writer);
    clade_json_end_object(&writer);
    clade_free(folder);
    return clade_text_status(json);
}

clade_status clade_places_differ(clade_ledger *ledger, const char *run_folder, const clade_experiment *experiment,
                                 bool *differ)
{
    clade_text now = {0}, before = {0};
    uint64_t number = 0;
    bool found = false;
    *differ = false;
    if (experiment->form)
        return CLADE_OK;
    clade_status status = print_places(run_folder, experiment, &now);
    if (status == CLADE_OK)
        status = clade_ledger_get_event(ledger, "places", &before, &number, &found);
    *differ = !found || strcmp(clade_text_get(&before), clade_text_get(&now)) != 0;
    clade_text_free(&now);
    clade_text_free(&before);
    return status;
}

clade_status clade_places_put(clade_ledger *ledger, const char *run_folder, const clade_experiment *experiment)
{
    clade_text now = {0};
    if (experiment->form)
        return CLADE_OK;
    clade_status status = print_places(run_folder, experiment, &now);
    if (status == CLADE_OK)
        status = clade_ledger_put_event(ledger, "places", clade_text_get(&now));
    clade_text_free(&now);
    return status;
}

/* PATH of before where it is now; FROM and TO: the run folder then and now. */
static clade_status look_for(const char *path, const char *from, const char *to, char **out)
{
    char *old = absolute(path), *moved = NULL;
    clade_status status = old ? CLADE_OK : clade_fail_memory(strlen(path), "a path");
    if (status == CLADE_OK && !clade_path_exists(old))
        status = clade_path_follow(old, from, to, &moved);
    if (moved && !clade_path_exists(moved)) {
        clade_free(moved);
        moved = NULL;
    }
    *out = moved ? moved : status == CLADE_OK ? clade_strdup(path) : NULL;
    clade_free(old);
    return status == CLADE_OK && !*out ? clade_fail_memory(strlen(path), "a path") : status;
}

static clade_status take_places(const clade_json_at *root, const char *run_folder, clade_experiment *experiment)
{
    const clade_json_at folder = clade_json_member(root, "folder"), paths = clade_json_member(root, "paths");
    clade_problems problems = {0};
    const char *from = NULL;
    (void)clade_json_string(&folder, &problems, &from);
    if (clade_json_is(&paths, &problems, CLADE_JSON_ARRAY) && clade_json_size(&paths) != count_places(experiment))
        clade_json_problem(&paths, &problems, "found %zu paths, expected %zu", clade_json_size(&paths),
                           count_places(experiment));
    if (from && from[0] != '/')
        clade_json_problem(&folder, &problems, "found \"%.80s\", expected an absolute path", from);
    char *to = folder_place(run_folder);
    clade_status status = to ? CLADE_OK : clade_fail_memory(strlen(run_folder), "a path");
    for (size_t i = 0; status == CLADE_OK && problems.count == 0 && i < count_places(experiment); i++) {
        const clade_json_at item = clade_json_item(&paths, i);
        const char *path = NULL;
        char *now = NULL;
        if (!clade_json_string(&item, &problems, &path) || !path_at(experiment, i))
            continue;
        status = look_for(path, from, to, &now);
        if (status == CLADE_OK)
            put_place(experiment, i, now);
    }
    clade_free(to);
    const clade_status bad = clade_problems_end(&problems, CLADE_EINPUT);
    return status == CLADE_OK ? bad : status;
}

clade_status clade_places_get(clade_ledger *ledger, const char *run_folder, clade_experiment *experiment)
{
    clade_text text = {0};
    clade_json *document = NULL;
    uint64_t number = 0;
    bool found = false;
    if (experiment->form)
        return CLADE_OK;
    clade_status status = clade_ledger_get_event(ledger, "places", &text, &number, &found);
    if (status == CLADE_OK && found)
        status = clade_json_parse(clade_text_get(&text), text.length, "event places", CLADE_EINPUT, &document);
    if (status == CLADE_OK && found) {
        const clade_json_at root = clade_json_root(document);
        status = take_places(&root, run_folder, experiment);
    }
    clade_json_free(document);
    clade_text_free(&text);
    return status;
}

/* ---- what the user says ---- */

/* What follows FOLDER in PATH, both plain, which is FOLDER ("") or below it ("/..."); NULL when it is neither. */
static const char *rest_below(const char *path, const char *folder)
{
    const size_t length = strcmp(folder, "/") == 0 ? 0 : strlen(folder);
    const bool starts = path && strncmp(path, folder, length) == 0;
    return starts && (path[length] == '/' || path[length] == '\0') ? path + length : NULL;
}

clade_status clade_places_move(clade_experiment *experiment, const char *rule)
{
    const char *sign = strchr(rule, '=');
    size_t known = 0;
    if (!sign || sign == rule || sign[1] == '\0')
        return clade_fail(CLADE_EUSAGE, "--moved %s: expected OLD=NEW, two paths", rule);
    char *word = clade_strndup(rule, (size_t)(sign - rule));
    char *old = word ? absolute(word) : NULL, *new = absolute(sign + 1);
    clade_status status = old && new ? CLADE_OK : clade_fail_memory(strlen(rule), "a path");
    for (size_t i = 0; status == CLADE_OK && i < count_places(experiment); i++) {
        char *path = path_at(experiment, i) ? plain(path_at(experiment, i)) : NULL;
        const char *rest_old = rest_below(path, old), *rest_new = rest_below(path, new);
        const bool closer = rest_old && rest_new && strlen(rest_old) < strlen(rest_new); /* OLD is below NEW */
        const bool is_there = rest_new && !closer && clade_path_exists(path);
        const char *rest = is_there ? NULL : rest_old;
        if (rest) {
            char *there = rest[0] ? clade_path_join(new, rest + 1) : clade_strdup(new);
            if (there)
                put_place(experiment, i, there);
            else
                status = clade_fail_memory(strlen(new) + strlen(path), "a path");
        }
        known += is_there || rest;
        clade_free(path);
    }
    if (status == CLADE_OK && known == 0)
        status = clade_fail(CLADE_EUSAGE, "--moved %s: no path of this run is %s or below it", rule, old);
    clade_free(word);
    clade_free(old);
    clade_free(new);
    return status;
}

clade_status clade_places_copy(const clade_experiment *from, clade_experiment *experiment)
{
    for (size_t i = 0; i < count_places(experiment); i++) {
        const char *path = path_at(from, i);
        char *copy = path ? clade_strdup(path) : NULL;
        if (path && !copy)
            return clade_fail_memory(strlen(path), "a path");
        put_place(experiment, i, copy);
    }
    return CLADE_OK;
}

/* WHAT of a run is not at PATH. */
static clade_status fail_place(const char *path, const char *what, const char *run_folder)
{
    return clade_fail(CLADE_EINPUT,
                      "%s: not there any more (%s of this run), nor in the same place seen from the run folder; to say "
                      "where it is now: clade resume %s --moved %s=WHERE (a folder above it will do)",
                      path, what, run_folder, path);
}

clade_status clade_places_check(const clade_experiment *experiment, const char *run_folder)
{
    for (size_t i = 0; !experiment->form && i < 2 + experiment->n_parents; i++) {
        const char *path = path_at(experiment, i);
        char text[MAX_LABEL];
        if (!path || clade_path_exists(path))
            continue;
        label(experiment, i, text);
        return fail_place(path, text, run_folder);
    }
    return CLADE_OK;
}

clade_status clade_recipe_check_places(const clade_recipe *recipe, const char *run_folder)
{
    if (recipe->base && recipe->base->path && !clade_path_exists(recipe->base->path))
        return fail_place(recipe->base->path, "the base", run_folder);
    for (size_t p = 0; p < recipe->n_parents; p++)
        if (recipe->parents[p].path && !clade_path_exists(recipe->parents[p].path))
            return fail_place(recipe->parents[p].path, "a parent", run_folder);
    return CLADE_OK;
}

/* PATH, if there is one, in the place of that of PARENT, which may be NULL. */
static clade_status replace_path(const char *path, clade_recipe_parent *parent)
{
    if (!path || !parent || !parent->path)
        return CLADE_OK;
    char *copy = clade_strdup(path);
    if (!copy)
        return clade_fail_memory(strlen(path), "a path");
    clade_free(parent->path);
    parent->path = copy;
    return CLADE_OK;
}

clade_status clade_recipe_place(const clade_experiment *experiment, clade_recipe *recipe)
{
    for (size_t p = 0; p < recipe->n_parents; p++) {
        const size_t place = clade_experiment_parent(experiment, recipe->parents[p].name);
        if (place < experiment->n_parents)
            CLADE_TRY(replace_path(experiment->parent_paths[place], &recipe->parents[p]));
    }
    return replace_path(experiment->base, recipe->base);
}
