/* One writer for each run: a lock with an owner and a heartbeat, in the file run.db.lock beside the ledger.
 *
 * The lock is flock's, which goes when its process does, however that ends; the file says who has it, for whoever is
 * refused, and is touched every few seconds. Where locks hold on one host only (NFS with nolock, Lustre with localflock)
 * the heartbeat is what keeps a second host off: a lock that was free, of an owner on another host, is watched for three
 * beats before it is taken over. No clocks are compared for that. A lock that is held is never broken, whatever its
 * heartbeat: a process that is stopped, or cut off, may go on and write. File systems give up the locks of dead hosts by
 * themselves (NFS 4 after 90 seconds). */
#ifndef CLADE_RUN_LOCK_H
#define CLADE_RUN_LOCK_H

#include <stdbool.h>

#include "clade/status.h"

typedef struct clade_run_lock clade_run_lock;

/* Milliseconds: how long to wait for a lock that is held (a coordinator whose job was killed lives on for a moment, to
 * close the ledger), and between two beats. */
typedef struct clade_lock_times {
    long wait, beat;
} clade_lock_times;
#define CLADE_LOCK_TIMES ((clade_lock_times){.wait = 10000, .beat = 5000})

/* Become the writer of the ledger LEDGER, whose lock is LEDGER.lock (made when absent). CLADE_EUSAGE when another
 * process is, with its host, its number, since when, and what to do; CLADE_EIO where there are no locks, or nothing can
 * be written. A thread of its own beats from now on. *LOCK is to be released; NULL after a failure. */
clade_status clade_run_lock_take(const char *ledger, clade_lock_times times, clade_run_lock **lock) CLADE_CHECK_RESULT;
/* Accepts NULL. */
void clade_run_lock_release(clade_run_lock *lock);

typedef struct clade_lock_owner {
    bool known; /* somebody has left his name; all else is empty if not */
    char host[256], boot[64] /* id of the kernel's start */, since[32] /* UTC, ISO 8601 */;
    char pids[48]; /* what counts its processes (process.h); "": not known */
    long process;
    double silent; /* seconds since its last beat, by two clocks; negative: not known */
} clade_lock_owner;

/* Whether a process is the writer of LEDGER, or nobody can tell; and who that is, or was when it was killed. */
bool clade_run_lock_is_held(const char *ledger, clade_lock_owner *owner);

#endif
