#include "search/process.h"

#include <errno.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

char clade_process_state(long process)
{
    char path[64], line[512] = "";
    snprintf(path, sizeof path, "/proc/%ld/stat", process);
    FILE *file = fopen(path, "re");
    if (file) {
        line[fread(line, 1, sizeof line - 1, file)] = '\0';
        (void)fclose(file);
    }
    const char *name_end = strrchr(line, ')'); /* "PID (NAME) STATE ...", and NAME may have any letters */
    return name_end && name_end[1] == ' ' && name_end[2] != '\0' ? name_end[2] : '?';
}

bool clade_process_is_dead(long process)
{
    if (process <= 0)
        return false;
    if (kill((pid_t)process, 0) != 0 && errno == ESRCH)
        return true;
    const char state = clade_process_state(process);
    return state == 'Z' || state == 'X';
}

void clade_process_namespace(char *out, size_t size)
{
    const ssize_t length = readlink("/proc/self/ns/pid", out, size - 1);
    out[length > 0 ? length : 0] = '\0';
}
