#!/usr/bin/env bash
# A merge of models larger than the memory: three parents of 6.7 billion parameters, with how long it took and the most
# memory that was resident (mapped files included).
#   experiments/large/run.sh FOLDER [METHOD] [LAYERS]      (linear; 32 layers: 54 GB of disk)
set -euo pipefail
here=$(cd "$(dirname "$0")" && pwd)
folder=${1:?usage: run.sh FOLDER [METHOD] [LAYERS]} method=${2:-linear} layers=${3:-32}
clade=${CLADE:-$here/../../build/release/clade}
mkdir -p "$folder"
python3 "$here/make_models.py" "$folder" a b c --layers "$layers"
if [ "$method" = linear ]; then
    parents=(a b c) base=
else
    parents=(b c) base="base_model: a"
fi
{
    printf 'merge_method: %s\n%s\ndtype: bfloat16\nmodels:\n' "$method" "$base"
    for parent in "${parents[@]}"; do
        printf -- '- {model: %s, parameters: {weight: 0.5}}\n' "$parent"
    done
} > "$folder/$method.yml"
rm -rf "$folder/out" "$folder/out.partial"
"$clade" merge "$folder/$method.yml" "$folder/out" --dry-run
sync
/usr/bin/time -f '%e s, %U s user, %S s system, %M kB resident at most' "$clade" merge "$folder/$method.yml" "$folder/out"
