#include "search/front_tasks.h"

#include "clade/alloc.h"
#include "clade/json.h"
#include "search/run_folder.h"

/* Children that may have failed before the first that was scored; and more tasks than anybody has. */
enum { LOOKED_AT = 4096, MOST_TASKS = 1024 };

/* Probes with the keys of TASKS as names, in their order. */
static clade_status name_tasks(const clade_json_at *tasks, const char *path, clade_probes **out)
{
    const size_t count = clade_json_size(tasks);
    if (count > MOST_TASKS)
        return clade_fail(CLADE_EINPUT, "ledger: a score: found %zu tasks, expected at most %d", count, MOST_TASKS);
    clade_probes *probes = clade_calloc(1, sizeof *probes);
    if (!probes)
        return clade_fail_memory(sizeof *probes, "the tasks of a run");
    *out = probes;
    probes->path = clade_strdup(path);
    probes->tasks = clade_calloc(count, sizeof *probes->tasks);
    bool whole = probes->path && probes->tasks;
    for (size_t t = 0; whole && t < count; t++) {
        const clade_json_at task = clade_json_item(tasks, t);
        probes->tasks[t].name = clade_strdup(clade_json_key(&task));
        probes->n_tasks = t + 1;
        whole = probes->tasks[t].name != NULL;
    }
    return whole ? CLADE_OK : clade_fail_memory(count * sizeof *probes->tasks, "the tasks of a run");
}

/* The tasks in a score; *PROBES stays NULL where it has none. */
static clade_status tasks_of(const clade_text *score, const char *path, clade_probes **probes)
{
    clade_json *document = NULL;
    CLADE_TRY(clade_json_parse(clade_text_get(score), score->length, "ledger: a score", CLADE_EINPUT, &document));
    const clade_json_at root = clade_json_root(document), tasks = clade_json_member(&root, "tasks");
    clade_status status = CLADE_OK;
    if (clade_json_kind_of(&tasks) == CLADE_JSON_OBJECT && clade_json_size(&tasks) > 0)
        status = name_tasks(&tasks, path, probes);
    clade_json_free(document);
    return status;
}

clade_status clade_run_tasks(clade_ledger *ledger, const clade_experiment *experiment, const char *run_folder,
                             clade_probes **probes)
{
    clade_evaluation_row row = {0};
    bool found = true;
    clade_status status = CLADE_OK;
    *probes = NULL;
    for (uint64_t child = 0; status == CLADE_OK && found && !*probes && child < LOOKED_AT; child++) {
        status = clade_ledger_get_evaluation(ledger, child, CLADE_SEARCH, &row, &found);
        if (status == CLADE_OK && found && row.status == CLADE_OK && row.score.length > 0)
            status = tasks_of(&row.score, experiment->probes, probes);
    }
    clade_evaluation_row_fini(&row);
    if (status == CLADE_OK && !*probes)
        status = clade_places_check(experiment, run_folder);
    if (status == CLADE_OK && !*probes)
        status = clade_probes_read(experiment->probes, probes);
    if (status != CLADE_OK) {
        clade_probes_free(*probes);
        *probes = NULL;
    }
    return status;
}
