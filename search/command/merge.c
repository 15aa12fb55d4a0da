/* clade merge: a recipe, a mergekit YAML or a child of a run to a Hugging Face checkpoint folder. */
#include "clade/merge.h"

#include <string.h>
#include <sys/statvfs.h>

#include "clade/alloc.h"
#include "clade/files.h"
#include "clade/log.h"
#include "search/command/command.h"
#include "search/command/progress.h"
#include "search/command/recipe_source.h"
#include "search/command/stop.h"
#include "search/export/card.h"

typedef struct merge_options {
    uint64_t shard_bytes, threads;
    bool dry_run, verify;
} merge_options;

/* ---- one merge, with its progress ---- */

typedef struct watch {
    clade_progress_view view;
    double since;
} watch;

static void show_progress(void *context, uint64_t done, uint64_t total)
{
    watch *self = context;
    clade_progress_bytes(&self->view, "written", done, total, self->since, done == total);
}

static bool must_stop(void *context)
{
    (void)context;
    return clade_stop_requested();
}

static clade_status write_merge(clade_merge *merge, const clade_recipe *recipe, const char *out,
                                const merge_options *options)
{
    clade_text card = {0}, json = {0};
    watch seen = {clade_progress_view_new(), clade_progress_now()};
    clade_status status = clade_merge_stamp(merge);
    if (status == CLADE_OK)
        status = clade_model_card(recipe, NULL, 0, &card);
    clade_recipe_print(recipe, true, &json);
    clade_text_append(&json, "\n");
    if (status == CLADE_OK)
        status = clade_text_status(&json);
    const clade_merge_output output = {.shard_bytes = options->shard_bytes,
                                       .card = clade_text_get(&card),
                                       .recipe_name = "clade_recipe.json",
                                       .recipe_text = clade_text_get(&json),
                                       .verify = options->verify,
                                       .progress = show_progress,
                                       .context = &seen,
                                       .stop = must_stop};
    seen.since = clade_progress_now();
    if (status == CLADE_OK)
        status = clade_merge_write(merge, out, &output);
    clade_progress_end(&seen.view);
    if (status == CLADE_EINTERRUPTED)
        status = clade_fail(status,
                            "%s: interrupted; what is finished lies in %s.partial, and the same command goes on "
                            "from there",
                            out, out);
    clade_text_free(&card);
    clade_text_free(&json);
    return status;
}

/* ---- the plan, for people ---- */

static void append_models(const clade_recipe *recipe, clade_text *text)
{
    if (recipe->base)
        clade_text_append(text, "base      %s\n", recipe->base->path);
    for (size_t p = 0; p < recipe->n_parents; p++) {
        const clade_recipe_parent *parent = &recipe->parents[p];
        clade_text_append(text, "parent    %s: %s%s%s\n", parent->name, parent->path ? parent->path : "the base",
                          parent->adapter.path ? " with adapter " : "",
                          parent->adapter.path ? parent->adapter.path : "");
    }
}

/* The disk that OUT would be on has too little room. */
static bool is_disk_small(const char *out, uint64_t bytes, uint64_t *free_bytes)
{
    struct statvfs disk;
    char *folder = clade_path_beside(out, ".");
    bool known = folder && statvfs(folder, &disk) == 0;
    clade_free(folder);
    *free_bytes = known ? (uint64_t)disk.f_bavail * disk.f_frsize : UINT64_MAX;
    return *free_bytes < bytes;
}

static const char *first_pass(const clade_method *method)
{
    static const char *const words[] = {
        [CLADE_NO_SURVEY] = "none: tensors are read once",
        [CLADE_SURVEY_TENSOR] = "over each tensor, before it is made",
        [CLADE_SURVEY_RULE] = "over all tensors of a rule, before the first is made",
    };
    return words[method->survey_scope];
}

static clade_status print_plan(const clade_merge *merge, const clade_recipe *recipe, const char *out,
                               const merge_options *options)
{
    clade_merge_outlook look;
    clade_text text = {0};
    clade_problems problems = {0};
    uint64_t free_bytes;
    clade_merge_look(merge, options->shard_bytes, &look);
    clade_text_append(&text, "method    %s (%s)\n", recipe->method->name, recipe->method->title);
    append_models(recipe, &text);
    if (look.adapter)
        clade_text_append(&text, "output    %s: an adapter\n", out);
    else
        clade_text_append(&text,
                          "output    %s: %llu tensors, %llu parameters, %.2f GB in %llu file%s\n"
                          "reads     %.2f GB\nfirst pass %s\nmemory    %.0f MB besides mapped files, %zu thread%s\n",
                          out, (unsigned long long)look.tensors, (unsigned long long)look.elements,
                          (double)look.written_bytes / 1e9, (unsigned long long)look.shards,
                          look.shards == 1 ? "" : "s", (double)look.read_bytes / 1e9, first_pass(recipe->method),
                          (double)look.memory_bytes / 1e6, look.threads, look.threads == 1 ? "" : "s");
    if (clade_path_exists(out))
        clade_problem(&problems, "%s: exists already; expected a folder name that is free", out);
    if (is_disk_small(out, look.written_bytes, &free_bytes))
        clade_problem(&problems, "%s: the disk has %.2f GB free, the result needs %.2f GB", out,
                      (double)free_bytes / 1e9, (double)look.written_bytes / 1e9);
    clade_status status = clade_problems_end(&problems, CLADE_EUSAGE);
    return clade_finish_output(status, &text);
}

static clade_status merge_recipe(clade_recipe *recipe, const char *out, const merge_options *options)
{
    clade_merge *merge = NULL;
    CLADE_TRY(clade_merge_open(recipe, options->threads, &merge));
    clade_status status =
        options->dry_run ? print_plan(merge, recipe, out, options) : write_merge(merge, recipe, out, options);
    clade_merge_close(merge);
    if (status == CLADE_OK && !options->dry_run)
        clade_log(CLADE_LOG_INFO, "%s: written%s (%s of %zu parents)", out, options->verify ? " and verified" : "",
                  recipe->method->name, recipe->n_parents);
    return status;
}

static clade_status merge(const char *source, const char *out, const merge_options *options)
{
    clade_recipe *recipe = NULL;
    if (!options->dry_run && clade_path_exists(out))
        return clade_fail(CLADE_EUSAGE, "%s: exists already; expected a folder name that is free", out);
    clade_stop_catch();
    clade_status status = clade_recipe_open(source, &recipe);
    if (status == CLADE_OK)
        status = merge_recipe(recipe, out, options);
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
    merge_options given = {0};
    bool json = false, yaml = false;
    const clade_option options[] = {
        {"--dry-run", NULL, CLADE_OPTION_FLAG, &given.dry_run,
         "say what would be read and written, the memory it takes and every problem; nothing is made"},
        {"--verify", NULL, CLADE_OPTION_FLAG, &given.verify, "read everything again when it is written, and compare"},
        {"--threads", "N", CLADE_OPTION_COUNT, &given.threads, "threads (all CPUs); the result does not depend on it"},
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
    given.shard_bytes = shard_megabytes * 1000000;
    return merge(arguments.items[0], arguments.items[1], &given);
}

const clade_command clade_command_merge = {
    .name = "merge",
    .synopsis = "RECIPE.json|MERGEKIT.yml|RUN:CHILD OUT_DIR [--dry-run] [--verify] [--threads N] [--shard-size MB] | "
                "RECIPE --json|--mergekit",
    .summary = "make a checkpoint from a recipe, a mergekit YAML or a child of a run (RUN:best: the front's best)",
    .run = run,
};
