#!/usr/bin/env bash
# What `clade merge` writes is loaded by the Python package `transformers` without a word: every weight found, none left
# over, the dtype of config.json, the tokenizer; and a forward pass gives the mean of the parents' weights its meaning.
. "${CLADE_SOURCE:?}/tests/small_merge.sh" || exit 1
python=${PYTHON:-python3}
if ! "$python" -c 'import transformers, torch, tokenizers' 2> /dev/null; then
    echo "skipped: $python has no packages transformers and torch"
    exit 77
fi
export HF_HUB_OFFLINE=1 TRANSFORMERS_OFFLINE=1 CUDA_VISIBLE_DEVICES=
"$python" - "$work" << 'END_PYTHON' > "$work/log" 2>&1 || { cat "$work/log"; exit 1; }
import sys
import torch
from tokenizers import Tokenizer, models
from transformers import AutoModelForCausalLM, LlamaConfig, PreTrainedTokenizerFast, Qwen2Config

work = sys.argv[1]
words = {word: i for i, word in enumerate(["<unk>", "<s>", "a", "b", "c"])}
tokenizer = PreTrainedTokenizerFast(tokenizer_object=Tokenizer(models.WordLevel(words, unk_token="<unk>")),
                                    unk_token="<unk>", bos_token="<s>")
small = dict(vocab_size=32, hidden_size=16, intermediate_size=24, num_hidden_layers=3, num_attention_heads=2,
             num_key_value_heads=1, max_position_embeddings=64)
kinds = {"llama": LlamaConfig(**small), "qwen": Qwen2Config(**small, tie_word_embeddings=True)}
for kind, config in kinds.items():
    for seed, name in enumerate(["base", "a", "b"]):
        torch.manual_seed(seed)
        model = AutoModelForCausalLM.from_config(config)
        model.save_pretrained(f"{work}/{kind}_{name}", max_shard_size="8KB" if name == "a" else "1GB")
        tokenizer.save_pretrained(f"{work}/{kind}_{name}")
END_PYTHON
for kind in llama qwen; do
    yaml $kind.yml linear - ${kind}_a ${kind}_b
    check "$kind" merge $kind.yml $kind --verify
    sed -e 's/linear/task_arithmetic/' -e "1a base_model: ${kind}_base" -e '$a out_dtype: bfloat16' "$work/$kind.yml" > "$work/${kind}_half.yml"
    check "$kind in shards of bfloat16" merge ${kind}_half.yml ${kind}_half
done
# Blocks of two models one after the other: config.json has to know their number.
cat > "$work/llama_stack.yml" << 'YAML'
merge_method: passthrough
slices:
- sources: [{model: llama_a, layer_range: [0, 3]}]
- sources: [{model: llama_b, layer_range: [1, 3]}]
YAML
check "stacked" merge llama_stack.yml llama_stack
[ $failed -eq 0 ] || { finish; exit 1; }

"$python" - "$work" << 'END_PYTHON' > "$work/log" 2>&1 || { cat "$work/log"; exit 1; }
import contextlib, io, logging, sys, warnings
import torch
import transformers
from transformers import AutoModelForCausalLM, AutoTokenizer

work = sys.argv[1]
warnings.simplefilter("error")
transformers.utils.logging.disable_progress_bar()
transformers.utils.logging.set_verbosity_warning()
words = io.StringIO()
logging.getLogger("transformers").addHandler(logging.StreamHandler(words))


def load(name):
    with contextlib.redirect_stderr(words), contextlib.redirect_stdout(words):
        model, info = AutoModelForCausalLM.from_pretrained(f"{work}/{name}", output_loading_info=True, dtype="auto")
    for kind, keys in info.items():
        assert not keys, f"{name}: {kind}: {keys}"
    return model


ids = torch.tensor([[1, 2, 3, 4]])
for kind in "llama", "qwen":
    a, b, child, half = load(kind + "_a"), load(kind + "_b"), load(kind), load(kind + "_half")
    assert child.dtype == torch.float32 and half.dtype == torch.bfloat16, (child.dtype, half.dtype)
    with torch.no_grad():
        wanted = {name: (value + b.state_dict()[name]) / 2 for name, value in a.state_dict().items()}
        for name, value in child.state_dict().items():
            assert torch.allclose(value, wanted[name], atol=1e-7), f"{kind}: {name}"
        a.load_state_dict(wanted)
        assert torch.allclose(a(ids).logits, child(ids).logits, atol=1e-5), kind
    assert AutoTokenizer.from_pretrained(f"{work}/{kind}").convert_tokens_to_ids("c") == 4
stack = load("llama_stack")
assert stack.config.num_hidden_layers == 5 and torch.isfinite(stack(ids).logits).all()
assert words.getvalue() == "", words.getvalue()
print("loaded by transformers", transformers.__version__)
END_PYTHON
cat "$work/log"
finish
