#!/usr/bin/env bash
# One coordinator for each run: while the first lives, or is stopped, a second is refused, and told who has the run; once
# it is dead the second is let in, at once, and comes to the same run.
. "${CLADE_SOURCE:?}/tests/small_search.sh" || exit 1
[ -z "${CLADE_LINK:-}" ] || export ASAN_OPTIONS=${ASAN_OPTIONS:+$ASAN_OPTIONS:}detect_leaks=0 # Open MPI's
small_experiment 300 32
"$CLADE" search "$work/experiment.json" --run "$work/whole" 2> "$work/log" || fail "$(cat "$work/log")"
run=$work/run

# refused NAME COMMAND...: with the message in $work/NAME.
refused() {
    local log=$work/$1 code=0
    shift
    "$@" > /dev/null 2> "$log" || code=$?
    [ $code -eq 2 ] || fail "$*: exit code $code, expected 2: $(cat "$log")"
    grep -q "another process is writing this run: process $owner on $(hostname), since 20" "$log" ||
        fail "$*: not told who: $(cat "$log")"
}
says() { grep -q -- "$2" "$work/$1" || fail "$1 lacks \"$2\": $(cat "$work/$1")"; }

"$CLADE" search "$work/experiment.json" --run "$run" > /dev/null 2> "$work/log" &
owner=$!
until [ "$(number children "$run" 2> /dev/null || echo 0)" -gt 3 ]; do
    kill -0 $owner || fail "the search ended: $(cat "$work/log")"
    sleep 0.1
done
kill -STOP $owner # so that it does not end meanwhile
"$CLADE" status "$run" > "$work/status"
says status "^session   process $owner on $(hostname), since"
others=()
refused again "$CLADE" resume "$run" &
others+=($!)
refused larger "$CLADE" resume "$run" --children 400 &
others+=($!)
if command -v mpirun > /dev/null; then
    refused job "$CLADE" resume "$run" --workers 2 &
    others+=($!)
fi
if unshare --uts true 2> /dev/null; then # another name of this host
    refused fresh unshare --uts sh -c 'hostname node17; exec "$@"' - "$CLADE" resume "$run"
fi
for other in "${others[@]}"; do wait $other || exit 1; done
says again "it is stopped: kill -CONT $owner lets it go on"
cmp <("$CLADE" status "$run") "$work/status" || fail "who was refused changed the run"

kill -KILL $owner
wait $owner 2> /dev/null || true
"$CLADE" status "$run" > "$work/status"
says status "^session   none; the last one, process $owner on $(hostname), .* was ended in its work"
SECONDS=0
"$CLADE" resume "$run" 2> "$work/log" || fail "not let in: $(cat "$work/log")"
[ "$(hash_of "$run")" = "$(hash_of "$work/whole")" ] || fail "another run"
[ ! -s "$run/run.db.lock" ] || fail "a name is left in the lock: $(cat "$run/run.db.lock")"
"$CLADE" status "$run" > "$work/status"
! grep -q "^session" "$work/status" || fail "somebody is at work: $(cat "$work/status")"
echo "kill_owner: ${#others[@]} were refused, the same run"
