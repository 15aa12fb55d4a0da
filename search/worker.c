/* One child's evaluation: recipe -> weights -> scores. The child and the forward workspace are made once and used
 * again; only the scorer of the holdout waits until it is needed, since most workers of most runs need it for a few
 * children at the end. */
#include "search/worker.h"

#include <string.h>

#include "clade/alloc.h"
#include "clade/log.h"
#include "search/batch.h"
#include "search/item_choice.h"

struct clade_worker {
    const clade_experiment *experiment; /* borrowed */
    clade_family *family;
    clade_probes *probes;
    clade_model *model;
    clade_preprocess preprocess;
    clade_child *child;
    clade_scorer *scorers[CLADE_SPLITS]; /* of the search and the holdout plan; the rest NULL */
    uint64_t version;                    /* of the child's weights */
    size_t share, n_shares;
};

/* ---- set-up ---- */

clade_score_plan clade_worker_plan(const clade_worker *worker, clade_split split)
{
    return split == CLADE_HOLDOUT ? clade_experiment_holdout_plan(worker->experiment)
                                  : clade_experiment_search_plan(worker->experiment);
}

clade_task_range clade_worker_tasks(const clade_worker *worker, clade_split split, size_t share)
{
    const clade_score_plan plan = clade_worker_plan(worker, split);
    return clade_score_share(worker->probes, &plan, share, worker->n_shares);
}

static bool has_tasks(const clade_worker *worker, clade_split split)
{
    return clade_worker_tasks(worker, split, worker->share).count > 0;
}

static clade_status open_scorer(clade_worker *worker, clade_split split)
{
    if (worker->scorers[split])
        return CLADE_OK;
    if (!has_tasks(worker, split))
        return clade_fail(CLADE_EINTERNAL, "share %zu of %zu has no task of the %s split to score", worker->share,
                          worker->n_shares, clade_split_name(split));
    clade_score_plan plan = clade_worker_plan(worker, split);
    plan.tasks = clade_worker_tasks(worker, split, worker->share);
    return clade_scorer_new(worker->probes, worker->model, &worker->preprocess, &plan, &worker->scorers[split]);
}

/* The child, as large as a model, and the items; nothing for who never scores. */
static clade_status open_child(clade_worker *worker)
{
    /* Every value is first rounded to the checkpoint's dtype, so that what is scored is what would be written. */
    const clade_child_options options = {.widen = true,
                                         .cache_bytes = (uint64_t)worker->experiment->cache_megabytes * 1000000};
    if (has_tasks(worker, CLADE_SEARCH) || has_tasks(worker, CLADE_HOLDOUT))
        CLADE_TRY(clade_child_new(worker->family, &options, &worker->child));
    return has_tasks(worker, CLADE_SEARCH) ? open_scorer(worker, CLADE_SEARCH) : CLADE_OK;
}

clade_status clade_worker_new_share(const clade_experiment *experiment, size_t share, size_t n_shares,
                                    clade_worker **out)
{
    *out = NULL;
    clade_worker *worker = clade_calloc(1, sizeof *worker);
    if (!worker)
        return clade_fail_memory(sizeof *worker, "a worker");
    worker->experiment = experiment;
    worker->share = share;
    worker->n_shares = n_shares;
    clade_status status = clade_family_open(experiment->base, (const char *const *)experiment->parent_paths,
                                            experiment->n_parents, &worker->family);
    if (status == CLADE_OK)
        status = clade_probes_read(experiment->probes, &worker->probes);
    const clade_checkpoint *like = NULL;
    if (status == CLADE_OK) {
        like = clade_family_base(worker->family) ? clade_family_base(worker->family)
                                                 : clade_family_parent(worker->family, 0);
        status = clade_model_open(like, &worker->model);
    }
    if (status == CLADE_OK)
        status = clade_preprocess_read(clade_checkpoint_path(like), clade_model_shape_of(worker->model).channels,
                                       &worker->preprocess);
    if (status == CLADE_OK)
        status = open_child(worker);
    if (status == CLADE_OK)
        *out = worker;
    else
        clade_worker_free(worker);
    return status;
}

void clade_worker_free(clade_worker *worker)
{
    if (!worker)
        return;
    for (size_t split = 0; split < CLADE_SPLITS; split++)
        clade_scorer_free(worker->scorers[split]);
    clade_child_free(worker->child);
    clade_model_close(worker->model);
    clade_probes_free(worker->probes);
    clade_family_close(worker->family);
    clade_free(worker);
}

const clade_probes *clade_worker_probes(const clade_worker *worker)
{
    return worker->probes;
}

/* ---- weights out of the resident child ---- */

static clade_status acquire(void *context, const char *name, clade_tensor *out)
{
    const clade_child *child = context;
    const clade_tensor *tensor = clade_child_find(child, name);
    if (!tensor)
        return clade_fail(CLADE_EEVAL, "the child has no tensor %s", name);
    *out = *tensor;
    return CLADE_OK;
}

static void release(void *context, const clade_tensor *tensor)
{
    (void)context;
    (void)tensor;
}

/* ---- one evaluation ---- */

/* The family is opened by the experiment's paths, so a recipe of other parents would be scored with the wrong weights.
 */
static clade_status check_parents(const clade_worker *worker, const clade_recipe *recipe)
{
    const clade_experiment *experiment = worker->experiment;
    if (recipe->n_parents != experiment->n_parents)
        return clade_fail(CLADE_EINTERNAL, "recipe: parents: found %zu, expected the %zu of the experiment",
                          recipe->n_parents, experiment->n_parents);
    for (size_t i = 0; i < recipe->n_parents; i++)
        if (strcmp(recipe->parents[i].name, experiment->parent_names[i]) != 0)
            return clade_fail(CLADE_EINTERNAL, "recipe: parents[%zu]: found %s, expected %s", i,
                              recipe->parents[i].name, experiment->parent_names[i]);
    return CLADE_OK;
}

static clade_status parse_recipe(const char *json, size_t length, clade_recipe **recipe)
{
    clade_json *document = NULL;
    clade_problems problems = {0};
    CLADE_TRY(clade_json_parse(json, length, "recipe", CLADE_EINTERNAL, &document));
    const clade_json_at root = clade_json_root(document);
    clade_status status = clade_recipe_parse(&root, &problems, recipe);
    clade_json_free(document);
    const clade_status problem = clade_problems_end(&problems, CLADE_EINTERNAL);
    if (status == CLADE_OK && problem != CLADE_OK) {
        clade_recipe_free(*recipe);
        *recipe = NULL;
    }
    return problem != CLADE_OK ? problem : status;
}

/* Score the child on the items of the job's batch: of every task the first ones in an order that is drawn for the batch
 * and the task, the same for every run. */
static clade_status score_batch(clade_worker *worker, const clade_job *job, const clade_provider *provider,
                                clade_score *score)
{
    clade_scorer *scorer = worker->scorers[job->split];
    clade_batch_order order = {0};
    clade_status status = clade_batch_order_init(&order, scorer, worker->probes->n_tasks, worker->experiment->seed,
                                                 job->batch, job->items);
    if (status == CLADE_OK) {
        const clade_rungs rungs = {.items = (size_t)job->items, .order = (const size_t *const *)order.places};
        status = clade_scorer_run_rungs(scorer, provider, &rungs, score);
    }
    clade_batch_order_fini(&order);
    return status;
}

/* A rung of a race, and who decides there. */
typedef struct rung {
    clade_race *race;
    const clade_meeting *meeting;
} rung;

static bool stop_in_meeting(void *context, const clade_score *seen, clade_stopped *stopped)
{
    const rung *here = context;
    return here->meeting->stop(here->meeting->context, here->race, seen, stopped);
}

/* What the race's spread says comes first. */
static clade_status choose_items(const clade_scorer *scorer, const clade_race *race, const clade_batch_order *order)
{
    const uint8_t *spread = race->spread;
    for (size_t t = 0; spread && t < order->n_tasks; t++) {
        const clade_bit_layout layout = clade_scorer_layout(scorer, t);
        CLADE_TRY(clade_item_choose(&layout, spread, race->racing.shares[0], order->places[t]));
        spread += layout.clean + layout.corrupted * layout.copies;
    }
    return CLADE_OK;
}

/* Score the child until the race ends it. The items come in an order drawn for the run: its first ones are then a sample
 * of all, whatever the order in the files (by class, often); unless the race chooses some. */
static clade_status score_race(clade_worker *worker, const clade_job *job, const clade_provider *provider,
                               const clade_meeting *meeting, clade_score *score)
{
    const clade_experiment *experiment = worker->experiment;
    clade_scorer *scorer = worker->scorers[job->split];
    clade_race race = {.racing = experiment->racing, .probes = worker->probes};
    clade_batch_order order = {0};
    for (size_t i = 0; i < experiment->n_objectives; i++) {
        race.accuracy |= strcmp(experiment->objectives[i]->name, "accuracy") == 0;
        race.robustness |= strcmp(experiment->objectives[i]->name, "robustness") == 0;
    }
    CLADE_TRY(clade_race_parse(job->race, job->race_length, scorer, &race));
    clade_status status = clade_batch_order_init(&order, scorer, worker->probes->n_tasks, experiment->seed, 0, 0);
    if (status == CLADE_OK)
        status = choose_items(scorer, &race, &order);
    if (status == CLADE_OK) {
        rung shared = {.race = &race, .meeting = meeting};
        const clade_rungs rungs = {.shares = race.racing.shares,
                                   .n_shares = race.racing.n_shares,
                                   .order = (const size_t *const *)order.places,
                                   .stop = meeting ? stop_in_meeting : clade_race_stop,
                                   .context = meeting ? (void *)&shared : (void *)&race};
        status = clade_scorer_run_rungs(scorer, provider, &rungs, score);
    }
    clade_batch_order_fini(&order);
    clade_race_fini(&race);
    return status;
}

/* Score the child that is made, on a batch or racing as JOB says. */
static clade_status score_child(clade_worker *worker, const clade_job *job, const clade_meeting *meeting,
                                clade_score *score)
{
    const clade_provider provider = {
        .context = worker->child, .acquire = acquire, .release = release, .version = ++worker->version};
    if (job->batch > 0)
        return score_batch(worker, job, &provider, score);
    if (job->race_length > 0)
        return score_race(worker, job, &provider, meeting, score);
    return clade_scorer_run(worker->scorers[job->split], &provider, score);
}

clade_status clade_worker_score(clade_worker *worker, const clade_job *job, const clade_meeting *meeting,
                                clade_score *score)
{
    clade_recipe *recipe = NULL;
    *score = (clade_score){0};
    clade_log_set_child(job->split == CLADE_SEARCH ? (int64_t)job->number : CLADE_LOG_NOBODY);
    clade_status status = parse_recipe(job->recipe, job->recipe_length, &recipe);
    if (status == CLADE_OK)
        status = check_parents(worker, recipe);
    if (status == CLADE_OK)
        status = open_scorer(worker, job->split);
    if (status == CLADE_OK)
        status = clade_child_make(worker->child, recipe);
    if (status == CLADE_OK)
        status = score_child(worker, job, meeting, score);
    clade_log_set_child(CLADE_LOG_NOBODY);
    clade_recipe_free(recipe);
    return status;
}

clade_status clade_worker_evaluate(clade_worker *worker, const clade_job *job, clade_text *score_json)
{
    clade_score score;
    clade_status status = clade_worker_score(worker, job, NULL, &score);
    clade_text_clear(score_json);
    if (status == CLADE_OK) {
        const clade_score_plan plan = clade_worker_plan(worker, job->split);
        clade_score_print(&score, worker->probes, &plan, score_json);
        status = clade_text_status(score_json);
    }
    clade_score_fini(&score);
    return status;
}
