"""Summarise runs of run.py: python3 summarise.py OUT_FOLDER [FIGURE.svg] [--whole]

Prints a Markdown table (median, and lower to upper quartile over the seeds, of the final front on holdout) and one row per run; draws the
holdout hypervolume of (accuracy, robustness), reference (0, 0), against images forwarded. What is drawn at n images is the hypervolume of
those members of the final front that were known by then: members that were replaced later have no holdout score. So a curve is a lower
bound of what a run with that budget would have had, and so are the tables: members that came after the row's images (children under way when
the budget ended) are left out, unless --whole asks for them. Where runs with smaller budgets were made, their ends are the dots.
"""
import json
import sys
from pathlib import Path

WIDTH, HEIGHT = 760, 470
LEFT, RIGHT, TOP, BOTTOM = 70, 210, 20, 50
# Okabe and Ito's colours, told apart by everyone.
COLOURS = ("#0072b2", "#d55e00", "#009e73", "#cc79a7", "#e69f00", "#56b4e9", "#000000", "#999999", "#b8860b", "#6a3d9a")
SHORTER = (" fifth", " half")  # names of runs with less images, drawn as dots of the whole run's colour


def hypervolume(points):
    """Area dominated by POINTS (both maximised) above (0, 0)."""
    area, reached = 0.0, 0.0
    for accuracy, robustness in sorted(points, reverse=True):
        if robustness > reached:
            area += accuracy * (robustness - reached)
            reached = robustness
    return area


def quantile(values, share):
    """Linear between order statistics."""
    ordered = sorted(values)
    place = share * (len(ordered) - 1)
    low = int(place)
    high = min(low + 1, len(ordered) - 1)
    return ordered[low] + (place - low) * (ordered[high] - ordered[low])


def known_by(run, images):
    return [m["holdout"] for m in run["front"] if m["images"] <= images]


def figures_of(run):
    """Of a run's final front on holdout: hypervolume, best accuracy, best robustness, and in both the knee (chosen on the search split; if it
    came after the budget, the member with the largest area there)."""
    points = [m["holdout"] for m in run["front"]]
    knee = max(run["front"], key=lambda m: (m["knee"], m["search"][0] * m["search"][1]))["holdout"]
    return [hypervolume(points), max(p[0] for p in points), max(p[1] for p in points), *knee]


def load(folder, whole):
    """The runs by name; unless WHOLE, less what came after the budget's images."""
    rows = {}
    for path in sorted(folder.glob("*/seed*.json")):
        run = json.loads(path.read_text())
        if not whole:
            run["front"] = [m for m in run["front"] if m["images"] <= run["budget"]]
        rows.setdefault(run["name"], []).append(run)
    # Best hypervolume first.
    return sorted(rows.items(), key=lambda row: (-quantile([figures_of(r)[0] for r in row[1]], 0.5), row[0]))


def spread(values, digits):
    middle = f"{quantile(values, 0.5):.{digits}f}"
    if len(values) < 3:
        return middle
    return f"{middle} ({quantile(values, 0.25):.{digits}f}-{quantile(values, 0.75):.{digits}f})"


def table(rows):
    lines = ["| run | images | seeds | children | front | hypervolume | best accuracy | best robustness | knee |", "|---|---|---|---|---|---|---|---|---|"]
    for name, runs in rows:
        figures = list(zip(*map(figures_of, runs)))
        children, members = ([r["children"] for r in runs], [len(r["front"]) for r in runs])
        accuracies, robustnesses, knee_accuracies, knee_robustnesses = ([100 * v for v in column] for column in figures[1:])
        lines.append(
            f"| {name} | {runs[0]['budget']} | {len(runs)} | {quantile(children, 0.5):.0f} | {quantile(members, 0.5):.0f} | "
            f"{spread(figures[0], 4)} | {spread(accuracies, 1)} | {spread(robustnesses, 1)} | "
            f"{quantile(knee_accuracies, 0.5):.1f} / {quantile(knee_robustnesses, 0.5):.1f} |")
    return lines


def run_table(rows):
    lines = ["| run | seed | images | children | stopped | front | hypervolume | best accuracy | best robustness | knee | run hash |",
             "|---|---|---|---|---|---|---|---|---|---|---|"]
    for name, runs in rows:
        for run in runs:
            volume, *shares = figures_of(run)
            accuracy, robustness, knee_accuracy, knee_robustness = (f"{100 * v:.2f}" for v in shares)
            lines.append(f"| {name} | {run['seed']} | {run['images']} | {run['children']} | {run['stopped']} | {len(run['front'])} | "
                         f"{volume:.4f} | {accuracy} | {robustness} | {knee_accuracy} / {knee_robustness} | `{run['run_hash'][:16]}` |")
    return lines


# ---- the figure ----

def curve(runs):
    """(images, lower quartile, median, upper quartile) wherever a run's hypervolume changes, from when each run has a member to the end."""
    places = sorted({m["images"] for run in runs for m in run["front"]} | {min(run["images"], run["budget"]) for run in runs})
    steps = []
    for images in places:
        volumes = [hypervolume(known_by(run, images)) for run in runs]
        if min(volumes) > 0:
            steps.append((images, *(quantile(volumes, share) for share in (0.25, 0.5, 0.75))))
    return steps


def stairs(points):
    """The corners of a step function through (x, y)."""
    corners = []
    for x, y in points:
        if corners:
            corners.append((x, corners[-1][1]))
        corners.append((x, y))
    return corners


def path_of(corners):
    return " ".join(f"{x:.1f},{y:.1f}" for x, y in corners)


def whole_of(name):
    for ending in SHORTER:
        name = name.removesuffix(ending)
    return name


def axes(most_images, low, high, place):
    parts = []
    for i in range(6):
        images, volume = most_images * i / 5, low + (high - low) * i / 5
        x, y = place(images, volume)
        parts.append(f'<line x1="{x:.1f}" y1="{TOP}" x2="{x:.1f}" y2="{HEIGHT - BOTTOM}" stroke="#e5e5e5"/>')
        parts.append(f'<line x1="{LEFT}" y1="{y:.1f}" x2="{WIDTH - RIGHT}" y2="{y:.1f}" stroke="#e5e5e5"/>')
        parts.append(f'<text x="{x:.1f}" y="{HEIGHT - BOTTOM + 18}" text-anchor="middle">{images / 1000:.0f}k</text>')
        parts.append(f'<text x="{LEFT - 8}" y="{y + 4:.1f}" text-anchor="end">{volume:.3f}</text>')
    middle = (LEFT + WIDTH - RIGHT) / 2
    parts.append(f'<text x="{middle:.1f}" y="{HEIGHT - 10}" text-anchor="middle">images forwarded on the search split</text>')
    parts.append(f'<text transform="translate(16 {HEIGHT / 2:.1f}) rotate(-90)" text-anchor="middle">hypervolume on holdout</text>')
    return parts


def draw(rows):
    curves = {name: curve(runs) for name, runs in rows}
    most_images = max(step[0] for steps in curves.values() for step in steps)
    low = min(steps[0][2] for steps in curves.values())
    high = max(step[3] for steps in curves.values() for step in steps)
    low, high = low - 0.05 * (high - low), high + 0.05 * (high - low)

    def place(images, volume):
        return (LEFT + (WIDTH - RIGHT - LEFT) * images / most_images,
                HEIGHT - BOTTOM - (HEIGHT - BOTTOM - TOP) * (min(max(volume, low), high) - low) / (high - low))

    parts = [f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {WIDTH} {HEIGHT}" font-family="sans-serif" font-size="12">',
             f'<rect width="{WIDTH}" height="{HEIGHT}" fill="white"/>', *axes(most_images, low, high, place)]
    known = {name for name, _ in rows}
    names = [name for name, _ in rows if whole_of(name) == name or whole_of(name) not in known]
    for index, name in enumerate(names):
        colour, steps = COLOURS[index % len(COLOURS)], curves[name]
        lower, middle, upper = (stairs([place(step[0], step[k]) for step in steps]) for k in (1, 2, 3))
        if len(dict(rows)[name]) >= 3:
            parts.append(f'<polygon points="{path_of(lower + upper[::-1])}" fill="{colour}" fill-opacity="0.12"/>')
        dashes = ' stroke-dasharray="6 3"' if index >= len(COLOURS) else ""
        parts.append(f'<polyline points="{path_of(middle)}" fill="none" stroke="{colour}" stroke-width="1.8"{dashes}/>')
        y = TOP + 10 + 18 * index
        parts.append(f'<line x1="{WIDTH - RIGHT + 12}" y1="{y}" x2="{WIDTH - RIGHT + 36}" y2="{y}" stroke="{colour}" stroke-width="2"{dashes}/>')
        parts.append(f'<text x="{WIDTH - RIGHT + 42}" y="{y + 4}">{name}, n = {len(dict(rows)[name])}</text>')
    for name, _ in rows:
        if name not in names:
            x, y = place(curves[name][-1][0], curves[name][-1][2])
            parts.append(f'<circle cx="{x:.1f}" cy="{y:.1f}" r="4" fill="{COLOURS[names.index(whole_of(name)) % len(COLOURS)]}"/>')
    return "\n".join(parts + ["</svg>"]) + "\n"


def main():
    arguments = [a for a in sys.argv[1:] if a != "--whole"]
    rows = load(Path(arguments[0]), "--whole" in sys.argv)
    if not rows:
        sys.exit(f"{arguments[0]}: no finished run")
    print("\n".join(table(rows)))
    print()
    print("\n".join(run_table(rows)))
    if len(arguments) > 1:
        Path(arguments[1]).write_text(draw(rows))


if __name__ == "__main__":
    main()
