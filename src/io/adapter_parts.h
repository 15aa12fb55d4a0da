/* What the files that read and write adapters share. Private to src/io. */
#ifndef CLADE_IO_ADAPTER_PARTS_H
#define CLADE_IO_ADAPTER_PARTS_H

#include "clade/adapter.h"
#include "io/adapter_config.h"

/* PEFT's names: PREFIX module ".lora_A.weight". */
#define CLADE_IO_ADAPTER_PREFIX "base_model.model."

typedef struct clade_io_module {
    clade_adapter_module shown;      /* points into the rest */
    clade_tensor a, b;               /* as matrices */
    uint64_t a_shape[2], b_shape[2]; /* (rank, columns), (rows, rank) */
    char *tensor;                    /* owned: the module's name and ".weight" */
    float *factors;                  /* owned: A and then B of a module made in memory; NULL: they are in the file */
} clade_io_module;

/* A copy of one of the base's tensors: PEFT stores the embeddings that it adapts with their base layer. */
typedef struct clade_io_base_copy {
    char *tensor;               /* owned: its name in the base */
    const clade_tensor *stored; /* borrowed from the file */
} clade_io_base_copy;

struct clade_adapter {
    char *path;                  /* owned */
    char *base_name, *task_type; /* owned; NULL: not said */
    clade_safetensors *file;     /* owned; NULL: made in memory */
    clade_io_module *modules;    /* (capacity), owned, sorted by tensor; they do not move */
    size_t count, capacity;
    clade_io_base_copy *copies; /* (n_copies), owned */
    size_t n_copies;
};

/* The adapter in FILE, which it owns from now on, whatever happens. PATH stands for its folder. The same as
 * clade_adapter_open without files, for it and for fuzzing. */
clade_status clade_io_adapter_read(const clade_json *config, clade_safetensors *file, const char *path,
                                   clade_adapter **adapter) CLADE_CHECK_RESULT;
/* The modules of ADAPTER from the tensors of its file; NAME stands for that. Adds a problem for everything that is not a
 * factor, is half of a pair or does not fit CONFIG; fails only without memory. */
clade_status clade_io_adapter_modules(clade_adapter *adapter, const clade_io_adapter_config *config, const char *name,
                                      clade_problems *problems) CLADE_CHECK_RESULT;
/* Make the views of MODULE from its matrices' shapes, dtypes and data. */
void clade_io_module_view(clade_io_module *module, clade_dtype dtype_a, const void *a, clade_dtype dtype_b,
                          const void *b);

#endif
