#!/usr/bin/env bash
# A run that is watched: status --follow while it works, when it dies, when it goes on; its metrics and its log; and the
# doctor's opinion of folders and experiments.
. "${CLADE_SOURCE:?}/tests/small_search.sh" || exit 1
export ASAN_OPTIONS=${ASAN_OPTIONS:+$ASAN_OPTIONS:}detect_leaks=0
small_experiment 150 32
run=$work/run

# exits CODE WHAT COMMAND...
exits() {
    local expected=$1 what=$2 code=0
    shift 2
    "$@" > "$work/out" 2> "$work/log" || code=$?
    [ $code -eq "$expected" ] || fail "$what: exit code $code, expected $expected: $(cat "$work/out" "$work/log")"
}
has() { grep -qE -- "$2" "$1" || fail "$1 lacks \"$2\": $(cat "$1")"; }

# metric NAME: its value in $work/run.prom.
metric() { sed -nE "s/^$1\{[^}]*\} (.*)/\1/p" "$work/run.prom"; }

# A wrong place for the metrics is known before the run folder is made.
exits 7 "metrics nowhere" "$CLADE" search "$work/experiment.json" --run "$run" --metrics "$work/nowhere/run.prom"
[ ! -e "$run" ] || fail "a refused search left its folder"
exits 4 "follow nothing" "$CLADE" status "$run" --follow

# Until it dies.
"$CLADE" search "$work/experiment.json" --run "$run" --metrics "$work/run.prom" > /dev/null 2> "$work/log" &
search=$!
until [ "$(number children "$run" 2> /dev/null || echo 0)" -gt 5 ]; do
    kill -0 $search || fail "the search ended: $(cat "$work/log")"
    sleep 0.1
done
"$CLADE" status "$run" --follow --json --interval 1 --patience 1 > "$work/lines" 2> "$work/follow" &
follower=$!
"$CLADE" status "$run" --follow > "$work/text" 2>&1 &
other=$!
sleep 1.2
kill -INT $other
wait $other || fail "a follower that is stopped: exit code $?: $(cat "$work/text")"
has "$work/text" '^[0-9]+/150 children, [0-9.]+/s, front [0-9]+, hypervolume [0-9.]+, [0-9]+ s to go$'
[ "$(metric clade_session_active)" = 1 ] || fail "the metrics say that nobody works"
"$CLADE" status "$run" > "$work/text"
has "$work/text" "^session   process $search on $(hostname), since 20"
"$CLADE" status "$run" --json > "$work/text"
has "$work/text" "^    \"process\": $search,"
kill -KILL $search
wait $search 2> /dev/null || true
code=0
wait $follower || code=$?
[ $code -eq 75 ] || fail "the follower of a dead run: exit code $code: $(cat "$work/follow")"
has "$work/follow" "no session is at work.*clade resume"
[ "$(wc -l < "$work/lines")" -ge 2 ] || fail "too few lines: $(cat "$work/lines")"
! grep -vqE '^\{"run_hash":"[0-9a-f]{64}","children":[0-9]+,.*"failures":\[.*\]\}$' "$work/lines" ||
    fail "not an object a line: $(cat "$work/lines")"
sed -E 's/.*"children":([0-9]+),"failed.*/\1/' "$work/lines" | sort -nc || fail "children become fewer"
tail -n 1 "$work/lines" | grep -q '"finished":false,"active":false' || fail "not dead: $(tail -n 1 "$work/lines")"
"$CLADE" status "$run" > "$work/text"
has "$work/text" "^session   none; the last one, process $search on .*, was ended in its work; .clade resume. goes on"

# Until it is done.
"$CLADE" resume "$run" --metrics "$work/run.prom" > /dev/null 2> "$work/resume" &
search=$!
head -c 900 /dev/zero > "$work/full" # of 1024: there is room for one line, not for two
(
    trap '' XFSZ
    ulimit -f 1
    exec "$CLADE" status "$run" --follow --interval 1 >> "$work/full" 2> "$work/follow"
) &
follower=$!
exits 0 "follow to the end" "$CLADE" status "$run" --follow --interval 1
code=0
wait $follower || code=$?
[ $code -eq 7 ] || fail "a follower whose output is full: exit code $code: $(cat "$work/follow")"
has "$work/out" '^150/150 children, .*, finished$'
has "$work/out" '^run_hash  [0-9a-f]{64}$'
wait $search || fail "resume: exit code $?: $(cat "$work/resume")"
[ "$(metric clade_children_committed_total)" = 150 ] || fail "metrics: $(cat "$work/run.prom")"
[ "$(metric clade_session_active)" = 0 ] || fail "metrics: still at work"
[ "$(metric clade_images_total)" = "$(number images "$run")" ] || fail "metrics: other images than status"
[ -z "$(ls "$work" | grep "run.prom.")" ] || fail "half a file of metrics was left"

# The log: two sessions, every line with its time, none of another form.
! grep -vE '^[0-9]{4}-[0-9]{2}-[0-9]{2}T[0-9:]{8}\.[0-9]{3}Z (child [0-9]+ )?(ERROR|WARNING|INFO) .' "$run/log.txt" ||
    fail "log.txt has lines of another form"
[ "$(grep -c "session begins: 1 workers" "$run/log.txt")" -eq 2 ] || fail "log.txt: sessions: $(cat "$run/log.txt")"
has "$run/log.txt" "INFO session ends: finished after 150 children"

# The doctor.
exits 0 "doctor of a run" "$CLADE" doctor "$run"
[ -z "$(ls "$run" | grep doctor)" ] || fail "the doctor left something behind"
exits 7 "doctor of a folder that takes no files" "$CLADE" doctor /proc
has "$work/out" "/proc: no file can be made there"
exits 0 "doctor of an experiment" "$CLADE" doctor "$work/experiment.json"
has "$work/out" "a worker about 0\.[0-9]+ GB"
exits 0 "doctor of an experiment, JSON" "$CLADE" doctor "$work/experiment.json" --json
has "$work/out" '"worker_bytes": [0-9]+'
has "$work/out" '"will_fail": 0'
exits 3 "doctor of nonsense" "$CLADE" doctor "$work/run.prom"
sed -i 's/zoo\/base/zoo\/nobody/' "$work/experiment.json"
exits 4 "doctor without a parent" "$CLADE" doctor "$work/experiment.json"
has "$work/log" "nobody"
echo "observe: followed to its death and to its end"
