#!/usr/bin/env python3
"""Measures Chorus beside its peers on this machine, in one run, and makes the page of it in docs/performance.

usage: run.py [--quick] [--models …] [--peers …] [--bits …] [--work …] [--turns 5]

Sets up what is missing of the peers and the models with peers/setup.sh: downloads, and half an hour or more of work.
Then, for each model and class of weights, all engines stand ready and take turns (turns.py). What was measured is in
--results after every piece of work, with the CPU's name, the instruction set that Chorus chose, versions and date; the
page is made at the end (page.py). Have nothing else running.

--work names what to measure: decode:BATCH (123 new tokens after 5), prefill:TOKENS, classify:BATCHxTOKENS and
graph:REQUESTS. --quick is about gpt2, BERT and the whole graph in int8, three turns.
"""
import argparse
import datetime
import json
import os
import pathlib
import platform
import shlex
import statistics
import subprocess
import sys
import time

import page
import table
import turns

ROOT = pathlib.Path(__file__).resolve().parent.parent
PEERS = ROOT / "benchmarks/peers"
sys.path.insert(0, str(PEERS))
import common  # noqa: E402

MODELS = ("gpt2", "distilgpt2", "gpt2-medium", "bert-base-uncased", "graph")
GENERATION = "decode:1,decode:8,decode:32,prefill:512"
GRAPH = "graph:1,graph:8,graph:32"
FULL = {"models": ",".join(MODELS), "turns": 5, "max_seconds": 120.0,
        "work": f"{GENERATION},classify:1x16,classify:8x16,classify:1x128,classify:8x128,{GRAPH}"}
QUICK = {"models": "gpt2,bert-base-uncased,graph", "turns": 3, "max_seconds": 15.0,
         "work": f"{GENERATION},classify:1x16,classify:1x128,classify:8x128,{GRAPH}"}
DTYPES = ("float32", "bfloat16", "int8")  # Chorus's.
PEER_NAMES = [name for name in common.PEERS if name != "bentoml"]  # Which alone takes hours for the whole graph.
PARAMETERS = {"distilgpt2": 82, "gpt2": 124, "gpt2-medium": 355, "qwen2-0.5b": 494, "bert-base-uncased": 86,
              "graph": 561}  # Millions.


def parse_work(text):
    what, _, size = text.partition(":")
    batch, _, length = size.partition("x")
    try:
        if what == "decode":
            return table.Work(what, common.NEW_TOKENS, int(size))
        if what == "prefill":
            return table.Work(what, int(size), 1)
        if what == "classify":
            return table.Work(what, int(length), int(batch))
        if what == "graph":
            return table.Work(what, 0, int(size))
    except ValueError:
        pass
    raise argparse.ArgumentTypeError(f"no such work: {text}")


def some_of(names):
    """An argparse type: some of `names`, separated by commas."""
    def parse(text):
        if unknown := set(text.split(",")) - set(names):
            raise argparse.ArgumentTypeError(f"not among {', '.join(names)}: {', '.join(sorted(unknown))}")
        return text.split(",")
    return parse


def arguments():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--build", type=pathlib.Path, default=ROOT / "build", help="has bin/engine and bin/chorus")
    parser.add_argument("--peers_dir", type=pathlib.Path, help="what setup.sh makes, 30 GB (default BUILD/peers)")
    parser.add_argument("--results", type=pathlib.Path, help="(default BUILD/benchmarks.json)")
    parser.add_argument("--pages", type=pathlib.Path, default=ROOT / "docs/performance", help="the pages' folder")
    parser.add_argument("--quick", action="store_true", help="less work and three turns")
    parser.add_argument("--models", type=some_of(MODELS + common.LLAMA_LIKE))
    parser.add_argument("--peers", type=some_of(common.PEERS), default=PEER_NAMES,
                        help=f"(default {','.join(PEER_NAMES)})")
    parser.add_argument("--bits", type=some_of(("32", "16", "8")), default=["32", "16", "8"], help="of the weights")
    parser.add_argument("--work", type=lambda text: [parse_work(each) for each in text.split(",")])
    parser.add_argument("--turns", type=int)
    parser.add_argument("--max_seconds", type=float, help="of an engine's turns at one piece of work")
    parser.add_argument("--threads", type=int, default=os.cpu_count())
    parser.add_argument("--set_up_only", action="store_true")
    args = parser.parse_args()
    preset = QUICK if args.quick else FULL
    args.models = args.models or preset["models"].split(",")
    args.work = args.work or [parse_work(each) for each in preset["work"].split(",")]
    args.turns = args.turns or preset["turns"]
    args.max_seconds = args.max_seconds or preset["max_seconds"]
    args.bits = [int(each) for each in args.bits]
    args.peers_dir = (args.peers_dir or args.build / "peers").resolve()
    args.results = args.results or args.build / "benchmarks.json"
    return args


def cpu_name():
    lines = pathlib.Path("/proc/cpuinfo").read_text().splitlines()
    return next((line.split(":")[1].strip() for line in lines if line.startswith("model name")), platform.processor())


def chorus_version():
    return subprocess.run(["git", "describe", "--always", "--dirty"], cwd=ROOT, capture_output=True,
                          text=True).stdout.strip() or "of no repository"


def chosen_kernels(build):
    """The name of the kernels that Chorus chose on this CPU."""
    command = [build / "bin/engine", "--turns", "--model", ROOT / "models/demo/gpt2"]
    engine = turns.Engine(table.CHORUS, "float32", command)
    engine.close()
    return engine.about["kernels"]


class Run:
    """One run: what was measured, what failed, and how far it is."""

    def __init__(self, args):
        self.args = args
        self.env = {**os.environ, "PEERS_DIR": str(args.peers_dir)}
        self.measured, self.failed, self.versions = [], [], {}
        self.kernels = chosen_kernels(args.build)
        self.rotations = []
        self.begin = time.monotonic()
        self.done = 0.0  # Of the weight of the plan.

    def say(self, text):
        print(f"[{(time.monotonic() - self.begin) / 60:5.1f} min] {text}", flush=True)

    def fail(self, engine, model, precision, why):
        self.failed.append({"engine": engine, "model": model, "precision": precision, "why": why})
        self.say(f"left out: {engine}, precision {precision}, model {model}: {why}")

    def set_up(self):
        """The peers that are ready."""
        self.args.peers_dir.mkdir(parents=True, exist_ok=True)
        models = common.GENERATORS + (common.CLASSIFIER,) if "graph" in self.args.models else self.args.models
        env = {**self.env, "MODELS": " ".join(models)}
        if subprocess.run([PEERS / "setup.sh", "plot"], env=env).returncode:
            sys.exit("run.py: the models could not be made")
        ready = []
        for peer in self.args.peers:
            if subprocess.run([PEERS / "setup.sh", peer], env=env).returncode:
                words = (self.args.peers_dir / "setup.log").read_text().split("\n")
                self.fail(peer, "all", "all", "could not be set up: " + next(filter(None, reversed(words)), "")[:200])
            else:
                ready.append(peer)
        return ready

    def engines(self, model, bits, peers):
        """(name, precision, command) of every engine of a rotation."""
        args, models = self.args, self.args.peers_dir / "models"
        for dtype in (each for each in DTYPES if table.BITS[each] in bits):
            if model == "graph":
                yield table.CHORUS, dtype, [sys.executable, ROOT / "benchmarks/graph_turns.py", "--models", models,
                                            "--build", args.build, "--dtype", dtype]
                continue
            batches = [work.batch for work in args.work if work.what == "decode"] or [1]
            yield table.CHORUS, dtype, [args.build / "bin/engine", "--turns", "--model", models / model, "--dtypes",
                                        dtype, "--threads", str(args.threads), "--batches", str(max(batches))]
        for peer in (each for each in peers if model in common.PEERS[each].models):
            for precision in (each for each in common.PEERS[peer].precisions if table.BITS[each] in bits):
                yield peer, precision, [args.peers_dir / "venvs" / peer / "bin/python", PEERS / f"bench_{peer}.py",
                                        "--model", model, "--precision", precision, "--threads", str(args.threads)]

    def start(self, model, bits, peers):
        for name, precision, command in self.engines(model, bits, peers):
            try:
                engine = turns.Engine(name, precision, command, self.env)
            except turns.EngineFailed as failure:
                self.fail(name, model, precision, str(failure))
                continue
            self.versions.setdefault(name, engine.about.get("version", ""))
            yield engine

    def rotate(self, plan, model, bits, works, peers):
        self.say(f"{model}, {' or '.join(map(str, bits))} bits: starting the engines")
        rotation = turns.Rotation(self.start(model, bits, peers), self.args.turns, self.args.max_seconds,
                                  lambda engine, why: self.fail(engine.name, model, engine.precision, why))
        self.rotations.append(rotation)
        for work in works:
            for engine, seconds in rotation.measure(work).items():
                taken = statistics.median(seconds)
                self.measured.append({
                    "engine": engine.name, "precision": engine.precision, "model": model, **work._asdict(),
                    "rate": round(table.amount(work) / taken, 4), "seconds": [round(each, 6) for each in seconds],
                    "rss_mib": round(engine.rss_mib()) if engine in rotation.engines else 0})
            self.done += cost(model, work, bits)
            self.tell(model, work, bits, sum(cost(*each) for each in plan))
            self.save()
        for engine in rotation.engines:
            engine.close()

    def tell(self, model, work, bits, whole):
        lines = [each for each in self.measured if each["model"] == model and table.work_of(each) == work]
        best = table.fastest(lines, bits)
        rates = ", ".join(f"{name} {table.show(line['rate'])} {line['precision']}" for name, line in
                          sorted(best.items(), key=lambda each: -each[1]["rate"]))
        left = (time.monotonic() - self.begin) * (whole - self.done) / self.done / 60
        self.say(f"{model}, {table.describe(work)}: {rates}; about {left:.0f} min left")

    def save(self):
        worked, own, stolen = (sum(getattr(each, name) for each in self.rotations)
                               for name in ("worked", "own", "stolen"))
        about = {"date": datetime.date.today().isoformat(), "cpu": cpu_name(), "cores": os.cpu_count(),
                 "threads": self.args.threads, "kernels": self.kernels, "chorus": chorus_version(),
                 "turns": self.args.turns, "max_seconds": self.args.max_seconds,
                 "command": "./dev bench" + "".join(" " + shlex.quote(each) for each in shown_arguments(sys.argv[1:])),
                 "minutes": round((time.monotonic() - self.begin) / 60),
                 "versions": {name: version for name, version in self.versions.items() if version},
                 "others_percent": round(max(0, worked - own) / max(1, worked) * 100, 2),
                 "stolen_percent": round(stolen / max(1, worked + stolen) * 100, 2)}
        text = json.dumps({"about": about, "measured": self.measured, "failed": self.failed}, indent=1)
        self.args.results.write_text(text + "\n")


def shown_arguments(given):
    """The command's arguments without those that name folders."""
    shown, skip = [], False
    for each in given:
        if skip:
            skip = False
        elif each in ("--build", "--peers_dir", "--results", "--pages"):
            skip = True
        elif not each.startswith(("--build=", "--peers_dir=", "--results=", "--pages=")):
            shown.append(each)
    return shown


def cost(model, work, bits):
    """About in proportion to the time that a piece of work takes in a rotation."""
    tokens = {"decode": work.length * (1 + work.batch / 6), "prefill": work.length / 6,
              "classify": max(4, work.batch * work.length / 6), "graph": common.NEW_TOKENS * (1 + work.batch / 6)}
    engines = {"graph": 0.3 if 8 in bits else 0.8}.get(work.what, 0.4 if 8 in bits else 1)
    return tokens[work.what] * PARAMETERS[model] * engines


def does(model, work):
    return work.what in {"graph": ("graph",), common.CLASSIFIER: ("classify",)}.get(model, ("decode", "prefill"))


def plan_of(args):
    """[(model, bits of the weights, works)], a rotation each."""
    plan = []
    for model in args.models:
        for bits in table.CLASSES.values():
            few = (8,) if args.quick and model == "graph" else bits
            wanted = tuple(each for each in bits if each in args.bits and each in few)
            works = [work for work in args.work if does(model, work)]
            if wanted and works:
                plan.append((model, wanted, works))
    return plan


def plot(args):
    def draw(results, folder):
        python = args.peers_dir / "venvs/plot/bin/python"
        subprocess.run([python, ROOT / "benchmarks/plot.py", results, folder], check=True)
    return draw


def main():
    args = arguments()
    run = Run(args)
    plan = plan_of(args)
    if not plan:
        sys.exit("run.py: nothing to measure")
    peers = run.set_up()
    if args.set_up_only:
        return
    run.begin = time.monotonic()
    each_work = [(model, work, bits) for model, bits, works in plan for work in works]
    for model, bits, works in plan:
        run.rotate(each_work, model, bits, works, peers)
    print(f"results: {args.results}; page: {page.make(args.results, args.pages, plot(args))}")


if __name__ == "__main__":
    main()
