/* Writing adapters as PEFT folders: adapter_config.json with the keys that loading needs, in PEFT's order, and
 * adapter_model.safetensors. */
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "clade/alloc.h"
#include "clade/files.h"
#include "io/adapter_parts.h"
#include "io/staged.h"

typedef struct named_module {
    char *name; /* owned by the job: the tensor's name without ".weight" */
    const clade_adapter_module *module;
} named_module;

/* One call of clade_adapter_write. */
typedef struct adapter_job {
    const clade_adapter *adapter;
    const char *card;
    named_module *modules;                     /* (count), owned: as in the adapter */
    named_module *longest;                     /* (count), owned, names borrowed from modules: longest names first */
    clade_tensor *tensors;                     /* (2 count), owned */
    uint64_t (*shapes)[CLADE_MODULE_MAX_RANK]; /* (2 count), owned */
    clade_text *names;                         /* (2 count), owned */
} adapter_job;

/* ---- adapter_config.json ---- */

static double alpha_of(const clade_adapter_module *module)
{
    return module->delta.scale * (double)module->delta.a->shape[0];
}

/* PEFT writes alphas as integers where they are. */
static void put_alpha(clade_json_writer *writer, const char *key, double alpha)
{
    if (alpha == floor(alpha) && fabs(alpha) < 1e15)
        clade_json_put_integer(writer, key, (int64_t)alpha);
    else
        clade_json_put_number(writer, key, alpha);
}

/* All modules when one differs from the first. Readers take the first key that matches the end of a module's name, so
 * the longest come first: none of them matches a module that has a later key of its own. Keys are names without
 * escapes, because older versions of PEFT find whole names by comparison only. */
static void put_ranks(clade_json_writer *writer, const adapter_job *job)
{
    size_t count = job->adapter->count;
    bool differ = false;
    for (size_t i = 1; i < count; i++)
        differ |= job->modules[i].module->delta.a->shape[0] != job->modules[0].module->delta.a->shape[0];
    clade_json_begin_object(writer, "rank_pattern");
    for (size_t i = 0; i < count && differ; i++)
        clade_json_put_u64(writer, job->longest[i].name, job->longest[i].module->delta.a->shape[0]);
    clade_json_end_object(writer);
}

static void put_alphas(clade_json_writer *writer, const adapter_job *job)
{
    size_t count = job->adapter->count;
    bool differ = false;
    for (size_t i = 1; i < count; i++)
        differ |= alpha_of(job->modules[i].module) != alpha_of(job->modules[0].module);
    clade_json_begin_object(writer, "alpha_pattern");
    for (size_t i = 0; i < count && differ; i++)
        put_alpha(writer, job->longest[i].name, alpha_of(job->longest[i].module));
    clade_json_end_object(writer);
}

/* One flag holds for all linear modules. */
static clade_status fan_in_fan_out(const adapter_job *job, bool *transposed)
{
    const clade_adapter_module *first = NULL;
    *transposed = false;
    for (size_t i = 0; i < job->adapter->count; i++) {
        const clade_adapter_module *module = job->modules[i].module;
        if (module->kind != CLADE_MODULE_LINEAR)
            continue;
        if (first && first->delta.transposed != module->delta.transposed)
            return clade_fail(CLADE_EINCOMPATIBLE,
                              "%s: tensors %s and %s are stored in different orders (fan_in_fan_out), expected one for "
                              "all modules of an adapter",
                              job->adapter->path, first->tensor, module->tensor);
        first = module;
        *transposed = module->delta.transposed;
    }
    return CLADE_OK;
}

static void put_config(const adapter_job *job, bool transposed, clade_text *text)
{
    const clade_adapter_module *first = job->modules[0].module;
    clade_json_writer writer = clade_json_writer_to(text, true);
    clade_json_begin_object(&writer, NULL);
    put_alphas(&writer, job);
    clade_json_put_string(&writer, "base_model_name_or_path", job->adapter->base_name);
    clade_json_put_string(&writer, "bias", "none");
    clade_json_put_bool(&writer, "fan_in_fan_out", transposed);
    clade_json_put_bool(&writer, "inference_mode", true);
    clade_json_put_bool(&writer, "init_lora_weights", true);
    put_alpha(&writer, "lora_alpha", alpha_of(first));
    clade_json_put_number(&writer, "lora_dropout", 0);
    clade_json_put_null(&writer, "modules_to_save");
    clade_json_put_string(&writer, "peft_type", "LORA");
    clade_json_put_u64(&writer, "r", first->delta.a->shape[0]);
    put_ranks(&writer, job);
    clade_json_begin_array(&writer, "target_modules");
    for (size_t i = 0; i < job->adapter->count; i++)
        clade_json_put_string(&writer, NULL, job->modules[i].name);
    clade_json_end_array(&writer);
    clade_json_put_string(&writer, "task_type", job->adapter->task_type);
    clade_json_put_bool(&writer, "use_dora", false);
    clade_json_put_bool(&writer, "use_rslora", false);
    clade_json_end_object(&writer);
    clade_text_append(text, "\n");
}

static clade_status write_config(const adapter_job *job, const char *folder)
{
    bool transposed;
    clade_text text = {0};
    CLADE_TRY(fan_in_fan_out(job, &transposed));
    put_config(job, transposed, &text);
    clade_status status = clade_text_status(&text);
    if (status == CLADE_OK)
        status = clade_io_write_in_folder(folder, "adapter_config.json", clade_text_get(&text), text.length);
    clade_text_free(&text);
    return status;
}

/* ---- adapter_model.safetensors ---- */

/* Tensors 2 I and 2 I + 1: the factors of module I under PEFT's names and in PEFT's shapes. */
static clade_status name_factors(adapter_job *job, size_t i)
{
    static const char *const ends[][2] = {
        [CLADE_MODULE_LINEAR] = {"lora_A.weight", "lora_B.weight"},
        [CLADE_MODULE_CONVOLUTION] = {"lora_A.weight", "lora_B.weight"},
        [CLADE_MODULE_EMBEDDING] = {"lora_embedding_A", "lora_embedding_B"},
    };
    const clade_adapter_module *module = job->modules[i].module;
    for (size_t side = 0; side < 2; side++) {
        size_t t = 2 * i + side;
        clade_tensor *tensor = &job->tensors[t];
        uint64_t *shape = job->shapes[t];
        clade_text_append(&job->names[t], CLADE_IO_ADAPTER_PREFIX "%s.%s", job->modules[i].name,
                          ends[module->kind][side]);
        CLADE_TRY(clade_text_status(&job->names[t]));
        *tensor = side == 0 ? *module->delta.a : *module->delta.b;
        for (size_t d = 0; d < module->stored_rank; d++)
            shape[d] = side == 0 ? module->stored_shape[d] : d < 2 ? tensor->shape[d] : 1;
        tensor->name = clade_text_get(&job->names[t]);
        tensor->rank = module->stored_rank;
        tensor->shape = shape;
    }
    return CLADE_OK;
}

static clade_status write_factors(const adapter_job *job, const char *folder)
{
    char *path = clade_path_join(folder, "adapter_model.safetensors");
    if (!path)
        return clade_fail_memory(strlen(folder), "a path");
    clade_status status = clade_safetensors_write(path, job->tensors, 2 * job->adapter->count, NULL, NULL);
    clade_free(path);
    return status;
}

/* ---- the folder ---- */

static clade_status fill_folder(const char *folder, void *context)
{
    const adapter_job *job = context;
    CLADE_TRY(write_config(job, folder));
    if (job->card)
        CLADE_TRY(clade_io_write_in_folder(folder, "README.md", job->card, strlen(job->card)));
    return write_factors(job, folder);
}

static int longest_first(const void *a, const void *b)
{
    const char *x = ((const named_module *)a)->name, *y = ((const named_module *)b)->name;
    size_t lx = strlen(x), ly = strlen(y);
    return lx != ly ? (lx < ly ? 1 : -1) : strcmp(x, y);
}

static clade_status make_job(adapter_job *job)
{
    size_t count = job->adapter->count;
    job->modules = clade_calloc(count, sizeof *job->modules);
    job->longest = clade_calloc(count, sizeof *job->longest);
    job->tensors = clade_calloc(2 * count, sizeof *job->tensors);
    job->shapes = clade_calloc(2 * count, sizeof *job->shapes);
    job->names = clade_calloc(2 * count, sizeof *job->names);
    if (!job->modules || !job->longest || !job->tensors || !job->shapes || !job->names)
        return clade_fail_memory(2 * count * sizeof *job->tensors, "the tensors of an adapter");
    for (size_t i = 0; i < count; i++) {
        const clade_adapter_module *module = &job->adapter->modules[i].shown;
        size_t length = strlen(module->tensor) - strlen(".weight");
        job->modules[i] = (named_module){clade_strndup(module->tensor, length), module};
        if (!job->modules[i].name)
            return clade_fail_memory(length + 1, "the name of a module");
        CLADE_TRY(name_factors(job, i));
    }
    memcpy(job->longest, job->modules, count * sizeof *job->longest);
    qsort(job->longest, count, sizeof *job->longest, longest_first);
    return CLADE_OK;
}

static void free_job(adapter_job *job)
{
    for (size_t i = 0; i < job->adapter->count && job->modules; i++)
        clade_free(job->modules[i].name);
    for (size_t t = 0; t < 2 * job->adapter->count && job->names; t++)
        clade_text_free(&job->names[t]);
    clade_free(job->modules);
    clade_free(job->longest);
    clade_free(job->tensors);
    clade_free(job->shapes);
    clade_free(job->names);
}

clade_status clade_adapter_write(const clade_adapter *adapter, const char *out, const char *card)
{
    adapter_job job = {.adapter = adapter, .card = card};
    if (adapter->count == 0)
        return clade_fail(CLADE_EINCOMPATIBLE, "%s: changes no tensor, so there is nothing to write to %s",
                          adapter->path, out);
    clade_status status = make_job(&job);
    if (status == CLADE_OK)
        status = clade_io_write_folder(out, fill_folder, &job);
    free_job(&job);
    return status;
}
