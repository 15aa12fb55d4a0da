/* The inside of search/experiment.h: experiment_sections.c reads the sections, experiment.c puts them together. */
#ifndef CLADE_EXPERIMENT_PARTS_H
#define CLADE_EXPERIMENT_PARTS_H

#include "search/experiment.h"

/* One section each: absent means defaults; what is wrong is added to PROBLEMS. CLADE_EIO without memory. */
clade_status clade_experiment_space(clade_experiment *experiment, const clade_json_at *at,
                                    clade_problems *problems) CLADE_CHECK_RESULT;
void clade_experiment_objectives(clade_experiment *experiment, const clade_json_at *at, clade_problems *problems);
void clade_experiment_corruptions(clade_experiment *experiment, const clade_json_at *at, clade_problems *problems);
void clade_experiment_items(clade_experiment *experiment, const clade_json_at *at, clade_problems *problems);
clade_status clade_experiment_algorithm(clade_experiment *experiment, const clade_json_at *at,
                                        clade_problems *problems) CLADE_CHECK_RESULT;
void clade_experiment_budget(clade_experiment *experiment, const clade_json_at *at, clade_problems *problems);

#endif
