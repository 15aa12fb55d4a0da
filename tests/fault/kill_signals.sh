#!/usr/bin/env bash
# A stop that is asked for: SIGTERM, SIGINT or SIGUSR1 to a single process, to `clade search --workers N`, to mpirun and
# to the coordinator, and the time limit. The exit code is 75, everything is kept, nothing is left running, and a resume
# comes to the run that was never stopped. Only mpirun itself, told to end by INT or TERM, has an exit code of its own: 1.
. "${CLADE_SOURCE:?}/tests/small_search.sh" || exit 1
small_experiment 30 48
"$CLADE" search "$work/experiment.json" --run "$work/whole" 2> "$work/log" || fail "$(cat "$work/log")"
expected=$(hash_of "$work/whole")
run=$work/run
export ASAN_OPTIONS=${ASAN_OPTIONS:+$ASAN_OPTIONS:}detect_leaks=0

processes() { pgrep -f -- "$run( |\$)" || true; }

# until_children N: the run has N children, or has ended.
until_children() {
    local waited=0
    while [ "$(number children "$run" 2> /dev/null || echo 0)" -lt "$1" ] && kill -0 $launcher 2> /dev/null; do
        waited=$((waited + 1))
        [ $waited -lt 600 ] || fail "$name: no children after a minute: $(cat "$work/log")"
        sleep 0.1
    done
}

# begin NAME COMMAND...: a search in the background, with a few children.
begin() {
    name=$1
    shift
    rm -rf "$run"
    setsid "$@" > /dev/null 2> "$work/log" &
    launcher=$!
    until_children 3
}

# The coordinator of the job.
coordinator() {
    local pid
    for pid in $(processes); do
        ! tr '\0' '\n' 2> /dev/null < "/proc/$pid/environ" | grep -qx "OMPI_COMM_WORLD_RANK=0" || echo "$pid"
    done
}

# ends CODE FRAGMENT: what was begun ends so, with nothing left running; going on comes to the same run.
ends() {
    local code=0 waited=0
    wait $launcher || code=$?
    # (or it was done before it was asked to stop)
    if [ $code -ne 0 ]; then
        [ $code -eq "$1" ] || fail "$name: exit code $code, expected $1: $(cat "$work/log")"
        grep -qE -- "$2" "$work/log" || fail "$name: the message lacks \"$2\": $(cat "$work/log")"
        stops=$((stops + 1))
    fi
    while [ -n "$(processes; evaluators)" ]; do
        waited=$((waited + 1))
        [ $waited -lt 100 ] || fail "$name: still alive: $(ps -o pid,ppid,stat,args -p "$({ processes; evaluators; } | paste -sd ,)")"
        sleep 0.1
    done
    "$CLADE" resume "$run" 2> "$work/log" || fail "$name: resume: $(cat "$work/log")"
    [ "$(hash_of "$run")" = "$expected" ] || fail "$name: another run hash"
}
stops=0
kept="stopped.*kept.*clade resume"

for signal in TERM INT USR1; do
    begin "$signal to a single process" "$CLADE" search "$work/experiment.json" --run "$run"
    kill -$signal $launcher
    ends 75 "$kept"
done
begin "INT twice" "$CLADE" search "$work/experiment.json" --run "$run"
kill -INT $launcher
sleep 0.01
kill -INT $launcher 2> /dev/null || true
ends 75 "stopped.*kept"
name="time limit"
rm -rf "$run"
"$CLADE" search "$work/experiment.json" --run "$run" --children 100000 --time-limit 0:00:02 2> "$work/log" && fail "$name: no end"
grep -qE "$kept" "$work/log" || fail "$name: $(cat "$work/log")"
[ "$(number children "$run")" -gt 0 ] || fail "$name: no children"
for limit in 0 x 1: 1:60:00 1:2 -1 9999999999; do
    code=0
    "$CLADE" resume "$run" --time-limit=$limit 2> "$work/log" || code=$?
    [ $code -eq 2 ] && grep -q "time-limit.*HH:MM:SS" "$work/log" || fail "--time-limit $limit: exit code $code: $(cat "$work/log")"
done

if command -v mpirun > /dev/null; then
    for signal in INT USR1; do
        begin "$signal to search --workers" "$CLADE" search "$work/experiment.json" --run "$run" --workers 2
        kill -$signal $launcher
        ends 75 "$kept"
    done
    for signal in TERM INT USR1; do
        begin "$signal to mpirun" mpirun -n 3 "$CLADE" search "$work/experiment.json" --run "$run"
        kill -$signal $launcher
        ends $([ $signal = USR1 ] && echo 75 || echo 1) "$kept"
    done
    begin "TERM to the coordinator" mpirun -n 3 "$CLADE" search "$work/experiment.json" --run "$run"
    kill -TERM $(coordinator)
    ends 75 "$kept"
    # A worker in the middle of a long evaluation (here one that is held) is not waited for.
    begin "a worker that does not answer" mpirun -n 2 "$CLADE" search "$work/experiment.json" --run "$run"
    for pid in $(processes); do
        ! tr '\0' '\n' 2> /dev/null < "/proc/$pid/environ" | grep -qx "OMPI_COMM_WORLD_RANK=1" || kill -STOP "$pid"
    done
    kill -USR1 $launcher
    ends 75 "$kept"
fi
[ $stops -ge 4 ] || fail "only $stops runs were stopped before they ended; make the experiment larger"
echo "kill_signals: stopped $stops times, the same run"
