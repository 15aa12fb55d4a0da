#!/usr/bin/env python3
"""Llama-shaped checkpoints of any size, filled with cheap random bfloat16 numbers: for merges larger than the memory.

    python3 make_models.py FOLDER NAME [NAME ..] [--layers N]

32 layers (the default) are the 6.7 billion parameters of Llama 7B: 13.5 GB a model, in shards of up to 5 GB with an index.
Nothing but the standard library is needed. Values are finite, between 2^-7 and 2^-5 in magnitude.
"""
import argparse
import json
import os
import struct

WIDTH, INNER, ROWS = 4096, 11008, 32000
SHARD_BYTES, BLOCK_BYTES = 5_000_000_000, 1 << 24
HIGH_BYTES = bytes((0x3C, 0xBC)[i & 1] for i in range(256))  # sign and the top of the exponent


def shapes_of(layers):
    shapes = {"lm_head.weight": (ROWS, WIDTH), "model.embed_tokens.weight": (ROWS, WIDTH), "model.norm.weight": (WIDTH,)}
    for layer in range(layers):
        block = f"model.layers.{layer}."
        for name in "qkvo":
            shapes[f"{block}self_attn.{name}_proj.weight"] = (WIDTH, WIDTH)
        for name, shape in (("gate", (INNER, WIDTH)), ("up", (INNER, WIDTH)), ("down", (WIDTH, INNER))):
            shapes[f"{block}mlp.{name}_proj.weight"] = shape
        shapes[f"{block}input_layernorm.weight"] = shapes[f"{block}post_attention_layernorm.weight"] = (WIDTH,)
    return dict(sorted(shapes.items()))


def bytes_of(shape):
    count = 2
    for extent in shape:
        count *= extent
    return count


def make_block():
    """Bytes of random bfloat16 numbers."""
    block = bytearray(BLOCK_BYTES)
    block[0::2] = os.urandom(BLOCK_BYTES // 2)
    block[1::2] = os.urandom(BLOCK_BYTES // 2).translate(HIGH_BYTES)
    return memoryview(bytes(block))


def write_shard(path, shapes, block):
    header, offset = {"__metadata__": {"format": "pt"}}, 0
    for name, shape in shapes.items():
        end = offset + bytes_of(shape)
        header[name] = {"dtype": "BF16", "shape": list(shape), "data_offsets": [offset, end]}
        offset = end
    text = json.dumps(header).encode()
    text += b" " * (-len(text) % 8)
    with open(path, "wb") as file:
        file.write(struct.pack("<Q", len(text)) + text)
        for name, shape in shapes.items():
            left, start = bytes_of(shape), 2 * (len(name) * 7919 % (BLOCK_BYTES // 4))
            while left > 0:
                part = block[start:start + left]
                file.write(part)
                left -= len(part)
                start = 0


def write_model(folder, layers):
    os.makedirs(folder)
    shards, filled = [{}], 0
    for name, shape in shapes_of(layers).items():
        if shards[-1] and filled + bytes_of(shape) > SHARD_BYTES:
            shards.append({})
            filled = 0
        shards[-1][name] = shape
        filled += bytes_of(shape)
    names = [f"model-{i + 1:05}-of-{len(shards):05}.safetensors" for i in range(len(shards))]
    block = make_block()
    for name, shard in zip(names, shards):
        write_shard(os.path.join(folder, name), shard, block)
    index = {"metadata": {"total_size": sum(bytes_of(s) for shard in shards for s in shard.values())},
             "weight_map": {tensor: name for name, shard in zip(names, shards) for tensor in shard}}
    config = {"architectures": ["LlamaForCausalLM"], "model_type": "llama", "hidden_size": WIDTH, "intermediate_size": INNER,
              "num_hidden_layers": layers, "num_attention_heads": 32, "num_key_value_heads": 32, "vocab_size": ROWS,
              "torch_dtype": "bfloat16", "tie_word_embeddings": False, "rms_norm_eps": 1e-5, "hidden_act": "silu"}
    for file_name, content in (("model.safetensors.index.json", index), ("config.json", config)):
        with open(os.path.join(folder, file_name), "w") as file:
            json.dump(content, file, indent=1)


def main():
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("folder")
    parser.add_argument("names", nargs="+")
    parser.add_argument("--layers", type=int, default=32)
    options = parser.parse_args()
    for name in options.names:
        path = os.path.join(options.folder, name)
        if not os.path.exists(path):
            write_model(path, options.layers)
        print(path)


if __name__ == "__main__":
    main()
