/* A chained hash table; entries are dropped by age, one turn (a child, or a wave of tensors) at a time. */
#include "merge/survey_store.h"

#include <string.h>

#include "clade/alloc.h"
#include "clade/hash.h"

enum { BUCKETS = 4096 };

struct clade_survey_entry {
    clade_survey_entry *next;
    uint64_t hash, turn;
    char *key; /* (key_length), owned */
    size_t key_length, bytes;
    void *state; /* (bytes), owned */
};

static void free_entry(clade_survey_store *store, clade_survey_entry *entry)
{
    store->bytes -= entry->bytes;
    clade_free(entry->key);
    clade_free(entry->state);
    clade_free(entry);
}

void *clade_survey_store_find(clade_survey_store *store, const clade_text *key)
{
    uint64_t hash = clade_xxh64(clade_text_get(key), key->length, 0);
    clade_survey_entry *entry = store->buckets ? store->buckets[hash % BUCKETS] : NULL;
    while (entry && (entry->hash != hash || entry->key_length != key->length ||
                     memcmp(entry->key, clade_text_get(key), key->length) != 0))
        entry = entry->next;
    if (!entry)
        return NULL;
    entry->turn = store->turn;
    store->found++;
    return entry->state;
}

void *clade_survey_store_add(clade_survey_store *store, const clade_text *key, size_t bytes)
{
    if (!store->buckets)
        store->buckets = clade_calloc(BUCKETS, sizeof(clade_survey_entry *));
    clade_survey_entry *entry = store->buckets ? clade_calloc(1, sizeof *entry) : NULL;
    if (!entry)
        return NULL;
    *entry = (clade_survey_entry){.hash = clade_xxh64(clade_text_get(key), key->length, 0),
                                  .turn = store->turn,
                                  .key = clade_malloc(key->length),
                                  .key_length = key->length,
                                  .bytes = bytes,
                                  .state = clade_calloc(bytes, 1)};
    store->bytes += bytes;
    if (!entry->key || !entry->state) {
        free_entry(store, entry);
        return NULL;
    }
    memcpy(entry->key, clade_text_get(key), key->length);
    entry->next = store->buckets[entry->hash % BUCKETS];
    store->buckets[entry->hash % BUCKETS] = entry;
    store->made++;
    return entry->state;
}

/* Drop the entries of turns FROM to UNTIL. */
static void drop(clade_survey_store *store, uint64_t from, uint64_t until)
{
    for (size_t b = 0; store->buckets && b < BUCKETS; b++)
        for (clade_survey_entry **link = &store->buckets[b]; *link;) {
            clade_survey_entry *entry = *link;
            if (entry->turn >= from && entry->turn <= until) {
                *link = entry->next;
                free_entry(store, entry);
            } else {
                link = &entry->next;
            }
        }
}

static uint64_t oldest_turn(const clade_survey_store *store)
{
    uint64_t oldest = UINT64_MAX;
    for (size_t b = 0; store->buckets && b < BUCKETS; b++)
        for (const clade_survey_entry *entry = store->buckets[b]; entry; entry = entry->next)
            oldest = entry->turn < oldest ? entry->turn : oldest;
    return oldest;
}

void clade_survey_store_begin(clade_survey_store *store, uint64_t bytes, bool keep_last)
{
    for (uint64_t oldest = 0; store->bytes > bytes; drop(store, oldest, oldest)) {
        oldest = oldest_turn(store);
        if (oldest == UINT64_MAX || (keep_last && oldest == store->turn))
            break;
    }
    store->turn++;
}

void clade_survey_store_drop_turn(clade_survey_store *store)
{
    drop(store, store->turn, store->turn);
}

void clade_survey_store_clear(clade_survey_store *store)
{
    drop(store, 0, UINT64_MAX);
    clade_free(store->buckets);
    store->buckets = NULL;
}
