/* The race: a child is stopped early when exact paired tests say that it will not enter the front (F-race's idea,
 * Birattari et al. 2002, with the sign test of McNemar 1947 in its exact form, on the same items for both).
 *
 * Hypothesis of a child k and an opponent m of the front: "k is not worse than m in at least one of the objectives
 * raced". After a rung it is rejected when for every objective the one-sided test on the items seen has p <= level, so
 * each such decision errs with probability at most level (an intersection-union test: Berger 1982). With level = error
 * / (rungs x opponents), Bonferroni's bound holds over all looks: a child that no opponent dominates in the accuracies
 * that the items are a sample of is stopped with probability at most `error`. That is a bound for one child, not for a
 * whole run, and for items in random order: the worker draws one for the run, the same for all children. (With items
 * chosen for the first rung, item_choice.h, those seen are no sample of all, and the bound is one for accuracy on such
 * items: for all of them it is what was measured, not what was proved.)
 *
 * Items of all tasks are pooled, each counts once. The objectives are means over tasks of shares: the same thing when
 * tasks have equally many items; otherwise the test leans to the larger tasks, while the estimates do not. */
#ifndef CLADE_RACE_H
#define CLADE_RACE_H

#include "clade/score.h"

enum { CLADE_MAX_OPPONENTS = 16 };

/* How an experiment races ("racing" in experiment.json). */
typedef struct clade_racing {
    double shares[CLADE_MAX_RUNGS]; /* of the items: ascending, above 0 and below 1 */
    size_t n_shares;                /* 0: no race, every child is scored whole */
    double error;                   /* of stopping a child that no opponent dominates */
    bool by_disagreement; /* "order": the first rung is of the items on which past children disagree (item_choice.h);
                             false: drawn for the run */
} clade_racing;

/* Whom a child races against: a member of the front when it was bred, every item of which was scored. */
typedef struct clade_opponent {
    uint64_t child;
    uint8_t *correct; /* (n_bits): of all tasks joined (clade_score_join_bits) */
} clade_opponent;

typedef struct clade_race {
    clade_racing racing;
    bool accuracy, robustness;  /* which are objectives; at least one */
    const clade_probes *probes; /* borrowed: the numbers of classes */
    clade_opponent opponents[CLADE_MAX_OPPONENTS];
    size_t n_opponents, n_bits;
    uint8_t
        *spread; /* (n_bits): how much past children disagree on each item (item_choice.h), owned; NULL: the order of
                        the items is the one drawn */
} clade_race;

/* ---- statistics ---- */

/* The exact one-sided p-value of McNemar's test: P(X >= losses) for X ~ Binomial(losses + wins, 1/2); 1 for no losses.
 * Products of doubles only (no libm), relative error below 1e-12 up to 10^6 items (above 1e-290). Laws: p(b, c) + p(c,
 * b) = 1 + P(X = b); falls with LOSSES and rises with WINS. O(losses + wins). */
double clade_mcnemar_p(uint64_t losses, uint64_t wins);

/* Whether the child with the items SEEN is to be stopped, in the form of clade_rungs.stop; RACE is a clade_race.
 *
 * CLADE_OUTRACED: an opponent rejects it, as above.
 * CLADE_AT_CHANCE: its clean answers are no better than guessing (at most as many right as guessing gives, when that is
 * at least 10), or it is as unsure as can be (entropy at least 0.98 ln(classes), both as means over tasks) and not
 * clearly above guessing (3 standard deviations); and an opponent is clearly above guessing on the same items, so that
 * a run where nothing works yet is left alone. The estimates in STOPPED are control variates: the child's mean over the
 * items seen, plus the mean over the opponents of (all items - the items seen), which removes how much easier or harder
 * the items seen were; clamped to [0, 1].
 * Laws: without opponents nothing is stopped; a child that answers as an opponent does is not stopped by it; with every
 * item seen the estimates are the child's own means over tasks (robustness: of items, as of corruptions that have
 * equally many). */
bool clade_race_stop(void *race, const clade_score *seen, clade_stopped *stopped);

/* ---- what the coordinator sends with a job (race_json.c) ---- */

/* {"opponents": [{"child": n, "correct": HEX}], "spread": HEX}; "spread", a byte an item, only where there is one.
 *
 *   opponents  (n)
 *   spread     (n_bits) as of clade_race, or NULL */
void clade_race_print(const clade_opponent *opponents, size_t n, const uint8_t *spread, size_t n_bits,
                      clade_text *text);
/* Into RACE, whose racing, accuracy, robustness and probes are set; SCORER says how many items and bits there are.
 * CLADE_EINTERNAL for a text that does not fit (the place, found, expected): then RACE has no opponents and no spread.
 */
clade_status clade_race_parse(const char *json, size_t length, const clade_scorer *scorer,
                              clade_race *race) CLADE_CHECK_RESULT;
/* Release opponents and spread; {0} is valid. */
void clade_race_fini(clade_race *race);

#endif
