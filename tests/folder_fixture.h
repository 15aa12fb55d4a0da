/* One temporary folder for a whole test program, or for each of its tests: make_folder and remove_folder are cmocka's
 * set-up and tear-down. What was allocated must be free again at the end. */
#ifndef CLADE_TEST_FOLDER_FIXTURE_H
#define CLADE_TEST_FOLDER_FIXTURE_H

#include "test.h"

static char folder[TEST_PATH];

static inline const char *in_folder(const char *name)
{
    return path_in(folder, name);
}

static inline int make_folder(void **state)
{
    (void)state;
    make_temporary_folder(folder);
    return 0;
}

static inline int remove_folder(void **state)
{
    (void)state;
    remove_temporary_folder(folder);
    return nothing_is_left();
}

#endif
