#!/usr/bin/env bash
# The rules of the house that a compiler does not check (DESIGN.md 1): arrows point down, one file per foreign header,
# no preprocessor conditions inside functions. CLADE_SOURCE: the source folder.
set -uo pipefail
cd "$CLADE_SOURCE" || exit 1
failed=0

wrong() {
    printf 'wrong: %s\n' "$1"
    [ -n "${2:-}" ] && printf '%s\n' "$2" | sed 's/^/    /'
    failed=1
}

# The layers of src/, lowest first, and the public headers of each. Layers of one rank do not see each other.
declare -A rank=([base]=0 [tensor]=1 [io]=2 [merge]=3 [model]=3 [score]=4)
declare -A owner
own() {
    local layer=$1 header
    shift
    for header in "$@"; do owner[$header]=$layer; done
}
own base status alloc log text utf8 rng hash json team version bits clock
own tensor tensor kernels sparse_kernels linalg fft
own io files safetensors checkpoint idx adapter
own merge method recipe merge vocabulary hub
own model model
own score corruption metrics prediction_powered probes score

for header in include/clade/*.h; do
    name=$(basename "$header" .h)
    [ -n "${owner[$name]:-}" ] || wrong "$header belongs to no layer; say which in tests/e2e/layers.sh"
done

# check FILE LAYER: every project header it includes is of its own layer or a lower one.
check() {
    local file=$1 layer=$2 included target
    while read -r included; do
        case $included in
        clade/*) target=$(basename "$included" .h); target=${owner[$target]:-} ;;
        search/*) wrong "$file includes $included: src/ must not see search/"; continue ;;
        */*) target=${included%%/*} ;;
        *) wrong "$file includes \"$included\": write the folder too"; continue ;;
        esac
        if [ -z "$target" ] || [ -z "${rank[$target]:-}" ]; then
            wrong "$file includes $included of no known layer"
            continue
        fi
        [ "$target" = "$layer" ] || [ "${rank[$target]}" -lt "${rank[$layer]}" ] ||
            wrong "$file ($layer) includes $included ($target): arrows point down only"
    done < <(sed -nE 's/^[[:space:]]*#[[:space:]]*include[[:space:]]*"([^"]+)".*/\1/p' "$file")
}
for layer in "${!rank[@]}"; do
    while read -r file; do check "$file" "$layer"; done < <(find "src/$layer" -name '*.[ch]')
done
for name in "${!owner[@]}"; do
    [ -f "include/clade/$name.h" ] && check "include/clade/$name.h" "${owner[$name]}"
done
for folder in src/*/; do
    [ -n "${rank[$(basename "$folder")]:-}" ] || wrong "$folder is no known layer"
done

# search/: commands stand on top; algorithms know nothing of running, storing or showing.
found=$(grep -rnE '#include *"search/command/' search --include='*.[ch]' | grep -v '^search/command/')
[ -z "$found" ] || wrong "only commands include commands" "$found"
found=$(grep -rnE '#include *"search/(engine|pool|ledger|worker|export|command|sqlite)' search/algorithm)
[ -z "$found" ] || wrong "an algorithm includes more than its own business" "$found"

# One file per foreign header.
for header in mpi.h cblas.h sqlite3.h lapacke.h yaml.h jpeglib.h zlib.h kiss_fft.h openssl/sha.h; do
    files=$(grep -rlE "#[[:space:]]*include[[:space:]]*[<\"]([a-z]+/)?${header}[>\"]" src search include)
    [ "$(printf '%s' "$files" | grep -c .)" -le 1 ] || wrong "more than one file includes $header" "$files"
done
found=$(grep -rlE '#[[:space:]]*include[[:space:]]*<mpi\.h>' src include)
[ -z "$found" ] || wrong "the library is plain C without MPI" "$found"

# Conditions stand between functions: a function's opening brace and the closing one are in the first column.
found=$(find src search include -name '*.[ch]' -exec awk '
    FNR == 1 { inside = 0 }
    /^\{/ { inside = 1 }
    /^\}/ { inside = 0 }
    inside && /^[ \t]*#[ \t]*(if|ifdef|ifndef|elif|else)/ { print FILENAME ":" FNR ": " $0 }' {} +)
[ -z "$found" ] || wrong "preprocessor condition inside a function" "$found"

[ $failed -eq 0 ] && echo "layers: all rules hold"
exit $failed
