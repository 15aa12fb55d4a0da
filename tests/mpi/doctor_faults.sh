#!/usr/bin/env bash
# What the doctor says of machines that have what it looks for: a small /dev/shm, a clock that is behind, another kind of
# CPU (to BLAS), one core for all, a file system without locks; made here for a process, not for the machine.
. "${CLADE_SOURCE:?}/tests/small_search.sh" || exit 1
found=0

# finds CODE PATTERN COMMAND...: exit code, and a finding that is the only one.
finds() {
    local expected=$1 pattern=$2 code=0
    shift 2
    "$@" > "$work/out" 2> "$work/log" || code=$?
    [ $code -eq "$expected" ] || fail "$*: exit code $code, expected $expected: $(cat "$work/out" "$work/log")"
    grep -qE -- "$pattern" "$work/out" || fail "$*: nothing of \"$pattern\": $(cat "$work/out")"
    grep -q "^1 thing to know" "$work/out" || fail "$*: more than one finding: $(cat "$work/out")"
    found=$((found + 1))
}
healthy=$(mpirun -n 2 "$CLADE" doctor --json)
grep -q '"problems": \[\]' <<< "$healthy" || { echo "skipped: something is wrong with this machine itself: $healthy"; exit 77; }

# In a mount namespace of its own.
if unshare --mount true 2> /dev/null; then
    finds 7 "/dev/shm has only [0-9]+ MB free, 3 ranks of Open MPI want 24 MB: .*--shm-size=1g" \
        unshare --mount sh -c 'mount -t tmpfs -o size=16m none /dev/shm && exec mpirun -n 3 "$0" doctor' "$CLADE"
    mkdir "$work/disk"
    finds 7 "disk: only [0-9]+ MB are free" \
        unshare --mount sh -c 'mount -t tmpfs -o size=16m none "$1" && exec "$0" doctor "$1"' "$CLADE" "$work/disk"
    finds 7 "disk: no file can be made there \(Read-only file system\)" \
        unshare --mount sh -c 'mount -t tmpfs -o ro none "$1" && exec "$0" doctor "$1"' "$CLADE" "$work/disk"
fi

finds 0 ": 2 workers share 1 cores: .*--bind-to none" taskset -c "$(taskset -cp $$ | grep -oE '[0-9]+$')" mpirun -n 3 "$CLADE" doctor

# OpenBLAS takes another core type for what it is told; a build for one type only does not listen.
core=$("$CLADE" doctor | sed -nE 's/^BLAS .*, core ([A-Za-z0-9]+),.*/\1/p')
other=$([ "$core" = Sandybridge ] && echo Nehalem || echo Sandybridge)
if OPENBLAS_CORETYPE=$other "$CLADE" doctor | grep -q "core $other"; then
    finds 0 "rank 1 on .* another platform than rank 0: .*; blas_core: $other, rank 0 has $core" \
        mpirun -n 1 "$CLADE" doctor : -n 1 -x OPENBLAS_CORETYPE=$other "$CLADE" doctor
else
    echo "doctor_faults: no mixed CPUs: this OpenBLAS is for $core only"
fi

# BLAS has one thread, whatever it is told.
OPENBLAS_NUM_THREADS=2 OMP_NUM_THREADS=2 mpirun -n 2 "$CLADE" doctor > "$work/out" || fail "$(cat "$work/out")"
grep -q "1 thread(s)" "$work/out" && ! grep -q "BLAS uses" "$work/out" || fail "threads of BLAS: $(cat "$work/out")"

# What the system says, said otherwise.
cat > "$work/otherwise.c" << 'END'
#include <errno.h>
#include <stdlib.h>
#include <sys/syscall.h>
#include <time.h>
#include <unistd.h>
int clock_gettime(clockid_t clock, struct timespec *at)
{
    const int result = (int)syscall(SYS_clock_gettime, clock, at);
    const char *rank = getenv("OMPI_COMM_WORLD_RANK");
    if (clock == CLOCK_REALTIME && rank && rank[0] == '1')
        at->tv_sec -= 7;
    return result;
}
int flock(int fd, int operation)
{
    (void)fd;
    (void)operation;
    errno = ENOLCK;
    return -1;
}
END
if "${CC:-cc}" -shared -fPIC -D_GNU_SOURCE -o "$work/otherwise.so" "$work/otherwise.c" 2> "$work/log"; then
    finds 0 "rank 1 on .*: its clock is [67]\.[0-9] s behind that of rank 0: .*NTP" \
        mpirun -n 3 -x LD_PRELOAD="$work/otherwise.so" "$CLADE" doctor
    finds 7 "this file system has no locks \(No locks available\)" \
        env LD_PRELOAD="$work/otherwise.so" "$CLADE" doctor "$work"
    small_experiment 4
    code=0
    LD_PRELOAD=$work/otherwise.so "$CLADE" search "$work/experiment.json" --run "$work/run" 2> "$work/log" || code=$?
    [ $code -eq 7 ] && grep -q "no locks" "$work/log" || fail "a search without locks: $code: $(cat "$work/log")"
    [ ! -e "$work/run" ] || fail "a search without locks left its folder"
fi
echo "doctor_faults: $found found"
