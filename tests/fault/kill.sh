#!/usr/bin/env bash
# SIGKILL at any moment, of a single process and of a whole job: resumed until done it is the run that was never killed, and no child
# was evaluated twice. Waits are keyed by a counter, not by the clock, so that the moments differ from round to round.
. "$CLADE_SOURCE/tests/small_search.sh"
command -v sqlite3 > /dev/null && sql=1 || sql=

# never_killed NAME: the run of $work/experiment.json, in one go; $expected is its hash.
never_killed() {
    whole=$work/$1
    "$CLADE" search "$work/experiment.json" --run "$whole" 2> "$work/log" || fail "$(cat "$work/log")"
    expected=$(hash_of "$whole")
    [ ${#expected} -eq 64 ] || fail "no run hash"
}

# rounds NAME LAUNCH...: search, then resume, each killed after a while, until one gets through.
rounds() {
    local name=$1 run=$work/$1 round=0 pid code
    shift
    while [ $round -lt 60 ]; do
        if [ -d "$run" ]; then
            setsid "$@" "$CLADE" resume "$run" > /dev/null 2> "$work/log" &
        else
            setsid "$@" "$CLADE" search "$work/experiment.json" --run "$run" > /dev/null 2> "$work/log" &
        fi
        pid=$!
        # 0.3 s to 3 s; later rounds are longer, so that the test ends
        sleep "$(awk -v r=$round 'BEGIN { printf "%.2f", 0.3 + (r * 37 % 90) / 100 + r / 10 }')"
        if ! kill -KILL -- -$pid 2> /dev/null; then
            code=0
            wait $pid || code=$?
            [ $code -eq 0 ] && break
            fail "$name: exit code $code: $(cat "$work/log")"
        fi
        wait $pid 2> /dev/null || true
        round=$((round + 1))
    done
    [ $round -lt 60 ] || fail "$name: not done after $round rounds"
    [ $round -gt 0 ] || fail "$name: was never killed; make the experiment larger"
    [ "$(hash_of "$run")" = "$expected" ] || fail "$name: run hash $(hash_of "$run") after $round kills, expected $expected"
    cmp "$whole/front.csv" "$run/front.csv" || fail "$name: another front.csv"
    if [ -n "$sql" ]; then
        [ "$(sqlite3 "$run/run.db" "SELECT COUNT(*) || ' ' || COUNT(DISTINCT child) FROM evaluations WHERE split = 'search'")" = "40 40" ] ||
            fail "$name: a child was evaluated twice"
    fi
    ls -d "$run"/best.tmp-* "$run".tmp-* 2> /dev/null | grep -q "$run/best.tmp" && fail "$name: half a best/ was left behind"
    echo "kill: $name: $round kills, the same run"
}
small_experiment 40 48 '"racing": {"rungs": [0.5], "error": 0.5},'
never_killed whole-racing
[ "$(number stopped "$whole")" -gt 0 ] || fail "racing: no child was stopped"
rounds racing env
small_experiment 40 48
never_killed whole
rounds single env
# In a sanitized build Open MPI's own leaks would end the job; everything else the sanitizers find still does.
export ASAN_OPTIONS=${ASAN_OPTIONS:+$ASAN_OPTIONS:}detect_leaks=0
command -v mpirun > /dev/null && rounds job mpirun -n 3
exit 0
