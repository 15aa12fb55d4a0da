/* clade report: one page of Markdown about a run: where it stands, the front on both splits, the lineage of the best.
 */
#include <string.h>

#include "clade/alloc.h"
#include "clade/files.h"
#include "search/command/command.h"
#include "search/engine.h"
#include "search/export/front_formats.h"
#include "search/export/lineage.h"

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

static clade_status report(const char *folder)
{
    clade_front front = {0};
    clade_ledger *ledger = NULL;
    clade_ledger_counts counts;
    clade_text text = {0};
    clade_status status = clade_run_ledger(folder, &ledger);
    if (status == CLADE_OK)
        status = clade_ledger_count(ledger, &counts);
    if (status == CLADE_OK)
        status = clade_front_read(folder, CLADE_SEARCH, &front);
    if (status == CLADE_OK) {
        append_run(&front, &counts, &text);
        clade_text_append(&text, "\n## Front\n\n```\n");
        clade_front_write_text(&front, &text);
        clade_text_append(&text, "```\n");
    }
    if (status == CLADE_OK && front.n_members > 0)
        status = append_lineage(&front, ledger, &text);
    clade_ledger_close(ledger);
    clade_front_fini(&front);
    return clade_finish_output(status, &text);
}

static clade_status run(int argc, char **argv)
{
    clade_arguments arguments;
    CLADE_TRY(clade_parse_arguments(&clade_command_report, argc, argv, NULL, 0, 1, 1, &arguments));
    return arguments.help ? CLADE_OK : report(arguments.items[0]);
}

const clade_command clade_command_report = {
    .name = "report",
    .synopsis = "DIR",
    .summary = "one page of Markdown: where the run stands, the front on both splits, the lineage of the best",
    .run = run,
};
