#include "search/algorithm/good_set.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "clade/alloc.h"
#include "search/algorithm.h"
#include "search/pareto.h"

static const double LEAST_WORTH = 1e-12;

/* Scratch of one split. */
typedef struct split {
    const double *points; /* (n, m) */
    size_t n, m;
    size_t *front;   /* (n) indices of the front at hand */
    size_t *rank;    /* (n) the front of a point */
    double *gain;    /* (n) upper bound of what a point of the front adds */
    size_t *as_of;   /* (n) how many were picked when that bound was computed */
    double *picked;  /* (n + 1, m) rows picked of the front at hand; of two objectives by falling first one */
    size_t n_picked; /* of these */
    double reference[CLADE_MAX_OBJECTIVES];
} split;

/* Front RANK; returns its size. */
static size_t find_front(split *s, size_t rank)
{
    size_t count = 0;
    for (size_t p = 0; p < s->n; p++)
        if (s->rank[p] == rank)
            s->front[count++] = p;
    return count;
}

/* A tenth beyond the worst of INDEX (count), on either side of 0. */
static void set_reference(split *s, const size_t *index, size_t count)
{
    for (size_t k = 0; k < s->m; k++) {
        double worst = s->points[index[0] * s->m + k];
        for (size_t i = 1; i < count; i++)
            worst = fmax(worst, s->points[index[i] * s->m + k]);
        s->reference[k] = fmax(1.1 * worst, 0.9 * worst);
        if (!(s->reference[k] > worst))
            s->reference[k] = worst + LEAST_WORTH;
    }
}

/* Point P to its place among those picked, which is returned. */
static size_t put_picked(split *s, size_t p)
{
    const double *point = s->points + p * s->m;
    size_t place = s->n_picked++;
    while (s->m == 2 && place > 0 && s->picked[2 * place - 2] < point[0])
        place--;
    double *row = s->picked + place * s->m;
    memmove(row + s->m, row, (s->n_picked - 1 - place) * s->m * sizeof *row);
    memcpy(row, point, s->m * sizeof *row);
    return place;
}

/* What point P adds to the volume BEFORE of those picked. */
static clade_status added_volume(split *s, size_t p, double before, double *gain)
{
    double *row = s->picked + put_picked(s, p) * s->m;
    CLADE_TRY(clade_hypervolume(s->picked, s->n_picked, s->m, s->reference, gain));
    *gain -= before;
    const size_t after = (size_t)(s->picked + s->n_picked-- * s->m - row) - s->m;
    memmove(row, row + s->m, after * sizeof *row);
    return CLADE_OK;
}

/* Greedy subset of WANTED of the front (COUNT), to INDEX. What a point adds never grows as others are picked, so only
 * the bound that is largest is brought up to date, until the largest is. */
static clade_status pick_subset(split *s, size_t count, size_t wanted, size_t *index)
{
    double volume = 0;
    s->n_picked = 0;
    set_reference(s, s->front, count);
    for (size_t i = 0; i < count; i++) {
        CLADE_TRY(added_volume(s, s->front[i], 0, &s->gain[i]));
        s->as_of[i] = 0;
    }
    while (s->n_picked < wanted) {
        size_t best = 0;
        for (size_t i = 1; i < count; i++)
            if (s->gain[i] > s->gain[best])
                best = i;
        if (s->as_of[best] < s->n_picked) {
            CLADE_TRY(added_volume(s, s->front[best], volume, &s->gain[best]));
            s->as_of[best] = s->n_picked;
            continue;
        }
        index[s->n_picked] = s->front[best];
        (void)put_picked(s, s->front[best]);
        volume += s->gain[best];
        s->gain[best] = -INFINITY;
    }
    return CLADE_OK;
}

static int compare_indices(const void *left, const void *right)
{
    const size_t a = *(const size_t *)left, b = *(const size_t *)right;
    return (a > b) - (a < b);
}

/* The worth of INDEX (count); GAIN and PICKED are scratch. */
static clade_status weigh(split *s, const size_t *index, size_t count, double *worth)
{
    double most = 0;
    if (s->m > 1 && count > 1) {
        set_reference(s, index, count);
        for (size_t i = 0; i < count; i++)
            memcpy(s->picked + i * s->m, s->points + index[i] * s->m, s->m * sizeof *s->picked);
        CLADE_TRY(clade_exclusive_hypervolume(s->picked, count, s->m, s->reference, s->gain));
        for (size_t i = 0; i < count; i++)
            most = fmax(most, s->gain[i]);
    }
    for (size_t i = 0; i < count; i++)
        worth[index[i]] = most > 0 ? fmax(s->gain[i] / most, LEAST_WORTH) : 1;
    return CLADE_OK;
}

static clade_status choose(split *s, size_t wanted, size_t *index, double *worth)
{
    size_t chosen = 0;
    CLADE_TRY(clade_pareto_ranks(s->points, s->n, s->m, s->rank));
    for (size_t rank = 0; chosen < wanted; rank++) {
        const size_t count = find_front(s, rank), room = wanted - chosen;
        if (count <= room)
            memcpy(index + chosen, s->front, count * sizeof *index);
        else
            CLADE_TRY(pick_subset(s, count, room, index + chosen));
        chosen += count <= room ? count : room;
    }
    qsort(index, chosen, sizeof *index, compare_indices);
    return weigh(s, index, chosen, worth);
}

clade_status clade_good_set(const double *points, size_t n, size_t m, size_t wanted, size_t *index, double *worth)
{
    split s = {.points = points, .n = n, .m = m};
    s.front = clade_calloc(n, sizeof *s.front);
    s.rank = clade_calloc(n, sizeof *s.rank);
    s.gain = clade_calloc(n, sizeof *s.gain);
    s.as_of = clade_calloc(n, sizeof *s.as_of);
    s.picked = clade_calloc(n + 1, m * sizeof *s.picked);
    clade_status status = CLADE_OK;
    if (!s.front || !s.rank || !s.gain || !s.as_of || !s.picked)
        status = clade_fail_memory(n * (m + 4) * sizeof(double), "the split of TPE");
    else
        status = choose(&s, wanted < n ? wanted : n, index, worth);
    clade_free(s.front);
    clade_free(s.rank);
    clade_free(s.gain);
    clade_free(s.as_of);
    clade_free(s.picked);
    return status;
}
