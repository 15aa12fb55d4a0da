#!/usr/bin/env bash
# The N-th call fails: every allocation, read, write, sync, name, look at a file and new process or thread of the
# commands as a user runs them (calls/fail.c makes them fail). Whichever it is: no crash, no hang, no leak, no report of a
# sanitizer, and no lie in the exit code. That is 0 with all that the undisturbed command gives, or a code for what
# happened with one message; what a command that failed left behind is whole or absent, and the same command, or `clade
# resume`, comes to the undisturbed end.
#
#   calls.sh                                     a part of all N, as the test suite runs it
#   calls.sh [--thorough] [COMMAND [CLASS [N]]]  every N; of one command ("": of all), of one class, or just one N
#   CLADE_FAULT_JOBS=N                         so many at a time (2)
#   CLADE_FAULT_LOG=FILE                       gets a line of every call that failed, with the message
. "${CLADE_SOURCE:?}/tests/fault/calls/try.sh" || exit 1
thorough=
if [ "${1:-}" = --thorough ]; then
    thorough=1
    shift
fi
only_command=${1:-} only_class=${2:-} only_n=${3:-}
jobs=${CLADE_FAULT_JOBS:-2}
# In the suite the first FIRST calls, and about PARTS of the others; fewer in a sanitized build, which is slow.
first=3 parts=4
[ -z "${CLADE_LINK:-}" ] || first=1 parts=1

# words_of COMMAND: its words, and in $kind what it makes: print, file, folder, run (a new one) or resume.
words_of() {
    kind=print
    case $1 in
    status) words=(status "$work/whole" --json) ;;
    front) words=(front "$work/whole") ;;
    lineage) words=(lineage "$work/whole" --format json) ;;
    report) words=(report "$work/whole") ;;
    inspect) words=(inspect "$work/zoo/base" "$work/zoo/digits" --json) ;;
    list) words=(list algorithms) ;;
    doctor) words=(doctor) ;;
    eval) words=(eval "$work/zoo/base" --probes "$work/zoo/probes.json" --corruption jpeg:3 --corruption motion_blur:2) ;;
    forward) kind=file words=(forward "$work/zoo/base" "$work/inputs.safetensors" "$here/out") ;;
    merge) kind=folder words=(merge "$work/ties.yml" "$here/out" --shard-size 1 --threads 2 --verify) ;;
    merge_child) kind=folder words=(merge "$work/whole:1" "$here/out") ;;
    search) kind=run words=(search "$work/experiment.json" --run "$here/out") ;;
    resume) kind=resume words=(resume "$here/out" --children 5) ;;
    esac
}
all_commands="status front lineage report inspect list doctor eval forward merge merge_child search resume"
all_classes="memory memory+ read write write+ sync name look process short interrupt"
run_classes="memory@ read@ write@ name@ look@ process@ interrupt@"

# ---- all of them ----

# count_calls COMMAND CLASS: without a failure, in $count; nothing of the evaluator, which does not say.
count_calls() {
    local command=$1 words kind stderr
    words_of $1
    prepare
    clade_with $2 0 "${words[@]}" || echo "FAILED: $*: $stderr" >> "$here/found"
    count=
    read -r _ _ count < "$here/report" || true
}

# try_all COMMAND CLASS NUMBER: until there is no such call, worker NUMBER's part; in the suite the first ones, then in
# steps, which grow where it is not known how many there are.
try_all() {
    local count n=1 step=1
    count_calls $1 $2
    [ $3 -ne 0 ] || echo "$1 $2 ${count:-some}" >> "$work/counts"
    while [ $n -le ${count:-$n} ]; do
        turn=$((turn + 1))
        if [ $((turn % jobs)) -eq $3 ]; then
            try $1 $2 $n || break
        fi
        [ -n "$thorough" ] || [ $n -le $first ] || step=$((1 + ${count:-$((parts * n / 2))} / parts))
        n=$((n + step))
    done
}

# worker NUMBER: its part of all tries, in a folder of its own.
worker() {
    local here=$work/worker$1 turn=0 command class kind words classes
    mkdir "$here"
    for command in ${only_command:-$all_commands}; do
        words_of $command
        classes=$all_classes
        [ $kind != run ] && [ $kind != resume ] || classes="$classes $run_classes"
        for class in ${only_class:-$classes}; do
            if [ -z "$only_n" ]; then
                try_all $command $class $1
            elif [ $1 -eq 0 ]; then
                try $command $class $only_n || true
            fi
        done
    done
}

fail_library "${CC:-cc}" "$CLADE_SOURCE"/tests/fault/calls/fail{,_files,_stdio}.c
undisturbed
for ((job = 0; job < jobs; job++)); do
    worker $job &
done
wait
[ -z "${CLADE_FAULT_LOG:-}" ] || cat "$work"/worker*/tries > "$CLADE_FAULT_LOG"
cat "$work"/worker*/tries 2> /dev/null | cut -d ' ' -f 1-3 | sort | uniq -c | awk -v counts="$work/counts" '
    BEGIN { while ((getline line < counts) > 0) { split(line, word); calls[word[1] " " word[2]] = word[3] } }
    { key = $2 " " $3; tried[key] += $1; all += $1; codes[key] = codes[key] ", " $1 " times " $4 }
    END {
        for (key in calls) printf "%s: %s calls, %d failed%s\n", key, calls[key], tried[key], codes[key] | "sort"
        close("sort")
        print "calls: " all + 0 " calls that failed"
    }'
cat "$work"/worker*/found > "$work/found" 2> /dev/null || true
[ ! -s "$work/found" ] || fail "$(cat "$work/found")"
[ -s "$work/worker0/tries" ] || fail "no call failed"
