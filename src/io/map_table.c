/* Which files are mapped where, for the handler of SIGBUS: it may neither allocate nor wait for a lock that the thread
 * it interrupts holds, so this is a table of fixed size whose entries are taken and left by one atomic word. A map that
 * finds no room is missing from it, which costs a message its name. */
#include "io/map_table.h"

#include <stdatomic.h>
#include <stdint.h>
#include <string.h>

enum { ROOM = 2048, FREE = 0, TAKEN = 1 }; /* a model of hundreds of shards, and tens of parents */

typedef struct entry {
    _Atomic(uintptr_t) begin; /* FREE, TAKEN (being filled), or the address of the first byte */
    size_t bytes;
    char path[CLADE_MAP_PATH]; /* its end, where it is longer */
} entry;

/* A signal has no argument of ours: what its handler reads can only be global. */
static entry table[ROOM];

void clade_io_map_add(const clade_map *map, const char *path)
{
    for (size_t i = 0; i < ROOM; i++) {
        uintptr_t begin = FREE;
        if (!atomic_compare_exchange_strong(&table[i].begin, &begin, TAKEN))
            continue;
        const size_t length = strlen(path), skipped = length < CLADE_MAP_PATH ? 0 : length + 1 - CLADE_MAP_PATH;
        memcpy(table[i].path, path + skipped, length - skipped + 1);
        table[i].bytes = map->size;
        atomic_store(&table[i].begin, (uintptr_t)map->data);
        return;
    }
}

void clade_io_map_remove(const clade_map *map)
{
    for (size_t i = 0; i < ROOM; i++)
        if (atomic_load(&table[i].begin) == (uintptr_t)map->data) {
            atomic_store(&table[i].begin, FREE);
            return;
        }
}

bool clade_map_find(const void *address, const char **path, size_t *bytes)
{
    const uintptr_t wanted = (uintptr_t)address;
    for (size_t i = 0; i < ROOM; i++) {
        const uintptr_t begin = atomic_load(&table[i].begin);
        if (begin > TAKEN && wanted >= begin && wanted - begin < table[i].bytes) {
            *path = table[i].path;
            *bytes = table[i].bytes;
            return true;
        }
    }
    return false;
}
