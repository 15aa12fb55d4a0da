/* Files: read-only maps, atomic writes, folders. */
#ifndef CLADE_FILES_H
#define CLADE_FILES_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "clade/status.h"
#include "clade/text.h"

/* A read-only map of a whole regular file (pipes, devices and folders are refused). A file that somebody shortens while
 * it is mapped raises SIGBUS where it is read: parents must not be written in place, which Clade itself never does. The
 * program then ends with CLADE_EINPUT and the file's name (search/command/stop.h). */
typedef struct clade_map {
    const unsigned char *data; /* NULL when size is 0 */
    size_t size;
} clade_map;
clade_status clade_map_open(const char *path, clade_map *map) CLADE_CHECK_RESULT; /* CLADE_EINPUT, CLADE_EIO */
void clade_map_close(clade_map *map);
/* For the handler of SIGBUS, where all of it may be called: the file whose open map holds ADDRESS, as it was named to
 * clade_map_open (the last 511 bytes of it; borrowed until that map is closed), and the length it had. False: no map of
 * ours, or one of more than 2,048 at a time. */
bool clade_map_find(const void *address, const char **path, size_t *bytes);
/* Whether the file at PATH is shorter than BYTES now. */
bool clade_file_is_shorter(const char *path, size_t bytes);

/* How to go through a file that is larger than the memory: tell what comes next, bring in what is used now, let go of
 * what was used. None of them changes what the map holds; ranges are cut to the map and widened to whole pages. Each is
 * a system call, so ranges of a megabyte and more pay. Any thread. */
/* Begin to read BYTES from OFFSET on into the page cache, without waiting for it. A hint. */
void clade_map_will_need(const clade_map *map, size_t offset, size_t bytes);
/* Read them now and map them all at once, instead of one page fault after the other. False: they cannot be read,
 * because the file was shortened or the disk fails; touching them would raise SIGBUS. (Always true where the kernel
 * cannot do this: Linux before 5.14.) */
bool clade_map_populate(const clade_map *map, size_t offset, size_t bytes);
/* They no longer count as this process's memory. They stay in the page cache while there is room, and whoever reads
 * them again gets them again. */
void clade_map_release(const clade_map *map, size_t offset, size_t bytes);

/* A file that appears under its name only when it is whole: written to PATH.tmp-PID in the same folder (with
 * a number added where that is taken), fsync'ed, renamed, and the folder fsync'ed. Every write may fail with CLADE_EIO
 * (disk full, read-only); then call _abandon. */
typedef struct clade_output clade_output;
clade_status clade_output_open(const char *path, clade_output **output) CLADE_CHECK_RESULT;
clade_status clade_output_write(clade_output *output, const void *data, size_t bytes) CLADE_CHECK_RESULT;
/* For files whose size is known and whose parts come in any order, from any thread: _reserve (once, first) makes the
 * file BYTES long and takes the space for it, so that a full disk is known before the work begins; on file systems that
 * cannot, it only sets the length. _write_at fills it and does not move where _write goes on. */
clade_status clade_output_reserve(clade_output *output, uint64_t bytes) CLADE_CHECK_RESULT;
clade_status clade_output_write_at(clade_output *output, uint64_t offset, const void *data,
                                   size_t bytes) CLADE_CHECK_RESULT;
/* Commit and free; on failure the temporary file is removed and OUTPUT freed too. When only the last step, the sync of
 * the folder, fails, the new file is in place and whole. */
clade_status clade_output_commit(clade_output *output) CLADE_CHECK_RESULT;
void clade_output_abandon(clade_output *output); /* removes the temporary file; accepts NULL */
/* Make the N-th step from now that changes the disk (write, reservation, fsync, rename, making a file or folder) fail
 * with ENOSPC, once; 0 switches it off. For tests. */
void clade_output_fail_at(size_t n);

/* The whole of PATH written atomically. */
clade_status clade_write_file(const char *path, const void *data, size_t bytes) CLADE_CHECK_RESULT;
/* The whole of PATH, at most LIMIT bytes, NUL-terminated, owned by the caller (clade_free). */
clade_status clade_read_file(const char *path, size_t limit, char **data, size_t *bytes) CLADE_CHECK_RESULT;

/* Whether something is at PATH (a link to nothing, too: the name is taken), and whether that is a folder. False is
 * certain. Where nobody can know (no permission, a disk that fails) both are true: then the use of PATH fails, and says
 * why, instead of something being left out quietly. */
bool clade_path_exists(const char *path);
bool clade_path_is_folder(const char *path);
/* Whether nothing is at PATH, for what must not be there yet. CLADE_EIO where nobody can know. */
clade_status clade_path_is_free(const char *path, bool *is_free) CLADE_CHECK_RESULT;
/* Every name in the folder PATH but "." and "..", in no order; what VISIT is shown it may remove. Ends with the first
 * status that is not CLADE_OK: VISIT's, or that of a folder which cannot be read to its end. */
typedef clade_status (*clade_visit_name)(void *context, const char *name);
clade_status clade_folder_visit(const char *path, clade_visit_name visit, void *context) CLADE_CHECK_RESULT;
/* mkdir -p. The names of the folders above PATH survive a power cut; its own does after clade_sync_parent. */
clade_status clade_make_folders(const char *path) CLADE_CHECK_RESULT;
/* fsync the folder that holds PATH (without a '/' at its end), so that a name made, changed or removed in it survives a
 * power cut. */
clade_status clade_sync_parent(const char *path) CLADE_CHECK_RESULT;
/* Put folder STAGED (complete) in the place of TARGET in one atomic step (rename, or an exchange when TARGET exists;
 * the old one is then removed). Both must be in the same folder. File systems that cannot exchange (NFS) get two
 * renames: a crash between them leaves the old one as TARGET.old-PID. CLADE_EIO when TARGET is a file or a link. */
clade_status clade_replace_folder(const char *staged, const char *target) CLADE_CHECK_RESULT;
/* Remove a folder and the files and folders in it; links are removed, not followed. Refuses "", "/", "." and "..", and
 * what is no folder. Absent is fine. */
clade_status clade_remove_folder(const char *path) CLADE_CHECK_RESULT;
/* Copy one file atomically. */
clade_status clade_copy_file(const char *from, const char *to) CLADE_CHECK_RESULT;

/* FOLDER/NAME as a new string (clade_free), or NULL without memory. */
char *clade_path_join(const char *folder, const char *name);
/* NAME relative to the folder of FILE unless it is absolute, as a new string (clade_free), or NULL without memory. */
char *clade_path_beside(const char *file, const char *name);

#endif
