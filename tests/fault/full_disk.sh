#!/usr/bin/env bash
# A search on a disk that is really full: exit code 7, a message that says so, and with more room it goes on to the run
# that never saw a full disk. What cannot be printed is a failure, too. A disk that became read-only is refused and still
# read.
. "${CLADE_SOURCE:?}/tests/small_search.sh" || exit 1
small_experiment 24
"$CLADE" search "$work/experiment.json" --run "$work/whole" 2> "$work/log" || fail "$(cat "$work/log")"
expected=$(hash_of "$work/whole")

# refused NAME CODE FRAGMENT COMMAND...
refused() {
    local name=$1 code=$2 fragment=$3 got=0
    shift 3
    "$@" 2> "$work/log" || got=$?
    [ $got -eq "$code" ] || fail "$name: exit code $got, expected $code: $(cat "$work/log")"
    grep -qE -- "$fragment" "$work/log" || fail "$name: the message lacks \"$fragment\": $(cat "$work/log")"
}

# What commands print does not fit.
for command in "front $work/whole" "front $work/whole --format csv" "status $work/whole" "status $work/whole --json" \
    "lineage $work/whole" "report $work/whole" "list methods" "inspect $work/zoo/base"; do
    refused "$command, nowhere to print" 7 "standard output: .*No space left" "$CLADE" $command > /dev/full
done

full="is full|No space left|unable to open database file"
mkdir "$work/disk"
if ! mount -t tmpfs -o size=64k tmpfs "$work/disk" 2> /dev/null; then
    # No file may be longer than this.
    for blocks in 20 150 400; do
        rm -rf "$work/run"
        refused "files of at most $blocks KiB" 7 "run|$full|large" bash -c "ulimit -f $blocks; exec \"$CLADE\" search \"$work/experiment.json\" --run \"$work/run\""
        [ ! -d "$work/run" ] || "$CLADE" resume "$work/run" 2> "$work/log" || fail "resume with room: $(cat "$work/log")"
    done
    echo "full_disk: no file system can be mounted here: only the sizes of files were limited"
    exit 0
fi
trap 'clean_up umount "$work/disk"' EXIT
failed=0
for size in 64 160 256 384 512 640 768 896 1024; do
    mount -o remount,size=${size}k "$work/disk"
    code=0
    if [ -d "$work/disk/run" ]; then
        "$CLADE" resume "$work/disk/run" 2> "$work/log" || code=$?
    else
        "$CLADE" search "$work/experiment.json" --run "$work/disk/run" 2> "$work/log" || code=$?
    fi
    [ $code -ne 0 ] || break
    [ $code -eq 7 ] && grep -qE "$full" "$work/log" || fail "$size KiB: exit code $code: $(cat "$work/log")"
    failed=$((failed + 1))
done
[ $failed -gt 2 ] || fail "the disk was full $failed times only"
mount -o remount,size=16m "$work/disk"
"$CLADE" resume "$work/disk/run" 2> "$work/log" || fail "resume with room: $(cat "$work/log")"
[ "$(hash_of "$work/disk/run")" = "$expected" ] || fail "another run hash"
cmp "$work/whole/front.csv" "$work/disk/run/front.csv"
[ "$(ls "$work/disk")" = run ] || fail "left behind: $(ls "$work/disk")"

mount -o remount,ro "$work/disk"
refused "resume on a read-only disk" 7 "[Rr]ead-only" "$CLADE" resume "$work/disk/run" --children 30
refused "search on a read-only disk" 7 "[Rr]ead-only" "$CLADE" search "$work/experiment.json" --run "$work/disk/other"
[ "$(hash_of "$work/disk/run")" = "$expected" ] || fail "read-only: status"
"$CLADE" front "$work/disk/run" > /dev/null || fail "read-only: front"
echo "full_disk: full $failed times, the same run"
