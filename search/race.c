/* Whether a child can be stopped: see race.h for what is tested and what is promised. */
#include "search/race.h"

#include <math.h>

#include "clade/bits.h"

static const double CHANCE_ENTROPY = 0.98, LEAST_GUESSES = 10.0, CLEARLY = 3.0; /* share, items, standard deviations */

/* ---- McNemar ---- */

/* C(n, k) / 2^n. The product is halved as often as it outgrows 1, so neither it nor 2^n overflows. */
static double binomial_half(uint64_t n, uint64_t k)
{
    const uint64_t few = k < n - k ? k : n - k;
    uint64_t halvings = n;
    double term = 1.0;
    for (uint64_t i = 1; i <= few; i++) {
        term *= (double)(n - few + i) / (double)i;
        for (; term > 1.0 && halvings > 0; halvings--)
            term *= 0.5;
    }
    for (; term > 0.0 && halvings > 0; halvings--)
        term *= 0.5;
    return term;
}

double clade_mcnemar_p(uint64_t losses, uint64_t wins)
{
    const uint64_t n = losses + wins;
    double sum = 0.0;
    if (losses == 0)
        return 1.0;
    if (losses > wins) {
        double term = binomial_half(n, losses);
        for (uint64_t k = losses; term > 0.0 && sum + term > sum; k++) {
            sum += term;
            term *= (double)(n - k) / (double)(k + 1);
        }
        return sum;
    }
    /* The other tail is the shorter one. */
    double term = binomial_half(n, losses - 1);
    for (uint64_t k = losses - 1; term > 0.0 && sum + term > sum; k--) {
        sum += term;
        term *= (double)k / (double)(n - k + 1);
    }
    return 1.0 - sum;
}

/* ---- child against opponent, item by item ---- */

/* How one opponent's answers to the items seen compare with the child's. */
typedef struct comparison {
    uint64_t losses[2], wins[2]; /* clean, corrupted: right where the child is wrong, wrong where it is right */
    uint64_t right;              /* the opponent's clean ones */
    double easier[2];            /* its mean over all items minus that over those seen, mean over tasks */
} comparison;

/* The opponent's answers to the clean (or corrupted) items of a task. */
typedef struct shares {
    double all, right, seen, seen_right;
} shares;

static void compare_item(comparison *c, size_t kind, bool ours, bool theirs)
{
    c->losses[kind] += theirs && !ours;
    c->wins[kind] += ours && !theirs;
    c->right += kind == 0 && theirs;
}

static comparison compare(const clade_score *score, const uint8_t *opponent)
{
    comparison c = {.right = 0};
    size_t at = 0, tasks[2] = {0, 0};
    for (size_t t = 0; t < score->n_tasks; t++) {
        const clade_task_score *task = &score->tasks[t];
        shares s[2] = {{.all = 0.0}, {.all = 0.0}};
        for (size_t i = 0; i < task->n_correct; i++, at++) {
            const size_t kind = i < task->n_clean ? 0 : 1;
            const bool theirs = clade_bit(opponent, at);
            s[kind].all += 1.0;
            s[kind].right += theirs ? 1.0 : 0.0;
            if (task->seen && !clade_bit(task->seen, i))
                continue;
            s[kind].seen += 1.0;
            s[kind].seen_right += theirs ? 1.0 : 0.0;
            compare_item(&c, kind, clade_bit(task->correct, i), theirs);
        }
        for (size_t kind = 0; kind < 2; kind++)
            if (s[kind].seen > 0.0) {
                c.easier[kind] += s[kind].right / s[kind].all - s[kind].seen_right / s[kind].seen;
                tasks[kind]++;
            }
    }
    for (size_t kind = 0; kind < 2; kind++)
        c.easier[kind] /= tasks[kind] > 0 ? (double)tasks[kind] : 1.0;
    return c;
}

/* All tests reject that the child is not worse. */
static bool rejects(const clade_race *race, const comparison *c)
{
    const double level = race->racing.error / ((double)race->racing.n_shares * (double)race->n_opponents);
    return (!race->accuracy || clade_mcnemar_p(c->losses[0], c->wins[0]) <= level) &&
           (!race->robustness || clade_mcnemar_p(c->losses[1], c->wins[1]) <= level);
}

/* ---- guessing ---- */

/* What guessing gives on the clean items seen, and what the child has. */
typedef struct guesses {
    double expected, clearly;     /* items right: the mean, and that which is clearly more */
    double right;                 /* the child's */
    double entropy, most_entropy; /* means over tasks */
} guesses;

static guesses guesses_of(const clade_score *score, const clade_probes *probes)
{
    guesses g = {.right = 0.0};
    double variance = 0.0, tasks = 0.0;
    for (size_t t = 0; t < score->n_tasks; t++) {
        const clade_metrics *clean = &score->tasks[t].clean;
        const double n = (double)clean->items, chance = 1.0 / (double)probes->tasks[t].classes;
        if (clean->items == 0)
            continue;
        g.expected += n * chance;
        variance += n * chance * (1.0 - chance);
        g.right += n * clean->accuracy;
        g.entropy += clean->entropy;
        g.most_entropy += log((double)probes->tasks[t].classes);
        tasks += 1.0;
    }
    g.clearly = g.expected + CLEARLY * sqrt(variance);
    g.entropy /= fmax(tasks, 1.0);
    g.most_entropy /= fmax(tasks, 1.0);
    return g;
}

static bool at_chance(const guesses *g)
{
    static const double half = 0.5; /* `right` is a count that went through a division */
    const bool guessing = g->expected >= LEAST_GUESSES && g->right < g->expected + half;
    return guessing ||
           (g->entropy >= CHANCE_ENTROPY * g->most_entropy && g->most_entropy > 0.0 && g->right <= g->clearly);
}

/* ---- the verdict ---- */

/* The mean over tasks of the share right among the items seen of a kind; NAN when none was. */
static double mean_seen(const clade_score *score, size_t kind)
{
    double sum = 0.0, tasks = 0.0;
    for (size_t t = 0; t < score->n_tasks; t++) {
        const clade_task_score *task = &score->tasks[t];
        double seen = 0.0, right = 0.0;
        for (size_t i = kind == 0 ? 0 : task->n_clean; i < (kind == 0 ? task->n_clean : task->n_correct); i++) {
            if (task->seen && !clade_bit(task->seen, i))
                continue;
            seen += 1.0;
            right += clade_bit(task->correct, i) ? 1.0 : 0.0;
        }
        if (seen > 0.0) {
            sum += right / seen;
            tasks += 1.0;
        }
    }
    return tasks > 0.0 ? sum / tasks : NAN;
}

/* NAN stays what it is. */
static double clamp(double x)
{
    return x < 0.0 ? 0.0 : x > 1.0 ? 1.0 : x;
}

bool clade_race_stop(void *context, const clade_score *seen, clade_stopped *stopped)
{
    const clade_race *race = context;
    const guesses g = guesses_of(seen, race->probes);
    double easier[2] = {0.0, 0.0};
    bool outraced = false, works = false;
    for (size_t m = 0; m < race->n_opponents; m++) {
        const comparison c = compare(seen, race->opponents[m].correct);
        outraced = outraced || rejects(race, &c);
        works = works || (double)c.right > g.clearly;
        for (size_t kind = 0; kind < 2; kind++)
            easier[kind] += c.easier[kind] / (double)race->n_opponents;
    }
    stopped->reason = outraced ? CLADE_OUTRACED : works && at_chance(&g) ? CLADE_AT_CHANCE : CLADE_NOT_STOPPED;
    stopped->accuracy = clamp(mean_seen(seen, 0) + easier[0]);
    stopped->robustness = clamp(mean_seen(seen, 1) + easier[1]);
    return stopped->reason != CLADE_NOT_STOPPED;
}
