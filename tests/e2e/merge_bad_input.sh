#!/usr/bin/env bash
# Merges that cannot be: what is wrong, the exit code, what the one message says, and that nothing is left behind.
. "${CLADE_SOURCE:?}/tests/small_merge.sh" || exit 1
w=model.layers.0.w v=model.layers.1.w
tensors="$w:F32:30,40 $v:F32:30,40 model.norm.weight:F32:8 ids:I64:4"
for parent in base:0 a:1 b:2; do model "${parent%:*}" "${parent#*:}" $tensors; done
yaml good.yml linear - a b
run() { "$CLADE" merge "$work/$1" "$work/out" "${@:2}"; }
# bad NAME CODE FRAGMENTS MODEL [METHOD]: a merge of a with MODEL, and its dry run when the names and shapes tell already.
bad() {
    yaml bad.yml "${5:-linear}" "$([ "${5:-linear}" = linear ] && echo - || echo base)" a "$4"
    row "$1" "$2" "$3" run bad.yml
    [ "$2" -eq 6 ] || row "$1, dry run" "$2" "$3" run bad.yml --dry-run
}

# ---- the output ----
mkdir "$work/empty" "$work/full"
echo > "$work/full/file"
for out in empty full a a/ a/model.safetensors; do
    row "output $out exists" 2 "$work/$out|exists already" "$CLADE" merge "$work/good.yml" "$work/$out"
    row "output $out exists, dry run" 2 "exists already" "$CLADE" merge "$work/good.yml" "$work/$out" --dry-run
done
row "output below a file" 7 "model.safetensors" "$CLADE" merge "$work/good.yml" "$work/a/model.safetensors/out"
row "output without a name" 2 "is empty" "$CLADE" merge "$work/good.yml" ""
row "too many threads" 2 "--threads: found 5000, expected at most 1024" "$CLADE" merge "$work/good.yml" "$work/out" --threads 5000
row "no output" 2 "OUT_DIR is missing" "$CLADE" merge "$work/good.yml"
mkdir "$work/out.partial"
echo mine > "$work/out.partial/file"
row "somebody's OUT.partial" 2 "out.partial|no merge left it" run good.yml
[ "$(cat "$work/out.partial/file")" = mine ] || wrong "somebody's OUT.partial was changed"
rm -r "$work/out.partial"

# ---- models ----
yaml bad.yml linear - nota notb
row "two models that are not there" 4 "$work/nota|$work/notb" run bad.yml --dry-run
model other 3 "$w:F32:40,30" "$v:F32:30,40" model.norm.weight:F32:8 ids:I64:4
yaml bad.yml linear - a other
row "all problems in a dry run" 5 "found shape [40, 30]|$work/a: exists already" "$CLADE" merge "$work/bad.yml" "$work/a" --dry-run
row "no such recipe" 4 "nothere.yml" "$CLADE" merge "$work/nothere.yml" "$work/out"
row "a folder for a recipe" 2 "is a folder" "$CLADE" merge "$work/a" "$work/out"
bad "hub name" 3 "bad.yml:4|org/model-7b|no such file or folder|download" org/model-7b
"$CLADE" merge "$work/good.yml" --json 2> /dev/null | sed -e 's#"[^"]*/b"#"org/model-7b"#' > "$work/hub.json"
row "hub name in a recipe" 4 "org/model-7b|download" run hub.json
cp -r "$work/b" "$work/cut"
truncate -s -100 "$work/cut/model.safetensors"
bad "truncated file" 4 "cut/model.safetensors|$v|the file is cut" cut
cp -r "$work/b" "$work/pickle"
mv "$work/pickle/model.safetensors" "$work/pickle/pytorch_model.bin"
bad "pickles" 4 "pickle|pytorch_model.bin" pickle
model other 3 "$w:F32:40,30" "$v:F32:30,40" model.norm.weight:F32:9 ids:I64:4
bad "other shapes, all of them" 5 "other: tensor $w: found shape [40, 30], expected [30, 40]|norm.weight: found shape [9], expected [8]" other
model less 3 "$w:F32:30,40" model.norm.weight:F32:8 ids:I64:4 extra:F32:3
bad "other tensors, all of them" 5 "a: tensor extra is missing|less: tensor $v is missing" less
model integers 3 "$w:F32:30,40" "$v:F32:30,40" model.norm.weight:F32:8 ids:I64:4:add@2
bad "integers that differ" 5 "integers: tensor ids|integers differ" integers
model floats 3 "$w:F32:30,40" "$v:F32:30,40" model.norm.weight:F32:8 ids:F32:4
bad "floats for integers" 5 "floats: tensor ids|found dtype F32, expected I64" floats
for method in linear ties task_arithmetic; do
    model broken 3 "$w:F32:30,40" "$v:F32:30,40:nan@777" model.norm.weight:F32:8 ids:I64:4
    bad "NaN ($method)" 6 "tensor $v: element 777 of broken is NaN" broken $method
    model broken 3 "$w:BF16:30,40:inf@1199" "$v:F32:30,40" model.norm.weight:F32:8 ids:I64:4
    bad "infinity ($method)" 6 "tensor $w: element 1199 of broken is infinite" broken $method
done
cat > "$work/half.yml" <<'YAML'
merge_method: linear
models:
- {model: a, parameters: {weight: 1.0e38}}
- {model: b, parameters: {weight: 1.0e38}}
parameters: {normalize: false}
dtype: float32
out_dtype: float16
YAML
row "a child that float16 cannot hold" 6 "of the child is infinite in F16" run half.yml

# ---- adapters ----
mkdir "$work/lora"
"$work/make_model" "$work/lora/adapter_model.safetensors" 1 \
    base_model.model.other.q.lora_A.weight:F32:2,8 base_model.model.other.q.lora_B.weight:F32:8,2
echo '{"peft_type": "LORA", "r": 2, "lora_alpha": 4, "base_model_name_or_path": "org/elsewhere"}' > "$work/lora/adapter_config.json"
bad "adapter for another base" 5 "lora: tensor \"other.q.weight\": is not in the base|made for \"org/elsewhere\"" a+lora
echo '{"peft_type": "IA3", "r": 2}' > "$work/lora/adapter_config.json"
bad "another kind of adapter" 4 "lora|IA3" a+lora
echo '{"peft_type": "LORA", "r": 2, "lora_alpha": ' > "$work/lora/adapter_config.json"
bad "broken adapter" 4 "adapter_config.json" a+lora

# ---- YAML ----
text() { printf '%b' "$1" > "$work/bad.yml"; }
text 'merge_method: linear\nmodels: &all\n- model: a\n- *all\n'
row "an alias of itself" 3 "bad.yml:4|*all" run bad.yml
text 'merge_method: linear\nmodels:\n- model: a\n  parameters: &p {weight: 1, <<: *p}\n'
row "a merge key of itself" 3 "bad.yml:4|*p" run bad.yml
cp "$CLADE_SOURCE/tests/fuzz/corpus/mergekit/laughs.yml" "$work/laughs.yml"
row "a billion laughs" 3 "laughs.yml" timeout 10 "$CLADE" merge "$work/laughs.yml" "$work/out"
text 'merge_method: linear\nmodels:\n- model: a\n  parameters: {weigt: 1}\n- model: b\n  weight: 1\ndtyp: float16\nparameters: {densty: 1}\n'
row "unknown keys, all of them" 3 \
    'bad.yml:7: unknown key "dtyp"; did you mean "dtype"?|bad.yml:6: unknown key "weight"|"weigt" of a model|did you mean "weight"?|"densty"' run bad.yml
text 'merge_method: liner\nmodels:\n- model: a\n'
row "unknown method" 3 'liner|did you mean "linear"' run bad.yml
text 'merge_method: linear\nmodels:\n- model: a\n  parameters: {weight: [1, two]}\n'
row "no number" 3 "bad.yml:4" run bad.yml
text 'merge_method: linear\nmodels: [\n'
row "no YAML" 3 "bad.yml" run bad.yml
text ''
row "an empty YAML" 3 "bad.yml" run bad.yml
head -c 300 /dev/zero > "$work/bad.yml"
row "zeros" 3 "bad.yml" run bad.yml

# ---- recipes ----
text '{ "clade_recipe": 1, "method": "linear", "parents": [{ "name": "a", "path": "a" }], "rules": [{ "tensors": ["*"], "parents": { "x": { "weight": 1 } } }], "sead": 1 }'
mv "$work/bad.yml" "$work/bad.json"
row "a recipe with two mistakes" 3 'unknown key "sead"; did you mean "seed"?|"x"' run bad.json
text '{ "clade_recipe": 1, "method": "linear", "parents": [{ "name": "a", "path": "a" }], "rules": [{ "tensors": ["embed*"], "parents": { "a": { "weight": 1 } } }] }'
mv "$work/bad.yml" "$work/bad.json"
row "a tensor without a rule" 3 "tensor model.layers.0.w: no rule" run bad.json
finish
