/* The lineage of a child: itself and all its ancestors, from the ledger. */
#ifndef CLADE_LINEAGE_H
#define CLADE_LINEAGE_H

#include "search/experiment.h"
#include "search/ledger.h"

typedef struct clade_ancestor {
    clade_child_row row;
    clade_commit_row commit; /* objectives in the experiment's order; failed when not committed */
} clade_ancestor;

typedef struct clade_lineage {
    clade_ancestor
        *items; /* (count), owned; by child number, so ancestors come before descendants; the last is the child */
    size_t count;
} clade_lineage;

/* CLADE_EUSAGE when the run has no such child. */
clade_status clade_lineage_read(clade_ledger *ledger, uint64_t child, clade_lineage *lineage) CLADE_CHECK_RESULT;
void clade_lineage_fini(clade_lineage *lineage);

/* {"child": N, "lineage": [{"child", "method", "operator", "parents", "recipe_hash", "objectives", "recipe"}]},
 * ancestors first. A child that a race stopped has "estimated": true besides (and "~" before its numbers in text). */
clade_status clade_lineage_write_json(const clade_lineage *lineage, const clade_experiment *experiment,
                                      clade_text *text) CLADE_CHECK_RESULT;
/* A Graphviz digraph, arrows from parent to child. */
clade_status clade_lineage_write_dot(const clade_lineage *lineage, const clade_experiment *experiment,
                                     clade_text *text) CLADE_CHECK_RESULT;
/* One line per ancestor, the child first. */
clade_status clade_lineage_write_text(const clade_lineage *lineage, const clade_experiment *experiment,
                                      clade_text *text) CLADE_CHECK_RESULT;

#endif
