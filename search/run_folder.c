/* A run's folder: made whole, and what is asked of it. */
#include <dirent.h>
#include <errno.h>
#include <inttypes.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "clade/alloc.h"
#include "clade/files.h"
#include "clade/log.h"
#include "search/engine.h"

static clade_status refuse_existing(const char *run_folder)
{
    return clade_fail(CLADE_EUSAGE, "%s: the run folder exists already; to go on with it: clade resume %s", run_folder,
                      run_folder);
}

static clade_status fill(const clade_experiment *experiment, const char *staged)
{
    clade_text pretty = {0}, compact = {0};
    clade_ledger *ledger = NULL;
    char *json = clade_path_join(staged, "experiment.json"), *database = clade_path_join(staged, "run.db");
    clade_experiment_print(experiment, true, &pretty);
    clade_experiment_print(experiment, false, &compact);
    clade_status status =
        json && database ? clade_text_status(&pretty) : clade_fail_memory(strlen(staged) + 16, "a path");
    if (status == CLADE_OK)
        status = clade_text_status(&compact);
    if (status == CLADE_OK)
        status = clade_write_file(json, clade_text_get(&pretty), pretty.length);
    if (status == CLADE_OK)
        status = clade_ledger_create(database, &ledger);
    if (status == CLADE_OK)
        status = clade_ledger_put_experiment(ledger, clade_text_get(&compact));
    clade_ledger_close(ledger);
    clade_text_free(&pretty);
    clade_text_free(&compact);
    clade_free(json);
    clade_free(database);
    return status;
}

/* The process in the name of a folder that `clade search --run` fills, "NAME.tmp-PROCESS"; 0: it is no such folder. */
static long process_of(const char *entry, const char *name)
{
    const size_t length = strlen(name);
    int used = 0;
    long process = 0;
    if (strncmp(entry, name, length) != 0 || sscanf(entry + length, ".tmp-%9ld%n", &process, &used) != 1 ||
        entry[length + (size_t)used] != '\0')
        return 0;
    return process > 0 ? process : 0;
}

/* Searches that were killed before their run folder was there left half of one beside it. PATH has no '/' at its end.
 */
static clade_status remove_leftovers(const char *path)
{
    const char *slash = strrchr(path, '/'), *name = slash ? slash + 1 : path;
    char *above = clade_path_beside(path, ".");
    if (!above)
        return clade_fail_memory(strlen(path) + 2, "a path");
    clade_status status = CLADE_OK;
    DIR *folder = opendir(above); /* NULL: it is not there yet, and has nothing in it */
    for (const struct dirent *entry = folder ? readdir(folder) : NULL; status == CLADE_OK && entry;
         entry = readdir(folder)) {
        const long process = process_of(entry->d_name, name);
        if (process == 0 || kill((pid_t)process, 0) == 0 || errno != ESRCH)
            continue;
        char *left = clade_path_beside(path, entry->d_name);
        status = left ? clade_remove_folder(left) : clade_fail_memory(strlen(path) + 32, "a path");
        if (status == CLADE_OK)
            clade_log(CLADE_LOG_INFO, "removed %s, which a search that was killed left behind", left);
        clade_free(left);
    }
    if (folder)
        (void)closedir(folder);
    clade_free(above);
    return status;
}

/* Results are promised to stay, so the folder they are in must. rename never replaces a folder with something in it, so
 * of two searches that start at once one wins. */
static clade_status put_in_place(const char *staged, const char *run_folder)
{
    if (rename(staged, run_folder) != 0)
        return errno == EEXIST || errno == ENOTEMPTY ? refuse_existing(run_folder)
                                                     : clade_fail_errno(run_folder, "create");
    clade_status status = clade_sync_parent(run_folder);
    if (status != CLADE_OK)
        (void)rename(run_folder, staged);
    return status;
}

clade_status clade_run_create(const clade_experiment *experiment, const char *run_folder)
{
    if (clade_path_exists(run_folder))
        return refuse_existing(run_folder);
    clade_text staged = {0}, plain = {0};
    size_t length = strlen(run_folder);
    while (length > 1 && run_folder[length - 1] == '/')
        length--;
    clade_text_append_bytes(&plain, run_folder, length);
    clade_text_append(&staged, "%s.tmp-%ld", clade_text_get(&plain), (long)getpid());
    clade_status status = clade_text_status(&plain);
    if (status == CLADE_OK)
        status = clade_text_status(&staged);
    if (status == CLADE_OK)
        status = remove_leftovers(clade_text_get(&plain));
    if (status == CLADE_OK)
        status = clade_remove_folder(clade_text_get(&staged));
    if (status == CLADE_OK)
        status = clade_make_folders(clade_text_get(&staged));
    if (status == CLADE_OK)
        status = fill(experiment, clade_text_get(&staged));
    if (status == CLADE_OK)
        status = put_in_place(clade_text_get(&staged), clade_text_get(&plain));
    if (status != CLADE_OK && staged.length > 0) {
        clade_text message = {0};
        clade_text_append(&message, "%s", clade_error_message());
        if (clade_remove_folder(clade_text_get(&staged)) != CLADE_OK)
            clade_text_append(&message, " (and %s is left behind)", clade_text_get(&staged));
        status = clade_fail(status, "%s", clade_text_get(&message));
        clade_text_free(&message);
    }
    clade_text_free(&staged);
    clade_text_free(&plain);
    return status;
}

/* ---- the experiment, with what was added to its budget ---- */

static clade_status read_extension(clade_ledger *ledger, const char *path, clade_experiment *experiment)
{
    clade_text detail = {0};
    clade_json *document = NULL;
    clade_problems problems = {0};
    uint64_t number = 0;
    bool found = false;
    clade_status status = clade_ledger_get_event(ledger, "budget", &detail, &number, &found);
    if (status == CLADE_OK && found)
        status = clade_json_parse(clade_text_get(&detail), detail.length, path, CLADE_EINPUT, &document);
    if (status == CLADE_OK && found) {
        const clade_json_at root = clade_json_root(document), children = clade_json_member(&root, "children");
        experiment->planned = experiment->children;
        (void)clade_json_u64(&children, &problems, &experiment->children);
        status = clade_problems_end(&problems, CLADE_EINPUT);
    }
    clade_json_free(document);
    clade_text_free(&detail);
    return status;
}

static clade_status extend(const char *path, uint64_t children, clade_experiment *experiment)
{
    clade_ledger *ledger = NULL;
    clade_ledger_counts counts;
    if (experiment->children == 0)
        return clade_fail(CLADE_EUSAGE, "%s: this run has no limit of children that --children %" PRIu64 " could raise",
                          path, children);
    if (children < experiment->children)
        return clade_fail(CLADE_EUSAGE,
                          "%s: --children %" PRIu64 " is less than the %" PRIu64
                          " this run has already; a budget can only be raised",
                          path, children, experiment->children);
    CLADE_TRY(clade_ledger_open(path, true, &ledger));
    clade_status status = clade_ledger_count(ledger, &counts);
    if (status == CLADE_OK) {
        char detail[128];
        snprintf(detail, sizeof detail, "{\"children\":%" PRIu64 ",\"wall_seconds\":%.3f,\"bred\":%" PRIu64 "}",
                 children, counts.wall_seconds, counts.children);
        status = clade_ledger_put_event(ledger, "budget", detail);
    }
    clade_ledger_close(ledger);
    if (experiment->planned == 0)
        experiment->planned = experiment->children;
    experiment->children = children;
    return status;
}

clade_status clade_run_ledger(const char *run_folder, clade_ledger **ledger)
{
    char *path = clade_path_join(run_folder, "run.db");
    if (path == NULL)
        return clade_fail_memory(strlen(run_folder) + 16, "a path");
    const clade_status status = clade_ledger_open(path, false, ledger);
    clade_free(path);
    return status;
}

clade_status clade_run_experiment(const char *run_folder, uint64_t children, clade_experiment **out)
{
    *out = NULL;
    clade_experiment *experiment = NULL;
    clade_ledger *ledger = NULL;
    clade_text json = {0};
    char *path = clade_path_join(run_folder, "run.db");
    clade_status status =
        path ? clade_ledger_open(path, false, &ledger) : clade_fail_memory(strlen(run_folder) + 16, "a path");
    if (status == CLADE_OK)
        status = clade_ledger_get_experiment(ledger, &json);
    if (status == CLADE_OK)
        status = clade_experiment_parse(clade_text_get(&json), json.length, path, run_folder, &experiment);
    if (status == CLADE_OK)
        status = read_extension(ledger, path, experiment);
    clade_ledger_close(ledger);
    if (status == CLADE_OK && children > 0 && children != experiment->children)
        status = extend(path, children, experiment);
    if (status == CLADE_OK)
        *out = experiment;
    else
        clade_experiment_free(experiment);
    clade_text_free(&json);
    clade_free(path);
    return status;
}
