/* The front of a run in the forms people and programs read. */
#ifndef CLADE_EXPORT_FRONT_H
#define CLADE_EXPORT_FRONT_H

#include "search/engine.h"

/* Columns child,method,recipe_hash, then every objective as search_NAME, then as holdout_NAME; then holdout_front (1: no
 * other member dominates it on holdout, else 0), and for accuracy, robustness and retention the ends of the interval of
 * the holdout value, holdout_NAME_low and holdout_NAME_high (after clade_front_intervals). Unknown values are empty.
 * Columns that come later are put at the end. */
clade_status clade_front_write_csv(const clade_front *front, clade_text *text) CLADE_CHECK_RESULT;

#endif
