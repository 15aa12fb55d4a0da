#!/usr/bin/env bash
# The README's commands on the demo zoo, with a small budget: each must work and say what a script would rely on.
# CLADE: the program; CLADE_SOURCE: the source folder.
set -euo pipefail
. "$CLADE_SOURCE/tests/work_folder.sh"
demo=$CLADE_SOURCE/experiments/demo
run=$work/run
fail() { echo "FAILED: $*"; exit 1; }
has() { grep -q -- "$2" "$1" || fail "$1 lacks $2"; }

sed -e "s#\"zoo/#\"$demo/zoo/#g" -e 's/"labelled": *[0-9]*/"labelled": 24/; s/"corrupted": *[0-9]*/"corrupted": 24/; s/"unlabelled": *[0-9]*/"unlabelled": 16/' \
    "$demo/experiment.json" > "$work/experiment.json"
sed -e "s#\"images/#\"$demo/zoo/images/#g; s#\"heads.safetensors\"#\"$demo/zoo/heads.safetensors\"#" "$demo/zoo/probes.json" \
    | tr '\n' ' ' | sed -e 's/"holdout": *\[ *\([0-9]*\), *[0-9]* *\]/"holdout": [\1, 400]/g' > "$work/probes.json"
sed -i -e "s#$demo/zoo/probes.json#$work/probes.json#" "$work/experiment.json"

"$CLADE" --version > "$work/version"; has "$work/version" '^clade '
"$CLADE" --help > "$work/help"
for command in search resume status front lineage report merge eval forward inspect list doctor bench; do
    has "$work/help" "  $command "
    "$CLADE" "$command" --help > "$work/usage"
    has "$work/usage" "^usage: clade $command"
done
for registry in methods algorithms objectives corruptions families sites; do
    "$CLADE" list "$registry" > "$work/list"
    [ -s "$work/list" ] || fail "list $registry"
    "$CLADE" list "$registry" --json > "$work/list"
    has "$work/list" '^\['
done
"$CLADE" doctor > "$work/doctor"; has "$work/doctor" "Open MPI"; has "$work/doctor" "BLAS"
"$CLADE" bench --list > "$work/bench"; has "$work/bench" "forward"; has "$work/bench" "^merge "; has "$work/bench" "^evaluator "; has "$work/bench" "^workers .*by name only"

# A bench that is stopped leaves nothing behind, and one's option without its name is no wish for all of them.
mkdir "$work/tmp"
TMPDIR=$work/tmp "$CLADE" bench coordinator > "$work/bench" 2> "$work/messages" &
bench=$!
until [ -n "$(ls "$work/tmp")" ]; do
    kill -0 $bench || fail "bench coordinator: $(cat "$work/messages")"
    sleep 0.05
done
kill -TERM $bench
code=0
wait $bench || code=$?
[ $code -eq 75 ] || fail "a bench that is stopped: exit code $code: $(cat "$work/messages")"
[ -z "$(ls "$work/tmp")" ] || fail "a bench that is stopped left $(ls "$work/tmp")"
code=0
"$CLADE" bench --part window > "$work/bench" 2> "$work/messages" || code=$?
[ $code -eq 2 ] || fail "bench --part: exit code $code"

# Open MPI leaks, so a sanitizer build looks for leaks in all commands but this one.
ASAN_OPTIONS=detect_leaks=0 "$CLADE" search "$work/experiment.json" --run "$run" --children 24 --workers 2 2> "$work/log" || { cat "$work/log"; fail "search"; }
"$CLADE" status "$run" --json > "$work/status"; has "$work/status" '"run_hash"'; has "$work/status" '"children": 24'
"$CLADE" front "$run" > "$work/front"; has "$work/front" "holdout"
"$CLADE" front "$run" --format csv > "$work/csv"
has "$work/csv" '^child,method,recipe_hash,search_accuracy,search_robustness,.*,holdout_accuracy,holdout_robustness'
cmp -s "$work/csv" "$run/front.csv" || fail "front.csv differs from clade front --format csv"
"$CLADE" front "$run" --format json > "$work/json"; has "$work/json" '"genes"'; has "$work/json" '"holdout"'
"$CLADE" front "$run" --format svg > "$work/svg"; has "$work/svg" '</svg>'
"$CLADE" front "$run" --split holdout > /dev/null
has "$work/json" '"on_holdout_front"'; has "$work/json" '"holdout_interval"'
"$CLADE" front "$run" --json --against average > "$work/json"; has "$work/json" '"name": "average"'
if "$CLADE" front "$run" --against averge 2> "$work/log"; then fail "an unknown name was taken"; fi
has "$work/log" 'did you mean "average"'
"$CLADE" report "$run" --series csv > "$work/series"; has "$work/series" '^child,images,seconds,hypervolume,front'
"$CLADE" report "$run" --series json > "$work/series"; has "$work/series" '"hypervolume"'
has "$work/status" '"ended": "children"'
"$CLADE" lineage "$run" > "$work/lineage"; has "$work/lineage" '^child '
"$CLADE" lineage "$run" 3 --format dot > "$work/dot"; has "$work/dot" 'digraph'
"$CLADE" lineage "$run" --format json > "$work/tree"; has "$work/tree" '"recipe"'
"$CLADE" report "$run" > "$work/report"; has "$work/report" '## Front'
has "$work/report" '## How sure that is'; has "$work/report" '## Progress'
has "$run/best/README.md" 'base_model:'
for file in recipe.json lineage.json weights/config.json weights/model.safetensors; do [ -s "$run/best/$file" ] || fail "best/$file"; done

# A larger budget gives the same run as if it had been asked for at once, in one process or several.
"$CLADE" resume "$run" --children 32 2> /dev/null
"$CLADE" search "$work/experiment.json" --run "$work/other" --children 32 2> /dev/null
hash() { "$CLADE" status "$1" --json | sed -n 's/.*"run_hash": "\([0-9a-f]*\)".*/\1/p'; }
[ "$(hash "$run")" = "$(hash "$work/other")" ] || fail "resumed and uninterrupted run differ"

# Any child as a checkpoint: scored by `eval` as it was in the run.
"$CLADE" merge "$run:5" "$work/model" 2> /dev/null
"$CLADE" inspect "$demo/zoo/base" "$work/model" > "$work/inspect"; has "$work/inspect" "can be merged"
"$CLADE" eval "$work/model" --probes "$work/probes.json" --split search --items 24 --json > "$work/eval"
has "$work/eval" '"tasks"'; has "$work/eval" '"mean"'
accuracy=$(sed -n '/"mean"/,$s/.*"accuracy": \([0-9.]*\).*/\1/p' "$work/eval" | head -1)
recorded=$(sqlite3 "$run/run.db" "SELECT json_extract(score, '\$.mean.clean.accuracy') FROM evaluations WHERE child = 5 AND split = 'search'")
[ "$(printf '%.9f' "$accuracy")" = "$(printf '%.9f' "$recorded")" ] || fail "eval says $accuracy, the run $recorded"
"$CLADE" eval "$work/model" --probes "$work/probes.json" --split search --corruption contrast:5 > "$work/eval"; has "$work/eval" "contrast:5"
"$CLADE" eval "$work/model" --probes "$work/probes.json" --split unlabelled > "$work/eval"; has "$work/eval" "mean"

# Recipes as files, both ways.
"$CLADE" merge "$run:5" --json > "$work/recipe.json"
"$CLADE" merge "$work/recipe.json" "$work/again" 2> /dev/null
cmp -s "$work/model/model.safetensors" "$work/again/model.safetensors" || fail "the recipe gives other weights"
"$CLADE" merge "$demo/hand_made/ties_tuned.yml" "$work/ties" --shard-size 1 2> /dev/null
"$CLADE" merge "$demo/hand_made/ties_tuned.yml" --mergekit > "$work/back.yml"
"$CLADE" merge "$work/back.yml" "$work/back" 2> /dev/null
cmp -s "$work/ties/model.safetensors" "$work/back/model.safetensors" || fail "YAML out gives other weights"

# Merging, as the README has it: nothing is made by a dry run, and threads change no byte.
"$CLADE" merge "$demo/hand_made/ties_tuned.yml" "$work/dry" --dry-run > "$work/plan"
has "$work/plan" "^method  *ties"; has "$work/plan" "^memory"
[ ! -e "$work/dry" ] && [ ! -e "$work/dry.partial" ] || fail "a dry run wrote something"
"$CLADE" merge "$demo/hand_made/ties_tuned.yml" "$work/verified" --verify --threads 4 2> "$work/log"; has "$work/log" "verified"
cmp -s "$work/ties/model.safetensors" "$work/verified/model.safetensors" || fail "four threads give other weights"
"$CLADE" merge "$demo/hand_made/ties_tuned.yml" --json > "$work/ties.json"
"$CLADE" merge "$work/ties.json" "$work/from_json" 2> /dev/null
cmp -s "$work/ties/model.safetensors" "$work/from_json/model.safetensors" || fail "the recipe of a YAML gives other weights"
"$CLADE" merge "$run:best" "$work/best" 2> /dev/null
cmp -s "$run/best/weights/model.safetensors" "$work/best/model.safetensors" || fail "RUN:best is not the best"
for file in README.md clade_recipe.json config.json; do [ -s "$work/best/$file" ] || fail "a merge without $file"; done

# The recipe of docs/merging.md, with this zoo's models for its own.
sed -n '/^    { "clade_recipe": 1, "method": "ties"/,/^$/p' "$CLADE_SOURCE/docs/merging.md" |
    sed -e "s#\"llama-base\"#\"$demo/zoo/base\"#; s#\"path\": \"llama-math\"#\"path\": \"$demo/zoo/digits\"#" \
        -e "s#\"adapter\": \"lora/code\"#\"path\": \"$demo/zoo/shapes\"#; s#model.layers.0#*.layers.0#" > "$work/documented.json"
"$CLADE" merge "$work/documented.json" "$work/documented" 2> /dev/null || fail "the recipe of docs/merging.md"
echo "all of the README's commands work"
