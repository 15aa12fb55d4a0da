/* clade bench merge: how near a merge comes to the rate at which memory can be read and written.
 *
 * The floor of a method is the bytes that must move (every parent and the base once, the child once) at the rate of
 * memcpy (bytes read and written), measured between the merges with as many threads. Parents are mapped files in the
 * page cache, as in a search. Methods on whole matrices do so much arithmetic that bytes say nothing: they get smaller
 * matrices, and milliseconds.
 *
 * The second table is a worker's view: children of eight small parents, made afresh, with the surveys of earlier
 * children kept, and with nothing changed but one of the sites. */
#include <math.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "clade/alloc.h"
#include "clade/clock.h"
#include "clade/files.h"
#include "clade/json.h"
#include "clade/merge.h"
#include "clade/rng.h"
#include "search/command/bench.h"
#include "search/command/command.h"

enum { PARENTS = 3, SMALL_PARENTS = 8, MAX_TENSORS = 64, PATH_BYTES = 512, FOLDER_BYTES = 401 };
enum { RUNS = 3, KEPT_BYTES = 1 << 28, COPY_BYTES = 1 << 27 };

/* A family of random models in files. */
typedef struct zoo {
    const char *name;
    clade_dtype dtype;
    uint64_t rows, columns;
    size_t n_tensors, n_parents;
} zoo;

static const zoo large_f32 = {"large-f32", CLADE_F32, 2048, 8192, 1, PARENTS};
static const zoo large_bf16 = {"large-bf16", CLADE_BF16, 2048, 8192, 1, PARENTS};
static const zoo matrices = {"matrices", CLADE_F32, 384, 512, 1, PARENTS};
static const zoo small = {"small", CLADE_F32, 96, 384, 18, SMALL_PARENTS};

typedef struct bench {
    char folder[FOLDER_BYTES];
    clade_json_writer *writer; /* NULL: a table for people */
    clade_team *team;          /* all threads */
} bench;

/* ---- models ---- */

static void file_name(const bench *self, const zoo *of, const char *what, size_t number, char path[PATH_BYTES])
{
    snprintf(path, PATH_BYTES, "%.400s/%s-%s%zu.safetensors", self->folder, of->name, what, number);
}

/* Deltas are a tenth of the weights. Statistics: "fisher" as large as the model, "gram" a matrix for every tensor. */
static void fill(const char *what, size_t number, uint64_t tensor, uint64_t columns, size_t count, float *values)
{
    clade_rng base = clade_rng_seeded(1, tensor), delta = clade_rng_seeded(2 + number, tensor);
    bool gram = strcmp(what, "gram") == 0, fisher = strcmp(what, "fisher") == 0;
    for (size_t i = 0; i < count; i++) {
        double x = clade_rng_uniform(&base) - 0.5, d = clade_rng_uniform(&delta) - 0.5;
        values[i] = (float)(gram                        ? (double)(i / columns == i % columns) + 1e-4 * (x + d)
                            : fisher                    ? d * d
                            : strcmp(what, "base") == 0 ? x
                                                        : x + 0.1 * d);
    }
}

static clade_status write_model(const bench *self, const zoo *of, const char *what, size_t number)
{
    bool gram = strcmp(what, "gram") == 0;
    const uint64_t shape[] = {gram ? of->columns : of->rows, of->columns};
    size_t count = (size_t)(shape[0] * shape[1]), bytes = count * clade_dtype_of(of->dtype)->bits / 8;
    clade_tensor tensors[MAX_TENSORS];
    char names[MAX_TENSORS][48], path[PATH_BYTES];
    float *values = clade_malloc(count * sizeof *values);
    unsigned char *data = clade_malloc(of->n_tensors * bytes);
    clade_status status = values && data ? CLADE_OK : clade_fail_memory(of->n_tensors * bytes, "the models of a bench");
    for (size_t t = 0; t < of->n_tensors && status == CLADE_OK; t++) {
        fill(what, number, t, of->columns, count, values);
        clade_narrow(of->dtype, values, count, data + t * bytes);
        snprintf(names[t], sizeof names[t], "model.layers.%zu.w", t);
        tensors[t] = (clade_tensor){names[t], of->dtype, 2, shape, count, bytes, data + t * bytes};
    }
    file_name(self, of, what, number, path);
    if (status == CLADE_OK)
        status = clade_safetensors_write(path, tensors, of->n_tensors, NULL, NULL);
    clade_free(values);
    clade_free(data);
    return status;
}

static clade_status write_zoo(const bench *self, const zoo *of)
{
    CLADE_TRY(write_model(self, of, "base", 0));
    for (size_t p = 0; p < of->n_parents; p++)
        CLADE_TRY(write_model(self, of, "parent", p));
    return write_model(self, of, of == &matrices ? "gram" : "fisher", 0);
}

/* ---- recipes ---- */

static bool set_path(char **to, const char *path)
{
    *to = clade_strdup(path);
    return *to != NULL;
}

static bool fill_models(const bench *self, const zoo *of, clade_recipe *recipe)
{
    char path[PATH_BYTES], name[32];
    bool filled = true;
    for (size_t p = 0; p < recipe->n_parents && filled; p++) {
        snprintf(name, sizeof name, "parent%zu", p);
        file_name(self, of, "parent", p, path);
        filled = set_path(&recipe->parents[p].name, name) && set_path(&recipe->parents[p].path, path);
        if (recipe->method->statistics) {
            file_name(self, of, recipe->method->statistics, 0, path);
            filled = filled && set_path(&recipe->parents[p].statistics.path, path);
        }
    }
    if (recipe->method->base == CLADE_BASE_IGNORED || !filled)
        return filled;
    recipe->base = clade_calloc(1, sizeof *recipe->base);
    file_name(self, of, "base", 0, path);
    return recipe->base && set_path(&recipe->base->name, "base") && set_path(&recipe->base->path, path);
}

/* Published settings: weights that sum to one, half of the elements kept. */
static void set_values(const clade_method *method, size_t n_parents, clade_rule *rule)
{
    for (size_t k = 0; k < method->n_parameters; k++) {
        const char *name = method->parameters[k].name;
        for (size_t p = 0; p < n_parents; p++) {
            double *value = &rule->parent[p * method->n_parameters + k];
            if (method->parameters[k].scope != CLADE_PER_PARENT)
                break;
            if (strcmp(name, "weight") == 0)
                *value = 1 / (double)n_parents;
            if (strcmp(name, "density") == 0)
                *value = 0.5;
        }
        if (strcmp(name, "t") == 0)
            rule->site[k] = 0.5;
    }
}

/* The first rule holds for the first tensor, the second for all others. */
static clade_status make_recipe(const bench *self, const zoo *of, const clade_method *method, clade_recipe **recipe)
{
    size_t n = of->n_parents < method->max_parents ? of->n_parents : method->max_parents;
    CLADE_TRY(clade_recipe_new(method, n, 2, recipe));
    (*recipe)->out_dtype = of->dtype; /* what it is anyway: see change() */
    static const char *const patterns[] = {"*.layers.0.*", "*"};
    bool filled = fill_models(self, of, *recipe);
    for (size_t r = 0; r < 2 && filled; r++) {
        clade_rule *rule = &(*recipe)->rules[r];
        rule->patterns = clade_calloc(1, sizeof *rule->patterns);
        rule->n_patterns = rule->patterns ? 1 : 0;
        filled = rule->patterns && set_path(&rule->patterns[0], patterns[r]);
        set_values(method, n, rule);
    }
    if (filled)
        return CLADE_OK;
    clade_recipe_free(*recipe);
    return clade_fail_memory(sizeof **recipe, "a recipe");
}

/* What a method changes from child to child in these tables: a parameter that it has. */
static const char *changing(const clade_method *method)
{
    static const char *const names[] = {"weight", "lambda", "t", "scale", "tol", "epsilon", "select_topk"};
    for (size_t i = 0; i < sizeof names / sizeof names[0]; i++)
        if (clade_method_parameter(method, names[i]) < method->n_parameters)
            return names[i];
    return "";
}

/* Change parameter NAME in the first N_RULES rules, so that the next child is another one. For a method without any
 * number that could be changed, the recipe says its dtype or leaves it to be found: enough to have the child made anew. */
static void change(clade_recipe *recipe, size_t n_rules, const char *name, double factor)
{
    const clade_method *method = recipe->method;
    size_t k = clade_method_parameter(method, name);
    recipe->has_out_dtype = recipe->has_out_dtype != (*name == '\0');
    for (size_t r = 0; r < n_rules && k < method->n_parameters; r++) {
        bool per_parent = method->parameters[k].scope == CLADE_PER_PARENT;
        for (size_t p = 0; p < (per_parent ? recipe->n_parents : 1); p++)
            *(per_parent ? &recipe->rules[r].parent[p * method->n_parameters + k] : &recipe->rules[r].site[k]) *=
                factor;
    }
}

/* ---- timing ---- */

typedef struct copy_job {
    unsigned char *to;
    const unsigned char *from;
    size_t part;
} copy_job;

static clade_status copy_part(void *context, size_t index, size_t thread)
{
    const copy_job *self = context;
    (void)thread;
    memcpy(self->to + index * self->part, self->from + index * self->part, self->part);
    return CLADE_OK;
}

/* Bytes read and written in a second by memcpy. */
static clade_status copy_rate(clade_team *team, double *rate)
{
    unsigned char *memory = clade_calloc(2, COPY_BYTES);
    if (!memory)
        return clade_fail_memory(2 * (size_t)COPY_BYTES, "the floor of a bench");
    copy_job job = {memory, memory + COPY_BYTES, COPY_BYTES / 16};
    clade_status status = CLADE_OK;
    double best = INFINITY;
    memset(memory, 1, 2 * (size_t)COPY_BYTES);
    for (int run = 0; run < 2 * RUNS && status == CLADE_OK; run++) {
        double begin = clade_clock_now();
        status = clade_team_run(team, 16, copy_part, &job);
        best = fmin(best, clade_clock_now() - begin);
    }
    clade_free(memory);
    *rate = 2.0 * COPY_BYTES / best;
    return status;
}

/* The shortest time of a few children; N_RULES of the recipe change from each to the next. */
static clade_status time_children(clade_recipe *recipe, const clade_child_options *options, size_t n_rules,
                                  double *seconds)
{
    clade_family *family;
    clade_child *child = NULL;
    CLADE_TRY(clade_family_open_recipe(recipe, &family));
    clade_status status = clade_child_new(family, options, &child);
    *seconds = INFINITY;
    const char *changes = changing(recipe->method);
    for (int run = 0; run <= RUNS && status == CLADE_OK; run++) {
        double begin = clade_clock_now();
        status = clade_child_make(child, recipe);
        if (run > 0) /* the first one maps the files */
            *seconds = fmin(*seconds, clade_clock_now() - begin);
        change(recipe, n_rules, changes, run % 2 ? 1.25 : 0.8);
    }
    clade_child_free(child);
    clade_family_close(family);
    return status;
}

/* ---- tables ---- */

static double bytes_moved(const zoo *of, const clade_recipe *recipe)
{
    double tensor = (double)(of->rows * of->columns * of->n_tensors) * clade_dtype_of(of->dtype)->bits / 8;
    return tensor * (double)(recipe->n_parents + (recipe->base ? 1 : 0) + 1);
}

static void put_speed(const bench *self, const char *method, const zoo *of, size_t threads, double seconds,
                      double bytes, double floor_rate)
{
    if (!self->writer) {
        printf("%-18s %-6s %7zu %10.1f %10.2f %8.0f %%\n", method, clade_dtype_of(of->dtype)->name, threads,
               1e3 * seconds, bytes / seconds / 1e9, 100 * bytes / seconds / floor_rate);
        return;
    }
    clade_json_begin_object(self->writer, NULL);
    clade_json_put_string(self->writer, "method", method);
    clade_json_put_string(self->writer, "dtype", clade_dtype_of(of->dtype)->name);
    clade_json_put_u64(self->writer, "threads", threads);
    clade_json_put_number(self->writer, "milliseconds", 1e3 * seconds);
    clade_json_put_number(self->writer, "bytes_per_second", bytes / seconds);
    clade_json_put_number(self->writer, "memcpy_bytes_per_second", floor_rate);
    clade_json_end_object(self->writer);
}

static clade_status bench_speed(const bench *self, const clade_method *method, const zoo *of, clade_team *team)
{
    clade_recipe *recipe;
    double seconds = 0, rate = 0;
    const clade_child_options options = {.team = team};
    CLADE_TRY(make_recipe(self, of, method, &recipe));
    clade_status status = copy_rate(team, &rate);
    if (status == CLADE_OK)
        status = time_children(recipe, &options, recipe->n_rules, &seconds);
    if (status == CLADE_OK)
        put_speed(self, method->name, of, clade_team_size(team), seconds, bytes_moved(of, recipe), rate);
    clade_recipe_free(recipe);
    return status;
}

static clade_status bench_savings(const bench *self, const clade_method *method)
{
    double afresh = 0, kept = 0, one_site = 0;
    const clade_child_options options = {.widen = true}, keeping = {.widen = true, .cache_bytes = KEPT_BYTES};
    clade_recipe *recipe;
    CLADE_TRY(make_recipe(self, &small, method, &recipe));
    clade_status status = time_children(recipe, &options, recipe->n_rules, &afresh);
    if (status == CLADE_OK)
        status = time_children(recipe, &keeping, recipe->n_rules, &kept);
    if (status == CLADE_OK)
        status = time_children(recipe, &keeping, 1, &one_site);
    clade_recipe_free(recipe);
    CLADE_TRY(status);
    if (!self->writer) {
        printf("%-18s %10.2f %12.2f %14.2f\n", method->name, 1e3 * afresh, 1e3 * kept, 1e3 * one_site);
        return CLADE_OK;
    }
    clade_json_begin_object(self->writer, NULL);
    clade_json_put_string(self->writer, "method", method->name);
    clade_json_put_number(self->writer, "milliseconds_afresh", 1e3 * afresh);
    clade_json_put_number(self->writer, "milliseconds_kept", 1e3 * kept);
    clade_json_put_number(self->writer, "milliseconds_one_of_18_tensors_changed", 1e3 * one_site);
    clade_json_end_object(self->writer);
    return CLADE_OK;
}

static clade_status bench_all(const bench *self)
{
    size_t count;
    const clade_method *const *methods = clade_methods(&count);
    if (self->writer)
        clade_json_begin_array(self->writer, "speed");
    else
        printf("%-18s %-6s %7s %10s %10s %10s\n", "method", "dtype", "threads", "ms", "GB/s", "of memcpy");
    for (size_t i = 0; i < count; i++) {
        const zoo *const streamed[] = {&large_f32, &large_bf16}, *const whole[] = {&matrices, NULL};
        bool gram = methods[i]->statistics && strcmp(methods[i]->statistics, "gram") == 0;
        const zoo *const *of = methods[i]->merged_in_survey || gram ? whole : streamed;
        for (size_t z = 0; z < 2 && of[z] && !methods[i]->adapters; z++) {
            CLADE_TRY(clade_bench_go_on());
            CLADE_TRY(bench_speed(self, methods[i], of[z], NULL));
            if (clade_team_size(self->team) > 1)
                CLADE_TRY(bench_speed(self, methods[i], of[z], self->team));
        }
    }
    if (self->writer) {
        clade_json_end_array(self->writer);
        clade_json_begin_array(self->writer, "savings");
    } else {
        printf("\n%-18s %10s %12s %14s   ms a child, 8 parents, 663,552 parameters\n", "method", "afresh", "kept",
               "1 of 18 new");
    }
    for (size_t i = 0; i < count; i++) {
        CLADE_TRY(clade_bench_go_on());
        if (!methods[i]->adapters && !methods[i]->statistics && methods[i]->max_parents >= SMALL_PARENTS)
            CLADE_TRY(bench_savings(self, methods[i]));
    }
    if (self->writer)
        clade_json_end_array(self->writer);
    return CLADE_OK;
}

static clade_status bench_in_folder(bench *self)
{
    const zoo *const zoos[] = {&large_f32, &large_bf16, &matrices, &small};
    for (size_t z = 0; z < sizeof zoos / sizeof zoos[0]; z++) {
        CLADE_TRY(clade_bench_go_on());
        CLADE_TRY(write_zoo(self, zoos[z]));
    }
    CLADE_TRY(clade_team_new(0, &self->team));
    clade_status status = bench_all(self);
    clade_team_free(self->team);
    return status;
}

clade_status clade_bench_merge(const clade_bench_options *options)
{
    const bool json = options->json;
    clade_text text = {0};
    clade_json_writer writer = clade_json_writer_to(&text, true);
    bench self = {.writer = json ? &writer : NULL};
    CLADE_TRY(clade_bench_folder(self.folder, sizeof self.folder));
    if (json)
        clade_json_begin_object(&writer, NULL);
    clade_status status = bench_in_folder(&self);
    if (json)
        clade_json_end_object(&writer);
    if (json && status == CLADE_OK)
        clade_text_append(&text, "\n");
    clade_status removed = clade_remove_folder(self.folder);
    status = status == CLADE_OK ? removed : status;
    return clade_finish_output(status, &text);
}
