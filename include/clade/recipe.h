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
 * A parameter left out has the method's default; one without default must be given. Written JSON gives all of them. */
#ifndef CLADE_RECIPE_H
#define CLADE_RECIPE_H

#include "clade/hash.h"
#include "clade/json.h"
#include "clade/method.h"
#include "clade/tensor.h"

typedef struct clade_recipe_parent {
    char *name;                  /* owned; unique in the recipe */
    char *path;                  /* owned; as it can be opened from the working directory */
    char hash[CLADE_SHA256_HEX]; /* clade_checkpoint_hash, or "" while not known */
} clade_recipe_parent;

typedef struct clade_rule {
    char **patterns; /* (n_patterns), owned */
    size_t n_patterns;
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
