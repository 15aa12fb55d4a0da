/* A hash table of texts with linear probing; nothing is ever taken out. */
#include <string.h>

#include "clade/alloc.h"
#include "clade/hash.h"
#include "io/tokenizer.h"

/* The slot of TEXT, or the free one where it belongs. */
static size_t slot_of(const clade_token_table *table, const char *text)
{
    size_t mask = table->n_slots - 1, slot = (size_t)clade_name_key(text) & mask;
    while (table->slots[slot] != 0 && strcmp(table->tokens[table->slots[slot] - 1].text, text) != 0)
        slot = (slot + 1) & mask;
    return slot;
}

clade_token *clade_token_find(const clade_token_table *table, const char *text)
{
    if (table->n_slots == 0)
        return NULL;
    uint32_t index = table->slots[slot_of(table, text)];
    return index != 0 ? &table->tokens[index - 1] : NULL;
}

static clade_status grow(clade_token_table *table)
{
    enum { FIRST = 256 };
    size_t capacity = table->capacity ? 2 * table->capacity : FIRST, n_slots = 2 * capacity;
    clade_token *tokens = clade_realloc(table->tokens, capacity * sizeof *tokens);
    if (!tokens)
        return clade_fail_memory(capacity * sizeof *tokens, "a vocabulary");
    table->tokens = tokens;
    uint32_t *slots = clade_calloc(n_slots, sizeof *slots);
    if (!slots)
        return clade_fail_memory(n_slots * sizeof *slots, "a vocabulary");
    clade_free(table->slots);
    table->capacity = capacity;
    table->slots = slots;
    table->n_slots = n_slots;
    for (size_t i = 0; i < table->count; i++)
        table->slots[slot_of(table, table->tokens[i].text)] = (uint32_t)(i + 1);
    return CLADE_OK;
}

clade_status clade_token_put(clade_token_table *table, const char *text, uint32_t id, uint32_t flags)
{
    if (table->count == table->capacity)
        CLADE_TRY(grow(table));
    table->tokens[table->count] = (clade_token){.text = text, .id = id, .flags = flags};
    table->slots[slot_of(table, text)] = (uint32_t)++table->count;
    return CLADE_OK;
}

void clade_token_table_free(clade_token_table *table)
{
    clade_free(table->tokens);
    clade_free(table->slots);
    *table = (clade_token_table){0};
}
