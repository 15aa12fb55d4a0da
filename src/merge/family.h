/* The inside of a family, for the files that make children of it. */
#ifndef CLADE_MERGE_FAMILY_H
#define CLADE_MERGE_FAMILY_H

#include "clade/adapter.h"
#include "clade/merge.h"
#include "clade/vocabulary.h"

struct clade_family {
    clade_checkpoint *base;        /* owned, or NULL */
    clade_checkpoint **parents;    /* (n_parents); owned where they are not the base */
    clade_adapter **adapters;      /* (n_parents), owned; NULL: none */
    clade_checkpoint **statistics; /* (n_parents), owned; NULL: none */
    clade_vocabulary *vocabulary;  /* owned; NULL: rows are as stored. Borrows the recipe it was made for */
    size_t n_parents;
    bool alike;          /* all checkpoints have the same tensors, checked: number i is the same tensor in each */
    clade_depth *depths; /* (clade_family_count), owned */
};

/* Number SOURCE of a family's checkpoints: a parent, or for n_parents the base (NULL when there is none). */
clade_checkpoint *clade_family_source(const clade_family *family, size_t source);
/* A family of one parent: the model at BASE changed by ADAPTER, which the family owns from now on (also on failure). */
clade_status clade_family_open_adapted(const char *base, clade_adapter *adapter,
                                       clade_family **family) CLADE_CHECK_RESULT;
/* Add to PROBLEMS why FOUND, a tensor of ONE, cannot be merged with EXPECTED; true when it can. */
bool clade_family_compare(const clade_checkpoint *one, const clade_tensor *expected, const clade_tensor *found,
                          clade_problems *problems);

#endif
