/* clade front: the Pareto front of a run. */
#include <string.h>

#include "clade/alloc.h"
#include "search/command/command.h"
#include "search/export/front.h"
#include "search/export/front_formats.h"

static clade_status write_csv(const clade_front *front, clade_ledger *ledger, clade_text *text)
{
    (void)ledger;
    return clade_front_write_csv(front, text);
}

static clade_status write_text(const clade_front *front, clade_ledger *ledger, clade_text *text)
{
    (void)ledger;
    clade_front_write_text(front, text);
    return clade_text_status(text);
}

static const struct format {
    const char *name;
    clade_status (*write)(const clade_front *front, clade_ledger *ledger, clade_text *text);
} formats[] = {
    {"text", write_text}, {"csv", write_csv}, {"json", clade_front_write_json}, {"svg", clade_front_write_svg}};

static clade_status show(const char *folder, clade_split split, const char *against, const struct format *format)
{
    clade_front front = {0};
    clade_ledger *ledger = NULL;
    clade_text text = {0};
    clade_status status = clade_run_ledger(folder, &ledger);
    if (status == CLADE_OK)
        status = clade_front_read(folder, split, &front);
    if (status == CLADE_OK)
        status = clade_front_intervals(&front, against);
    if (status == CLADE_OK)
        status = format->write(&front, ledger, &text);
    clade_ledger_close(ledger);
    clade_front_fini(&front);
    return clade_finish_output(status, &text);
}

static clade_status run(int argc, char **argv)
{
    const char *format = "text", *split = "search", *against = NULL;
    bool json = false;
    const clade_option options[] = {
        {"--format", "NAME", CLADE_OPTION_STRING, &format, "csv, json, svg or text (default)"},
        {"--json", NULL, CLADE_OPTION_FLAG, &json, "the same as --format json"},
        {"--split", "NAME", CLADE_OPTION_STRING, &split,
         "search (default), or holdout: only those members that are non-dominated on holdout too"},
        {"--against", "NAME", CLADE_OPTION_STRING, &against,
         "what the paired differences on holdout are to: base, average, \"parent NAME\", \"child N\" of the front; "
         "default: the best hand-made first individual"},
    };
    clade_arguments arguments;
    clade_split which;
    CLADE_TRY(clade_parse_arguments(&clade_command_front, argc, argv, options, sizeof options / sizeof options[0], 1, 1,
                                    &arguments));
    if (arguments.help)
        return CLADE_OK;
    if (!clade_split_parse(split, &which) || which == CLADE_UNLABELLED)
        return clade_fail(CLADE_EUSAGE, "clade front: --split: found \"%s\", expected search or holdout", split);
    for (size_t i = 0; i < sizeof formats / sizeof formats[0]; i++)
        if (strcmp(json ? "json" : format, formats[i].name) == 0)
            return show(arguments.items[0], which, against, &formats[i]);
    return clade_fail(CLADE_EUSAGE, "clade front: --format: found \"%s\", expected csv, json, svg or text", format);
}

const clade_command clade_command_front = {
    .name = "front",
    .synopsis = "DIR [--format csv|json|svg|text] [--split search|holdout] [--against NAME]",
    .summary = "the Pareto front of a run, one row per member, with every objective on both splits",
    .run = run,
};
