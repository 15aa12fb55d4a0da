#!/usr/bin/env bash
# Promise 2 (DESIGN.md 3): the same run for any number of ranks and in a single process, and after a resume with another number.
. "$CLADE_SOURCE/tests/small_search.sh"
small_experiment 12

"$CLADE" search "$work/experiment.json" --run "$work/alone" 2> "$work/log" || fail "single process: $(cat "$work/log")"
expected=$(hash_of "$work/alone")
[ ${#expected} -eq 64 ] || fail "no run hash"
for ranks in 1 2 3 5; do
    timeout 120 mpirun -n $ranks "$CLADE" search "$work/experiment.json" --run "$work/run$ranks" 2> "$work/log" ||
        fail "mpirun -n $ranks: exit code $?: $(cat "$work/log")"
    found=$(hash_of "$work/run$ranks")
    [ "$found" = "$expected" ] || fail "mpirun -n $ranks: run hash $found, expected $expected"
    cmp "$work/alone/front.csv" "$work/run$ranks/front.csv" || fail "mpirun -n $ranks: another front.csv"
    cmp "$work/alone/best/recipe.json" "$work/run$ranks/best/recipe.json" || fail "mpirun -n $ranks: another best"
done

# Begun by two ranks, extended by a single process, is the longer run of four.
"$CLADE" resume "$work/run2" --children 20 2> "$work/log" || fail "resume: $(cat "$work/log")"
timeout 120 mpirun -n 4 "$CLADE" search "$work/experiment.json" --children 20 --run "$work/long" 2> "$work/log" ||
    fail "mpirun -n 4: exit code $?: $(cat "$work/log")"
[ "$(hash_of "$work/run2")" = "$(hash_of "$work/long")" ] || fail "an extended run differs from the longer run"
echo "ranks: one run hash, $expected"
