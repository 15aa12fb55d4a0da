#!/usr/bin/env bash
# A merge that is stopped, killed, or loses its disk or a parent on the way leaves nothing under the final name, and the
# same command goes on to the same bytes. Every shard is synced, so that there is time to do all this to it.
. "${CLADE_SOURCE:?}/tests/small_merge.sh" || exit 1
shards=24
tensors=$(for i in $(seq -w $shards); do echo "model.layers.$i.w:F32:500,500"; done)
for parent in base:0 a:1 b:2 c:3; do model "${parent%:*}" "${parent#*:}" $tensors; done
yaml ties.yml ties base a b
yaml other.yml linear - a b
options="--shard-size 1 --threads 2"
check "undisturbed" merge ties.yml whole $options
check "undisturbed, another" merge other.yml whole_other $options
expected=$(weights "$work/whole")
[ "$(ls "$work/whole" | grep -c 'safetensors$')" -eq $shards ] || wrong "expected $shards shards"

# start YAML: in the background, until two shards are done, and then held. Its output is $work/out.
start() {
    local i=0
    "$CLADE" merge "$work/$1" "$work/out" $options > /dev/null 2> "$work/err" &
    pid=$!
    until [ "$(ls "$work/out.partial" 2> /dev/null | grep -c '\.part$')" -ge 2 ]; do
        i=$((i + 1))
        [ $i -lt 4000 ] && kill -0 $pid 2> /dev/null || { wrong "$1: never had two shards: $(cat "$work/err")"; return 1; }
        sleep 0.005
    done
    kill -STOP $pid
    [ ! -e "$work/out" ] || wrong "$1: was too quick to be disturbed; make it larger"
}
# ends NAME CODE FRAGMENT...: the held merge goes on and ends so, with nothing under the final name.
ends() {
    local name=$1 code=$2 got=0 message fragment
    kill -CONT $pid
    wait $pid || got=$?
    message=$(cat "$work/err")
    [ $got -eq "$code" ] || wrong "$name: exit code $got, expected $code: $message"
    for fragment in "${@:3}"; do
        case $message in *"$fragment"*) passed=$((passed + 1)) ;; *) wrong "$name: message lacks \"$fragment\": $message" ;; esac
    done
    check "$name: nothing under the final name" test ! -e "$work/out"
}
# again NAME FRAGMENT [YAML WHOLE]: the next run says so and makes the whole.
again() {
    check "$1: again" merge "${3:-ties.yml}" out $options
    grep -q -- "$2" "$work/err" || wrong "$1: again: message lacks \"$2\": $(cat "$work/err")"
    check "$1: the same folder" diff -r "$work/${4:-whole}" "$work/out"
    check "$1: nothing beside it" test "$(ls -A "$work" | grep -c '^out')" -eq 1
    rm -rf "$work/out"
}
going_on="going on: [1-9][0-9]* of $shards shards are done"

if start ties.yml; then
    kill -INT $pid
    ends "interrupt" 75 "interrupted" "out.partial" "goes on"
    again "interrupt" "$going_on"
fi
if start ties.yml; then
    kill -TERM $pid
    ends "terminate" 75 "interrupted"
    shard=$(ls "$work/out.partial"/*.part | head -1)
    printf 'x' | dd of="$shard" bs=1 seek=100000 conv=notrunc status=none
    again "a shard that changed meanwhile" "is not as it was written"
fi
if start ties.yml; then
    row "two merges of one output" 2 "out.partial|locked" "$CLADE" merge "$work/ties.yml" "$work/out" $options
    kill -INT $pid
    ends "interrupted holder" 75
    again "after two merges" "$going_on"
fi
if start ties.yml; then
    kill -INT $pid
    ends "before another recipe" 75
    again "another recipe" "starting over" other.yml whole_other
fi
if start ties.yml; then
    kill -INT $pid
    ends "before another parent" 75
    mv "$work/b" "$work/b.before"
    cp -r "$work/c" "$work/b"
    check "another parent" merge ties.yml out $options
    grep -q "starting over" "$work/err" || wrong "another parent: $(cat "$work/err")"
    rm -rf "$work/b" "$work/out"
    mv "$work/b.before" "$work/b"
fi

# Killed at any moment until it gets through.
round=0
while [ $round -lt 60 ]; do
    "$CLADE" merge "$work/ties.yml" "$work/out" $options > /dev/null 2> "$work/err" &
    pid=$!
    sleep "$(awk -v r=$round 'BEGIN { printf "%.3f", 0.02 + (r * 37 % 90) / 400 + r / 40 }')"
    kill -KILL $pid 2> /dev/null
    code=0
    wait $pid 2> /dev/null || code=$?
    [ $code -eq 137 ] || break
    [ -e "$work/out" ] && break
    round=$((round + 1))
done
[ $round -gt 0 ] || wrong "was never killed"
if [ ! -e "$work/out" ]; then
    check "after $round kills" merge ties.yml out $options
fi
check "after $round kills: the same weights" test "$(weights "$work/out")" = "$expected"
check "after $round kills: nothing beside it" test "$(ls -A "$work" | grep -c '^out')" -eq 1
rm -rf "$work/out"

# A parent that is cut in the middle of the merge.
cp "$work/a/model.safetensors" "$work/a.before"
if start ties.yml; then
    truncate -s $(($(stat -c %s "$work/a/model.safetensors") * 6 / 10)) "$work/a/model.safetensors"
    ends "parent cut" 4 "a/model.safetensors" "shortened"
    row "parent still cut" 4 "a/model.safetensors|the file is cut" "$CLADE" merge "$work/ties.yml" "$work/out" $options
    cp "$work/a.before" "$work/a/model.safetensors"
    again "parent whole again" "$going_on"
fi
cp "$work/a.before" "$work/a/model.safetensors"

# A disk that is full: from the start, in the middle, and at a limit of the size of files.
mkdir "$work/disk"
if mount -t tmpfs -o size=40m tmpfs "$work/disk" 2> /dev/null; then
    trap 'clean_up umount "$work/disk"' EXIT
    head -c 30M /dev/zero > "$work/disk/filler"
    row "no room" 7 "disk/out|still to be written|has only" "$CLADE" merge "$work/ties.yml" "$work/disk/out" $options
    check "no room: nothing is left" test "$(ls -A "$work/disk")" = filler
    rm "$work/disk/filler"
    ln -s "$work/disk/out.partial" "$work/out.partial"
    "$CLADE" merge "$work/ties.yml" "$work/disk/out" $options > /dev/null 2> "$work/err" &
    pid=$!
    until [ -e "$work/disk/out" ] || [ "$(ls "$work/disk/out.partial" 2> /dev/null | grep -c '\.part$')" -ge 2 ]; do sleep 0.005; done
    kill -STOP $pid
    rm "$work/out.partial"
    if [ ! -e "$work/disk/out" ]; then
        head -c 40M /dev/zero > "$work/disk/filler" 2> /dev/null
        ends "disk filled meanwhile" 7 "disk/out.partial" "No space left"
        check "disk filled meanwhile: nothing under the final name" test ! -e "$work/disk/out"
        rm "$work/disk/filler"
        check "room again" merge ties.yml disk/out $options
        grep -q -- "$going_on" "$work/err" || wrong "room again: $(cat "$work/err")"
        check "room again: the same folder" diff -r "$work/whole" "$work/disk/out"
    else
        kill -CONT $pid
        wait $pid
        skip "disk filled meanwhile: the merge was done before"
    fi
else
    skip "a full disk: no file system can be mounted here"
fi
row "limit of the size of files" 7 "out" bash -c "ulimit -f 100; trap '' XFSZ; \"$CLADE\" merge \"$work/ties.yml\" \"$work/out\"; code=\$?; rm -rf \"$work/out.partial\"; exit \$code"
finish
