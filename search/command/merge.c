/* clade merge: a recipe, a mergekit YAML or a child of a run to a Hugging Face checkpoint folder. */
#include "clade/merge.h"
#include "clade/files.h"
#include "clade/log.h"
#include "search/command/command.h"
#include "search/command/recipe_source.h"
#include "search/export/card.h"

/* The parents' content hashes, which the card shows. */
static clade_status stamp(clade_recipe *recipe)
{
    const char *parents[CLADE_MAX_PARENTS];
    clade_family *family = NULL;
    for (size_t i = 0; i < recipe->n_parents; i++)
        parents[i] = recipe->parents[i].path;
    CLADE_TRY(clade_family_open(recipe->base ? recipe->base->path : NULL, parents, recipe->n_parents, &family));
    clade_status status = clade_family_stamp(family, recipe);
    clade_family_close(family);
    return status;
}

static clade_status merge(const char *source, const char *out, uint64_t shard_bytes)
{
    clade_recipe *recipe = NULL;
    clade_text card = {0};
    if (clade_path_exists(out))
        return clade_fail(CLADE_EUSAGE, "%s: exists already; expected a folder name that is free", out);
    clade_status status = clade_recipe_open(source, &recipe);
    if (status == CLADE_OK)
        status = stamp(recipe);
    if (status == CLADE_OK)
        status = clade_model_card(recipe, NULL, 0, &card);
    if (status == CLADE_OK)
        status = clade_merge_to_folder(recipe, out, shard_bytes, clade_text_get(&card));
    if (status == CLADE_OK)
        clade_log(CLADE_LOG_INFO, "%s: written (%s of %zu parents)", out, recipe->method->name, recipe->n_parents);
    clade_text_free(&card);
    clade_recipe_free(recipe);
    return status;
}

/* The recipe as JSON or mergekit YAML on stdout, without merging. */
static clade_status print_recipe(const char *source, bool yaml)
{
    clade_recipe *recipe = NULL;
    clade_text text = {0};
    clade_status status = clade_recipe_open(source, &recipe);
    if (status == CLADE_OK && yaml)
        status = clade_recipe_to_mergekit(recipe, &text);
    else if (status == CLADE_OK)
        clade_recipe_print(recipe, true, &text);
    clade_recipe_free(recipe);
    return clade_finish_output(status, &text);
}

static clade_status run(int argc, char **argv)
{
    uint64_t shard_megabytes = 0;
    bool json = false, yaml = false;
    const clade_option options[] = {
        {"--shard-size", "MB", CLADE_OPTION_COUNT, &shard_megabytes,
         "start a new file above this many megabytes (5000)"},
        {"--json", NULL, CLADE_OPTION_FLAG, &json, "only print the recipe as JSON"},
        {"--mergekit", NULL, CLADE_OPTION_FLAG, &yaml, "only print the recipe as mergekit YAML"},
    };
    clade_arguments arguments;
    CLADE_TRY(clade_parse_arguments(&clade_command_merge, argc, argv, options, sizeof options / sizeof options[0], 1, 2,
                                    &arguments));
    if (arguments.help)
        return CLADE_OK;
    if (json || yaml)
        return print_recipe(arguments.items[0], yaml);
    if (arguments.count != 2)
        return clade_fail(CLADE_EUSAGE, "clade merge: OUT_DIR is missing\nusage: clade merge %s",
                          clade_command_merge.synopsis);
    if (shard_megabytes > UINT64_MAX / 1000000)
        return clade_fail(CLADE_EUSAGE, "clade merge: --shard-size: found %llu, expected at most %llu",
                          (unsigned long long)shard_megabytes, (unsigned long long)(UINT64_MAX / 1000000));
    return merge(arguments.items[0], arguments.items[1], shard_megabytes * 1000000);
}

const clade_command clade_command_merge = {
    .name = "merge",
    .synopsis = "RECIPE.json|MERGEKIT.yml|RUN:CHILD OUT_DIR [--shard-size MB] | RECIPE --json|--mergekit",
    .summary = "make a checkpoint from a recipe, a mergekit YAML or a child of a run (RUN:best: the front's best)",
    .run = run,
};
