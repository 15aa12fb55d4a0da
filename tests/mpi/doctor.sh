#!/usr/bin/env bash
# Every rank of a job is looked at; more workers than cores are noticed; what will fail is the exit code of the job.
. "${CLADE_SOURCE:?}/tests/small_search.sh" || exit 1
cores=$("$CLADE" doctor --json | sed -nE 's/^  "cores": ([0-9]+).*/\1/p')
[ "$cores" -ge 1 ] || fail "the doctor found no cores"

mpirun -n $((cores + 3)) "$CLADE" doctor > "$work/out" 2> "$work/log" || fail "too many: $(cat "$work/out" "$work/log")"
for rank in $(seq 0 $((cores + 2))); do
    grep -qE "^rank $rank +on [^ ]+: .* cores .*, clock [+-]0\.[0-9]+ s$" "$work/out" || fail "no rank $rank: $(cat "$work/out")"
done
grep -q "$((cores + 2)) workers share $cores" "$work/out" || fail "not oversubscribed: $(cat "$work/out")"

mpirun -n $((cores + 1)) "$CLADE" doctor --json > "$work/out" 2> "$work/log" || fail "$(cat "$work/out" "$work/log")"
! grep -q "workers share" "$work/out" || fail "oversubscribed: $(cat "$work/out")"
[ "$(grep -c '"answered": true' "$work/out")" -eq $((cores + 1)) ] || fail "not all answered: $(cat "$work/out")"

code=0
mpirun -n 2 "$CLADE" doctor /proc > "$work/out" 2> "$work/log" || code=$?
[ $code -eq 7 ] || fail "a folder that takes no files: exit code $code: $(cat "$work/log")"
[ "$(grep -c "^/proc: no file can be made there" "$work/out")" -eq 1 ] || fail "not said once: $(cat "$work/out")"

code=0
mpirun -n 3 "$CLADE" doctor --bogus > "$work/out" 2> "$work/log" || code=$?
[ $code -eq 2 ] || fail "an option that is none: exit code $code: $(cat "$work/log")"
[ "$(grep -c "^clade: .*--bogus" "$work/log")" -eq 1 ] || fail "a usage error is not said once: $(cat "$work/log")"

# Lines of the coordinator's log say whose they are; the metrics know the workers.
small_experiment 12
mpirun -n 3 "$CLADE" search "$work/experiment.json" --run "$work/run" --metrics "$work/run.prom" 2> "$work/log" ||
    fail "$(cat "$work/log")"
! grep -v " rank 0 " "$work/run/log.txt" || fail "log.txt has lines of nobody"
grep -qE '^clade_workers\{run="[^"]*/run"\} 2$' "$work/run.prom" || fail "metrics: $(cat "$work/run.prom")"
echo "doctor: $((cores + 3)) ranks seen"
