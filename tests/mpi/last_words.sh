#!/usr/bin/env bash
# What a job says at its end: a message that quotes a file says nothing that a terminal obeys; one that is stopped and then
# waits for a worker that never answers still says so itself; and when mpirun is killed at its start nothing is claimed to be
# kept.
. "${CLADE_SOURCE:?}/tests/small_search.sh" || exit 1
. "$CLADE_SOURCE/tests/job.sh"
command -v mpicc > /dev/null || { echo "skipped: mpicc is not here"; exit 77; }
small_experiment 60 48
whole

name="a message with a colour"
sed 's#"base": "zoo/base"#"base": "zoo/\\u001b[31mred"#' "$work/experiment.json" > "$work/red.json"
! mpirun -n 2 "$CLADE" search "$work/red.json" --run "$run" > /dev/null 2> "$work/log" || fail "$name: it ran"
said "^clade: .*/zoo/.+\[31mred"
! grep -q $'\e' "$work/log" || fail "$name: $(cat -v "$work/log")"

# Rank 2 never says STOPPED (tag 6): it is given its time, and ended.
cat > "$work/mute.c" <<'END'
#include <mpi.h>

int MPI_Isend(const void *bytes, int count, MPI_Datatype type, int to, int tag, MPI_Comm comm, MPI_Request *request)
{
    int rank = 0;
    PMPI_Comm_rank(comm, &rank);
    return PMPI_Isend(bytes, count, type, tag == 6 && rank == 2 ? MPI_PROC_NULL : to, tag, comm, request);
}
END
mpicc -shared -fPIC -o "$work/mute.so" "$work/mute.c" || fail "the library cannot be made"
begin "a worker that never answers" "$CLADE" search "$work/experiment.json" --run "$run" --workers 2 \
    --mpirun "-x LD_PRELOAD=$work/mute.so"
kill -USR1 $launcher
ends 75
said "^clade: stopped.*kept.*clade resume"
! grep -qE "in the middle|without a word" "$work/log" || fail "$name: $(cat "$work/log")"
go_on env

name="mpirun killed at its start"
mkdir "$work/commands"
printf '#!/bin/sh\n[ "$1" = --version ] || kill -KILL $$\n' > "$work/commands/mpirun"
chmod +x "$work/commands/mpirun"
rm -rf "$run"
code=0
PATH=$work/commands:$PATH "$CLADE" search "$work/experiment.json" --run "$run" --workers 2 2> "$work/log" || code=$?
[ $code -eq 7 ] || fail "$name: exit code $code: $(cat "$work/log")"
said "mpirun was ended by signal 9 before the search began"
[ ! -e "$run" ] || fail "$name: there is a run"
echo "last_words: all as it should be"
