/* The command line of mpirun, and what is filtered out of its stderr. Pure, but for the question after its version. */
#ifndef CLADE_LAUNCH_WORDS_H
#define CLADE_LAUNCH_WORDS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "clade/status.h"

/* A line of the coordinator for its launcher: this, the token, "begun" or "ended", and a status. The first byte, the
 * record separator, is in no other message and not in the rest of the line. */
#define CLADE_LAUNCH_MARK "\036clade-launcher "

typedef struct clade_launch_words {
    char **words; /* NULL-terminated; into TEXT and what was given */
    char *text;
} clade_launch_words;

/* The major version of the Open MPI whose mpirun is on PATH; 0 for another MPI, or none. */
int clade_launch_version(void);
/* What starts PROGRAM ARGV... on WORKERS + 1 ranks by an mpirun of VERSION, so that it goes on when a rank dies. Of ARGV
 * "--workers N" and "--mpirun WORDS" are left out. MORE: words for mpirun, separated by blanks, or NULL; they come after
 * ours. PROGRAM and ARGV are borrowed. */
clade_status clade_launch_words_make(int version, uint64_t workers, const char *more, const char *program, int argc,
                                     char **argv, clade_launch_words *out) CLADE_CHECK_RESULT;
void clade_launch_words_fini(clade_launch_words *words);

enum { CLADE_MARK_LINE = 256 };

/* Copies bytes but for the lines of the coordinator. Only the rest of a line that may become one is held back. */
typedef struct clade_mark_filter {
    char mark[96]; /* how a line of ours begins; anywhere in a line, since ranks share it */
    char held[CLADE_MARK_LINE];
    size_t length;
    bool begun, ended;
    int status; /* once ended */
} clade_mark_filter;

void clade_mark_filter_begin(clade_mark_filter *filter, const char *token);
/* COUNT bytes more, to FD; what cannot be written there is lost. */
void clade_mark_filter_take(clade_mark_filter *filter, const char *bytes, size_t count, int fd);
/* No more will come. */
void clade_mark_filter_end(clade_mark_filter *filter, int fd);

#endif
