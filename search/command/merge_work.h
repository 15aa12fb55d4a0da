/* The folder OUT.work, where a merge of several steps keeps the children that later steps need.
 *
 * It is kept when the command fails, so that the same command goes on; a child that lies there is used again when it was
 * made from the same recipe and parents by the same version, else made anew. Beside each finished child NAME lies the
 * file NAME.made that says so; it is written last. */
#ifndef CLADE_MERGE_WORK_H
#define CLADE_MERGE_WORK_H

#include "clade/recipe.h"

/* OUT.work, OUT without slashes at its end; owned by the caller, NULL without memory. */
char *clade_work_path(const char *out);
/* Make it, or find it as an earlier run left it. CLADE_EUSAGE when something else has that name. */
clade_status clade_work_open(const char *work) CLADE_CHECK_RESULT;
/* Whether CHILD, a folder in it, is the whole child of RECIPE, which has its hashes. A folder that is not is removed. */
clade_status clade_work_find(const char *child, const clade_recipe *recipe, bool *found) CLADE_CHECK_RESULT;
/* CHILD is made. */
clade_status clade_work_made(const char *child, const clade_recipe *recipe) CLADE_CHECK_RESULT;
/* CHILD is no longer needed. */
clade_status clade_work_forget(const char *child) CLADE_CHECK_RESULT;
/* The folder with the children that are left in it becomes OUT, in one step. */
clade_status clade_work_become(const char *work, const char *out) CLADE_CHECK_RESULT;
clade_status clade_work_remove(const char *work) CLADE_CHECK_RESULT;

#endif
