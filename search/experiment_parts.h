/* The inside of search/experiment.h: experiment_sections.c reads the sections, experiment.c puts them together. */
#ifndef CLADE_EXPERIMENT_PARTS_H
#define CLADE_EXPERIMENT_PARTS_H

#include "search/experiment.h"

/* One section each: absent means defaults; what is wrong is added to PROBLEMS. CLADE_EIO without memory. */
clade_status clade_experiment_space(clade_experiment *experiment, const clade_json_at *at,
                                    clade_problems *problems) CLADE_CHECK_RESULT;
/* sites, coordinates, prior and sum, of the section "space"; what is read, freed, and printed into an open object. */
clade_status clade_experiment_sites(clade_experiment *experiment, const clade_json_at *at,
                                    clade_problems *problems) CLADE_CHECK_RESULT;
void clade_experiment_sites_fini(clade_experiment *experiment);
void clade_experiment_print_sites(const clade_experiment *experiment, clade_json_writer *writer);
void clade_experiment_objectives(clade_experiment *experiment, const clade_json_at *at, clade_problems *problems);
void clade_experiment_corruptions(clade_experiment *experiment, const clade_json_at *at, clade_problems *problems);
/* After the one before: its corruptions are the default. */
void clade_experiment_holdout_corruptions(clade_experiment *experiment, const clade_json_at *at,
                                          clade_problems *problems);
void clade_experiment_items(clade_experiment *experiment, const clade_json_at *at, clade_problems *problems);
void clade_experiment_signal(clade_experiment *experiment, const clade_json_at *at, clade_problems *problems);
/* After the objectives. */
void clade_experiment_racing(clade_experiment *experiment, const clade_json_at *at, clade_problems *problems);
void clade_experiment_preselect(clade_experiment *experiment, const clade_json_at *at, clade_problems *problems);
clade_status clade_experiment_algorithm(clade_experiment *experiment, const clade_json_at *at,
                                        clade_problems *problems) CLADE_CHECK_RESULT;
/* After the objectives: a target names them. */
void clade_experiment_budget(clade_experiment *experiment, const clade_json_at *at, clade_problems *problems);
/* After the budget: a share of its children or images. */
void clade_experiment_line_search(clade_experiment *experiment, const clade_json_at *at, clade_problems *problems);

/* ---- what sections share ---- */

/* A count at KEY, DEFAULT_SIZE where absent. */
uint64_t clade_experiment_count(const clade_json_at *section, const char *key, uint64_t default_size,
                                clade_problems *problems);

#endif
