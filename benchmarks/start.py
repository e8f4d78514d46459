#!/usr/bin/env python3
"""How long a runner takes from exec to ready, and the memory it then has.

usage: start.py --models DIR [--dtypes float32,bfloat16,int8] [--runs 5] [--build BUILD_DIR]

DIR holds folders of models, such as gpt2. Prints one JSON line a model and dtype: the median seconds until the runner
says that it serves, its resident memory then, and the bytes of its parameters in that dtype. The files are read once
before, so that they come from the page cache. Have nothing else running.
"""
import argparse
import json
import os
import pathlib
import re
import statistics
import subprocess
import tempfile
import time

ROOT = pathlib.Path(__file__).resolve().parent.parent
BYTES = {"float32": 4, "bfloat16": 2, "int8": 1, "int8_weight_only": 1}


def num_parameters(model):
    """Of the tensors in the model's file: a head that is tied is stored once."""
    with open(model / "model.safetensors", "rb") as file:
        header = json.loads(file.read(int.from_bytes(file.read(8), "little")))
    shapes = [tensor["shape"] for name, tensor in header.items() if name != "__metadata__"]
    total = 0
    for shape in shapes:
        count = 1
        for size in shape:
            count *= size
        total += count
    return total


def start(args, model, dtype):
    """Seconds from exec to ready, and the RSS in MiB."""
    with tempfile.TemporaryDirectory() as folder:
        begin = time.perf_counter()
        process = subprocess.Popen(
            [args.build / "bin/runner_server", "--model", model, "--name", model.name, "--dtype", dtype,
             "--address", f"unix:{folder}/socket", "--metrics_address", "", "--threads", str(args.threads)],
            stderr=subprocess.PIPE, text=True)
        for line in process.stderr:
            if "event=serving" in line:
                break
        seconds = time.perf_counter() - begin
        status = pathlib.Path(f"/proc/{process.pid}/status").read_text()
        process.terminate()
        process.stderr.read()
        if process.wait() != 0:
            raise SystemExit(f"runner_server failed with {model} in {dtype}")
    return seconds, int(re.search(r"VmRSS:\s+(\d+)", status)[1]) / 1024


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--models", type=pathlib.Path, required=True)
    parser.add_argument("--build", type=pathlib.Path, default=ROOT / "build")
    parser.add_argument("--dtypes", type=lambda text: text.split(","), default=["float32", "bfloat16", "int8"])
    parser.add_argument("--threads", type=int, default=os.cpu_count())
    parser.add_argument("--runs", type=int, default=5)
    args = parser.parse_args()
    for model in sorted(path.parent for path in args.models.resolve().glob("*/model.safetensors")):
        for dtype in args.dtypes:
            start(args, model, dtype)  # The files are in the page cache from now on.
            runs = [start(args, model, dtype) for _ in range(args.runs)]
            print(json.dumps({"model": model.name, "dtype": dtype, "threads": args.threads,
                              "seconds": round(statistics.median(seconds for seconds, _ in runs), 3),
                              "rss_mib": round(statistics.median(rss for _, rss in runs)),
                              "parameters_mib": round(num_parameters(model) * BYTES[dtype] / 2**20)}), flush=True)


if __name__ == "__main__":
    main()
