/* The program's subcommands: one file each, main.c is the table of them. Results go to stdout, messages to stderr; a
 * command returns a clade_status, which is the exit code. */
#ifndef CLADE_COMMAND_H
#define CLADE_COMMAND_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "clade/json.h"
#include "clade/status.h"

typedef struct clade_command {
    const char *name;
    const char *synopsis;                       /* "EXPERIMENT.json --run DIR [options]" */
    const char *summary;                        /* one line */
    clade_status (*run)(int argc, char **argv); /* argv[0] is the command's name */
} clade_command;

extern const clade_command clade_command_search, clade_command_resume, clade_command_status, clade_command_front,
    clade_command_lineage, clade_command_report, clade_command_merge, clade_command_eval, clade_command_forward,
    clade_command_inspect, clade_command_list, clade_command_doctor, clade_command_bench, clade_command_evaluator;

typedef enum clade_option_kind {
    CLADE_OPTION_FLAG,   /* target: bool */
    CLADE_OPTION_STRING, /* target: const char *, borrowed from argv */
    CLADE_OPTION_COUNT,  /* target: uint64_t; a plain decimal number */
    CLADE_OPTION_STRINGS /* target: clade_option_strings; may be given several times */
} clade_option_kind;

enum { CLADE_MAX_REPEATED_OPTION = 64 };
typedef struct clade_option_strings {
    const char *items[CLADE_MAX_REPEATED_OPTION];
    size_t count;
} clade_option_strings;

typedef struct clade_option {
    const char *name;  /* "--run" */
    const char *value; /* "DIR" in the help; NULL for a flag */
    clade_option_kind kind;
    void *target;
    const char *help;
} clade_option;

typedef struct clade_arguments {
    const char *items[CLADE_MAX_REPEATED_OPTION]; /* what is not an option, borrowed from argv */
    size_t count;
    bool help; /* --help was given and printed: return CLADE_OK at once */
} clade_arguments;

/* Parse "--name value", "--name=value" and flags, anywhere; "--" ends them. CLADE_EUSAGE for an unknown option (did you
 * mean), a missing or malformed value, and fewer than LEAST or more than MOST arguments. --help prints the command's
 * help to stdout. */
clade_status clade_parse_arguments(const clade_command *command, int argc, char **argv, const clade_option *options,
                                   size_t n_options, size_t least, size_t most,
                                   clade_arguments *out) CLADE_CHECK_RESULT;

/* "clade: MESSAGE" of the last failure to stderr, harmless: it may quote what is in a file. */
void clade_print_error(void);

/* The end of a reading command: print TEXT to stdout when STATUS is CLADE_OK (CLADE_EIO when it cannot be written: a
 * closed pipe, a full disk), else return STATUS. Frees TEXT either way. */
clade_status clade_finish_output(clade_status status, clade_text *text) CLADE_CHECK_RESULT;

/* The words of "clade COMMAND: unknown WHAT "WORD"; did you mean ..." as CLADE_EUSAGE. */
clade_status clade_unknown_word(const char *what, const char *word, const char *const *known, size_t count);

/* What machines get as JSON, laid out for people: LAYOUT turns the parsed JSON into text. Frees JSON. */
typedef void (*clade_layout_for_people)(const clade_json_at *root, clade_text *text);
clade_status clade_finish_json(clade_status status, clade_text *json, bool as_json,
                               clade_layout_for_people layout) CLADE_CHECK_RESULT;

#endif
