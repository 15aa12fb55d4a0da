/* The paths in OUT/clade_recipe.json. A recipe's paths are relative to its file, those of a merge to where the command was
 * given; so that the file can be merged again they are turned, and stay relative where they were, for they are likely to
 * be published with the model. */
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "clade/alloc.h"
#include "clade/files.h"
#include "search/command/merge_job.h"

/* PATH without links, in Clade's memory; NULL when there is none. */
static char *resolved(const char *path)
{
    char *real = realpath(path, NULL); /* the C library's memory */
    char *copy = real ? clade_strdup(real) : NULL;
    free(real);
    return copy;
}

/* How many folders HERE is above the folder of which OUT_FOLDER is the parent; 0: it is not above it. */
static size_t levels(const char *here, const char *out_folder)
{
    size_t length = strlen(here), count = 1;
    if (strncmp(here, out_folder, length) != 0 || (out_folder[length] != '/' && out_folder[length] != '\0'))
        return 0;
    for (const char *c = out_folder + length; *c; c++)
        count += *c == '/';
    return count;
}

/* What goes before a relative path: "../" for every folder between HERE and the child, or HERE itself where the child
 * lies elsewhere. */
static clade_status append_prefix(const clade_merge_job *job, size_t index, clade_text *prefix)
{
    char *folder = clade_path_beside(job->out, "."), *out_folder = folder ? resolved(folder) : NULL,
         *here = resolved(".");
    size_t up = here && out_folder ? levels(here, out_folder) : 0;
    clade_status status = folder && here ? CLADE_OK : clade_fail_memory(strlen(job->out), "a path");
    if (up > 0 && job->steps.items[index].out)
        up++;
    for (size_t i = 0; i < up; i++)
        clade_text_append(prefix, "../");
    if (status == CLADE_OK && up == 0)
        clade_text_append(prefix, "%s/", here);
    clade_free(folder);
    clade_free(out_folder);
    clade_free(here);
    return status == CLADE_OK ? clade_text_status(prefix) : status;
}

static clade_status turn(const char *prefix, char **path, clade_turned_paths *turned)
{
    clade_text text = {0};
    if (!*path || (*path)[0] == '/')
        return CLADE_OK;
    clade_text_append(&text, "%s%s", prefix, *path);
    clade_status status = clade_text_status(&text);
    if (status == CLADE_OK)
        *path = turned->items[turned->count++] = text.data;
    else
        clade_text_free(&text);
    return status;
}

clade_status clade_merge_turn_paths(const clade_merge_job *job, size_t index, clade_shown_recipe *shown,
                                    clade_turned_paths *turned)
{
    const clade_recipe *recipe = job->steps.items[index].recipe;
    clade_text prefix = {0};
    clade_status status = append_prefix(job, index, &prefix);
    for (size_t m = 0; m <= recipe->n_parents && status == CLADE_OK; m++) {
        clade_recipe_parent *model = m < recipe->n_parents ? &shown->parents[m] : shown->recipe.base;
        const char *path = m < recipe->n_parents ? recipe->parents[m].path : recipe->base ? recipe->base->path : NULL;
        const clade_merge_step *from = clade_merge_steps_find(&job->steps, index, path);
        if (model && !(from && from->is_name))
            status = turn(clade_text_get(&prefix), &model->path, turned);
        if (model && status == CLADE_OK)
            status = turn(clade_text_get(&prefix), &model->adapter.path, turned);
        if (model && status == CLADE_OK)
            status = turn(clade_text_get(&prefix), &model->statistics.path, turned);
    }
    clade_text_free(&prefix);
    return status;
}

void clade_turned_paths_free(clade_turned_paths *turned)
{
    for (size_t i = 0; i < turned->count; i++)
        clade_free(turned->items[i]);
    turned->count = 0;
}
