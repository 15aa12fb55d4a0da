#!/usr/bin/env bash
# What is too slow for CI, before a release: both analyzers over all of src/ and search/, valgrind over the unit,
# property, conformance and fault tests, and the thread sanitizer over the tests that use threads (teams, the lock's heartbeat).
#
#   scripts/analyze.sh [gcc] [clang] [valgrind] [threads]      all of them without arguments; an hour on two cores
#
# Needs gcc (scripts/setup.sh) and, installed by hand, clang and valgrind. BUILD is where it builds (build/analyze).
set -euo pipefail
cd "$(dirname "$0")/.."
build=${BUILD:-build/analyze}
[ $# -gt 0 ] || set -- gcc clang valgrind threads
failed=""

# configure FOLDER FLAGS...: a build folder.
configure() { cmake -S . -B "$1" -G Ninja -DCMAKE_EXPORT_COMPILE_COMMANDS=ON "${@:2}" > /dev/null; }
# build_in FOLDER TARGET...: these targets (none: all).
build_in() { nice -n 10 ninja -C "$1" "${@:2}" > "$1.log" || { tail -n 20 "$1.log"; exit 1; }; }
# each FOLDER COMMAND -- TEST...: the command on each of the tests.
each() {
    local folder=$1 command=() test
    shift
    while [ "$1" != -- ]; do command+=("$1"); shift; done
    shift
    for test in "$@"; do
        [ -x "$test" ] || continue
        if ! (cd "$folder/tests" && OPENBLAS_NUM_THREADS=1 "${command[@]}" "$test" > "$test.log" 2>&1); then
            echo "FAILED $(basename "$test"): see $test.log"
            failed="$failed $(basename "$test")"
        fi
    done
}

for what in "$@"; do
    case $what in
        gcc | clang)
            configure "$build/static" -DCMAKE_BUILD_TYPE=Release
            nice -n 10 python3 scripts/analyze.py "$what" "$build/static" || failed="$failed $what"
            ;;
        valgrind)
            configure "$build/valgrind" -DCMAKE_BUILD_TYPE=Release "-DCMAKE_C_FLAGS=-g"
            build_in "$build/valgrind"
            tests=()
            for test in "$PWD/$build/valgrind"/tests/test_{unit,property,conformance,fault}_*; do
                case $test in
                    *.log) ;;
                    */test_unit_files) ;;             # counts its own pages, which valgrind has more of
                    */test_unit_merge_numbers) ;;     # compares with long double, which has 64 bits there
                    */test_unit_evaluator_process) ;; # starts itself, /proc/self/exe, which is valgrind there
                    */test_unit_neighbours) ;;        # asks with pidfd_open(), which it has not
                    */test_unit_safetensors) ;;       # maps a terabyte
                    *) tests+=("$test") ;;
                esac
            done
            each "$build/valgrind" nice -n 10 valgrind -q --error-exitcode=99 --leak-check=full \
                --errors-for-leak-kinds=definite -- "${tests[@]}"
            ;;
        threads)
            configure "$build/threads" -DCMAKE_BUILD_TYPE=RelWithDebInfo "-DCMAKE_C_FLAGS=-fsanitize=thread" \
                "-DCMAKE_EXE_LINKER_FLAGS=-fsanitize=thread" -DCLADE_CAN_CLONE=OFF # which would run before it is ready
            tests=()
            for source in $(grep -lE "clade_team|clade_run_lock|clade_merge_(open|write|to_folder)" tests/unit/*.c tests/property/*.c); do
                tests+=("test_$(basename "$(dirname "$source")")_$(basename "$source" .c)")
            done
            build_in "$build/threads" "${tests[@]}"
            each "$build/threads" nice -n 10 -- "${tests[@]/#/$PWD/$build/threads/tests/}"
            ;;
        *)
            echo "scripts/analyze.sh: $what: expected gcc, clang, valgrind or threads" >&2
            exit 2
            ;;
    esac
done
[ -z "$failed" ] || { echo "FAILED:$failed"; exit 1; }
echo "nothing found"
