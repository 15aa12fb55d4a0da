#!/usr/bin/env bash
# Evaluations that fail, of a search in a single process and with --workers 2. The process that evaluates is killed, held, or
# crashes at any moment: the run is the undisturbed one. A child at which it crashes twice, or that takes too long, or for which
# there is not the memory, is a recorded failure with its reason, the same whoever did it; the others are scored as ever.
. "${CLADE_SOURCE:?}/tests/small_search.sh" || exit 1
command -v sqlite3 > /dev/null || { echo "skipped: sqlite3 is not here"; exit 77; }
RANDOM=${CLADE_KILL_SEED:-1}
run=$work/run
[ -z "${CLADE_LINK:-}" ] || export ASAN_OPTIONS=${ASAN_OPTIONS:+$ASAN_OPTIONS:}detect_leaks=0

# Children, from the first on, that failed, and why.
failures() { sqlite3 "$run/run.db" "SELECT child, reason FROM evaluations WHERE status <> 0 AND split = 'search' ORDER BY child"; }

begin() {
    name=$1
    shift
    rm -rf "$run"
    "$@" > /dev/null 2> "$work/log" &
    launcher=$!
}

ends() {
    local code=0 waited=0
    wait $launcher || code=$?
    [ $code -eq "$1" ] || fail "$name: exit code $code, expected $1: $(cat "$work/log")"
    while [ -n "$(evaluators)" ]; do
        waited=$((waited + 1))
        [ $waited -lt 100 ] || fail "$name: still alive: $(ps -o pid,ppid,stat,args -p "$(evaluators | paste -sd ,)")"
        sleep 0.1
    done
}

# ---- killed, held, crashed ----

# disturbed NAME SEARCH...: the evaluators are shot one after the other, each after five more children, so that no child has
# more than one of it (the window is 4): the same run.
disturbed() {
    local signals=(KILL STOP SEGV KILL ABRT HUP) shots=0 children=1 victims
    begin "$@"
    while reaches $children; do
        sleep 0.0$((RANDOM % 10))
        victims=($(evaluators))
        [ ${#victims[@]} -gt 0 ] || continue
        ! kill -${signals[$((shots % 6))]} ${victims[$((RANDOM % ${#victims[@]}))]} 2> /dev/null || shots=$((shots + 1))
        children=$(($(number children "$run") + 5))
    done
    ends 0
    [ "$(hash_of "$run")" = "$expected" ] || fail "$name: another run hash after $shots shots: $(failures) $(cat "$work/log")"
    [ $shots -ge 4 ] || fail "$name: only $shots evaluators were shot; make the experiment larger"
    echo "evaluator: $name: $shots evaluators shot, the same run"
}

small_experiment 60 32
"$CLADE" search "$work/experiment.json" --run "$work/whole" 2> "$work/log" || fail "$(cat "$work/log")"
expected=$(hash_of "$work/whole")
search=("$CLADE" search "$work/experiment.json" --run "$run")
begin "the first to go" "${search[@]}"
until_children 1
[ "$(cat "/proc/$(evaluators)/oom_score_adj")" = 1000 ] || fail "$name: the kernel would end others for memory before it"
kill -TERM $launcher
ends 75
disturbed "single" "${search[@]}"
jobs=
command -v mpirun > /dev/null && jobs=1
[ -z "$jobs" ] || disturbed "two ranks" "${search[@]}" --workers 2
[ -z "$jobs" ] || disturbed "a group of two" "${search[@]}" --workers 2 --group 2

# ---- children at which evaluators always fail ----

# A library for the evaluators alone: at child CLADE_TEST_CHILD of the search it does what CLADE_TEST_DOES says.
if [ -z "${CLADE_LINK:-}" ]; then
    cat > "$work/bad.c" << 'END'
#define _GNU_SOURCE
#include <dlfcn.h>
#include <signal.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

/* As in search/channel.c and search/pool_link.h. */
struct frame { uint64_t length; int32_t peer, tag; };
struct result { struct frame head; uint64_t epoch, job; double seconds; int64_t status, cause; char text[8]; };
enum { JOB = 3, RESULT = 4, SHARE = 7 };

static void act(const char *does, uint64_t job)
{
    struct result result = {{sizeof result - sizeof result.head - 1, 0, RESULT}, 0, job, 0.5, 0, 0, "{\"x\":1}"};
    if (strcmp(does, "crash") == 0)
        raise(SIGSEGV);
    if (strcmp(does, "exit") == 0)
        _exit(3);
    if (strcmp(does, "hang") == 0)
        for (;;)
            pause();
    if (strcmp(does, "garbage") == 0)
        write(0, "this is no frame at all, but long enough", 40);
    if (strcmp(does, "score") == 0)
        write(0, &result, sizeof result - 1);
    pause();
}

ssize_t recv(int fd, void *bytes, size_t wanted, int flags)
{
    static struct frame head;
    const char *child = getenv("CLADE_TEST_CHILD"), *does = getenv("CLADE_TEST_DOES");
    const ssize_t got = ((ssize_t(*)(int, void *, size_t, int))dlsym(RTLD_NEXT, "recv"))(fd, bytes, wanted, flags);
    uint64_t job[2];
    if (fd == 0 && got == (ssize_t)sizeof head && wanted == sizeof head) {
        memcpy(&head, bytes, sizeof head);
    } else if (fd == 0 && child && does && got > 16 && (head.tag == JOB || head.tag == SHARE)) {
        memcpy(job, bytes, sizeof job);
        if (job[0] == strtoull(child, NULL, 10) && job[1] == 0)
            act(does, job[0]);
        head.tag = 0;
    }
    return got;
}
END
    "${CC:-cc}" -shared -fPIC -o "$work/bad.so" "$work/bad.c" -ldl 2> "$work/log" || fail "$(cat "$work/log")"
fi

# fails DOES REASON OPTION...: child 7 is a recorded failure for REASON, the same in one process, over ranks, and in a group.
fails() {
    local does=$1 reason=$2 how first=
    shift 2
    for how in "" "--workers 2" "--workers 2 --group 2"; do
        [ -z "$how" ] || [ -n "$jobs" ] || continue
        [ "$does" != score ] || how=${how/2*/3} # two ranks are given up for what they sent
        begin "$does $how" env CLADE_TEST_CHILD=7 CLADE_TEST_DOES="$does" LD_PRELOAD="$work/bad.so" "${search[@]}" "$@" $how
        ends 0
        [ "$(failures)" = "7|$reason" ] || fail "$name: found failures $(failures), expected 7|$reason: $(cat "$work/log")"
        contents "$run" > "$work/contents"
        [ -n "$first" ] || { first=1; cp "$work/contents" "$work/first"; }
        cmp "$work/first" "$work/contents" || fail "$name: another run than in one process"
    done
    "$CLADE" status "$run" | grep -q "x 1, first child 7" || fail "$does: not in status: $("$CLADE" status "$run")"
    echo "evaluator: $does: a recorded failure: $reason"
}

if [ -z "${CLADE_LINK:-}" ]; then
    small_experiment 16 16 '"references": false,'
    fails crash "killed by signal 11 (Segmentation fault)"
    fails exit "ended with exit code 3"
    fails hang "took longer than its time limit" --evaluation-time 4.5
    fails garbage "cannot be understood: channel: found a message with tag 1701667186, which there is not"
    fails score 'what came is no score: score: unknown key "x"; known: tasks, mean, images, stopped'
fi

# ---- too little memory ----

# limited KILOBYTES OPTION...: a search with so much for an evaluation: its exit code.
limited() {
    local code=0
    rm -rf "$run"
    "${search[@]}" --evaluation-memory $1K "${@:2}" > /dev/null 2> "$work/log" || code=$?
    case $code in 0 | 6) ;; 7) grep -q "out of memory: [0-9]* bytes for" "$work/log" ;; *) false ;; esac ||
        fail "memory: exit code $code: $(cat "$work/log")"
    return $code
}

# With the least that lets an evaluator begin there is none left for children, and they say so; with much all is well.
if [ -z "${CLADE_LINK:-}" ]; then
    small_experiment 4 336 '"references": false,'
    low=0 high=65536
    limited $high && [ -z "$(failures)" ] || fail "memory: 64 MiB are not enough: $(failures)"
    while [ $((high - low)) -gt 16 ]; do
        middle=$(((low + high) / 2)) code=0
        limited $middle || code=$?
        [ $code -eq 7 ] && low=$middle || high=$middle
    done
    for how in "" ${jobs:+"--workers 2"}; do
        for ((more = 0; more < 10; more++)); do # what it has when it begins is not the same each time
            code=0
            limited $high $how || code=$?
            [ $code -eq 7 ] || break
            high=$((high + 32))
        done
        [ $code -ne 7 ] || fail "memory: $how: $(cat "$work/log")"
        [ "$(failures | grep -c "|out of memory: [0-9]* bytes for")" -ge 3 ] || fail "memory: $how: found failures $(failures)"
        echo "evaluator: memory: $how: with $high KiB $(failures | wc -l) recorded failures"
    done
fi
for wrong in "--evaluation-memory 0" "--evaluation-memory 12Q" "--evaluation-memory -1" "--evaluation-memory 3GB" \
    "--evaluation-time 0" "--evaluation-time 1e3" "--evaluation-time x"; do
    code=0
    "${search[@]}" $wrong 2> "$work/log" || code=$?
    [ $code -eq 2 ] && grep -q -- "${wrong% *}: found" "$work/log" || fail "$wrong: exit code $code: $(cat "$work/log")"
done
echo "evaluator: all is well"
