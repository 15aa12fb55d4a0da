#!/usr/bin/env bash
# The coordinator leaves its core to the workers: while a run goes on, rank 0 uses less than a fifth of the time it is alive.
. "$CLADE_SOURCE/tests/small_search.sh"
small_experiment 100000 64

mpirun -n 2 "$CLADE" search "$work/experiment.json" --run "$work/run" > /dev/null 2> "$work/log" &
launcher=$!
trap 'kill $launcher 2> /dev/null || true; wait $launcher 2> /dev/null || true; rm -rf "$work"' EXIT
until [ -f "$work/run/run.db" ] && [ "$(number children "$work/run" 2> /dev/null || echo 0)" -gt 3 ]; do
    sleep 0.2
    kill -0 $launcher 2> /dev/null || fail "the run ended too soon: $(cat "$work/log")"
done
coordinator=
for pid in $(pgrep -P $launcher); do
    tr '\0' '\n' < "/proc/$pid/environ" | grep -qx OMPI_COMM_WORLD_RANK=0 && coordinator=$pid
done
[ -n "$coordinator" ] || fail "rank 0 is not to be found"

# utime + stime, in ticks; the command's name may hold blanks, so count behind its ')'.
ticks() { sed -E 's/^.*\) //' "/proc/$1/stat" | awk '{ print $12 + $13 }'; }
before=$(ticks "$coordinator")
sleep 6
used=$(($(ticks "$coordinator") - before))
share=$((100 * used / (6 * $(getconf CLK_TCK))))
echo "coordinator_sleeps: rank 0 used $share % of a core"
[ "$share" -lt 20 ] || fail "rank 0 used $share % of a core, expected less than 20 %"
