/* LoRA adapters (Hu et al. 2021, arXiv 2106.09685) in the folders that PEFT writes: adapter_config.json and
 * adapter_model.safetensors.
 *
 * An adapter changes some of its base model's tensors W to W + s B A, where A (r, columns) and B (rows, r) are the
 * factors of a module and s = alpha / r, or alpha / sqrt(r) with use_rslora (Kalajdzievski 2023, arXiv 2312.03732);
 * rank_pattern and alpha_pattern give single modules another r and alpha. Which modules there are is what the tensors
 * say; target_modules and the like only said so to the training.
 *
 * Read: LORA with plain factors of linear, convolution and embedding modules, fan_in_fan_out (the base stores the
 * transpose, as GPT-2 does). Refused by name, because W + s B A would not be the trained model: other PEFT methods, DoRA,
 * biases, modules_to_save, trained tokens, replicated layers, activated LoRA, initialisations that change the base
 * (PiSSA, OLoRA, LoftQ, CorDA, ...), and every tensor that is not a factor. All problems of a folder are told at once. With
 * adapted embeddings PEFT stores their base layer too: it is compared with the base by clade_adapter_check.
 *
 * Where PEFT takes the keys of its patterns for regular expressions, this reader knows ".", ".*", escapes and a "^" at
 * the start, which is what keys of module names need; other operators are refused: regular expressions of a foreign file
 * can take any time and memory. */
#ifndef CLADE_ADAPTER_H
#define CLADE_ADAPTER_H

#include "clade/checkpoint.h"

/* scale B A, added to a tensor (rows, columns) = (B's rows, A's columns); with TRANSPOSED the tensor is stored the
 * other way round. All borrowed from an adapter. */
typedef struct clade_low_rank {
    const clade_tensor *a; /* (rank, columns), finite; the kernel extents of a convolution are in the columns */
    const clade_tensor *b; /* (rows, rank), finite */
    double scale;
    bool transposed;
} clade_low_rank;

typedef enum clade_module_kind {
    CLADE_MODULE_LINEAR,
    CLADE_MODULE_CONVOLUTION,
    CLADE_MODULE_EMBEDDING /* the base stores (columns, rows): transposed */
} clade_module_kind;

enum { CLADE_MODULE_MAX_RANK = 5 };

typedef struct clade_adapter_module {
    const char *tensor; /* its tensor in the base: the module's name and ".weight"; borrowed */
    clade_module_kind kind;
    clade_low_rank delta;
    size_t stored_rank; /* of A's shape as stored: 2, and 3 to 5 for convolutions */
    uint64_t stored_shape[CLADE_MODULE_MAX_RANK];
} clade_adapter_module;

typedef struct clade_adapter clade_adapter;

/* Open and check a PEFT folder; CLADE_EINPUT lists every problem. Owned by the caller. */
clade_status clade_adapter_open(const char *path, clade_adapter **adapter) CLADE_CHECK_RESULT;
void clade_adapter_close(clade_adapter *adapter); /* accepts NULL */
/* Whether PATH is a folder that clade_adapter_open is meant for: it has an adapter_config.json. CLADE_EIO where nobody can
 * know, and without memory. */
clade_status clade_adapter_is(const char *path, bool *is_adapter) CLADE_CHECK_RESULT;

const char *clade_adapter_path(const clade_adapter *adapter);
const char *clade_adapter_base_name(const clade_adapter *adapter); /* base_model_name_or_path; NULL: not said */
size_t clade_adapter_count(const clade_adapter *adapter);
const clade_adapter_module *clade_adapter_at(const clade_adapter *adapter, size_t index); /* sorted by tensor */
/* What the adapter adds to the base's tensor of that name; NULL: nothing. */
const clade_low_rank *clade_adapter_find(const clade_adapter *adapter, const char *tensor);
/* SHA-256 over the modules: tensor names, scales, factors; hex. The same for any spelling of the same adapter. */
void clade_adapter_hash(const clade_adapter *adapter, char hex[CLADE_SHA256_HEX]);
/* A problem for every module that BASE has no tensor for, or one of another shape or not of floats, and for every copy of
 * a base layer that differs from BASE's (at most ten, then their number), naming the base that the adapter says it was
 * made for. */
void clade_adapter_check(const clade_adapter *adapter, const clade_checkpoint *base, clade_problems *problems);

/* ---- adapters made in memory ---- */

/* An empty adapter with room for CAPACITY modules. */
clade_status clade_adapter_new(size_t capacity, clade_adapter **adapter) CLADE_CHECK_RESULT;
/* Add a module for the same tensor as LIKE and of its kind and shapes, but of rank RANK (at least 1) and scale 1, with
 * zeroed F32 factors that the caller fills: *A (rank, columns), *B (rows, rank), both owned by ADAPTER. Modules come in
 * the order of their tensors' names, CAPACITY at most (else CLADE_EINTERNAL). */
clade_status clade_adapter_add(clade_adapter *adapter, const clade_adapter_module *like, size_t rank, float **a,
                               float **b) CLADE_CHECK_RESULT;
/* Keep FROM's base_model_name_or_path and task_type where ADAPTER has none yet. */
clade_status clade_adapter_name_like(clade_adapter *adapter, const clade_adapter *from) CLADE_CHECK_RESULT;
/* Write a PEFT folder. OUT must not exist (CLADE_EUSAGE); it appears whole or not at all. lora_alpha is r times the
 * scale (use_rslora false), with rank_pattern and alpha_pattern where modules differ. CLADE_EINCOMPATIBLE when only some
 * of the linear modules are transposed (PEFT has one fan_in_fan_out for all), or there is no module. CARD: the text of
 * README.md, or NULL. Law: where scales are 1, what is opened again adds the same bits to every base. */
clade_status clade_adapter_write(const clade_adapter *adapter, const char *out, const char *card) CLADE_CHECK_RESULT;

/* ---- merging adapters into one ---- */

/* How modules that several adapters have become one; names as in PEFT and LoraHub. w_i are the parents' weights, s_i
 * the scales of their modules; a parent without the module adds nothing.
 *
 *   CAT     A = the rows w_i s_i A_i one after the other, B = the columns of B_i: exactly sum_i w_i s_i B_i A_i, of
 *           rank sum_i r_i
 *   LINEAR  A = sum_i sgn(w_i s_i) sqrt|w_i s_i| A_i, B = sum_i sqrt|w_i s_i| B_i: PEFT's, whose product has cross terms
 *           B_i A_j. Equal ranks
 *   HUB     A = sum_i w_i sgn(s_i) sqrt|s_i| A_i, B = sum_i w_i sqrt|s_i| B_i: LoraHub's (Huang et al. 2023, arXiv
 *           2307.13269), which knows only equal scales. Cross terms too. Equal ranks
 *   SVD     the best approximation of sum_i w_i s_i B_i A_i of a given rank (Frobenius norm). Some versions of
 *           PEFT multiply by s_i twice; here, as in later ones, once
 *
 * The result has scale 1 and F32 factors, each rounded once from double. */
typedef enum clade_adapter_combination {
    CLADE_ADAPTER_CAT,
    CLADE_ADAPTER_LINEAR,
    CLADE_ADAPTER_HUB,
    CLADE_ADAPTER_SVD
} clade_adapter_combination;

/* What a merge method that works on adapters has in place of combine: where its parameters are. */
typedef struct clade_adapter_rule {
    clade_adapter_combination combination;
    size_t weight; /* index of a parameter, per parent */
    size_t output; /* index of the choice {folded, adapter}, per recipe */
    size_t rank;   /* SVD: index of the rank of the result (0: the largest of the parents', module by module) */
} clade_adapter_rule;

struct clade_recipe;

/* Open the adapters of all parents of RECIPE (each has an adapter and no model, or a path that is an adapter folder) and
 * merge them by its method, which must have .adapters; the rules' weights are those of the tensor that a module
 * changes. BASE: every adapter must fit it; NULL: not checked, and then the output must be an adapter. CLADE_ECONFIG,
 * CLADE_EINPUT or CLADE_EINCOMPATIBLE list every problem of their kind. Owned by the caller.
 * Deterministic: the same bits on every machine, but for SVD, which uses LAPACK. */
clade_status clade_adapters_merge(const struct clade_recipe *recipe, const clade_checkpoint *base,
                                  clade_adapter **merged) CLADE_CHECK_RESULT;
/* The recipe's child is an adapter folder, not a model. */
bool clade_adapters_stay(const struct clade_recipe *recipe);

#endif
