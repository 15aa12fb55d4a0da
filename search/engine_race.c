/* What the engine keeps of answers to single items: those of a child in flight, which the algorithm is told, and those
 * of the front's members, against whom later children race. The race of a child is made when it is bred, out of what is
 * committed then; so it is the same for any number of ranks and in a replay. */
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "clade/alloc.h"
#include "search/engine_state.h"

clade_status clade_engine_take_answers(clade_engine *engine, clade_slot *slot, const clade_score *score)
{
    const size_t bits = clade_score_bits(score), bytes = bits / 8 + 1, tasks = engine->probes->n_tasks;
    if (engine->n_correct > 0 && bits != engine->n_correct)
        return clade_fail(CLADE_EINPUT, "score: found %zu labelled items, expected %zu as in the scores before", bits,
                          engine->n_correct);
    engine->n_correct = bits;
    clade_free(slot->correct);
    slot->correct = clade_calloc(bytes, 1);
    if (!slot->tasks)
        slot->tasks = clade_calloc(tasks, sizeof *slot->tasks);
    if (!slot->correct || !slot->tasks)
        return clade_fail_memory(bytes + tasks * sizeof *slot->tasks, "the answers of a child");
    clade_score_join_bits(score, slot->correct);
    for (size_t t = 0; t < tasks; t++)
        slot->tasks[t] = score->tasks[t].clean.accuracy;
    slot->complete = score->stopped.reason == CLADE_NOT_STOPPED;
    return CLADE_OK;
}

/* ---- the front's members as opponents ---- */

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
    engine->rivals[place] = (clade_rival){.first = first, .opponent = {.child = child, .correct = slot->correct}};
    slot->correct = NULL; /* moved */
    return CLADE_OK;
}

void clade_engine_free_rivals(clade_engine *engine)
{
    for (size_t i = 0; i < engine->n_rivals; i++)
        clade_free(engine->rivals[i].opponent.correct);
    clade_free(engine->rivals);
}

clade_status clade_engine_race(const clade_engine *engine, clade_text *race)
{
    clade_opponent opponents[CLADE_MAX_OPPONENTS];
    const size_t all = engine->n_rivals, n = all < CLADE_MAX_OPPONENTS ? all : CLADE_MAX_OPPONENTS;
    clade_text_clear(race);
    if (n == 0)
        return CLADE_OK;
    /* Of many, evenly along the front, with both ends. */
    for (size_t i = 0; i < n; i++)
        opponents[i] = engine->rivals[n < 2 ? 0 : (i * (all - 1) + (n - 1) / 2) / (n - 1)].opponent;
    clade_race_print(opponents, n, engine->n_correct, NULL, NULL, 0, race);
    return clade_text_status(race);
}
