/* A closed-form problem as what a run breeds: the engine, the ledger and the pool with everything but models. Then a
 * run is a matter of milliseconds, and its results are those of clade_run_closed_form with the same window, child by
 * child. For tests, benches and the simulated pool.
 *
 * A child's "recipe" is {"problem": "zdt1", "genes": [...]} (exact), its hash the SHA-256 of that text, its method the
 * problem's name, or the category ("m0", "m1", ...) where there are categories. Its result is {"objectives": [...]},
 * null where one is not finite, which makes the child a failure. A child costs one image. Objectives are f1, f2, ...
 * (minimised); the hypervolume is against form->wide. There is no holdout, and nothing is made at the end. */
#ifndef CLADE_SUBJECT_FORM_H
#define CLADE_SUBJECT_FORM_H

#include "search/closed_form.h"
#include "search/subject.h"

/* An experiment that searches FORM (borrowed while it lives; one of the table or the caller's own): ALGORITHM with its
 * default parameters, a budget of CHILDREN (above 0), WINDOW >= 1; what else an experiment can say has its default and
 * may be set by the caller (algorithm_parameters, images, target, ...). Owned by the caller. It prints as any experiment
 * does, with "problem" for the models, but is not read back: to go on with a run, make the same experiment again. */
clade_status clade_experiment_of_form(const clade_problem_form *form, const clade_algorithm *algorithm, uint64_t seed,
                                      uint64_t children, size_t window,
                                      clade_experiment **experiment) CLADE_CHECK_RESULT;

/* The subject of such an experiment, which is borrowed. Release with clade_subject_free. */
clade_status clade_subject_form_new(const clade_experiment *experiment, clade_subject *subject) CLADE_CHECK_RESULT;

/* What a worker does: evaluates the recipes of FORM's children; FORM is borrowed. CLADE_EINTERNAL for a text that is no
 * such recipe. May be used by several threads at once. */
clade_evaluator clade_form_evaluator(const clade_problem_form *form);

#endif
