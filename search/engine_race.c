/* What the engine keeps of answers to single items: those of the front's members, against whom later children race, and
 * counts of all, by which a race may choose its items. The race of a child is made when it is bred, out of what is
 * committed then; so it is the same for any number of ranks and in a replay. */
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "clade/alloc.h"
#include "search/engine_state.h"

enum { LEAST_CHILDREN = 8 }; /* besides the opponents, before anything is chosen by their answers */

/* ---- opponents ---- */

static bool is_member(const clade_archive *front, uint64_t child)
{
    for (size_t i = 0; i < front->count; i++)
        if (front->children[i] == child)
            return true;
    return false;
}

/* Those that the front has lost. */
static void drop_rivals(clade_engine *engine)
{
    size_t kept = 0;
    for (size_t i = 0; i < engine->n_rivals; i++) {
        if (is_member(&engine->front, engine->rivals[i].opponent.child))
            engine->rivals[kept++] = engine->rivals[i];
        else
            clade_free(engine->rivals[i].opponent.correct);
    }
    engine->n_rivals = kept;
}

clade_status clade_engine_add_rival(clade_engine *engine, clade_slot *slot, uint64_t child, double first)
{
    if (engine->experiment->racing.n_shares == 0)
        return CLADE_OK;
    drop_rivals(engine);
    if (engine->n_rivals == engine->rivals_capacity) {
        const size_t capacity = engine->rivals_capacity == 0 ? 16 : 2 * engine->rivals_capacity;
        clade_rival *rivals = clade_realloc(engine->rivals, capacity * sizeof *rivals);
        if (!rivals)
            return clade_fail_memory(capacity * sizeof *rivals, "the opponents of a race");
        engine->rivals = rivals;
        engine->rivals_capacity = capacity;
    }
    size_t place = engine->n_rivals++;
    for (; place > 0 && engine->rivals[place - 1].first > first; place--)
        engine->rivals[place] = engine->rivals[place - 1];
    engine->rivals[place] =
        (clade_rival){.first = first, .opponent = {.child = child, .correct = slot->outcome.correct}};
    slot->outcome.correct = NULL; /* moved */
    return CLADE_OK;
}

void clade_engine_free_rivals(clade_engine *engine)
{
    for (size_t i = 0; i < engine->n_rivals; i++)
        clade_free(engine->rivals[i].opponent.correct);
    clade_free(engine->rivals);
}

/* ---- answers ---- */

clade_status clade_engine_count_answers(clade_engine *engine, const clade_slot *slot)
{
    const clade_outcome *outcome = &slot->outcome;
    if (!engine->experiment->racing.by_disagreement || slot->result.same_as >= 0 || outcome->n_correct == 0)
        return CLADE_OK;
    return clade_item_answers_add(&engine->answers, outcome->correct, outcome->seen, outcome->n_correct);
}

/* ---- the race of a child ---- */

/* How much the children disagree, into *SPREAD (owned); NULL where nothing is chosen by that. */
static clade_status spread_without(const clade_engine *engine, const clade_opponent *opponents, size_t n,
                                   uint8_t **spread)
{
    *spread = NULL;
    if (engine->answers.children < n + LEAST_CHILDREN)
        return CLADE_OK;
    *spread = clade_malloc(engine->answers.n_bits);
    if (!*spread)
        return clade_fail_memory(engine->answers.n_bits, "the items of a race");
    clade_item_spread(&engine->answers, opponents, n, *spread);
    return CLADE_OK;
}

clade_status clade_engine_race(const clade_engine *engine, clade_text *race)
{
    uint8_t *spread;
    clade_opponent opponents[CLADE_MAX_OPPONENTS];
    const size_t all = engine->n_rivals, n = all < CLADE_MAX_OPPONENTS ? all : CLADE_MAX_OPPONENTS;
    clade_text_clear(race);
    if (n == 0)
        return CLADE_OK;
    /* Of many, evenly along the front, with both ends. */
    for (size_t i = 0; i < n; i++)
        opponents[i] = engine->rivals[n < 2 ? 0 : (i * (all - 1) + (n - 1) / 2) / (n - 1)].opponent;
    CLADE_TRY(spread_without(engine, opponents, n, &spread));
    clade_race_print(opponents, n, spread, engine->n_correct, race);
    clade_free(spread);
    return clade_text_status(race);
}
