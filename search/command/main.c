/* clade: the table of subcommands, and what is common to all of them: help, version, and the last error on stderr. */
#include <signal.h>
#include <stdio.h>
#include <string.h>

#include "clade/linalg.h"
#include "clade/text.h"
#include "clade/version.h"
#include "search/command/command.h"
#include "search/command/stop.h"

static const clade_command *const commands[] = {
    &clade_command_search, &clade_command_resume, &clade_command_status, &clade_command_front,   &clade_command_lineage,
    &clade_command_report, &clade_command_merge,  &clade_command_eval,   &clade_command_forward, &clade_command_inspect,
    &clade_command_list,   &clade_command_doctor, &clade_command_bench,
};
enum { COMMAND_COUNT = sizeof commands / sizeof commands[0] };

static void print_usage(FILE *out)
{
    fprintf(out, "clade %s: breeds merges of models that share a base\n\nusage: clade COMMAND [arguments]\n\n",
            CLADE_VERSION);
    for (size_t i = 0; i < COMMAND_COUNT; i++)
        fprintf(out, "  %-9s %s\n", commands[i]->name, commands[i]->summary);
    fprintf(out,
            "\n`clade COMMAND --help` says more; exit codes: 0 ok, 1 internal, 2 usage, 3 config, 4 bad input file,\n"
            "5 incompatible parents, 6 evaluation failed, 7 resources or I/O, 75 interrupted and resumable.\n");
}

static clade_status unknown_command(const char *name)
{
    const char *names[COMMAND_COUNT];
    for (size_t i = 0; i < COMMAND_COUNT; i++)
        names[i] = commands[i]->name;
    return clade_unknown_word("command", name, names, COMMAND_COUNT);
}

static clade_status dispatch(int argc, char **argv)
{
    for (size_t i = 0; i < COMMAND_COUNT; i++)
        if (strcmp(argv[0], commands[i]->name) == 0)
            return commands[i]->run(argc, argv);
    if (strcmp(argv[0], clade_command_evaluator.name) == 0) /* not for people */
        return clade_command_evaluator.run(argc, argv);
    return unknown_command(argv[0]);
}

void clade_print_error(void)
{
    char harmless[16384];
    clade_harmless(clade_error_message(), harmless, sizeof harmless);
    fprintf(stderr, "clade: %s\n", harmless);
}

int main(int argc, char **argv)
{
    /* A closed pipe, a dead peer and a file-size limit are errors to report, not signals to die of. */
    signal(SIGPIPE, SIG_IGN);
    signal(SIGXFSZ, SIG_IGN);
    signal(SIGCHLD, SIG_DFL); /* ignored, which may be inherited, it would hide how a child ended */
    clade_stop_for_lost_files();
    clade_blas_single_thread();
    if (argc < 2) {
        print_usage(stderr);
        return CLADE_EUSAGE;
    }
    if (strcmp(argv[1], "--help") == 0 || strcmp(argv[1], "-h") == 0 || strcmp(argv[1], "help") == 0) {
        print_usage(stdout);
        return CLADE_OK;
    }
    if (strcmp(argv[1], "--version") == 0) {
        printf("clade %s\n", CLADE_VERSION);
        return CLADE_OK;
    }
    clade_status status = dispatch(argc - 1, argv + 1);
    if (status != CLADE_OK && clade_error_message()[0] != '\0')
        clade_print_error();
    return (int)status;
}
