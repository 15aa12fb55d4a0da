#!/usr/bin/env bash
# A search across three hosts is the run of a single process. One host's link is cut in the middle: that costs the host, not
# the run, when mpirun goes on without ranks (--workers); the others come to the same end. An mpirun by hand that does not ends
# the job, and a resume on the hosts that are left is the same run; what was written stays.
. "${CLADE_SOURCE:?}/tests/small_search.sh" || exit 1
. "$CLADE_SOURCE/tests/cluster_hosts.sh"
. "$CLADE_SOURCE/tests/job.sh"
small_experiment 160
whole
make_hosts 3

# hosts_of HOSTS: rank 0 and a worker on the first host, two workers on each of these.
hosts_of() {
    local list=$network.1:2 host
    for host in $1; do list+=,$network.$host:2; done
    echo "--host $list -x OPENBLAS_NUM_THREADS=1"
}
# job HOSTS CLADE'S ARGUMENTS...: by an mpirun that ends with its first lost rank.
job() {
    local hosts_asked=$1
    shift
    on "${hosts[0]}" mpirun $(hosts_of "$hosts_asked") "$CLADE" "$@"
}
# cut_at CHILDREN: the third host, once there are so many; in $before how many there were then.
cut_at() {
    until_children "$1"
    cut "${hosts[2]}"
    before=$(number children "$run")
}

begin "a lost host" on "${hosts[0]}" "$CLADE" search "$work/experiment.json" --run "$run" --worker-timeout 5 --workers 5 \
    --mpirun "$(hosts_of "2 3")"
cut_at 20
ends 0
same
for rank in 4 5; do said "rank $rank on ${hosts[2]}: .*; it is given up"; done
echo "link_cut: cut after $before children, the others went on"
mend "${hosts[2]}"

begin "without recovery" on "${hosts[0]}" mpirun $(hosts_of "2 3") "$CLADE" search "$work/experiment.json" --run "$run"
cut_at 20
code=0
for ((waited = 0; waited < 600; waited++)); do
    kill -0 $launcher 2> /dev/null || break
    sleep 0.1
done
! kill -0 $launcher 2> /dev/null || fail "$name: a minute after the cut the job neither ended nor got done: $(cat "$work/log")"
wait $launcher || code=$?
echo "link_cut: cut after $before children; the job ended with $code after $((waited / 10)) s"
[ "$(number children "$run")" -ge "$before" ] || fail "$name: children are gone"
if [ $code -ne 0 ]; then
    job 2 resume "$run" > /dev/null 2> "$work/log" || fail "$name: resume on two hosts: $(cat "$work/log")"
fi
same

mend "${hosts[2]}"
job "2 3" search "$work/experiment.json" --run "$work/mended" --children 40 > /dev/null 2> "$work/log" ||
    fail "three hosts again: $(cat "$work/log")"
"$CLADE" search "$work/experiment.json" --run "$work/forty" --children 40 2> /dev/null
[ "$(hash_of "$work/mended")" = "$(hash_of "$work/forty")" ] || fail "three hosts give another run than one process"
# Ranks 0 and 1 are on the first host, 4 and 5 on the third.
if command -v sqlite3 > /dev/null; then
    [ "$(sqlite3 "$work/mended/run.db" 'SELECT MAX(rank) FROM evaluations')" -ge 4 ] || fail "the third host did nothing"
else
    echo "link_cut: not looked at what the third host did: sqlite3 is not here"
fi
echo "link_cut: the same run"
