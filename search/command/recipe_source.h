/* Where recipes come from: a recipe file, a mergekit YAML of one document or several, or a child of a run; and the models
 * they name that have to be made first. */
#ifndef CLADE_RECIPE_SOURCE_H
#define CLADE_RECIPE_SOURCE_H

#include "clade/merge.h"
#include "clade/recipe.h"

/* "file.json", "file.yml" / "file.yaml" of one document, or "RUN_FOLDER:CHILD" (CHILD a number, or "best"). Owned by the
 * caller. */
clade_status clade_recipe_open(const char *source, clade_recipe **recipe) CLADE_CHECK_RESULT;

/* One merge of several. */
typedef struct clade_merge_step {
    char *shown;          /* owned: what other recipes call its child: NAME, OUT/NAME or RUN:CHILD; NULL: the result */
    char *out;            /* owned: where its child is made and found by later steps; NULL: the result's own place */
    bool is_name;         /* SHOWN is a mere name: of a document whose child is no result */
    bool is_result;       /* kept at the end; else removed */
    clade_recipe *recipe; /* owned; with paths that can be opened once the steps before are made */
} clade_merge_step;

/* In the order in which they have to be made. */
typedef struct clade_merge_steps {
    clade_merge_step *items; /* (count), owned */
    size_t count, room;
    bool many; /* every document has a name: all of their children are results, in a folder each */
} clade_merge_steps;

/* All that SOURCE needs to be made as OUT, with children that are no result in WORK:
 *   - the documents of a mergekit YAML. The last one is the result; when it has a name too, all are, as OUT/NAME (for
 *     mergekit-multi all named merges are, in its --intermediate-dir); until the end they are made in WORK/NAME;
 *   - children of runs, RUN_FOLDER:CHILD in the place of the path of a base or a parent: each once, before the first that
 *     needs it. A child of a run may itself need such; deeper than CLADE_MOST_RUN_DEPTH is CLADE_ECONFIG.
 * Nothing is written. */
enum { CLADE_MOST_RUN_DEPTH = 4, CLADE_MOST_STEPS = 256 };
clade_status clade_merge_steps_open(const char *source, const char *out, const char *work,
                                    clade_merge_steps *steps) CLADE_CHECK_RESULT;
void clade_merge_steps_free(clade_merge_steps *steps);
/* The step before number BEFORE whose child lies at PATH, or NULL. PATH may be NULL. */
const clade_merge_step *clade_merge_steps_find(const clade_merge_steps *steps, size_t before, const char *path);

#endif
