/* Status codes and the message that goes with the last failure.
 *
 * Every function that can fail returns a clade_status. Where the failure is noticed, clade_fail() stores a message that
 * names the file or object, the place in it, what was found and what was expected; callers pass the status up unchanged
 * (CLADE_TRY) or add a prefix with clade_fail_prefix(). The message is per thread and lives until the next failure.
 * A status is also an exit code: the codes a user sees are exactly these (DESIGN.md 7). */
#ifndef CLADE_STATUS_H
#define CLADE_STATUS_H

typedef enum clade_status {
    CLADE_OK = 0,
    CLADE_EINTERNAL = 1,     /* a bug of ours */
    CLADE_EUSAGE = 2,        /* wrong command line, run directory that exists */
    CLADE_ECONFIG = 3,       /* a file the user wrote: experiment, probes, recipe, YAML */
    CLADE_EINPUT = 4,        /* a bad input file: checkpoint, images, labels, heads, ledger */
    CLADE_EINCOMPATIBLE = 5, /* parents that cannot be merged, a head of another width */
    CLADE_EEVAL = 6,         /* a child could not be scored: NaN, missing tensor, crash, timeout */
    CLADE_EIO = 7,           /* disk full, no permission, no memory */
    CLADE_EINTERRUPTED = 75  /* stopped by a signal; `clade resume` goes on */
} clade_status;

enum { CLADE_MESSAGE_BYTES = 8192 }; /* of the longest message, with its NUL */

#define CLADE_CHECK_RESULT __attribute__((warn_unused_result))
#define CLADE_PRINTF(f, a) __attribute__((format(printf, f, a)))

/* Return from the calling function when CALL fails. Use only where nothing is held. */
#define CLADE_TRY(CALL)                                                                                                \
    do {                                                                                                               \
        clade_status status_of_try = (CALL);                                                                           \
        if (status_of_try != CLADE_OK)                                                                                 \
            return status_of_try;                                                                                      \
    } while (0)

/* Store the message and return STATUS, so that `return clade_fail(CLADE_EINPUT, "%s: ...", path)` is one statement.
 * Longer messages than CLADE_MESSAGE_BYTES are cut, ending in "...". */
clade_status clade_fail(clade_status status, const char *format, ...) CLADE_PRINTF(2, 3);

/* Put "PREFIX: " before the stored message and return STATUS unchanged. */
clade_status clade_fail_prefix(clade_status status, const char *format, ...) CLADE_PRINTF(2, 3);

/* clade_fail(CLADE_EIO, ...) for an allocation of BYTES that was refused; WHAT says what it was for. */
clade_status clade_fail_memory(unsigned long long bytes, const char *what);

/* clade_fail(CLADE_EIO, "PATH: cannot ACTION: strerror(errno)"). ENOENT, ENOTDIR and EISDIR on ACTION "open" give
 * CLADE_EINPUT instead: the file is not there. */
clade_status clade_fail_errno(const char *path, const char *action);

/* The message of this thread's last failure; "" before the first. Borrowed; valid until the next failure. */
const char *clade_error_message(void);

/* A short constant name of a status, "bad input file" and the like. Never NULL. */
const char *clade_status_name(clade_status status);

#endif
