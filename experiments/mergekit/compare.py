#!/usr/bin/env python3
"""Clade and mergekit on the same merges: wall time, CPU time, peak memory, and how far the outputs are apart.

    python3 compare.py VENV CLADE WORK [--sizes NAME,..] [--methods NAME,..] [--rounds N]

VENV   a folder for a virtual environment; made, with mergekit 0.1.5 and its dependencies from PyPI, when it is not there
CLADE  the program `clade`
WORK   a folder for the models (made when they are not there) and the outputs; all sizes need 12 GB

Both tools get the same YAML file. A round runs each once, in turn, with the page cache warm; the fastest round of each
counts. Models are Llama-shaped with random weights: three parents that are the base plus a tenth of noise.
"""
import argparse
import json
import os
import shutil
import subprocess
import sys

SIZES = {  # layers, width, rows of the embedding, dtype
    "14M": (4, 384, 16000, "float32"),
    "57M": (6, 768, 19000, "float32"),
    "57M-bf16": (6, 768, 19000, "bfloat16"),
    "250M": (16, 1024, 32000, "float32"),
    "500M-bf16": (20, 1408, 32000, "bfloat16"),
}
WEIGHTS = (0.5, 0.3, 0.2)
METHODS = {
    "linear": {"parents": {"weight": WEIGHTS}},
    "slerp": {"top": {"t": 0.4}},
    "ties": {"parents": {"weight": WEIGHTS, "density": (0.5, 0.4, 0.6)}, "top": {"normalize": True}},
    "dare_ties": {"parents": {"weight": WEIGHTS, "density": (0.5, 0.4, 0.6)}},
    "della": {"parents": {"weight": WEIGHTS, "density": (0.5, 0.4, 0.6)}, "top": {"epsilon": 0.1}},
    "model_stock": {},
}
RANDOM = ("dare_ties", "della")  # masks differ, so values cannot be compared


def enter_environment(folder):
    """Run this script again by the Python of FOLDER, made if need be."""
    python = os.path.join(folder, "bin", "python")
    if os.environ.get("CLADE_COMPARE") == "inside":
        return
    if not os.path.exists(python):
        subprocess.run([sys.executable, "-m", "venv", folder], check=True)
    if subprocess.run([python, "-c", "import mergekit"], capture_output=True).returncode != 0:
        subprocess.run([python, "-m", "pip", "install", "--quiet", "mergekit==0.1.5"], check=True)
    os.execve(python, [python, *sys.argv], {**os.environ, "CLADE_COMPARE": "inside"})


def shapes_of(layers, width, rows):
    inner = width * 8 // 3 // 64 * 64
    shapes = {"model.embed_tokens.weight": (rows, width), "model.norm.weight": (width,)}
    for layer in range(layers):
        block = f"model.layers.{layer}."
        for name in "qkvo":
            shapes[f"{block}self_attn.{name}_proj.weight"] = (width, width)
        for name, shape in (("gate", (inner, width)), ("up", (inner, width)), ("down", (width, inner))):
            shapes[f"{block}mlp.{name}_proj.weight"] = shape
        shapes[f"{block}input_layernorm.weight"] = shapes[f"{block}post_attention_layernorm.weight"] = (width,)
    return shapes, inner


def make_models(folder, layers, width, rows, dtype):
    import torch
    from safetensors.torch import save_file
    shapes, inner = shapes_of(layers, width, rows)
    config = {"architectures": ["LlamaForCausalLM"], "model_type": "llama", "hidden_size": width, "intermediate_size": inner,
              "num_hidden_layers": layers, "num_attention_heads": width // 64, "num_key_value_heads": width // 64,
              "vocab_size": rows, "tie_word_embeddings": True, "torch_dtype": dtype, "rms_norm_eps": 1e-6,
              "max_position_embeddings": 512, "hidden_act": "silu"}
    for model in ("base", "a", "b", "c"):
        out = os.path.join(folder, model)
        if os.path.exists(os.path.join(out, "model.safetensors")):
            continue
        os.makedirs(out, exist_ok=True)
        shared, own = torch.Generator().manual_seed(1), torch.Generator().manual_seed(2 + ord(model[0]))
        tensors = {}
        for name, shape in shapes.items():
            values = 0.02 * torch.randn(shape, generator=shared)
            if model != "base":
                values += 0.002 * torch.randn(shape, generator=own)
            tensors[name] = values.to(getattr(torch, dtype))
        save_file(tensors, os.path.join(out, "model.safetensors"), metadata={"format": "pt"})
        with open(os.path.join(out, "config.json"), "w") as file:
            json.dump(config, file)


def write_yaml(path, folder, method, dtype):
    settings = METHODS[method]
    lines = [f"merge_method: {method}", f"dtype: {dtype}"]
    names = ("base", "a") if method == "slerp" else ("a", "b", "c")
    if method != "linear":
        lines.append(f"base_model: {folder}/base")
    lines.append("models:")
    for i, name in enumerate(names):
        lines.append(f"- model: {folder}/{name}")
        parameters = settings.get("parents", {})
        if parameters:
            lines.append("  parameters: {" + ", ".join(f"{k}: {v[i]}" for k, v in parameters.items()) + "}")
    if "top" in settings:
        lines.append("parameters: {" + ", ".join(f"{k}: {str(v).lower()}" for k, v in settings["top"].items()) + "}")
    with open(path, "w") as file:
        file.write("\n".join(lines) + "\n")


MEASURE = """
import json, os, subprocess, sys, time
start = time.perf_counter()
process = subprocess.Popen(sys.argv[1:], stdout=subprocess.DEVNULL, stderr=sys.stderr)
_, code, usage = os.wait4(process.pid, 0)
print(json.dumps({"wall": time.perf_counter() - start, "cpu": usage.ru_utime + usage.ru_stime,
                  "bytes": usage.ru_maxrss * 1024}))
sys.exit(code != 0)
"""


def measure(command, out):
    """Wall and CPU seconds and peak resident bytes of COMMAND, by the operating system's own accounts. A small process
    starts it: the peak of a program includes that of the process it was forked from, and this one has torch loaded."""
    shutil.rmtree(out, ignore_errors=True)
    done = subprocess.run([sys.executable, "-S", "-E", "-c", MEASURE, *command], capture_output=True, text=True)
    if done.returncode != 0:
        sys.exit(f"{' '.join(command)}: failed\n{done.stderr}")
    return json.loads(done.stdout)


def largest_difference(one, other):
    import torch
    from safetensors import safe_open
    worst = 0.0
    with safe_open(os.path.join(one, "model.safetensors"), "pt") as a, safe_open(
            os.path.join(other, "model.safetensors"), "pt") as b:
        assert sorted(a.keys()) == sorted(b.keys())
        for name in a.keys():
            worst = max(worst, (a.get_tensor(name).double() - b.get_tensor(name).double()).abs().max().item())
    return worst


def compare(size, method, options):
    folder = os.path.join(options.work, size)
    yaml, ours, theirs = (os.path.join(options.work, name) for name in (f"{size}-{method}.yml", "clade-out", "mergekit-out"))
    write_yaml(yaml, folder, method, SIZES[size][3])
    mergekit = [os.path.join(options.venv, "bin", "mergekit-yaml"), yaml, theirs, "--no-write-model-card", "--quiet",
                "--no-copy-tokenizer"]
    best = {}
    for _ in range(options.rounds):
        for name, command, out in (("clade", [options.clade, "merge", yaml, ours], ours), ("mergekit", mergekit, theirs)):
            took = measure(command, out)
            best[name] = {k: min(v, best.get(name, took)[k]) for k, v in took.items()}
    difference = None if method in RANDOM else largest_difference(ours, theirs)
    return {"size": size, "method": method, "difference": difference, **best}


def print_row(row):
    a, b = row["clade"], row["mergekit"]
    difference = "masks differ" if row["difference"] is None else f"{row['difference']:.1e}"
    print(f"| {row['size']} | {row['method']} | {a['wall']:.2f} | {b['wall']:.1f} | {b['wall'] / a['wall']:.0f} | "
          f"{a['cpu']:.2f} | {b['cpu']:.1f} | {a['bytes'] / 1e6:.0f} | {b['bytes'] / 1e6:.0f} | "
          f"{b['bytes'] / a['bytes']:.0f} | {difference} |", flush=True)


def main():
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("venv")
    parser.add_argument("clade")
    parser.add_argument("work")
    parser.add_argument("--sizes", default="14M,57M,57M-bf16,250M,500M-bf16")
    parser.add_argument("--methods", default=",".join(METHODS))
    parser.add_argument("--rounds", type=int, default=3)
    options = parser.parse_args()
    options.venv, options.clade, options.work = (os.path.abspath(p) for p in (options.venv, options.clade, options.work))
    enter_environment(options.venv)
    print("| model | method | Clade s | mergekit s | times | Clade CPU s | mergekit CPU s | Clade MB | mergekit MB | times | "
          "largest difference |")
    print("|" + "---|" * 11)
    for size in options.sizes.split(","):
        make_models(os.path.join(options.work, size), *SIZES[size])
        for method in options.methods.split(","):
            print_row(compare(size, method, options))


if __name__ == "__main__":
    main()
