/* A session of a run: from the folder to an engine that can go on, and back. */
#include <math.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "clade/alloc.h"
#include "clade/files.h"
#include "clade/log.h"
#include "search/engine_state.h"

/* ---- what must be as it was ---- */

static clade_status check_parent(clade_engine *engine, const char *name, const char *path, clade_checkpoint *checkpoint)
{
    char hash[CLADE_SHA256_HEX];
    clade_text old = {0};
    bool found = false;
    CLADE_TRY(clade_checkpoint_hash(checkpoint, hash));
    clade_status status = clade_ledger_get_parent(engine->ledger, name, &old, &found);
    if (status == CLADE_OK && !found)
        status = clade_ledger_put_parent(engine->ledger, name, path, hash);
    else if (status == CLADE_OK && strcmp(clade_text_get(&old), hash) != 0)
        status = clade_fail(CLADE_EINPUT, "%s: the weights changed since the run began: found hash %s, expected %s",
                            path, hash, clade_text_get(&old));
    clade_text_free(&old);
    return status;
}

static clade_status check_probes(clade_engine *engine)
{
    char hash[CLADE_SHA256_HEX];
    clade_text old = {0};
    bool found = false;
    clade_probes_hash(engine->probes, hash);
    clade_status status = clade_ledger_get_meta(engine->ledger, "probes", &old, &found);
    if (status == CLADE_OK && !found)
        status = clade_ledger_put_meta(engine->ledger, "probes", hash);
    else if (status == CLADE_OK && strcmp(clade_text_get(&old), hash) != 0)
        status = clade_fail(CLADE_EINPUT, "%s: the probes changed since the run began: found hash %s, expected %s",
                            engine->experiment->probes, hash, clade_text_get(&old));
    clade_text_free(&old);
    return status;
}

static clade_status check_inputs(clade_engine *engine)
{
    const clade_experiment *experiment = engine->experiment;
    if (clade_family_base(engine->family))
        CLADE_TRY(check_parent(engine, CLADE_BASE_NAME, experiment->base, clade_family_base(engine->family)));
    for (size_t p = 0; p < experiment->n_parents; p++)
        CLADE_TRY(check_parent(engine, experiment->parent_names[p], experiment->parent_paths[p],
                               clade_family_parent(engine->family, p)));
    return check_probes(engine);
}

/* Another platform may give other last bits: the run goes on, and its record says where it moved. */
static clade_status begin_session(clade_engine *engine)
{
    clade_text now = {0}, before = {0};
    bool found = false;
    char detail[64];
    clade_platform_print(&now);
    clade_status status = clade_text_status(&now);
    if (status == CLADE_OK)
        status = clade_ledger_get_platform(engine->ledger, &before, &found);
    const bool moved = found && strcmp(clade_text_get(&before), clade_text_get(&now)) != 0;
    if (status == CLADE_OK)
        status = clade_ledger_put_platform(engine->ledger, clade_text_get(&now));
    snprintf(detail, sizeof detail, "{\"workers\":%zu,\"process\":%ld}", clade_pool_workers(engine->pool),
             (long)getpid());
    if (status == CLADE_OK)
        status = clade_ledger_put_event(engine->ledger, "session", detail);
    if (status == CLADE_OK && moved) {
        clade_log(CLADE_LOG_WARNING,
                  "this session runs on another platform than the last one; scores may differ in their last bits from "
                  "those of an uninterrupted run (before: %s; now: %s)",
                  clade_text_get(&before), clade_text_get(&now));
        status = clade_ledger_put_event(engine->ledger, "platform changed", clade_text_get(&now));
    }
    clade_text_free(&now);
    clade_text_free(&before);
    return status;
}

/* ---- the budget of seconds ---- */

/* The number KEY of an event's JSON; absent, where it is OPTIONAL: *OUT stays. */
static clade_status number_of(const clade_text *detail, const char *kind, const char *key, bool optional, double *out)
{
    clade_json *document = NULL;
    clade_problems problems = {0};
    CLADE_TRY(clade_json_parse(clade_text_get(detail), detail->length, kind, CLADE_EINPUT, &document));
    const clade_json_at root = clade_json_root(document), member = clade_json_member(&root, key);
    if (!optional || clade_json_kind_of(&member) != CLADE_JSON_ABSENT)
        (void)clade_json_number(&member, &problems, 0.0, 0x1p53, out);
    clade_json_free(document);
    return clade_problems_end(&problems, CLADE_EINPUT);
}

/* Where the seconds ended the run, and how many it has used: both since the last extension, if there was one. Rules on
 * the front begin anew there, too. */
static clade_status read_clock(clade_engine *engine)
{
    clade_text detail = {0};
    clade_ledger_counts counts;
    uint64_t extended = 0, stopped = 0;
    bool has_extension = false, has_stop = false;
    double at_extension = 0.0, bred = 0.0, asked = 0.0;
    clade_status status = clade_ledger_count(engine->ledger, &counts);
    if (status == CLADE_OK)
        status = clade_ledger_get_event(engine->ledger, "budget", &detail, &extended, &has_extension);
    if (status == CLADE_OK && has_extension)
        status = number_of(&detail, "event budget", "wall_seconds", false, &at_extension);
    if (status == CLADE_OK && has_extension)
        status = number_of(&detail, "event budget", "bred", true, &bred);
    if (status == CLADE_OK)
        status = clade_ledger_get_event(engine->ledger, "stop", &detail, &stopped, &has_stop);
    if (status == CLADE_OK && has_stop)
        status = number_of(&detail, "event stop", "asked", false, &asked);
    engine->stop_at = has_stop && (!has_extension || stopped > extended) ? (uint64_t)asked : UINT64_MAX;
    engine->used_before = counts.wall_seconds - at_extension;
    engine->seconds_before = counts.wall_seconds;
    engine->extended_at = (uint64_t)bred;
    clade_text_free(&detail);
    return status;
}

/* ---- the search ---- */

/* LOSSES (n_parents): the mean negative log likelihood of each parent over the tasks' labelled items, out of the ledger;
 * *KNOWN false when one of them was not scored, or could not be. */
static clade_status parent_losses(const clade_engine *engine, double *losses, bool *known)
{
    const clade_experiment *experiment = engine->experiment;
    const clade_score_plan plan = clade_plan_of(experiment, CLADE_SEARCH);
    clade_evaluation_row row = {0};
    clade_status status = CLADE_OK;
    *known = true;
    for (size_t p = 0; status == CLADE_OK && p < experiment->n_parents; p++) {
        char name[128]; /* a parent's name has at most 64 */
        bool found = false;
        clade_score score = {.clean = {.nll = NAN}};
        snprintf(name, sizeof name, "parent %s", experiment->parent_names[p]);
        status = clade_ledger_get_reference(engine->ledger, name, CLADE_SEARCH, &row, &found);
        if (status == CLADE_OK && found && row.status == CLADE_OK)
            status = clade_score_parse(clade_text_get(&row.score), row.score.length, engine->probes, &plan, &score);
        losses[p] = score.clean.nll;
        *known = *known && isfinite(losses[p]);
        clade_score_fini(&score);
    }
    clade_evaluation_row_fini(&row);
    return status;
}

static clade_status open_space(clade_engine *engine)
{
    const clade_experiment *experiment = engine->experiment;
    const clade_merge_space_plan plan = clade_experiment_space_plan(experiment);
    CLADE_TRY(clade_merge_space_new(&plan, engine->family, &engine->space));
    double losses[CLADE_MAX_PARENTS];
    bool known = false;
    CLADE_TRY(parent_losses(engine, losses, &known));
    const clade_first_sources sources = {.recipe_paths = (const char *const *)experiment->first,
                                         .n_recipes = experiment->n_first,
                                         .parent_losses = known ? losses : NULL,
                                         .only_own = !experiment->hand_made};
    CLADE_TRY(clade_merge_space_first(engine->space, &sources, &engine->first, &engine->n_first));
    const size_t n = engine->n_genes = clade_merge_space_genes(engine->space)->n_genes;
    engine->first_genomes = clade_calloc(engine->n_first * n + 1, sizeof(double));
    engine->first_names = clade_calloc(engine->n_first + 1, sizeof(char *));
    if (!engine->first_genomes || !engine->first_names)
        return clade_fail_memory((engine->n_first + 1) * n * sizeof(double), "the first individuals");
    for (size_t i = 0; i < engine->n_first; i++) {
        memcpy(engine->first_genomes + i * n, engine->first[i].genome, n * sizeof(double));
        engine->first_names[i] = engine->first[i].name;
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

static clade_status open_algorithm(clade_engine *engine)
{
    const clade_experiment *experiment = engine->experiment;
    size_t n_levels;
    const clade_space_level *levels = clade_merge_space_levels(engine->space, &n_levels);
    const clade_search_problem problem = {.space = clade_merge_space_genes(engine->space),
                                          .n_objectives = experiment->n_objectives,
                                          .seed = experiment->seed,
                                          .first = engine->first_genomes,
                                          .first_names = engine->first_names,
                                          .n_first = engine->n_first,
                                          .window = experiment->window,
                                          .parameters = experiment->algorithm_parameters,
                                          .levels = levels,
                                          .n_levels = n_levels,
                                          .children =
                                              experiment->planned > 0 ? experiment->planned : experiment->children,
                                          .batches = may_batch(experiment)};
    engine->front.n_objectives = experiment->n_objectives;
    engine->slots = clade_calloc(experiment->window, sizeof *engine->slots);
    if (!engine->slots)
        return clade_fail_memory(experiment->window * sizeof *engine->slots, "the children in flight");
    for (size_t i = 0; i < experiment->window; i++) {
        engine->slots[i].genome = clade_calloc(engine->n_genes, sizeof(double));
        if (!engine->slots[i].genome)
            return clade_fail_memory(engine->n_genes * sizeof(double), "a genome");
    }
    return clade_levels_create(experiment->algorithm, &problem, &experiment->preselect, &engine->levels);
}

static clade_status open_files(clade_engine *engine)
{
    const char *folder = engine->options->run_folder;
    char *database = clade_path_join(folder, "run.db"), *log = clade_path_join(folder, "log.txt");
    clade_status status = database && log ? clade_ledger_open(database, true, &engine->ledger)
                                          : clade_fail_memory(strlen(folder) + 16, "a path");
    if (status == CLADE_OK) {
        engine->log = fopen(log, "a");
        if (!engine->log)
            status = clade_fail_errno(log, "open");
        clade_log_set_file(engine->log);
    }
    if (status == CLADE_OK)
        status = clade_best_clean(folder);
    clade_free(database);
    clade_free(log);
    return status;
}

static clade_status open_retention(clade_engine *engine)
{
    engine->retention = clade_calloc(engine->probes->n_tasks, sizeof(double));
    engine->plan = clade_experiment_search_plan(engine->experiment);
    return engine->retention ? CLADE_OK : clade_fail_memory(engine->probes->n_tasks * sizeof(double), "an engine");
}

clade_status clade_engine_begin(clade_engine *engine)
{
    CLADE_TRY(open_space(engine));
    return open_algorithm(engine);
}

clade_status clade_engine_open(clade_engine *engine)
{
    engine->started = engine->live_since = clade_engine_clock();
    engine->best_written = UINT64_MAX;
    memset(engine->run_hash, '0', CLADE_SHA256_HEX - 1);
    CLADE_TRY(open_files(engine));
    CLADE_TRY(read_clock(engine));
    CLADE_TRY(begin_session(engine));
    CLADE_TRY(check_inputs(engine));
    return open_retention(engine);
}

void clade_engine_close(clade_engine *engine)
{
    const size_t window = engine->slots ? engine->experiment->window : 0;
    for (size_t i = 0; i < window; i++) {
        clade_free(engine->slots[i].genome);
        clade_text_free(&engine->slots[i].recipe);
        clade_text_free(&engine->slots[i].race);
        clade_free(engine->slots[i].correct);
        clade_free(engine->slots[i].tasks);
        clade_evaluation_row_fini(&engine->slots[i].result);
    }
    clade_free(engine->slots);
    clade_levels_destroy(engine->levels);
    clade_free(engine->retention);
    clade_free(engine->first_genomes);
    clade_free(engine->first_names);
    clade_first_free(engine->first, engine->n_first);
    clade_merge_space_free(engine->space);
    clade_engine_free_rivals(engine);
    clade_archive_fini(&engine->front);
    clade_text_free(&engine->first_failure);
    clade_ledger_close(engine->ledger);
    clade_log_set_file(NULL);
    if (engine->log)
        (void)fclose(engine->log);
}
