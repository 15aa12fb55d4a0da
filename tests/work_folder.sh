# Sourced by the shell tests that leave something running, or much on the disk, when they fail: $work, a temporary folder,
# which goes at the end of the test with every process that the test began.
work=$(mktemp -d) || exit 1

# Every process of the test inherits this, whoever started it; the shell that runs the test has not, nor have its subshells:
# the environment of a process, as the system shows it, is that of its beginning.
export CLADE_TEST_WORK=$work

# inherited PID VARIABLE=VALUE
inherited() { grep -qszxF -- "$2" "/proc/$1/environ"; }

# Kill what the test began, held or not, until nothing of it is left.
end_processes() {
    local found tries
    disown -a # nobody need be told of each
    for ((tries = 0; tries < 100; tries++)); do
        found=$(env -u CLADE_TEST_WORK grep -lszxF -- "CLADE_TEST_WORK=$work" /proc/[0-9]*/environ) || true
        found=${found//\/proc\//}
        [ -n "$found" ] || return 0
        kill -KILL ${found//\/environ/} 2> /dev/null || true
        sleep 0.05
    done
    echo "still alive: $(ps -o pid,ppid,stat,args -p "$(echo ${found//\/environ/} | tr ' ' ,)")" >&2
}

# clean_up [COMMAND...]: at the end of the test; the command when no process of it is left.
clean_up() {
    end_processes
    "$@" || true
    rm -rf "$work"
}
trap clean_up EXIT
