/* A score as a value: its memory, and its correctness bits. */
#include "clade/score.h"

#include "clade/alloc.h"

void clade_score_fini(clade_score *score)
{
    for (size_t t = 0; t < score->n_tasks; t++) {
        clade_free(score->tasks[t].correct);
        clade_free(score->tasks[t].seen);
    }
    clade_free(score->tasks);
    *score = (clade_score){0};
}

size_t clade_score_bits(const clade_score *score)
{
    size_t bits = 0;
    for (size_t t = 0; t < score->n_tasks; t++)
        bits += score->tasks[t].n_correct;
    return bits;
}

void clade_score_join_bits(const clade_score *score, uint8_t *bits)
{
    size_t at = 0;
    for (size_t t = 0; t < score->n_tasks; t++)
        for (size_t i = 0; i < score->tasks[t].n_correct; i++, at++)
            if (score->tasks[t].correct[i / 8] >> (i % 8) & 1)
                bits[at / 8] = (uint8_t)(bits[at / 8] | 1 << (at % 8));
}
