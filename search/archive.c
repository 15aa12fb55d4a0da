#include "search/archive.h"

#include <math.h>
#include <string.h>

#include "clade/alloc.h"
#include "search/closed_form.h"
#include "search/pareto.h"

void clade_flip_objectives(const clade_experiment *experiment, const double *in, double *out)
{
    for (size_t i = 0; i < experiment->n_objectives; i++)
        out[i] = experiment->objectives[i]->maximise ? -in[i] : in[i];
}

void clade_archive_fini(clade_archive *archive)
{
    clade_free(archive->children);
    clade_free(archive->points);
    clade_free(archive->sorted);
    *archive = (clade_archive){0};
}

static clade_status grow(clade_archive *archive)
{
    if (archive->count < archive->capacity)
        return CLADE_OK;
    const size_t capacity = archive->capacity == 0 ? 16 : 2 * archive->capacity;
    const size_t row = archive->n_objectives * sizeof(double);
    uint64_t *children = clade_realloc(archive->children, capacity * sizeof *children);
    if (children)
        archive->children = children;
    double *points = children ? clade_realloc(archive->points, capacity * row) : NULL;
    if (points)
        archive->points = points;
    double *sorted = points ? clade_realloc(archive->sorted, capacity * row) : NULL;
    if (!sorted)
        return clade_fail_memory(capacity * (2 * row + sizeof *children), "the front");
    archive->sorted = sorted;
    archive->capacity = capacity;
    return CLADE_OK;
}

/* Some member is nowhere worse than POINT. Of two objectives that is the one, of those at most POINT in the first, that is
 * the least in the second. */
static bool covers(const clade_archive *archive, const double *point)
{
    const size_t m = archive->n_objectives;
    if (m == 2) {
        const size_t at = clade_pareto_greater(archive->sorted, archive->count, point[0]);
        return at < archive->count && archive->sorted[2 * at + 1] <= point[1];
    }
    for (size_t i = 0; i < archive->count; i++)
        if (clade_weakly_dominates(archive->points + i * m, point, m))
            return true;
    return false;
}

/* POINT into SORTED, which holds the COUNT members from before; returns how many of them left it as dominated. */
static size_t put_sorted(clade_archive *archive, const double *point)
{
    size_t to = clade_pareto_greater(archive->sorted, archive->count, point[0]);
    to += to < archive->count && archive->sorted[2 * to] >= point[0];
    size_t from = to;
    while (from > 0 && archive->sorted[2 * from - 1] >= point[1])
        from--;
    memmove(archive->sorted + 2 * (from + 1), archive->sorted + 2 * to, (archive->count - to) * 2 * sizeof *point);
    memcpy(archive->sorted + 2 * from, point, 2 * sizeof *point);
    return to - from;
}

clade_status clade_archive_add(clade_archive *archive, uint64_t child, const double *point, bool *entered)
{
    const size_t m = archive->n_objectives;
    *entered = false;
    if (covers(archive, point))
        return CLADE_OK;
    CLADE_TRY(grow(archive));
    const bool drops = m != 2 || put_sorted(archive, point) > 0;
    size_t kept = drops ? 0 : archive->count;
    for (size_t i = kept; i < archive->count; i++) {
        if (clade_dominates(point, archive->points + i * m, m))
            continue;
        archive->children[kept] = archive->children[i];
        memmove(archive->points + kept * m, archive->points + i * m, m * sizeof *point);
        kept++;
    }
    archive->children[kept] = child;
    memcpy(archive->points + kept * m, point, m * sizeof *point);
    archive->count = kept + 1;
    *entered = true;
    return CLADE_OK;
}

void clade_archive_remove(clade_archive *archive, size_t index)
{
    const size_t m = archive->n_objectives, after = archive->count - index - 1;
    if (m == 2) {
        const size_t at = clade_pareto_greater(archive->sorted, archive->count, archive->points[2 * index]);
        memmove(archive->sorted + 2 * at, archive->sorted + 2 * (at + 1),
                (archive->count - at - 1) * 2 * sizeof(double));
    }
    memmove(archive->children + index, archive->children + index + 1, after * sizeof *archive->children);
    memmove(archive->points + index * m, archive->points + (index + 1) * m, after * m * sizeof *archive->points);
    archive->count--;
}

/* By insertion: fronts are short, and children come in order. */
void clade_archive_sort(clade_archive *archive)
{
    const size_t m = archive->n_objectives;
    double moving[CLADE_MAX_OBJECTIVES];
    for (size_t i = 1; i < archive->count; i++) {
        const uint64_t child = archive->children[i];
        memcpy(moving, archive->points + i * m, m * sizeof *moving);
        size_t j = i;
        for (; j > 0; j--) {
            const double before = archive->points[(j - 1) * m];
            if (before < moving[0] || (before <= moving[0] && archive->children[j - 1] < child))
                break;
            archive->children[j] = archive->children[j - 1];
            memcpy(archive->points + j * m, archive->points + (j - 1) * m, m * sizeof *moving);
        }
        archive->children[j] = child;
        memcpy(archive->points + j * m, moving, m * sizeof *moving);
    }
}

/* ---- the best ---- */

/* Squared distance of member I to the ideal point, each objective scaled to the front's range. */
static double distance_to_ideal(const clade_archive *archive, size_t i, const double *low, const double *high)
{
    double sum = 0.0;
    for (size_t k = 0; k < archive->n_objectives; k++) {
        const double range = high[k] - low[k];
        const double x = range > 0.0 ? (archive->points[i * archive->n_objectives + k] - low[k]) / range : 0.0;
        sum += x * x;
    }
    return sum;
}

static size_t knee(const clade_archive *archive)
{
    double low[CLADE_MAX_OBJECTIVES], high[CLADE_MAX_OBJECTIVES];
    const size_t m = archive->n_objectives;
    for (size_t k = 0; k < m; k++) {
        low[k] = INFINITY;
        high[k] = -INFINITY;
        for (size_t i = 0; i < archive->count; i++) {
            low[k] = fmin(low[k], archive->points[i * m + k]);
            high[k] = fmax(high[k], archive->points[i * m + k]);
        }
    }
    size_t best = 0;
    double nearest = INFINITY;
    for (size_t i = 0; i < archive->count; i++) {
        const double distance = distance_to_ideal(archive, i, low, high);
        const double first = archive->points[i * m], best_first = archive->points[best * m];
        if (distance < nearest ||
            (distance <= nearest &&
             (first < best_first || (first <= best_first && archive->children[i] < archive->children[best])))) {
            best = i;
            nearest = distance;
        }
    }
    return best;
}

/* Member I before member J: by objective FIRST, then the others in order, then the child. */
static bool better(const clade_archive *archive, size_t first, size_t i, size_t j)
{
    const size_t m = archive->n_objectives;
    const double *a = archive->points + i * m, *b = archive->points + j * m;
    if (a[first] < b[first] || a[first] > b[first])
        return a[first] < b[first];
    for (size_t k = 0; k < m; k++)
        if (a[k] < b[k] || a[k] > b[k])
            return a[k] < b[k];
    return archive->children[i] < archive->children[j];
}

size_t clade_archive_best(const clade_archive *archive, const clade_experiment *experiment, const char *rule)
{
    size_t objective = 0, best = 0;
    while (objective < experiment->n_objectives && strcmp(experiment->objectives[objective]->name, rule) != 0)
        objective++;
    if (archive->count == 0)
        return 0;
    if (objective == experiment->n_objectives)
        return knee(archive);
    for (size_t i = 1; i < archive->count; i++)
        if (better(archive, objective, i, best))
            best = i;
    return best;
}

/* ---- hypervolume ---- */

static double reference_of(const clade_objective *objective)
{
    if (objective->maximise)
        return 0.0;
    return strcmp(objective->unit, "nats") == 0 ? 3.0 : 1.0;
}

clade_status clade_archive_hypervolume(const clade_archive *archive, const clade_experiment *experiment, double *volume)
{
    const size_t m = archive->n_objectives, used = m < 3 ? m : 3;
    double reference[3] = {0.0};
    const double *from = m == 2 ? archive->sorted : archive->points;
    double *points = clade_malloc((archive->count * used + 1) * sizeof *points);
    if (!points)
        return clade_fail_memory((archive->count * used + 1) * sizeof *points, "the hypervolume");
    for (size_t k = 0; k < used; k++) {
        reference[k] = experiment->form ? experiment->form->wide[k] : reference_of(experiment->objectives[k]);
        for (size_t i = 0; i < archive->count; i++)
            points[i * used + k] = from[i * m + k];
    }
    clade_status status = clade_hypervolume(points, archive->count, used, reference, volume);
    clade_free(points);
    return status;
}
