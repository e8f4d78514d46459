"""What the peer benchmarks share: the work, how it is measured, and where everything lies.

Uses the standard library only, so that it runs in every peer's environment and in none.
"""
import argparse
import collections
import itertools
import json
import os
import pathlib
import random
import statistics
import tempfile
import time

GENERATORS = ("gpt2", "distilgpt2", "gpt2-medium")
CLASSIFIER = "bert-base-uncased"
GRAPH = "graph"  # The three generators, then the classifier over each of their texts.

PROMPT_TEXT = "I have an idea!"
PROMPT = [40, 423, 281, 2126, 0]  # PROMPT_TEXT in GPT-2's vocabulary.
NEW_TOKENS = 123
MAX_LENGTH = len(PROMPT) + NEW_TOKENS

Peer = collections.namedtuple("Peer", "precisions models")
PEERS = {  # The precisions are explained in README.md.
    "openvino": Peer(("fp32", "bf16", "int8-fp32", "int8-bf16"), (*GENERATORS, CLASSIFIER, GRAPH)),
    "bentoml": Peer(("fp32",), (GRAPH,)),
    "llamacpp": Peer(("f32", "f16", "bf16", "q8_0"), (*GENERATORS, CLASSIFIER)),
    "ctranslate2": Peer(("fp32", "int8"), (*GENERATORS, CLASSIFIER)),
    "onnxruntime": Peer(("fp32", "int8"), (*GENERATORS, CLASSIFIER)),
    "transformers": Peer(("fp32", "bf16"), (*GENERATORS, CLASSIFIER)),
}


def peers_dir():
    """The folder of everything setup.sh makes."""
    return pathlib.Path(os.environ.get("PEERS_DIR") or pathlib.Path(tempfile.gettempdir()) / "peers")


def numbers(text):
    """An argparse type: whole numbers, separated by commas."""
    return [int(each) for each in text.split(",") if each]


def add_work_arguments(parser):
    """The arguments of a bench script that run.py hands through."""
    parser.add_argument("--threads", type=int, default=2, help="threads the engine computes with (default 2)")
    parser.add_argument("--runs", type=int, default=5, help="runs a measurement, after a warm-up (default 5)")
    parser.add_argument("--max_seconds", type=float, default=120,
                        help="start no further run of a measurement once its runs took this long (default 120)")
    parser.add_argument("--decode", type=numbers, default=[1, 8, 16, 32, 64], metavar="BATCHES",
                        help=f"batches to generate {NEW_TOKENS} tokens with (default 1,8,16,32,64)")
    parser.add_argument("--prefill", type=numbers, default=[16, 128, 512], metavar="TOKENS",
                        help="lengths of the prompts to prefill (default 16,128,512)")
    parser.add_argument("--lengths", type=numbers, default=[16, 128, 512], metavar="TOKENS",
                        help="lengths of the texts to classify (default 16,128,512)")
    parser.add_argument("--classify", type=numbers, default=[1, 8, 32], metavar="BATCHES",
                        help="batches to classify at each length (default 1,8,32)")
    parser.add_argument("--graph", type=numbers, default=[1, 4, 16, 32], metavar="COUNTS",
                        help="graph requests at once (default 1,4,16,32)")


def random_tokens(count, seed):
    """Ids that are plain words in GPT-2's and in BERT's vocabulary."""
    return random.Random(seed).choices(range(1000, 20000), k=count)


def resident_mib(pid="self"):
    """The memory of a process and its descendants. What they share counts once, by its proportional share."""
    rollup = pathlib.Path(f"/proc/{pid}/smaps_rollup").read_text()
    own = next(int(line.split()[1]) for line in rollup.splitlines() if line.startswith("Pss:"))
    children = [child for task in pathlib.Path(f"/proc/{pid}/task").iterdir()
                for child in (task / "children").read_text().split()]
    return own / 1024 + sum(resident_mib(child) for child in children)


class Bench:
    """Measures one engine at one model and precision; prints a JSON line a measurement."""

    def __init__(self, engine, version, args):
        self.args = args
        self.about = {"engine": engine, "version": version, "precision": args.precision,
                      "model": args.model, "threads": args.threads}

    def report(self, what, seconds, **fields):
        line = {**self.about, "what": what, **fields, "runs": len(seconds),
                "seconds": statistics.median(seconds), "seconds_min": min(seconds), "seconds_max": max(seconds),
                "rss_mib": resident_mib()}
        print(json.dumps({key: round(value, 5) if isinstance(value, float) else value for key, value in line.items()}),
              flush=True)

    def measure(self, what, work, unit, amount, **fields):
        """Times work(), after a call that only warms up. `amount` of `unit` is what one call does."""
        work()
        seconds = []
        while len(seconds) < self.args.runs and sum(seconds) < self.args.max_seconds:
            start = time.perf_counter()
            work()
            seconds.append(time.perf_counter() - start)
        self.report(what, seconds, **fields, **{unit: amount / statistics.median(seconds)})


def measure_generator(bench, generator):
    """generator.decode(batch) continues PROMPT `batch` times and returns the new ids; prefill(ids) makes one new id."""
    def decode(batch):
        counts = [len(ids) for ids in generator.decode(batch)]
        if counts != [NEW_TOKENS] * batch:
            raise RuntimeError(f"{batch} texts of {NEW_TOKENS} new tokens were wanted: {counts}")

    for batch in bench.args.decode:
        bench.measure("decode", lambda: decode(batch), "tok_s", batch * NEW_TOKENS, batch=batch)
    seeds = itertools.count()  # A new prompt each time, so that no cached prefix answers.
    for length in bench.args.prefill:
        bench.measure("prefill", lambda: generator.prefill(random_tokens(length, next(seeds))), "tok_s", length,
                      length=length, batch=1)


def measure_classifier(bench, classify):
    """classify(rows) scores rows of ids, all of one length."""
    for length in bench.args.lengths:
        for batch in bench.args.classify:
            rows = [random_tokens(length, seed) for seed in range(batch)]
            bench.measure("classify", lambda: classify(rows), "seq_s", batch, length=length, batch=batch)


def measure_graph(bench, serve):
    """serve(count) answers `count` requests that came at once."""
    for count in bench.args.graph:
        bench.measure("graph", lambda: serve(count), "req_s", count, batch=count)


def main(peer, version, description, open_generator=None, open_classifier=None, open_graph=None):
    """The main of a bench script. Each open_…(args) loads what the measure_… of its name takes."""
    parser = argparse.ArgumentParser(description=description, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--model", required=True, choices=PEERS[peer].models)
    parser.add_argument("--precision", required=True, choices=PEERS[peer].precisions)
    add_work_arguments(parser)
    args = parser.parse_args()
    open_model, measure_model = {
        CLASSIFIER: (open_classifier, measure_classifier),
        GRAPH: (open_graph, measure_graph),
    }.get(args.model, (open_generator, measure_generator))
    bench = Bench(peer, version, args)
    start = time.perf_counter()
    model = open_model(args)
    bench.report("load", [time.perf_counter() - start])
    measure_model(bench, model)
