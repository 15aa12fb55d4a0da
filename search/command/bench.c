/* clade bench: each part of Clade against the machine's own floor, measured in the same run. */
#include <stdio.h>
#include <string.h>

#include "clade/text.h"
#include "search/command/bench.h"
#include "search/command/command.h"

static clade_status unknown_bench(const char *name)
{
    size_t count;
    const char *names[64];
    const clade_bench *benches = clade_benches(&count);
    for (size_t i = 0; i < count && i < 64; i++)
        names[i] = benches[i].name;
    return clade_unknown_word("bench", name, names, count < 64 ? count : 64);
}

static clade_status run_benches(const char *name, const clade_bench_options *options)
{
    size_t count;
    const clade_bench *benches = clade_benches(&count);
    bool found = false;
    for (size_t i = 0; i < count; i++) {
        if (name != NULL && strcmp(name, benches[i].name) != 0)
            continue;
        found = true;
        if (!options->json)
            printf("== %s: %s\n", benches[i].name, benches[i].help);
        CLADE_TRY(benches[i].run(options));
    }
    return found ? CLADE_OK : unknown_bench(name);
}

static clade_status list_benches(void)
{
    size_t count;
    clade_text text = {0};
    const clade_bench *benches = clade_benches(&count);
    for (size_t i = 0; i < count; i++)
        clade_text_append(&text, "%-11s %s\n", benches[i].name, benches[i].help);
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
    return list ? list_benches() : run_benches(arguments.count > 0 ? arguments.items[0] : NULL, &bench);
}

const clade_command clade_command_bench = {
    .name = "bench",
    .synopsis = "[NAME] [options]",
    .summary = "measure each part against the machine's own floor (all of them, or the one named)",
    .run = run,
};
