#!/usr/bin/env bash
# The N-th MPI call of the coordinator, or of a worker, fails in a search under mpirun (calls/fail_mpi.c). Either the
# others go on without that rank, to the undisturbed run; or the search ends with 7 or 75 (mpirun may make it 1) and a message, and `clade resume`
# comes to it. No crash, no hang, no process left behind.
#
#   calls_ranks.sh               some N of both, as the test suite runs it
#   calls_ranks.sh --thorough    every N
. "${CLADE_SOURCE:?}/tests/fault/calls/try.sh" || exit 1
[ -z "${CLADE_LINK:-}" ] || { echo "skipped: no ranks in a sanitized build, Open MPI leaks"; exit 77; }
command -v mpirun > /dev/null && command -v mpicc > /dev/null || { echo "skipped: Open MPI's commands are not here"; exit 77; }
all_commands=
words_of() { kind=run words=(search "$work/experiment.json" --run "$here/out"); }

# ranks_with RANK N: the search, where that call of that rank fails.
ranks_with() {
    local code=0
    : > "$here/report"
    timeout -k 1 60 mpirun --quiet --oversubscribe -n 3 -x LD_PRELOAD="$work/fail.so" -x CLADE_FAULT_CLASS=mpi \
        -x CLADE_FAULT_WHO=$1 -x CLADE_FAULT_N=$2 -x CLADE_FAULT_REPORT="$here/report" \
        "$CLADE" "${words[@]}" > "$here/stdout" 2> "$here/stderr" < /dev/null || code=$?
    slurp stderr
    return $code
}

# try_rank RANK N: false when there was no such call.
try_rank() {
    local command=search code=0 wrong= failed= words kind message stderr stdout
    words_of
    prepare
    ranks_with $1 $2 || code=$?
    read -r _ failed _ < "$here/report" || true
    message=$stderr
    case $code in
    0) compare ;;
    1 | 7 | 75) # 1: what mpirun makes of a rank that fails while the others end
        [[ $'\n'$stderr =~ $'\n'clade:\  ]] || wrong="no message"
        goes_on
        ;;
    *) wrong="exit code $code" ;;
    esac
    codes[code]=$((${codes[code]:-0} + 1))
    [ -z "${CLADE_FAULT_LOG:-}" ] || echo "rank $1 mpi $code $2 ${failed:-none} ${message//$'\n'/ | }" >> "$CLADE_FAULT_LOG"
    [ -z "$wrong" ] || echo "FAILED: rank $1, call $2 (${failed:-none}), code $code: $wrong (${message:0:3000})" >> "$work/found"
    [ -n "$failed" ]
}

fail_library mpicc "$CLADE_SOURCE"/tests/fault/calls/fail{,_files,_stdio,_mpi}.c
undisturbed
here=$work/ranks
mkdir "$here"
for rank in 0 1; do
    codes=() n=1
    while try_rank $rank $n; do
        [ "${1:-}" = --thorough ] && n=$((n + 1)) || n=$((n + 1 + n / 2))
        [ $n -lt 1000 ] || fail "rank $rank: no end of calls"
    done
    for code in "${!codes[@]}"; do echo "rank $rank: exit code $code ${codes[code]} times"; done
    echo "rank $rank: fewer than $n calls"
    [ $n -gt 10 ] || fail "rank $rank made only $n calls"
done
[ ! -s "$work/found" ] || fail "$(cat "$work/found")"
