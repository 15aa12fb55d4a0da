/* Reading and writing mergekit's YAML.
 *
 *   mergekit_read.c        a document: its keys, and the recipe as a whole
 *   mergekit_models.c      which models it names, in which slices
 *   mergekit_arrange.c     which of them are parents, and which blocks
 *   mergekit_parameters.c  what a setting may look like, and its value for a tensor
 *   mergekit_rules.c       the values of all tensors, as rules
 *   mergekit_names.c       the tensors of the child, and what they are called in the models
 *   mergekit_tokens.c      tokenizers
 *   mergekit_files.c       whole files, of one document or several
 *   mergekit_methods.c     what mergekit's methods read
 *   mergekit_write.c, mergekit_write_values.c, mergekit_write_tokens.c   a recipe as YAML */
#ifndef CLADE_MERGE_MERGEKIT_H
#define CLADE_MERGE_MERGEKIT_H

#include "clade/merge.h"
#include "merge/recipe_parts.h"
#include "merge/yaml_tree.h"

/* ---- what mergekit knows ---- */

/* One of mergekit's methods: the names it reads. A parameter of Clade's that is not among them has a default that is
 * what mergekit does. */
typedef struct clade_mergekit_method {
    const char *name;
    const char *required[2], *optional[6]; /* NULL at the end */
    bool int8_mask;                        /* reads int8_mask, which saves it memory and changes no number */
} clade_mergekit_method;

/* NULL: not one of mergekit's. */
const clade_mergekit_method *clade_mergekit_method_find(const char *name);
bool clade_mergekit_requires(const clade_mergekit_method *method, const char *parameter);
bool clade_mergekit_reads(const clade_mergekit_method *method, const char *parameter);

/* ---- tensors of the child ---- */

/* The names in a model, sorted. */
typedef struct clade_name_list {
    clade_checkpoint *checkpoint; /* owned: the names are its own; NULL: they are borrowed from elsewhere */
    const char **names;           /* (count), owned; the strings borrowed */
    size_t count;
} clade_name_list;

clade_status clade_name_list_open(const char *path, clade_name_list *list) CLADE_CHECK_RESULT;
void clade_name_list_close(clade_name_list *list);

/* A tensor of the child. With a stack, it comes from a slice: in block BLOCK of it, or outside the blocks (-1), before
 * them in the first slice and after them in the last. */
typedef struct clade_output_tensor {
    char *name; /* owned */
    double t;   /* where in its tower, or its slice, it is: 0 .. 1; 0 outside the blocks */
    size_t slice;
    int block;
    size_t rest; /* where in the name the part behind the block number begins */
} clade_output_tensor;

typedef struct clade_output_tensors {
    clade_output_tensor *list; /* (count), owned */
    size_t count, room;
} clade_output_tensors;

/* Where the names of a model come from: number SOURCE of the recipe, n_parents for the base. *LIST is borrowed. */
typedef struct clade_name_source {
    clade_status (*open)(void *context, size_t source, const clade_name_list **list);
    void *context;
} clade_name_source;

/* The tensors of RECIPE, which has at most one stack. */
clade_status clade_output_tensors_list(const clade_recipe *recipe, const clade_name_source *names,
                                       clade_output_tensors *tensors) CLADE_CHECK_RESULT;
void clade_output_tensors_free(clade_output_tensors *tensors);
/* What TENSOR is called in model SOURCE, appended to the cleared NAME. */
void clade_output_tensor_stored(const clade_recipe *recipe, const clade_output_tensor *tensor, size_t source,
                                clade_text *name);
/* What stands before the block numbers in LIST ("model.layers."), owned by the caller. CLADE_ECONFIG when LIST, which
 * WHERE names, has no stack of blocks or more than one. */
clade_status clade_name_list_stack(const clade_name_list *list, const char *where, char **blocks) CLADE_CHECK_RESULT;

/* ---- a document ---- */

/* An earlier document of the same file, whose child later ones may use as a model. */
typedef struct clade_mergekit_child {
    const char *name;                              /* borrowed */
    char *path;                                    /* owned: where the child will lie */
    clade_output_tensors tensors;                  /* of the child; empty: it has those of the model it is like */
    char *like;                                    /* owned: the path of that model, or NULL: */
    const struct clade_mergekit_child *like_child; /* the earlier document that makes it */
} clade_mergekit_child;

enum { CLADE_MERGEKIT_NONE = -1 };

typedef struct clade_mergekit_model {
    char *path, *adapter;        /* as they can be opened from the working directory; owned; adapter may be NULL */
    const char *written;         /* the path in the file; borrowed */
    const clade_yaml_node *node; /* where it is first named */
    const clade_mergekit_child *child; /* the document that makes it, or NULL */
    int parent;                        /* its index in the recipe, CLADE_MERGEKIT_NONE when it is no parent */
} clade_mergekit_model;

typedef struct clade_mergekit_source {
    size_t model;
    int first;                         /* block */
    const clade_yaml_node *parameters; /* or NULL */
    const clade_yaml_node *node;       /* or NULL */
} clade_mergekit_source;

typedef struct clade_mergekit_slice {
    clade_mergekit_source *sources; /* (n_sources), owned */
    size_t n_sources;
    size_t n_blocks;                   /* 0: the whole model */
    int base;                          /* a model, or CLADE_MERGEKIT_NONE */
    const clade_yaml_node *parameters; /* or NULL */
    const clade_yaml_node *node;
} clade_mergekit_slice;

/* A part of the model: all of it ("default"), or the tensors with the name of the module in theirs. */
typedef struct clade_mergekit_module {
    const char *name;
    const clade_yaml_node *parameters; /* or NULL */
    clade_mergekit_slice *slices;      /* (n_slices), owned; one for whole models */
    size_t n_slices;
} clade_mergekit_module;

typedef struct clade_mergekit {
    const char *name; /* of the file */
    clade_problems *problems;
    bool on_disk;                          /* models should be there already, or promised: */
    const clade_promised_models *promised; /* or NULL */
    const clade_mergekit_child *children;  /* (n_children): earlier documents */
    size_t n_children;
    const clade_method *method;
    const clade_mergekit_method *known; /* what mergekit's method of that name reads, or NULL */
    const clade_yaml_node *parameters;  /* of the top level, or NULL */
    clade_mergekit_model models[CLADE_MAX_PARENTS + 1];
    size_t n_models;
    int base;                       /* base_model, or CLADE_MERGEKIT_NONE */
    clade_mergekit_module *modules; /* (n_modules), owned */
    size_t n_modules;
    bool stacked; /* the only module has slices */
    /* after arranging */
    size_t n_parents;
    int recipe_base; /* the model that is the recipe's base, or CLADE_MERGEKIT_NONE */
} clade_mergekit;

/* Add "FILE:LINE: ..." to the problems. */
void clade_mergekit_problem(const clade_mergekit *file, const clade_yaml_node *node, const char *format, ...)
    CLADE_PRINTF(3, 4);
/* A problem for every key of a mapping that is not among COUNT names. False, and a problem, when NODE is no mapping. */
bool clade_mergekit_only(const clade_mergekit *file, const clade_yaml_node *node, const char *what,
                         const char *const *known, size_t count);

/* Read base_model, models, slices and modules of the document at ROOT. The method is known. */
clade_status clade_mergekit_read_models(clade_mergekit *file, const clade_yaml_node *root) CLADE_CHECK_RESULT;
/* Decide which models are parents, in what order, and which is the base. */
void clade_mergekit_arrange(clade_mergekit *file, const clade_yaml_node *root);
/* The models, the stack and files_from of RECIPE, which is new. */
clade_status clade_mergekit_fill(const clade_mergekit *file, const clade_name_source *names,
                                 clade_recipe *recipe) CLADE_CHECK_RESULT;
/* The index of a model named in NODE, added when it is new; CLADE_MERGEKIT_NONE, and a problem, when it is none. */
clade_status clade_mergekit_model_of(clade_mergekit *file, const clade_yaml_node *node, int *model) CLADE_CHECK_RESULT;
/* A model that looks like a name on a hub, and is no folder; and what to do about one. */
enum { CLADE_MERGEKIT_NAME = 256 }; /* bytes; longer names are no names of the hub */
bool clade_mergekit_is_remote(const clade_mergekit_model *model);
void clade_mergekit_append_missing(const clade_mergekit_model *model, clade_text *text);
void clade_mergekit_fini(clade_mergekit *file);

/* Check the names and forms of all parameters, adding problems. */
void clade_mergekit_check_parameters(const clade_mergekit *file);
/* Whether any parameter is more than a number: the names of tensors are needed. */
bool clade_mergekit_varies(const clade_mergekit *file);
/* A tensor as settings see it. */
typedef struct clade_mergekit_place {
    const clade_mergekit_module *module;
    const clade_mergekit_slice *slice;
    const char *name;
    double t;
} clade_mergekit_place;
/* The value of parameter NAME for a tensor: under the source (NULL: for none of them), then the slice, the module, the
 * top. PARAMETER may be NULL: a number. False when nothing is said. */
bool clade_mergekit_value(const clade_mergekit *file, const clade_mergekit_source *source, const char *name,
                          const clade_parameter *parameter, const clade_mergekit_place *place, double *out);

/* Give RECIPE, which has its models, stack and one rule without patterns, the rules that give every tensor what the
 * parameters say. TENSORS gets the tensors of the child when their names were needed. */
clade_status clade_mergekit_rules(const clade_mergekit *file, const clade_name_source *names, clade_recipe *recipe,
                                  clade_output_tensors *tensors) CLADE_CHECK_RESULT;

/* tokenizer_source, tokenizer and chat_template, into RECIPE. */
clade_status clade_mergekit_tokens(clade_mergekit *file, const clade_yaml_node *root,
                                   clade_recipe *recipe) CLADE_CHECK_RESULT;
/* The index in the recipe of a model; false when it takes no part. */
bool clade_mergekit_index(const clade_mergekit *file, int model, size_t *index);

/* One document to a recipe, NULL when there were problems. CHILD, when not NULL, gets the names of its tensors. */
clade_status clade_mergekit_document(clade_mergekit *file, const clade_yaml_node *root, clade_recipe **recipe,
                                     clade_mergekit_child *child) CLADE_CHECK_RESULT;

#endif
