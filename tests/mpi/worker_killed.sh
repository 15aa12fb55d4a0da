#!/usr/bin/env bash
# A worker that is killed (SIGKILL) costs its evaluation, not the run: the others go on to the same run. Without the last one
# the job ends with 75, to be resumed. So it is for `--workers N` and for an mpirun by hand with --enable-recovery (Open MPI 5:
# --with-ft ulfm); what happens without it is in failures.sh.
. "${CLADE_SOURCE:?}/tests/small_search.sh" || exit 1
. "$CLADE_SOURCE/tests/job.sh"
small_experiment 60 24
whole
search=("$CLADE" search "$work/experiment.json" --run "$run")

begin "one of three" "${search[@]}" --workers 3
shoot KILL 2
ends 0
same
said "rank 2 on [^ ]+: its process is gone; it is given up, 2 workers go on"
[ "$(number workers_retired "$run")" = 1 ] || fail "$name: status: $("$CLADE" status "$run")"
grep -q "rank 0 WARNING rank 2 on .* is given up" "$run/log.txt" || fail "$name: not in log.txt: $(cat "$run/log.txt")"

begin "one after the other, by hand" mpirun $recovery -n 4 "${search[@]}"
shoot KILL 3
until_children 10
shoot KILL 1
ends 0
same

begin "the last one" "${search[@]}" --workers 2
shoot KILL 1 2
ends 75
said "stopped without a worker \(the last: rank [12] .*everything is kept.*clade resume"
go_on env

begin "the last one, by hand" mpirun $recovery -n 2 "${search[@]}"
shoot KILL 1
ends $(failing 75)
said "stopped without a worker"
go_on mpirun $recovery -n 3

echo "worker_killed: the same run each time"
