#include "search/algorithm/success_history.h"

#include <math.h>

static const double PI = 3.14159265358979323846;
static const double SCALE = 0.1;   /* of both distributions */
static const double TERMINAL = -1; /* of an entry of CR */
enum { MOST_REDRAWS = 100 };       /* of F; around 0.05 one of three draws is not positive */

void clade_success_history_init(clade_success_history *h)
{
    *h = (clade_success_history){0};
    for (size_t i = 0; i < CLADE_HISTORY; i++)
        h->F[i] = h->CR[i] = 0.5;
}

void clade_success_history_draw(const clade_success_history *h, clade_rng *rng, double *F, double *CR)
{
    const size_t entry = (size_t)clade_rng_below(rng, CLADE_HISTORY);
    *CR = h->CR[entry] < 0 ? 0 : fmin(fmax(h->CR[entry] + SCALE * clade_rng_normal(rng), 0), 1);
    *F = 0;
    for (int i = 0; i < MOST_REDRAWS && !(*F > 0); i++)
        *F = h->F[entry] + SCALE * tan(PI * (clade_rng_uniform(rng) - 0.5));
    *F = *F > 0 ? fmin(*F, 1) : h->F[entry];
}

void clade_success_history_add(clade_success_history *h, double F, double CR, double improvement)
{
    if (!(improvement > 0))
        return;
    h->w += improvement;
    h->w_F += improvement * F;
    h->w_FF += improvement * F * F;
    h->w_CR += improvement * CR;
    h->w_CRCR += improvement * CR * CR;
    h->largest_CR = fmax(h->largest_CR, CR);
}

void clade_success_history_turn(clade_success_history *h)
{
    if (h->w > 0) {
        h->F[h->next] = h->w_FF / h->w_F;
        h->CR[h->next] = h->CR[h->next] < 0 || !(h->largest_CR > 0) ? TERMINAL : h->w_CRCR / h->w_CR;
        h->next = (h->next + 1) % CLADE_HISTORY;
    }
    h->w = h->w_F = h->w_FF = h->w_CR = h->w_CRCR = h->largest_CR = 0;
}

size_t clade_reduced_size(size_t first, size_t least, uint64_t budget, uint64_t told)
{
    if (budget == 0)
        return first;
    const double share = told < budget ? (double)told / (double)budget : 1;
    return (size_t)(floor((double)first - share * (double)(first - least) + 0.5));
}
