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
#include "clade/text.h"
#include "search/process.h"

enum { OLD_SECONDS = 60, MOST_MAPS_BYTES = 1 << 26, NAME_BYTES = 512, SESSION_DEPTH = 4 };

/* One sweep. */
typedef struct sweep {
    char host[256];
    bool looked;               /* MAPS is filled */
    bool blind;                /* what is open cannot be seen: nothing is removed */
    clade_text maps;           /* lines of /proc/.../maps with names of Open MPI; owned */
    size_t segments, sessions; /* removed */
    double bytes;
} sweep;

/* ---- processes ---- */

/* The lines of one process that name a segment or a session folder. */
static void take_maps(const char *maps, clade_text *into)
{
    for (const char *line = maps; *line != '\0';) {
        const size_t length = strcspn(line, "\n");
        const char *path = memchr(line, '/', length);
        const size_t rest = path ? length - (size_t)(path - line) : 0;
        if (path && (memmem(path, rest, "_segment.", 9) || memmem(path, rest, "/ompi.", 6))) {
            clade_text_append_bytes(into, path, rest);
            clade_text_append(into, "\n");
        }
        line += length + (line[length] == '\n');
    }
}

/* Read once what all processes that can be seen have mapped; a process that ends meanwhile has nothing. */
static void look_at_maps(sweep *self)
{
    DIR *processes = opendir("/proc");
    self->looked = true;
    self->blind = processes == NULL;
    for (const struct dirent *entry = processes ? readdir(processes) : NULL; entry; entry = readdir(processes)) {
        char path[NAME_BYTES], *maps = NULL;
        size_t bytes = 0;
        if (!isdigit((unsigned char)entry->d_name[0]))
            continue;
        snprintf(path, sizeof path, "/proc/%.32s/maps", entry->d_name);
        if (clade_read_file(path, MOST_MAPS_BYTES, &maps, &bytes) == CLADE_OK)
            take_maps(maps, &self->maps);
        clade_free(maps);
    }
    if (processes)
        (void)closedir(processes);
    self->blind = self->blind || clade_text_status(&self->maps) != CLADE_OK;
}

/* Whether a process that can be seen has a file mapped whose path has PART in it. */
static bool is_mapped(sweep *self, const char *part)
{
    if (!self->looked)
        look_at_maps(self);
    return self->blind || strstr(clade_text_get(&self->maps), part) != NULL;
}

/* Of this user, and of the KIND (S_IFREG, S_IFDIR) that Open MPI makes it. */
static bool is_ours(const char *path, mode_t kind, struct stat *info)
{
    return lstat(path, info) == 0 && (info->st_mode & S_IFMT) == kind && info->st_uid == getuid();
}

static bool is_old(const struct stat *info)
{
    return difftime(time(NULL), info->st_mtime) > OLD_SECONDS;
}

/* ---- shared memory ---- */

/* Whether NAME is "vader_segment.HOST.USER.JOB.RANK" (Open MPI 4; "sm_segment" in 5) of this host and user. */
static bool is_segment(const sweep *self, const char *name)
{
    static const char *const kinds[] = {"vader_segment", "sm_segment"};
    char start[NAME_BYTES];
    for (size_t i = 0; i < sizeof kinds / sizeof kinds[0]; i++) {
        const int length = snprintf(start, sizeof start, "%s.%s.%ld.", kinds[i], self->host, (long)getuid());
        if (strncmp(name, start, (size_t)length) != 0)
            continue;
        const char *rest = name + length;
        while (isxdigit((unsigned char)*rest) || *rest == '.')
            rest++;
        return *rest == '\0';
    }
    return false;
}

static void remove_segments(sweep *self, const char *folder)
{
    DIR *entries = opendir(folder);
    for (const struct dirent *entry = entries ? readdir(entries) : NULL; entry; entry = readdir(entries)) {
        struct stat info;
        char *path = is_segment(self, entry->d_name) ? clade_path_join(folder, entry->d_name) : NULL;
        if (path && is_ours(path, S_IFREG, &info) && is_old(&info) && !is_mapped(self, entry->d_name) &&
            unlink(path) == 0) {
            self->segments++;
            self->bytes += (double)info.st_size;
        }
        clade_free(path);
    }
    if (entries)
        (void)closedir(entries);
}

/* ---- session folders ---- */

/* The process at the end of NAME, which begins with START, after its last SEPARATOR; 0: it is no such name. */
static long process_of(const char *name, const char *start, char separator)
{
    const char *last = strrchr(name, separator);
    int used = 0;
    long process = 0;
    if (strncmp(name, start, strlen(start)) != 0 || !last || sscanf(last + 1, "%9ld%n", &process, &used) != 1 ||
        last[1 + used] != '\0')
        return 0;
    return process;
}

/* "pid.N" is that of the mpirun N; "jf.JOB" that of a daemon, whose process N is in the names "pmix_dstor_*_N" in it. A
 * folder that names nobody is nobody's to remove. */
static bool owner_is_dead(const char *path, const char *name)
{
    const long launcher = process_of(name, "pid.", '.');
    size_t dead = clade_process_is_dead(launcher), alive = launcher > 0 && !clade_process_is_dead(launcher);
    DIR *entries = opendir(path);
    for (const struct dirent *entry = entries ? readdir(entries) : NULL; entry; entry = readdir(entries)) {
        const long daemon = process_of(entry->d_name, "pmix_dstor_", '_');
        dead += clade_process_is_dead(daemon);
        alive += daemon > 0 && !clade_process_is_dead(daemon);
    }
    if (entries)
        (void)closedir(entries);
    return dead > 0 && alive == 0;
}

/* Bytes of the files in a session folder; a few levels deep, as Open MPI makes them. */
static double bytes_below(const char *folder, int depth)
{
    double sum = 0.0;
    DIR *entries = depth > 0 ? opendir(folder) : NULL;
    for (const struct dirent *entry = entries ? readdir(entries) : NULL; entry; entry = readdir(entries)) {
        struct stat info;
        const bool here = strcmp(entry->d_name, ".") == 0 || strcmp(entry->d_name, "..") == 0;
        char *path = here ? NULL : clade_path_join(folder, entry->d_name);
        if (path && lstat(path, &info) == 0)
            sum += S_ISDIR(info.st_mode) ? bytes_below(path, depth - 1) : (double)info.st_size;
        clade_free(path);
    }
    if (entries)
        (void)closedir(entries);
    return sum;
}

/* NAME of this host's and user's FOLDER, which is "ompi.HOST.USER". */
static void remove_session(sweep *self, const char *folder, const char *name)
{
    struct stat info;
    clade_text part = {0};
    char *path = clade_path_join(folder, name);
    clade_text_append(&part, "/ompi.%s.%ld/%s/", self->host, (long)getuid(), name);
    if (path && clade_text_status(&part) == CLADE_OK && is_ours(path, S_IFDIR, &info) && is_old(&info) &&
        owner_is_dead(path, name) && !is_mapped(self, clade_text_get(&part))) {
        const double bytes = bytes_below(path, SESSION_DEPTH);
        if (clade_remove_folder(path) == CLADE_OK) {
            self->sessions++;
            self->bytes += bytes;
        }
    }
    clade_text_free(&part);
    clade_free(path);
}

static void remove_sessions(sweep *self, const char *base)
{
    char name[NAME_BYTES];
    struct stat info;
    snprintf(name, sizeof name, "ompi.%s.%ld", self->host, (long)getuid());
    char *folder = clade_path_join(base, name);
    /* Anybody may make this name in /tmp: it must be ours, and nobody else's to write to. */
    const bool ours = folder && is_ours(folder, S_IFDIR, &info) && (info.st_mode & (S_IWGRP | S_IWOTH)) == 0;
    DIR *entries = ours ? opendir(folder) : NULL;
    for (const struct dirent *entry = entries ? readdir(entries) : NULL; entry; entry = readdir(entries))
        if (process_of(entry->d_name, "pid.", '.') > 0 || strncmp(entry->d_name, "jf.", 3) == 0)
            remove_session(self, folder, entry->d_name);
    if (entries)
        (void)closedir(entries);
    clade_free(folder);
}

/* ---- a sweep ---- */

static const char *setting(const char *name, const char *otherwise)
{
    const char *value = getenv(name);
    return value && value[0] != '\0' ? value : otherwise;
}

size_t clade_leftovers_remove(const char *segments, const char *sessions)
{
    sweep self = {.looked = false};
    (void)gethostname(self.host, sizeof self.host - 1);
    /* mpirun tells its ranks where it has its sessions; the user may have told it where to have the memory */
    remove_segments(&self, segments ? segments : setting("OMPI_MCA_btl_vader_backing_directory", "/dev/shm"));
    remove_sessions(&self, sessions ? sessions : setting("OMPI_MCA_orte_tmpdir_base", setting("TMPDIR", "/tmp")));
    if (self.segments + self.sessions > 0)
        clade_log(
            CLADE_LOG_INFO,
            "removed what jobs of Open MPI that were killed left behind on %s: shared memory of %zu ranks and %zu "
            "session folders, %.0f MB",
            self.host, self.segments, self.sessions, self.bytes / 1e6);
    clade_text_free(&self.maps);
    return self.segments + self.sessions;
}

void clade_leftovers_sweep(void)
{
    const char *rank = getenv("OMPI_COMM_WORLD_LOCAL_RANK"); /* set by mpirun */
    if (!rank || strcmp(rank, "0") == 0)
        (void)clade_leftovers_remove(NULL, NULL);
}
