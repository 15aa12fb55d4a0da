# Sourced by the tests of several hosts, after small_search.sh: hosts made of network namespaces on one bridge, each with a
# name and an sshd of its own; files are shared, as on a cluster. Needs root, iproute2, openssh and Open MPI; skips without.
#
#   make_hosts N              $hosts: their names; host I (from 1) has the address $network.I
#   on HOST COMMAND...        runs there
#   cut HOST / mend HOST      its link goes down / up again
#   end_hosts                 stops what runs on them, and takes them away

tag=c$$
network=10.$((64 + $$ % 64)).$(($$ / 64 % 256))
hosts=()

for tool in ip sshd ssh ssh-keygen unshare mpirun; do
    PATH=$PATH:/usr/sbin command -v $tool > /dev/null || { echo "skipped: $tool is not here"; exit 77; }
done
PATH=$PATH:/usr/sbin
[ "$(id -u)" = 0 ] || { echo "skipped: hosts of network namespaces need root"; exit 77; }
ip netns add "$tag-probe" 2> /dev/null || { echo "skipped: no network namespaces here"; exit 77; }
ip netns del "$tag-probe"

# A host name of its own: Open MPI takes ranks with the same one for ranks with shared memory.
on() {
    local host=$1
    shift
    ip netns exec "$host" unshare --uts sh -c 'hostname "$0"; exec "$@"' "$host" "$@"
}

cut() { ip link set "$1" down; }
mend() { ip link set "$1" up; }

start_sshd() {
    cat > "$work/sshd-$1" <<END
ListenAddress $2
HostKey $work/host_key
AuthorizedKeysFile $work/key.pub
PidFile none
StrictModes no
PermitRootLogin yes
PasswordAuthentication no
UsePAM no
PermitUserEnvironment no
END
    on "$1" /usr/sbin/sshd -f "$work/sshd-$1" || fail "sshd does not start on $1"
}

# The first host starts the job, so that its mpirun is on the network, too.
make_hosts() {
    local i host
    mkdir -p /run/sshd
    ssh-keygen -q -t ed25519 -N '' -f "$work/key"
    ssh-keygen -q -t ed25519 -N '' -f "$work/host_key"
    trap 'clean_up end_hosts' EXIT
    ip link add "$tag" type bridge
    ip link set "$tag" up
    for ((i = 1; i <= $1; i++)); do
        host=$tag-$i
        hosts+=("$host")
        ip netns add "$host"
        ip link add "$host" type veth peer name eth0 netns "$host"
        ip link set "$host" master "$tag" up
        ip -n "$host" addr add "$network.$i/24" dev eth0
        ip -n "$host" link set eth0 up
        ip -n "$host" link set lo up
        start_sshd "$host" "$network.$i"
    done
    # A cut link is noticed after seconds, not after Open MPI's five minutes.
    export OMPI_MCA_oob_tcp_keepalive_time=2 OMPI_MCA_oob_tcp_keepalive_intvl=1 OMPI_MCA_oob_tcp_keepalive_probes=3
    export OMPI_MCA_oob_tcp_if_include=$network.0/24 OMPI_MCA_btl_tcp_if_include=$network.0/24
    export OMPI_MCA_plm_rsh_agent="ssh -q -i $work/key -o StrictHostKeyChecking=no -o UserKnownHostsFile=/dev/null"
}

end_hosts() {
    local host
    for host in "${hosts[@]}"; do
        kill -KILL $(ip netns pids "$host") 2> /dev/null || true
        ip link del "$host" 2> /dev/null || true
        ip netns del "$host" 2> /dev/null || true
    done
    hosts=()
    ip link del "$tag" 2> /dev/null || true
}
