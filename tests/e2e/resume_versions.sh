#!/usr/bin/env bash
# Ledgers that earlier versions wrote (tests/data/runs): all that reads a run reads them; a run goes on, or says that it
# cannot and stays as it is. What goes on is the run that one session of this program comes to, where the platform is the
# one that wrote the ledger.
. "${CLADE_SOURCE:?}/tests/small_search.sh" || exit 1
small_experiment 22 16 '"corruptions": { "names": ["gaussian_noise"] }, "references": false,' '{ "name": "nsga2", "population": 6 }'

# stored VERSION: its ledger as $work/v-VERSION.
stored() {
    run=$work/v-$1
    mkdir "$run"
    gunzip -c "$CLADE_SOURCE/tests/data/runs/version-$1.db.gz" > "$run/run.db"
}

reads() {
    [ "$(number children "$run")" = 22 ] || fail "$run: not 22 children"
    "$CLADE" front "$run" --format csv > "$work/front" && [ "$(wc -l < "$work/front")" -gt 1 ] || fail "$run: front"
    "$CLADE" lineage "$run" > /dev/null || fail "$run: lineage"
    "$CLADE" report "$run" > /dev/null || fail "$run: report"
}

stored 2
reads # with the zoo in the same place, seen from the run folder
mkdir "$work/other"
mv "$work/zoo" "$work/other"
code=0
"$CLADE" resume "$run" --children 30 2> "$work/log" || code=$?
[ $code -eq 4 ] && grep -qF -- "--moved /released/zoo/base=WHERE" "$work/log" || fail "no parents: $code: $(cat "$work/log")"
"$CLADE" resume "$run" --children 30 --moved "/released=$work/other" 2> "$work/log" || fail "version 2: $(cat "$work/log")"
[ "$(number children "$run")" = 30 ] || fail "version 2: not 30 children"
mv "$work/other/zoo" "$work"
if ! grep -q "another platform" "$work/log" || grep -q "agrees in every bit" "$work/log"; then
    "$CLADE" search "$work/experiment.json" --children 30 --run "$work/whole" 2> /dev/null || fail "the whole run failed"
    "$CLADE" resume "$run" --experiment "$work/experiment.json" 2> /dev/null || fail "version 2: the zoo is back"
    [ "$(hash_of "$run")" = "$(hash_of "$work/whole")" ] || fail "version 2: another run than that of one session"
fi
echo "version 2: goes on"

# Its first individuals were other ones, and its experiment does not say which: not to be gone on with, but to be read.
stored 1
code=0
"$CLADE" resume "$run" --children 30 --moved "/released=$work" 2> "$work/log" || code=$?
[ $code -eq 4 ] && grep -q "child 0: recipe hash: .*another version of Clade" "$work/log" ||
    fail "version 1: $code: $(cat "$work/log")"
reads
[ "$(hash_of "$run")" = 372116e1cee6455781292948b7d90742dbf28815dec0e60c6a82e3bf115b0f39 ] || fail "version 1: another run hash"
"$CLADE" merge "$run:best" "$work/merged" 2> "$work/log" || fail "version 1: merge: $(cat "$work/log")"
echo "version 1: read and merged"
