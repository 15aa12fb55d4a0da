/* The recipe of a child out of a ledger that anyone may have written: it is read again like a file, must have the hash
 * that the ledger gives for it, and may name no file but the models of the run's experiment. */
#include <stdio.h>
#include <string.h>

#include "search/run_folder.h"
#include "search/subject_merge.h"

static clade_status parse(const clade_child_row *row, const char *name, clade_recipe **recipe)
{
    clade_json *document = NULL;
    clade_problems problems = {0};
    CLADE_TRY(clade_json_parse(clade_text_get(&row->recipe), row->recipe.length, name, CLADE_EINPUT, &document));
    const clade_json_at root = clade_json_root(document);
    clade_status status = clade_recipe_parse(&root, &problems, recipe);
    clade_json_free(document);
    const clade_status problem = clade_problems_end(&problems, CLADE_EINPUT);
    return problem != CLADE_OK ? problem : status;
}

/* A search breeds recipes of whole models, by the names of the experiment. */
static clade_status check_models(const clade_experiment *experiment, const clade_recipe *recipe, const char *name)
{
    for (size_t p = 0; p <= recipe->n_parents; p++) {
        const clade_recipe_parent *model = p < recipe->n_parents ? &recipe->parents[p] : recipe->base;
        if (!model)
            continue;
        if (p < recipe->n_parents && clade_experiment_parent(experiment, model->name) == experiment->n_parents)
            return clade_fail(CLADE_EINPUT, "%s: names the model \"%s\", which is none of its experiment's", name,
                              model->name);
        if (p == recipe->n_parents && !experiment->base)
            return clade_fail(CLADE_EINPUT, "%s: has a base, which its experiment has not", name);
        if (model->adapter.path || model->statistics.path)
            return clade_fail(CLADE_EINPUT, "%s: names the file %s, which is none of its experiment's", name,
                              model->adapter.path ? model->adapter.path : model->statistics.path);
    }
    return CLADE_OK;
}

/* The hash that the ledger recorded of a model when the run began. */
static clade_status stamp(clade_ledger *ledger, const char *name, clade_recipe_parent *model)
{
    clade_text hash = {0};
    bool found = false;
    clade_status status = clade_ledger_get_parent(ledger, name, &hash, &found);
    if (status == CLADE_OK && (!found || hash.length != CLADE_SHA256_HEX - 1))
        status = clade_fail(CLADE_EINPUT, "ledger: parents: found no hash of \"%s\"", name);
    if (status == CLADE_OK)
        memcpy(model->hash, clade_text_get(&hash), CLADE_SHA256_HEX);
    clade_text_free(&hash);
    return status;
}

static clade_status check_hash(clade_ledger *ledger, const clade_child_row *row, const char *name, clade_recipe *recipe)
{
    char hash[CLADE_SHA256_HEX];
    if (recipe->base)
        CLADE_TRY(stamp(ledger, CLADE_BASE_NAME, recipe->base));
    for (size_t p = 0; p < recipe->n_parents; p++)
        CLADE_TRY(stamp(ledger, recipe->parents[p].name, &recipe->parents[p]));
    CLADE_TRY(clade_recipe_hash(recipe, hash));
    if (strcmp(hash, row->recipe_hash) == 0)
        return CLADE_OK;
    return clade_fail(CLADE_EINPUT, "%s: its hash is %s, but the ledger says %s: one of them was changed", name, hash,
                      row->recipe_hash);
}

clade_status clade_run_recipe(clade_ledger *ledger, const clade_experiment *experiment, const clade_child_row *row,
                              clade_recipe **recipe)
{
    char name[64];
    *recipe = NULL;
    snprintf(name, sizeof name, "ledger: child %llu: recipe", (unsigned long long)row->child);
    clade_status status = parse(row, name, recipe);
    if (status == CLADE_OK)
        status = check_models(experiment, *recipe, name);
    if (status == CLADE_OK)
        status = check_hash(ledger, row, name, *recipe);
    if (status == CLADE_OK)
        status = clade_recipe_place(experiment, *recipe);
    if (status != CLADE_OK) {
        clade_recipe_free(*recipe);
        *recipe = NULL;
    }
    return status;
}
