#!/usr/bin/env bash
# What goes wrong at a worker ends the job with a message that names the rank, the coordinator's exit code, and no hang.
. "$CLADE_SOURCE/tests/small_search.sh"
small_experiment 12

# expect NAME CODE FRAGMENT COMMAND...: under mpirun, within a minute.
expect() {
    local name=$1 code=$2 fragment=$3 got=0
    shift 3
    timeout 60 "$@" > "$work/out" 2> "$work/log" || got=$?
    [ "$got" -eq "$code" ] || fail "$name: exit code $got, expected $code: $(cat "$work/log")"
    grep -qF "$fragment" "$work/log" || fail "$name: the message lacks \"$fragment\": $(cat "$work/log")"
}

# The coordinator's own failures, with workers waiting for it.
expect "no experiment" 4 "nothing.json" mpirun -n 3 "$CLADE" search "$work/nothing.json" --run "$work/run"
mkdir "$work/there"
expect "run exists" 2 "clade resume" mpirun -n 3 "$CLADE" search "$work/experiment.json" --run "$work/there"

# Files that only workers open: the images.
mv "$work/zoo/images/shapes-labels.idx.gz" "$work/zoo/images/hidden"
printf 'no labels' > "$work/zoo/images/shapes-labels.idx.gz"
expect "bad labels" 4 "rank 1 on " mpirun -n 3 "$CLADE" search "$work/experiment.json" --run "$work/bad"
mv "$work/zoo/images/hidden" "$work/zoo/images/shapes-labels.idx.gz"
expect "and then it goes on" 0 "" mpirun -n 3 "$CLADE" resume "$work/bad"
[ "$(number children "$work/bad")" = 12 ] || fail "resume: not 12 children"

# A worker that is gone takes the job with it, and the run can be resumed.
small_experiment 200
run=$work/killed
mpirun -n 3 "$CLADE" search "$work/experiment.json" --run "$run" > /dev/null 2> "$work/log" &
launcher=$!
until_children 11
kill -KILL $(process_of 2)
wait $launcher && fail "a job with a dead worker ended well"
mpirun -n 2 "$CLADE" search "$work/experiment.json" --run "$work/whole" 2> /dev/null || fail "the whole run failed"
timeout 100 mpirun -n 3 "$CLADE" resume "$run" 2> "$work/log" || fail "resume after a dead worker: $(cat "$work/log")"
[ "$(hash_of "$run")" = "$(hash_of "$work/whole")" ] || fail "another run hash after a worker's death"
echo "failures: every one named, none hangs"
