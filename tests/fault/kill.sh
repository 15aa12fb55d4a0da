#!/usr/bin/env bash
# SIGKILL at any moment: of a single process, and of the coordinator, a worker, mpirun or everything of a job. Resumed
# and killed again until a run gets through, it is the run that was never killed: the same hash, the same ledger but for
# times and ranks, the same front.csv and best/. What was written once stays as it was written, so nothing is scored
# twice. No process and no file of ours outlives a kill, but for what the next start cleans up.
#
#   kill.sh                    a share of seconds, as the test suite runs it
#   kill.sh --thorough KILLS   as many kills as asked for, with other moments each time
#   CLADE_KILL_SEED=N          the moments of another run (1)
. "${CLADE_SOURCE:?}/tests/small_search.sh" || exit 1
command -v sqlite3 > /dev/null || { echo "skipped: sqlite3 is not here"; exit 77; }
kills_wanted=0
[ "${1:-}" != --thorough ] || kills_wanted=${2:?how many kills}
RANDOM=${CLADE_KILL_SEED:-1}
kills=0

# A sanitized program is slow to start, so it is killed less often. Open MPI's own leaks would end its job; everything
# else that the sanitizers find still does.
share=100
[ -z "${CLADE_LINK:-}" ] || share=20
[ $share -eq 100 ] || export ASAN_OPTIONS=${ASAN_OPTIONS:+$ASAN_OPTIONS:}detect_leaks=0

# ---- what a run is ----

# Every result of a ledger with the moment it was written, from a copy: to look into the file itself would mend it.
results() {
    rm -rf "$work/look"
    mkdir "$work/look"
    cp "$1"/run.db* "$work/look/"
    sqlite3 "$work/look/run.db" "PRAGMA quick_check; SELECT child, split, session, at, rank FROM evaluations;
        SELECT name, split, session, at, rank FROM reference_scores; SELECT * FROM commits;" | sort
}

# ---- a kill ----

# Some time between 0 and $1 ms.
moment() {
    local milliseconds=$((RANDOM * $1 / 32768)) seconds
    printf -v seconds '%d.%03d' $((milliseconds / 1000)) $((milliseconds % 1000))
    sleep $seconds
}

# With the evaluators, whom nobody shoots: each goes with who started it.
alive() { processes; evaluators; }

# Nothing that belongs to the run is alive, twenty seconds from now at most.
all_gone() {
    local waited=0
    while [ -n "$(alive)" ]; do
        waited=$((waited + 1))
        [ $waited -lt 400 ] || fail "$name: $1: still alive: $(ps -o pid,ppid,stat,args -p "$(alive | paste -sd ,)")"
        sleep 0.05
    done
}

# shoot WHAT: at everything, mpirun, the coordinator, or a worker, whose job may live on without it for another moment.
shoot() {
    local victim=
    case $1 in
    mpirun) victim=$launcher ;;
    coordinator) victim=$(process_of 0) ;;
    worker) victim=$(process_of 2) ;;
    esac
    if [ -n "$victim" ]; then
        kill -KILL $victim 2> /dev/null || true
        [ "$1" != worker ] || moment 200
    fi
    if [ -z "$victim" ] || [ "$1" = worker ]; then
        kill -KILL $(processes) $launcher 2> /dev/null || true
    fi
}

# ---- a run ----

# took COMMAND...: how long it takes, in $ms, and what of a core, in $cpu_ms.
took() {
    local TIMEFORMAT='%3R %3U %3S' times
    { times=$({ time "$@" > /dev/null 2> "$work/log"; } 2>&1); } || fail "$*: $(cat "$work/log")"
    ms=$(awk '{ print int(1000 * $1) }' <<< "$times")
    cpu_ms=$(awk '{ print int(1000 * ($2 + $3)) }' <<< "$times")
}

# whole NAME: the run of $work/experiment.json in one go, which all others are held against.
whole() {
    whole=$work/$1
    took "$CLADE" search "$work/experiment.json" --run "$whole"
    work_ms=$cpu_ms
    [ "$(hash_of "$whole" | wc -c)" -eq 65 ] || fail "no run hash"
    contents "$whole" > "$work/whole.contents"
}

same_as_whole() {
    [ "$(hash_of "$run")" = "$(hash_of "$whole")" ] || fail "$name: another run hash after $round kills"
    contents "$run" > "$work/run.contents"
    cmp "$work/whole.contents" "$work/run.contents" || fail "$name: another ledger after $round kills"
    cmp "$whole/front.csv" "$run/front.csv" || fail "$name: another front.csv"
    diff -r "$whole/best" "$run/best" || fail "$name: another best/"
    [ "$(cd "$run" && echo *)" = "best experiment.json front.csv log.txt run.db run.db.lock" ] ||
        fail "$name: left behind: $(cd "$run" && echo *)"
}

# What Open MPI keeps in shared memory and in the temporary folder is there after its mpirun was killed, until a job
# starts a minute later.
next_start_cleans() {
    local left="shared memory of [1-9][0-9]* ranks and [1-9][0-9]* session folders, [1-9][0-9]* MB"
    find "$work" -maxdepth 1 -name '*_segment.*' -exec touch -d '2 minutes ago' {} +
    find "$work" -maxdepth 2 -path '*/ompi.*/pid.*' -exec touch -d '2 minutes ago' {} +
    mpirun -n 2 "$CLADE" resume "$whole" 2> "$work/log" || fail "$(cat "$work/log")"
    grep -q "left behind on $(hostname): $left" "$work/log" || fail "nothing was cleaned: $(cat "$work/log")"
    [ -z "$(find "$work" -maxdepth 1 -name '*_segment.*')" ] || fail "shared memory is left: $(ls "$work")"
    [ -z "$(find "$work" -path '*/ompi.*/*')" ] || fail "session folders are left: $(find "$work" -path '*/ompi.*')"
}

# start LAUNCH...: a search, or a resume where there is a run already; $launcher is its process.
start() {
    if [ -d "$run" ]; then
        "$@" "$CLADE" resume "$run" > /dev/null 2> "$work/log" &
    else
        "$@" "$CLADE" search "$work/experiment.json" --run "$run" > /dev/null 2> "$work/log" &
    fi
    launcher=$!
}

# What was written stays: every result of before is there after the kill, with the same moment, session and rank.
nothing_rewritten() {
    [ -f "$run/run.db" ] || return 0
    results "$run" > "$work/results.now"
    grep -qx ok "$work/results.now" || fail "$name: $1: the ledger is damaged: $(cat "$work/results.now")"
    [ -z "$(comm -23 "$work/results" "$work/results.now")" ] ||
        fail "$name: $1: gone or rewritten: $(comm -23 "$work/results" "$work/results.now" | head -3)"
    mv "$work/results.now" "$work/results"
}

# rounds NAME KILLS "TARGETS" LAUNCH...: killed at moments that make it about KILLS kills, and more of them where the
# machine is busy; then less and less soon, until it gets through. With a start of s ms and w ms of work to be done between
# two kills, moments up to s + x leave x^2 / 2 (s + x) = w on average.
rounds() {
    local aim=$(($2 * share / 100)) targets=($3) code target longest start_ms
    name=$1 run=$work/run-$1
    shift 3
    took "$@" "$CLADE" resume "$whole"
    start_ms=$ms
    took "$@" "$CLADE" resume "$whole"
    [ $ms -gt $start_ms ] || start_ms=$ms
    [ "$1" = env ] || start_ms=$((start_ms * 6 / 10)) # the rest is mpirun's end
    longest=$(awk -v s=$start_ms -v w=$((work_ms / aim)) 'BEGIN { print int(s + w + sqrt(w * w + 2 * w * s)) }')
    : > "$work/results"
    for ((round = 0; ; round++)); do
        [ $round -lt 400 ] || fail "$name: not done after $round kills: $(cat "$work/log")"
        target=${targets[$((RANDOM % ${#targets[@]}))]}
        start "$@"
        [ $round -lt $aim ] || longest=$((longest + longest / 10 + 1))
        moment $longest
        if ! kill -0 $launcher 2> /dev/null; then
            code=0
            wait $launcher || code=$?
            [ $code -eq 0 ] && break
            fail "$name: exit code $code: $(cat "$work/log")"
        fi
        shoot "$target"
        { wait $launcher || true; } 2> /dev/null
        all_gone "$target"
        nothing_rewritten "$target"
    done
    kills=$((kills + round))
    nothing_rewritten end
    same_as_whole
    echo "kill: $name: $round kills, the same run"
    rm -rf "$run"
}

# ---- the runs ----

# On a busy machine runs get through with fewer kills: then there is another pass.
[ $share -lt 100 ] || [ $kills_wanted -gt 0 ] || kills_wanted=200
jobs=
command -v mpirun > /dev/null && jobs=1
for ((pass = 0; pass == 0 || kills < kills_wanted; pass++)); do
    small_experiment 48 32 '"racing": {"rungs": [0.5], "error": 0.5},'
    whole whole-racing
    [ "$(number stopped "$whole")" -gt 0 ] || fail "racing: no child was stopped"
    rounds racing-$pass 40 all env
    small_experiment 60
    whole whole-single
    rounds single-a-$pass 60 all env
    rounds single-b-$pass 45 all env
    if [ -n "$jobs" ]; then
        rounds job-$pass 45 "all mpirun coordinator worker" mpirun -n 3
        next_start_cleans
    fi
    rm -rf "$work"/whole-*
done
echo "kill: $kills kills"
