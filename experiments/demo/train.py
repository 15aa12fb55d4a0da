"""Trains the demo zoo: one mediocre joint base with its heads, one fine-tune for each task, and one for corrupted images.

    python train.py [--out zoo]

The base sees all tasks, but too briefly, so every expert has something to learn.  The heads are learnt with the base and then
frozen: all experts share one label space, as the text heads of CLIP are shared.  The experts differ in length and in how much they
rehearse the other tasks, as checkpoints found on a hub do, so that no single scale suits all of their task vectors.
The robust expert sees only corrupted images of all tasks; relying on it costs clean accuracy.
"""
import argparse
import copy
import json
import pathlib
import time
import zlib

import numpy as np
import torch
from safetensors.torch import save_file
from torch.nn import functional as F

from corruptions import corrupt
from generate import TASKS, draw, stream
from vit import CONFIG, LOGIT_SCALE, CLIPVision, normalise, write_configs

SEED = 7
BATCH = 128
BASE = {"steps": 450, "rate": 2e-3}
# rehearsal: how many of the 128 images of a batch come from each of the other tasks.  With 8 an expert forgets little and merges well;
# with 0 it forgets much and spoils a merge that gives it the same weight as the others.
EXPERTS = {
    "digits": {"steps": 400, "rate": 1e-3, "rehearsal": 8},
    "shapes": {"steps": 450, "rate": 1e-3, "rehearsal": 8},
    "glyphs": {"steps": 350, "rate": 1e-3, "rehearsal": 6},
    "gratings": {"steps": 250, "rate": 1e-3, "rehearsal": 0},
    "textures": {"steps": 300, "rate": 1e-3, "rehearsal": 4},
}
ROBUST = {"steps": 450, "rate": 1e-3}
# What the robust expert sees, with shares: contrast loss is the hardest of the five and asks for most.  Pixelation is left to chance.
ROBUST_DIET = {"contrast": 0.5, "motion_blur": 0.25, "impulse_noise": 0.2, "gaussian_noise": 0.05}
ROBUST_SEVERITY = 5
SPLITS = {"search": [0, 200], "unlabelled": [200, 320], "holdout": [320, 720]}


def seed_of(*key):
    return zlib.crc32("/".join(map(str, (SEED,) + key)).encode())


def train_images():
    return {task: tuple(torch.as_tensor(a) for a in draw(task, "train")) for task in TASKS}


def corrupted(data):
    """Every training image under one corruption drawn from the robust expert's diet."""
    result = {}
    for task, (images, labels) in data.items():
        rng = stream(task, "corrupted training images")
        kind = rng.choice(len(ROBUST_DIET), size=len(images), p=list(ROBUST_DIET.values()))
        changed = images.numpy().copy()
        for k, name in enumerate(ROBUST_DIET):
            changed[kind == k] = corrupt(changed[kind == k], name, ROBUST_SEVERITY, rng)
        result[task] = torch.as_tensor(changed), labels
    return result


def fit(model, heads, data, shares, steps, rate, key, learn_heads=False):
    """Cross-entropy over batches with `shares` {task: images}; AdamW, short warm-up, cosine decay to zero."""
    draws = torch.Generator().manual_seed(seed_of("batches", key))
    parameters = list(model.parameters()) + (list(heads.values()) if learn_heads else [])
    optimiser = torch.optim.AdamW(parameters, lr=rate, weight_decay=0.01)
    warm_up = steps // 10 + 1
    for step in range(steps):
        factor = min((step + 1) / warm_up, 0.5 * (1 + np.cos(np.pi * step / steps)))
        optimiser.param_groups[0]["lr"] = rate * factor
        picks = {task: torch.randint(len(data[task][1]), (share,), generator=draws) for task, share in shares.items()}
        pixels = normalise(torch.cat([data[task][0][rows] for task, rows in picks.items()]))
        embedded = F.normalize(model(pixels), dim=-1).split(list(shares.values()))
        losses = [F.cross_entropy(LOGIT_SCALE * part @ F.normalize(heads[task], dim=-1).T, data[task][1][rows].long(), reduction="sum")
                  for (task, rows), part in zip(picks.items(), embedded)]
        loss = sum(losses) / len(pixels)
        optimiser.zero_grad()
        loss.backward()
        optimiser.step()
    return loss.item()


def even_shares():
    return {task: BATCH // len(TASKS) for task in TASKS}


def own_and_others(own, rehearsal):
    """A batch of the expert's own task with `rehearsal` images of each other one."""
    others = {task: rehearsal for task in TASKS if task != own and rehearsal}
    return {own: BATCH - sum(others.values()), **others}


def new_model():
    torch.manual_seed(seed_of("initial weights"))
    model = CLIPVision()
    heads = {task: torch.nn.Parameter(torch.randn(classes, CONFIG["projection_dim"])) for task, (classes, _) in TASKS.items()}
    return model, heads


def save_model(folder, model):
    folder.mkdir(parents=True, exist_ok=True)
    save_file({name: tensor.half().contiguous() for name, tensor in model.state_dict().items()}, folder / "model.safetensors",
              metadata={"format": "pt"})
    write_configs(folder)


def save_heads(path, heads):
    save_file({task: F.normalize(head.detach(), dim=-1) for task, head in heads.items()}, path,
              metadata={"logit_scale": f"{LOGIT_SCALE:g}", "rows": "unit length"})


def write_probes(path):
    tasks = [{"name": task, "images": f"images/{task}-images.idx.gz", "labels": f"images/{task}-labels.idx.gz",
              "head": {"file": "heads.safetensors", "tensor": task, "logit_scale": LOGIT_SCALE}, "splits": SPLITS} for task in TASKS]
    path.write_text(json.dumps({"tasks": tasks}, indent=1) + "\n")


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--out", type=pathlib.Path, default=pathlib.Path(__file__).resolve().parent / "zoo")
    out = parser.parse_args().out
    torch.set_num_threads(1)
    start = time.time()
    data = train_images()
    base, heads = new_model()
    loss = fit(base, heads, data, even_shares(), **BASE, key="base", learn_heads=True)
    print(f"base: loss {loss:.3f}, {time.time() - start:.0f} s", flush=True)
    save_model(out / "base", base)
    save_heads(out / "heads.safetensors", heads)
    write_probes(out / "probes.json")
    frozen = {task: head.detach() for task, head in heads.items()}
    jobs = {name: (data, own_and_others(name, recipe["rehearsal"]), recipe) for name, recipe in EXPERTS.items()}
    jobs["robust"] = (corrupted(data), even_shares(), ROBUST)
    for name, (images, shares, recipe) in jobs.items():
        expert = copy.deepcopy(base)
        loss = fit(expert, frozen, images, shares, recipe["steps"], recipe["rate"], key=name)
        print(f"{name}: loss {loss:.3f}, {time.time() - start:.0f} s", flush=True)
        save_model(out / name, expert)


if __name__ == "__main__":
    main()
