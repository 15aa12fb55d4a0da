#!/usr/bin/env bash
# A coordinator, or an mpirun, that is killed (SIGKILL) ends its job within seconds although mpirun was told to go on without ranks: no
# process stays, mpirun's exit code is not 0, and a resume comes to the same run. And what the coordinator ends with comes out,
# by --workers as it is, by hand as well as mpirun can say it.
. "${CLADE_SOURCE:?}/tests/small_search.sh" || exit 1
. "$CLADE_SOURCE/tests/job.sh"
small_experiment 60 24
whole
search=("$CLADE" search "$work/experiment.json" --run "$run")

begin "--workers" "${search[@]}" --workers 2
shoot KILL 0
ends 75
said "without a word.*everything is kept.*clade resume"
go_on env

begin "and mpirun" "${search[@]}" --workers 2
kill -KILL $(pgrep -P $launcher)
ends 75
said "mpirun was ended by signal 9"
go_on env

begin "by hand" mpirun $recovery -n 3 "${search[@]}"
shoot KILL 0
ends "1 137"
go_on env

# expect NAME CODE FRAGMENT COMMAND...: within a minute.
expect() {
    local name=$1 code=$2 fragment=$3 got=0
    shift 3
    timeout 60 "$@" > /dev/null 2> "$work/log" || got=$?
    [ $got -eq "$code" ] || fail "$name: exit code $got, expected $code: $(cat "$work/log")"
    [ "$(grep -cF -- "$fragment" "$work/log")" = 1 ] || fail "$name: \"$fragment\" was not said once: $(cat "$work/log")"
    ! grep -q clade-launcher "$work/log" || fail "$name: the launcher's line is shown: $(cat "$work/log")"
}
sed 's/"seed": 5/"seed": "five"/' "$work/experiment.json" > "$work/wrong.json"
mkdir "$work/there"
for how in "--workers 2" "$recovery" ""; do
    with=() by=()
    case $how in
    --workers*) with=($how) ;;
    *) by=(mpirun $how -n 3) ;;
    esac
    code() { if [ "$how" = "$recovery" ]; then failing "$1"; else echo "$1"; fi; }
    expect "config: $how" "$(code 3)" "seed" "${by[@]}" "$CLADE" search "$work/wrong.json" --run "$work/no" "${with[@]}"
    [ -n "$how" ] || continue # the others are in failures.sh
    expect "usage: $how" "$(code 2)" "clade resume" "${by[@]}" "$CLADE" search "$work/experiment.json" --run "$work/there" "${with[@]}"
    expect "input: $how" "$(code 4)" "nothing.json" "${by[@]}" "$CLADE" search "$work/nothing.json" --run "$work/no" "${with[@]}"
    expect "output: $how" "$(code 7)" "/nowhere/x.prom" "${by[@]}" "$CLADE" search "$work/experiment.json" --run "$work/no" --metrics /nowhere/x.prom "${with[@]}"
done
begin "stopped, by hand" mpirun $recovery -n 3 "${search[@]}"
kill -USR1 $launcher
ends "$(failing 75) 1" # 1: it was busy, and did not end in time
go_on env
expect "no mpirun like that" 7 "before the search began" "$CLADE" search "$work/experiment.json" --run "$work/no" --workers 2 --mpirun "--no-such-option"
expect "words for mpirun" 0 "the best is" "$CLADE" search "$work/experiment.json" --run "$work/words" --children 6 --workers 2 --mpirun "--tag-output -x CLADE_WORD"
echo "coordinator_killed: no job hangs, no exit code lies"
