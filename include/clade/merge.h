/* Making a child: parents opened once, then one child after another from recipes.
 *
 * A clade_family holds the mapped base and parents, checked against each other, with the sites of every tensor. A child
 * is made tensor by tensor into an arena. Bit-identical on every machine, rank and for every tile size (promise 1). */
#ifndef CLADE_MERGE_H
#define CLADE_MERGE_H

#include "clade/alloc.h"
#include "clade/checkpoint.h"
#include "clade/recipe.h"
#include "clade/team.h"

/* ---- where a tensor is in the depth of the model ---- */

/* Depth of a tensor, found from its name: blocks are the integers after ".layers.", ".resblocks.", ".h.", ".layer.",
 * ".blocks.", ".block.". Tensors before the stack (embeddings, first convolution, pre-norm) have block -1, those after
 * it (final norm, projection, head) block n_blocks. */
typedef struct clade_depth {
    int block;    /* -1 .. n_blocks */
    int n_blocks; /* of the tower the tensor belongs to; 0: the name tells nothing, block is -1 */
    /* What stands before the block numbers of that tower ("model.layers."): the first stack_length bytes of one of the
     * names; borrowed, NULL when n_blocks is 0. */
    const char *stack;
    size_t stack_length;
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
/* Everything that RECIPE names: base, models, adapters, statistics, vocabularies. Whether they fit together is for the
 * plan of a merge to say, since stacks and vocabularies allow more than equal tensors. RECIPE is borrowed until _close. */
clade_status clade_family_open_recipe(const clade_recipe *recipe, clade_family **family) CLADE_CHECK_RESULT;
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
    bool
        widen; /* store F32 whatever the child's dtype is, each value first rounded to that dtype: what a forward pass of
                   the written checkpoint would see */
    size_t tile;      /* elements per tile; 0: 8,192. The result does not depend on it */
    clade_team *team; /* borrowed; NULL: the caller alone. The result does not depend on it */
    uint64_t
        cache_bytes; /* for what a maker keeps of surveys (thresholds, norms, singular vectors) for later children */
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
/* SHA-256 over names and bytes, hex: what tests compare across ranks and tile sizes. */
void clade_child_hash(const clade_child *child, char hex[CLADE_SHA256_HEX]);

/* What a maker has saved since it was made, for the bench. */
typedef struct clade_child_savings {
    uint64_t tensors_reused; /* left as they were for the child before */
    uint64_t surveys_found, surveys_made;
} clade_child_savings;
void clade_child_counts(const clade_child *child, clade_child_savings *savings);

/* ---- a merge on disk ---- */

/* A recipe with everything it names opened and planned: nothing of the tensors is read yet, and whatever keeps them from
 * being merged has been found. */
typedef struct clade_merge clade_merge;

/* RECIPE is borrowed until _close. THREADS as in clade_team_new. CLADE_EINCOMPATIBLE and CLADE_ECONFIG list all problems. */
clade_status clade_merge_open(clade_recipe *recipe, size_t threads, clade_merge **merge) CLADE_CHECK_RESULT;
void clade_merge_close(clade_merge *merge); /* accepts NULL */

typedef struct clade_merge_outlook {
    uint64_t tensors, elements;
    uint64_t read_bytes;    /* of the sources, each counted once */
    uint64_t written_bytes; /* of tensors */
    uint64_t shards;
    uint64_t memory_bytes; /* besides mapped files, at most */
    size_t threads;
    bool adapter; /* the result is an adapter, not a model */
} clade_merge_outlook;
void clade_merge_look(const clade_merge *merge, uint64_t shard_bytes, clade_merge_outlook *outlook);
/* For people, lines appended to TEXT: what each source holds, the stacks of blocks, the vocabulary, the tensors that are
 * made of some of the parents only or left out. */
clade_status clade_merge_describe(const clade_merge *merge, clade_text *text) CLADE_CHECK_RESULT;

/* The content hashes of everything the recipe names, into the recipe. Reads all of it, on all threads. */
clade_status clade_merge_stamp(clade_merge *merge) CLADE_CHECK_RESULT;

typedef struct clade_merge_output {
    uint64_t shard_bytes;                  /* 0: 5 GB */
    const char *card;                      /* README.md; NULL: none */
    const char *recipe_name, *recipe_text; /* a further file with the recipe, or NULL */
    bool verify;                           /* read everything again when it is written and compare */
    /* Called now and then, from one thread at a time; NULL: not. */
    void (*progress)(void *context, uint64_t done_bytes, uint64_t total_bytes);
    void *context;
    bool (*stop)(void *context); /* true: leave off with CLADE_EINTERRUPTED; NULL: never */
} clade_merge_output;

/* Write the child as a Hugging Face folder OUT, which must not exist: shards, index, config, tokenizer and processor
 * files. After _stamp. A merge that was interrupted goes on from the shards it finished (clade_checkpoint_writer). */
clade_status clade_merge_write(clade_merge *merge, const char *out,
                               const clade_merge_output *output) CLADE_CHECK_RESULT;

/* All of it: open, stamp, write. */
clade_status clade_merge_to_folder(clade_recipe *recipe, const char *out, uint64_t shard_bytes,
                                   const char *card) CLADE_CHECK_RESULT;

/* ---- mergekit's YAML ---- */

/* Read a mergekit YAML file into a recipe: models, slices or modules; base_model, parameters with gradients, filters and
 * their precedence, dtype, out_dtype, tokenizer and tokenizer_source, chat_template, MODEL+ADAPTER, anchors and merge keys;
 * any method of Clade's, with its own parameters (choices by name). Stricter than mergekit: what it would ignore is
 * CLADE_ECONFIG with the line number and "did you mean". Model paths are relative to the file. Where values differ
 * between tensors, or blocks are stacked, the models are opened for the names of their tensors. */
clade_status clade_recipe_from_mergekit(const char *path, clade_recipe **recipe) CLADE_CHECK_RESULT;
/* The same for a text of LENGTH bytes; NAME stands for the file, also as what paths are relative to. */
clade_status clade_recipe_from_mergekit_text(const char *text, size_t length, const char *name,
                                             clade_recipe **recipe) CLADE_CHECK_RESULT;

/* A file of several documents ("---", mergekit-multi) is a list of merges to make in order; the last is the result. The
 * others have a name, by which later ones use their child as a model: it is expected in WORK/NAME. */
typedef struct clade_recipe_document {
    char *name; /* owned; NULL: the last one, when it has none */
    char *out;  /* owned: WORK/NAME, where its child should be before the next is merged; NULL: the last one */
    clade_recipe *recipe; /* owned */
} clade_recipe_document;
typedef struct clade_recipe_list {
    clade_recipe_document *documents; /* (count), owned */
    size_t count;                     /* at least 1 once read */
} clade_recipe_list;
/* Models that are not there yet and will be made before they are needed: LIKE sets *MODEL to the path (owned by the
 * caller, clade_free) of a model that has the same tensors as the one at PATH will have, or to NULL when nothing is
 * promised for PATH. */
typedef struct clade_promised_models {
    clade_status (*like)(void *context, const char *path, char **model);
    void *context;
} clade_promised_models;
/* All documents are read and checked before any is merged: what a later one has to know of an earlier child, the names of
 * its tensors, is known without it. PROMISED may be NULL. */
clade_status clade_recipes_from_mergekit(const char *path, const char *work, const clade_promised_models *promised,
                                         clade_recipe_list *list) CLADE_CHECK_RESULT;
clade_status clade_recipes_from_mergekit_text(const char *text, size_t length, const char *name, const char *work,
                                              clade_recipe_list *list) CLADE_CHECK_RESULT;
void clade_recipe_list_free(clade_recipe_list *list);

/* The same recipe as mergekit YAML appended to TEXT; CLADE_ECONFIG says why when mergekit cannot express it. _as writes
 * for its models the paths of SHOWN, the same recipe with other paths: those are not opened. */
clade_status clade_recipe_to_mergekit(const clade_recipe *recipe, clade_text *text) CLADE_CHECK_RESULT;
clade_status clade_recipe_to_mergekit_as(const clade_recipe *recipe, const clade_recipe *shown,
                                         clade_text *text) CLADE_CHECK_RESULT;

/* The version of libyaml; borrowed. */
const char *clade_yaml_version(void);

#endif
