#!/usr/bin/env bash
# Fuzz: run.sh FOLDER CPU_SECONDS TARGET...
#
# Each target of the build `cmake --preset fuzz` (its folder in BUILD, build/fuzz by default) in turn, from its stored
# corpus, until it has used up its seconds of CPU, however busy the machine is. FOLDER keeps the inputs that were found
# (a later call goes on from them), what was wrong (findings/TARGET/) and a log of each start. A row for each target on
# stdout: seconds, executions, edges that the corpus reaches, inputs, findings; with findings it ends with 1. Into the
# stored corpus:
#   build/fuzz/tests/fuzz_TARGET -merge=1 -max_len=4096 tests/fuzz/corpus/TARGET FOLDER/corpus/TARGET
set -eu
here=$(cd "$(dirname "$0")" && pwd)
build=${BUILD:-$here/../../build/fuzz}
folder=$1 seconds=$2
shift 2
most_findings=5
mkdir -p "$folder"
TMPDIR=$(mktemp -d /dev/shm/clade-fuzz.XXXXXX 2>/dev/null || mktemp -d)
export TMPDIR
child=
trap '[ -z "$child" ] || kill -9 "$child" 2>/dev/null; rm -rf "$TMPDIR"' EXIT

# Hundredths of a second of CPU that the process $1 has used; nothing when it has ended.
used() {
    sed -n 's/.*) //p' "/proc/$1/stat" 2>/dev/null | awk -v tick="$(getconf CLK_TCK)" '$1 != "Z" { printf "%d", ($12 + $13) * 100 / tick }'
}

# The number behind $1 in the last line of $2 that has it, or 0.
last_number() {
    sed -n "s/.*$1 *\([0-9][0-9]*\).*/\1/p" "$2" | tail -n 1 | grep . || echo 0
}

# fuzz TARGET HUNDREDTHS: once, until these are used up or something is wrong; what was used in $spent, its log in $log.
fuzz() {
    log=$(mktemp "$folder/log/$1.XXXXXX")
    nice -n 19 "$build/tests/fuzz_$1" -max_total_time=0 -rss_limit_mb=2048 -timeout=25 -print_final_stats=1 \
        -artifact_prefix="$folder/findings/$1/" "$folder/corpus/$1" "$here/corpus/$1" >"$log" 2>&1 &
    child=$!
    spent=0
    while now=$(used "$child") && [ -n "$now" ]; do
        spent=$now
        [ "$spent" -lt "$2" ] || kill -INT "$child" 2>/dev/null || true
        sleep 1
    done
    wait "$child" || true
    child=
}

failed=0
for target in "$@"; do
    mkdir -p "$folder/corpus/$target" "$folder/findings/$target" "$folder/log"
    total=0 runs=0 findings=0
    while [ $((seconds * 100 - total)) -gt 100 ] && [ "$findings" -lt "$most_findings" ]; do
        fuzz "$target" $((seconds * 100 - total))
        total=$((total + spent + 1))
        runs=$((runs + $(last_number stat::number_of_executed_units: "$log")))
        findings=$(find "$folder/findings/$target" -type f | wc -l)
    done
    inputs=$(find "$folder/corpus/$target" -type f | wc -l)
    echo "| $target | $((total / 100)) | $runs | $(last_number cov: "$log") | $inputs | $findings |"
    [ "$findings" -eq 0 ] || failed=1
done
exit $failed
