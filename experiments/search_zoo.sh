#!/usr/bin/env bash
# Search one of the shared zoos for three seeds and write the table: experiments/search_zoo.sh vision8|robust4 [OUT_FOLDER]
# The zoos lie beside the repository (../shared/zoo/NAME); where they are absent this says so and stops.
set -euo pipefail
here=$(cd "$(dirname "$0")" && pwd)
source_folder=$(dirname "$here")
name=$1
out=${2:-$source_folder/build/experiments/$name}
clade=${CLADE:-$source_folder/build/release/clade}
workers=${WORKERS:-2}
export OMPI_ALLOW_RUN_AS_ROOT=1 OMPI_ALLOW_RUN_AS_ROOT_CONFIRM=1

if [ ! -d "$source_folder/../shared/zoo/$name" ]; then
    echo "skipped: ../shared/zoo/$name is not here"
    exit 0
fi
mkdir -p "$out"
for seed in ${SEEDS:-1 2 3}; do
    if [ -e "$out/seed$seed/run.db" ]; then
        "$clade" resume "$out/seed$seed" --workers "$workers"
    else
        "$clade" search "$here/$name/experiment.json" --run "$out/seed$seed" --seed "$seed" --workers "$workers"
    fi
    "$clade" front "$out/seed$seed" --format json > "$out/seed$seed.front.json"
    "$clade" status "$out/seed$seed" --json > "$out/seed$seed.status.json"
done
python3 "$here/results.py" "$source_folder/../shared/zoo/$name/baselines.json" "$out"
