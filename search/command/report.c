/* clade report: one page of Markdown about a run: where it stands, the front on both splits and how sure that is, how it
 * came along, the lineage of the best. */
#include <string.h>

#include "clade/alloc.h"
#include "clade/files.h"
#include "search/command/command.h"
#include "search/engine.h"
#include "search/export/front_formats.h"
#include "search/export/lineage.h"
#include "search/export/series.h"

static void append_run(const clade_front *front, const clade_ledger_counts *counts, clade_text *text)
{
    const clade_experiment *e = front->experiment;
    clade_text_append(text, "# Clade run\n\n");
    clade_text_append(text, "- base `%s`, %zu parents, probes `%s`\n", e->base, e->n_parents, e->probes);
    clade_text_append(text, "- algorithm %s, sites %s (%s), window %zu, seed %llu\n", e->algorithm->name, e->sites,
                      e->coordinates, e->window, (unsigned long long)e->seed);
    clade_text_append(text, "- %llu children (%llu failed), %llu images, %.1f s\n",
                      (unsigned long long)counts->committed, (unsigned long long)counts->failed,
                      (unsigned long long)counts->images, counts->wall_seconds);
    if (front->entropy_hurts) {
        clade_text_append(text, "- guard: ");
        clade_guard_write(&front->hurt, text);
        clade_text_append(text, "\n");
    }
    clade_text_append(text, "- run_hash `%s`\n", front->run_hash);
}

static clade_status append_lineage(const clade_front *front, clade_ledger *ledger, clade_text *text)
{
    clade_lineage lineage = {0};
    CLADE_TRY(clade_lineage_read(ledger, front->members[front->best].child, &lineage));
    clade_text_append(text, "\n## Lineage of the best\n\n```\n");
    clade_status status = clade_lineage_write_text(&lineage, front->experiment, text);
    clade_text_append(text, "```\n");
    clade_lineage_fini(&lineage);
    return status;
}

static clade_status append_progress(clade_ledger *ledger, uint64_t committed, clade_text *text)
{
    clade_text table = {0};
    clade_status status = clade_series_write_table(ledger, committed, &table);
    if (status == CLADE_OK && table.length > 0)
        clade_text_append(text,
                          "\n## Progress\n\nThe front on the search split; its hypervolume is against a fixed "
                          "reference point.\n\n%s",
                          clade_text_get(&table));
    clade_text_free(&table);
    return status;
}

static clade_status append_all(clade_front *front, clade_ledger *ledger, const char *against, clade_text *text)
{
    clade_ledger_counts counts;
    CLADE_TRY(clade_ledger_count(ledger, &counts));
    CLADE_TRY(clade_front_intervals(front, against));
    append_run(front, &counts, text);
    clade_text_append(text, "\n## Front\n\n```\n");
    clade_front_write_text(front, text);
    clade_text_append(text, "```\n");
    if (front->n_members == 0)
        return CLADE_OK;
    if (front->against) {
        clade_text_append(text, "\n## How sure that is\n\n");
        clade_front_write_certainty(front, SIZE_MAX, text);
    }
    CLADE_TRY(append_progress(ledger, front->committed, text));
    return append_lineage(front, ledger, text);
}

static clade_status report(const char *folder, const char *against)
{
    clade_front front = {0};
    clade_ledger *ledger = NULL;
    clade_text text = {0};
    clade_status status = clade_run_ledger(folder, &ledger);
    if (status == CLADE_OK)
        status = clade_front_read(folder, CLADE_SEARCH, &front);
    if (status == CLADE_OK)
        status = append_all(&front, ledger, against, &text);
    clade_ledger_close(ledger);
    clade_front_fini(&front);
    return clade_finish_output(status, &text);
}

static clade_status series(const char *folder, bool json)
{
    clade_ledger *ledger = NULL;
    clade_text text = {0};
    clade_status status = clade_run_ledger(folder, &ledger);
    if (status == CLADE_OK)
        status = (json ? clade_series_write_json : clade_series_write_csv)(ledger, &text);
    clade_ledger_close(ledger);
    return clade_finish_output(status, &text);
}

static clade_status run(int argc, char **argv)
{
    const char *against = NULL, *form = NULL;
    const clade_option options[] = {
        {"--against", "NAME", CLADE_OPTION_STRING, &against, "what differences are to, as of clade front"},
        {"--series", "FORM", CLADE_OPTION_STRING, &form,
         "instead, the hypervolume over children, images and seconds: csv or json"},
    };
    clade_arguments arguments;
    CLADE_TRY(clade_parse_arguments(&clade_command_report, argc, argv, options, sizeof options / sizeof options[0], 1,
                                    1, &arguments));
    if (arguments.help)
        return CLADE_OK;
    if (!form)
        return report(arguments.items[0], against);
    const bool json = strcmp(form, "json") == 0;
    if (!json && strcmp(form, "csv") != 0)
        return clade_fail(CLADE_EUSAGE, "clade report: --series: found \"%s\", expected csv or json", form);
    return series(arguments.items[0], json);
}

const clade_command clade_command_report = {
    .name = "report",
    .synopsis = "DIR [--against NAME] [--series csv|json]",
    .summary = "one page of Markdown: where the run stands, the front on both splits and how sure that is, how it came "
               "along, the lineage of the best",
    .run = run,
};
