#include "search/command/doctor_checks.h"

#include <errno.h>
#include <fcntl.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>
#include <sys/file.h>
#include <sys/mman.h>
#include <sys/statfs.h>
#include <sys/statvfs.h>
#include <unistd.h>

#include "clade/alloc.h"
#include "clade/files.h"
#include "clade/merge.h"
#include "clade/model.h"
#include "search/experiment.h"

/* ---- a folder ---- */

enum { PAGE = 4096 };
static const double LEAST_ROOM = 64e6, GOOD_ROOM = 1e9; /* bytes */

typedef struct file_system {
    unsigned long type; /* statfs(2) */
    const char *name;
} file_system;

/* Those that several hosts share. */
static const file_system shared_systems[] = {
    {0x6969, "NFS"},        {0xFF534D42, "CIFS"}, {0xFE534D42, "SMB2"},  {0x0BD00BD0, "Lustre"},   {0x47504653, "GPFS"},
    {0x19830326, "BeeGFS"}, {0xC36400, "Ceph"},   {0x01161970, "GFS2"},  {0x7461636F, "OCFS2"},    {0x5346414F, "AFS"},
    {0x564C, "NCP"},        {0x65735546, "FUSE"}, {0xAAD7AAEA, "PanFS"}, {0x20030528, "OrangeFS"},
};

static void check_kind(const char *folder, clade_findings *findings)
{
    struct statfs info;
    if (statfs(folder, &info) != 0)
        return;
    for (size_t i = 0; i < sizeof shared_systems / sizeof shared_systems[0]; i++)
        if (((unsigned long)info.f_type & 0xFFFFFFFFUL) == shared_systems[i].type)
            clade_finding(findings, false,
                          "%s: is on a file system of the network (%s): while a search runs there, read its ledger "
                          "(status, front, sqlite3) only on the host of rank 0; elsewhere use --metrics",
                          folder, shared_systems[i].name);
}

static void check_room(const char *folder, clade_findings *findings)
{
    struct statvfs info;
    if (statvfs(folder, &info) != 0)
        return;
    const double room = (double)info.f_bavail * (double)info.f_frsize;
    if (room < GOOD_ROOM)
        clade_finding(findings, room < LEAST_ROOM,
                      "%s: only %.0f MB are free: a run with the weights of its best may not fit; make room, or say "
                      "\"best_weights\": false",
                      folder, room / 1e6);
}

/* Two descriptors of one file must keep each other out, as two coordinators do. */
static void check_locks(const char *folder, const char *file, int first, clade_findings *findings)
{
    const int second = open(file, O_RDWR | O_CLOEXEC);
    if (flock(first, LOCK_EX | LOCK_NB) != 0)
        clade_finding(findings, true,
                      "%s: this file system has no locks (%s): a search is refused there, for nothing would keep a "
                      "second one off; use another folder, or mount it with locks (NFS: without nolock)",
                      folder, strerror(errno));
    else if (second < 0 || flock(second, LOCK_EX | LOCK_NB) == 0)
        clade_finding(findings, true,
                      "%s: locks of this file system keep nobody out: two searches could write one run; use another "
                      "folder",
                      folder);
    if (second >= 0)
        (void)close(second);
}

/* SQLite's write-ahead log has an index in memory that its readers share. */
static void check_maps(const char *folder, int file, clade_findings *findings)
{
    void *page =
        ftruncate(file, PAGE) == 0 ? mmap(NULL, PAGE, PROT_READ | PROT_WRITE, MAP_SHARED, file, 0) : MAP_FAILED;
    if (page == MAP_FAILED)
        clade_finding(
            findings, false,
            "%s: files cannot be mapped for writing there (%s): the ledger works without its write-ahead log, "
            "and readers wait for the search; better use another folder",
            folder, strerror(errno));
    else
        (void)munmap(page, PAGE);
}

void clade_doctor_folder(const char *folder, clade_findings *findings)
{
    char *file = clade_path_join(folder, "clade-doctor-XXXXXX");
    const int first = file ? mkstemp(file) : -1;
    if (first < 0) {
        clade_finding(findings, true, "%s: no file can be made there (%s): a search needs a folder it may write to",
                      folder, strerror(file ? errno : ENOMEM));
        clade_free(file);
        return;
    }
    check_locks(folder, file, first, findings);
    check_maps(folder, first, findings);
    check_kind(folder, findings);
    check_room(folder, findings);
    (void)close(first);
    (void)unlink(file);
    clade_free(file);
}

/* ---- an experiment ---- */

/* MPI and BLAS; the pass packs weights block by block; what surveys keep of a parent, singular vectors at the most, is
 * a few times its weights. (Measured: a worker of vision8, of eight parents of 2 MB, takes 80 MB.) */
static const double PROGRAM_BYTES = 64e6, WORKSPACE_SHARE = 0.25, SURVEYS_A_PARENT = 4.0;

double clade_appetite_sum(const clade_appetite *appetite)
{
    return appetite->weights + appetite->items + appetite->cache + appetite->program;
}

static double items_of(const clade_task *task, clade_split split, size_t asked)
{
    const double all = (double)(task->splits[split].last - task->splits[split].first);
    return asked > 0 ? fmin((double)asked, all) : all;
}

/* Labelled and unlabelled items as they are, and those that are corrupted. */
static double kept_items(const clade_experiment *experiment, const clade_probes *probes)
{
    double items = 0.0;
    for (size_t t = 0; t < probes->n_tasks; t++) {
        const double corrupted = items_of(&probes->tasks[t], CLADE_SEARCH, experiment->corrupted);
        items += items_of(&probes->tasks[t], CLADE_SEARCH, experiment->labelled) +
                 items_of(&probes->tasks[t], CLADE_UNLABELLED, experiment->unlabelled) +
                 corrupted * (experiment->rotate ? 1.0 : (double)experiment->n_corruptions);
    }
    return items;
}

static clade_status estimate(const clade_experiment *experiment, const clade_family *family, const clade_probes *probes,
                             clade_appetite *out)
{
    clade_checkpoint *base = clade_family_base(family);
    clade_model *model = NULL;
    double elements = 0.0, bytes = 0.0;
    CLADE_TRY(clade_model_open(base ? base : clade_family_parent(family, 0), &model));
    const clade_model_shape shape = clade_model_shape_of(model);
    clade_model_close(model);
    for (size_t i = 0; i < clade_family_count(family); i++) {
        const clade_tensor *tensor = clade_family_at(family, i);
        elements += (double)tensor->count;
        bytes += (double)tensor->bytes;
    }
    const double image = (double)(shape.channels * shape.image_size * shape.image_size) * sizeof(float);
    out->weights = elements * sizeof(float);
    out->items = fmin(kept_items(experiment, probes) * image, (double)experiment->memory);
    out->cache = fmin((double)experiment->cache_megabytes * 1e6,
                      SURVEYS_A_PARENT * out->weights * (double)clade_family_parents(family));
    out->program = PROGRAM_BYTES + WORKSPACE_SHARE * out->weights;
    out->parents = bytes * (double)(clade_family_parents(family) + (base != NULL));
    return CLADE_OK;
}

clade_status clade_doctor_experiment(const char *path, clade_appetite *appetite)
{
    clade_experiment *experiment = NULL;
    clade_family *family = NULL;
    clade_probes *probes = NULL;
    *appetite = (clade_appetite){0};
    clade_status status = clade_experiment_read(path, &experiment);
    if (status == CLADE_OK && !experiment->form) {
        status = clade_family_open(experiment->base, (const char *const *)experiment->parent_paths,
                                   experiment->n_parents, &family);
        if (status == CLADE_OK)
            status = clade_probes_read(experiment->probes, &probes);
        if (status == CLADE_OK)
            status = clade_probes_check_ranges(probes);
        if (status == CLADE_OK)
            status = estimate(experiment, family, probes, appetite);
    }
    clade_family_close(family);
    clade_probes_free(probes);
    clade_experiment_free(experiment);
    return status;
}
