#!/usr/bin/env bash
# Workers that send nonsense: a message that is cut short, the result of another job, a tag that is none, a score that cannot be
# read. Each is given up, with its reason, and the run is the undisturbed one. The nonsense is made between worker and MPI, by
# a library that is loaded before it.
. "${CLADE_SOURCE:?}/tests/small_search.sh" || exit 1
. "$CLADE_SOURCE/tests/job.sh"
command -v mpicc > /dev/null || { echo "skipped: mpicc is not here"; exit 77; }
cat > "$work/garble.c" <<'END'
#include <mpi.h>
#include <string.h>

/* Rank 1 is well; ranks 2 to 5 send their second result (tag 4) each in a way of its own. */
int MPI_Isend(const void *bytes, int count, MPI_Datatype type, int to, int tag, MPI_Comm comm, MPI_Request *request)
{
    static int results;
    int rank = 0;
    PMPI_Comm_rank(comm, &rank);
    if (tag == 4 && rank > 1 && ++results == 2) {
        char *changed = (char *)bytes; /* the program's own copy */
        count = rank == 2 ? 3 : count;
        changed[8] ^= rank == 3 ? 0x55 : 0; /* the job */
        tag = rank == 4 ? 4711 : tag;
        if (rank == 5)
            memset(changed + count - 20, 0x81, 20);
    }
    return PMPI_Isend(bytes, count, type, to, tag, comm, request);
}
END
mpicc -shared -fPIC -o "$work/garble.so" "$work/garble.c" || fail "the library cannot be made"
small_experiment 60 24
sed -i 's/"window": 4/"window": 10/' "$work/experiment.json"
whole
begin "garbage" "$CLADE" search "$work/experiment.json" --run "$run" --workers 5 --mpirun "-x LD_PRELOAD=$work/garble.so"
ends 0
same
said "rank 2 on [^ ]+: MPI: rank 2 sent 3 bytes.*; it is given up"
said "rank 3 on [^ ]+: it sent the result of a job that it was not given; it is given up"
said "rank 4 on [^ ]+: it sent a message that makes no sense here; it is given up"
said "rank 5 on [^ ]+: it sent a score that is none: .*; it is given up"
[ "$(number failed "$run")" = 0 ] || fail "children failed for it"
echo "worker_garbage: the same run"
