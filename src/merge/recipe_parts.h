/* What the files that read, check and write recipes share. */
#ifndef CLADE_MERGE_RECIPE_PARTS_H
#define CLADE_MERGE_RECIPE_PARTS_H

#include "clade/recipe.h"
#include "clade/text.h"

/* Rules a file may have: each takes room for all its values, many times the bytes that name it. Blocks a child may
 * have in one stack, and the highest number of a block. */
enum { CLADE_MAX_RULES = 65536, CLADE_MAX_BLOCKS = 65536, CLADE_MAX_BLOCK = 999999 };

/* Problems after which lists that may be long are not looked at further. */
enum { CLADE_MOST_PROBLEMS = 40 };

void clade_recipe_parent_fini(clade_recipe_parent *parent);
/* VALUE is finite, within the hard limits, and whole unless the parameter is real. */
bool clade_parameter_allows(const clade_parameter *parameter, double value);
/* Append "a number from 0 to 1" and the like. */
void clade_parameter_expected(const clade_parameter *parameter, clade_text *text);
/* The names of a choice; 0 for every other kind. */
size_t clade_parameter_choices(const clade_parameter *parameter);
/* The templates that have a name, besides "auto"; a text with '{' is a template itself. */
bool clade_chat_template_known(const char *name);

/* Room for the slices of a stack, in none of which a model takes part; the index of a model in them is that of the
 * parent, or n_parents for the base. False without memory. */
bool clade_recipe_stack_init(const clade_recipe *recipe, clade_recipe_stack *stack, size_t n_slices);
/* The parents that take part in the tensors of a rule. */
size_t clade_rule_parents(const clade_recipe *recipe, const clade_rule *rule);

/* ---- reading JSON ---- */

typedef struct clade_recipe_reader {
    clade_problems *problems;
    clade_recipe *recipe; /* being filled */
    clade_status status;  /* not CLADE_OK: out of memory */
} clade_recipe_reader;

void clade_recipe_no_memory(clade_recipe_reader *reader, const char *what);
/* The text of AT as a copy, or NULL and a problem. */
char *clade_recipe_copied(clade_recipe_reader *reader, const clade_json_at *at);
/* Stacks, missing, vocabulary, chat_template and files_from of the recipe at ROOT; base and parents are read. */
void clade_recipe_read_extras(clade_recipe_reader *reader, const clade_json_at *root);

#endif
