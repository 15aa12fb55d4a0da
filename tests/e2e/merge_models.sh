#!/usr/bin/env bash
# clade merge and the models it is given: several documents, children of runs, names of the hub, plans, what it says.
# CLADE: the program; CLADE_SOURCE: the source folder.
source "$CLADE_SOURCE/tests/small_search.sh"
cp -r "$zoo" "$work/zoo"
chmod -R u+w "$work/zoo"
cd "$work"

same() { cmp "$1/model.safetensors" "$2/model.safetensors" || fail "$1 and $2 differ"; }
says() { grep -qF -- "$2" "$1" || { cat "$1" >&2; fail "$1 lacks: $2"; }; }
lacks() { ! grep -qF -- "$2" "$1" || { cat "$1" >&2; fail "$1 has: $2"; }; }
# refused CODE COMMAND...: the exit code; the message is in $work/message.
refused() {
    local code=$1 got=0
    shift
    "$@" > "$work/output" 2> "$work/message" < /dev/null || got=$?
    [ "$got" -eq "$code" ] || { cat "$work/message" >&2; fail "$*: exit code $got, expected $code"; }
}
# linear WEIGHT MODEL WEIGHT MODEL: a document.
linear() {
    printf 'merge_method: linear\nmodels:\n'
    printf '  - {model: "%s", parameters: {weight: %s}}\n' "$2" "$1" "$4" "$3"
}

# --- several documents: the same as one after the other by hand ---
{ echo "name: one"; linear 1 zoo/digits 2 zoo/shapes; echo ---
  echo "name: two"; linear 1 one 1 zoo/glyphs; echo ---
  linear 3 one 1 two; } > multi.yml
linear 1 zoo/digits 2 zoo/shapes > 1.yml
linear 1 hand1 1 zoo/glyphs > 2.yml
linear 3 hand1 1 hand2 > 3.yml
for i in 1 2 3; do "$CLADE" merge $i.yml hand$i 2> message; done
[ "$(wc -l < message)" -eq 1 ] || { cat message >&2; fail "a short merge says more than one line"; }
grep -qE '^hand3: written \(linear of 2 parents, [0-9.]+ [kMG]B in [0-9.]+ s\)$' message || fail "$(cat message)"

"$CLADE" merge multi.yml out --dry-run > plan
says plan "merge 1 of 3: one, for later ones"
says plan "out.work/two: known when one is made"
says plan "parent    digits: zoo/digits: "
[ ! -e out ] && [ ! -e out.work ] || fail "--dry-run made something"
"$CLADE" merge multi.yml out/ 2> message
same out hand3
[ ! -e out.work ] || fail "out.work is left"
says out/README.md "## Made on the way: one"
says out/README.md '- "digits"'
lacks out/README.md '- "one"'
lacks out/clade_recipe.json out.work

# --- the recipe beside a child can be merged again from anywhere; it names no folder of this machine that was not given ---
mkdir deep
"$CLADE" merge 1.yml deep/one 2> /dev/null
says deep/one/clade_recipe.json '"../../zoo/digits"'
(cd zoo && "$CLADE" merge ../deep/one/clade_recipe.json ../again1 2> /dev/null)
same again1 hand1
elsewhere=$(mktemp -d -p "${TMPDIR:-/tmp}")
"$CLADE" merge 1.yml "$elsewhere/one" 2> /dev/null
"$CLADE" merge "$elsewhere/one/clade_recipe.json" again2 2> /dev/null
rm -r "$elsewhere"
same again2 hand1

# --- what fails keeps what is made; the same command goes on ---
cp zoo/glyphs/model.safetensors whole
header=$(od -An -t u8 -N 8 whole | tr -d ' ')
broken() { printf '\377\377\377\377' | dd of=zoo/glyphs/model.safetensors bs=1 seek=$((8 + header)) conv=notrunc status=none; }
broken
refused 6 "$CLADE" merge multi.yml again
says message glyphs
[ -d again.work/one ] && [ ! -e again.work/two ] && [ ! -e again ] || fail "the first merge is not kept"
cp whole zoo/glyphs/model.safetensors
mkdir again.work/two # a folder without a word on what it is made of is no finished child
"$CLADE" merge multi.yml again --verify 2> message
says message "again.work/one: is there already"
says message "again: written and verified"
same again hand3
# What was made from another recipe is not taken for this one.
broken
refused 6 "$CLADE" merge multi.yml other
cp whole zoo/glyphs/model.safetensors
sed -e 's/weight: 2/weight: 5/' multi.yml > other.yml
"$CLADE" merge other.yml other 2> message
lacks message "is there already"
! cmp -s other/model.safetensors hand3/model.safetensors || fail "another recipe gave the same model"

# --- all documents named: all are results ---
{ echo "name: one"; linear 1 zoo/digits 2 zoo/shapes; echo ---; echo "name: two"; linear 1 one 1 zoo/glyphs; } > named.yml
"$CLADE" merge named.yml all 2> /dev/null
same all/one hand1
same all/two hand2
[ "$(ls -A all | tr '\n' ' ')" = "one two " ] || fail "all has $(ls -A all)"
"$CLADE" merge all/two/clade_recipe.json all-again 2> /dev/null
same all-again all/two

# --- a folder of that name that is somebody's ---
mkdir mine.work && echo precious > mine.work/file
refused 2 "$CLADE" merge multi.yml mine
says message "was not made by clade merge"
[ "$(cat mine.work/file)" = precious ] || fail "mine.work was touched"

# --- children of runs as models ---
small_experiment 8
"$CLADE" search experiment.json --run runs 2> /dev/null
"$CLADE" merge runs:3 child 2> /dev/null
linear 1 child 3 zoo/glyphs > by-hand.yml
linear "[0.5, 1, 2]" runs:3 3 zoo/glyphs > gradient.yml
linear "[0.5, 1, 2]" child 3 zoo/glyphs > gradient-by-hand.yml
linear 1 runs:3 3 zoo/glyphs > run.yml
"$CLADE" merge by-hand.yml run-by-hand 2> /dev/null
"$CLADE" merge run.yml run-out 2> /dev/null
same run-by-hand run-out
[ ! -e run-out.work ] || fail "run-out.work is left"
says run-out/clade_recipe.json '"../runs:3"'
"$CLADE" merge run-out/clade_recipe.json run-again 2> /dev/null
same run-again run-out
"$CLADE" merge gradient.yml gradient-out 2> /dev/null
"$CLADE" merge gradient-by-hand.yml gradient-by-hand 2> /dev/null
same gradient-out gradient-by-hand
"$CLADE" merge run.yml plan-out --dry-run > plan
says plan "merge 1 of 2: "
cat > run.json <<END
{ "clade_recipe": 1, "method": "task_arithmetic", "base": "runs:3",
  "parents": [ { "name": "best", "path": "runs:best" } , { "name": "three", "path": "runs:3" } ], "parameters": {},
  "rules": [ { "tensors": ["*"], "parameters": {}, "parents": { "best": { "weight": 0 }, "three": { "weight": 1 } } } ] }
END
"$CLADE" merge run.json run-json 2> /dev/null
same run-json child
sed -e 's/runs:3/runs:99999/' run.yml > none.yml
refused 2 "$CLADE" merge none.yml none
says message "no child 99999"
sed -e 's/runs:3/runs:third/' run.yml > none.yml
refused 2 "$CLADE" merge none.yml none
says message 'found child "third"'

# --- what is not there: all of it, with what to do, in a recipe as in YAML ---
cat > hub.json <<END
{ "clade_recipe": 1, "method": "linear", "parents": [ { "name": "a", "path": "org/model-7b" },
  { "name": "b", "path": "zoo/nothing" }, { "name": "c", "path": "zoo/digits" } ], "parameters": {},
  "rules": [ { "tensors": ["*"], "parameters": {}, "parents": { "a": { "weight": 1 }, "b": { "weight": 1 }, "c": { "weight": 1 } } } ] }
END
linear 1 org/model-7b 1 zoo/digits > hub.yml
mkdir -p sub && cp hub.json sub/
for how in "merge" "merge --dry-run"; do
    refused 4 "$CLADE" $how hub.json hub-out
    says message "org/model-7b: no such file or folder"
    says message "huggingface-cli download org/model-7b --local-dir DIR"
    says message "zoo/nothing: no such file or folder"
    refused 4 "$CLADE" $how sub/hub.json hub-out
    says message "huggingface-cli download org/model-7b --local-dir DIR"
    refused 3 "$CLADE" $how hub.yml hub-out
    says message "huggingface-cli download org/model-7b --local-dir DIR"
done
mkdir hub-out
refused 4 "$CLADE" merge hub.json hub-out --dry-run
says message "zoo/nothing: no such file or folder"
says message "hub-out: exists already"
refused 2 "$CLADE" merge 1.yml hub-out --dry-run
says output "tensors"
says message "hub-out: exists already"

echo "clade merge: models passed"
