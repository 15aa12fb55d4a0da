/* clade merge --dry-run, and what can be known before a merge begins. */
#include <string.h>
#include <sys/statvfs.h>
#include <unistd.h>

#include "clade/alloc.h"
#include "clade/files.h"
#include "clade/hub.h"
#include "search/command/command.h"
#include "search/command/merge_job.h"

/* ---- what a step needs ---- */

const char *clade_merge_job_place(const clade_merge_job *job, size_t index)
{
    const clade_merge_step *step = &job->steps.items[index];
    return step->out ? step->out : job->out;
}

/* Model number MODEL of a recipe; the base is n_parents. */
static const clade_recipe_parent *model_of(const clade_recipe *recipe, size_t model)
{
    return model < recipe->n_parents ? &recipe->parents[model] : recipe->base;
}

const clade_merge_step *clade_merge_job_waits_for(const clade_merge_job *job, size_t index)
{
    const clade_recipe *recipe = job->steps.items[index].recipe;
    for (size_t m = 0; m <= recipe->n_parents; m++) {
        const clade_recipe_parent *model = model_of(recipe, m);
        const clade_merge_step *from = model ? clade_merge_steps_find(&job->steps, index, model->path) : NULL;
        if (from)
            return from;
    }
    return NULL;
}

static void check_path(const clade_merge_job *job, size_t index, const char *path, clade_problems *problems)
{
    const char *slash = strrchr(job->source, '/'), *written = path;
    size_t folder = slash ? (size_t)(slash - job->source) + 1 : 0;
    if (!path || clade_path_exists(path) || clade_merge_steps_find(&job->steps, index, path))
        return;
    if (strncmp(path, job->source, folder) == 0) /* paths are relative to the file they were written in */
        written = path + folder;
    clade_text text = {0};
    clade_hub_append_missing(path, written, &text);
    clade_problem(problems, "%s", clade_text_get(&text));
    clade_text_free(&text);
}

void clade_merge_job_missing(const clade_merge_job *job, size_t index, clade_problems *problems)
{
    const clade_recipe *recipe = job->steps.items[index].recipe;
    if (recipe->base)
        check_path(job, index, recipe->base->path, problems);
    for (size_t p = 0; p < recipe->n_parents; p++) {
        check_path(job, index, recipe->parents[p].path, problems);
        check_path(job, index, recipe->parents[p].adapter.path, problems);
        check_path(job, index, recipe->parents[p].statistics.path, problems);
    }
}

/* ---- the plan, for people ---- */

typedef struct planner {
    const clade_merge_job *job;
    clade_text text;
    clade_problems problems;
    clade_status status;    /* of the first problem */
    uint64_t bytes, memory; /* written by all steps; the most that one takes */
} planner;

static void add_failure(planner *self, clade_status status)
{
    if (status == CLADE_OK)
        return;
    clade_problem(&self->problems, "%s", clade_error_message());
    self->status = self->status == CLADE_OK ? status : self->status;
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

static void append_outlook(planner *self, const clade_merge *merge, size_t index)
{
    const char *place = clade_merge_job_place(self->job, index);
    const clade_method *method = self->job->steps.items[index].recipe->method;
    clade_merge_outlook look;
    clade_merge_look(merge, self->job->shard_bytes, &look);
    if (look.adapter) {
        clade_text_append(&self->text, "output    %s: an adapter\n", place);
        return;
    }
    clade_text_append(&self->text, "output    %s: %llu tensors, %llu parameters, ", place,
                      (unsigned long long)look.tensors, (unsigned long long)look.elements);
    clade_text_append_size(&self->text, look.written_bytes);
    clade_text_append(&self->text, " in %llu file%s\nreads     ", (unsigned long long)look.shards,
                      look.shards == 1 ? "" : "s");
    clade_text_append_size(&self->text, look.read_bytes);
    clade_text_append(&self->text, "\nfirst pass %s\nmemory    ", first_pass(method));
    clade_text_append_size(&self->text, look.memory_bytes);
    clade_text_append(&self->text, " besides mapped files, %zu thread%s\n", look.threads, look.threads == 1 ? "" : "s");
    self->bytes += look.written_bytes;
    self->memory = look.memory_bytes > self->memory ? look.memory_bytes : self->memory;
}

/* A step whose models are there. */
static void plan_merge(planner *self, size_t index)
{
    clade_merge *merge = NULL;
    clade_status status = clade_merge_open(self->job->steps.items[index].recipe, self->job->threads, &merge);
    if (status == CLADE_OK)
        status = clade_merge_describe(merge, &self->text);
    if (status == CLADE_OK)
        append_outlook(self, merge, index);
    add_failure(self, status);
    clade_merge_close(merge);
}

static void plan_step(planner *self, size_t index)
{
    const clade_merge_steps *steps = &self->job->steps;
    const clade_merge_step *step = &steps->items[index], *from = clade_merge_job_waits_for(self->job, index);
    size_t known = self->problems.count;
    if (steps->count > 1)
        clade_text_append(&self->text, "%smerge %zu of %zu: %s%s\n", index > 0 ? "\n" : "", index + 1, steps->count,
                          step->shown ? step->shown : self->job->out, step->is_result ? "" : ", for later ones");
    clade_text_append(&self->text, "method    %s (%s)\n", step->recipe->method->name, step->recipe->method->title);
    clade_merge_job_missing(self->job, index, &self->problems);
    if (self->problems.count > known)
        self->status = self->status == CLADE_OK ? CLADE_EINPUT : self->status;
    else if (from)
        clade_text_append(&self->text, "output    %s: known when %s is made\n", clade_merge_job_place(self->job, index),
                          from->shown);
    else
        plan_merge(self, index);
}

/* What the disk that OUT would be on has left; UINT64_MAX: not known. */
static uint64_t free_disk(const char *out)
{
    struct statvfs disk;
    char *folder = clade_path_beside(out, ".");
    bool known = folder && statvfs(folder, &disk) == 0;
    clade_free(folder);
    return known ? (uint64_t)disk.f_bavail * disk.f_frsize : UINT64_MAX;
}

static uint64_t machine_memory(void)
{
    long pages = sysconf(_SC_PHYS_PAGES), bytes = sysconf(_SC_PAGESIZE);
    return pages > 0 && bytes > 0 ? (uint64_t)pages * (uint64_t)bytes : UINT64_MAX;
}

static void check_machine(planner *self)
{
    const char *out = self->job->out;
    uint64_t disk = free_disk(out), memory = machine_memory();
    size_t known = self->problems.count;
    if (clade_path_exists(out))
        clade_problem(&self->problems, "%s: exists already; expected a folder name that is free", out);
    if (self->problems.count > known && self->status == CLADE_OK)
        self->status = CLADE_EUSAGE;
    known = self->problems.count;
    if (disk < self->bytes)
        clade_problem(&self->problems, "%s: the disk has %.2f GB free, the result needs %.2f GB", out,
                      (double)disk / 1e9, (double)self->bytes / 1e9);
    if (memory < self->memory)
        clade_problem(&self->problems, "%s: takes %.2f GB of memory, this machine has %.2f GB", self->job->source,
                      (double)self->memory / 1e9, (double)memory / 1e9);
    if (self->problems.count > known && self->status == CLADE_OK)
        self->status = CLADE_EIO;
}

clade_status clade_merge_job_plan(const clade_merge_job *job)
{
    planner self = {.job = job};
    for (size_t i = 0; i < job->steps.count; i++)
        plan_step(&self, i);
    check_machine(&self);
    clade_status written = clade_finish_output(CLADE_OK, &self.text);
    clade_status status = clade_problems_end(&self.problems, self.status);
    return status != CLADE_OK ? status : written;
}
