/* What run_folder.c shares with its parts: where a run's files are (run_places.c), the recipe of a child (run_recipe.c), how
 * the budget was raised (run_budget.c), and what differs between two experiments (run_difference.c). */
#ifndef CLADE_RUN_FOLDER_H
#define CLADE_RUN_FOLDER_H

#include "search/engine.h"

/* What is asked of a run that goes on; {0}: nothing but that. */
typedef struct clade_resume_request {
    uint64_t children, images, seconds; /* the budget is raised to them; 0: it stays */
    const char *experiment;             /* a file that is to be the run's experiment; NULL: none */
    const char *const *moved;           /* (n_moved) "OLD=NEW": where what was at or below the path OLD is now */
    size_t n_moved;
} clade_resume_request;

/* The experiment of a run folder that is to go on, with every path where the file is now and the budget as it is to be;
 * both are kept in the ledger, after all checks.
 *
 * A budget can only be raised, and only where there is a limit (CLADE_EUSAGE). Where SECONDS is raised it counts those of
 * all sessions; raising another begins the budget of seconds anew. A file as experiment may differ from the run's in
 * larger limits of children, images and seconds, and in paths (what is there must have the same hash as before, which
 * the engine checks); anything else is CLADE_ECONFIG, listed key by key. Parents, base or probes that are nowhere are
 * CLADE_EINPUT with the way to say where they are. EXPERIMENT is the caller's. */
clade_status clade_run_resume(const char *run_folder, const clade_resume_request *request,
                              clade_experiment **experiment) CLADE_CHECK_RESULT;

/* Why `clade search` does not write into RUN_FOLDER, which exists: always CLADE_EUSAGE. WANTED is the experiment that
 * was to be searched; what it has that the run has not is listed, and how to go on. NULL: not known. */
clade_status clade_run_refuse(const char *run_folder, const clade_experiment *wanted) CLADE_CHECK_RESULT;

/* ---- run_places.c: a run keeps the paths of its models and probes with the place of its folder. A file that is no
 * longer where it was is looked for where it is when folder and file moved together. ---- */

/* The ledger has other paths of EXPERIMENT or another place of RUN_FOLDER than these, or none. */
clade_status clade_places_differ(clade_ledger *ledger, const char *run_folder, const clade_experiment *experiment,
                                 bool *differ) CLADE_CHECK_RESULT;
/* Put the paths of EXPERIMENT into the ledger, with the place of RUN_FOLDER. */
clade_status clade_places_put(clade_ledger *ledger, const char *run_folder,
                              const clade_experiment *experiment) CLADE_CHECK_RESULT;
/* The paths of EXPERIMENT become those the ledger has last, where the files are now if they moved with the folder. A
 * path that leads nowhere stays. */
clade_status clade_places_get(clade_ledger *ledger, const char *run_folder,
                              clade_experiment *experiment) CLADE_CHECK_RESULT;
/* RULE is "OLD=NEW"; paths of EXPERIMENT that are OLD or below it are there below NEW (relative: to the working
 * directory). What is there already, by an earlier session with the same rule or since it was found, stays. CLADE_EUSAGE
 * when it is no rule or is about none of the paths. */
clade_status clade_places_move(clade_experiment *experiment, const char *rule) CLADE_CHECK_RESULT;
/* The paths of EXPERIMENT become those of FROM, which has as many parents and first recipes. */
clade_status clade_places_copy(const clade_experiment *from, clade_experiment *experiment) CLADE_CHECK_RESULT;
/* CLADE_EINPUT when base, probes or a parent are not there. */
clade_status clade_places_check(const clade_experiment *experiment, const char *run_folder) CLADE_CHECK_RESULT;
/* CLADE_EINPUT when what RECIPE, a child's, is made of is not there. */
clade_status clade_recipe_check_places(const clade_recipe *recipe, const char *run_folder) CLADE_CHECK_RESULT;
/* A recipe of an earlier session: the parents and the base of EXPERIMENT are where that says. */
clade_status clade_recipe_place(const clade_experiment *experiment, clade_recipe *recipe) CLADE_CHECK_RESULT;
/* run_recipe.c: the recipe of ROW (the caller's), with the models where EXPERIMENT has them and their hashes as they were
 * when the run began. CLADE_EINPUT when it is no recipe, has not the hash of ROW, or names a file or model that
 * EXPERIMENT does not have. */
clade_status clade_run_recipe(clade_ledger *ledger, const clade_experiment *experiment, const clade_child_row *row,
                              clade_recipe **recipe) CLADE_CHECK_RESULT;
/* PATH, which was beside FROM as it is, seen from TO: "/a/zoo", "/a/runs/1", "/b/c/runs/1" gives "/b/c/zoo". All are
 * absolute, without "." and "..". Owned by the caller; NULL in *OUT when TO is not as deep. */
clade_status clade_path_follow(const char *path, const char *from, const char *to, char **out) CLADE_CHECK_RESULT;

/* ---- run_budget.c ---- */

/* EXPERIMENT's budget as the ledger says it was raised to. */
clade_status clade_budget_get(clade_ledger *ledger, const char *name, clade_experiment *experiment) CLADE_CHECK_RESULT;
typedef enum clade_budget_change {
    CLADE_BUDGET_SAME,
    CLADE_BUDGET_ANEW,    /* raised; the budget of seconds begins anew */
    CLADE_BUDGET_SECONDS, /* raised, the seconds, too: those spent since the budget last began anew count */
} clade_budget_change;
/* REQUEST's budget for EXPERIMENT. */
clade_status clade_budget_raise(const char *name, const clade_resume_request *request, clade_experiment *experiment,
                                clade_budget_change *change) CLADE_CHECK_RESULT;
/* Where budgets last began anew: how many of the run's SECONDS do not count any more, and how many children were BRED
 * before; 0 when the budget was never raised. */
clade_status clade_budget_begun(clade_ledger *ledger, double *seconds, uint64_t *bred) CLADE_CHECK_RESULT;
/* Put the budget, which was raised, into the ledger. */
clade_status clade_budget_put(clade_ledger *ledger, const clade_experiment *experiment,
                              clade_budget_change change) CLADE_CHECK_RESULT;

/* ---- run_difference.c ---- */

/* Where WANTED asks for another run than HAVE, a line each, "  key: found X, the run has Y"; nothing when
 * only paths and larger limits of children, images and seconds differ. A window that WANTED takes from its budget is no
 * difference; another order of the parents, which their genes follow, is. */
clade_status clade_experiment_difference(const clade_experiment *wanted, const clade_experiment *have,
                                         clade_text *lines) CLADE_CHECK_RESULT;

#endif
