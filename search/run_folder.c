/* A run's folder: made whole, and what is asked of it. */
#include <errno.h>
#include <math.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

#include "clade/alloc.h"
#include "clade/files.h"
#include "clade/log.h"
#include "search/neighbours.h"
#include "search/process.h"
#include "search/run_folder.h"
#include "search/run_lock.h"

enum { OLD_SECONDS = 60 };

static clade_status refuse_existing(const char *run_folder)
{
    return clade_fail(CLADE_EUSAGE, "%s: the run folder exists already; to go on with it: clade resume %s", run_folder,
                      run_folder);
}

/* STAGED becomes RUN_FOLDER. */
static clade_status fill(const clade_experiment *experiment, const char *staged, const char *run_folder)
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
    if (status == CLADE_OK)
        status = clade_places_put(ledger, run_folder, experiment);
    clade_ledger_close(ledger);
    clade_text_free(&pretty);
    clade_text_free(&compact);
    clade_free(json);
    clade_free(database);
    return status;
}

/* Where process numbers mean what they mean here, as a number. */
static unsigned this_machine(void)
{
    clade_identity self;
    clade_identify(&self);
    const char *machine = self.machine[0] != '\0' ? self.machine : self.host;
    return (uint32_t)clade_xxh64(machine, strlen(machine), 0);
}

/* The folder that `clade search --run NAME` fills is "NAME.tmp-PROCESS-MACHINE". */
static bool parse_staged(const char *entry, const char *name, long *process, unsigned *machine)
{
    const size_t length = strlen(name);
    int used = 0;
    return strncmp(entry, name, length) == 0 &&
           sscanf(entry + length, ".tmp-%9ld-%8x%n", process, machine, &used) == 2 &&
           entry[length + (size_t)used] == '\0' && *process > 0;
}

/* Whether somebody on another machine may be at work in FOLDER: he has the lock of its ledger, or has come this far within
 * the last minute. */
static clade_status may_be_filled(const char *folder, bool *filled)
{
    clade_lock_owner owner;
    struct stat info;
    char *ledger = clade_path_join(folder, "run.db");
    if (!ledger)
        return clade_fail_memory(strlen(folder) + 8, "a path");
    *filled = clade_run_lock_is_held(ledger, &owner) ||
              (!owner.known && stat(folder, &info) == 0 && difftime(time(NULL), info.st_mtime) <= OLD_SECONDS);
    clade_free(ledger);
    return CLADE_OK;
}

/* Searches that were killed before their run folder was there left half of one beside it. PATH has no '/' at its end.
 */
static clade_status remove_if_left(void *path, const char *entry)
{
    const char *slash = strrchr(path, '/'), *name = slash ? slash + 1 : path;
    long process = 0;
    unsigned machine = 0;
    if (!parse_staged(entry, name, &process, &machine))
        return CLADE_OK;
    const bool is_here = machine == this_machine();
    bool is_filled = is_here && !clade_process_is_dead(process);
    char *left = clade_path_beside(path, entry);
    clade_status status = left ? CLADE_OK : clade_fail_memory(strlen(path) + 32, "a path");
    if (status == CLADE_OK && !is_here)
        status = may_be_filled(left, &is_filled);
    if (status == CLADE_OK && !is_filled) {
        status = clade_remove_folder(left);
        if (status == CLADE_OK)
            clade_log(CLADE_LOG_INFO, "removed %s, which a search that was killed left behind", left);
    }
    clade_free(left);
    return status;
}

static clade_status remove_leftovers(const char *path)
{
    char *above = clade_path_beside(path, ".");
    bool is_free; /* then there is nothing in it */
    if (!above)
        return clade_fail_memory(strlen(path) + 2, "a path");
    clade_status status = clade_path_is_free(above, &is_free);
    if (status == CLADE_OK && !is_free)
        status = clade_folder_visit(above, remove_if_left, (void *)(uintptr_t)path);
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
    bool is_free;
    CLADE_TRY(clade_path_is_free(run_folder, &is_free));
    if (!is_free)
        return refuse_existing(run_folder);
    clade_text staged = {0}, plain = {0};
    size_t length = strlen(run_folder);
    while (length > 1 && run_folder[length - 1] == '/')
        length--;
    clade_text_append_bytes(&plain, run_folder, length);
    clade_text_append(&staged, "%s.tmp-%ld-%08x", clade_text_get(&plain), (long)getpid(), this_machine());
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
        status = fill(experiment, clade_text_get(&staged), clade_text_get(&plain));
    if (status == CLADE_OK)
        status = put_in_place(clade_text_get(&staged), clade_text_get(&plain));
    if (status != CLADE_OK && staged.length > 0) {
        char message[CLADE_MESSAGE_BYTES]; /* not of memory, which may be what lacks */
        snprintf(message, sizeof message, "%s", clade_error_message());
        if (clade_remove_folder(clade_text_get(&staged)) == CLADE_OK)
            status = clade_fail(status, "%s", message);
        else
            status = clade_fail(status, "%s (and %s is left behind)", message, clade_text_get(&staged));
    }
    clade_text_free(&staged);
    clade_text_free(&plain);
    return status;
}

/* ---- a run that is there ---- */

clade_status clade_run_ledger(const char *run_folder, clade_ledger **ledger)
{
    char *path = clade_path_join(run_folder, "run.db");
    if (path == NULL)
        return clade_fail_memory(strlen(run_folder) + 16, "a path");
    const clade_status status = clade_ledger_open(path, false, ledger);
    clade_free(path);
    return status;
}

clade_status clade_ledger_experiment(clade_ledger *ledger, const char *run_folder, clade_experiment **out)
{
    clade_experiment *experiment = NULL;
    *out = NULL;
    clade_text json = {0}, name = {0};
    clade_text_append(&name, "%s/run.db", run_folder);
    clade_status status = clade_ledger_get_experiment(ledger, &json);
    if (status == CLADE_OK)
        status = clade_text_status(&name);
    if (status == CLADE_OK)
        status =
            clade_experiment_parse(clade_text_get(&json), json.length, clade_text_get(&name), run_folder, &experiment);
    if (status == CLADE_OK)
        status = clade_budget_get(ledger, clade_text_get(&name), experiment);
    if (status == CLADE_OK)
        status = clade_places_get(ledger, run_folder, experiment);
    if (status == CLADE_OK)
        *out = experiment;
    else
        clade_experiment_free(experiment);
    clade_text_free(&json);
    clade_text_free(&name);
    return status;
}

/* The file of REQUEST, if it names one: the paths it says, and its limits where the request has none of its own. */
static clade_status take_file(const char *run_folder, clade_resume_request *request, clade_experiment *experiment)
{
    clade_experiment *wanted = NULL;
    clade_text lines = {0};
    if (!request->experiment)
        return CLADE_OK;
    clade_status status = clade_experiment_read(request->experiment, &wanted);
    if (status == CLADE_OK)
        status = clade_experiment_difference(wanted, experiment, &lines);
    if (status == CLADE_OK && lines.length > 0)
        status = clade_fail(CLADE_ECONFIG,
                            "%s: is not the experiment of %s, which goes on with its own (only budget.children, "
                            "budget.images and budget.seconds may grow):%s",
                            request->experiment, run_folder, clade_text_get(&lines));
    if (status == CLADE_OK && request->children == 0 && wanted->children > experiment->children)
        request->children = wanted->children;
    if (status == CLADE_OK && request->images == 0 && wanted->images > experiment->images)
        request->images = wanted->images;
    if (status == CLADE_OK && request->seconds == 0 && wanted->seconds > experiment->seconds)
        request->seconds = (uint64_t)ceil(wanted->seconds);
    if (status == CLADE_OK)
        status = clade_places_copy(wanted, experiment);
    clade_text_free(&lines);
    clade_experiment_free(wanted);
    return status;
}

/* What was decided, into the ledger. MOVED: paths are other ones. */
static clade_status keep(const char *run_folder, const clade_experiment *experiment, bool moved,
                         clade_budget_change change)
{
    clade_ledger *ledger = NULL;
    if (!moved && change == CLADE_BUDGET_SAME)
        return CLADE_OK;
    char *path = clade_path_join(run_folder, "run.db");
    clade_status status =
        path ? clade_ledger_open(path, true, &ledger) : clade_fail_memory(strlen(run_folder) + 16, "a path");
    if (status == CLADE_OK && change != CLADE_BUDGET_SAME)
        status = clade_budget_put(ledger, experiment, change);
    if (status == CLADE_OK && moved)
        status = clade_places_put(ledger, run_folder, experiment);
    clade_ledger_close(ledger);
    clade_free(path);
    return status;
}

/* The experiment of LEDGER as ASKED; all that can be refused is refused here, and nothing is written. */
static clade_status decide(clade_ledger *ledger, const char *run_folder, const clade_resume_request *asked,
                           clade_experiment **out, bool *moved, clade_budget_change *change)
{
    clade_resume_request request = *asked;
    CLADE_TRY(clade_ledger_experiment(ledger, run_folder, out));
    for (size_t i = 0; i < request.n_moved; i++)
        CLADE_TRY(clade_places_move(*out, request.moved[i]));
    CLADE_TRY(take_file(run_folder, &request, *out));
    CLADE_TRY(clade_budget_raise(run_folder, &request, *out, change));
    CLADE_TRY(clade_places_check(*out, run_folder));
    return clade_places_differ(ledger, run_folder, *out, moved);
}

clade_status clade_run_resume(const char *run_folder, const clade_resume_request *asked, clade_experiment **out)
{
    clade_experiment *experiment = NULL;
    clade_ledger *ledger = NULL;
    bool moved = false;
    clade_budget_change change = CLADE_BUDGET_SAME;
    *out = NULL;
    CLADE_TRY(clade_run_ledger(run_folder, &ledger));
    clade_status status = decide(ledger, run_folder, asked, &experiment, &moved, &change);
    clade_ledger_close(ledger);
    if (status == CLADE_OK)
        status = keep(run_folder, experiment, moved, change);
    if (status == CLADE_OK)
        *out = experiment;
    else
        clade_experiment_free(experiment);
    return status;
}

clade_status clade_run_experiment(const char *run_folder, clade_experiment **out)
{
    clade_ledger *ledger = NULL;
    *out = NULL;
    CLADE_TRY(clade_run_ledger(run_folder, &ledger));
    const clade_status status = clade_ledger_experiment(ledger, run_folder, out);
    clade_ledger_close(ledger);
    return status;
}

clade_status clade_run_refuse(const char *run_folder, const clade_experiment *wanted)
{
    clade_experiment *have = NULL;
    clade_text lines = {0};
    clade_status status = wanted ? clade_run_experiment(run_folder, &have) : CLADE_EUSAGE;
    if (status == CLADE_OK)
        status = clade_experiment_difference(wanted, have, &lines);
    const bool known = status == CLADE_OK,
               grew = known && (wanted->children > have->children || wanted->images > have->images ||
                                wanted->seconds > have->seconds);
    if (known && lines.length > 0)
        status =
            clade_fail(CLADE_EUSAGE,
                       "%s: the run folder exists already, of another experiment:%s\nto go on with that run: clade "
                       "resume %s; for another one, choose another folder",
                       run_folder, clade_text_get(&lines), run_folder);
    else if (grew)
        status = clade_fail(CLADE_EUSAGE,
                            "%s: the run folder exists already; to go on with it to the larger budget: clade resume %s "
                            "--experiment FILE",
                            run_folder, run_folder);
    else
        status = refuse_existing(run_folder);
    clade_text_free(&lines);
    clade_experiment_free(have);
    return status;
}
