"""Accuracies of the demo zoo: the models themselves and the known merges, clean and under corruption.

    python measure.py [--zoo zoo] [--out accuracy.json]

Scales, densities and lambdas are chosen on the search split (clean accuracy); everything printed is the holdout split.
"""
import argparse
import gzip
import json
import pathlib

import numpy as np
import torch
from safetensors.torch import load_file

from corruptions import CONSTANTS, corrupt
from generate import SIDE, stream
from vit import CLIPVision, logits, normalise

SEVERITY = 5
SCALES = [round(0.05 * k, 2) for k in range(1, 21)]
DENSITIES = [0.1, 0.2, 0.5]
LAMBDAS = [0.1, 0.2, 0.3, 0.4, 0.5, 0.6, 0.7, 0.8, 0.9, 1.0, 1.2, 1.5]
CLEAN = "clean"
ROTATED = "rotated"  # item i under corruption i mod 5, as Clade's `assign: rotate`: the price of one pass for all corruptions


def read_idx(path):
    data = gzip.decompress(path.read_bytes())
    rank = data[3]
    return np.frombuffer(data, np.uint8, offset=4 + 4 * rank).reshape(np.frombuffer(data, ">u4", rank, 4))


class Zoo:
    """Base, experts (as float32 of the stored halves), heads and probes of one folder."""

    def __init__(self, folder):
        self.base = self._load(folder / "base")
        names = sorted(path.parent.name for path in folder.glob("*/model.safetensors"))
        self.experts = {name: self._load(folder / name) for name in names if name != "base"}
        self.vectors = {name: {k: expert[k] - self.base[k] for k in expert} for name, expert in self.experts.items()}
        probes = json.loads((folder / "probes.json").read_text())["tasks"]
        self.tasks = [task["name"] for task in probes]
        self.splits = {task["name"]: task["splits"] for task in probes}
        self.images = {task["name"]: read_idx(folder / task["images"]) for task in probes}
        self.labels = {task["name"]: torch.as_tensor(read_idx(folder / task["labels"]).astype(np.int64)) for task in probes}
        self.heads = {task["name"]: load_file(folder / task["head"]["file"])[task["head"]["tensor"]] for task in probes}
        self.model = CLIPVision().eval()
        self.pixels = {}

    @staticmethod
    def _load(folder):
        return {name: tensor.float() for name, tensor in load_file(folder / "model.safetensors").items()}

    def view(self, task, condition):
        """Pixels of a task's probes, clean or corrupted; the noise is drawn once, so that all models see the same images."""
        if (task, condition) not in self.pixels:
            if condition == ROTATED:
                every = torch.stack([self.view(task, name) for name in CONSTANTS])
                item = torch.arange(every.shape[1])
                pixels = every[item % len(CONSTANTS), item]
            elif condition == CLEAN:
                pixels = normalise(self.images[task].copy())
            else:
                pixels = normalise(corrupt(self.images[task], condition, SEVERITY, stream(task, condition, "probe")))
            self.pixels[task, condition] = pixels
        return self.pixels[task, condition]

    def hits(self, state, split, condition=CLEAN, items=None):
        """Per task, a boolean for each item: right or wrong.  `items` limits how many of the split are used."""
        self.model.load_state_dict(state)
        result = {}
        with torch.inference_mode():
            for task in self.tasks:
                low, high = self.splits[task][split]
                rows = slice(low, high if items is None else min(high, low + items))
                scores = logits(self.model, self.view(task, condition)[rows], self.heads[task])
                result[task] = scores.argmax(1) == self.labels[task][rows]
        return result

    def accuracy(self, state, split, condition=CLEAN, items=None):
        per_task = {task: hit.float().mean().item() for task, hit in self.hits(state, split, condition, items).items()}
        return float(np.mean(list(per_task.values()))), per_task


# --- the known merges ----------------------------------------------------------------------------------------------------

def add(base, vector, scale):
    return {k: base[k] + scale * vector[k] for k in base}


def task_arithmetic(zoo, scale):
    return add(zoo.base, {k: sum(v[k] for v in zoo.vectors.values()) for k in zoo.base}, scale)


def flat(vector):
    return torch.cat([vector[k].reshape(-1) for k in sorted(vector)])


def unflat(values, like):
    sizes = [like[k].numel() for k in sorted(like)]
    return {k: part.reshape(like[k].shape) for k, part in zip(sorted(like), values.split(sizes))}


def keep_largest(x, density):
    kept = max(1, int(density * x.numel()))
    return torch.where(x.abs() >= x.abs().flatten().topk(kept).values[-1], x, torch.zeros(()))


def ties_vector(zoo, density, per_tensor):
    """Trim (over the whole model or each tensor), elect the sign by mass, mean of those that agree."""
    if per_tensor:
        trimmed = [flat({k: keep_largest(t, density) for k, t in v.items()}) for v in zoo.vectors.values()]
    else:
        trimmed = [keep_largest(flat(v), density) for v in zoo.vectors.values()]
    stacked = torch.stack(trimmed)
    agree = (stacked.sign() == stacked.sum(0).sign()) & (stacked != 0)
    mean = (stacked * agree).sum(0) / agree.sum(0).clamp(min=1)
    return unflat(mean, zoo.base)


def tuned(zoo, candidates):
    """The (name, state) pair with the best clean accuracy on the search split; candidates are made one at a time."""
    return max(((zoo.accuracy(state, "search")[0], name, state) for name, state in candidates), key=lambda c: c[0])[1:]


def ties_candidates(zoo):
    for per_tensor in (False, True):
        for density in DENSITIES:
            vector = ties_vector(zoo, density, per_tensor)
            for scale in LAMBDAS:
                yield f"{'per-tensor' if per_tensor else 'global'} density {density} lambda {scale}", add(zoo.base, vector, scale)


# --- the report ----------------------------------------------------------------------------------------------------------

def row(zoo, state, split="holdout"):
    clean, per_task = zoo.accuracy(state, split)
    corrupted = {name: zoo.accuracy(state, split, name)[0] for name in CONSTANTS}
    rounded = {k: round(v, 4) for k, v in {**per_task}.items()}
    return {"clean": round(clean, 4), "mean5": round(float(np.mean(list(corrupted.values()))), 4), "per_task": rounded,
            "per_corruption": {k: round(v, 4) for k, v in corrupted.items()}}


def known_merges(zoo):
    yield "average", "scale 1/experts", task_arithmetic(zoo, 1 / len(zoo.experts))
    yield "task_arithmetic 0.3", "scale 0.3", task_arithmetic(zoo, 0.3)
    name, state = tuned(zoo, ((f"scale {s}", task_arithmetic(zoo, s)) for s in SCALES))
    yield "task_arithmetic tuned", name, state
    name, state = tuned(zoo, ties_candidates(zoo))
    yield "ties tuned", name, state


def measure(zoo):
    models = {"base": row(zoo, zoo.base), **{name: row(zoo, state) for name, state in zoo.experts.items()}}
    merges = {name: {"setting": setting, **row(zoo, state)} for name, setting, state in known_merges(zoo)}
    own = [models[task]["per_task"][task] for task in zoo.tasks]
    return {"what": "holdout accuracy; mean5: mean over five corruptions at severity 5 (CIFAR-C constants, one draw of the noise)",
            "individual": round(float(np.mean(own)), 4), "models": models, "merges": merges}


def table(report, tasks):
    columns = ["clean", "mean5"] + tasks + list(CONSTANTS)
    lines = ["| model | " + " | ".join(columns) + " |", "|---|" + "---:|" * len(columns)]
    for name, entry in {**report["models"], **report["merges"]}.items():
        flat_entry = {**entry, **entry["per_task"], **entry["per_corruption"]}
        label = f"{name} ({entry['setting']})" if "setting" in entry else name
        lines.append(f"| {label} | " + " | ".join(f"{100 * flat_entry[c]:.1f}" for c in columns) + " |")
    return "\n".join(lines + ["", f"each expert on its own task, mean: {100 * report['individual']:.1f}"])


def main():
    here = pathlib.Path(__file__).resolve().parent
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--zoo", type=pathlib.Path, default=here / "zoo")
    parser.add_argument("--out", type=pathlib.Path, default=here / "accuracy.json")
    args = parser.parse_args()
    torch.set_num_threads(1)
    zoo = Zoo(args.zoo)
    report = measure(zoo)
    args.out.write_text(json.dumps(report, indent=1) + "\n")
    print(table(report, zoo.tasks))


if __name__ == "__main__":
    main()
