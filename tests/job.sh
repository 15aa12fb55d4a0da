# Sourced by tests of jobs whose ranks fail, after small_search.sh: $run is the run, $launcher the process that was begun.

# How an mpirun by hand is told to go on when a rank dies ($recovery), and what it ends with when the coordinator then fails
# with code C ($(failing C)): Open MPI 4.1 cannot say that.
case $(mpirun --version 2> /dev/null) in
*"Open MPI) 4"*)
    recovery=--enable-recovery
    failing() { echo 1; }
    ;;
*"Open MPI) "[5-9]*)
    recovery="--with-ft ulfm"
    failing() { echo "$1"; }
    ;;
*) echo "skipped: this is for Open MPI"; exit 77 ;;
esac

# begin NAME COMMAND...: COMMAND in the background, whose --run is $run, until there are a few children.
begin() {
    name=$1
    shift
    [ "$(echo "$@" | grep -c " resume ")" = 1 ] || rm -rf "$run"
    "$@" > /dev/null 2> "$work/log" &
    launcher=$!
    until_children 4
}

# shoot SIGNAL RANK...: each while the job is under way.
shoot() {
    local signal=$1 rank pid
    shift
    for rank in "$@"; do
        pid=$(process_of "$rank")
        [ -n "$pid" ] || fail "$name: rank $rank is not there: $(cat "$work/log")"
        kill "-$signal" $pid
    done
}

# said FRAGMENT: in what the job has to say.
said() { grep -qE -- "$1" "$work/log" || fail "$name: nothing like \"$1\" was said: $(cat "$work/log")"; }

# ends CODES: the job ends so (some codes, or one), and nothing of it is left a moment later.
ends() {
    local code=0 waited=0
    for ((waited = 0; waited < 1200; waited++)); do
        kill -0 $launcher 2> /dev/null || break
        sleep 0.05
    done
    ! kill -0 $launcher 2> /dev/null || fail "$name: it does not end: $(ps -o pid,ppid,stat,args -p $(processes)) $(cat "$work/log")"
    wait $launcher || code=$?
    waited=0
    echo " $1 " | grep -q " $code " || fail "$name: exit code $code, expected $1: $(cat "$work/log")"
    while [ -n "$(processes)" ]; do
        waited=$((waited + 1))
        [ $waited -lt 200 ] || fail "$name: still alive: $(ps -o pid,ppid,stat,args -p $(processes))"
        sleep 0.05
    done
}

# same: the run is the undisturbed one.
same() { [ "$(hash_of "$run")" = "$expected" ] || fail "$name: another run hash: $(cat "$work/log")"; }

# go_on WORDS...: resume, alone or as asked, to the undisturbed run.
go_on() {
    "$@" "$CLADE" resume "$run" > /dev/null 2> "$work/log" || fail "$name: resume: $(cat "$work/log")"
    same
}

# whole: the undisturbed run of $work/experiment.json, whose hash is $expected.
whole() {
    "$CLADE" search "$work/experiment.json" --run "$work/whole" 2> "$work/log" || fail "$(cat "$work/log")"
    expected=$(hash_of "$work/whole")
    [ ${#expected} -eq 64 ] || fail "no run hash"
    run=$work/run
}
