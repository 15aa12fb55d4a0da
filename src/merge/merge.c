/* A merge on disk: shard by shard, each target's bytes from the executor straight to their place in the file. */
#include "clade/merge.h"

#include <pthread.h>
#include <stdatomic.h>
#include <string.h>

#include "clade/adapter.h"
#include "clade/files.h"
#include "clade/version.h"
#include "io/checkpoint_shards.h"
#include "merge/describe.h"
#include "merge/execute.h"
#include "merge/family.h"
#include "merge/verify.h"

struct clade_merge {
    clade_recipe *recipe;   /* borrowed */
    clade_recipe *folded;   /* owned: what is executed when the method is one for adapters, else NULL */
    clade_adapter *adapter; /* owned: a result that stays an adapter, else NULL */
    clade_family *family;   /* owned; of the recipe that is executed */
    clade_plan *plan;
    clade_team *team;
    clade_executor *executor;
};

/* ---- opening ---- */

static clade_status open_plan(clade_merge *self, const clade_recipe *recipe)
{
    const clade_execution execution = {.team = self->team, .release = true};
    CLADE_TRY(clade_plan_new(self->family, recipe, &self->plan));
    return clade_executor_new(&execution, &self->executor);
}

/* A result that stays an adapter; the base, where there is one, only has to fit. */
static clade_status merge_adapters(clade_merge *self)
{
    const clade_recipe *recipe = self->recipe;
    clade_checkpoint *base = NULL;
    if (recipe->base)
        CLADE_TRY(clade_checkpoint_open(recipe->base->path, &base));
    clade_status status = clade_adapters_merge(recipe, base, &self->adapter);
    clade_checkpoint_close(base);
    return status;
}

/* The merged adapter on the base, as a recipe that passes it through. */
static clade_status fold_adapters(clade_merge *self)
{
    const clade_recipe *recipe = self->recipe;
    clade_adapter *adapter;
    CLADE_TRY(clade_family_open(recipe->base->path, (const char *const[]){recipe->base->path}, 1, &self->family));
    clade_status status = clade_adapters_merge(recipe, clade_family_base(self->family), &adapter);
    clade_family_close(self->family);
    self->family = NULL;
    CLADE_TRY(status);
    CLADE_TRY(clade_family_open_adapted(recipe->base->path, adapter, &self->family));
    CLADE_TRY(clade_recipe_new(clade_method_find("passthrough"), 1, 1, &self->folded));
    clade_recipe *folded = self->folded;
    clade_rule *rule = &folded->rules[0];
    folded->base = clade_calloc(1, sizeof *folded->base);
    rule->patterns = clade_calloc(1, sizeof *rule->patterns);
    rule->n_patterns = rule->patterns ? 1 : 0;
    folded->parents[0].name = clade_strdup("merged");
    if (!folded->base || !rule->patterns || !folded->parents[0].name || !(rule->patterns[0] = clade_strdup("*")) ||
        !(folded->base->name = clade_strdup("base")) || !(folded->base->path = clade_strdup(recipe->base->path)))
        return clade_fail_memory(sizeof *folded, "the recipe of a merged adapter");
    folded->has_dtype = recipe->has_dtype;
    folded->has_out_dtype = recipe->has_out_dtype;
    folded->dtype = recipe->dtype;
    folded->out_dtype = recipe->out_dtype;
    return open_plan(self, folded);
}

static clade_status open_merge(clade_merge *self, size_t threads)
{
    clade_problems problems = {0};
    clade_recipe_check(self->recipe, "recipe", &problems);
    CLADE_TRY(clade_problems_end(&problems, CLADE_ECONFIG));
    CLADE_TRY(clade_team_new(threads, &self->team));
    if (!self->recipe->method->adapters) {
        CLADE_TRY(clade_family_open_recipe(self->recipe, &self->family));
        return open_plan(self, self->recipe);
    }
    return clade_adapters_stay(self->recipe) || !self->recipe->base ? merge_adapters(self) : fold_adapters(self);
}

clade_status clade_merge_open(clade_recipe *recipe, size_t threads, clade_merge **merge)
{
    *merge = NULL;
    clade_merge *made = clade_calloc(1, sizeof *made);
    if (!made)
        return clade_fail_memory(sizeof *made, "a merge");
    made->recipe = recipe;
    clade_status status = open_merge(made, threads);
    if (status == CLADE_OK)
        *merge = made;
    else
        clade_merge_close(made);
    return status;
}

void clade_merge_close(clade_merge *merge)
{
    if (!merge)
        return;
    clade_executor_free(merge->executor);
    clade_plan_free(merge->plan);
    clade_family_close(merge->family);
    clade_adapter_close(merge->adapter);
    clade_recipe_free(merge->folded);
    clade_team_free(merge->team);
    clade_free(merge);
}

/* ---- what it will take ---- */

static uint64_t bytes_of_sources(const clade_target *target, size_t n_sources)
{
    uint64_t bytes = 0;
    for (size_t s = 0; s < n_sources; s++)
        bytes += target->sources[s].tensor ? target->sources[s].tensor->bytes : 0;
    return bytes;
}

void clade_merge_look(const clade_merge *merge, uint64_t shard_bytes, clade_merge_outlook *outlook)
{
    uint64_t filled = 0;
    *outlook = (clade_merge_outlook){.shards = 1, .threads = clade_team_size(merge->team)};
    outlook->adapter = merge->adapter != NULL;
    for (size_t i = 0; merge->plan && i < merge->plan->count; i++) {
        const clade_target *target = &merge->plan->targets[i];
        outlook->tensors++;
        outlook->elements += target->tensor.count;
        outlook->read_bytes += bytes_of_sources(target, merge->plan->recipe->n_parents + 1);
        outlook->written_bytes += target->tensor.bytes;
        outlook->shards += clade_io_shard_takes_new(shard_bytes, target->tensor.bytes, &filled);
    }
    if (merge->plan)
        outlook->memory_bytes = clade_executor_memory(merge->executor, merge->plan);
}

clade_status clade_merge_describe(const clade_merge *merge, clade_text *text)
{
    bool opened = !merge->recipe->method->adapters;
    clade_describe_sources(opened ? merge->family : NULL, merge->recipe, text);
    return opened ? clade_describe_plan(merge->plan, text) : CLADE_OK;
}

/* The hashes of a recipe whose method merges adapters. */
static clade_status stamp_adapters(clade_merge *merge)
{
    clade_recipe *recipe = merge->recipe;
    clade_checkpoint *base;
    for (size_t p = 0; p < recipe->n_parents; p++) {
        clade_recipe_parent *parent = &recipe->parents[p];
        clade_adapter *adapter;
        CLADE_TRY(clade_adapter_open(parent->adapter.path ? parent->adapter.path : parent->path, &adapter));
        clade_adapter_hash(adapter, parent->adapter.path ? parent->adapter.hash : parent->hash);
        clade_adapter_close(adapter);
    }
    if (!recipe->base)
        return CLADE_OK;
    CLADE_TRY(clade_checkpoint_open(recipe->base->path, &base));
    clade_status status = clade_checkpoint_hash_with(base, merge->team, recipe->base->hash);
    clade_checkpoint_close(base);
    return status;
}

clade_status clade_merge_stamp(clade_merge *merge)
{
    char hex[CLADE_SHA256_HEX];
    const clade_family *family = merge->family;
    if (merge->recipe->method->adapters)
        return stamp_adapters(merge);
    for (size_t s = 0; s <= family->n_parents; s++) /* kept by the checkpoints */
        if (clade_family_source(family, s))
            CLADE_TRY(clade_checkpoint_hash_with(clade_family_source(family, s), merge->team, hex));
    return clade_family_stamp(family, merge->recipe);
}

/* ---- writing ---- */

typedef struct writing {
    const clade_merge *merge;
    const clade_merge_output *output;
    clade_checkpoint_writer *writer;
    clade_written_sum *sums; /* (count), owned when the output is to be verified, else NULL */
    atomic_uint_fast64_t done;
    uint64_t total;
    pthread_mutex_t talking; /* of progress and sums */
} writing;

static bool must_stop(void *context)
{
    const writing *self = context;
    return self->output->stop && self->output->stop(self->output->context);
}

static clade_status put(void *context, size_t target, uint64_t first_byte, const void *data, size_t bytes)
{
    writing *self = context;
    CLADE_TRY(clade_checkpoint_writer_put(self->writer, target, first_byte, data, bytes));
    uint64_t done = atomic_fetch_add(&self->done, bytes) + bytes;
    if (self->sums) {
        clade_io_sum sum = clade_io_sum_of(first_byte, data, bytes);
        pthread_mutex_lock(&self->talking);
        clade_io_sum_add(&self->sums[target].sum, sum);
        self->sums[target].known = true;
        pthread_mutex_unlock(&self->talking);
    }
    if (must_stop(self))
        return clade_fail(CLADE_EINTERRUPTED, "interrupted");
    if (self->output->progress && pthread_mutex_trylock(&self->talking) == 0) {
        self->output->progress(self->output->context, done, self->total);
        pthread_mutex_unlock(&self->talking);
    }
    return CLADE_OK;
}

static clade_status write_shard(writing *self, size_t shard)
{
    const clade_plan *plan = self->merge->plan;
    const clade_sink sink = {.put = put, .context = self, .stop = must_stop};
    size_t first, last;
    clade_checkpoint_writer_range(self->writer, shard, &first, &last);
    if (clade_checkpoint_writer_done(self->writer, shard)) {
        for (size_t i = first; i < last; i++)
            atomic_fetch_add(&self->done, plan->targets[i].tensor.bytes);
        return CLADE_OK;
    }
    size_t *targets = clade_calloc(last - first, sizeof *targets);
    if (!targets)
        return clade_fail_memory((last - first) * sizeof *targets, "the tensors of a shard");
    for (size_t i = first; i < last; i++)
        targets[i - first] = i;
    clade_status status = clade_checkpoint_writer_begin(self->writer, shard);
    if (status == CLADE_OK)
        status = clade_execute(self->merge->executor, plan, targets, last - first, &sink);
    if (status == CLADE_OK)
        status = clade_checkpoint_writer_end(self->writer, shard);
    clade_free(targets);
    return status;
}

/* The model whose files the child gets. */
static const char *files_of(const clade_recipe *recipe)
{
    size_t from = recipe->files_from;
    const clade_recipe_parent *parent = from < recipe->n_parents ? &recipe->parents[from] : recipe->base;
    if (!parent || !parent->path)
        parent = recipe->base ? recipe->base : &recipe->parents[0];
    return parent->path && clade_path_is_folder(parent->path) ? parent->path : NULL;
}

/* The model whose tokenizer files the child gets, where that is not the one of the other files. */
static const char *tokenizer_of(const clade_merge *merge)
{
    const clade_vocabulary *vocabulary = merge->family->vocabulary;
    const clade_checkpoint *model =
        vocabulary ? clade_family_source(merge->family, clade_vocabulary_files_from(vocabulary)) : NULL;
    const char *path = model ? clade_checkpoint_path(model) : NULL;
    return path && clade_path_is_folder(path) ? path : NULL;
}

/* What the bytes of the child are made from: the recipe with the content of its models, the rows of their vocabularies,
 * which come from other files, and the program. A merge that was interrupted goes on where all of it is the same. */
static clade_status identify(const clade_merge *merge, char hex[CLADE_SHA256_HEX])
{
    const clade_vocabulary *vocabulary = merge->family->vocabulary;
    clade_sha256 hash;
    CLADE_TRY(clade_recipe_hash(merge->recipe, hex));
    clade_sha256_init(&hash);
    clade_sha256_update(&hash, CLADE_VERSION, sizeof CLADE_VERSION);
    clade_sha256_update(&hash, hex, CLADE_SHA256_HEX);
    for (size_t s = 0; vocabulary && s <= merge->plan->recipe->n_parents; s++) {
        const clade_row_map *map = clade_vocabulary_map(vocabulary, s);
        if (!map)
            continue;
        clade_sha256_update(&hash, map->start, (map->n_rows + 1) * sizeof *map->start);
        clade_sha256_update(&hash, map->items, map->start[map->n_rows] * sizeof *map->items);
    }
    clade_sha256_hex(&hash, hex);
    return CLADE_OK;
}

/* What config.json has to say of the child that it does not say of the model it comes from. */
static clade_status list_members(const clade_merge *merge, clade_config_member **members, size_t *n_members)
{
    static const clade_config_member untied[] = {{NULL, "tie_word_embeddings", "false", false},
                                                 {"text_config", "tie_word_embeddings", "false", false}};
    enum { UNTIED = sizeof untied / sizeof untied[0] };
    size_t n = 0;
    const clade_vocabulary *vocabulary = merge->family->vocabulary;
    const clade_config_member *own = vocabulary ? clade_vocabulary_members(vocabulary, &n) : NULL;
    *members = clade_calloc(n + UNTIED, sizeof **members);
    if (!*members)
        return clade_fail_memory((n + UNTIED) * sizeof **members, "the members of a configuration");
    for (size_t i = 0; i < n; i++)
        (*members)[i] = own[i];
    for (size_t i = 0; i < UNTIED && merge->plan->untied; i++)
        (*members)[n++] = untied[i];
    *n_members = n;
    return CLADE_OK;
}

static clade_status list_tensors(const clade_plan *plan, clade_tensor **tensors)
{
    *tensors = clade_calloc(plan->count, sizeof **tensors);
    if (!*tensors)
        return clade_fail_memory(plan->count * sizeof **tensors, "the tensors of a child");
    for (size_t i = 0; i < plan->count; i++)
        (*tensors)[i] = plan->targets[i].tensor;
    return CLADE_OK;
}

static clade_status write_all(writing *self, const char *out)
{
    const clade_merge *merge = self->merge;
    const clade_merge_output *output = self->output;
    char identity[CLADE_SHA256_HEX];
    clade_tensor *tensors;
    clade_config_member *members;
    size_t n_members = 0;
    const clade_vocabulary *vocabulary = merge->family->vocabulary;
    CLADE_TRY(identify(merge, identity));
    CLADE_TRY(list_members(merge, &members, &n_members));
    const clade_extra_file recipe = {output->recipe_name, output->recipe_text,
                                     output->recipe_text ? strlen(output->recipe_text) : 0};
    const clade_checkpoint_layout layout = {.shard_bytes = output->shard_bytes,
                                            .config_from = files_of(merge->plan->recipe),
                                            .files_from = tokenizer_of(merge),
                                            .layers = clade_plan_blocks(merge->plan),
                                            .vocabulary = vocabulary ? clade_vocabulary_rows(vocabulary) : 0,
                                            .members = members,
                                            .n_members = n_members,
                                            .card = output->card,
                                            .files = &recipe,
                                            .n_files = output->recipe_text ? 1 : 0};
    clade_status status = list_tensors(merge->plan, &tensors);
    for (size_t i = 0; i < merge->plan->count && status == CLADE_OK; i++)
        self->total += tensors[i].bytes;
    if (status == CLADE_OK)
        status = clade_checkpoint_writer_open(out, tensors, merge->plan->count, &layout, identity, &self->writer);
    if (status == CLADE_OK && vocabulary)
        status = clade_vocabulary_write(vocabulary, clade_checkpoint_writer_folder(self->writer));
    for (size_t s = 0; status == CLADE_OK && s < clade_checkpoint_writer_shards(self->writer); s++)
        status = write_shard(self, s);
    if (status == CLADE_OK)
        status = clade_checkpoint_writer_finish(self->writer);
    else if (status == CLADE_EINTERRUPTED || status == CLADE_EIO ||
             status == CLADE_EINPUT) /* a file may be whole again */
        clade_checkpoint_writer_close(self->writer);
    else if (self->writer && clade_checkpoint_writer_discard(self->writer) != CLADE_OK)
        status = clade_fail_prefix(status, "%s: not written, and what there is of it not removed", out);
    clade_free(tensors);
    clade_free(members);
    return status;
}

clade_status clade_merge_write(clade_merge *merge, const char *out, const clade_merge_output *output)
{
    writing self = {.merge = merge, .output = output};
    if (merge->adapter)
        return clade_adapter_write(merge->adapter, out, output->card);
    if (output->verify && !(self.sums = clade_calloc(merge->plan->count, sizeof *self.sums)))
        return clade_fail_memory(merge->plan->count * sizeof *self.sums, "the checksums of tensors");
    pthread_mutex_init(&self.talking, NULL);
    clade_status status = write_all(&self, out);
    if (status == CLADE_OK && self.sums)
        status = clade_verify_merge(merge->plan, out, self.sums);
    pthread_mutex_destroy(&self.talking);
    clade_free(self.sums);
    return status;
}

clade_status clade_merge_to_folder(clade_recipe *recipe, const char *out, uint64_t shard_bytes, const char *card)
{
    const clade_merge_output output = {.shard_bytes = shard_bytes, .card = card};
    clade_merge *merge;
    CLADE_TRY(clade_merge_open(recipe, 1, &merge));
    clade_status status = clade_merge_stamp(merge);
    if (status == CLADE_OK)
        status = clade_merge_write(merge, out, &output);
    clade_merge_close(merge);
    return status;
}
