#!/usr/bin/env python3
"""Forward passes of Clade and of PyTorch on one thread, side by side, on the shapes of `clade bench forward`.

    python3 compare.py VENV CLADE [--rounds N]

VENV   a folder for a virtual environment; made, with torch and transformers from PyPI, when it is not there
CLADE  the program `clade`

PyTorch runs Hugging Face's CLIPVisionModelWithProjection under torch.inference_mode, f32, eager and SDPA attention, several
batch sizes, and counts with its best. Both sides run in turn, each on one thread and timed by its CPU time, and each keeps
its best round, so that others on the machine and a drifting clock hurt both alike.
"""
import argparse
import json
import os
import subprocess
import sys
import time

BATCHES = (1, 4, 16, 64, 256)
ONE_THREAD = {name: "1" for name in ("OMP_NUM_THREADS", "MKL_NUM_THREADS", "OPENBLAS_NUM_THREADS")}


def enter_environment(folder):
    """Run this script again by the Python of FOLDER, made if need be, on one thread."""
    python = os.path.join(folder, "bin", "python")
    if os.environ.get("CLADE_COMPARE") == "inside":
        return
    if not os.path.exists(python):
        subprocess.run([sys.executable, "-m", "venv", folder], check=True)
    if subprocess.run([python, "-c", "import torch, transformers"], capture_output=True).returncode != 0:
        subprocess.run([python, "-m", "pip", "install", "--quiet", "torch", "transformers"], check=True)
    os.execve(python, [python, *sys.argv], {**os.environ, **ONE_THREAD, "CLADE_COMPARE": "inside"})


def run_clade(program):
    out = subprocess.run([program, "bench", "forward", "--json"], check=True, capture_output=True, text=True).stdout
    return json.loads(out)


def best_seconds(run, least_seconds=0.5, least_runs=3):
    run()
    best, spent, runs = float("inf"), 0.0, 0
    while spent < least_seconds or runs < least_runs:
        start = time.process_time()
        run()
        seconds = time.process_time() - start
        best, spent, runs = min(best, seconds), spent + seconds, runs + 1
    return best


def torch_sgemm():
    import torch
    a, b = torch.randn(1024, 1024), torch.randn(1024, 1024)
    return 2 * 1024**3 / best_seconds(lambda: a @ b) * 1e-9


def torch_rate(config, largest_batch):
    """Images a second of the best (attention, batch), and which one that is."""
    import torch
    from transformers import CLIPVisionConfig, CLIPVisionModelWithProjection

    best = (0.0, "")
    for attention in ("eager", "sdpa"):
        model = CLIPVisionModelWithProjection(CLIPVisionConfig(**config, attn_implementation=attention)).eval()
        for batch in (b for b in BATCHES if b <= largest_batch):
            pixels = torch.randn(batch, config["num_channels"], config["image_size"], config["image_size"])
            with torch.inference_mode():
                rate = batch / best_seconds(lambda: model(pixel_values=pixels))
            best = max(best, (rate, f"{attention}, batch {batch}"))
    return best


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("venv")
    parser.add_argument("clade")
    parser.add_argument("--rounds", type=int, default=2)
    arguments = parser.parse_args()
    enter_environment(arguments.venv)

    import torch
    import transformers
    torch.set_num_threads(1)
    ours, theirs, sgemm = {}, {}, {"clade": 0.0, "torch": 0.0}
    for _ in range(arguments.rounds):
        bench = run_clade(arguments.clade)
        sgemm["clade"] = max(sgemm["clade"], bench["sgemm_gflops"])
        sgemm["torch"] = max(sgemm["torch"], torch_sgemm())
        for model in bench["models"]:
            name = model["name"]
            if name not in ours or model["images_per_second"] > ours[name]["images_per_second"]:
                ours[name] = model
            largest = 256 if model["mflop_per_image_full_pass"] < 100 else 16
            theirs[name] = max(theirs.get(name, (0.0, "")), torch_rate(model["config"], largest))

    print(f"one thread; sgemm 1024^3: OpenBLAS {sgemm['clade']:.1f}, torch {sgemm['torch']:.1f} GFLOP/s; "
          f"torch {torch.__version__}, transformers {transformers.__version__}, kernels {bench['kernels']}")
    print(f"{'model':30} {'clade images/s':>15} {'torch images/s':>15} {'ratio':>6}  {'clade of sgemm':>14} "
          f"{'torch of sgemm':>14}  torch's best")
    for name, model in ours.items():
        rate, how = theirs[name]
        share = rate * model["mflop_per_image_full_pass"] * 1e-3 / sgemm["clade"]
        print(f"{name:30} {model['images_per_second']:15.1f} {rate:15.1f} {model['images_per_second'] / rate:6.2f}  "
              f"{model['images_per_second'] * model['mflop_per_image_done'] * 1e-3 / sgemm['clade']:14.0%} {share:14.0%}  {how}")


if __name__ == "__main__":
    main()
