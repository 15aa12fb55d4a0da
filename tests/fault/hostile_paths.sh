#!/usr/bin/env bash
# What a downloaded model names stays in its folder; what is copied into a merge is the model's own; and names that become
# files of ours lead nowhere else. (Paths in experiments, probes, recipes and YAML are the user's own wish.)
. "${CLADE_SOURCE:?}/tests/small_merge.sh" || exit 1
w=model.layers.0.w v=model.layers.1.w
model a 1 $w:F32:30,40 $v:F32:30,40
model b 2 $w:F32:30,40 $v:F32:30,40
yaml good.yml linear - a b
run() { "$CLADE" merge "$work/$1" "$work/out" "${@:2}"; }
echo '{"secret": "of somebody else"}' > "$work/secret"
cp -r "$work/a" "$work/a.before"
again() { rm -rf "${work:?}/a"; cp -r "$work/a.before" "$work/a"; }

# ---- files that are copied ----
for name in tokenizer.json tokenizer.model merges.txt vocab.txt preprocessor_config.json generation_config.json \
    chat_template.jinja config.json; do
    for target in ../secret "$work/secret"; do
        again
        rm -f "$work/a/$name"
        ln -s "$target" "$work/a/$name"
        row "$name is a link to $target" 4 "a/$name: is a link to $work/secret, outside the model's folder" run good.yml
    done
done
again
echo own > "$work/a/merges-1.txt"
ln -s merges-1.txt "$work/a/merges.txt"
check "a link within the folder" run good.yml
check "is copied" grep -qx own "$work/out/merges.txt"
rm -rf "$work/out"
# As the cache of huggingface_hub has it.
again
mkdir -p "$work/models--x/blobs" "$work/models--x/snapshots/0123"
for file in config.json model.safetensors; do
    mv "$work/a/$file" "$work/models--x/blobs/$file-sha"
    ln -s "../../blobs/$file-sha" "$work/models--x/snapshots/0123/$file"
done
echo own > "$work/models--x/blobs/merges-sha"
ln -s ../../blobs/merges-sha "$work/models--x/snapshots/0123/merges.txt"
yaml hub.yml linear - models--x/snapshots/0123 b
check "a snapshot of the hub" run hub.yml
check "its files are copied" grep -qx own "$work/out/merges.txt"
rm -rf "$work/out"

# ---- names of shards ----
again
mv "$work/a/model.safetensors" "$work/a/part.safetensors"
for name in ../b/model.safetensors "$work/b/model.safetensors" 'C:\\b.safetensors' sub/model.safetensors; do
    printf '{"weight_map":{"%s":"%s","%s":"part.safetensors"}}' $w "$name" $v > "$work/a/model.safetensors.index.json"
    row "a shard at $name" 4 "a/model.safetensors.index.json|leaves the folder of the index" run good.yml
done

# ---- names of documents, which become folders ----
again
for name in ../escaped /tmp/escaped .hidden 'a\b' ''; do
    { echo "name: '$name'"; cat "$work/good.yml"; echo ---; cat "$work/good.yml"; } > "$work/names.yml"
    row "a document called '$name'" 3 "names.yml:1" run names.yml
done
[ ! -e "$work/../escaped" ] && [ ! -e /tmp/escaped ] || wrong "a document was made elsewhere"

# ---- an adapter's base is a text, not a path ----
again
mkdir "$work/lora"
"$work/make_model" "$work/lora/adapter_model.safetensors" 1 \
    base_model.model.model.layers.0.w.lora_A.weight:F32:2,40 base_model.model.model.layers.0.w.lora_B.weight:F32:30,2
printf '{"peft_type": "LORA", "r": 2, "lora_alpha": 4, "base_model_name_or_path": "../../../etc/\\u001b[2Jpasswd"}' \
    > "$work/lora/adapter_config.json"
yaml lora.yml linear - a+lora b
run lora.yml > "$work/log" 2>&1
if LC_ALL=C grep -qP '\x1b' "$work/log"; then wrong "an escape sequence came through"; else passed=$((passed + 1)); fi
finish
