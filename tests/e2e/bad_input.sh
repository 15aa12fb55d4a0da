#!/usr/bin/env bash
# Bad input, one row each: what is broken, the exit code, and what the one message must say (file, place, found, expected).
# CLADE: the program; CLADE_SOURCE: the source folder (the demo zoo is broken here, in copies).
set -uo pipefail
zoo=$CLADE_SOURCE/experiments/demo/zoo
work=$(mktemp -d)
trap 'chmod -R u+w "$work" 2>/dev/null; umount "$work/full" 2>/dev/null; rm -rf "$work"' EXIT
passed=0 failed=0 skipped=0

# A fresh copy of the demo zoo with a small experiment in $work/zoo; $model is one parent's folder name.
fresh() {
    rm -rf "$work/zoo" "$work/run"
    cp -r "$zoo" "$work/zoo"
    chmod -R u+w "$work/zoo"
    sed -e 's#"zoo/#"#g' "$CLADE_SOURCE/experiments/demo/experiment.json" > "$work/zoo/experiment.json"
}
fresh
model=$(cd "$work/zoo" && ls -d */ | tr -d / | grep -v '^base$' | head -1)
weights=$work/zoo/$model/model.safetensors
search() { "$CLADE" search "$work/zoo/experiment.json" --run "$work/run" --children 2 "$@"; }

# row NAME CODE "FRAGMENT|FRAGMENT..." COMMAND...: runs COMMAND, compares the exit code, wants every fragment on stderr.
row() {
    local name=$1 code=$2 fragments=$3 got message problem=""
    shift 3
    message=$("$@" 2>&1 >/dev/null </dev/null)
    got=$?
    [ "$got" -eq "$code" ] || problem="exit code $got, expected $code"
    while IFS= read -r fragment; do
        case $message in *"$fragment"*) ;; *) problem="$problem; message lacks \"$fragment\"" ;; esac
    done < <(printf '%s\n' "$fragments" | tr '|' '\n')
    if [ -n "$problem" ]; then
        printf 'FAILED %s: %s\n  message: %s\n' "$name" "$problem" "$message"
        failed=$((failed + 1))
    else
        passed=$((passed + 1))
    fi
}
skip() { echo "skipped $1: $2"; skipped=$((skipped + 1)); }
# Replace text in a file of the copy.
edit() { sed -i -e "$2" "$work/zoo/$1"; }
header_bytes() { od -An -t u8 -N 8 "$1" | tr -d ' '; }
# Overwrite bytes of the first tensor's data with NaN (all ones is NaN in every float dtype).
poison() { printf '\377\377\377\377' | dd of="$1" bs=1 seek=$((8 + $(header_bytes "$1") + ${2:-0})) conv=notrunc status=none; }

fresh; rm "$weights"
row "missing checkpoint file" 4 "$model|model.safetensors" search
fresh; rm -r "$work/zoo/$model"
row "missing checkpoint folder" 4 "$model" search
fresh; truncate -s -100 "$weights"
row "truncated checkpoint" 4 "$model/model.safetensors|ends at|but only" search
fresh; printf 'x' | dd of="$weights" bs=1 seek=12 conv=notrunc status=none
row "broken header" 4 "model.safetensors" search
fresh; poison "$weights"
row "NaN weights" 4 "$model|element 0 is NaN|expected a finite number" search
# Edits of the header that keep its length: another name, another shape of as many elements.
fresh; LC_ALL=C sed -i -e '1s/pre_layrnorm/pre_layrnorn/g' "$weights"
row "parent with other tensors" 5 "$model|pre_layrnorm" search
fresh
projection=$(LC_ALL=C grep -a -o '"visual_projection.weight":{[^}]*"shape":\[[0-9]*,[0-9]*\]' "$weights" | grep -o '\[.*\]')
swapped=$(echo "$projection" | sed -e 's/\[\([0-9]*\),\([0-9]*\)\]/[\2,\1]/')
if [ "$projection" != "$swapped" ]; then
    LC_ALL=C sed -i -e "s/\(\"visual_projection.weight\":{[^}]*\"shape\":\)\[[0-9]*,[0-9]*\]/\1$swapped/" "$weights"
    row "parent with another shape" 5 "$model|visual_projection.weight|found|expected" search
else
    skip "parent with another shape" "the projection is square"
fi
fresh; edit experiment.json 's/"window"/"windw"/'
row "unknown key" 3 'experiment.json|windw|did you mean "window"' search
fresh; edit experiment.json 's/"window": *[0-9]*/"window": "four"/'
row "wrong type" 3 'experiment.json|window|found|expected' search
fresh; edit experiment.json 's/"methods": *\[[^]]*\]/"methods": ["tyes"]/'
row "unknown method" 3 'experiment.json|tyes|did you mean' search
fresh; edit experiment.json 's/"clade": *1/"clade": 99/'
row "experiment of another version" 3 'experiment.json|99' search
fresh; tr '\n' ' ' < "$work/zoo/experiment.json" | sed -e 's/"parents": *{[^}]*}/"parents": {}/' > "$work/zoo/e2.json"; mv "$work/zoo/e2.json" "$work/zoo/experiment.json"
row "empty parents" 3 'experiment.json|parents' search
fresh; tr '\n' ' ' < "$work/zoo/probes.json" | sed -e 's/"search": *\[[^]]*\]/"search": [0, 999999]/' > "$work/zoo/p2.json"; mv "$work/zoo/p2.json" "$work/zoo/probes.json"
row "split out of range" 3 'probes.json|search' search
fresh; tr '\n' ' ' < "$work/zoo/probes.json" | sed -e 's/"holdout": *\[ *\([0-9]*\)[^]]*\]/"holdout": [\1, 999999]/' > "$work/zoo/p2.json"; mv "$work/zoo/p2.json" "$work/zoo/probes.json"
row "holdout out of range" 3 ', 999999], expected one that ends within' search
row "holdout out of range, nothing made" 1 '' test -e "$work/run"
row "holdout out of range, to the doctor" 3 ', 999999], expected one that ends within' "$CLADE" doctor "$work/zoo/experiment.json"
fresh; tr '\n' ' ' < "$work/zoo/probes.json" | sed -e 's/"search": *\[ *0, *[0-9]*/"search": [10, 5/' -e 's/"holdout"/"holdout_"/' > "$work/zoo/p2.json"; mv "$work/zoo/p2.json" "$work/zoo/probes.json"
row "reversed split and unknown split" 3 'probes.json|search|holdout_' search
fresh; LC_ALL=C sed -i -e 's/\[10,32\]/[20,16]/' "$work/zoo/heads.safetensors"
row "head of another width" 5 'heads.safetensors|16|32' search
fresh
sed -i -e 's/"tensor": *"[^"]*"/"tensor": "nothere"/' "$work/zoo/probes.json"
row "missing head" 4 'heads.safetensors|nothere' search
fresh; labels=$(cd "$work/zoo" && find . -type f -name '*labels*' | head -1)
if [ -n "$labels" ]; then
    gzip -dc "$work/zoo/$labels" > "$work/plain" 2>/dev/null || cp "$work/zoo/$labels" "$work/plain"
    printf '\377' | dd of="$work/plain" bs=1 seek=8 conv=notrunc status=none
    cp "$work/plain" "$work/zoo/$labels"
    row "label out of range" 4 'label|255' search
    fresh; images=$(cd "$work/zoo" && find . -type f -name '*images*' | head -1); truncate -s -50 "$work/zoo/$images"
    row "truncated images" 4 "$(basename "$images")" search
fi
fresh; mkdir "$work/run"
row "run folder exists" 2 "$work/run|resume" search
fresh
row "no experiment" 4 "nothere.json" "$CLADE" search "$work/zoo/nothere.json" --run "$work/run"
row "no --run" 2 "--run" "$CLADE" search "$work/zoo/experiment.json"
row "unknown option" 2 "did you mean" "$CLADE" search "$work/zoo/experiment.json" --rum "$work/run"
row "unknown command" 2 'did you mean "search"' "$CLADE" serch
row "resume of nothing" 4 "nothere" "$CLADE" resume "$work/nothere"
row "merge into a folder that exists" 2 "$work/zoo/base" "$CLADE" merge "$work/zoo/experiment.json" "$work/zoo/base"
row "hub name instead of a folder" 4 "openai/clip-vit-base-patch32" "$CLADE" inspect openai/clip-vit-base-patch32
row "inspect of a text file" 4 "probes.json" "$CLADE" inspect "$work/zoo/probes.json"

# A ledger of a newer version, and a file that is no ledger.
fresh
if search > /dev/null 2>&1; then
    sqlite3 "$work/run/run.db" "UPDATE meta SET value = '99' WHERE key = 'version'" 2>/dev/null
    row "ledger of a newer version" 4 "run.db|99" "$CLADE" resume "$work/run"
    echo "this is no database, but long enough to look like one" > "$work/run/run.db"
    row "file that is no ledger" 4 "run.db" "$CLADE" status "$work/run"
else
    echo "FAILED: the unbroken search failed"; failed=$((failed + 1))
fi

# Read-only folder: root may write anywhere, so it is tried as another user.
fresh; mkdir "$work/readonly"; chmod 555 "$work/readonly"
if [ "$(id -u)" -ne 0 ]; then
    row "read-only folder" 7 "readonly|Permission denied" "$CLADE" search "$work/zoo/experiment.json" --run "$work/readonly/run" --children 2
elif command -v setpriv >/dev/null && chmod -R a+rX "$work" && setpriv --reuid=65534 --regid=65534 --clear-groups test -x "$CLADE" -a -r "$work/zoo/experiment.json"; then
    row "read-only folder" 7 "readonly|Permission denied" setpriv --reuid=65534 --regid=65534 --clear-groups "$CLADE" search "$work/zoo/experiment.json" --run "$work/readonly/run" --children 2
else
    skip "read-only folder" "root, and no other user can run the program"
fi

# Disk full: a tiny file system where that is allowed, else a limit on the size of files.
fresh; mkdir -p "$work/full"
if mount -t tmpfs -o size=64k tmpfs "$work/full" 2>/dev/null; then
    row "disk full" 7 "$work/full" "$CLADE" search "$work/zoo/experiment.json" --run "$work/full/run" --children 8
    umount "$work/full"
else
    row "disk full (file size limit)" 7 "run" bash -c "ulimit -f 16; exec \"$CLADE\" search \"$work/zoo/experiment.json\" --run \"$work/full/run\" --children 8"
fi

# A budget that ends before any child was scored on all items.
fresh
sed -z -i -e 's/"algorithm": {[^}]*}/"algorithm": "minibatch", "hand_made": false, "references": false/' \
    -e 's/"children": 600/"images": 100/' "$work/zoo/experiment.json"
row "no child scored whole" 0 "the front is empty" "$CLADE" search "$work/zoo/experiment.json" --run "$work/run"
row "no child scored whole: report" 0 "" "$CLADE" report "$work/run"

echo "$passed passed, $failed failed, $skipped skipped"
[ "$failed" -eq 0 ]
