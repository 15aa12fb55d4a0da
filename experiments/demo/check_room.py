"""Is there something to search for in this zoo?  A small evolution strategy against the known merges.

    python check_room.py [--zoo zoo] [--out room.json] [--seeds 1]

A child is base + sum over experts and sites of coefficient x task vector.  The search first tunes one coefficient for each expert,
then one for each expert and site (the early, middle and late part of the model), starting from the best coarse child: the same
"start coarse, refine" as Clade's.  It runs three times: for clean accuracy, for accuracy under corruption, and for their mean.
It sees 128 items of the search split of every task; what is reported is the holdout split.
"""
import argparse
import json
import pathlib
import re

import numpy as np
import torch

from measure import CLEAN, ROTATED, Zoo, known_merges, row

ITEMS = 128
EVALUATIONS = (100, 260)
POPULATION = 12
RANGE = (-0.5, 1.5)
START, STEP = 0.2, 0.15
SITES = 3
LAYERS = 4
# The weight of clean accuracy in what is maximised; the rest is accuracy under corruption.
AIMS = {"clean": 1.0, "balanced": 0.5, "corrupted": 0.0}


def site_of(tensor):
    """Early (embeddings, layer 0), middle (layers 1 and 2) or late (layer 3 and what follows)."""
    layer = re.search(r"layers\.(\d+)\.", tensor)
    if layer is None:
        return 0 if "embeddings" in tensor or "pre_layrnorm" in tensor else SITES - 1
    return (int(layer.group(1)) + 1) * (SITES - 1) // LAYERS


def child(zoo, coefficients):
    """coefficients: (experts, SITES)."""
    state = {}
    for name, tensor in zoo.base.items():
        site = site_of(name)
        state[name] = tensor + sum(float(c[site]) * v[name] for c, v in zip(coefficients, zoo.vectors.values()))
    return state


def evolve(evaluate, mean, step, evaluations, rng):
    """A (mu/mu_w, lambda) evolution strategy with rank-mu covariance; returns the recombined mean of the last generation."""
    n, parents = len(mean), POPULATION // 2
    weights = np.log(parents + 0.5) - np.log(np.arange(1, parents + 1))
    weights /= weights.sum()
    effective = 1 / (weights ** 2).sum()
    rate = min(0.5, 4 * effective / (n + 2) ** 2 + 0.05)
    covariance = np.eye(n)
    generations = evaluations // POPULATION
    for generation in range(generations):
        root = np.linalg.cholesky(covariance + 1e-8 * np.eye(n))
        moves = rng.standard_normal((POPULATION, n)) @ root.T
        points = np.clip(mean + step * moves, *RANGE)
        order = np.argsort([-evaluate(p) for p in points], kind="stable")[:parents]
        moves, points = (points[order] - mean) / step, points[order]
        mean = weights @ points
        covariance = (1 - rate) * covariance + rate * np.einsum("i,ij,ik->jk", weights, moves, moves)
        step *= 0.3 ** (1 / generations)
    return mean


def search(zoo, trade, seed):
    """`trade` is the weight of clean accuracy; returns the best coarse and the refined coefficients, (experts, SITES) each."""
    rng = np.random.default_rng(seed)
    experts = len(zoo.experts)

    def value(coefficients):
        state = child(zoo, coefficients)
        parts = [(trade, CLEAN), (1 - trade, ROTATED)]
        return sum(weight * zoo.accuracy(state, "search", condition, ITEMS)[0] for weight, condition in parts if weight > 0)

    def spread(x):
        return np.repeat(x[:, None], SITES, axis=1)

    coarse = evolve(lambda x: value(spread(x)), np.full(experts, START), STEP, EVALUATIONS[0], rng)
    fine = evolve(lambda x: value(x.reshape(experts, SITES)), spread(coarse).ravel(), STEP / 2, EVALUATIONS[1], rng)
    return spread(coarse), fine.reshape(experts, SITES)


def describe(zoo, name, coefficients):
    entry = row(zoo, child(zoo, coefficients))
    print(f"{name}: clean {100 * entry['clean']:.1f} corrupted {100 * entry['mean5']:.1f}", flush=True)
    return {"coefficients": {e: [round(float(c), 3) for c in cs] for e, cs in zip(zoo.experts, coefficients)}, **entry}


def main():
    here = pathlib.Path(__file__).resolve().parent
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--zoo", type=pathlib.Path, default=here / "zoo")
    parser.add_argument("--out", type=pathlib.Path, default=here / "room.json")
    parser.add_argument("--aims", nargs="+", choices=AIMS, default=list(AIMS))
    parser.add_argument("--seeds", type=int, nargs="+", default=[1])
    args = parser.parse_args()
    torch.set_num_threads(1)
    zoo = Zoo(args.zoo)
    report = {}
    for name, setting, state in known_merges(zoo):
        entry = report[name] = {"setting": setting, **row(zoo, state)}
        print(f"{name} ({setting}): clean {100 * entry['clean']:.1f} corrupted {100 * entry['mean5']:.1f}", flush=True)
    for seed in args.seeds:
        for aim in args.aims:
            coarse, fine = search(zoo, AIMS[aim], seed)
            report[f"searched for {aim}, per expert, seed {seed}"] = describe(zoo, f"{aim} coarse, seed {seed}", coarse)
            report[f"searched for {aim}, per expert and site, seed {seed}"] = describe(zoo, f"{aim} fine, seed {seed}", fine)
    args.out.write_text(json.dumps(report, indent=1) + "\n")


if __name__ == "__main__":
    main()
