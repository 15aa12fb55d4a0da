/* experiment.json: read, checked, every default written out (DESIGN.md 8). */
#ifndef CLADE_EXPERIMENT_H
#define CLADE_EXPERIMENT_H

#include "clade/score.h"
#include "search/algorithm/preselect.h"
#include "search/race.h"
#include "search/space.h"

struct clade_problem_form;

#define CLADE_MOST_SECONDS 0x1p53 /* of a budget: whole seconds are exact */

typedef struct clade_experiment {
    uint64_t seed;
    const struct clade_problem_form
        *form;                           /* a closed-form problem instead of models (subject_form.h): then there are no
                                              paths, parents and methods; borrowed. NULL: merges */
    char *base, *probes;                 /* paths that can be opened (absolute after reading), owned */
    char **parent_names, **parent_paths; /* (n_parents), owned */
    size_t n_parents;
    /* space */
    const clade_method **methods; /* (n_methods), owned array */
    size_t n_methods;
    /* Sites as in a clade_merge_space_plan; defaults "layer", "product" ("full" with levels). */
    char *sites, *coordinates;
    clade_named_site *named_sites; /* (n_named_sites), owned */
    size_t n_named_sites;
    clade_range_override *ranges; /* (n_ranges), owned */
    size_t n_ranges;
    clade_prior_override *priors; /* (n_priors), owned */
    size_t n_priors;
    double sum;   /* of the weights at a site; 0: none */
    char **first; /* (n_first): recipes to start with, paths, owned */
    size_t n_first;
    bool hand_made; /* after them the known hand-made merges; default true */
    /* scoring */
    const clade_objective *objectives[CLADE_MAX_OBJECTIVES]; /* default accuracy, robustness */
    size_t n_objectives;
    const clade_corruption *corruptions[CLADE_MAX_CORRUPTIONS]; /* default: the seven */
    size_t n_corruptions;
    int severity;                                                       /* default 5 */
    bool rotate;                                                        /* "assign": "rotate" (default) or "all" */
    const clade_corruption *holdout_corruptions[CLADE_MAX_CORRUPTIONS]; /* of the scores at the end; default: those of
                                                                           the search, as their severity */
    size_t n_holdout_corruptions;
    int holdout_severity;
    size_t labelled, corrupted, unlabelled; /* items a task; 0: the whole split */
    clade_racing racing;                    /* default: none; only with accuracy and robustness as objectives */
    size_t memory;                          /* bytes of kept items a rank; default 1 GiB */
    size_t cache_megabytes; /* what a rank keeps of surveys of the parents (10^6 bytes); default 256; 0: nothing */
    /* search */
    bool smooth; /* "signal": "loss" (default): algorithms are told the bounded losses instead of the accuracies, which
                    are steps in the weights; or "objective", as always with racing */
    const clade_algorithm *algorithm;  /* default portfolio */
    double *algorithm_parameters;      /* (n_parameters of the algorithm), owned */
    clade_preselect_options preselect; /* default: none */
    double line_share; /* "line_search": of the budget, for line searches from the best first individuals; default 0 */
    uint64_t
        planned; /* children of the budget before it was raised: what schedules of algorithms go by, or a replay would
                         differ; 0: it was not raised */
    uint64_t planned_images;   /* the same of images */
    double planned_seconds;    /* and of seconds */
    uint64_t children, images; /* budget; 0: no limit (children default 600) */
    double seconds;            /* 0: no limit; at most CLADE_MOST_SECONDS */
    uint64_t no_progress;      /* children without a gain in hypervolume that end the run; 0: never (default) */
    double target[CLADE_MAX_OBJECTIVES]; /* a member at least as good as all of these ends the run; NAN: not asked */
    double target_hypervolume; /* and so does a front of this hypervolume, as clade_archive_hypervolume; NAN */
    size_t window;             /* W; default by the budget: clade_default_window */
    bool window_given;         /* the experiment says what */
    char *best;                /* "knee" (default) or an objective's name: which member of the front is "the best" */
    bool references;           /* score base, average and every parent, too; default true */
    bool best_weights;         /* write the best's weights at the end; default true */
} clade_experiment;

/* All problems at once, CLADE_ECONFIG. Paths relative to the file become absolute. Owned by the caller. */
clade_status clade_experiment_read(const char *path, clade_experiment **experiment) CLADE_CHECK_RESULT;
/* The same from text (what was stored in a run or sent by the coordinator); NAME for messages, FOLDER for relative
 * paths. */
clade_status clade_experiment_parse(const char *text, size_t length, const char *name, const char *folder,
                                    clade_experiment **experiment) CLADE_CHECK_RESULT;
void clade_experiment_free(clade_experiment *experiment);
/* As resolved: every default written out; parses back to an equal experiment. */
void clade_experiment_print(const clade_experiment *experiment, bool pretty, clade_text *text);

/* The space as the experiment says it; borrows from EXPERIMENT. */
clade_merge_space_plan clade_experiment_space_plan(const clade_experiment *experiment);
/* The plan of a child's score in the search, and of the holdout scores (whole split, all the holdout's corruptions, no
 * rotation). */
clade_score_plan clade_experiment_search_plan(const clade_experiment *experiment);
clade_score_plan clade_experiment_holdout_plan(const clade_experiment *experiment);
/* What "window" is where an experiment does not say: one in 128 of a budget of CHILDREN (0: not counted in children), from
 * 4 to 4,096. Children in flight are bred without knowing each other; so few cost about 1 % of what the front gains
 * (measured in experiments/workers). Not a matter of the workers: it is a part of the result. */
size_t clade_default_window(uint64_t children);
/* Another budget of children, as if the experiment had said so from the start. */
void clade_experiment_set_children(clade_experiment *experiment, uint64_t children);
/* The window that keeps WORKERS >= 1 busy for at least 95 % of the time as long as the times of evaluations differ up to
 * tenfold: N + 1.5 (N - 1), for while the slowest child is under way, 2.56 times the mean of log-uniform times, the other
 * workers need something to do (measured in experiments/workers). */
size_t clade_window_for_workers(size_t workers);
/* The place of the parent NAME; n_parents: it has none of that name. */
size_t clade_experiment_parent(const clade_experiment *experiment, const char *name);
/* Whether CORRUPTION is one of the search's, at whatever severity. */
bool clade_experiment_has_seen(const clade_experiment *experiment, const clade_corruption *corruption);

#endif
