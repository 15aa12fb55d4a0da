#!/usr/bin/env bash
# What `clade merge` writes: every file, the same bytes however it is made, and nothing where nothing was asked for.
. "${CLADE_SOURCE:?}/tests/small_merge.sh" || exit 1
tensors="model.embed_tokens.weight:F32:16,8 model.layers.0.w:F32:300,300 model.layers.1.w:F32:300,300
         model.layers.1.v:F32:300,300 model.norm.weight:F32:8 ids:I64:4 empty:F32:0,3 scalar:F32:"
for parent in base:0 a:1 b:2; do model "${parent%:*}" "${parent#*:}" $tensors; done
echo '{"model": "of the base"}' > "$work/base/tokenizer.json"
echo '{"chat_template": "of the base"}' > "$work/base/tokenizer_config.json"
echo '{"temperature": 0.5}' > "$work/base/generation_config.json"
echo '{"model": "of a"}' > "$work/a/tokenizer.json"
echo 'not to be copied' > "$work/base/training_args.bin"
cat > "$work/ties.yml" <<'YAML'
merge_method: ties
base_model: base
models:
- model: a
  parameters: {weight: 0.5, density: 0.5}
- model: b
  parameters: {weight: 0.25, density: 0.7}
dtype: float32
out_dtype: bfloat16
YAML

# ---- the folder ----
check "merge of a YAML" merge ties.yml one --threads 1
check "files" test "$(ls -A "$work/one" | tr '\n' ' ')" = \
    "README.md clade_recipe.json config.json generation_config.json model.safetensors tokenizer.json tokenizer_config.json "
for file in tokenizer.json tokenizer_config.json generation_config.json; do
    check "$file" cmp "$work/base/$file" "$work/one/$file"
done
check "config.json has the dtype" grep -q '"torch_dtype": "bfloat16"' "$work/one/config.json"
check "config.json has the dtype under its new name" grep -q '"dtype": *"bfloat16"' "$work/one/config.json"
check "config.json is the base's otherwise" diff <(grep -v dtype "$work/base/config.json") <(grep -v '^.*dtype' "$work/one/config.json")
check "inspect" "$CLADE" inspect "$work/one"
check "tensors" grep -q 'dtypes *{"BF16":7,"I64":1}' <("$CLADE" inspect "$work/one")
for line in '^library_name: transformers$' '^base_model:$' '^- "a"$' '^- merge$' '^merge_method: ties$' \
    "$(content_hash "$work/base")" "$(content_hash "$work/a")" "$(content_hash "$work/b")"; do
    check "README.md has $line" grep -q -- "$line" "$work/one/README.md"
done

# ---- the same bytes ----
check "two threads, verified" merge ties.yml two --threads 2 --verify
check "it says so" grep -q 'two: written and verified' "$work/err"
check "five threads" merge ties.yml five --threads 5
check "two threads, the same folder" diff -r "$work/one" "$work/two"
check "five threads, the same folder" diff -r "$work/one" "$work/five"
check "of the recipe in it" "$CLADE" merge "$work/one/clade_recipe.json" "$work/again"
check "the same weights" cmp "$work/one/model.safetensors" "$work/again/model.safetensors"
"$CLADE" merge "$work/ties.yml" --json > "$work/ties.json" || wrong "merge --json"
check "of the printed recipe" merge ties.json printed
check "the same weights" cmp "$work/one/model.safetensors" "$work/printed/model.safetensors"
"$CLADE" merge "$work/ties.yml" --mergekit > "$work/printed.yml" || wrong "merge --mergekit"
check "of the printed YAML" merge printed.yml reprinted
check "the same weights" cmp "$work/one/model.safetensors" "$work/reprinted/model.safetensors"

# ---- shards ----
sed -e '/out_dtype/d' "$work/ties.yml" > "$work/wide.yml"
check "one file" merge wide.yml whole
check "shards" merge wide.yml shards --shard-size 1 --threads 2 --verify
check "two files of weights" test "$(ls "$work/shards" | grep -c '^model-0000[12]-of-00002.safetensors$')" -eq 2
check "an index" grep -q '"total_size": *1080' "$work/shards/model.safetensors.index.json"
for name in empty ids scalar model.norm.weight model.layers.1.w; do
    check "$name is in the index" grep -q "\"$name\"" "$work/shards/model.safetensors.index.json"
done
check "the hash of one file" test "$(content_hash "$work/whole")" = "$(content_hash "$work/shards")"
yaml of_shards.yml linear - shards whole
check "of shards" merge of_shards.yml of_shards
check "halves of the same" test "$(content_hash "$work/of_shards")" = "$(content_hash "$work/shards")"

# ---- single files, adapters, heads, many tensors ----
cp "$work/a/model.safetensors" "$work/a.safetensors"
cp "$work/b/model.safetensors" "$work/b.safetensors"
yaml files.yml linear - a.safetensors b.safetensors
yaml folders.yml linear - a b
check "of single files" merge files.yml from_files
check "of folders" merge folders.yml from_folders
check "the same weights" cmp "$work/from_files/model.safetensors" "$work/from_folders/model.safetensors"
check "no config.json from single files" test ! -e "$work/from_files/config.json"

adapter() { # NAME SEED
    mkdir "$work/$1"
    "$work/make_model" "$work/$1/adapter_model.safetensors" "$2" \
        "base_model.model.model.layers.0.lora_A.weight:F32:2,300" "base_model.model.model.layers.0.lora_B.weight:F32:300,2"
    echo '{"peft_type": "LORA", "r": 2, "lora_alpha": 4, "target_modules": ["0"]}' > "$work/$1/adapter_config.json"
}
adapter lora_a 1
adapter lora_b 2
model lora_base 0 model.layers.0.weight:F32:300,300 model.norm.weight:F32:8
cat > "$work/lora.json" <<'JSON'
{ "clade_recipe": 1, "method": "linear", "base": "lora_base",
  "parents": [{ "name": "a", "adapter": "lora_a" }, { "name": "b", "adapter": "lora_b" }],
  "rules": [{ "tensors": ["*"], "parents": { "a": { "weight": 0.5 }, "b": { "weight": 0.5 } } }] }
JSON
check "adapters on the base" merge lora.json lora
check "all of the base's tensors" grep -q 'tensors_count *2$' <("$CLADE" inspect "$work/lora")
check "the card names the adapters" grep -q 'lora_a' "$work/lora/README.md"
printf 'merge_method: linear\nmodels:\n- {model: lora_base+lora_a, parameters: {weight: 0.5}}\n' > "$work/lora.yml"
printf -- '- {model: lora_base+lora_b, parameters: {weight: 0.5}}\n' >> "$work/lora.yml"
check "adapters in a YAML" merge lora.yml lora_yml
check "the same weights" cmp "$work/lora/model.safetensors" "$work/lora_yml/model.safetensors"

sed -e 's/"linear"/"lora_linear", "parameters": { "output": "adapter" }/' "$work/lora.json" > "$work/lora_only.json"
check "an adapter of adapters" merge lora_only.json lora_only
check "its files" test "$(ls -A "$work/lora_only" | grep adapter | tr '\n' ' ')" = "adapter_config.json adapter_model.safetensors "
row "where something is" 2 "$work/lora_only|exists already" "$CLADE" merge "$work/lora_only.json" "$work/lora_only"
sed -e 's/"linear"/"lora_linear"/' "$work/lora.json" > "$work/lora_folded.json"
check "folded into the base" merge lora_folded.json lora_folded --verify
check "all of the base's tensors" grep -q 'tensors_count *2$' <("$CLADE" inspect "$work/lora_folded")

# A head that only one parent stores: the other's is its embeddings, and the child's is its own.
model own 1 model.embed_tokens.weight:F32:16,8 lm_head.weight:F32:16,8
model shared 2 model.embed_tokens.weight:F32:16,8
yaml tied.yml linear - shared own
row "a head that is missing" 5 "shared: tensor lm_head.weight is missing" "$CLADE" merge "$work/tied.yml" "$work/tied"
sed -i -e 's/"tie_word_embeddings": false/"tie_word_embeddings": true/' "$work/shared/config.json"
check "a head that is shared" merge tied.yml tied
check "the child has one" grep -q 'tensors_count *2$' <("$CLADE" inspect "$work/tied")
check "and says that it is its own" grep -q '"tie_word_embeddings": false' "$work/tied/config.json"

model less 3 model.embed_tokens.weight:F32:16,8 model.layers.0.w:F32:300,300
cat > "$work/missing.json" <<'JSON'
{ "clade_recipe": 1, "method": "linear", "missing": "leave_out",
  "parents": [{ "name": "a", "path": "a" }, { "name": "less", "path": "less" }],
  "rules": [{ "tensors": ["*"], "parents": { "a": { "weight": 0.5 }, "less": { "weight": 0.5 } } }] }
JSON
check "tensors that one parent lacks" merge missing.json missing
check "all tensors" grep -q 'tensors_count *8$' <("$CLADE" inspect "$work/missing")

for seed in 0 1 2; do "$work/make_model" "$work/many$seed.safetensors" $seed many 100000; done
for method in ties linear; do
    yaml many.yml $method "$([ $method = ties ] && echo many0.safetensors || echo -)" many1.safetensors many2.safetensors
    rm -rf "$work/many"
    check "100,000 tensors planned ($method)" timeout 60 "$CLADE" merge "$work/many.yml" "$work/many" --dry-run
    memory=$(sed -n 's/^memory *//p' "$work/log")
    case $memory in 0.[01]*\ GB* | *\ [kM]B*) passed=$((passed + 1)) ;; *) wrong "in little memory ($method): $memory" ;; esac
    check "nothing of them written" test ! -e "$work/many" -a ! -e "$work/many.partial"
    check "100,000 tensors merged ($method)" timeout 100 "$CLADE" merge "$work/many.yml" "$work/many"
    check "100,000 tensors written ($method)" grep -q 'tensors_count *100000$' <("$CLADE" inspect "$work/many")
done

# ---- a dry run ----
before=$(find "$work" | sort)
"$CLADE" merge "$work/ties.yml" "$work/dry" --dry-run > "$work/log.dry" 2>&1 || wrong "--dry-run: $(cat "$work/log.dry")"
rm -f "$work/log" "$work/err"
plan=$(cat "$work/log.dry"; rm "$work/log.dry")
for fragment in "ties" "8 tensors" "first pass" "memory" "thread"; do
    case $plan in *"$fragment"*) passed=$((passed + 1)) ;; *) wrong "--dry-run does not say \"$fragment\": $plan" ;; esac
done
check "--dry-run leaves nothing" test "$(echo "$before" | grep -v -e /log$ -e /err$)" = "$(find "$work" | sort | grep -v -e /log$ -e /err$)"
finish
