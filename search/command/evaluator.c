/* clade evaluator: the process that evaluates, started by `search` and `resume` (evaluator_process.h), not by hand. */
#include <fcntl.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/stat.h>
#include <unistd.h>

#include "search/command/command.h"
#include "search/pool_serve.h"

/* Who started this process is its parent and gave it a socket as its standard input. */
static bool is_started_by_parent(int argc, char **argv)
{
    struct stat input;
    return argc == 2 && strtol(argv[1], NULL, 10) == (long)getppid() && fstat(STDIN_FILENO, &input) == 0 &&
           S_ISSOCK(input.st_mode);
}

/* Where the kernel must end a process for memory, it is this one: an evaluation is lost with it, and no more. */
static void be_the_first_to_go(void)
{
    const int file = open("/proc/self/oom_score_adj", O_WRONLY | O_CLOEXEC);
    if (file < 0)
        return;
    const ssize_t ignored = write(file, "1000", strlen("1000"));
    (void)ignored;
    (void)close(file);
}

static clade_status run(int argc, char **argv)
{
    clade_channel *channel = NULL;
    (void)prctl(PR_SET_PDEATHSIG, SIGKILL); /* before the look at the parent: it may die in between */
    if (!is_started_by_parent(argc, argv))
        return clade_fail(CLADE_EUSAGE, "clade evaluator: is started by `clade search` and `clade resume`");
    be_the_first_to_go();
    CLADE_TRY(clade_channel_open(STDIN_FILENO, &channel));
    const clade_status status = clade_pool_serve(channel);
    clade_channel_close(channel);
    return status;
}

const clade_command clade_command_evaluator = {
    .name = "evaluator", .synopsis = "", .summary = "for `search` and `resume`", .run = run};
