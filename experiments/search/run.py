"""Run the search benchmark on one zoo: python3 run.py demo|vision8 [OUT_FOLDER] [--only NAME ...] [--seeds N]

Every run forwards the same number of images on the search split (the parents are not scored: "references": false). The rows of CONFIGS are run in their order, the
seeds of a row one after the other; finished runs are not repeated, interrupted ones are resumed, and two of these scripts on one folder
share the work (each run is locked). OUT_FOLDER/NAME/seedN.json holds what summarise.py reads. `vision8` needs the zoo beside the
repository (../shared/zoo) and is skipped with a notice where it is absent. CLADE names the program; the default is build/release/clade.
"""
import argparse
import fcntl
import json
import os
import sqlite3
import subprocess
import sys
from pathlib import Path

HERE = Path(__file__).resolve().parent
SOURCE = HERE.parent.parent

LAYERS = {"sites": "layer", "coordinates": "full"}
# WUDI's closed form with one weight per parent and site: linear in the weights, so a child costs no more than task arithmetic.
WUDI = {"methods": ["wudi_closed_form"], "range": {"weight": [-1, 2.5], "lambda": [1, 1]}, **LAYERS}
# Four methods, a strength per layer times one per parent: what experiments/vision8 searched before.
PRODUCT = {"methods": ["task_arithmetic", "ties", "dare_ties", "linear"], "sites": "layer", "coordinates": "product",
           "range": {"weight": [0, 1], "density": [0.05, 1], "drop_rate": [0, 0.95]}}
# mergekit-evolve: one fixed method, a weight per parent and site, CMA-ES on the weighted sum of the metrics.
EVOLVE_SPACE = {"methods": ["task_arithmetic"], "range": {"weight": [0, 1], "lambda": [1, 1]}, **LAYERS}
EVOLVE = {"name": "cma_es", "objective": "weighted_sum", "restarts": "none"}
RECIPE = {"name": "minibatch", "sigma": 0.043}
SMS = {"name": "sms_emoa", "population": 32}
PLAIN = {"candidates": 1}  # no pre-selection
# From the plain average alone, told the accuracies themselves.
EVOLVE_SCORES = {"signal": "objective", "preselect": PLAIN, "first": ["average.json"], "hand_made": False}
ALL = {"labelled": 0, "corrupted": 0, "unlabelled": 8}
SOME = {"labelled": 128, "corrupted": 128, "unlabelled": 128}
RACING = {"error": 0.2}

# (name, images, seeds, what differs from the zoo's experiment.json)
CONFIGS = {
    "vision8": [
        # Equal to the compute of AdaMerging's 1,000 steps (605,000 forward passes), half of it, and a fifth.
        ("recipe", 605000, 5, {"space": WUDI, "items": ALL, "algorithm": RECIPE}),
        ("portfolio", 605000, 5, {"space": WUDI, "items": ALL, "algorithm": "portfolio"}),
        ("random", 605000, 5, {"space": WUDI, "items": ALL, "algorithm": "random"}),
        ("evolve", 605000, 5, {"space": EVOLVE_SPACE, "items": ALL, "algorithm": EVOLVE, **EVOLVE_SCORES}),
        ("recipe fifth", 121000, 5, {"space": WUDI, "items": ALL, "algorithm": RECIPE}),
        ("portfolio fifth", 121000, 5, {"space": WUDI, "items": ALL, "algorithm": "portfolio"}),
        ("recipe half", 300000, 5, {"space": WUDI, "items": ALL, "algorithm": RECIPE}),
        ("random half", 300000, 5, {"space": WUDI, "items": ALL, "algorithm": "random"}),
        ("evolve half", 300000, 5, {"space": EVOLVE_SPACE, "items": ALL, "algorithm": EVOLVE, **EVOLVE_SCORES}),
        # The portfolio without each of its parts, and with what is off by default.
        ("portfolio half", 300000, 5, {"space": WUDI, "items": ALL, "algorithm": "portfolio"}),
        ("portfolio without preselect half", 300000, 5,
         {"space": WUDI, "items": ALL, "algorithm": "portfolio", "preselect": PLAIN}),
        ("portfolio without loss half", 300000, 5,
         {"space": WUDI, "items": ALL, "algorithm": "portfolio", "signal": "objective"}),
        ("portfolio without first half", 300000, 5,
         {"space": WUDI, "items": ALL, "algorithm": "portfolio", "hand_made": False}),
        ("portfolio with racing half", 300000, 5,
         {"space": WUDI, "items": ALL, "algorithm": "portfolio", "signal": "objective", "racing": RACING}),
        # Other algorithms in the same space.
        ("sms_emoa half", 300000, 5, {"space": WUDI, "items": ALL, "algorithm": SMS}),
        ("nsga2 half", 300000, 5, {"space": WUDI, "items": ALL, "algorithm": "nsga2"}),
        ("tpe half", 300000, 5, {"space": WUDI, "items": ALL, "algorithm": "tpe"}),
        ("m2n2 half", 300000, 5, {"space": WUDI, "items": ALL, "algorithm": "m2n2"}),
        ("sobol half", 300000, 5, {"space": WUDI, "items": ALL, "algorithm": "sobol"}),
        ("cma_es half", 300000, 5, {"space": WUDI, "items": ALL, "algorithm": EVOLVE, **EVOLVE_SCORES}),
        # Other spaces.
        ("product minibatch half", 300000, 5, {"space": PRODUCT, "items": ALL, "algorithm": "minibatch"}),
        ("product portfolio half", 300000, 5, {"space": PRODUCT, "items": ALL, "algorithm": "portfolio"}),
    ],
    "demo": [
        ("minibatch", 100000, 5, {"algorithm": "minibatch"}),
        ("portfolio", 100000, 5, {"algorithm": "portfolio"}),
        ("random", 100000, 5, {"algorithm": "random"}),
        ("evolve", 100000, 5, {"space": EVOLVE_SPACE, "algorithm": EVOLVE, **EVOLVE_SCORES}),
        ("portfolio without preselect", 100000, 5, {"algorithm": "portfolio", "preselect": PLAIN}),
        ("portfolio without loss", 100000, 5, {"algorithm": "portfolio", "signal": "objective"}),
        ("portfolio without first", 100000, 5, {"algorithm": "portfolio", "hand_made": False}),
        ("portfolio with racing", 100000, 5, {"algorithm": "portfolio", "signal": "objective", "racing": RACING}),
        ("sms_emoa", 100000, 5, {"algorithm": SMS}),
        ("sms_emoa with racing", 100000, 5, {"algorithm": SMS, "signal": "objective", "racing": RACING}),
        ("nsga2", 100000, 5, {"algorithm": "nsga2"}),
        ("tpe", 100000, 5, {"algorithm": "tpe"}),
        ("m2n2", 100000, 5, {"algorithm": "m2n2"}),
        ("sobol", 100000, 5, {"algorithm": "sobol"}),
        ("layer minibatch", 100000, 5, {"space": LAYERS, "algorithm": "minibatch"}),
        ("wudi minibatch", 100000, 5, {"space": WUDI, "algorithm": RECIPE}),
        # Six times as many images, and a fifth of that.
        ("long portfolio", 605000, 5, {"algorithm": "portfolio"}),
        ("long minibatch", 605000, 5, {"algorithm": "minibatch"}),
        ("long random", 605000, 5, {"algorithm": "random"}),
        ("long evolve", 605000, 5, {"space": EVOLVE_SPACE, "algorithm": EVOLVE, **EVOLVE_SCORES}),
        ("long portfolio fifth", 121000, 5, {"algorithm": "portfolio"}),
    ],
}

# Images that score one model on the search split, by the items of a task: what is under way is counted by.
IMAGES_PER_MODEL = {"vision8": {(0, 0, 8): 5490, (128, 128, 128): 3056}, "demo": {(200, 200, 64): 2320}}


def experiment_of(zoo, images, changes):
    """The zoo's experiment.json with CHANGES, its paths resolved, and the budget less what is under way."""
    folder = SOURCE / "experiments" / zoo
    experiment = json.loads((folder / "experiment.json").read_text())
    space = {**experiment["space"], **changes.get("space", {})}
    experiment.update(changes, space=space, references=False, best_weights=False)
    for key in ("base", "probes"):
        experiment[key] = str((folder / experiment[key]).resolve())
    experiment["parents"] = {name: str((folder / path).resolve()) for name, path in experiment["parents"].items()}
    items = experiment["items"]
    each = IMAGES_PER_MODEL[zoo][items["labelled"], items["corrupted"], items["unlabelled"]]
    # When the budget is reached, up to a window of children is still under way; small ones where they are scored on batches.
    algorithm = experiment["algorithm"]
    batches = "minibatch" in (algorithm, algorithm["name"] if isinstance(algorithm, dict) else "")
    under_way = (1 if batches else experiment["window"]) * each
    experiment["budget"] = {"images": images - under_way}
    return experiment


def average_of(experiment):
    """The plain average of the parents as a recipe that every space of these rows can say."""
    parents = experiment["parents"]
    weights = {name: {"weight": 1 / len(parents)} for name in parents}
    return {"clade_recipe": 1, "method": experiment["space"]["methods"][0], "base": experiment["base"],
            "parents": [{"name": name, "path": path} for name, path in parents.items()],
            "rules": [{"tensors": ["*"], "parameters": {"lambda": 1}, "parents": weights}]}


def run_clade(clade, arguments, log):
    with open(log, "ab") as out:
        subprocess.run([clade, *map(str, arguments)], check=True, stdout=out, stderr=subprocess.STDOUT)


def ask_clade(clade, *arguments):
    return json.loads(subprocess.run([clade, *map(str, arguments)], check=True, stdout=subprocess.PIPE).stdout)


def ledger_facts(database):
    """Images forwarded on the search split: the parents', all, and up to each child; hypervolume of the search's front by images."""
    with sqlite3.connect(f"file:{database}?mode=ro", uri=True) as ledger:
        (parents,) = ledger.execute("SELECT coalesce(sum(images), 0) FROM reference_scores WHERE split = 'search'").fetchone()
        known, so_far = {}, parents
        for child, images in ledger.execute("SELECT child, images FROM evaluations WHERE split = 'search' ORDER BY child"):
            so_far += images
            known[child] = so_far
        series = [(parents + images, hypervolume)
                  for images, hypervolume in ledger.execute("SELECT images, hypervolume FROM series ORDER BY child")]
    return parents, so_far, known, series


def collect(clade, run, name, images, seed):
    front, status = ask_clade(clade, "front", run, "--format", "json"), ask_clade(clade, "status", run, "--json")
    parents, total, known, series = ledger_facts(run / "run.db")
    members = [{"child": m["child"], "images": known[m["child"]], "method": m["method"], "operator": m["operator"],
                "knee": m["best"], **{split: [m[split]["accuracy"], m[split]["robustness"]]
                                      for split in ("search", "holdout")}} for m in front["front"]]
    return {"name": name, "seed": seed, "budget": images, "images": total, "parents_images": parents,
            "children": status["children"], "stopped": status["stopped"], "seconds": status["seconds"],
            "run_hash": front["run_hash"], "front": members, "series": series}


def do_run(clade, zoo, out, name, images, seed, changes):
    folder = out / name.replace(" ", "_")
    folder.mkdir(parents=True, exist_ok=True)
    run, result = folder / f"seed{seed}", folder / f"seed{seed}.json"
    with open(folder / f"seed{seed}.lock", "w") as lock:
        try:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            return
        if result.exists():
            return
        log = folder / f"seed{seed}.log"
        if (run / "run.db").exists():
            run_clade(clade, ["resume", run], log)
        else:
            config, experiment = folder / "experiment.json", experiment_of(zoo, images, changes)
            config.write_text(json.dumps(experiment, indent=1) + "\n")
            (folder / "average.json").write_text(json.dumps(average_of(experiment), indent=1) + "\n")
            run_clade(clade, ["search", config, "--run", run, "--seed", seed], log)
        found = collect(clade, run, name, images, seed)
        partial = result.with_suffix(".tmp")
        partial.write_text(json.dumps(found, indent=1) + "\n")
        os.replace(partial, result)
        best = [max(m["holdout"][k] for m in found["front"]) for k in (0, 1)]
        print(f"{zoo}: {name}, seed {seed}: {found['images']} images, {found['children']} children, front of {len(found['front'])}, "
              f"holdout {best[0]:.4f} / {best[1]:.4f}", flush=True)


def main():
    parser = argparse.ArgumentParser(description="the search benchmark on one zoo")
    parser.add_argument("zoo", choices=CONFIGS)
    parser.add_argument("out", nargs="?", type=Path)
    parser.add_argument("--only", nargs="+", default=[], metavar="NAME", help="of the rows of CONFIGS")
    parser.add_argument("--seeds", nargs="+", type=int, default=[], help="only these")
    arguments = parser.parse_args()
    zoo = arguments.zoo
    out = arguments.out or SOURCE / "build" / "experiments" / "search" / zoo
    clade = os.environ.get("CLADE", str(SOURCE / "build" / "release" / "clade"))
    if zoo == "vision8" and not (SOURCE.parent / "shared" / "zoo" / "vision8").is_dir():
        print("skipped: ../shared/zoo/vision8 is not here")
        return
    unknown = set(arguments.only) - {row[0] for row in CONFIGS[zoo]}
    if unknown:
        sys.exit(f"{zoo} has no {', '.join(sorted(unknown))}")
    for name, images, seeds, changes in CONFIGS[zoo]:
        for seed in range(1, seeds + 1):
            if (not arguments.only or name in arguments.only) and (not arguments.seeds or seed in arguments.seeds):
                do_run(clade, zoo, out, name, images, seed, changes)


if __name__ == "__main__":
    main()
