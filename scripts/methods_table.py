#!/usr/bin/env python3
"""Print docs/methods.md from the registry of a program `clade`; a test compares the two.

    scripts/methods_table.py build/release/clade > docs/methods.md
"""
import json
import subprocess
import sys

HEAD = """# Merge methods

Made by `scripts/methods_table.py` from `clade list methods --json`; the registry in `src/merge/method/` is the only source.

theta_0 is the base, theta_i parent i, tau_i = theta_i - theta_0 its task vector, w_i its `weight`, N the elements of a tensor;
t at the end of a matrix is its transpose.

**Against mergekit and the papers.** "equal" is said of mergekit 0.1.5 with `dtype: float32`: the conformance tests hold Clade to 167 of
its results, and the papers' methods to 30 references in float64. With `dtype: bfloat16` mergekit works on task vectors in that dtype;
Clade computes in float32 and double and rounds once, to the nearest, ties to even. Parameters have mergekit's names and defaults where
it has them; what else a method can do is a parameter of its own that does nothing by default, never a second meaning of one.

**First pass.** "none": every tensor is read once. "tensor": a tensor is read once or more for its norms, thresholds or singular vectors,
then again to be merged. "all tensors of the rule": the same over all tensors that a rule of the recipe matches, before the first is
made; with one rule that is a statistic of the whole model.

**Same bits everywhere.** "yes": elementwise arithmetic in a fixed order, the same bits on every machine, for any number of threads. "no":
BLAS, LAPACK or a fast Fourier transform are involved; the same bits for the same build and CPU, near ones elsewhere.

**Parameters** are "per recipe" (one value, under `parameters` of the recipe), "per rule" (may differ between tensors; under
`parameters` of a rule), or "per parent" (may differ between tensors and parents; under `parents` of a rule). "searched" is the default
range of the gene in a search; a parameter with none has its default in all children unless the experiment gives it a range.
"""

SCOPES = {"recipe": "per recipe", "site": "per rule", "parent": "per parent"}


def number(value):
    return f"{value:g}"


def setting(parameter, value):
    """A value as a recipe has it."""
    if parameter["kind"] == "boolean":
        return "true" if value else "false"
    return value if isinstance(value, str) else number(value)


def allowed(parameter):
    if parameter["kind"] == "boolean":
        return "true, false"
    if parameter["kind"] == "choice":
        return ", ".join(parameter["choices"])
    low, high = parameter["low"], parameter["high"]
    what = "integer" if parameter["kind"] == "integer" else "number"
    if low is not None:
        what += f" from {number(low)}"
    if high is not None:
        what += f" to {number(high)}"
    return what


def searched(parameter):
    low, high = parameter["search"]
    return f"{number(low)} to {number(high)}" if low < high else ""


def parents(method):
    least, most = method["min_parents"], method["max_parents"]
    return str(least) if least == most else f"{least} to {most}"


def in_mergekit(method):
    words = method["mergekit"]
    if words.startswith("not in mergekit"):
        return "no"
    if words.startswith("equal in distribution"):
        return "equal in distribution"
    return "equal, but" if words.startswith(("equal, but", "equal but")) else "equal"


def row(*cells):
    print("| " + " | ".join(cell.replace("|", "\\|") for cell in cells) + " |")


def table(*heads):
    row(*heads)
    print("|" + "---|" * len(heads))


def print_overview(methods):
    table("method", "parents", "base", "first pass", "same bits everywhere", "mergekit's")
    for method in methods:
        row(f"[{method['name']}](#{method['name']})", parents(method), method["base"], method["first_pass"],
            "yes" if method["same_bits_everywhere"] else "no", in_mergekit(method))


def print_method(method):
    print(f"\n## {method['name']}\n\n{method['title']}.\n\n    {method['formula']}\n")
    print(f"- Source: {method['source']}.")
    print(f"- Against mergekit and the paper: {method['mergekit']}.")
    print(f"- Parents: {parents(method)}. Base: {method['base']}. First pass: {method['first_pass']}. "
          f"Same bits everywhere: {'yes' if method['same_bits_everywhere'] else 'no'}.")
    if method["random_masks"]:
        print("- Draws random masks, keyed by the recipe's `seed`, the parent's name and the tensor's name.")
    if "statistics" in method:
        print(f"- Every parent needs a file of statistics: {method['statistics']} (merging.md says what is in it).")
    if not method["parameters"]:
        return
    print()
    table("parameter", "given", "allowed", "default", "searched", "meaning")
    for parameter in method["parameters"]:
        default = parameter["default"]
        row(f"`{parameter['name']}`", SCOPES[parameter["scope"]], allowed(parameter),
            "must be given" if default is None else setting(parameter, default), searched(parameter),
            parameter["help"])


def main():
    if len(sys.argv) != 2:
        sys.exit(__doc__)
    listed = subprocess.run([sys.argv[1], "list", "methods", "--json"], check=True, capture_output=True, text=True)
    methods = json.loads(listed.stdout)
    print(HEAD)
    print_overview(methods)
    for method in methods:
        print_method(method)


main()
