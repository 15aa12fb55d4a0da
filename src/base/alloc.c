/* Each block is preceded by 64 bytes that hold its size, so that it can be resized without asking the C library, and so
 * that blocks stay aligned for the widest vectors. The end of a block is the end of what malloc gave: sanitizers see
 * overruns. The price is 64 bytes per block, so many small things belong in an arena or an array. */
#include "clade/alloc.h"

#include <stdatomic.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

enum { ALIGNMENT = 64 };

static atomic_size_t live_blocks;
static atomic_size_t fail_countdown; /* 0: off */

/* True when the test hook wants this allocation to fail. */
static int must_fail(void)
{
    size_t left = atomic_load(&fail_countdown);
    while (left != 0)
        if (atomic_compare_exchange_weak(&fail_countdown, &left, left - 1))
            return left == 1;
    return 0;
}

static size_t size_of(const void *memory)
{
    size_t bytes;
    memcpy(&bytes, (const unsigned char *)memory - ALIGNMENT, sizeof bytes);
    return bytes;
}

void *clade_malloc(size_t bytes)
{
    void *block;
    if (must_fail() || bytes > PTRDIFF_MAX - ALIGNMENT || posix_memalign(&block, ALIGNMENT, bytes + ALIGNMENT) != 0)
        return NULL;
    memcpy(block, &bytes, sizeof bytes);
    atomic_fetch_add(&live_blocks, 1);
    return (unsigned char *)block + ALIGNMENT;
}

void *clade_calloc(size_t count, size_t size)
{
    if (size != 0 && count > SIZE_MAX / size)
        return NULL;
    void *memory = clade_malloc(count * size);
    if (memory)
        memset(memory, 0, count * size);
    return memory;
}

void *clade_realloc(void *memory, size_t bytes)
{
    void *larger = clade_malloc(bytes);
    if (!larger || !memory)
        return larger;
    size_t old = size_of(memory);
    memcpy(larger, memory, old < bytes ? old : bytes);
    clade_free(memory);
    return larger;
}

void clade_free(void *memory)
{
    if (!memory)
        return;
    atomic_fetch_sub(&live_blocks, 1);
    free((unsigned char *)memory - ALIGNMENT);
}

char *clade_strdup(const char *text)
{
    return clade_strndup(text, strlen(text));
}

char *clade_strndup(const char *text, size_t length)
{
    size_t used = strnlen(text, length);
    char *copy = clade_malloc(used + 1);
    if (!copy)
        return NULL;
    memcpy(copy, text, used);
    copy[used] = '\0';
    return copy;
}

size_t clade_alloc_live(void)
{
    return atomic_load(&live_blocks);
}

void clade_alloc_fail_at(size_t n)
{
    atomic_store(&fail_countdown, n);
}

int clade_arena_reserve(clade_arena *arena, size_t bytes)
{
    arena->used = 0;
    if (bytes <= arena->size)
        return 1;
    clade_arena_free(arena);
    arena->block = clade_malloc(bytes);
    arena->size = arena->block ? bytes : 0;
    return arena->block != NULL;
}

void *clade_arena_take(clade_arena *arena, size_t bytes)
{
    size_t begin = (arena->used + ALIGNMENT - 1) / ALIGNMENT * ALIGNMENT;
    if (begin > arena->size || bytes > arena->size - begin)
        return NULL;
    arena->used = begin + bytes;
    return arena->block + begin;
}

void clade_arena_reset(clade_arena *arena)
{
    arena->used = 0;
}

void clade_arena_free(clade_arena *arena)
{
    clade_free(arena->block);
    *arena = (clade_arena){0};
}
