/* What a recipe means for every tensor of the child: where each parent's elements come from, and which rule holds.
 *
 * A plan is made from names and shapes alone; nothing of the tensors is read. It finds every problem at once:
 * CLADE_EINCOMPATIBLE (what differs between parents), CLADE_ECONFIG (what the recipe leaves open).
 *
 *   stored tensor --rows--> + low-rank delta --> f32, rounded to the recipe's dtype --> a row of a tile
 */
#ifndef CLADE_MERGE_PLAN_H
#define CLADE_MERGE_PLAN_H

#include "clade/adapter.h"
#include "clade/merge.h"

/* Where the rows of a remapped embedding come from: row r of the child is the mean of items[start[r]] ..
 * items[start[r + 1] - 1], zeros when there are none. */
typedef struct clade_row_item {
    uint32_t source; /* index of a parent, or n_parents for the base */
    uint32_t row;    /* of the tensor as stored there */
} clade_row_item;
typedef struct clade_row_map {
    size_t n_rows;
    uint32_t *start;       /* (n_rows + 1), owned */
    clade_row_item *items; /* (start[n_rows]), owned */
} clade_row_map;

/* One parent's (or the base's) part in a tensor. */
typedef struct clade_source {
    const clade_tensor *tensor;  /* as stored; NULL: takes no part */
    const clade_row_map *rows;   /* NULL: as stored */
    const clade_low_rank *delta; /* NULL: none */
} clade_source;

typedef struct clade_target {
    clade_tensor tensor;    /* name, shape, dtype and bytes of the child's tensor; no data. The name and shape are owned
                                 by the plan */
    bool copied;            /* integers: the bytes of the first source that has them */
    const clade_rule *rule; /* NULL when copied */
    uint64_t rule_offset;   /* elements of the rule's tensors before it, where a survey is over all of them; else 0 */
    clade_source *sources;  /* (n_sources): n_parents, then the base */
    size_t n_sources;
    size_t *taking_part; /* (n_taking_part): indices of the parents in the tensor's tiles */
    size_t n_taking_part;
    const clade_tensor **statistics; /* (n_taking_part) or NULL */
} clade_target;

typedef struct clade_plan {
    const clade_family *family; /* borrowed */
    const clade_recipe *recipe; /* borrowed; */
    clade_target *targets;      /* (count), sorted by name */
    size_t count;
    uint64_t elements;               /* of all targets */
    bool uses_base;                  /* the base takes part in the arithmetic */
    bool untied;                     /* a head is stored that some model shares with its embeddings */
    clade_source *sources;           /* (count, n_parents + 1), owned: what the targets point into */
    size_t *taking_part;             /* (count, n_parents), owned */
    const clade_tensor **statistics; /* (count, n_parents), owned, or NULL */
    char *names;                     /* owned: of tensors that are named by a stack; NULL: none are */
    uint64_t *shapes;                /* owned: of tensors whose rows are not those stored; NULL: none are */
} clade_plan;

clade_status clade_plan_new(const clade_family *family, const clade_recipe *recipe,
                            clade_plan **plan) CLADE_CHECK_RESULT;
void clade_plan_free(clade_plan *plan);
/* Blocks of the child's (first) stack, or 0 when the recipe has none: the layers are those of the parents. */
uint64_t clade_plan_blocks(const clade_plan *plan);

/* Elements FIRST .. FIRST + N - 1 of source number SOURCE of a target, as f32 in OUT, not yet checked nor rounded.
 * SCRATCH: clade_source_scratch bytes. */
size_t clade_source_scratch(const clade_target *target, size_t source);
void clade_source_read(const clade_target *target, size_t source, uint64_t first, size_t n, float *out, void *scratch);
/* The elements can be used where they lie: F32, aligned, no rows, no delta. */
const float *clade_source_direct(const clade_target *target, size_t source);

#endif
