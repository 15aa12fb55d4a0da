/* The front of a run for people and programs: JSON, text, SVG. (CSV, which the engine writes too, is in front.h.) */
#ifndef CLADE_FRONT_FORMATS_H
#define CLADE_FRONT_FORMATS_H

#include "search/engine.h"

/* {"front": [{"child", "method", "recipe_hash", "genes", "search": {objective: value}, "holdout": {...}, "best":
 * bool, "on_holdout_front": bool, CERTAINTY}], "references": [{"name", "search", "holdout", CERTAINTY}],
 * "holdout_corruptions": [{"name", "severity", "seen_in_search"}], ...}. Genes come from LEDGER (open for reading).
 *
 * CERTAINTY: "holdout_interval": {measure: [low, high]}; "optimism": {objective: how much better the search split says
 * it is}; "against": {"name", measure: {"difference", "interval": [low, high]}} on holdout; "holdout_corrupted":
 * {corruption: accuracy}. Measures are accuracy, robustness, retention; null where unknown (clade_front_intervals). */
clade_status clade_front_write_json(const clade_front *front, clade_ledger *ledger,
                                    clade_text *text) CLADE_CHECK_RESULT;

/* A table, one row per member; objectives of both splits; '*' marks the best, 'o' those that are non-dominated on
 * holdout, too. */
void clade_front_write_text(const clade_front *front, clade_text *text);

/* For Markdown, after clade_front_intervals: for member MEMBER (SIZE_MAX: for each) and the references the interval on
 * holdout, the optimism of the search split and the paired difference to what the front is held against; then what each
 * corruption leaves of that member's accuracy (or the best's), marked where the search never saw it. The front has
 * members. */
void clade_front_write_certainty(const clade_front *front, size_t member, clade_text *text);

/* A plot of the first two objectives: every committed child faint, the hand-made first individuals as named marks, the
 * front as a staircase; filled dots on the search split, rings on holdout (with a dot inside: non-dominated there, too), and the best's
 * intervals on holdout. The experiment needs two objectives
 * (CLADE_EUSAGE). */
clade_status clade_front_write_svg(const clade_front *front, clade_ledger *ledger, clade_text *text) CLADE_CHECK_RESULT;

#endif
