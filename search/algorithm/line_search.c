#include "search/algorithm/line_search.h"

#include <math.h>
#include <stdio.h>
#include <string.h>

#include "clade/alloc.h"
#include "search/algorithm/line.h"
#include "search/algorithm/standing.h"

static const double STEP = 0.25, GROWTH = 1.6; /* of t; of a step over the one before */
static const double NEAR = 1e-6;               /* of t: one place */
static const double REACH = 1;                 /* of t: as far away a first individual is a point of the line */
static const double LEAST_GAIN = 1e-2;         /* in the value of a point */
enum { MOST_POINTS = 12, MOST_KNOWN = 6, METHODS = 64 };

typedef enum point_state { OPEN, ASKED, TOLD } point_state;

/* Of a line. The first is its start, t = 0. */
typedef struct point {
    double t, value; /* value when told; INFINITY: it failed */
    uint64_t child;  /* when asked or told */
    point_state state;
} point;

/* A first individual on its way, one line after the other. */
typedef struct track {
    double *origin; /* (n_genes), owned: where the line begins */
    uint64_t first; /* the first individual */
    size_t category, line;
    size_t n_lines, quiet; /* of its method; lines in a row that gained nothing */
    bool done;
    point points[MOST_POINTS];
    size_t n_points;
} track;

struct clade_line_search {
    clade_search_problem problem;
    double *objectives; /* (n_first, n_objectives), owned; those of failed ones are INFINITY */
    bool *whole;        /* (n_first), owned: scored on all items */
    double ideal[CLADE_MAX_OBJECTIVES], range[CLADE_MAX_OBJECTIVES];
    track *tracks; /* (n_tracks), owned, the best first */
    size_t n_tracks;
    uint64_t children;     /* points asked for */
    uint64_t images;       /* those of points that were told */
    double images_a_child; /* scored on all items; 0: not known yet */
};

/* ---- points of a line ---- */

static const clade_space_line *line_of(const clade_line_search *s, const track *tr)
{
    return &s->problem.lines[tr->line];
}

static double cut(const clade_line_search *s, const track *tr, double t)
{
    return clade_line_cut(s->problem.space, line_of(s, tr), tr->origin, t);
}

static double value_of(const clade_line_search *s, const double *objectives)
{
    const size_t m = s->problem.n_objectives;
    double sum = 0;
    for (size_t k = 0; k < m; k++)
        sum += (objectives[k] - s->ideal[k]) / s->range[k];
    return sum / (double)m;
}

static const point *best_of(const track *tr)
{
    const point *best = &tr->points[0];
    for (size_t i = 0; i < tr->n_points; i++) {
        const point *p = &tr->points[i];
        if (p->state == TOLD && (best->state != TOLD || p->value < best->value))
            best = p;
    }
    return best;
}

static void open_point(track *tr, double t)
{
    tr->points[tr->n_points++] = (point){.t = t, .state = OPEN};
}

/* First individuals that lie on the line: hand-made merges come in several strengths. */
static void add_known(const clade_line_search *s, track *tr)
{
    const size_t n_genes = s->problem.space->n_genes, m = s->problem.n_objectives;
    for (size_t i = 0; i < s->problem.n_first && tr->n_points < MOST_KNOWN; i++) {
        double t;
        const double value = value_of(s, s->objectives + i * m);
        if (s->whole[i] && isfinite(value) &&
            clade_line_find(s->problem.space, line_of(s, tr), tr->origin, s->problem.first + i * n_genes, &t) &&
            fabs(t) > NEAR && fabs(t) <= REACH)
            tr->points[tr->n_points++] = (point){.t = t, .value = value, .child = i, .state = TOLD};
    }
}

/* An end of the bracket, on the side of T, unless a first individual is one, or there is nowhere to go. */
static void open_bracket(const clade_line_search *s, track *tr, double t)
{
    t = cut(s, tr, t);
    bool known = fabs(t) <= NEAR;
    for (size_t i = 0; i < tr->n_points; i++)
        known = known || tr->points[i].t * t > 0;
    if (!known)
        open_point(tr, t);
}

/* ---- one line after the other ---- */

/* The next line of the method that leads anywhere, its start in points[0]. */
static void begin_line(const clade_line_search *s, track *tr)
{
    tr->n_points = 1;
    for (; tr->quiet < tr->n_lines; tr->quiet++) {
        do
            tr->line = (tr->line + 1) % s->problem.n_lines;
        while (s->problem.lines[tr->line].category != tr->category);
        add_known(s, tr);
        open_bracket(s, tr, -STEP);
        open_bracket(s, tr, STEP);
        if (tr->n_points > 1)
            return;
    }
    tr->done = true;
}

static void end_line(const clade_line_search *s, track *tr)
{
    const point best = *best_of(tr);
    const double gain = tr->points[0].value - best.value;
    tr->quiet = gain >= LEAST_GAIN ? 1 : tr->quiet + 1;
    clade_line_move(s->problem.space, line_of(s, tr), tr->origin, best.t, tr->origin);
    tr->points[0] = best;
    tr->points[0].t = 0;
    begin_line(s, tr);
}

/* Beyond the best point, away from INSIDE. */
static void step_out(const clade_line_search *s, track *tr, const point *best, const point *inside)
{
    const double t = cut(s, tr, best->t + GROWTH * (best->t - inside->t));
    if (inside->value - best->value >= LEAST_GAIN && fabs(t - best->t) > NEAR)
        open_point(tr, t);
    else
        end_line(s, tr);
}

/* f(t) = f(b) + slope (t - b) + bend (t - b)^2 through L, B and R has its vertex at b - slope / (2 bend),
 * slope^2 / (4 bend) below f(b); it lies between L and R, because B is the lowest. */
static void step_in(const clade_line_search *s, track *tr, const point *l, const point *b, const point *r)
{
    const double before = b->t - l->t, after = r->t - b->t, fall = (b->value - l->value) / before,
                 rise = (r->value - b->value) / after, bend = (rise - fall) / (before + after),
                 slope = (fall * after + rise * before) / (before + after);
    if (bend > 0 && slope * slope / (4 * bend) >= LEAST_GAIN)
        open_point(tr, b->t - slope / (2 * bend));
    else
        end_line(s, tr);
}

/* All points have been told: another one, or the end of the line. */
static void choose_next(const clade_line_search *s, track *tr)
{
    const point *b = best_of(tr), *l = NULL, *r = NULL;
    for (size_t i = 0; i < tr->n_points; i++) {
        const point *p = &tr->points[i];
        if (p->t < b->t && (!l || p->t > l->t))
            l = p;
        if (p->t > b->t && (!r || p->t < r->t))
            r = p;
    }
    if (isinf(b->value))
        tr->done = true;
    else if (tr->n_points == MOST_POINTS || (l && isinf(l->value)) || (r && isinf(r->value)))
        end_line(s, tr);
    else if (l && r)
        step_in(s, tr, l, b, r);
    else
        step_out(s, tr, b, l ? l : r);
}

static void go_on(const clade_line_search *s, track *tr)
{
    while (!tr->done) {
        for (size_t k = 0; k < tr->n_points; k++)
            if (tr->points[k].state != TOLD)
                return;
        choose_next(s, tr);
    }
}

/* ---- the start ---- */

static size_t category_of(const clade_line_search *s, size_t first)
{
    const clade_space *space = s->problem.space;
    return space->has_category ? (size_t)s->problem.first[first * space->n_genes] : 0;
}

static size_t lines_of(const clade_line_search *s, size_t category)
{
    size_t count = 0;
    for (size_t i = 0; i < s->problem.n_lines; i++)
        count += s->problem.lines[i].category == category;
    return count;
}

/* The objectives' range over all first individuals that did not fail; false when all failed. */
static bool find_range(clade_line_search *s)
{
    const size_t m = s->problem.n_objectives;
    bool any = false;
    for (size_t k = 0; k < m; k++) {
        double least = INFINITY, most = -INFINITY;
        for (size_t i = 0; i < s->problem.n_first; i++) {
            const double x = s->objectives[i * m + k];
            least = fmin(least, x);
            most = isfinite(x) ? fmax(most, x) : most;
        }
        s->ideal[k] = least;
        s->range[k] = most > least ? most - least : 1;
        any = isfinite(least);
    }
    return any;
}

static clade_status add_track(clade_line_search *s, size_t first, double value)
{
    const size_t n_genes = s->problem.space->n_genes, category = category_of(s, first);
    double *origin = clade_malloc(n_genes * sizeof *origin);
    if (!origin)
        return clade_fail_memory(n_genes * sizeof *origin, "a line search");
    track *tr = &s->tracks[s->n_tracks++];
    *tr = (track){.origin = memcpy(origin, s->problem.first + first * n_genes, n_genes * sizeof *origin),
                  .first = first,
                  .category = category,
                  .line = s->problem.n_lines - 1, /* the one before the first */
                  .n_lines = lines_of(s, category)};
    tr->points[0] = (point){.value = value, .child = first, .state = s->whole[first] ? TOLD : OPEN};
    begin_line(s, tr);
    go_on(s, tr);
    return CLADE_OK;
}

/* The best of each method, the best of these first. */
static clade_status begin(clade_line_search *s)
{
    double value[METHODS] = {0};
    size_t best[METHODS], order[METHODS], n = 0;
    if (!find_range(s))
        return CLADE_OK;
    for (size_t i = 0; i < s->problem.n_first; i++) {
        const double here = value_of(s, s->objectives + i * s->problem.n_objectives);
        size_t at = 0;
        while (at < n && category_of(s, best[at]) != category_of(s, i))
            at++;
        if (at == METHODS || !isfinite(here) || lines_of(s, category_of(s, i)) == 0)
            continue;
        if (at < n && !(here < value[at]))
            continue;
        best[at] = i;
        value[at] = here;
        n += at == n;
    }
    clade_order_by(value, n, order);
    s->tracks = clade_calloc(n + 1, sizeof *s->tracks);
    if (!s->tracks)
        return clade_fail_memory((n + 1) * sizeof *s->tracks, "line searches");
    for (size_t i = 0; i < n && i < 1 + s->problem.window / 2; i++)
        CLADE_TRY(add_track(s, best[order[i]], value[order[i]]));
    return CLADE_OK;
}

/* ---- the interface ---- */

clade_status clade_line_search_create(const clade_search_problem *problem, clade_line_search **search)
{
    const size_t n = problem->n_first + 1, m = problem->n_objectives;
    clade_line_search *s = clade_calloc(1, sizeof *s);
    double *objectives = clade_calloc(n * m, sizeof *objectives);
    bool *whole = clade_calloc(n, sizeof *whole);
    if (!s || !objectives || !whole) {
        clade_free(s);
        clade_free(objectives);
        clade_free(whole);
        return clade_fail_memory(sizeof *s + n * (m * sizeof *objectives + sizeof *whole), "line searches");
    }
    *s = (clade_line_search){.problem = *problem, .objectives = objectives, .whole = whole};
    *search = s;
    return CLADE_OK;
}

void clade_line_search_destroy(clade_line_search *s)
{
    if (!s)
        return;
    for (size_t i = 0; i < s->n_tracks; i++)
        clade_free(s->tracks[i].origin);
    clade_free(s->tracks);
    clade_free(s->objectives);
    clade_free(s->whole);
    clade_free(s);
}

static bool may_spend(const clade_line_search *s)
{
    const clade_search_problem *p = &s->problem;
    uint64_t flying = 0;
    for (size_t i = 0; i < s->n_tracks; i++)
        for (size_t k = 0; k < s->tracks[i].n_points; k++)
            flying += s->tracks[i].points[k].state == ASKED;
    const double images = (double)s->images + (double)(flying + 1) * s->images_a_child;
    const bool in_children = p->children == 0 || (double)(s->children + 1) <= p->line_share * (double)p->children,
               in_images = p->images == 0 || (s->images_a_child > 0 && images <= p->line_share * (double)p->images);
    return (p->children > 0 || p->images > 0) && in_children && in_images;
}

/* The first point of STATE (and, unless it is open, of CHILD); NULL: there is none. */
static point *find_point(clade_line_search *s, point_state state, uint64_t child, track **of)
{
    for (size_t i = 0; i < s->n_tracks; i++)
        for (size_t k = 0; k < s->tracks[i].n_points && !s->tracks[i].done; k++) {
            point *p = &s->tracks[i].points[k];
            *of = &s->tracks[i];
            if (p->state == state && (state == OPEN || p->child == child))
                return p;
        }
    return NULL;
}

void clade_line_search_ask(clade_line_search *s, uint64_t child, clade_proposal *proposal, bool *mine)
{
    track *tr = NULL;
    point *p = find_point(s, ASKED, child, &tr);
    if (!p && may_spend(s))
        p = find_point(s, OPEN, child, &tr);
    *mine = p != NULL;
    if (!p)
        return;
    s->children += p->state == OPEN;
    p->state = ASKED;
    p->child = child;
    const uint64_t best = best_of(tr)->state == TOLD ? best_of(tr)->child : tr->first;
    *proposal =
        (clade_proposal){.variant = proposal->variant, .genome = proposal->genome, .parents = {tr->first, best}};
    proposal->n_parents = best == tr->first ? 1 : 2;
    clade_line_move(s->problem.space, line_of(s, tr), tr->origin, p->t, proposal->genome);
    snprintf(proposal->operator_name, sizeof proposal->operator_name, "line: %s", line_of(s, tr)->name);
}

static void tell_first(clade_line_search *s, const clade_told *told)
{
    const size_t m = s->problem.n_objectives;
    for (size_t k = 0; k < m; k++)
        s->objectives[told->child * m + k] = told->objectives ? told->objectives[k] : INFINITY;
    s->whole[told->child] = told->complete;
}

clade_status clade_line_search_tell(clade_line_search *s, const clade_told *told, bool *mine)
{
    const uint64_t n_first = s->problem.n_first;
    track *tr = NULL;
    *mine = false;
    if (told->images > 0 && told->cost > 0)
        s->images_a_child = fmax(s->images_a_child, (double)told->images / told->cost);
    if (told->child < n_first) {
        tell_first(s, told);
        return told->child + 1 == n_first ? begin(s) : CLADE_OK;
    }
    point *p = find_point(s, ASKED, told->child, &tr);
    if (!p)
        return CLADE_OK;
    *mine = true;
    s->images += told->images;
    p->state = TOLD;
    p->value = told->objectives ? value_of(s, told->objectives) : INFINITY;
    go_on(s, tr);
    return CLADE_OK;
}
