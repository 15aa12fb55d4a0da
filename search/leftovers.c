#include "search/leftovers.h"

#include <ctype.h>
#include <dirent.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

#include "clade/alloc.h"
#include "clade/files.h"
#include "clade/log.h"

enum { OLD_SECONDS = 60, MOST_MAPS_BYTES = 1 << 26, NAME_BYTES = 512 };

/* Whether NAME is "vader_segment.HOST.USER.JOB.RANK" (Open MPI 4; "sm_segment" in 5) of this host and user. */
static bool is_segment(const char *name)
{
    static const char *const kinds[] = {"vader_segment", "sm_segment"};
    char host[256] = "", start[NAME_BYTES];
    (void)gethostname(host, sizeof host - 1);
    for (size_t i = 0; i < sizeof kinds / sizeof kinds[0]; i++) {
        const int length = snprintf(start, sizeof start, "%s.%s.%ld.", kinds[i], host, (long)getuid());
        if (strncmp(name, start, (size_t)length) != 0)
            continue;
        const char *rest = name + length;
        while (isxdigit((unsigned char)*rest) || *rest == '.')
            rest++;
        return *rest == '\0';
    }
    return false;
}

/* Whether a process that can be seen has the file mapped. */
static bool is_mapped(const char *name)
{
    DIR *processes = opendir("/proc");
    bool mapped = processes == NULL; /* nothing can be seen */
    for (const struct dirent *entry = processes ? readdir(processes) : NULL; !mapped && entry;
         entry = readdir(processes)) {
        char path[NAME_BYTES], *maps = NULL;
        size_t bytes = 0;
        if (!isdigit((unsigned char)entry->d_name[0]))
            continue;
        snprintf(path, sizeof path, "/proc/%.32s/maps", entry->d_name);
        mapped = clade_read_file(path, MOST_MAPS_BYTES, &maps, &bytes) == CLADE_OK && strstr(maps, name) != NULL;
        clade_free(maps);
    }
    if (processes)
        (void)closedir(processes);
    return mapped;
}

/* The bytes that went with FOLDER/NAME; 0 when it is not to be removed, or cannot be. */
static double remove_segment(const char *folder, const char *name)
{
    struct stat info;
    char *path = clade_path_join(folder, name);
    double bytes = 0.0;
    if (path && lstat(path, &info) == 0 && S_ISREG(info.st_mode) && info.st_uid == getuid() &&
        difftime(time(NULL), info.st_mtime) > OLD_SECONDS && !is_mapped(name) && unlink(path) == 0)
        bytes = (double)info.st_size + 1.0;
    clade_free(path);
    return bytes;
}

size_t clade_leftovers_remove(const char *folder)
{
    const char *own = getenv("OMPI_MCA_btl_vader_backing_directory"); /* mpirun and users set it */
    if (!folder)
        folder = own && own[0] != '\0' ? own : "/dev/shm";
    DIR *entries = opendir(folder);
    size_t count = 0;
    double bytes = 0.0;
    for (const struct dirent *entry = entries ? readdir(entries) : NULL; entry; entry = readdir(entries)) {
        const double freed = is_segment(entry->d_name) ? remove_segment(folder, entry->d_name) : 0.0;
        count += freed > 0.0;
        bytes += freed;
    }
    if (entries)
        (void)closedir(entries);
    if (count > 0)
        clade_log(CLADE_LOG_INFO,
                  "removed %.0f MB of shared memory in %s, which %zu ranks of jobs that were killed left behind",
                  bytes / 1e6, folder, count);
    return count;
}
