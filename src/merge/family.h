/* The inside of a family, for the files that make children of it. */
#ifndef CLADE_MERGE_FAMILY_H
#define CLADE_MERGE_FAMILY_H

#include "clade/merge.h"

struct clade_family {
    clade_checkpoint *base;     /* owned, or NULL */
    clade_checkpoint **parents; /* (n_parents), owned; all with the same tensor names in the same order */
    size_t n_parents;
    clade_depth *depths; /* (clade_family_count), owned */
};

#endif
