#include "search/algorithm/fronts.h"

#include <stdbool.h>
#include <stdint.h>
#include <string.h>

#include "clade/alloc.h"
#include "search/pareto.h"

clade_status clade_fronts_init(clade_fronts *f, size_t capacity, size_t m)
{
    f->m = m;
    f->capacity = capacity;
    f->fronts = clade_calloc(capacity, sizeof *f->fronts);
    f->points = clade_calloc(capacity, m * sizeof *f->points);
    f->pushed = clade_calloc(capacity, sizeof *f->pushed);
    f->next = clade_calloc(capacity, sizeof *f->next);
    if (f->fronts && f->points && f->pushed && f->next)
        return CLADE_OK;
    clade_fronts_fini(f);
    return clade_fail_memory(capacity * (sizeof *f->fronts + (m + 2) * sizeof *f->points),
                             "the fronts of a population");
}

void clade_fronts_fini(clade_fronts *f)
{
    for (size_t i = 0; f->fronts && i < f->capacity; i++)
        clade_free(f->fronts[i].members);
    clade_free(f->fronts);
    clade_free(f->points);
    clade_free(f->pushed);
    clade_free(f->next);
    memset(f, 0, sizeof *f);
}

const clade_one_front *clade_fronts_last(const clade_fronts *f)
{
    return f->count > 0 ? &f->fronts[f->count - 1] : NULL;
}

static const double *point_of(const clade_fronts *f, size_t who)
{
    return f->points + who * f->m;
}

/* Two objectives: how many members are at most POINT in the first; with STRICTLY, less. */
static size_t members_before(const clade_fronts *f, const clade_one_front *front, const double *point, bool strictly)
{
    size_t low = 0, high = front->count;
    while (low < high) {
        const size_t middle = (low + high) / 2;
        const double x = point_of(f, front->members[middle])[0];
        if (strictly ? x < point[0] : x <= point[0])
            low = middle + 1;
        else
            high = middle;
    }
    return low;
}

/* Two objectives: how many members are at least POINT in the second. */
static size_t members_above(const clade_fronts *f, const clade_one_front *front, const double *point)
{
    size_t low = 0, high = front->count;
    while (low < high) {
        const size_t middle = (low + high) / 2;
        if (point_of(f, front->members[middle])[1] >= point[1])
            low = middle + 1;
        else
            high = middle;
    }
    return low;
}

/* In two objectives, of those at most POINT in the first the last is the least in the second. */
static bool front_dominates(const clade_fronts *f, const clade_one_front *front, const double *point)
{
    const size_t end = f->m == 2 ? members_before(f, front, point, false) : front->count;
    for (size_t i = f->m == 2 && end > 0 ? end - 1 : 0; i < end; i++)
        if (clade_dominates(point_of(f, front->members[i]), point, f->m))
            return true;
    return false;
}

/* The first front of which no member dominates POINT. Of every front before it one does: dominance is transitive. */
static size_t front_for(const clade_fronts *f, const double *point)
{
    size_t low = 0, high = f->count;
    while (low < high) {
        const size_t middle = (low + high) / 2;
        if (front_dominates(f, &f->fronts[middle], point))
            low = middle + 1;
        else
            high = middle;
    }
    return low;
}

static clade_status reserve(clade_one_front *front, size_t count)
{
    if (count <= front->room)
        return CLADE_OK;
    const size_t room = count < 4 ? 8 : 2 * count;
    size_t *members = clade_realloc(front->members, room * sizeof *members);
    if (!members)
        return clade_fail_memory(room * sizeof *members, "a front");
    front->members = members;
    front->room = room;
    return CLADE_OK;
}

/* Two objectives: the COUNT ones of `pushed`, which were a stretch of the front before (or come from outside), take the
 * place of those that they dominate, from the left end of the first to the lower end of the last: who lies between is
 * dominated by one of the former front, and there were no others between these. A copy of what comes from outside
 * stays. Those displaced to `next`; returns how many. */
static size_t displace_stretch(clade_fronts *f, clade_one_front *front, size_t count)
{
    const double *first = point_of(f, f->pushed[0]), *last = point_of(f, f->pushed[count - 1]);
    size_t from = members_before(f, front, first, true), to = members_above(f, front, last);
    while (from < to && clade_weakly_dominates(point_of(f, front->members[from]), first, 2))
        from++;
    const size_t displaced = to > from ? to - from : 0;
    to = from + displaced;
    memcpy(f->next, front->members + from, displaced * sizeof *f->next);
    memmove(front->members + from + count, front->members + to, (front->count - to) * sizeof *f->next);
    memcpy(front->members + from, f->pushed, count * sizeof *f->next);
    front->count += count - displaced;
    return displaced;
}

/* The same in other numbers of objectives. */
static size_t displace(clade_fronts *f, clade_one_front *front, size_t count)
{
    size_t displaced = 0, kept = 0;
    for (size_t i = 0; i < front->count; i++) {
        const size_t who = front->members[i];
        bool dominated = false;
        for (size_t j = 0; j < count && !dominated; j++)
            dominated = clade_dominates(point_of(f, f->pushed[j]), point_of(f, who), f->m);
        if (dominated)
            f->next[displaced++] = who;
        else
            front->members[kept++] = who;
    }
    memcpy(front->members + kept, f->pushed, count * sizeof *f->pushed);
    front->count = kept + count;
    return displaced;
}

clade_status clade_fronts_insert(clade_fronts *f, size_t who, const double *point)
{
    memcpy(f->points + who * f->m, point, f->m * sizeof *point);
    f->pushed[0] = who;
    size_t count = 1;
    for (size_t r = front_for(f, point); count > 0; r++) {
        clade_one_front *front = &f->fronts[r];
        CLADE_TRY(reserve(front, front->count + count));
        count = f->m == 2 ? displace_stretch(f, front, count) : displace(f, front, count);
        f->count = r < f->count ? f->count : r + 1;
        size_t *displaced = f->next;
        f->next = f->pushed;
        f->pushed = displaced;
    }
    return CLADE_OK;
}

void clade_fronts_drop(clade_fronts *f, size_t place)
{
    clade_one_front *last = &f->fronts[f->count - 1];
    last->count--;
    memmove(last->members + place, last->members + place + 1, (last->count - place) * sizeof *last->members);
    f->count -= last->count == 0;
}
