/* clade merge: a recipe, a mergekit YAML or a child of a run to a Hugging Face checkpoint folder. */
#include "clade/merge.h"

#include <string.h>

#include "clade/alloc.h"
#include "clade/clock.h"
#include "clade/files.h"
#include "clade/log.h"
#include "search/command/command.h"
#include "search/command/merge_job.h"
#include "search/command/merge_work.h"
#include "search/command/progress.h"
#include "search/command/stop.h"
#include "search/export/card.h"
#include "search/export/shown.h"

enum { MOST_THREADS = 1024 };

/* ---- progress: one line on a terminal; in a log one every ten seconds, none for what takes less ---- */

typedef struct watch {
    clade_progress_view view;
    double since;
} watch;

static watch watch_new(void)
{
    watch self = {clade_progress_view_new(), clade_clock_now()};
    self.view.last = self.since;
    return self;
}

static void show_progress(void *context, uint64_t done, uint64_t total)
{
    watch *self = context;
    clade_progress_bytes(&self->view, "written", done, total, self->since, self->view.shown && done == total);
}

static bool must_stop(void *context)
{
    (void)context;
    return clade_stop_requested();
}

/* ---- one merge ---- */

/* The recipe with what models that are made on the way are called. */
static void show_recipe(const clade_merge_job *job, size_t index, clade_shown_recipe *shown)
{
    clade_shown_recipe_init(shown, job->steps.items[index].recipe);
    for (size_t m = 0; m <= shown->recipe.n_parents; m++) {
        clade_recipe_parent *model = m < shown->recipe.n_parents ? &shown->parents[m] : shown->recipe.base;
        const clade_merge_step *from = model ? clade_merge_steps_find(&job->steps, index, model->path) : NULL;
        if (from)
            model->path = from->shown;
    }
}

static clade_status append_texts(const clade_merge_job *job, size_t index, clade_text *card, clade_text *json)
{
    clade_shown_recipe shown;
    clade_turned_paths turned = {0};
    show_recipe(job, index, &shown);
    CLADE_TRY(clade_model_card(job->steps.items[index].recipe, &shown.recipe, NULL, 0, card));
    clade_status status = clade_merge_turn_paths(job, index, &shown, &turned);
    if (status == CLADE_OK) {
        clade_recipe_print(&shown.recipe, true, json);
        clade_text_append(json, "\n");
        status = clade_text_status(json);
    }
    clade_turned_paths_free(&turned);
    return status;
}

static clade_status write_merge(const clade_merge_job *job, size_t index, clade_merge *merge)
{
    const char *place = clade_merge_job_place(job, index);
    clade_text card = {0}, json = {0};
    watch seen = watch_new();
    clade_status status = append_texts(job, index, &card, &json);
    const clade_merge_output output = {.shard_bytes = job->shard_bytes,
                                       .card = clade_text_get(&card),
                                       .recipe_name = "clade_recipe.json",
                                       .recipe_text = clade_text_get(&json),
                                       .verify = job->verify,
                                       .progress = show_progress,
                                       .context = &seen,
                                       .stop = must_stop};
    if (status == CLADE_OK)
        status = clade_merge_write(merge, place, &output);
    clade_progress_end(&seen.view);
    if (status == CLADE_EINTERRUPTED)
        status = clade_fail(status,
                            "%s: interrupted; what is finished lies in %s.partial, and the same command goes on "
                            "from there",
                            job->out, place);
    clade_text_free(&card);
    clade_text_free(&json);
    return status;
}

static void log_written(const clade_merge_job *job, size_t index, const clade_merge *merge, double since)
{
    const clade_recipe *recipe = job->steps.items[index].recipe;
    clade_merge_outlook look;
    clade_merge_look(merge, job->shard_bytes, &look);
    clade_text text = {0};
    clade_text_append(&text, "%s: written%s (%s of %zu parent%s, ", clade_merge_job_place(job, index),
                      job->verify && !look.adapter ? " and verified" : "", recipe->method->name, recipe->n_parents,
                      recipe->n_parents == 1 ? "" : "s");
    if (!look.adapter)
        clade_text_append_size(&text, look.written_bytes);
    clade_text_append(&text, "%sin %.1f s)", look.adapter ? "" : " ", clade_clock_now() - since);
    clade_log(CLADE_LOG_INFO, "%s", clade_text_get(&text));
    clade_text_free(&text);
}

static clade_status make_step(const clade_merge_job *job, size_t index)
{
    const clade_merge_step *step = &job->steps.items[index];
    const double since = clade_clock_now();
    clade_merge *merge = NULL;
    bool found = false;
    CLADE_TRY(clade_merge_open(step->recipe, job->threads, &merge));
    clade_status status = clade_merge_stamp(merge);
    if (status == CLADE_OK && step->out)
        status = clade_work_find(step->out, step->recipe, &found);
    if (status == CLADE_OK && !found)
        status = write_merge(job, index, merge);
    if (status == CLADE_OK && step->out && !found)
        status = clade_work_made(step->out, step->recipe);
    if (status == CLADE_OK && found)
        clade_log(CLADE_LOG_INFO, "%s: is there already, made from the same recipe", step->out);
    else if (status == CLADE_OK)
        log_written(job, index, merge, since);
    clade_merge_close(merge);
    return status;
}

/* ---- all of them ---- */

/* What is wrong with any step is said before the first one is made, as far as it can be known. */
static clade_status check_steps(const clade_merge_job *job)
{
    clade_problems problems = {0};
    for (size_t i = 0; i < job->steps.count; i++)
        clade_merge_job_missing(job, i, &problems);
    CLADE_TRY(clade_problems_end(&problems, CLADE_EINPUT));
    for (size_t i = 0; i < job->steps.count && job->steps.count > 1; i++) {
        clade_merge *merge = NULL;
        if (clade_merge_job_waits_for(job, i))
            continue;
        CLADE_TRY(clade_merge_open(job->steps.items[i].recipe, job->threads, &merge));
        clade_merge_close(merge);
    }
    return CLADE_OK;
}

static clade_status make_all(const clade_merge_job *job)
{
    const clade_merge_steps *steps = &job->steps;
    CLADE_TRY(check_steps(job));
    if (steps->count > 1)
        CLADE_TRY(clade_work_open(job->work));
    for (size_t i = 0; i < steps->count; i++)
        CLADE_TRY(make_step(job, i));
    for (size_t i = 0; i < steps->count && steps->many; i++)
        if (!steps->items[i].is_result)
            CLADE_TRY(clade_work_forget(steps->items[i].out));
    if (steps->many) {
        CLADE_TRY(clade_work_become(job->work, job->out));
        clade_log(CLADE_LOG_INFO, "%s: has all of them", job->out);
    }
    return steps->count > 1 && !steps->many ? clade_work_remove(job->work) : CLADE_OK;
}

static clade_status merge(clade_merge_job *job, bool dry_run)
{
    bool is_free = true;
    if (!dry_run)
        CLADE_TRY(clade_path_is_free(job->out, &is_free));
    if (!is_free)
        return clade_fail(CLADE_EUSAGE, "%s: exists already; expected a folder name that is free", job->out);
    clade_stop_catch();
    job->work = clade_work_path(job->out);
    clade_status status = job->work ? CLADE_OK : clade_fail_memory(strlen(job->out), "the name of a folder");
    if (status == CLADE_OK)
        status = clade_merge_steps_open(job->source, job->out, job->work, &job->steps);
    if (status == CLADE_OK)
        status = dry_run ? clade_merge_job_plan(job) : make_all(job);
    clade_merge_steps_free(&job->steps);
    clade_free(job->work);
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
    clade_merge_job job = {0};
    bool json = false, yaml = false, dry_run = false;
    const clade_option options[] = {
        {"--dry-run", NULL, CLADE_OPTION_FLAG, &dry_run,
         "say what would be read and written, the memory it takes and every problem; nothing is made"},
        {"--verify", NULL, CLADE_OPTION_FLAG, &job.verify, "read everything again when it is written, and compare"},
        {"--threads", "N", CLADE_OPTION_COUNT, &job.threads, "threads (all CPUs); the result does not depend on it"},
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
    if (job.threads > MOST_THREADS)
        return clade_fail(CLADE_EUSAGE, "clade merge: --threads: found %llu, expected at most %d",
                          (unsigned long long)job.threads, MOST_THREADS);
    job.shard_bytes = shard_megabytes * 1000000;
    job.source = arguments.items[0];
    job.out = arguments.items[1];
    return merge(&job, dry_run);
}

const clade_command clade_command_merge = {
    .name = "merge",
    .synopsis = "RECIPE.json|MERGEKIT.yml|RUN:CHILD OUT_DIR [--dry-run] [--verify] [--threads N] [--shard-size MB] | "
                "RECIPE --json|--mergekit",
    .summary = "make a checkpoint from a recipe, a mergekit YAML or a child of a run (RUN:best: the front's best)",
    .run = run,
};
