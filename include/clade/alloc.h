/* Memory: counted allocation that can be made to fail, and an arena.
 *
 * All of Clade's heap goes through these, so that tests can make the N-th allocation fail and count what leaks.
 * The alternative, aborting when memory is out, was rejected: a worker that cannot hold a child reports that child as
 * failed and goes on. */
#ifndef CLADE_ALLOC_H
#define CLADE_ALLOC_H

#include <stddef.h>

/* BYTES of uninitialised (zeroed, for calloc: COUNT * SIZE with overflow check) memory, 64-byte aligned, or NULL when
 * there is none. BYTES 0 gives a valid pointer. Owned by the caller; release with clade_free, which accepts NULL. */
void *clade_malloc(size_t bytes);
void *clade_calloc(size_t count, size_t size);
/* Resize, contents kept up to the smaller size; NULL leaves MEMORY as it was. MEMORY may be NULL. */
void *clade_realloc(void *memory, size_t bytes);
void clade_free(void *memory);
/* A copy of TEXT (of at most LENGTH bytes for strndup), owned by the caller, or NULL. */
char *clade_strdup(const char *text);
char *clade_strndup(const char *text, size_t length);

/* Blocks handed out and not yet freed (all threads). Laws: every public _new/_open followed by its _free/_close leaves
 * this as it was, whichever allocation in between failed. */
size_t clade_alloc_live(void);
/* Make the N-th allocation from now (1 = the next) return NULL, once; 0 switches it off. For tests. */
void clade_alloc_fail_at(size_t n);

/* An arena: one block, bump allocation, reset and used again. Borrowed pointers die at reset. */
typedef struct clade_arena {
    unsigned char *block; /* owned */
    size_t size;          /* bytes in block */
    size_t used;          /* bytes handed out since the last reset */
} clade_arena;

/* Make ARENA (zeroed by the caller: {0}) hold at least BYTES; contents are lost when it has to grow. 0 on failure. */
int clade_arena_reserve(clade_arena *arena, size_t bytes);
/* BYTES, 64-byte aligned, or NULL when the reserve is used up (an arena never grows by itself). */
void *clade_arena_take(clade_arena *arena, size_t bytes);
void clade_arena_reset(clade_arena *arena);
void clade_arena_free(clade_arena *arena);

#endif
