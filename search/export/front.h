/* The front of a run in the forms people and programs read. */
#ifndef CLADE_EXPORT_FRONT_H
#define CLADE_EXPORT_FRONT_H

#include "search/engine.h"

/* Columns child,method,recipe_hash, then every objective as search_NAME, then as holdout_NAME; unknown values are
 * empty. */
clade_status clade_front_write_csv(const clade_front *front, clade_text *text) CLADE_CHECK_RESULT;

#endif
