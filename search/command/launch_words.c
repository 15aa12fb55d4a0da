#include "search/command/launch_words.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "clade/alloc.h"

/* ---- the command line ---- */

int clade_launch_version(void)
{
    char line[256] = "";
    int major = 0;
    FILE *answer = popen("mpirun --version 2> /dev/null", "r"); /* "mpirun (Open MPI) 4.1.4" */
    if (!answer)
        return 0;
    if (!fgets(line, sizeof line, answer) || sscanf(line, "mpirun (Open MPI) %d", &major) != 1)
        major = 0;
    (void)pclose(answer);
    return major;
}

/* The words before ours, by version: quiet, more ranks than cores, no binding, going on without a rank that died. */
static const char *const *first_words(int version)
{
    static const char *const other[] = {"mpirun", NULL};
    static const char *const four[] = {
        "mpirun", "--quiet", "--oversubscribe", "--bind-to", "none", "--enable-recovery", "-x", "CLADE_LAUNCHER", NULL};
    static const char *const five[] = {"mpirun", "--map-by", ":OVERSUBSCRIBE", "--bind-to", "none", "--with-ft",
                                       "ulfm",   "-x",       "CLADE_LAUNCHER", NULL};
    if (version >= 5)
        return five;
    return version > 0 ? four : other;
}

/* Into LIST the words of WORDS, cut at blanks in place; their number. */
static size_t cut_words(char *words, char **list)
{
    size_t count = 0;
    char *rest = NULL;
    for (char *word = strtok_r(words, " \t", &rest); word; word = strtok_r(NULL, " \t", &rest))
        list[count++] = word;
    return count;
}

/* How many of ARGV from ITEM on are OPTION and its value, 0 to 2. */
static int option_length(const char *item, const char *option)
{
    const size_t length = strlen(option);
    if (strncmp(item, option, length) != 0)
        return 0;
    if (item[length] == '=')
        return 1;
    return item[length] == '\0' ? 2 : 0;
}

clade_status clade_launch_words_make(int version, uint64_t workers, const char *more, const char *program, int argc,
                                     char **argv, clade_launch_words *out)
{
    enum { OURS = 16, RANKS = 32 }; /* words of ours at most; bytes of the number of ranks */
    const size_t text = RANKS + (more ? strlen(more) : 0) + 1;
    const size_t most = OURS + text / 2 + 1 + (size_t)argc;
    *out = (clade_launch_words){.words = clade_calloc(most, sizeof(char *)), .text = clade_calloc(text, 1)};
    if (!out->words || !out->text) {
        clade_launch_words_fini(out);
        return clade_fail_memory(most * sizeof(char *), "the command line of mpirun");
    }
    size_t count = 0;
    for (const char *const *word = first_words(version); *word; word++)
        out->words[count++] = (char *)*word; /* execvp changes none of them */
    if (more)
        memcpy(out->text + RANKS, more, strlen(more));
    count += cut_words(out->text + RANKS, out->words + count);
    snprintf(out->text, RANKS, "%llu", (unsigned long long)workers + 1);
    out->words[count++] = "-n";
    out->words[count++] = out->text;
    out->words[count++] = (char *)program;
    for (int i = 0; i < argc;) {
        const int skipped = option_length(argv[i], "--workers") + option_length(argv[i], "--mpirun");
        if (skipped == 0)
            out->words[count++] = argv[i];
        i += skipped == 0 ? 1 : skipped;
    }
    return CLADE_OK;
}

void clade_launch_words_fini(clade_launch_words *words)
{
    clade_free(words->words);
    clade_free(words->text);
    *words = (clade_launch_words){0};
}

/* ---- the filter ---- */

static void put(int fd, const char *bytes, size_t count)
{
    while (count > 0) {
        const ssize_t written = write(fd, bytes, count);
        if (written <= 0)
            return;
        bytes += written;
        count -= (size_t)written;
    }
}

void clade_mark_filter_begin(clade_mark_filter *filter, const char *token)
{
    *filter = (clade_mark_filter){0};
    snprintf(filter->mark, sizeof filter->mark, CLADE_LAUNCH_MARK "%s ", token);
}

/* What is held is a whole line of ours. */
static void read_mark(clade_mark_filter *filter)
{
    char word[16] = "";
    int status = 0;
    filter->held[filter->length] = '\0';
    const bool valid = sscanf(filter->held + strlen(filter->mark), "%15s %d", word, &status) == 2;
    if (valid && strcmp(word, "begun") == 0)
        filter->begun = true;
    if (valid && strcmp(word, "ended") == 0 && status >= 0 && status <= UINT8_MAX) {
        filter->ended = true;
        filter->status = status;
    }
    filter->length = 0;
}

/* Whether what is held can still become a line of ours. */
static bool may_be_mark(const clade_mark_filter *filter)
{
    const size_t whole = strlen(filter->mark), length = filter->length < whole ? filter->length : whole;
    return memcmp(filter->held, filter->mark, length) == 0 && filter->length + 1 < sizeof filter->held;
}

void clade_mark_filter_take(clade_mark_filter *filter, const char *bytes, size_t count, int fd)
{
    for (size_t i = 0, free_from = 0; i < count; i++) {
        if (filter->length == 0 && bytes[i] != filter->mark[0]) {
            if (i + 1 == count || bytes[i + 1] == filter->mark[0]) {
                put(fd, bytes + free_from, i + 1 - free_from);
                free_from = i + 1;
            }
            continue;
        }
        filter->held[filter->length++] = bytes[i];
        if (may_be_mark(filter)) {
            if (bytes[i] == '\n')
                read_mark(filter);
        } else {
            /* Not ours; but the last byte may begin one that is. */
            const bool again = bytes[i] == filter->mark[0];
            put(fd, filter->held, filter->length - again);
            filter->held[0] = bytes[i];
            filter->length = again;
        }
        free_from = i + 1;
    }
}

void clade_mark_filter_end(clade_mark_filter *filter, int fd)
{
    put(fd, filter->held, filter->length);
    filter->length = 0;
}
