#!/usr/bin/env bash
# The demo: install what is missing, build, search merges of the demo zoo over MPI, interrupt the search, resume it, and show the
# Pareto front of accuracy against robustness and the lineage of the best child. About two minutes on two cores.
#   scripts/demo.sh [RUN_FOLDER]      (default: build/demo/run, replaced if it is there)
set -euo pipefail
cd "$(dirname "$0")/.."
run=${1:-build/demo/run}
clade=build/release/clade
export OMPI_ALLOW_RUN_AS_ROOT=1 OMPI_ALLOW_RUN_AS_ROOT_CONFIRM=1 # only for this script: containers run it as root

say() { printf '\n== %s\n' "$*"; }

say "Install what is missing and build"
scripts/setup.sh
cmake --preset release > build-demo.log 2>&1 || { cat build-demo.log; exit 1; }
cmake --build --preset release --target clade >> build-demo.log 2>&1 || { tail -40 build-demo.log; exit 1; }
rm -f build-demo.log
"$clade" --version

say "The zoo: one base and its fine-tunes, trained on images the project draws itself (experiments/demo)"
parents=()
for config in experiments/demo/zoo/*/config.json; do
    case $config in */base/*) ;; *) parents+=("$(dirname "$config")") ;; esac
done
"$clade" inspect experiments/demo/zoo/base "${parents[@]}" | tail -1

if [ -z "${1:-}" ]; then rm -rf "$run"; fi
mkdir -p "$(dirname "$run")"

say "Search: rank 0 breeds, two workers make and score children (mpirun -n 3); interrupted after 15 seconds"
"$clade" search experiments/demo/experiment.json --run "$run" --workers 2 &
search=$!
for _ in $(seq 15); do
    sleep 1
    kill -0 "$search" 2>/dev/null || break
done
kill -KILL "$search" 2>/dev/null || true # the hard way: mpirun is shot, and the ranks with it
wait "$search" 2>/dev/null || true
"$clade" status "$run"

say "Resume: nothing that arrived is lost or scored again"
for _ in $(seq 20); do # the shot ranks notice within a moment and let go of the ledger
    if "$clade" resume "$run" --workers 2; then break; else status=$?; fi
    [ "$status" -eq 2 ] || exit "$status"
    sleep 1
done

say "The front: accuracy against robustness, on the search split and on holdout items no search has seen"
"$clade" front "$run"
"$clade" front "$run" --format svg > "$run/front.svg"

say "Hand-made merges on holdout, tuned on the search split (experiments/demo/hand_made), clean and corrupted"
corruptions=()
for name in $(sed -n 's/.*"names": *\[\(.*\)\].*/\1/p' experiments/demo/experiment.json | tr -d '",'); do
    corruptions+=(--corruption "$name:5")
done
for recipe in experiments/demo/hand_made/*.yml; do
    name=$(basename "$recipe" .yml)
    rm -rf "$run/../hand_made_$name"
    "$clade" merge "$recipe" "$run/../hand_made_$name" 2> /dev/null
    printf '%-28s' "$name"
    "$clade" eval "$run/../hand_made_$name" --probes experiments/demo/zoo/probes.json "${corruptions[@]}" \
        | awk '/^mean clean/ {c = $3} /^mean / && !/clean/ && NF == 6 && $2 ~ /^[0-9.]+$/ {r = $2} END {printf "clean %.2f  corrupted %.2f\n", c, r}'
done

say "Where the best child comes from"
"$clade" lineage "$run" > "$run/lineage.txt" # first to a file: head closes its pipe early, and that would be an error
head -12 "$run/lineage.txt"
echo "... $(wc -l < "$run/lineage.txt") children in all: $run/lineage.txt"

say "The best child as a Hugging Face checkpoint: $run/best/weights"
ls -l "$run/best/weights"
echo
echo "picture of the front: $run/front.svg"
echo "everything else:      $clade report $run"
