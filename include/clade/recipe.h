/* The recipe: the waist of the hourglass (DESIGN.md 2).
 *
 * A recipe says completely, without a search, how a child is made: base, parents, method, and for every tensor the
 * numbers the method needs. Experiments, mergekit YAML and people all end here; materializing, hashing, model cards and
 * YAML out all start here. Methods know nothing of genomes, the search knows nothing of tensors.
 *
 * Numbers are given by *rules*: a rule has patterns ('*' any bytes, '?' one byte) and a value for every parameter of
 * the method; the first rule with a pattern that matches a tensor's name holds for it, and a tensor without a rule is
 * an error. So one rule with "*" is a uniform recipe, and a rule per block is a layer-wise one.
 *
 * JSON form (unknown keys are errors; paths relative to the file that names them):
 *   { "clade_recipe": 1, "method": "ties", "seed": 7,
 *     "base": "zoo/base",                                  (absent when the method needs none)
 *     "parents": [ { "name": "fashion", "path": "zoo/fashion" }, ... ],
 *     "dtype": "bfloat16", "out_dtype": "float32",         (both optional)
 *     "parameters": { "normalize": true },                 (scope recipe)
 *     "rules": [ { "tensors": ["*.layers.0.*"],
 *                  "parameters": { "lambda": 1.0 },        (scope site)
 *                  "parents": { "fashion": { "weight": 0.3, "density": 0.2 }, ... } } ] }   (scope parent)
 * A parameter left out has the method's default; one without default must be given. Written JSON gives all of them. A
 * choice is one of its names, as a string. A rule may leave parents out by giving "only": ["fashion"]: the others take
 * no part in its tensors, and giving values for them is an error.
 *
 * Further keys, all optional:
 *   parents[]: "adapter": "lora/fashion"     a PEFT LoRA adapter added to the model at "path" (no "path": to the base)
 *              "statistics": "fisher.safetensors"   what methods with statistics need (clade list methods)
 *   "stacks": [ { "blocks": "model.layers.",       (what stands before the block number in tensor names)
 *                 "slices": [ { "base": [0, 2], "fashion": [0, 2] }, { "base": [1, 3], "digits": [1, 3] } ] } ]
 *              the child's blocks are those of the slices one after the other, each made from blocks [begin, end) of
 *              the models it names, all of one length; a method that uses the base needs its blocks too. Tensors before
 *              the stack come from the models of the first slice, those after it from those of the last one
 *              (clade_depths_of says which is which).
 *   "missing": "refuse" | "leave_out"        a tensor that some parents lack: an error (default), or made of the others
 *   "vocabulary": "same" | "common" | { "source": "union" | "base" | PARENT, "pad_to_multiple_of": 64,
 *                 "tokens": { "<|im_start|>": { "source": PARENT | "base" | "zero" |
 *                                                         { "model": PARENT, "token": "<s>" } |
 *                                                         { "model": PARENT, "token_id": 3 }, "force": false } } }
 *              embeddings and heads of different numbers of rows: an error (default), cut to the rows that all have, or
 *              remapped by the tokenizers' tokens (vocabulary.h)
 *   "chat_template": "auto" | NAME | JINJA   of the child's tokenizer; absent: as in the copied files
 *   "files_from": PARENT                     whose config and tokenizer files the child gets; absent: the
 *                                            base's, else the first parent's
 * In stacks, vocabulary and files_from "base" is the base, when there is one; where they are used no parent may have
 * that name. Absent optional keys are not written, and neither are those that say the default: the identity of a recipe
 * does not change when the form grows.
 */
#ifndef CLADE_RECIPE_H
#define CLADE_RECIPE_H

#include "clade/hash.h"
#include "clade/json.h"
#include "clade/method.h"
#include "clade/tensor.h"

/* A file or folder that a recipe names, and what it holds. */
typedef struct clade_recipe_file {
    char *path;                  /* owned; as it can be opened from the working directory; NULL: none */
    char hash[CLADE_SHA256_HEX]; /* of its content, or "" while not known */
} clade_recipe_file;

typedef struct clade_recipe_parent {
    char *name; /* owned; unique in the recipe */
    char *path; /* owned; as it can be opened from the working directory; NULL: an adapter on the base */
    char hash[CLADE_SHA256_HEX]; /* clade_checkpoint_hash, or "" while not known (and always without a path) */
    clade_recipe_file adapter, statistics;
} clade_recipe_parent;

/* Blocks of the child from blocks of the parents. */
typedef struct clade_recipe_slice {
    size_t n_blocks; /* at least 1 */
    int *first;      /* (n_parents + 1), owned: the first block in each parent, the base last; -1: takes no part */
} clade_recipe_slice;
typedef struct clade_recipe_stack {
    char *blocks;               /* owned: what stands before the block number, with the dot */
    clade_recipe_slice *slices; /* (n_slices), owned */
    size_t n_slices;
} clade_recipe_stack;

typedef enum clade_vocabulary_kind {
    CLADE_VOCABULARY_SAME,
    CLADE_VOCABULARY_COMMON,
    CLADE_VOCABULARY_UNION,
    CLADE_VOCABULARY_OF /* the vocabulary of one model */
} clade_vocabulary_kind;
typedef enum clade_token_kind {
    CLADE_TOKEN_OF,
    CLADE_TOKEN_ZERO,
    CLADE_TOKEN_LIKE,
    CLADE_TOKEN_LIKE_ID
} clade_token_kind;
typedef struct clade_recipe_token {
    char *token; /* owned */
    clade_token_kind kind;
    size_t source;    /* parent, or n_parents for the base */
    char *like;       /* owned: the token whose embedding is taken (CLADE_TOKEN_LIKE), else NULL */
    uint32_t like_id; /* (CLADE_TOKEN_LIKE_ID) */
    bool force;       /* every parent uses this embedding, also those that have the token */
} clade_recipe_token;
typedef struct clade_recipe_vocabulary {
    clade_vocabulary_kind kind;
    size_t source;               /* CLADE_VOCABULARY_OF: parent, or n_parents for the base */
    uint32_t pad_to_multiple_of; /* 0: no padding */
    clade_recipe_token *tokens;  /* (n_tokens), owned */
    size_t n_tokens;
} clade_recipe_vocabulary;

typedef struct clade_rule {
    char **patterns; /* (n_patterns), owned */
    size_t n_patterns;
    bool *only;     /* (n_parents), owned: who takes part; NULL: all */
    double *site;   /* (n_parameters of the method), owned; entries of scope parent unused (0) */
    double *parent; /* (n_parents, n_parameters), row-major, owned; entries of other scopes unused (0) */
} clade_rule;

typedef struct clade_recipe {
    const clade_method *method;   /* borrowed, from the registry */
    uint64_t seed;                /* of random masks; 0 and unused when the method draws none */
    clade_recipe_parent *base;    /* owned, or NULL */
    clade_recipe_parent *parents; /* (n_parents), owned */
    size_t n_parents;
    bool has_dtype, has_out_dtype;
    clade_dtype dtype;     /* parents are rounded to it when read; absent: as they are */
    clade_dtype out_dtype; /* of the child; absent: dtype, else per tensor the promoted dtype of base and parents
                              (F16 with BF16 gives F32, else the wider one) */
    clade_rule *rules;     /* (n_rules), owned, in order of precedence */
    size_t n_rules;
    clade_recipe_stack *stacks; /* (n_stacks), owned */
    size_t n_stacks;
    bool leave_out; /* tensors that some parents lack are made of the others */
    clade_recipe_vocabulary vocabulary;
    char *chat_template; /* owned, or NULL */
    size_t files_from;   /* parent, or n_parents for the base; SIZE_MAX: not said */
} clade_recipe;

/* Read and validate; all problems at once, CLADE_ECONFIG. *RECIPE is owned by the caller. _parse adds the problems to a
 * list instead: it gives CLADE_OK and a NULL recipe when it added some (and fails only without memory). */
clade_status clade_recipe_read(const char *path, clade_recipe **recipe) CLADE_CHECK_RESULT;
clade_status clade_recipe_parse(const clade_json_at *at, clade_problems *problems,
                                clade_recipe **recipe) CLADE_CHECK_RESULT;
void clade_recipe_free(clade_recipe *recipe);

/* An empty recipe with room for the parents and rules; all values are the method's defaults, patterns and names NULL.
 * For those that build recipes in code. */
clade_status clade_recipe_new(const clade_method *method, size_t n_parents, size_t n_rules,
                              clade_recipe **recipe) CLADE_CHECK_RESULT;
/* Everything a recipe must satisfy: parents within the method's limits, names unique and not empty, base present when
 * needed, values within the parameters' hard limits, finite. Adds problems prefixed by WHERE. */
void clade_recipe_check(const clade_recipe *recipe, const char *where, clade_problems *problems);

/* The JSON form, every value written out. With paths as they are in the recipe. */
void clade_recipe_print(const clade_recipe *recipe, bool pretty, clade_text *text);
/* The identity: SHA-256 of the compact JSON with each path replaced by the parent's content hash (which must be set),
 * and parent names kept. Equal recipes have equal hashes wherever the files lie. */
clade_status clade_recipe_hash(const clade_recipe *recipe, char hex[CLADE_SHA256_HEX]) CLADE_CHECK_RESULT;

/* The rule for a tensor, or NULL. */
const clade_rule *clade_recipe_rule(const clade_recipe *recipe, const char *tensor_name);
/* '*' and '?' matching of the whole of TEXT; no recursion, O(pattern * text). */
bool clade_pattern_matches(const char *pattern, const char *text);

#endif
