#!/usr/bin/env bash
# What goes wrong in a group: a member that cannot open its files is told of once, with its rank; a stop reaches all; a
# member that is gone ends the job, and the run can be resumed with another group; or, where mpirun goes on without it, the
# group does, too.
. "$CLADE_SOURCE/tests/small_search.sh"
. "$CLADE_SOURCE/tests/job.sh"
small_experiment 12

code=0
"$CLADE" search "$work/experiment.json" --run "$work/none" --group 0 2> "$work/log" || code=$?
[ $code -eq 2 ] && grep -q -e "--group: found 0" "$work/log" || fail "--group 0: exit code $code: $(cat "$work/log")"

# The labels of the last task, which only the last of three ranks reads.
labels=$work/zoo/images/textures-labels.idx.gz
mv "$labels" "$work/hidden"
printf 'no labels' > "$labels"
code=0
timeout 60 mpirun -n 4 "$CLADE" search "$work/experiment.json" --run "$work/bad" --group 3 2> "$work/log" || code=$?
[ $code -eq 4 ] || fail "bad labels: exit code $code, expected 4: $(cat "$work/log")"
[ "$(grep -c '^clade: rank 3 on .*textures-labels' "$work/log")" = 1 ] || fail "bad labels: $(cat "$work/log")"
[ "$(grep -c '^clade: ' "$work/log")" = 1 ] || fail "bad labels, told more than once: $(cat "$work/log")"
mv "$work/hidden" "$labels"
timeout 60 mpirun -n 4 "$CLADE" resume "$work/bad" --group 3 2> "$work/log" || fail "and then on: $(cat "$work/log")"

small_experiment 150
run=$work/stopped
begin "a stop" mpirun -n 5 "$CLADE" search "$work/experiment.json" --group 2 --run "$run"
until_children 11
kill -USR1 $launcher
ends 75

run=$work/killed
begin "a dead member" mpirun -n 5 "$CLADE" search "$work/experiment.json" --group 2 --run "$run"
until_children 11
shoot KILL 4 # the member of the second group
wait $launcher && fail "a job with a dead member ended well"

mpirun -n 3 "$CLADE" search "$work/experiment.json" --run "$work/whole" 2> /dev/null || fail "the whole run failed"
timeout 100 mpirun -n 4 "$CLADE" resume "$work/stopped" --group 3 2> "$work/log" || fail "resume: $(cat "$work/log")"
timeout 100 mpirun -n 3 "$CLADE" resume "$work/killed" --group 2 2> "$work/log" || fail "resume: $(cat "$work/log")"
for run in stopped killed; do
    [ "$(hash_of "$work/$run")" = "$(hash_of "$work/whole")" ] || fail "$run: another run hash after the resume"
done

# Where mpirun goes on, so does the group, with who is left: a member is killed, then a leader.
run=$work/run
expected=$(hash_of "$work/whole")
begin "a member and a leader" "$CLADE" search "$work/experiment.json" --run "$run" --workers 4 --group 2
shoot KILL 4
until_children 12
shoot KILL 1
ends 0
same
said "rank 4 on [^ ]+: .*; it is given up, 2 workers go on"
said "rank 1 on [^ ]+: .*; it is given up, 2 workers go on"

# The rest of a group whose ranks all die is no worker any more.
begin "a whole group" mpirun $recovery -n 5 "$CLADE" search "$work/experiment.json" --run "$run" --group 2
shoot KILL 3 4
ends 0
same
said "rank [34] on [^ ]+: .*; it is given up, 1 workers go on"
echo "group failures: told once, stopped, resumed, outlived"
