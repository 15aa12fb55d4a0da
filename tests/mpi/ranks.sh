#!/usr/bin/env bash
# Promise 2 (DESIGN.md 3): the same run for any number of ranks and in a single process, and after a resume with another number.
. "$CLADE_SOURCE/tests/small_search.sh"

# same_run NAME: the run of $work/experiment.json alone ($expected is its hash) and by 1, 2, 3 and 5 ranks.
same_run() {
    local name=$1 ranks found
    "$CLADE" search "$work/experiment.json" --run "$work/$name" 2> "$work/log" || fail "$name: $(cat "$work/log")"
    expected=$(hash_of "$work/$name")
    [ ${#expected} -eq 64 ] || fail "$name: no run hash"
    for ranks in 1 2 3 5; do
        timeout 120 mpirun -n $ranks "$CLADE" search "$work/experiment.json" --run "$work/$name$ranks" 2> "$work/log" ||
            fail "$name: mpirun -n $ranks: exit code $?: $(cat "$work/log")"
        found=$(hash_of "$work/$name$ranks")
        [ "$found" = "$expected" ] || fail "$name: mpirun -n $ranks: run hash $found, expected $expected"
        cmp "$work/$name/front.csv" "$work/$name$ranks/front.csv" || fail "$name: mpirun -n $ranks: another front.csv"
        cmp "$work/$name/best/recipe.json" "$work/$name$ranks/best/recipe.json" ||
            fail "$name: mpirun -n $ranks: another best"
    done
    echo "ranks: $name: one run hash, $expected"
}

# With a race, whose opponents come with the job, some children are stopped, the same everywhere.
small_experiment 12 16 '"racing": {"rungs": [0.5], "error": 0.5},'
same_run racing
[ "$(number stopped "$work/racing")" -gt 0 ] || fail "racing: no child was stopped"
[ "$(number images_saved "$work/racing3")" = "$(number images_saved "$work/racing")" ] || fail "racing: other images saved"

# On batches of items, with sites that are untied on the way.
small_experiment 40 16 '' '{ "name": "minibatch", "population": 4, "items": 4, "whole": 2 }' '["model", "layer"]'
same_run batches
if command -v sqlite3 > /dev/null; then
    grep -q 'sites: model to layer' <(sqlite3 "$work/batches3/run.db" 'SELECT detail FROM events') ||
        fail "batches: the sites were never untied"
else
    echo "ranks: not looked at the sites: sqlite3 is not here"
fi

small_experiment 12
same_run run

# Begun by two ranks, extended by a single process, is the longer run of four.
"$CLADE" resume "$work/run2" --children 20 2> "$work/log" || fail "resume: $(cat "$work/log")"
timeout 120 mpirun -n 4 "$CLADE" search "$work/experiment.json" --children 20 --run "$work/long" 2> "$work/log" ||
    fail "mpirun -n 4: exit code $?: $(cat "$work/log")"
[ "$(hash_of "$work/run2")" = "$(hash_of "$work/long")" ] || fail "an extended run differs from the longer run"
