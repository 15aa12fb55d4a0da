#!/usr/bin/env bash
# A stop that is asked for: SIGTERM, SIGINT or SIGUSR1 to a single process, to `clade search --workers N`, to mpirun and
# to the coordinator, a second SIGINT, and the time limit. It comes soon, the exit code is 75, everything is kept, nothing is
# left running, and a resume comes to the run that was never stopped. Only mpirun itself, told to end by INT or TERM, has an
# exit code of its own: 1.
. "${CLADE_SOURCE:?}/tests/small_search.sh" || exit 1
command -v sqlite3 > /dev/null || { echo "skipped: sqlite3 is not here"; exit 77; }
small_experiment 30 48
"$CLADE" search "$work/experiment.json" --run "$work/whole" 2> "$work/log" || fail "$(cat "$work/log")"
expected=$(hash_of "$work/whole")
run=$work/run
search=("$CLADE" search "$work/experiment.json" --run "$run")
asked=0 stops=0

# Milliseconds until the end: of a process, as it promises; of a job, for which mpirun takes its time, too; after a second
# INT. A sanitized program is slow.
process=1000 job=4000 at_once=500
if [ -n "${CLADE_LINK:-}" ]; then
    process=3000 job=12000 at_once=1500
    export ASAN_OPTIONS=${ASAN_OPTIONS:+$ASAN_OPTIONS:}detect_leaks=0
fi
kept="stopped.*kept.*clade resume"
middle="^clade: stopped in the middle of its work; all results are kept"
twice="^clade: stopped at once; what was done is kept$"

now() { echo $((${EPOCHREALTIME/[^0-9]/} / 1000)); }

# begin NAME COMMAND...: a search in the background, with a few children, that has the terminal's signals for itself.
begin() {
    name=$1
    shift
    rm -rf "$run"
    begun=$(now)
    setsid "$@" > /dev/null 2> "$work/log" &
    launcher=$!
    until_children 3
}

# tell SIGNAL PROCESS...: "-PROCESS": its group, as a terminal does.
tell() {
    local signal=$1
    shift
    asked=$((asked + 1)) told=$(now)
    kill -"$signal" -- "$@"
}

# ended CODE MILLISECONDS FRAGMENT: what was begun ends so, at most that long after $told, with nothing left running. From
# one look to the next 50 ms count at most: the rest is that of a busy machine.
ended() {
    local code=0 took last=$(now) next waited=0
    took=$((last - told))
    while kill -0 $launcher 2> /dev/null; do
        [ $took -lt 60000 ] || fail "$name: does not end: $(ps -o pid,ppid,stat,args -p "$(processes | paste -sd ,)"): $(cat "$work/log")"
        sleep 0.01
        next=$(now)
        took=$((took + (next - last < 50 ? next - last : 50))) last=$next
    done
    wait $launcher || code=$?
    # (or it was done before it heard of it, which mpirun, told to end, makes 1 all the same)
    if [ $code -ne 0 ] && { [ $code -ne 1 ] || ! grep -q "^budget reached after" "$work/log"; }; then
        [ $code -eq "$1" ] || fail "$name: exit code $code, expected $1: $(cat "$work/log")"
        [ $took -le "$2" ] || fail "$name: ended after $took ms, expected at most $2: $(cat "$work/log")"
        grep -qE -- "$3" "$work/log" || fail "$name: the message lacks \"$3\": $(cat "$work/log")"
        stops=$((stops + 1))
        echo "kill_signals: $name: after $took ms"
    fi
    while [ -n "$(processes; evaluators)" ]; do
        waited=$((waited + 1))
        [ $waited -lt 100 ] || fail "$name: still alive: $(ps -o pid,ppid,stat,args -p "$({ processes; evaluators; } | paste -sd ,)")"
        sleep 0.1
    done
}

# goes_on [HASH]: to the run that was never stopped.
goes_on() {
    "$CLADE" resume "$run" 2> "$work/log" || fail "$name: resume: $(cat "$work/log")"
    [ "$(hash_of "$run")" = "${1:-$expected}" ] || fail "$name: another run hash"
}

# hold_ledger: somebody else writes the ledger, for which the search waits, so that it does not come to an end by itself.
hold_ledger() {
    local waited=0
    sqlite3 -cmd ".timeout 20000" "$run/run.db" "BEGIN IMMEDIATE" ".shell touch '$work/held'; while [ -e '$work/held' ]; do sleep 0.05; done" &
    holder=$!
    until [ -e "$work/held" ]; do
        waited=$((waited + 1))
        [ $waited -lt 400 ] && kill -0 $holder 2> /dev/null || fail "$name: the ledger cannot be held"
        sleep 0.05
    done
}
free_ledger() {
    rm "$work/held"
    wait $holder
}

for signal in TERM INT USR1; do
    begin "$signal to a single process" "${search[@]}"
    tell $signal $launcher
    ended 75 $process "$kept"
    goes_on
done
begin "INT to a single process that waits" "${search[@]}"
hold_ledger
tell INT -$launcher
ended 75 $process "$middle"
free_ledger
goes_on
begin "INT twice to a single process" "${search[@]}"
hold_ledger
kill -INT -- -$launcher
sleep 0.2
tell INT -$launcher
ended 75 $at_once "$twice"
free_ledger
goes_on

begin "time limit" "${search[@]}" --children 100000 --time-limit 0:00:02
asked=$((asked + 1)) told=$((begun + 2000))
ended 75 3000 "$kept"
for limit in 0 x 1: 1:60:00 1:2 -1 9999999999; do
    code=0
    "$CLADE" resume "$run" --time-limit=$limit 2> "$work/log" || code=$?
    [ $code -eq 2 ] && grep -q "time-limit.*HH:MM:SS" "$work/log" || fail "--time-limit $limit: exit code $code: $(cat "$work/log")"
done

if command -v mpirun > /dev/null; then
    "$CLADE" search "$work/experiment.json" --children 200 --run "$work/longer" 2> "$work/log" || fail "$(cat "$work/log")"
    longer=$(hash_of "$work/longer")
    for signal in TERM INT USR1; do
        begin "$signal to search --workers" "${search[@]}" --workers 2
        tell $signal $launcher
        ended 75 $job "$kept"
        goes_on
        # An mpirun that is told to end takes a second before it tells its ranks: a longer run.
        begin "$signal to mpirun" mpirun -n 3 "${search[@]}" --children 200
        tell $signal $launcher
        ended $([ $signal = USR1 ] && echo 75 || echo 1) $job "$kept"
        goes_on "$longer"
        begin "$signal to the coordinator" mpirun -n 3 "${search[@]}"
        tell $signal $(process_of 0)
        ended 75 $job "$kept"
        goes_on
    done
    begin "INT twice to search --workers" "${search[@]}" --workers 2
    hold_ledger
    kill -INT -- -$launcher
    sleep 0.2
    tell INT -$launcher
    ended 75 $at_once "$twice"
    free_ledger
    goes_on
    # Nobody listens yet while mpirun and the ranks start.
    for moment in 0 0.1 0.2 0.4; do
        name="USR1 to search --workers, $moment s after mpirun was started"
        rm -rf "$run"
        setsid "${search[@]}" --workers 2 > /dev/null 2> "$work/log" &
        launcher=$!
        until pgrep -P $launcher > /dev/null; do sleep 0.005; done
        sleep $moment
        tell USR1 $launcher
        ended 75 $job "stopped"
        [ ! -d "$run" ] || goes_on
    done
    # A worker that does not answer (here one that is held) is not waited for.
    begin "a worker that does not answer" mpirun -n 2 "${search[@]}"
    kill -STOP $(process_of 1)
    tell USR1 $launcher
    ended 75 $job "$kept"
    goes_on
fi
[ $stops -ge $((asked - 2)) ] || fail "only $stops of $asked runs were stopped before they ended; make the experiment larger"
echo "kill_signals: stopped $stops times, the same run"
