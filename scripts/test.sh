#!/usr/bin/env bash
# Everything that must hold before a change is done: the release build with all tests, then the sanitizer build with all
# but the MPI and cluster tests. The last line is that of the last ctest run, whose exit code counts. Further arguments go to ctest.
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/.."
scripts/setup.sh

# Open MPI refuses to run as root without these; here, in a test of our own programs, that is no danger.
export OMPI_ALLOW_RUN_AS_ROOT=1 OMPI_ALLOW_RUN_AS_ROOT_CONFIRM=1

quietly() { # print the output of a command only when it fails
    local output
    output=$("$@" 2>&1) || { printf '%s\n' "$output"; exit 1; }
}
for preset in release asan; do
    echo "== $preset: build"
    quietly cmake --preset "$preset"
    quietly cmake --build --preset "$preset" -j2
    echo "== $preset: test"
    ctest --preset "$preset" -j3 "$@" # more than the cores: tests of kills and ranks mostly wait
done
