/* clade status: where a run stands. */
#include <math.h>
#include <stdio.h>
#include <string.h>

#include "search/command/command.h"
#include "search/command/run_status.h"

static clade_status parse_reason(const clade_text *detail, char *reason, size_t size)
{
    clade_json *document = NULL;
    clade_problems problems = {0};
    const char *word = "";
    CLADE_TRY(clade_json_parse(clade_text_get(detail), detail->length, "event closed", CLADE_EINPUT, &document));
    const clade_json_at root = clade_json_root(document), at = clade_json_member(&root, "reason");
    (void)clade_json_string(&at, &problems, &word);
    snprintf(reason, size, "%s", word);
    clade_json_free(document);
    return clade_problems_end(&problems, CLADE_EINPUT);
}

/* The reason of the event that closed the budget, unless it was raised since. */
static clade_status read_end(clade_ledger *ledger, char *reason, size_t size)
{
    clade_text detail = {0};
    bool found = false;
    clade_status status = clade_ledger_get_event_since(ledger, "closed", "budget", &detail, &found);
    if (status == CLADE_OK && found)
        status = parse_reason(&detail, reason, size);
    clade_text_free(&detail);
    return status;
}

/* The workers that the last session has given up: an event of it, if any. */
static clade_status read_retired(clade_ledger *ledger, uint64_t *retired)
{
    clade_text detail = {0};
    bool found = false;
    clade_json *document = NULL;
    clade_problems problems = {0};
    clade_status status = clade_ledger_get_event_since(ledger, "workers", "session", &detail, &found);
    if (status == CLADE_OK && found)
        status = clade_json_parse(clade_text_get(&detail), detail.length, "event workers", CLADE_EINPUT, &document);
    if (document) {
        const clade_json_at root = clade_json_root(document), at = clade_json_member(&root, "retired");
        (void)clade_json_u64(&at, &problems, retired);
        clade_json_free(document);
        status = clade_problems_end(&problems, CLADE_EINPUT);
    }
    clade_text_free(&detail);
    return status;
}

/* Whether all is done: the ledger's last word is about its last commit. */
static clade_status read_finished(clade_ledger *ledger, const char *run_hash, bool *finished)
{
    clade_text last = {0};
    bool found = false;
    const clade_status status = clade_ledger_get_meta(ledger, "finished", &last, &found);
    *finished = status == CLADE_OK && found && strcmp(clade_text_get(&last), run_hash) == 0;
    clade_text_free(&last);
    return status;
}

static clade_status read_ledger(const char *folder, clade_ledger *ledger, clade_run_status *status)
{
    CLADE_TRY(clade_ledger_count(ledger, &status->counts));
    CLADE_TRY(clade_ledger_last_series(ledger, UINT64_MAX, &status->last, &status->has_series));
    CLADE_TRY(clade_failures_read(ledger, &status->failures));
    CLADE_TRY(clade_session_status_read(folder, ledger, &status->session));
    CLADE_TRY(read_end(ledger, status->ended, sizeof status->ended));
    CLADE_TRY(read_retired(ledger, &status->retired));
    return read_finished(ledger, status->front.run_hash, &status->finished);
}

clade_status clade_run_status_read(const char *folder, clade_run_status *status)
{
    clade_ledger *ledger = NULL;
    CLADE_TRY(clade_front_read(folder, CLADE_SEARCH, &status->front));
    clade_status result = clade_run_ledger(folder, &ledger);
    if (result == CLADE_OK)
        result = read_ledger(folder, ledger, status);
    clade_ledger_close(ledger);
    if (result != CLADE_OK)
        return result;
    const clade_ledger_counts *counts = &status->counts;
    const uint64_t budget = status->front.experiment->children;
    status->rate = counts->wall_seconds > 0.0 ? (double)counts->committed / counts->wall_seconds : 0.0;
    status->eta =
        budget > counts->committed && status->rate > 0.0 ? (double)(budget - counts->committed) / status->rate : -1.0;
    return CLADE_OK;
}

void clade_run_status_fini(clade_run_status *status)
{
    clade_session_status_fini(&status->session);
    clade_failures_fini(&status->failures);
    clade_front_fini(&status->front);
    *status = (clade_run_status){0};
}

/* Children bred and not committed; a ledger from somebody else may have commits of none. */
static uint64_t in_flight(const clade_ledger_counts *counts)
{
    return counts->children > counts->committed ? counts->children - counts->committed : 0;
}

/* ---- JSON ---- */

/* The last row of the series: when the front changed last. */
static void put_series(clade_json_writer *writer, const clade_run_status *status)
{
    clade_json_put_number(writer, "hypervolume", status->has_series ? status->last.hypervolume : (double)NAN);
    if (!status->has_series) {
        clade_json_put_null(writer, "front_changed");
        return;
    }
    clade_json_begin_object(writer, "front_changed");
    clade_json_put_u64(writer, "child", status->last.child);
    clade_json_put_u64(writer, "images", status->last.images);
    clade_json_put_number(writer, "seconds", status->last.seconds);
    clade_json_end_object(writer);
}

/* Where minimising entropy begins to hurt. */
static void put_guard(clade_json_writer *writer, const clade_front *front)
{
    if (!front->entropy_hurts) {
        clade_json_put_null(writer, "guard");
        return;
    }
    clade_json_begin_object(writer, "guard");
    clade_guard_members(&front->hurt, writer);
    clade_json_end_object(writer);
}

static void put_budget(clade_json_writer *writer, const clade_experiment *experiment)
{
    clade_json_begin_object(writer, "budget");
    clade_json_put_u64(writer, "children", experiment->children);
    clade_json_put_u64(writer, "images", experiment->images);
    clade_json_put_number(writer, "seconds", experiment->seconds);
    clade_json_put_u64(writer, "no_progress", experiment->no_progress);
    clade_json_end_object(writer);
}

void clade_run_status_json(const clade_run_status *status, bool pretty, clade_text *text)
{
    clade_json_writer writer = clade_json_writer_to(text, pretty);
    const clade_ledger_counts *counts = &status->counts;
    clade_json_begin_object(&writer, NULL);
    clade_json_put_string(&writer, "run_hash", status->front.run_hash);
    clade_json_put_u64(&writer, "children", counts->committed);
    clade_json_put_u64(&writer, "failed", counts->failed);
    clade_json_put_u64(&writer, "stopped", counts->stopped);
    clade_json_put_u64(&writer, "in_flight", in_flight(counts));
    put_budget(&writer, status->front.experiment);
    if (status->ended[0])
        clade_json_put_string(&writer, "ended", status->ended);
    else
        clade_json_put_null(&writer, "ended");
    clade_json_put_bool(&writer, "finished", status->finished);
    clade_session_status_members(&status->session, &writer);
    clade_json_put_u64(&writer, "workers_retired", status->retired);
    clade_json_put_u64(&writer, "images", counts->images);
    clade_json_put_u64(&writer, "images_saved", counts->images_saved);
    clade_json_put_number(&writer, "seconds", counts->wall_seconds);
    clade_json_put_number(&writer, "children_per_second", status->rate);
    clade_json_put_number(&writer, "eta_seconds", status->eta < 0.0 ? NAN : status->eta);
    clade_json_put_u64(&writer, "front", status->front.n_members);
    if (status->front.n_members > 0)
        clade_json_put_u64(&writer, "best", status->front.members[status->front.best].child);
    else
        clade_json_put_null(&writer, "best");
    put_series(&writer, status);
    put_guard(&writer, &status->front);
    clade_failures_json(&status->failures, &writer);
    clade_json_end_object(&writer);
    clade_text_append(text, "\n");
}

/* ---- people ---- */

static void append_failures(const clade_failures *failures, clade_text *text)
{
    for (size_t k = 0; k < failures->count; k++) {
        const clade_failure_kind *kind = &failures->kinds[k];
        clade_text_append(text, "\n%s%s x %llu, first child %llu", k == 0 ? "failures  " : "          ",
                          clade_text_get(&kind->reason), (unsigned long long)kind->count,
                          (unsigned long long)kind->first_child);
    }
    if (failures->others > 0)
        clade_text_append(text, "\n          other reasons x %llu", (unsigned long long)failures->others);
}

void clade_run_status_people(const clade_run_status *status, clade_text *text)
{
    const clade_ledger_counts *counts = &status->counts;
    clade_text_append(text, "children  %llu committed", (unsigned long long)counts->committed);
    if (status->front.experiment->children > 0)
        clade_text_append(text, " of %llu", (unsigned long long)status->front.experiment->children);
    clade_text_append(text, ", %llu failed", (unsigned long long)counts->failed);
    if (counts->stopped > 0)
        clade_text_append(text, ", %llu stopped early", (unsigned long long)counts->stopped);
    clade_text_append(text, ", %llu in flight\n", (unsigned long long)in_flight(counts));
    clade_text_append(text, "images    %llu", (unsigned long long)counts->images);
    if (counts->stopped > 0)
        clade_text_append(text, ", %llu saved by stopping", (unsigned long long)counts->images_saved);
    clade_text_append(text, "\n");
    clade_text_append(text, "time      %.1f s, %.2f children/s", counts->wall_seconds, status->rate);
    if (status->eta >= 0.0)
        clade_text_append(text, ", %.0f s to go", status->eta);
    if (status->retired > 0)
        clade_text_append(text, "\nworkers   %llu given up in the last session", (unsigned long long)status->retired);
    clade_text_append(text, "\nfront     %zu members", status->front.n_members);
    if (status->front.n_members > 0) {
        const clade_member *best = &status->front.members[status->front.best];
        clade_text_append(text, "; best (%s): child %llu, %s", status->front.experiment->best,
                          (unsigned long long)best->child, best->method);
    }
    if (status->has_series)
        clade_text_append(text, "\nprogress  hypervolume %.6f since child %llu", status->last.hypervolume,
                          (unsigned long long)status->last.child);
    if (status->ended[0])
        clade_text_append(text, "\nended     by its budget: %s", status->ended);
    if (status->front.entropy_hurts) {
        clade_text_append(text, "\nguard     ");
        clade_guard_write(&status->front.hurt, text);
    }
    clade_session_status_people(&status->session, status->finished, text);
    append_failures(&status->failures, text);
    clade_text_append(text, "\nrun_hash  %s\n", status->front.run_hash);
}

void clade_run_status_line(const clade_run_status *status, clade_text *text)
{
    const clade_ledger_counts *counts = &status->counts;
    clade_text_append(text, "%llu", (unsigned long long)counts->committed);
    if (status->front.experiment->children > 0)
        clade_text_append(text, "/%llu", (unsigned long long)status->front.experiment->children);
    clade_text_append(text, " children");
    if (counts->failed > 0)
        clade_text_append(text, " (%llu failed)", (unsigned long long)counts->failed);
    if (status->retired > 0)
        clade_text_append(text, ", %llu workers given up", (unsigned long long)status->retired);
    clade_text_append(text, ", %.2f/s, front %zu", status->rate, status->front.n_members);
    if (status->has_series)
        clade_text_append(text, ", hypervolume %.5f", status->last.hypervolume);
    if (status->eta >= 0.0)
        clade_text_append(text, ", %.0f s to go", status->eta);
    clade_text_append(text, status->finished ? ", finished" : status->session.active ? "" : ", no session at work");
}

/* ---- the command ---- */

static clade_status print_once(const char *folder, bool json)
{
    clade_run_status status = {0};
    clade_text text = {0};
    const clade_status result = clade_run_status_read(folder, &status);
    if (result == CLADE_OK && json)
        clade_run_status_json(&status, true, &text);
    else if (result == CLADE_OK)
        clade_run_status_people(&status, &text);
    clade_run_status_fini(&status);
    return clade_finish_output(result, &text);
}

static clade_status run(int argc, char **argv)
{
    bool json = false, follow = false;
    uint64_t interval = 2, patience = 30;
    const clade_option options[] = {
        {"--json", NULL, CLADE_OPTION_FLAG, &json, "print JSON; with --follow, an object a line"},
        {"--follow", NULL, CLADE_OPTION_FLAG, &follow, "a line whenever something changed, until the run ends"},
        {"--interval", "N", CLADE_OPTION_COUNT, &interval, "seconds between two looks (2)"},
        {"--patience", "N", CLADE_OPTION_COUNT, &patience, "end when no session was at work for N seconds (30)"},
    };
    clade_arguments arguments;
    CLADE_TRY(clade_parse_arguments(&clade_command_status, argc, argv, options, sizeof options / sizeof options[0], 1,
                                    1, &arguments));
    if (arguments.help)
        return CLADE_OK;
    if (!follow)
        return print_once(arguments.items[0], json);
    const clade_follow_options following = {
        .json = json, .interval = interval > 0 ? (double)interval : 1.0, .patience = (double)patience};
    return clade_run_follow(arguments.items[0], &following);
}

const clade_command clade_command_status = {
    .name = "status",
    .synopsis = "DIR [--json] [--follow [--interval N] [--patience N]]",
    .summary = "how far a run is: children, rate, best, time to go, failures, run_hash",
    .run = run,
};
