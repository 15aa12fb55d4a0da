/* The front of a run for people and programs: JSON, text, SVG. (CSV, which the engine writes too, is in front.h.) */
#ifndef CLADE_FRONT_FORMATS_H
#define CLADE_FRONT_FORMATS_H

#include "search/engine.h"

/* {"front": [{"child", "method", "recipe_hash", "genes", "search": {objective: value}, "holdout": {...}, "best":
 * bool}], ...}. Genes come from LEDGER (open for reading). */
clade_status clade_front_write_json(const clade_front *front, clade_ledger *ledger,
                                    clade_text *text) CLADE_CHECK_RESULT;

/* A table, one row per member; objectives of both splits; '*' marks the best. */
void clade_front_write_text(const clade_front *front, clade_text *text);

/* A plot of the first two objectives: every committed child faint, the hand-made first individuals as named marks, the
 * front as a staircase; filled dots on the search split, rings on holdout. The experiment needs two objectives
 * (CLADE_EUSAGE). */
clade_status clade_front_write_svg(const clade_front *front, clade_ledger *ledger, clade_text *text) CLADE_CHECK_RESULT;

#endif
