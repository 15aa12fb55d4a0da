/* What the files of the preloaded library share; fail.c says what it is. */
#ifndef CLADE_FAIL_H
#define CLADE_FAIL_H

#include <stdbool.h>
#include <stddef.h>

/* Count a call of NAME for OF_CLASS; true, with errno ERROR, when it is to fail. */
bool fail_now(const char *of_class, const char *name, int error);

/* Whether a transfer of BYTES ends after one byte ("short"). */
bool fail_short(const char *name, size_t bytes);

/* The function of this name that the program would have called without us, as a pointer to a function. */
void *fail_next(const char *name);

/* Between these two, what the calling thread does is a library's own and does not count. */
void fail_enter_library(void);
void fail_leave_library(void);

#endif
