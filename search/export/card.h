/* The model card of a merge: README.md of a Hugging Face folder. */
#ifndef CLADE_EXPORT_CARD_H
#define CLADE_EXPORT_CARD_H

#include "search/engine.h"

/* Card of MEMBER of FRONT, whose recipe is RECIPE: YAML front matter for the hub, the recipe, scores on both splits
 * beside those of base, average and parents, where the weights come from, and how it was found. FRONT is NULL for a
 * recipe that comes from no run: then there are no scores to show. */
clade_status clade_model_card(const clade_recipe *recipe, const clade_front *front, size_t member,
                              clade_text *text) CLADE_CHECK_RESULT;

#endif
