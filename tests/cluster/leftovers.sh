#!/usr/bin/env bash
# Everything of a job on two hosts is killed at once, as when both lose power but for their disks: Open MPI's files stay on
# both. A job a minute later cleans each host's, and says so; it touches nothing of what the other hosts have.
. "${CLADE_SOURCE:?}/tests/small_search.sh" || exit 1
. "$CLADE_SOURCE/tests/cluster_hosts.sh"
small_experiment 2000
make_hosts 2
job() { on "${hosts[0]}" mpirun --host "$network.1:2,$network.2:2" -x OPENBLAS_NUM_THREADS=1 "$CLADE" "$@"; }

job search "$work/experiment.json" --run "$work/run" > /dev/null 2> "$work/log" &
launcher=$!
until [ "$(number children "$work/run" 2> /dev/null || echo 0)" -gt 20 ]; do
    sleep 0.2
    kill -0 $launcher || fail "the run ended too soon: $(cat "$work/log")"
done
# The daemons first, then mpirun, then the ranks: none is to tidy up after another.
daemons=$(pgrep -f "orted .*$network\.1:")
ranks=$(pgrep -f -- "--run $work/run( |\$)")
kill -KILL $daemons $launcher $ranks
wait $launcher 2> /dev/null || true
left() { find "$work" -maxdepth 2 \( -path "*/ompi.$1.*/*" -o -name "*_segment.$1.*" \); }
for host in "${hosts[@]}"; do
    [ "$(left "$host" | wc -l)" -ge 3 ] || fail "nothing was left on $host: $(left "$host")"
    left "$host" | xargs touch -d '2 minutes ago'
done
mkdir -p "$work/ompi.elsewhere.0/pid.999999" # a host that shares the folder, and is not of the job
touch -d '2 minutes ago' "$work/ompi.elsewhere.0/pid.999999"

job resume "$work/run" --time-limit 3 > /dev/null 2> "$work/log" || [ $? -eq 75 ] || fail "resume: $(cat "$work/log")"
for host in "${hosts[@]}"; do
    grep -q "left behind on $host: shared memory of 2 ranks and 1 session folders" "$work/log" ||
        fail "$host was not cleaned: $(cat "$work/log")"
    [ -z "$(left "$host")" ] || fail "files stay on $host: $(left "$host")"
done
[ -d "$work/ompi.elsewhere.0/pid.999999" ] || fail "another host's session folder is gone"
echo "leftovers: two hosts cleaned"
