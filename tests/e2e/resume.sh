#!/usr/bin/env bash
# Resume means resume: the run of one session, after a move of everything, of the run or of the models; on other numbers
# of ranks; to a larger budget of children, images or seconds. What would be another run is refused: another experiment,
# other weights. On another platform it says what was checked.
. "${CLADE_SOURCE:?}/tests/small_search.sh" || exit 1
[ -z "${CLADE_LINK:-}" ] || export ASAN_OPTIONS=${ASAN_OPTIONS:+$ASAN_OPTIONS:}detect_leaks=0 # Open MPI's

# expect CODE FRAGMENT COMMAND...: the last log is in $work/log.
expect() {
    local code=$1 fragment=$2 got=0
    shift 2
    "$@" > "$work/out" 2> "$work/log" || got=$?
    [ $got -eq "$code" ] || fail "$*: exit code $got, expected $code: $(cat "$work/log")"
    grep -qF -- "$fragment" "$work/log" || fail "$*: the message lacks \"$fragment\": $(cat "$work/log")"
}
same() { # same RUN OTHER
    [ "$(hash_of "$1")" = "$(hash_of "$2")" ] || fail "$1: another run than $2"
}

# ---- moves ----

mkdir "$work/project"
small_experiment 12
mv "$work/zoo" "$work/experiment.json" "$work/project"
"$CLADE" search "$work/project/experiment.json" --run "$work/project/runs/a" 2> /dev/null || fail "the first run failed"
cp -r "$work/project" "$work/first"
"$CLADE" search "$work/first/experiment.json" --run "$work/whole" --children 20 2> /dev/null || fail "the whole run failed"

mkdir "$work/elsewhere"
mv "$work/project" "$work/elsewhere/renamed"
moved=$work/elsewhere/renamed
expect 0 "budget reached after 16" "$CLADE" resume "$moved/runs/a" --children 16
mv "$moved/zoo" "$work/models"
expect 4 "--moved $moved/zoo/base=WHERE" "$CLADE" resume "$moved/runs/a" --children 20
expect 4 "--moved $moved/zoo/base=WHERE" "$CLADE" merge "$moved/runs/a:3" "$work/merged"
# Reading needs neither models nor probes: a run folder may be looked at where they are not.
for what in "status" "status --json" "front --format csv" "front --json" "lineage" "report"; do
    set -- $what
    "$CLADE" "$1" "$moved/runs/a" ${2:+"${@:2}"} > "$work/without" 2> "$work/log" || fail "$what without models: $(cat "$work/log")"
    mv "$work/models" "$moved/zoo"
    "$CLADE" "$1" "$moved/runs/a" ${2:+"${@:2}"} | cmp - "$work/without" || fail "$what without models says something else"
    mv "$moved/zoo" "$work/models"
done
expect 2 "no path of this run" "$CLADE" resume "$moved/runs/a" --moved /nothing=/there
expect 2 "expected OLD=NEW" "$CLADE" resume "$moved/runs/a" --moved /nothing
expect 0 "" "$CLADE" resume "$moved/runs/a" --children 20 --moved "$moved/zoo=$work/models"
same "$moved/runs/a" "$work/whole"
mv "$moved/runs/a" "$work/alone"
"$CLADE" front "$work/alone" > "$work/front" || fail "the front of a run that moved alone"
cmp <("$CLADE" front "$work/alone" --format csv) <("$CLADE" front "$work/whole" --format csv) || fail "another front"
for child in 3 best; do # bred before the moves, and after them
    expect 0 "" "$CLADE" merge "$work/alone:$child" "$work/merged-$child"
done
grep -q "\"$work/models/base\"" "$work/alone/best/recipe.json" || fail "best/recipe.json has paths of before the move"
echo "resume: moved, and the same run"

# ---- other experiments, other weights ----

project=$work/first
changed() { sed "$1" "$project/experiment.json" > "$project/changed.json"; }
rm -rf "$work/models"
before=$(md5sum < "$project/runs/a/run.db")
changed 's/"seed": 5/"seed": 6/; s/"sms_emoa", "population": 6/"nsga2", "population": 8/; s/"depth:2"/"depth:3"/'
expect 3 "seed: found 6, the run has 5" "$CLADE" resume "$project/runs/a" --experiment "$project/changed.json"
for line in 'algorithm.name: found "nsga2", the run has "sms_emoa"' 'algorithm.population: found 8, the run has 6' \
    'space.sites: found "depth:3", the run has "depth:2"'; do
    grep -qF "  $line" "$work/log" || fail "the difference lacks $line: $(cat "$work/log")"
done
[ "$(wc -l < "$work/log")" -le 6 ] || fail "more differences than there are: $(cat "$work/log")"
expect 2 "of another experiment" "$CLADE" search "$project/changed.json" --run "$project/runs/a"
changed 's/"children": 12/"children": 11/'
expect 3 "budget.children: found 11, the run has 12" "$CLADE" resume "$project/runs/a" --experiment "$project/changed.json"
changed 's/"children": 12/"children": 12, "images": 9000/'
expect 3 "budget.images: found 9000, the run has 0" "$CLADE" resume "$project/runs/a" --experiment "$project/changed.json"
[ "$(md5sum < "$project/runs/a/run.db")" = "$before" ] || fail "what was refused changed the ledger"
expect 2 "clade resume" "$CLADE" search "$project/experiment.json" --run "$project/runs/a"
changed 's/"children": 12/"children": 16/'
expect 2 "--experiment FILE" "$CLADE" search "$project/changed.json" --run "$project/runs/a"
expect 0 "budget reached after 16" "$CLADE" resume "$project/runs/a" --experiment "$project/changed.json"
expect 0 "" "$CLADE" resume "$project/runs/a" --experiment "$project/experiment.json" # as it was planned
[ "$(number children "$project/runs/a")" = 16 ] || fail "the budget shrank"

file=$(find "$project/zoo/digits/" -name '*.safetensors' | head -1)
cp "$file" "$work/kept"
printf '\001' | dd of="$file" bs=1 seek=$(($(stat -c %s "$file") - 4)) conv=notrunc 2> /dev/null
expect 4 "the weights changed since the run began" "$CLADE" resume "$project/runs/a" --children 20
tail -n 1 "$project/runs/a/log.txt" | grep -q "Z ERROR session does not begin: .*the weights changed" ||
    fail "log.txt says nothing of it: $(tail -n 1 "$project/runs/a/log.txt")"
cp "$work/kept" "$file"
expect 0 "" "$CLADE" resume "$project/runs/a" --children 20
same "$project/runs/a" "$work/whole"
echo "resume: another experiment and other weights are refused"

# ---- budgets ----

small_experiment 400 16 '' '{ "name": "nsga2", "population": 6 }'
"$CLADE" search "$work/experiment.json" --run "$work/longer" --children 40 2> /dev/null || fail "the longer run failed"
sed -i 's/"children": 400/"children": 40, "images": 1500/' "$work/experiment.json"
expect 0 ": images" "$CLADE" search "$work/experiment.json" --run "$work/images"
[ "$(number children "$work/images")" -lt 40 ] || fail "the images did not end the run"
expect 2 "less than the 1500" "$CLADE" resume "$work/images" --images 1000
expect 2 "no limit of seconds" "$CLADE" resume "$work/images" --seconds 10
expect 0 ": images" "$CLADE" resume "$work/images" --images 2000
expect 0 ": children" "$CLADE" resume "$work/images" --images 100000
same "$work/images" "$work/longer"
sed -i 's/"children": 40, "images": 1500/"children": 40, "seconds": 0.05/' "$work/experiment.json"
expect 0 ": seconds" "$CLADE" search "$work/experiment.json" --run "$work/seconds"
[ "$(number children "$work/seconds")" -lt 40 ] || fail "the seconds did not end the run"
expect 0 ": children" "$CLADE" resume "$work/seconds" --seconds 3600
same "$work/seconds" "$work/longer"
# A share of the images that were planned stays that share, or the replay would breed other children.
small_experiment 400 16 '"line_search": 0.1,'
sed -i 's/"children": 400/"images": 8000/' "$work/experiment.json"
expect 0 ": images" "$CLADE" search "$work/experiment.json" --run "$work/lines"
expect 0 ": images" "$CLADE" resume "$work/lines" --images 12000
echo "resume: larger budgets of images and seconds"

# ---- ranks, platforms ----

small_experiment 20
run=$work/ranks
expect 0 "" "$CLADE" search "$work/experiment.json" --run "$run" --children 8
if command -v mpirun > /dev/null; then
    expect 0 "" "$CLADE" resume "$run" --workers 2 --children 12
    expect 0 "" "$CLADE" resume "$run" --workers 3 --children 16
fi
expect 0 "" "$CLADE" resume "$run" --children 18
if command -v sqlite3 > /dev/null; then
    elsewhere() { sqlite3 "$run/run.db" "UPDATE platform SET json = '{\"cpu\":\"another\"}'"; }
    elsewhere
    expect 0 "agrees in every bit" "$CLADE" resume "$run" --children 19
    grep -q "another platform" "$work/log" || fail "another platform is not told of: $(cat "$work/log")"
    "$CLADE" status "$run" | grep -qE "^platform  .*; another one before: child 0, scored again, agreed in every bit" ||
        fail "status: $("$CLADE" status "$run")"
    "$CLADE" status "$run" --json | grep -A 1 '"platform_check"' | grep -q '"found": "agrees"' || fail "status --json: no check"
    elsewhere
    # what no objective depends on, so that the replay does not notice
    sqlite3 "$run/run.db" "UPDATE evaluations SET score = replace(score, '\"ece\":0.', '\"ece\":0.0') WHERE split = 'search'"
    expect 0 "differs from what it was there" "$CLADE" resume "$run" --children 20
    "$CLADE" status "$run" | grep -q "DIFFERED (objectives by at most 0)" || fail "status: $("$CLADE" status "$run")"
    [ "$(sqlite3 "$run/run.db" "SELECT COUNT(*) FROM events WHERE kind = 'platform checked'")" = 2 ] || fail "no event"
fi
expect 0 "" "$CLADE" resume "$run" --children 20
same "$run" "$work/whole"
echo "resume: other numbers of ranks, another platform"
