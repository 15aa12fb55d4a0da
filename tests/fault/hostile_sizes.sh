#!/usr/bin/env bash
# Files that lie about sizes, with 32 MiB of memory more than the same command needs for a good file: each is refused with
# 4, or 3 for what users write, and its name, never with "out of memory", a signal, or after a long time.
. "${CLADE_SOURCE:?}/tests/small_search.sh" || exit 1
small_experiment 2
cp -r "$work/zoo" "$work/whole"
rows=0
export OPENBLAS_NUM_THREADS=1 # without memory a thread of OpenBLAS asks for it for ever

# u64 NUMBER, u32 NUMBER: little-endian; be32 NUMBER: big-endian.
bytes() { local i; for i in "$@"; do printf "\\$(printf %03o "$i")"; done; }
u64() { local i b=(); for i in 0 8 16 24 32 40 48 56; do b+=($((($1 >> i) & 255))); done; bytes "${b[@]}"; }
be32() { bytes $((($1 >> 24) & 255)) $((($1 >> 16) & 255)) $((($1 >> 8) & 255)) $(($1 & 255)); }
# header FILE JSON [DATA_BYTES]: a safetensors file of that header.
header() {
    { u64 ${#2}; printf %s "$2"; head -c "${3:-0}" /dev/zero; } > "$1"
}

# with KILOBYTES COMMAND...: the limit is on all private memory that can be written.
with() (
    ulimit -d "$1"
    shift
    exec timeout -s KILL 30 "$@"
)
# least COMMAND...: the kilobytes that the command needs, to a MiB; "unlimited" where there is no telling (sanitizers).
least() {
    local low=0 high=4096 middle
    with $((high * 1024)) "$@" > /dev/null 2>&1 || { echo unlimited; return; }
    while [ $((high - low)) -gt 1 ]; do
        middle=$(((low + high) / 2))
        if with $((middle * 1024)) "$@" > /dev/null 2>&1; then high=$middle; else low=$middle; fi
    done
    echo $((high * 1024))
}
fresh() { rm -rf "$work/zoo" "$work/out" "$work/run" "$work/out.partial"; cp -r "$work/whole" "$work/zoo"; }
# The commands, and what each needs for good files.
inspect() { echo "$CLADE" inspect "$work/zoo/digits"; }
eval_() { echo "$CLADE" eval "$work/zoo/digits" --probes "$work/zoo/probes.json"; }
merge() { echo "$CLADE" merge "$work/merge.yml" "$work/out" --dry-run; }
search() { echo "$CLADE" search "$work/experiment.json" --run "$work/run"; }
cat > "$work/good.yml" <<'YAML'
merge_method: linear
models:
- {model: zoo/digits, parameters: {weight: 0.5}}
- {model: zoo/shapes, parameters: {weight: 0.5}}
YAML
cp "$work/good.yml" "$work/merge.yml"
cp "$work/experiment.json" "$work/good.json"
declare -A need
for command in inspect eval_ merge; do
    need[$command]=$(least $($command))
    [ "${need[$command]}" != unlimited ] || [ -n "${CLADE_LINK:-}" ] || fail "$command: does not do for good files"
done
# A search writes: its need is measured by one that is refused late, as there is a run already.
need[search]=${need[eval_]}
echo "limits (KiB): inspect ${need[inspect]}, eval ${need[eval_]}, merge ${need[merge]}; and 32768 more"

# refused NAME COMMAND FRAGMENT: with the files as they are now, and the exit code $expected.
refused() {
    local name=$1 command=$2 fragment=$3 code=0 limit=${need[$2]}
    [ "$limit" = unlimited ] || limit=$((limit + 32768))
    with "$limit" $($command) > /dev/null 2> "$work/log" < /dev/null || code=$?
    [ $code -eq $expected ] || fail "$name: exit code $code, expected $expected: $(head -c 1000 "$work/log")"
    grep -qF -- "$fragment" "$work/log" || fail "$name: does not name $fragment: $(head -c 1000 "$work/log")"
    ! grep -q "out of memory" "$work/log" || fail "$name: $(head -c 1000 "$work/log")"
    rows=$((rows + 1))
}

# ---- safetensors ----
expected=4
model=$work/zoo/digits/model.safetensors
weights() {
    refused "$1" inspect model.safetensors
    refused "$1" eval_ model.safetensors
    refused "$1" merge model.safetensors
}
huge=9223372036854775807
fresh; { u64 $huge; head -c 100 /dev/zero; } > "$model"; weights "a header of 2^63 bytes"
fresh; { u64 100000000; printf '{'; head -c 1000 /dev/zero; } > "$model"; weights "a header of 100 MB in a file of 1 kB"
fresh; { u64 1010; printf '{'; head -c 1000 /dev/zero; } > "$model"; weights "a header that is cut"
tensor() { header "$model" "{\"t\":{\"dtype\":\"F32\",\"shape\":$1,\"data_offsets\":[$2]}}" 64; }
fresh; tensor "[4294967296,4294967296,4294967296]" 0,64; weights "a product of extents above 2^64"
fresh; tensor "[4611686018427387904,4]" 0,0; weights "a product of extents that is 2^64"
fresh; tensor "[4611686018427387904]" 0,0; weights "bytes that are 2^64"
fresh; tensor "[2305843009213693952]" "0,$huge"; weights "offsets above the file"
fresh; tensor "[16]" "18446744073709551552,18446744073709551615"; weights "offsets at the end of 64 bits"
fresh; tensor "[1099511627776]" 0,4398046511104; weights "4 TB in a file of 64 bytes"
fresh; tensor "[99999999999999999999]" 0,64; weights "an extent above 64 bits"
fresh; tensor "[-16]" 0,64; weights "a negative extent"
fresh; header "$model" "{\"t\":$(printf '[%.0s' {1..3000})"; weights "3,000 levels of brackets"
fresh; truncate -s 1T "$model"; refused "a tail of a terabyte" inspect model.safetensors

# ---- index ----
index() { printf '%s' "$1" > "$work/zoo/digits/model.safetensors.index.json"; }
for shard in ../base/model.safetensors "$work/zoo/base/model.safetensors" /etc/passwd 'C:\\model.safetensors' \
    'a/b.safetensors' '..\\base\\model.safetensors'; do
    fresh; mv "$model" "$work/zoo/digits/part.safetensors"; index "{\"weight_map\":{\"t\":\"$shard\"}}"
    for command in inspect eval_ merge; do refused "a shard at $shard" $command "leaves the folder of the index"; done
done
fresh; rm "$model"; index '{"metadata":{"total_size":1e300},"weight_map":{"t":"part.safetensors"}}'
refused "a shard that is not there" inspect part.safetensors
fresh; rm "$model"; index "$(printf '[%.0s' {1..100000})"
refused "an index of brackets" inspect index.json
fresh; rm "$model"; truncate -s 1T "$work/zoo/digits/model.safetensors.index.json"
refused "an index of a terabyte" inspect index.json

# ---- config.json ----
config=$work/zoo/digits/config.json
setting() { sed -i -E "s/\"$1\": *[0-9]+/\"$1\": $2/" "$config"; grep -q "\"$1\": $2" "$config" || fail "no $1 in config.json"; }
for key in num_hidden_layers hidden_size intermediate_size num_attention_heads image_size patch_size projection_dim; do
    for value in 1048576 9007199254740992 18446744073709551616 1e300 -1 0; do
        fresh; setting $key $value; refused "$key of $value" eval_ zoo/digits
    done
done
fresh; truncate -s 1T "$config"; refused "a config of a terabyte" eval_ config.json
fresh; rm "$config"; mkfifo "$config"; refused "a config that is a pipe" eval_ config.json
fresh; rm "$config"; ln -s /dev/zero "$config"; refused "a config without end" eval_ config.json

# ---- images and labels ----
images=$(cd "$work/whole" && find . -type f -name '*images*' | sed 's#^\./##' | sort | head -1) count=720 side=16
labels=$(cd "$work/whole" && find . -type f -name '*labels*' | sed 's#^\./##' | sort | head -1)
idx() { bytes 0 0 8 $#; local n; for n in "$@"; do be32 "$n"; done; }
for shape in "4294967295 4294967295 4294967295" "4294967295 4294967295 4294967295 4294967295" "2147483648 1 1"; do
    fresh; { idx $shape; head -c 5000 /dev/zero; } > "$work/zoo/$images"; refused "IDX of $shape" eval_ "$images"
    fresh; { idx $shape; head -c 5000 /dev/zero; } | gzip -c > "$work/zoo/$images"; refused "gzip'd IDX of $shape" eval_ "$images"
    fresh; { idx $shape; head -c 5000 /dev/zero; } | gzip -c > "$work/zoo/$labels"; refused "labels of $shape" eval_ "$labels"
done
{ idx 1000 200 400; head -c 80000000 /dev/zero; } | gzip -1 -c > "$work/bomb"
fresh; cp "$work/bomb" "$work/zoo/$images"; refused "80 MB in $(stat -c %s "$work/bomb") bytes" eval_ "$images"
{ idx 336 16 16; head -c 80000000 /dev/zero; } | gzip -1 -c > "$work/bomb"
fresh; cp "$work/bomb" "$work/zoo/$images"; refused "80 MB more than the header says" eval_ "$images"

# ---- probes.json, heads ----
probes=$work/zoo/probes.json
expected=3
for range in "[320, 9007199254740992]" "[9007199254740990, 9007199254740992]" "[320, 4294967296]"; do
    fresh; tr '\n' ' ' < "$probes" | sed -E "s/\"holdout\": *\[[^]]*\]/\"holdout\": $range/g" > "$work/p"; cp "$work/p" "$probes"
    refused "holdout of $range" eval_ zoo/
done
expected=4
fresh; header "$work/zoo/heads.safetensors" '{"digits":{"dtype":"F32","shape":[10,1152921504606846976],"data_offsets":[0,40]}}' 40
refused "a head of any width" eval_ heads.safetensors
fresh; truncate -s 1T "$probes"; refused "probes of a terabyte" eval_ probes.json

# ---- merges: YAML, recipes, tokenizers, adapters ----
expected=3
fresh
yaml() { printf '%b' "$1" > "$work/merge.yml"; }
base='merge_method: linear\nmodels:\n- {model: zoo/digits, parameters: {weight: 0.5}}\n- {model: zoo/shapes, parameters: {weight: 0.5}}\n'
yaml "merge_method: passthrough\nslices:\n- sources: [{model: zoo/digits, layer_range: [0, 4000000000]}]\n"
refused "four billion layers" merge merge.yml
yaml "merge_method: passthrough\nslices:\n- sources: [{model: zoo/digits, layer_range: [0, 99999999999999999999]}]\n"
refused "layers above 64 bits" merge merge.yml
yaml "merge_method: linear\nmodels: &a [$(printf '&b%s [*a], ' {1..10})]\n"; refused "aliases of itself" merge merge.yml
laughs="a0: &a0 [x]\n"
for i in {1..40}; do laughs="${laughs}a$i: &a$i [*a$((i - 1)), *a$((i - 1)), *a$((i - 1))]\n"; done
yaml "$laughs$base"; refused "a billion laughs" merge merge.yml
yaml "merge_method: linear\nmodels: $(printf '[%.0s' {1..50000})"; refused "brackets" merge merge.yml
expected=4
truncate -s 1T "$work/merge.yml"; refused "a YAML of a terabyte" merge merge.yml
cp "$work/good.yml" "$work/merge.yml"
"${CC:-cc}" -O1 -o "$work/make_model" "$CLADE_SOURCE/tests/e2e/make_model.c" || fail "make_model does not compile"
# Two language models with the file $2 of the text $1 as the vocabulary of the first.
vocabulary() {
    local name
    for name in t1 t2; do
        rm -rf "${work:?}/$name"
        mkdir "$work/$name"
        "$work/make_model" "$work/$name/model.safetensors" 1 model.embed_tokens.weight:F32:2,8 model.norm.weight:F32:8
        echo '{"model_type": "llama", "num_hidden_layers": 0, "vocab_size": 2, "tie_word_embeddings": true}' > "$work/$name/config.json"
        printf '%s' '{"a": 0, "b": 1}' > "$work/$name/vocab.json"
    done
    printf '%s' "$1" > "$work/t1/$2"
    yaml 'merge_method: linear\nmodels:\n- {model: t1, parameters: {weight: 0.5}}\n- {model: t2, parameters: {weight: 0.5}}\ntokenizer: {source: union}\n'
}
vocabulary '{"a": 0, "b": 16777215}' vocab.json; refused "a token with the last id" merge "ids up to 16777215"
vocabulary '{"a": 0, "b": 18446744073709551616}' vocab.json; refused "an id above 64 bits" merge vocab.json
vocabulary '{"model": {"vocab": {"a": 16777215}}, "added_tokens": []}' tokenizer.json; refused "tokenizer.json" merge "ids up to 16777215"
vocabulary "$(printf '[%.0s' {1..100000})" tokenizer.json; refused "a tokenizer of brackets" merge tokenizer.json
fresh
mkdir "$work/zoo/lora"
header "$work/zoo/lora/adapter_model.safetensors" \
    '{"base_model.model.q.lora_A.weight":{"dtype":"F32","shape":[1,4],"data_offsets":[0,16]},"base_model.model.q.lora_B.weight":{"dtype":"F32","shape":[4,1],"data_offsets":[16,32]}}' 32
yaml 'merge_method: linear\nmodels:\n- {model: zoo/digits+zoo/lora, parameters: {weight: 0.5}}\n- {model: zoo/shapes, parameters: {weight: 0.5}}\n'
for rank in 65537 9007199254740993 1e300 -1; do
    echo "{\"peft_type\": \"LORA\", \"r\": $rank, \"lora_alpha\": 4}" > "$work/zoo/lora/adapter_config.json"
    refused "an adapter of rank $rank" merge adapter_config.json
done
echo '{"peft_type": "LORA", "r": 1, "lora_alpha": 4}' > "$work/zoo/lora/adapter_config.json"
header "$work/zoo/lora/adapter_model.safetensors" \
    '{"base_model.model.q.lora_A.weight":{"dtype":"F32","shape":[0,9223372036854775807],"data_offsets":[0,0]},"base_model.model.q.lora_B.weight":{"dtype":"F32","shape":[9223372036854775807,0],"data_offsets":[0,0]}}'
refused "factors of no rank" merge adapter_model.safetensors
recipe() { echo "$CLADE" merge "$work/recipe.json" "$work/out" --dry-run; }
need[recipe]=${need[merge]}
expected=3
recipe_of() {
    printf '{"clade_recipe": 1, "method": "passthrough", "parents": [{"name": "a", "path": "zoo/digits"}], %s, "rules": [{"tensors": ["*"], "parents": {"a": {}}}]}' "$1" > "$work/recipe.json"
}
for slices in '"slices": [{"sources": [{"parent": "a", "layers": [0, 4000000000]}]}]' '"seed": 1e300' '"seed": 99999999999999999999'; do
    recipe_of "$slices"; refused "a recipe with $slices" recipe recipe.json
done
expected=4
truncate -s 1T "$work/recipe.json"; refused "a recipe of a terabyte" recipe recipe.json

# ---- experiments ----
expected=3
fresh
edit() { sed -E "$1" "$work/good.json" > "$work/experiment.json"; ! cmp -s "$work/good.json" "$work/experiment.json" || fail "no edit: $1"; }
for change in 's/"population": [0-9]+/"population": 1000000000/' 's/"population": [0-9]+/"population": 9007199254740992/' \
    's/"window": 4/"window": 9007199254740992/' 's/"depth:2"/"depth:1000000000"/' \
    's/"children": [0-9]+/"children": 1e300/'; do
    edit "$change"; refused "$change" search experiment.json
done
echo "$rows rows passed"
