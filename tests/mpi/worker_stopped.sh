#!/usr/bin/env bash
# A worker that is held (SIGSTOP) is given up after --worker-timeout, with any mpirun; its child goes to another. When it goes
# on later, what it then says changes nothing, and at the end it leaves like the others. A coordinator that was held itself
# blames nobody.
. "${CLADE_SOURCE:?}/tests/small_search.sh" || exit 1
. "$CLADE_SOURCE/tests/job.sh"
small_experiment 120 24
whole
# A busy machine may keep a healthy worker from its core for a second or two; that is no silence.
search=("$CLADE" search "$work/experiment.json" --run "$run" --worker-timeout 3)

begin "to the end" mpirun -n 3 "${search[@]}"
shoot STOP 2
ends 0
same
said "rank 2 on [^ ]+: it has been silent for 3 s; it is given up, 1 workers go on"

begin "and let go on" "${search[@]}" --workers 3
held=$(process_of 1)
kill -STOP $held
for ((waited = 0; waited < 300; waited++)); do
    ! grep -q "rank 1 .* is given up" "$work/log" || break
    sleep 0.05
done
kill -CONT $held || fail "$name: the run ended without it: $(cat "$work/log")"
ends 0
same
[ "$(grep -c "is given up" "$work/log")" = 1 ] || fail "$name: not given up once: $(cat "$work/log")"

begin "the last one" "${search[@]}" --workers 2
shoot STOP 1 2
ends 75
said "stopped without a worker \(the last: rank [12] "
go_on env

begin "the coordinator" "${search[@]}" --workers 2
shoot STOP 0
sleep 5
shoot CONT 0
ends 0
same
! grep -q "given up" "$work/log" || fail "$name: somebody was given up: $(cat "$work/log")"
echo "worker_stopped: the same run each time"
