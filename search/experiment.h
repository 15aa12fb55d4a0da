/* experiment.json: read, checked, every default written out (DESIGN.md 8). */
#ifndef CLADE_EXPERIMENT_H
#define CLADE_EXPERIMENT_H

#include "clade/score.h"
#include "search/algorithm.h"
#include "search/space.h"

typedef struct clade_experiment {
    uint64_t seed;
    char *base, *probes;                 /* paths that can be opened (absolute after reading), owned */
    char **parent_names, **parent_paths; /* (n_parents), owned */
    size_t n_parents;
    /* space */
    const clade_method **methods; /* (n_methods), owned array */
    size_t n_methods;
    char *sites, *coordinates;    /* defaults "layer", "product" */
    clade_range_override *ranges; /* (n_ranges), owned */
    size_t n_ranges;
    /* scoring */
    const clade_objective *objectives[CLADE_MAX_OBJECTIVES]; /* default accuracy, robustness */
    size_t n_objectives;
    const clade_corruption *corruptions[CLADE_MAX_CORRUPTIONS]; /* default: the seven */
    size_t n_corruptions;
    int severity;                           /* default 5 */
    bool rotate;                            /* "assign": "rotate" (default) or "all" */
    size_t labelled, corrupted, unlabelled; /* items a task; 0: the whole split */
    size_t memory;                          /* bytes of kept items a rank; default 1 GiB */
    size_t cache_megabytes; /* what a rank keeps of surveys of the parents (10^6 bytes); default 256; 0: nothing */
    /* search */
    const clade_algorithm *algorithm; /* default sms_emoa */
    double *algorithm_parameters;     /* (n_parameters of the algorithm), owned */
    uint64_t children, images;        /* budget; 0: no limit (children default 600) */
    double seconds;                   /* 0: no limit */
    size_t window;                    /* W; default 4 */
    char *best;        /* "knee" (default) or an objective's name: which member of the front is "the best" */
    bool best_weights; /* write the best's weights at the end; default true */
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
/* The plan of a child's score in the search, and of the holdout scores (whole split, all corruptions, no rotation). */
clade_score_plan clade_experiment_search_plan(const clade_experiment *experiment);
clade_score_plan clade_experiment_holdout_plan(const clade_experiment *experiment);

#endif
