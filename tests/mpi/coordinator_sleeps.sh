#!/usr/bin/env bash
# The coordinator leaves its core to the workers: while a run goes on, rank 0 uses less than a fifth of the time it is alive.
. "$CLADE_SOURCE/tests/small_search.sh"
small_experiment 100000 64

run=$work/run
mpirun -n 2 "$CLADE" search "$work/experiment.json" --run "$run" > /dev/null 2> "$work/log" &
launcher=$!
until_children 4
coordinator=$(process_of 0)
[ -n "$coordinator" ] || fail "rank 0 is not to be found"

# utime + stime, in ticks; the command's name may hold blanks, so count behind its ')'.
ticks() { sed -E 's/^.*\) //' "/proc/$1/stat" | awk '{ print $12 + $13 }'; }
before=$(ticks "$coordinator")
sleep 6
used=$(($(ticks "$coordinator") - before))
share=$((100 * used / (6 * $(getconf CLK_TCK))))
echo "coordinator_sleeps: rank 0 used $share % of a core"
[ "$share" -lt 20 ] || fail "rank 0 used $share % of a core, expected less than 20 %"
