/* clade bench: each part of Clade against the machine's own floor, measured in the same run. */
#include <stdio.h>
#include <string.h>

#include "clade/log.h"
#include "clade/text.h"
#include "search/command/bench.h"
#include "search/command/command.h"
#include "search/command/stop.h"

static clade_status unknown_bench(const char *name)
{
    size_t count;
    const char *names[64];
    const clade_bench *benches = clade_benches(&count);
    for (size_t i = 0; i < count && i < 64; i++)
        names[i] = benches[i].name;
    return clade_unknown_word("bench", name, names, count < 64 ? count : 64);
}

static clade_status run_bench(const clade_bench *bench, const clade_bench_options *options)
{
    if (!options->json)
        printf("== %s: %s\n", bench->name, bench->help);
    const clade_status status = bench->run(options);
    return status == CLADE_EINTERRUPTED ? clade_bench_go_on() : status; /* there is nothing to resume */
}

static clade_status run_named(const char *name, const clade_bench_options *options)
{
    size_t count;
    const clade_bench *benches = clade_benches(&count);
    for (size_t i = 0; i < count; i++)
        if (strcmp(name, benches[i].name) == 0)
            return run_bench(&benches[i], options);
    return unknown_bench(name);
}

/* All that measure the machine; what else there is is said at the end. */
static clade_status run_all(const clade_bench_options *options)
{
    size_t count;
    clade_text others = {0};
    const clade_bench *benches = clade_benches(&count);
    if (options->algorithm || options->problem || options->seeds > 0 || options->golden || options->part ||
        options->workers > 0 || options->run)
        return clade_fail(CLADE_EUSAGE, "clade bench: found an option of one bench, expected its NAME, too (--list)");
    clade_status status = CLADE_OK;
    for (size_t i = 0; i < count && status == CLADE_OK; i++) {
        const clade_bench_options own = {.json = options->json, .part = benches[i].part_of_all};
        if (benches[i].by_name)
            clade_text_append(&others, " %s", benches[i].name);
        else
            status = run_bench(&benches[i], &own);
    }
    if (status == CLADE_OK && !options->json)
        clade_log(CLADE_LOG_INFO, "studies of the search, by name, minutes to hours:%s", clade_text_get(&others));
    clade_text_free(&others);
    return status;
}

static clade_status list_benches(void)
{
    size_t count;
    clade_text text = {0};
    const clade_bench *benches = clade_benches(&count);
    for (size_t i = 0; i < count; i++)
        clade_text_append(&text, "%-11s %s%s\n", benches[i].name, benches[i].help,
                          benches[i].by_name ? " (by name only)" : "");
    return clade_finish_output(CLADE_OK, &text);
}

static clade_status run(int argc, char **argv)
{
    bool list = false;
    clade_bench_options bench = {0};
    const clade_option options[] = {
        {"--json", NULL, CLADE_OPTION_FLAG, &bench.json, "print one JSON object a bench"},
        {"--list", NULL, CLADE_OPTION_FLAG, &list, "only say which benches there are"},
        {"--algorithm", "NAME", CLADE_OPTION_STRING, &bench.algorithm,
         "search, windows, workers, coordinator: only this algorithm"},
        {"--problem", "NAME", CLADE_OPTION_STRING, &bench.problem, "search, windows: only this problem"},
        {"--seeds", "N", CLADE_OPTION_COUNT, &bench.seeds,
         "search, windows: runs of each (small budgets 15, large fewer)"},
        {"--golden", "FOLDER", CLADE_OPTION_STRING, &bench.golden,
         "search: published results to compare with (../shared/golden/optimisers)"},
        {"--part", "NAME", CLADE_OPTION_STRING, &bench.part,
         "workers: only ranks, times, faults, coordinator or disk; coordinator: only window, arrivals, score or "
         "population"},
        {"--workers", "N", CLADE_OPTION_COUNT, &bench.workers, "workers: only this many"},
        {"--run", "DIR", CLADE_OPTION_STRING, &bench.run, "workers: evaluations take what they took in this run"},
    };
    clade_arguments arguments;
    CLADE_TRY(clade_parse_arguments(&clade_command_bench, argc, argv, options, sizeof options / sizeof *options, 0, 1,
                                    &arguments));
    if (arguments.help)
        return CLADE_OK;
    if (list)
        return list_benches();
    clade_stop_catch();
    return arguments.count > 0 ? run_named(arguments.items[0], &bench) : run_all(&bench);
}

const clade_command clade_command_bench = {
    .name = "bench",
    .synopsis = "[NAME] [options]",
    .summary = "measure parts of Clade against the machine's own floor (some minutes), or the one named (--list)",
    .run = run,
};
