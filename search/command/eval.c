/* clade eval: score one checkpoint on probes. */
#include <math.h>
#include <stdio.h>
#include <string.h>

#include "clade/alloc.h"
#include "clade/prediction_powered.h"
#include "search/command/command.h"

static const double PPI_ALPHA = 0.05;

/* What is open while a checkpoint is scored. */
typedef struct evaluation {
    clade_probes *probes;
    clade_checkpoint *checkpoint;
    clade_model *model;
    clade_provider provider;
    bool has_provider;
    clade_scorer *scorer;
    clade_score_plan plan;
    clade_split split;
    bool ppi; /* the unlabelled items too, for the accuracy from both */
    clade_score score;
} evaluation;

static clade_status unknown_corruption(const char *name)
{
    size_t count;
    const char *names[64];
    const clade_corruption *const *all = clade_corruptions(&count);
    for (size_t i = 0; i < count && i < 64; i++)
        names[i] = all[i]->name;
    return clade_unknown_word("corruption", name, names, count < 64 ? count : 64);
}

/* "NAME:SEVERITY" */
static clade_status add_corruption(clade_score_plan *plan, const char *word)
{
    const char *colon = strchr(word, ':');
    const size_t length = colon ? (size_t)(colon - word) : strlen(word);
    char name[64];
    if (plan->n_corruptions == CLADE_MAX_CORRUPTIONS)
        return clade_fail(CLADE_EUSAGE, "--corruption: given more than %d times", CLADE_MAX_CORRUPTIONS);
    if (length >= sizeof name)
        return unknown_corruption(word);
    memcpy(name, word, length);
    name[length] = '\0';
    const clade_corruption *corruption = clade_corruption_find(name);
    if (corruption == NULL)
        return unknown_corruption(name);
    if (colon == NULL || colon[1] < '1' || colon[1] > '5' || colon[2] != '\0')
        return clade_fail(CLADE_EUSAGE, "--corruption %s: expected %s:SEVERITY with a severity from 1 to 5", word,
                          name);
    plan->corruptions[plan->n_corruptions] = corruption;
    plan->severities[plan->n_corruptions++] = colon[1] - '0';
    return CLADE_OK;
}

static clade_status make_plan(evaluation *e, const clade_option_strings *corruptions, uint64_t items, uint64_t seed)
{
    e->plan = (clade_score_plan){
        .labelled_split = e->split,
        .labelled = items,
        .corrupted = items,
        .unlabelled = e->ppi ? 0 : items,
        .with_corrupted = corruptions->count > 0,
        .with_unlabelled = e->split == CLADE_UNLABELLED || e->ppi,
        .seed = seed,
        .memory = (size_t)8 << 30,
    };
    for (size_t i = 0; i < corruptions->count; i++)
        CLADE_TRY(add_corruption(&e->plan, corruptions->items[i]));
    if (e->split == CLADE_UNLABELLED && corruptions->count > 0)
        return clade_fail(CLADE_EUSAGE, "clade eval: --corruption needs labels; --split unlabelled has none");
    if (e->split == CLADE_UNLABELLED && e->ppi)
        return clade_fail(CLADE_EUSAGE, "clade eval: --ppi needs labels; --split unlabelled has none");
    return CLADE_OK;
}

static clade_status evaluate(evaluation *e, const char *folder, const char *probes)
{
    clade_preprocess preprocess;
    CLADE_TRY(clade_probes_read(probes, &e->probes));
    CLADE_TRY(clade_checkpoint_open(folder, &e->checkpoint));
    CLADE_TRY(clade_model_open(e->checkpoint, &e->model));
    CLADE_TRY(clade_preprocess_read(folder, clade_model_shape_of(e->model).channels, &preprocess));
    CLADE_TRY(clade_checkpoint_provider_open(e->checkpoint, &e->provider));
    e->has_provider = true;
    CLADE_TRY(clade_scorer_new(e->probes, e->model, &preprocess, &e->plan, &e->scorer));
    return clade_scorer_run(e->scorer, &e->provider, &e->score);
}

static void close_evaluation(evaluation *e)
{
    clade_score_fini(&e->score);
    clade_scorer_free(e->scorer);
    if (e->has_provider)
        clade_checkpoint_provider_close(&e->provider);
    clade_model_close(e->model);
    clade_checkpoint_close(e->checkpoint);
    clade_probes_free(e->probes);
}

/* Metrics under what was asked for: clean, or the mean over the corruptions given. */
static clade_metrics mean_of(const clade_metrics *metrics, size_t count)
{
    clade_metrics mean = {0};
    for (size_t i = 0; i < count; i++) {
        mean.items += metrics[i].items;
        mean.accuracy += metrics[i].accuracy / (double)count;
        mean.entropy += metrics[i].entropy / (double)count;
        mean.nll += metrics[i].nll / (double)count;
        mean.ece += metrics[i].ece / (double)count;
        mean.brier += metrics[i].brier / (double)count;
        mean.loss += metrics[i].loss / (double)count;
    }
    return mean;
}

static clade_metrics task_metrics(const evaluation *e, size_t task)
{
    const clade_task_score *score = &e->score.tasks[task];
    if (e->split == CLADE_UNLABELLED) {
        const clade_range range = e->probes->tasks[task].splits[CLADE_UNLABELLED];
        const size_t all = (size_t)(range.last - range.first);
        return (clade_metrics){.items = e->plan.unlabelled > 0 && e->plan.unlabelled < all ? e->plan.unlabelled : all,
                               .accuracy = NAN,
                               .entropy = score->entropy,
                               .nll = NAN,
                               .ece = NAN,
                               .brier = NAN,
                               .loss = NAN};
    }
    return e->plan.n_corruptions == 0 ? score->clean : mean_of(score->corrupted, e->plan.n_corruptions);
}

/* The mean over tasks of one corruption, or (CORRUPTION out of range) of task_metrics. */
static clade_metrics mean_metrics(const evaluation *e, size_t corruption)
{
    clade_metrics mean = {0};
    const double n = (double)e->score.n_tasks;
    for (size_t t = 0; t < e->score.n_tasks; t++) {
        const clade_metrics m =
            corruption < e->plan.n_corruptions ? e->score.tasks[t].corrupted[corruption] : task_metrics(e, t);
        mean.items += m.items;
        mean.accuracy += m.accuracy / n;
        mean.entropy += m.entropy / n;
        mean.nll += m.nll / n;
        mean.ece += m.ece / n;
        mean.brier += m.brier / n;
        mean.loss += m.loss / n;
    }
    return mean;
}

static void put_metrics(clade_json_writer *writer, const clade_metrics *metrics)
{
    clade_json_put_u64(writer, "items", metrics->items);
    clade_json_put_number(writer, "accuracy", metrics->accuracy);
    clade_json_put_number(writer, "entropy", metrics->entropy);
    clade_json_put_number(writer, "nll", metrics->nll);
    clade_json_put_number(writer, "ece", metrics->ece);
    clade_json_put_number(writer, "brier", metrics->brier);
    clade_json_put_number(writer, "loss", metrics->loss);
}

static void put_ppi(clade_json_writer *writer, const clade_ppi *ppi)
{
    clade_json_begin_object(writer, "accuracy_ppi");
    clade_json_put_number(writer, "estimate", ppi->theta);
    clade_json_put_number(writer, "low", ppi->low);
    clade_json_put_number(writer, "high", ppi->high);
    clade_json_put_number(writer, "lambda", ppi->lambda);
    clade_json_put_number(writer, "variance_saved", ppi->saved);
    clade_json_end_object(writer);
}

/* Of one task, or (TASK out of range) of their mean. */
static clade_ppi ppi_of(const evaluation *e, size_t task)
{
    if (task >= e->score.n_tasks)
        return clade_ppi_of_score(&e->score, PPI_ALPHA);
    const clade_ppi_sample sample = clade_ppi_of_task(&e->score.tasks[task]);
    return clade_ppi_mean(&sample, NAN, PPI_ALPHA);
}

static void put_block(clade_json_writer *writer, const evaluation *e, const clade_metrics *metrics, size_t task)
{
    put_metrics(writer, metrics);
    if (e->ppi) {
        const clade_ppi ppi = ppi_of(e, task);
        put_ppi(writer, &ppi);
    }
    if (e->plan.n_corruptions == 0)
        return;
    const bool is_mean = task == e->score.n_tasks;
    clade_json_begin_object(writer, "clean");
    put_metrics(writer, is_mean ? &e->score.clean : &e->score.tasks[task].clean);
    clade_json_end_object(writer);
    clade_json_begin_object(writer, "corruptions");
    for (size_t c = 0; c < e->plan.n_corruptions; c++) {
        char name[80];
        const clade_metrics m = is_mean ? mean_metrics(e, c) : e->score.tasks[task].corrupted[c];
        snprintf(name, sizeof name, "%s:%d", e->plan.corruptions[c]->name, e->plan.severities[c]);
        clade_json_begin_object(writer, name);
        put_metrics(writer, &m);
        clade_json_end_object(writer);
    }
    clade_json_end_object(writer);
}

static void print_json(const evaluation *e, clade_text *text)
{
    clade_json_writer writer = clade_json_writer_to(text, true);
    clade_json_begin_object(&writer, NULL);
    clade_json_put_string(&writer, "split", clade_split_name(e->split));
    clade_json_begin_object(&writer, "tasks");
    for (size_t t = 0; t < e->score.n_tasks; t++) {
        const clade_metrics metrics = task_metrics(e, t);
        clade_json_begin_object(&writer, e->probes->tasks[t].name);
        put_block(&writer, e, &metrics, t);
        clade_json_end_object(&writer);
    }
    clade_json_end_object(&writer);
    const clade_metrics mean = mean_metrics(e, e->plan.n_corruptions);
    clade_json_begin_object(&writer, "mean");
    put_block(&writer, e, &mean, e->score.n_tasks);
    clade_json_end_object(&writer);
    clade_json_end_object(&writer);
    clade_text_append(text, "\n");
}

static void append_number(clade_text *text, int digits, double value)
{
    if (!isfinite(value)) {
        clade_text_append(text, "  %8s", "-");
        return;
    }
    clade_text_append(text, "  %8.*f", digits, value);
}

static void people_row(clade_text *text, const char *name, const clade_metrics *metrics)
{
    clade_text_append(text, "%-24s", name);
    append_number(text, 2, 100.0 * metrics->accuracy);
    append_number(text, 4, metrics->entropy);
    append_number(text, 4, metrics->nll);
    append_number(text, 4, metrics->ece);
    append_number(text, 4, metrics->brier);
    clade_text_append(text, "\n");
}

/* Clean accuracy from labelled and unlabelled items together. */
static void people_ppi(const evaluation *e, clade_text *text)
{
    clade_text_append(text, "\n%-24s  %8s  %18s  %8s  %8s\n", "with unlabelled items", "acc %", "95 % interval",
                      "lambda", "saved %");
    for (size_t t = 0; t <= e->score.n_tasks; t++) {
        const clade_ppi ppi = ppi_of(e, t);
        clade_text_append(text, "%-24s", t < e->score.n_tasks ? e->probes->tasks[t].name : "mean");
        append_number(text, 2, 100.0 * ppi.theta);
        append_number(text, 2, 100.0 * ppi.low);
        append_number(text, 2, 100.0 * ppi.high);
        append_number(text, 3, ppi.lambda);
        append_number(text, 1, 100.0 * ppi.saved);
        clade_text_append(text, "\n");
    }
}

static void print_people(const evaluation *e, clade_text *text)
{
    clade_text_append(text, "%-24s  %8s  %8s  %8s  %8s  %8s\n", "task", "acc %", "entropy", "nll", "ece", "brier");
    for (size_t t = 0; t < e->score.n_tasks; t++) {
        const clade_metrics metrics = task_metrics(e, t);
        people_row(text, e->probes->tasks[t].name, &metrics);
    }
    const clade_metrics mean = mean_metrics(e, e->plan.n_corruptions);
    people_row(text, "mean", &mean);
    for (size_t c = 0; c < e->plan.n_corruptions; c++) {
        char name[80];
        const clade_metrics m = mean_metrics(e, c);
        snprintf(name, sizeof name, "mean %s:%d", e->plan.corruptions[c]->name, e->plan.severities[c]);
        people_row(text, name, &m);
    }
    if (e->plan.n_corruptions > 0)
        people_row(text, "mean clean", &e->score.clean);
    if (e->ppi)
        people_ppi(e, text);
}

static clade_status print(const evaluation *e, bool json)
{
    clade_text text = {0};
    (json ? print_json : print_people)(e, &text);
    return clade_finish_output(CLADE_OK, &text);
}

static clade_status run(int argc, char **argv)
{
    const char *probes = NULL, *split = "holdout";
    clade_option_strings corruptions = {0};
    uint64_t items = 0, seed = 0;
    bool json = false, ppi = false;
    const clade_option options[] = {
        {"--probes", "FILE", CLADE_OPTION_STRING, &probes, "probes.json"},
        {"--split", "NAME", CLADE_OPTION_STRING, &split, "search, unlabelled or holdout (default)"},
        {"--corruption", "NAME:SEV", CLADE_OPTION_STRINGS, &corruptions, "also score this corruption; may be repeated"},
        {"--items", "N", CLADE_OPTION_COUNT, &items, "only the first N items of each task"},
        {"--seed", "N", CLADE_OPTION_COUNT, &seed, "seed of the corruptions' draws (0, as in a search)"},
        {"--ppi", NULL, CLADE_OPTION_FLAG, &ppi,
         "also forward the unlabelled items: the clean accuracy from both, with its interval (PPI++)"},
        {"--json", NULL, CLADE_OPTION_FLAG, &json, "print JSON"},
    };
    clade_arguments arguments;
    CLADE_TRY(clade_parse_arguments(&clade_command_eval, argc, argv, options, sizeof options / sizeof options[0], 1, 1,
                                    &arguments));
    if (arguments.help)
        return CLADE_OK;
    if (probes == NULL)
        return clade_fail(CLADE_EUSAGE, "clade eval: --probes FILE is missing\nusage: clade eval %s",
                          clade_command_eval.synopsis);
    evaluation e = {.ppi = ppi};
    if (!clade_split_parse(split, &e.split))
        return clade_fail(CLADE_EUSAGE, "clade eval: --split: found \"%s\", expected search, unlabelled or holdout",
                          split);
    clade_status status = make_plan(&e, &corruptions, items, seed);
    if (status == CLADE_OK)
        status = evaluate(&e, arguments.items[0], probes);
    if (status == CLADE_OK)
        status = print(&e, json);
    close_evaluation(&e);
    return status;
}

const clade_command clade_command_eval = {
    .name = "eval",
    .synopsis = "MODEL_DIR --probes PROBES.json [--split S] [--corruption NAME:SEVERITY]... [--ppi] [--json]",
    .summary =
        "accuracy, entropy, NLL, ECE and Brier of a checkpoint, per task and in the mean; with --corruption the\n"
        "metrics are those under the corruptions (their mean), and the clean ones stand beside them",
    .run = run,
};
