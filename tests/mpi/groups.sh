#!/usr/bin/env bash
# Groups of ranks that score one child together change nothing: the run of a single process, whole, racing, on batches
# and with children that fail, resumed with another group.
. "$CLADE_SOURCE/tests/small_search.sh"

alone() {
    "$CLADE" search "$work/experiment.json" --run "$work/$1" 2> "$work/log" || fail "$1: $(cat "$work/log")"
}
# What the ledger keeps of every evaluation but who did it and how long it took.
scores_of() {
    command -v sqlite3 > /dev/null || return 0
    sqlite3 "$1/run.db" "SELECT child, split, status, reason, score, images FROM evaluations ORDER BY child, split"
}
# groups RANKS GROUP NAME: the run of $work/experiment.json in groups, as $work/$name of a single process.
groups() {
    local ranks=$1 group=$2 name=$3 run=$work/$3-$1-$2
    timeout 120 mpirun -n "$ranks" "$CLADE" search "$work/experiment.json" --group "$group" --run "$run" 2> "$work/log" ||
        fail "$name: -n $ranks --group $group: exit code $?: $(cat "$work/log")"
    [ "$(hash_of "$run")" = "$(hash_of "$work/$name")" ] || fail "$name: -n $ranks --group $group: another run hash"
    cmp "$work/$name/front.csv" "$run/front.csv" || fail "$name: -n $ranks --group $group: another front.csv"
    cmp "$work/$name/best/recipe.json" "$run/best/recipe.json" || fail "$name: -n $ranks --group $group: another best"
    cmp <(scores_of "$work/$name") <(scores_of "$run") || fail "$name: -n $ranks --group $group: other scores"
}

# Racing: the ranks meet after every rung.
small_experiment 20 24 '"racing": {"rungs": [0.4, 0.7], "error": 0.5},'
alone racing
[ "$(number stopped "$work/racing")" -gt 0 ] || fail "racing: no child was stopped"
groups 3 2 racing
groups 7 3 racing
[ "$(number images_saved "$work/racing-7-3")" = "$(number images_saved "$work/racing")" ] ||
    fail "racing: other images saved"

small_experiment 24 16 '' '{ "name": "minibatch", "population": 4, "items": 4, "whole": 2 }'
alone batches
groups 5 2 batches

# Racing children that fail, for the same reason at the same item.
small_experiment 20 24 '"racing": {"rungs": [0.4, 0.7], "error": 0.5},'
sed -i 's/"sites":/"range": {"weight": [0, 1e20]}, "sites":/' "$work/experiment.json"
alone failing
[ "$(number failed "$work/failing")" -gt 0 ] || fail "failing: no child failed"
groups 4 3 failing

small_experiment 12
alone run
groups 5 2 run
groups 3 2 run
# A group of two and one of one; more ranks in a group than there are workers.
groups 4 2 run
groups 3 9 run
# One rank more than there are tasks has nothing to do, and is told of.
groups 7 6 run
grep -q "1 of 6 workers have no task to score" "$work/log" || fail "the idle rank is not named: $(cat "$work/log")"
echo "groups: one run hash, $(hash_of "$work/run")"

# Extended by other groups, it is the longer run.
"$CLADE" resume "$work/run-3-2" --children 20 --workers 4 --group 2 2> "$work/log" || fail "resume: $(cat "$work/log")"
"$CLADE" resume "$work/run-7-6" --children 20 2> "$work/log" || fail "resume alone: $(cat "$work/log")"
"$CLADE" search "$work/experiment.json" --children 20 --run "$work/long" 2> "$work/log" || fail "long: $(cat "$work/log")"
[ "$(hash_of "$work/run-3-2")" = "$(hash_of "$work/long")" ] || fail "extended by groups: another run hash"
[ "$(hash_of "$work/run-7-6")" = "$(hash_of "$work/long")" ] || fail "groups extended by one: another run hash"
