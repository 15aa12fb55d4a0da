/* The tiny family with a stack (merge_fixture.h), open while the tests of a file run. */
#ifndef CLADE_MERGE_STACKED_H
#define CLADE_MERGE_STACKED_H

#include "merge_fixture.h"

static family_fixture stacked;

static inline int open_family(void **state)
{
    (void)state;
    family_init(&stacked, stacked_names);
    return 0;
}

static inline int close_family(void **state)
{
    (void)state;
    family_fini(&stacked);
    return 0;
}

#endif
