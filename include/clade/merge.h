/* Making a child: parents opened once, then one child after another from recipes.
 *
 * A clade_family holds the mapped base and parents, checked against each other, with the sites of every tensor. A child
 * is made tensor by tensor into an arena. Bit-identical on every machine, rank and for every tile size (promise 1). */
#ifndef CLADE_MERGE_H
#define CLADE_MERGE_H

#include "clade/alloc.h"
#include "clade/checkpoint.h"
#include "clade/recipe.h"

/* ---- where a tensor is in the depth of the model ---- */

/* Depth of a tensor, found from its name: blocks are the integers after ".layers.", ".resblocks.", ".h.", ".layer.",
 * ".blocks.", ".block.". Tensors before the stack (embeddings, first convolution, pre-norm) have block -1, those after
 * it (final norm, projection, head) block n_blocks. */
typedef struct clade_depth {
    int block;    /* -1 .. n_blocks */
    int n_blocks; /* of the tower the tensor belongs to; 0: the name tells nothing, block is -1 */
} clade_depth;
/* Depths of COUNT tensors, in the given order (names sorted or not). OUT (count). */
clade_status clade_depths_of(const char *const *names, size_t count, clade_depth *out) CLADE_CHECK_RESULT;

/* ---- parents ---- */

typedef struct clade_family clade_family;

/* Open the checkpoints and check that they can be merged: same tensor names, same shapes, floats where the others have
 * floats, equal integers (they are copied); that floats are finite is checked when they are read. CLADE_EINCOMPATIBLE
 * lists every difference (at most 20 lines, then a count), naming tensor, found and expected. BASE may be NULL (then
 * the first parent defines the names). Owned by the caller. */
clade_status clade_family_open(const char *base, const char *const *parents, size_t n_parents,
                               clade_family **family) CLADE_CHECK_RESULT;
void clade_family_close(clade_family *family);
clade_checkpoint *clade_family_base(const clade_family *family); /* NULL when there is none */
size_t clade_family_parents(const clade_family *family);
clade_checkpoint *clade_family_parent(const clade_family *family, size_t index);
/* The tensors a child has: (count), sorted by name; shape and dtype of the base (or first parent). */
size_t clade_family_count(const clade_family *family);
const clade_tensor *clade_family_at(const clade_family *family, size_t index);
clade_depth clade_family_depth(const clade_family *family, size_t index);
/* Every value of every mergeable tensor is finite; CLADE_EINPUT names file, tensor, index otherwise. Reads all bytes.
 */
clade_status clade_family_check_finite(const clade_family *family) CLADE_CHECK_RESULT;
/* Fill the content hashes of a recipe whose base and parents are this family's, in the same order. */
clade_status clade_family_stamp(const clade_family *family, clade_recipe *recipe) CLADE_CHECK_RESULT;

/* ---- a child ---- */

typedef struct clade_child clade_child;

typedef struct clade_child_options {
    bool widen;  /* store F32 whatever the child's dtype is, each value first rounded to that dtype: what a forward
                    pass of the written checkpoint would see */
    size_t tile; /* elements per tile; 0: 16,384. The result does not depend on it */
} clade_child_options;

/* A maker of children: owns the arena and scratch; make it once per worker. FAMILY is borrowed. */
clade_status clade_child_new(const clade_family *family, const clade_child_options *options,
                             clade_child **child) CLADE_CHECK_RESULT;
void clade_child_free(clade_child *child);
/* Make the child of RECIPE, whose parents are those of the family in its order, in the place of the former one. Integer
 * tensors are copied. A non-finite input or result is CLADE_EEVAL, naming the tensor, the index and the parent. On
 * failure the former child is gone. */
clade_status clade_child_make(clade_child *child, const clade_recipe *recipe) CLADE_CHECK_RESULT;
size_t clade_child_count(const clade_child *child);
const clade_tensor *clade_child_at(const clade_child *child, size_t index); /* sorted by name; NULL data before make */
const clade_tensor *clade_child_find(const clade_child *child, const char *name);
/* The same, one tensor at a time, for a child that is written or scored without being held: _plan checks RECIPE and
 * gives every tensor its dtype and size (no data), _make_tensor then makes number INDEX into OUT (its bytes), in any
 * order. */
clade_status clade_child_plan(clade_child *child, const clade_recipe *recipe) CLADE_CHECK_RESULT;
clade_status clade_child_make_tensor(clade_child *child, const clade_recipe *recipe, size_t index,
                                     void *out) CLADE_CHECK_RESULT;
/* SHA-256 over names and bytes, hex: what tests compare across ranks and tile sizes. */
void clade_child_hash(const clade_child *child, char hex[CLADE_SHA256_HEX]);

/* Open the parents of RECIPE, make the child and write it as a checkpoint folder with its config and CARD. */
clade_status clade_merge_to_folder(clade_recipe *recipe, const char *out, uint64_t shard_bytes,
                                   const char *card) CLADE_CHECK_RESULT;

/* ---- mergekit's YAML ---- */

/* Read a mergekit YAML file whose method Clade has (models, base_model, parameters with gradients and filters,
 * precedence, dtype, out_dtype, anchors) into a recipe. `slices`, `modules`, tokenizer keys and unknown keys are
 * CLADE_ECONFIG with the line number and what to do; "did you mean" for misspelt ones. Model paths are relative to the
 * file. The gradients need the number of layers, so the checkpoints' tensor names are read. */
clade_status clade_recipe_from_mergekit(const char *path, clade_recipe **recipe) CLADE_CHECK_RESULT;
/* The same for a text of LENGTH bytes; NAME stands for the file, also as what paths are relative to. */
clade_status clade_recipe_from_mergekit_text(const char *text, size_t length, const char *name,
                                             clade_recipe **recipe) CLADE_CHECK_RESULT;
/* The same recipe as mergekit YAML appended to TEXT; CLADE_ECONFIG says why when mergekit cannot express it. */
clade_status clade_recipe_to_mergekit(const clade_recipe *recipe, clade_text *text) CLADE_CHECK_RESULT;

/* The version of libyaml; borrowed. */
const char *clade_yaml_version(void);

#endif
