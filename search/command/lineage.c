/* clade lineage: where a child comes from. */
#include <stdlib.h>
#include <string.h>

#include "clade/alloc.h"
#include "clade/files.h"
#include "search/command/command.h"
#include "search/engine.h"
#include "search/export/lineage.h"

static const struct format {
    const char *name;
    clade_status (*write)(const clade_lineage *lineage, const clade_experiment *experiment, clade_text *text);
} formats[] = {
    {"text", clade_lineage_write_text}, {"json", clade_lineage_write_json}, {"dot", clade_lineage_write_dot}};

static clade_status choose_child(const char *folder, const char *word, uint64_t *child)
{
    char *end = NULL;
    if (word == NULL)
        return clade_run_best(folder, child);
    *child = strtoull(word, &end, 10);
    if (word[0] < '0' || word[0] > '9' || *end != '\0')
        return clade_fail(CLADE_EUSAGE, "clade lineage: found child \"%s\", expected a number", word);
    return CLADE_OK;
}

static clade_status show(const char *folder, const char *word, const struct format *format)
{
    clade_experiment *experiment = NULL;
    clade_ledger *ledger = NULL;
    clade_lineage lineage = {0};
    clade_text text = {0};
    uint64_t child = 0;
    clade_status status = clade_run_ledger(folder, &ledger);
    if (status == CLADE_OK)
        status = choose_child(folder, word, &child);
    if (status == CLADE_OK)
        status = clade_ledger_experiment(ledger, folder, &experiment);
    if (status == CLADE_OK)
        status = clade_lineage_read(ledger, child, &lineage);
    if (status == CLADE_OK)
        status = format->write(&lineage, experiment, &text);
    clade_lineage_fini(&lineage);
    clade_ledger_close(ledger);
    clade_experiment_free(experiment);
    return clade_finish_output(status, &text);
}

static clade_status run(int argc, char **argv)
{
    const char *format = "text";
    bool json = false;
    const clade_option options[] = {
        {"--format", "NAME", CLADE_OPTION_STRING, &format, "dot, json or text (default)"},
        {"--json", NULL, CLADE_OPTION_FLAG, &json, "the same as --format json"},
    };
    clade_arguments arguments;
    CLADE_TRY(clade_parse_arguments(&clade_command_lineage, argc, argv, options, 2, 1, 2, &arguments));
    if (arguments.help)
        return CLADE_OK;
    for (size_t i = 0; i < sizeof formats / sizeof formats[0]; i++)
        if (strcmp(json ? "json" : format, formats[i].name) == 0)
            return show(arguments.items[0], arguments.count > 1 ? arguments.items[1] : NULL, &formats[i]);
    return clade_fail(CLADE_EUSAGE, "clade lineage: --format: found \"%s\", expected dot, json or text", format);
}

const clade_command clade_command_lineage = {
    .name = "lineage",
    .synopsis = "DIR [CHILD] [--format dot|json|text]",
    .summary = "the ancestors of a child (default: the best of the front), with operator and objectives at each step",
    .run = run,
};
