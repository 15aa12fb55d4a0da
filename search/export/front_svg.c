/* The front as a picture: no library, a fixed canvas, colours that print and that the colour-blind can tell apart. */
#include <math.h>
#include <string.h>

#include "search/export/front_formats.h"

enum { WIDTH = 760, HEIGHT = 520, LEFT = 76, RIGHT = 24, TOP = 44, BOTTOM = 60 };

typedef struct point {
    double x, y;
} point;

typedef struct plot {
    const clade_front *front;
    size_t x, y;     /* indices into clade_objectives */
    point low, high; /* of the axes, in objective units */
    clade_text *text;
} plot;

static size_t objective_index(const clade_objective *objective)
{
    size_t count, i = 0;
    const clade_objective *const *all = clade_objectives(&count);
    while (i < count && all[i] != objective)
        i++;
    return i;
}

static double pixel_x(const plot *p, double x)
{
    return LEFT + (x - p->low.x) / (p->high.x - p->low.x) * (WIDTH - LEFT - RIGHT);
}

static double pixel_y(const plot *p, double y)
{
    return HEIGHT - BOTTOM - (y - p->low.y) / (p->high.y - p->low.y) * (HEIGHT - TOP - BOTTOM);
}

/* A step of 1, 2 or 5 times a power of ten that gives four to ten ticks. */
static double tick_step(double range)
{
    const double power = pow(10.0, floor(log10(range / 4.0)));
    const double ratio = range / 4.0 / power;
    return power * (ratio >= 5.0 ? 5.0 : ratio >= 2.0 ? 2.0 : 1.0);
}

static void widen(point *low, point *high, double x, double y)
{
    if (!isfinite(x) || !isfinite(y))
        return;
    low->x = fmin(low->x, x);
    low->y = fmin(low->y, y);
    high->x = fmax(high->x, x);
    high->y = fmax(high->y, y);
}

/* The interval of the objective INDEX on holdout; NAN where it has none. */
static clade_interval interval_of(const clade_member *member, size_t index)
{
    for (clade_measure m = 0; m < CLADE_MEASURES; m++)
        if (clade_measure_objective(m) == index)
            return member->certainty[m].value;
    return (clade_interval){NAN, NAN};
}

/* The front and its neighbourhood fill the canvas: children far below it are cut off, not squeezed in. */
static void choose_axes(plot *p)
{
    p->low = (point){INFINITY, INFINITY};
    p->high = (point){-INFINITY, -INFINITY};
    for (size_t i = 0; i < p->front->n_members; i++) {
        const clade_member *m = &p->front->members[i];
        widen(&p->low, &p->high, m->search_objectives[p->x], m->search_objectives[p->y]);
        widen(&p->low, &p->high, m->holdout_objectives[p->x], m->holdout_objectives[p->y]);
        if (i == p->front->best) {
            const clade_interval x = interval_of(m, p->x), y = interval_of(m, p->y);
            widen(&p->low, &p->high, x.low, y.low);
            widen(&p->low, &p->high, x.high, y.high);
        }
    }
    const double dx = fmax(p->high.x - p->low.x, 0.02), dy = fmax(p->high.y - p->low.y, 0.02);
    p->low = (point){p->low.x - 0.45 * dx, p->low.y - 0.45 * dy};
    p->high = (point){p->high.x + 0.1 * dx, p->high.y + 0.1 * dy};
}

static void draw_axes(const plot *p)
{
    size_t count;
    const clade_objective *const *all = clade_objectives(&count);
    const double step_x = tick_step(p->high.x - p->low.x), step_y = tick_step(p->high.y - p->low.y);
    clade_text_append(p->text, "<g stroke=\"#d8d8d8\" fill=\"#333\" font-size=\"12\">\n");
    for (double x = ceil(p->low.x / step_x) * step_x; x <= p->high.x; x += step_x)
        clade_text_append(p->text,
                          "<line x1=\"%.1f\" y1=\"%d\" x2=\"%.1f\" y2=\"%d\"/>"
                          "<text x=\"%.1f\" y=\"%d\" text-anchor=\"middle\" stroke=\"none\">%.4g</text>\n",
                          pixel_x(p, x), TOP, pixel_x(p, x), HEIGHT - BOTTOM, pixel_x(p, x), HEIGHT - BOTTOM + 18, x);
    for (double y = ceil(p->low.y / step_y) * step_y; y <= p->high.y; y += step_y)
        clade_text_append(p->text,
                          "<line x1=\"%d\" y1=\"%.1f\" x2=\"%d\" y2=\"%.1f\"/>"
                          "<text x=\"%d\" y=\"%.1f\" text-anchor=\"end\" stroke=\"none\">%.4g</text>\n",
                          LEFT, pixel_y(p, y), WIDTH - RIGHT, pixel_y(p, y), LEFT - 8, pixel_y(p, y) + 4, y);
    clade_text_append(p->text,
                      "<text x=\"%d\" y=\"%d\" text-anchor=\"middle\" stroke=\"none\" font-size=\"14\">%s (%s)</text>\n"
                      "<text transform=\"translate(20 %d) rotate(-90)\" text-anchor=\"middle\" stroke=\"none\" "
                      "font-size=\"14\">%s (%s)</text>\n</g>\n",
                      (LEFT + WIDTH - RIGHT) / 2, HEIGHT - 16, all[p->x]->title,
                      all[p->x]->maximise ? "more is better" : "less is better", (TOP + HEIGHT - BOTTOM) / 2,
                      all[p->y]->title, all[p->y]->maximise ? "more is better" : "less is better");
}

static bool inside(const plot *p, point at)
{
    return at.x >= p->low.x && at.x <= p->high.x && at.y >= p->low.y && at.y <= p->high.y;
}

/* WORDS as text of XML: a browser that shows the file would run a script in it. */
static void append_words(clade_text *text, const char *words)
{
    for (const char *c = words; *c; c++)
        if (strchr("<>&\"'", *c))
            clade_text_append(text, "&#%d;", *c);
        else
            clade_text_append(text, "%c", (unsigned char)*c < 0x20 ? '?' : *c);
}

static void draw_mark(const plot *p, point at, const char *operator_name)
{
    static const char first[] = "first: ";
    if (strncmp(operator_name, first, sizeof first - 1) != 0) {
        clade_text_append(p->text, "<circle cx=\"%.1f\" cy=\"%.1f\" r=\"2\" fill=\"#9aa7b3\" fill-opacity=\".55\"/>\n",
                          pixel_x(p, at.x), pixel_y(p, at.y));
        return;
    }
    const double x = pixel_x(p, at.x), y = pixel_y(p, at.y);
    clade_text_append(p->text,
                      "<path d=\"M%.1f %.1fl5 5l-5 5l-5 -5z\" fill=\"#d55e00\"/>"
                      "<text x=\"%.1f\" y=\"%.1f\" font-size=\"10\" fill=\"#8a3d00\">",
                      x, y - 5, x + 7, y + 3);
    append_words(p->text, operator_name + sizeof first - 1);
    clade_text_append(p->text, "</text>\n");
}

static clade_status draw_children(const plot *p, clade_ledger *ledger)
{
    clade_ledger_counts counts;
    CLADE_TRY(clade_ledger_count(ledger, &counts));
    for (uint64_t child = 0; child < counts.committed; child++) {
        clade_commit_row commit = {0};
        clade_child_row row = {0};
        bool found = false;
        CLADE_TRY(clade_ledger_get_commit(ledger, child, &commit, &found));
        if (!found || commit.failed || commit.incomplete)
            continue;
        const point at = {commit.objectives[0], commit.objectives[1]};
        if (!inside(p, at))
            continue;
        clade_status status = clade_ledger_get_child(ledger, child, &row, &found);
        if (status == CLADE_OK)
            draw_mark(p, at, row.operator_name);
        clade_child_row_fini(&row);
        CLADE_TRY(status);
    }
    return CLADE_OK;
}

static void draw_whisker(const plot *p, point from, point to)
{
    if (isfinite(from.x) && isfinite(from.y) && inside(p, from) && inside(p, to))
        clade_text_append(p->text,
                          "<line x1=\"%.1f\" y1=\"%.1f\" x2=\"%.1f\" y2=\"%.1f\" stroke=\"#009e73\" "
                          "stroke-opacity=\".6\"/>\n",
                          pixel_x(p, from.x), pixel_y(p, from.y), pixel_x(p, to.x), pixel_y(p, to.y));
}

/* A ring; with a dot inside when no other member dominates it; the best with its intervals. */
static void draw_holdout(const plot *p, const clade_member *m, bool best)
{
    const point at = {m->holdout_objectives[p->x], m->holdout_objectives[p->y]};
    if (!isfinite(at.x) || !isfinite(at.y))
        return;
    const clade_interval x = interval_of(m, p->x), y = interval_of(m, p->y);
    if (best) {
        draw_whisker(p, (point){x.low, at.y}, (point){x.high, at.y});
        draw_whisker(p, (point){at.x, y.low}, (point){at.x, y.high});
    }
    clade_text_append(p->text,
                      "<circle cx=\"%.1f\" cy=\"%.1f\" r=\"%d\" fill=\"none\" stroke=\"#009e73\" stroke-width=\"2\">"
                      "<title>child %llu on holdout%s</title></circle>\n",
                      pixel_x(p, at.x), pixel_y(p, at.y), best ? 7 : 4, (unsigned long long)m->child,
                      m->on_holdout_front ? ", non-dominated" : "");
    if (m->on_holdout_front)
        clade_text_append(p->text, "<circle cx=\"%.1f\" cy=\"%.1f\" r=\"1.8\" fill=\"#009e73\"/>\n", pixel_x(p, at.x),
                          pixel_y(p, at.y));
}

/* Members are sorted by the first objective, best first, so consecutive ones are neighbours on the staircase. */
static void draw_front(const plot *p)
{
    clade_text_append(p->text, "<polyline fill=\"none\" stroke=\"#0072b2\" stroke-width=\"1.5\" points=\"");
    for (size_t i = 0; i < p->front->n_members; i++) {
        const double *values = p->front->members[i].search_objectives;
        if (i > 0)
            clade_text_append(p->text, "%.1f,%.1f ", pixel_x(p, values[p->x]),
                              pixel_y(p, p->front->members[i - 1].search_objectives[p->y]));
        clade_text_append(p->text, "%.1f,%.1f ", pixel_x(p, values[p->x]), pixel_y(p, values[p->y]));
    }
    clade_text_append(p->text, "\"/>\n");
    for (size_t i = 0; i < p->front->n_members; i++) {
        const clade_member *m = &p->front->members[i];
        const double *values = m->search_objectives;
        clade_text_append(
            p->text,
            "<circle cx=\"%.1f\" cy=\"%.1f\" r=\"%d\" fill=\"#0072b2\"><title>child %llu, %s</title></circle>\n",
            pixel_x(p, values[p->x]), pixel_y(p, values[p->y]), i == p->front->best ? 7 : 4,
            (unsigned long long)m->child, m->method);
        draw_holdout(p, m, i == p->front->best);
    }
}

static void draw_legend(const plot *p)
{
    clade_text_append(
        p->text,
        "<g font-size=\"12\" fill=\"#333\"><circle cx=\"%d\" cy=\"22\" r=\"4\" fill=\"#0072b2\"/><text x=\"%d\" "
        "y=\"26\">front, search split</text><circle cx=\"%d\" cy=\"22\" r=\"4\" fill=\"none\" stroke=\"#009e73\" "
        "stroke-width=\"2\"/><text x=\"%d\" y=\"26\">on holdout (dot: non-dominated)</text><circle cx=\"%d\" "
        "cy=\"22\" r=\"2\" fill=\"#9aa7b3\"/><text x=\"%d\" y=\"26\">other children</text><path d=\"M%d 17l5 5l-5 "
        "5l-5 -5z\" fill=\"#d55e00\"/><text x=\"%d\" y=\"26\">hand-made</text></g>\n",
        LEFT, LEFT + 10, LEFT + 150, LEFT + 160, LEFT + 372, LEFT + 380, LEFT + 492, LEFT + 502);
}

clade_status clade_front_write_svg(const clade_front *front, clade_ledger *ledger, clade_text *text)
{
    if (front->experiment->n_objectives < 2)
        return clade_fail(CLADE_EUSAGE, "the experiment has one objective; a plot of the front needs two");
    if (front->n_members == 0)
        return clade_fail(CLADE_EUSAGE, "the run has no front yet: no child is committed");
    plot p = {.front = front, .text = text};
    p.x = objective_index(front->experiment->objectives[0]);
    p.y = objective_index(front->experiment->objectives[1]);
    choose_axes(&p);
    clade_text_append(text,
                      "<svg xmlns=\"http://www.w3.org/2000/svg\" width=\"%d\" height=\"%d\" viewBox=\"0 0 %d %d\" "
                      "font-family=\"sans-serif\">\n<rect width=\"100%%\" height=\"100%%\" fill=\"white\"/>\n",
                      WIDTH, HEIGHT, WIDTH, HEIGHT);
    draw_axes(&p);
    CLADE_TRY(draw_children(&p, ledger));
    draw_front(&p);
    draw_legend(&p);
    clade_text_append(text, "</svg>\n");
    return clade_text_status(text);
}
