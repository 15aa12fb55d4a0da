"""Print the Markdown tables of a zoo search: python3 results.py BASELINES.json FOLDER_OF_SEEDS

Reads seedN.front.json and seedN.status.json (as `clade front` and `clade status` print them) and compares the fronts on holdout with the
hand-made merges of the zoo's baselines.json. Accuracies in percent.
"""
import json
import sys
from pathlib import Path


def percent(value):
    return "-" if value is None else f"{100 * value:.2f}"


def load_fronts(folder):
    fronts = {}
    for path in sorted(folder.glob("seed*.front.json")):
        seed = path.name.split(".")[0][len("seed"):]
        members = json.loads(path.read_text())["front"]
        status = json.loads((folder / f"seed{seed}.status.json").read_text())
        fronts[seed] = (members, status)
    return fronts


def baseline_table(merges):
    rows = ["| merge (PyTorch, one draw of the noise) | clean | corrupted |", "|---|---|---|"]
    for name, merge in merges.items():
        rows.append(f"| {name} | {percent(merge['clean'])} | {percent(merge['mean7'])} |")
    return rows


def best_of(members, objective, split):
    return max(members, key=lambda m: m[split][objective])


def front_table(fronts):
    rows = [
        "| seed | children | images | wall s | front | member | child | method | search clean | search corrupted | holdout clean | holdout corrupted |",
        "|---|---|---|---|---|---|---|---|---|---|---|---|",
    ]
    for seed, (members, status) in fronts.items():
        chosen = [
            ("best search accuracy", best_of(members, "accuracy", "search")),
            ("best search robustness", best_of(members, "robustness", "search")),
            ("knee", next(m for m in members if m["best"])),
            ("best holdout accuracy", best_of(members, "accuracy", "holdout")),
            ("best holdout robustness", best_of(members, "robustness", "holdout")),
        ]
        for label, member in chosen:
            rows.append(
                f"| {seed} | {status['children']} | {status['images']} | {status['seconds']:.0f} | {len(members)} | {label} | "
                f"{member['child']} | {member['method']} | {percent(member['search']['accuracy'])} | "
                f"{percent(member['search']['robustness'])} | {percent(member['holdout']['accuracy'])} | "
                f"{percent(member['holdout']['robustness'])} |"
            )
    return rows


def domination(members, merges):
    """For every hand-made merge: by how much does it dominate the whole front (min over members), in points; <= 0: it does not."""
    rows = []
    for name, merge in merges.items():
        if not merge.get("hand"):
            continue
        # The amount by which a merge beats every member in at least one objective is what is left uncovered.
        uncovered = min(
            max(merge["clean"] - m["holdout"]["accuracy"], merge["mean7"] - m["holdout"]["robustness"]) for m in members
        )
        rows.append((name, 100 * uncovered))
    return rows


def domination_table(fronts, merges):
    names = [name for name, merge in merges.items() if merge.get("hand")]
    rows = ["| hand-made merge | " + " | ".join(f"seed {s}" for s in fronts) + " |", "|---" * (len(fronts) + 1) + "|"]
    values = {seed: dict(domination(members, merges)) for seed, (members, _) in fronts.items()}
    for name in names:
        rows.append(f"| {name} | " + " | ".join(f"{values[seed][name]:+.2f}" for seed in fronts) + " |")
    return rows


def main():
    merges = json.loads(Path(sys.argv[1]).read_text())["merges"]
    fronts = load_fronts(Path(sys.argv[2]))
    print("## Fronts\n")
    print("\n".join(front_table(fronts)))
    print("\n## Baselines on holdout\n")
    print("\n".join(baseline_table(merges)))
    print("\n## What a hand-made merge has over the front, on holdout, in points\n")
    print("The smallest step down that the nearest member takes from it in either objective; negative: a member is better in both.\n")
    print("\n".join(domination_table(fronts, merges)))


if __name__ == "__main__":
    main()
