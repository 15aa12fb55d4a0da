#!/usr/bin/env bash
# The job script for Slurm, with a Slurm that only takes notes: before the time limit the run stops and the job goes back
# into the queue; started again it goes on, to the run that was never stopped; what fails by itself is not put back.
. "${CLADE_SOURCE:?}/tests/small_search.sh" || exit 1
[ -z "${CLADE_LINK:-}" ] || export ASAN_OPTIONS=${ASAN_OPTIONS:+$ASAN_OPTIONS:}detect_leaks=0 # Open MPI's
command -v mpirun > /dev/null || { echo "skipped: mpirun is not here"; exit 77; }
small_experiment 100 32
"$CLADE" search "$work/experiment.json" --run "$work/whole" 2> "$work/log" || fail "$(cat "$work/log")"
run=$work/run
mkdir "$work/bin"
printf '#!/bin/sh\necho "$@" >> "%s/queue"\n' "$work" > "$work/bin/scontrol"
chmod +x "$work/bin/scontrol"
export PATH=$work/bin:$PATH CLADE SLURM_JOB_ID=4711 SLURM_NTASKS=3
: > "$work/queue"

job() { bash "$CLADE_SOURCE/scripts/slurm.sh" "$work/experiment.json" "$run"; }

job > /dev/null 2> "$work/log" &
script=$!
until [ "$(number children "$run" 2> /dev/null || echo 0)" -gt 3 ]; do
    kill -0 $script 2> /dev/null || fail "the job ended: $(cat "$work/log")"
    sleep 0.1
done
# Slurm tells the batch shell alone; this one has a shell of its own in between.
kill -USR1 $(pgrep -f "scripts/slurm.sh $work/experiment.json $run")
code=0
wait $script || code=$?
grep -qE "stopped.*kept|User defined signal" "$work/log" || fail "not stopped: $(cat "$work/log")"
[ "$(cat "$work/queue")" = "requeue 4711" ] || fail "the queue: $(cat "$work/queue" "$work/log")"
[ "$(number children "$run")" -lt 100 ] || fail "it was done before it was told to stop"
[ -z "$(pgrep -f -- "--run $run" || true)" ] || fail "something is left running"

job > /dev/null 2> "$work/log" || fail "the job that goes on: $(cat "$work/log")"
[ "$(hash_of "$run")" = "$(hash_of "$work/whole")" ] || fail "another run"
job > /dev/null 2> "$work/log" || fail "a finished run: $(cat "$work/log")"
sed -i 's/zoo\/base/zoo\/nobody/' "$work/experiment.json"
run=$work/other
code=0
job > /dev/null 2> "$work/log" || code=$?
[ $code -eq 4 ] || fail "an experiment that fails: exit code $code: $(cat "$work/log")"

# One that is told to stop, once the script listens, and fails all the same.
cat > "$work/bin/fails" << 'END'
#!/bin/bash
trap 'exit 7' USR1
until grep -q '^SigCgt:.*[2367abef]..$' "/proc/$PPID/status"; do sleep 0.05; done
kill -USR1 $PPID
sleep 60 & wait
END
chmod +x "$work/bin/fails"
code=0
CLADE=$work/bin/fails job > /dev/null 2> "$work/log" || code=$?
[ $code -eq 7 ] || fail "a search that fails when it is told to stop: exit code $code: $(cat "$work/log")"
[ "$(wc -l < "$work/queue")" -eq 1 ] || fail "the queue: $(cat "$work/queue")"
echo "slurm: told to stop, put back, the same run"
