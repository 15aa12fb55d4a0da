/* The model card of a merge: README.md of a Hugging Face folder. */
#ifndef CLADE_EXPORT_CARD_H
#define CLADE_EXPORT_CARD_H

#include "search/engine.h"

/* Card of MEMBER of FRONT, whose recipe is RECIPE: YAML front matter for the hub, scores on both splits beside those of
 * base, average, parents and the best hand-made merge, with their intervals (after clade_front_intervals), where the weights come from, the recipe as JSON and, where it can, as mergekit's YAML, and
 * how it was found. FRONT is NULL for a recipe that comes from no run: then there are no scores to show. SHOWN is RECIPE
 * with the paths that its file has: where one differs, the model was made on the way and will be gone.
 *
 * The front matter says of the merge what all its models say of themselves in README.md (license, pipeline_tag,
 * language), names them as the hub does where that is known, and is YAML whatever is in their files. The models' folders
 * are read; one that is not there is called by the last part of its path. */
clade_status clade_model_card(const clade_recipe *recipe, const clade_recipe *shown, const clade_front *front,
                              size_t member, clade_text *text) CLADE_CHECK_RESULT;

#endif
