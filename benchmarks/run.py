#!/usr/bin/env python3
"""Tokens a second and memory of one runner beside Hugging Face transformers, in one run on one machine.

usage: run.py --build BUILD_DIR [--python PYTHON] [--concurrency 1,8,32] [--threads N] [--runs 3]

PYTHON needs the packages of tools/golden/requirements.txt; without one that has them only Chorus is measured, and the
random-weight model of real size is left out, since transformers makes it. Have nothing else running. Prints a Markdown
table: for each figure the median of the runs.
"""
import argparse
import json
import os
import pathlib
import statistics
import subprocess
import sys
import tempfile
import time

ROOT = pathlib.Path(__file__).resolve().parent.parent

MAKE_GPT2 = """
import sys, shutil, torch
from transformers import GPT2Config, GPT2LMHeadModel
torch.manual_seed(0)
GPT2LMHeadModel(GPT2Config(bos_token_id=50256, eos_token_id=50256)).eval().save_pretrained(sys.argv[1])
"""


def make_real_size_gpt2(python, folder):
    """A gpt2 of the published size (124 M parameters) with random weights and the official vocabulary."""
    subprocess.run([python, "-c", MAKE_GPT2, str(folder)], check=True, stderr=subprocess.DEVNULL)
    vocabulary = ROOT / "tests/testdata/tokenizer/gpt2"
    for name in ("vocab.json", "merges.txt"):
        (folder / name).write_bytes((vocabulary / name).read_bytes())


class Runner:
    """A runner_server on a unix socket; ready when the constructor returns."""

    def __init__(self, binaries, model, threads, folder):
        self.binaries = binaries
        self.address = f"unix:{folder}/runner.sock"
        self.log = open(f"{folder}/runner.log", "w+")
        self.process = subprocess.Popen(
            [binaries / "runner_server", "--model", model, "--name", "model", "--address", self.address,
             "--metrics_address", "", "--threads", str(threads), "--dtype", "float32"], stderr=self.log)
        deadline = time.monotonic() + 60
        while self.load(1, 1, new_tokens=1) is None:
            if time.monotonic() > deadline or self.process.poll() is not None:
                self.log.seek(0)
                sys.exit("runner_server did not get ready:\n" + self.log.read())
            time.sleep(0.05)

    def load(self, concurrency, requests, new_tokens=123):
        done = subprocess.run(
            [self.binaries / "runner_load", "--address", self.address, "--concurrency", str(concurrency),
             "--requests", str(requests), "--new_tokens", str(new_tokens)], capture_output=True, text=True)
        return json.loads(done.stdout) if done.returncode == 0 else None

    def rss_mib(self):
        status = pathlib.Path(f"/proc/{self.process.pid}/status").read_text()
        return next(int(line.split()[1]) for line in status.splitlines() if line.startswith("VmRSS")) / 1024

    def stop(self):
        self.process.terminate()
        self.process.wait()


def measure_chorus(binaries, model, args):
    with tempfile.TemporaryDirectory() as folder:
        runner = Runner(binaries, model, args.threads, folder)
        rows = []
        for concurrency in args.concurrency:
            runner.load(concurrency, concurrency)  # Warm-up: touches this many KV slots.
            rates = [runner.load(concurrency, max(3, concurrency))["tokens_per_second"] for _ in range(args.runs)]
            rows.append({"concurrency": concurrency, "tokens_per_second": statistics.median(rates),
                         "rss_mib": runner.rss_mib()})
        runner.stop()
    return rows


def measure_transformers(model, args):
    out = subprocess.run(
        [args.python, ROOT / "benchmarks/transformers_baseline.py", model, "--threads", str(args.threads), "--batches",
         ",".join(map(str, args.concurrency)), "--runs", str(args.runs)],
        capture_output=True, text=True, check=True, env={**os.environ, "TRANSFORMERS_OFFLINE": "1"}).stdout
    return [json.loads(line) for line in out.splitlines() if line.startswith("{")]


def has_transformers(python):
    return subprocess.run([python, "-c", "import transformers, torch"], capture_output=True).returncode == 0


def cpu_name():
    lines = pathlib.Path("/proc/cpuinfo").read_text().splitlines()
    return next(line.split(":")[1].strip() for line in lines if line.startswith("model name"))


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--build", type=pathlib.Path, default=ROOT / "build")
    parser.add_argument("--python", default=sys.executable)
    parser.add_argument("--concurrency", type=lambda text: [int(each) for each in text.split(",")], default=[1, 8, 32])
    parser.add_argument("--threads", type=int, default=os.cpu_count())
    parser.add_argument("--runs", type=int, default=3)
    args = parser.parse_args()
    peer = has_transformers(args.python)
    if not peer:
        print(f"run.py: {args.python} has no transformers: measuring Chorus alone", file=sys.stderr)

    print(f"CPU: {cpu_name()}, {args.threads} threads, float32, 123 new tokens a request, greedy\n")
    print("| model | engine | " + " | ".join(f"{c} at once, tokens/s" for c in args.concurrency) + " | RSS, MiB |")
    print("|---|---|" + "---|" * (len(args.concurrency) + 1))
    with tempfile.TemporaryDirectory() as scratch:
        models = {f"demo {name}": ROOT / "models/demo" / name for name in ("distilgpt2", "gpt2", "gpt2-medium")}
        if peer:
            folder = pathlib.Path(scratch) / "gpt2"
            make_real_size_gpt2(args.python, folder)
            models["gpt2, real size, random weights"] = folder
        for name, model in models.items():
            engines = {"Chorus": measure_chorus(args.build / "bin", model, args)}
            if peer:
                engines["transformers"] = measure_transformers(model, args)
            for engine, rows in engines.items():
                rates = " | ".join(f"{row['tokens_per_second']:.0f}" for row in rows)
                print(f"| {name} | {engine} | {rates} | {rows[-1]['rss_mib']:.0f} |", flush=True)


if __name__ == "__main__":
    main()
