#include "search/subject_merge.h"

#include <math.h>
#include <stdio.h>
#include <string.h>

#include "clade/alloc.h"
#include "clade/files.h"
#include "clade/log.h"
#include "search/export/front.h"

/* ---- what must be as it was ---- */

static clade_status check_parent(clade_ledger *ledger, const char *name, const char *path, clade_checkpoint *checkpoint)
{
    char hash[CLADE_SHA256_HEX];
    clade_text old = {0};
    bool found = false;
    CLADE_TRY(clade_checkpoint_hash(checkpoint, hash));
    clade_status status = clade_ledger_get_parent(ledger, name, &old, &found);
    if (status == CLADE_OK && !found)
        status = clade_ledger_put_parent(ledger, name, path, hash);
    else if (status == CLADE_OK && strcmp(clade_text_get(&old), hash) != 0)
        status = clade_fail(CLADE_EINPUT, "%s: the weights changed since the run began: found hash %s, expected %s",
                            path, hash, clade_text_get(&old));
    clade_text_free(&old);
    return status;
}

static clade_status check_probes(const clade_merge_subject *self, clade_ledger *ledger)
{
    char hash[CLADE_SHA256_HEX];
    clade_text old = {0};
    bool found = false;
    clade_probes_hash(self->probes, hash);
    clade_status status = clade_ledger_get_meta(ledger, "probes", &old, &found);
    if (status == CLADE_OK && !found)
        status = clade_ledger_put_meta(ledger, "probes", hash);
    else if (status == CLADE_OK && strcmp(clade_text_get(&old), hash) != 0)
        status = clade_fail(CLADE_EINPUT, "%s: the probes changed since the run began: found hash %s, expected %s",
                            self->experiment->probes, hash, clade_text_get(&old));
    clade_text_free(&old);
    return status;
}

static clade_status check(void *state, const clade_run_session *session)
{
    const clade_merge_subject *self = state;
    const clade_experiment *experiment = self->experiment;
    clade_ledger *ledger = session->ledger;
    if (clade_family_base(self->family))
        CLADE_TRY(check_parent(ledger, CLADE_BASE_NAME, experiment->base, clade_family_base(self->family)));
    for (size_t p = 0; p < experiment->n_parents; p++)
        CLADE_TRY(check_parent(ledger, experiment->parent_names[p], experiment->parent_paths[p],
                               clade_family_parent(self->family, p)));
    return check_probes(self, ledger);
}

/* ---- the search ---- */

/* LOSSES (n_parents): the mean negative log likelihood of each parent over the tasks' labelled items, out of the ledger;
 * *KNOWN false when one of them was not scored, or could not be. */
static clade_status parent_losses(const clade_merge_subject *self, clade_ledger *ledger, double *losses, bool *known)
{
    const clade_experiment *experiment = self->experiment;
    clade_evaluation_row row = {0};
    clade_status status = CLADE_OK;
    *known = true;
    for (size_t p = 0; status == CLADE_OK && p < experiment->n_parents; p++) {
        char name[128]; /* a parent's name has at most 64 */
        bool found = false;
        clade_score score = {.clean = {.nll = NAN}};
        snprintf(name, sizeof name, "parent %s", experiment->parent_names[p]);
        status = clade_ledger_get_reference(ledger, name, CLADE_SEARCH, &row, &found);
        if (status == CLADE_OK && found && row.status == CLADE_OK)
            status = clade_score_parse(clade_text_get(&row.score), row.score.length, self->probes, &self->plan, &score);
        losses[p] = score.clean.nll;
        *known = *known && isfinite(losses[p]);
        clade_score_fini(&score);
    }
    clade_evaluation_row_fini(&row);
    return status;
}

static clade_status open_space(clade_merge_subject *self, clade_ledger *ledger)
{
    const clade_experiment *experiment = self->experiment;
    const clade_merge_space_plan plan = clade_experiment_space_plan(experiment);
    CLADE_TRY(clade_merge_space_new(&plan, self->family, &self->space));
    double losses[CLADE_MAX_PARENTS];
    bool known = false;
    CLADE_TRY(parent_losses(self, ledger, losses, &known));
    const clade_first_sources sources = {.recipe_paths = (const char *const *)experiment->first,
                                         .n_recipes = experiment->n_first,
                                         .parent_losses = known ? losses : NULL,
                                         .only_own = !experiment->hand_made};
    CLADE_TRY(clade_merge_space_first(self->space, &sources, &self->first, &self->n_first));
    const size_t n = clade_merge_space_genes(self->space)->n_genes;
    self->first_genomes = clade_calloc(self->n_first * n + 1, sizeof(double));
    self->first_names = clade_calloc(self->n_first + 1, sizeof(char *));
    if (!self->first_genomes || !self->first_names)
        return clade_fail_memory((self->n_first + 1) * n * sizeof(double), "the first individuals");
    for (size_t i = 0; i < self->n_first; i++) {
        memcpy(self->first_genomes + i * n, self->first[i].genome, n * sizeof(double));
        self->first_names[i] = self->first[i].name;
    }
    return CLADE_OK;
}

/* A batch scores labelled items only. */
static bool may_batch(const clade_experiment *experiment)
{
    bool may = true;
    for (size_t k = 0; k < experiment->n_objectives; k++)
        may &= !experiment->objectives[k]->unlabelled;
    return may;
}

static clade_status begin(void *state, const clade_run_session *session, clade_search_problem *problem)
{
    clade_merge_subject *self = state;
    CLADE_TRY(clade_best_clean(session->folder));
    CLADE_TRY(clade_merge_score_parents(self, session));
    CLADE_TRY(open_space(self, session->ledger));
    problem->space = clade_merge_space_genes(self->space);
    problem->first = self->first_genomes;
    problem->first_names = self->first_names;
    problem->n_first = self->n_first;
    problem->levels = clade_merge_space_levels(self->space, &problem->n_levels);
    problem->lines = clade_merge_space_lines(self->space, &problem->n_lines);
    problem->batches = may_batch(self->experiment);
    return CLADE_OK;
}

static clade_status describe(void *state, const double *genome, clade_child_row *row)
{
    const clade_merge_subject *self = state;
    clade_recipe *recipe = NULL;
    CLADE_TRY(clade_merge_space_decode(self->space, genome, &recipe));
    clade_status status = clade_recipe_hash(recipe, row->recipe_hash);
    if (status == CLADE_OK) {
        clade_recipe_print(recipe, false, &row->recipe);
        snprintf(row->method, sizeof row->method, "%s", recipe->method->name);
        status = clade_text_status(&row->recipe);
    }
    clade_recipe_free(recipe);
    return status;
}

/* ---- best/ and the end ---- */

static clade_status follow(void *state, const clade_run_session *session, uint64_t child)
{
    const clade_merge_subject *self = state;
    return clade_best_write(session->ledger, self->experiment, session->folder, child);
}

/* The front with its holdout scores into front.csv (CSV_PATH) and best/; an empty front has no best. */
static clade_status write_front(const clade_run_session *session, const char *csv_path)
{
    clade_text csv = {0};
    clade_front front = {0};
    clade_status status = clade_front_read(session->folder, CLADE_SEARCH, &front);
    if (status == CLADE_OK)
        status = clade_front_intervals(&front, NULL);
    if (status == CLADE_OK)
        status = clade_front_write_csv(&front, &csv);
    if (status == CLADE_OK)
        status = clade_write_file(csv_path, clade_text_get(&csv), csv.length);
    if (status == CLADE_OK && front.n_members == 0)
        clade_log(CLADE_LOG_WARNING,
                  "no child was scored on all items: the front is empty, and there is no best; a larger "
                  "budget (clade resume %s --children N) goes on",
                  session->folder);
    else if (status == CLADE_OK)
        status = clade_best_finish(session->ledger, &front, session->folder);
    clade_front_fini(&front);
    clade_text_free(&csv);
    return status;
}

static clade_status finish(void *state, const clade_run_session *session, const clade_archive *front, bool finished)
{
    CLADE_TRY(clade_merge_score_rest(state, session, front));
    char *best = clade_path_join(session->folder, "best"), *csv = clade_path_join(session->folder, "front.csv");
    clade_status status = best && csv ? CLADE_OK : clade_fail_memory(strlen(session->folder) + 16, "a path");
    if (status == CLADE_OK && !(finished && clade_path_exists(best) && clade_path_exists(csv)))
        status = write_front(session, csv);
    clade_free(best);
    clade_free(csv);
    return status;
}

/* ---- the subject ---- */

static void close_subject(void *state)
{
    clade_merge_subject *self = state;
    clade_free(self->retention);
    clade_free(self->first_genomes);
    clade_free(self->first_names);
    clade_first_free(self->first, self->n_first);
    clade_merge_space_free(self->space);
    clade_free(self);
}

clade_status clade_subject_merge_new(const clade_experiment *experiment, const clade_family *family,
                                     const clade_probes *probes, clade_subject *subject)
{
    static const clade_subject_kind kind = {.check = check,
                                            .begin = begin,
                                            .describe = describe,
                                            .read = clade_merge_read_result,
                                            .follow = follow,
                                            .finish = finish,
                                            .close = close_subject};
    *subject = (clade_subject){0};
    clade_merge_subject *self = clade_calloc(1, sizeof *self);
    if (!self)
        return clade_fail_memory(sizeof *self, "a search among merges");
    *self = (clade_merge_subject){.experiment = experiment,
                                  .family = family,
                                  .probes = probes,
                                  .plan = clade_experiment_search_plan(experiment),
                                  .retention = clade_calloc(probes->n_tasks, sizeof(double))};
    if (!self->retention) {
        clade_free(self);
        return clade_fail_memory(probes->n_tasks * sizeof(double), "a search among merges");
    }
    *subject = (clade_subject){.kind = &kind, .state = self};
    return CLADE_OK;
}
