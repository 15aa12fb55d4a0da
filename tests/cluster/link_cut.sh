#!/usr/bin/env bash
# A search across three hosts is the run of a single process. One host's link is cut in the middle: the run goes on with the
# rest or ends, and in the end, resumed without that host, is the same run; what was written stays.
. "${CLADE_SOURCE:?}/tests/small_search.sh" || exit 1
. "$CLADE_SOURCE/tests/cluster_hosts.sh"
small_experiment 160
"$CLADE" search "$work/experiment.json" --run "$work/whole" 2> "$work/log" || fail "the whole run failed: $(cat "$work/log")"
make_hosts 3

# job HOSTS CLADE'S ARGUMENTS...: rank 0 and a worker on the first host, two workers on each of the others.
job() {
    local list=$network.1:2 host
    for host in $1; do list+=,$network.$host:2; done
    shift
    on "${hosts[0]}" mpirun --host "$list" -x OPENBLAS_NUM_THREADS=1 "$CLADE" "$@"
}

code=0
job "2 3" search "$work/experiment.json" --run "$work/run" > /dev/null 2> "$work/log" &
launcher=$!
until [ -f "$work/run/run.db" ] && [ "$(number children "$work/run" 2> /dev/null || echo 0)" -gt 20 ]; do
    sleep 0.2
    kill -0 $launcher 2> /dev/null || fail "the run ended too soon: $(cat "$work/log")"
done
cut "${hosts[2]}"
before=$(number children "$work/run")
for ((waited = 0; waited < 600; waited++)); do
    kill -0 $launcher 2> /dev/null || break
    sleep 0.1
done
! kill -0 $launcher 2> /dev/null || fail "a minute after the cut the job neither ended nor got done: $(cat "$work/log")"
wait $launcher || code=$?
echo "link_cut: cut after $before children; the job ended with $code after $((waited / 10)) s"
[ "$(number children "$work/run")" -ge "$before" ] || fail "children are gone"
if [ $code -ne 0 ]; then
    job 2 resume "$work/run" > /dev/null 2> "$work/log" || fail "resume on two hosts: $(cat "$work/log")"
fi
[ "$(hash_of "$work/run")" = "$(hash_of "$work/whole")" ] || fail "another run after the cut"

mend "${hosts[2]}"
job "2 3" search "$work/experiment.json" --run "$work/mended" --children 40 > /dev/null 2> "$work/log" ||
    fail "three hosts again: $(cat "$work/log")"
"$CLADE" search "$work/experiment.json" --run "$work/forty" --children 40 2> /dev/null
[ "$(hash_of "$work/mended")" = "$(hash_of "$work/forty")" ] || fail "three hosts give another run than one process"
# Ranks 0 and 1 are on the first host, 4 and 5 on the third.
[ "$(sqlite3 "$work/mended/run.db" 'SELECT MAX(rank) FROM evaluations' 2> /dev/null || echo 4)" -ge 4 ] ||
    fail "the third host did nothing"
echo "link_cut: the same run"
