"""What the peers share: the work, how an engine takes its turns, and where everything lies.

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
import sys
import time

GENERATORS = ("gpt2", "distilgpt2", "gpt2-medium")  # Of the graph.
LLAMA_LIKE = ("qwen2-0.5b",)  # Generators of the kind that followed: measured where they are asked for.
CLASSIFIER = "bert-base-uncased"
GRAPH = "graph"  # The three generators, then the classifier over each of their texts.

PROMPT_TEXT = "I have an idea!"
PROMPT = [40, 423, 281, 2126, 0]  # PROMPT_TEXT in GPT-2's vocabulary.
NEW_TOKENS = 123
MAX_LENGTH = len(PROMPT) + NEW_TOKENS

Peer = collections.namedtuple("Peer", "precisions models")
PEERS = {  # The precisions are explained in README.md.
    "openvino": Peer(("fp32", "bf16", "int8-fp32", "int8-bf16"), (*GENERATORS, *LLAMA_LIKE, CLASSIFIER, GRAPH)),
    "llamacpp": Peer(("f32", "f16", "bf16", "q8_0"), (*GENERATORS, *LLAMA_LIKE, CLASSIFIER)),
    "ctranslate2": Peer(("fp32", "int8"), (*GENERATORS, CLASSIFIER)),
    "onnxruntime": Peer(("fp32", "int8"), (*GENERATORS, CLASSIFIER)),
    "transformers": Peer(("fp32", "bf16"), (*GENERATORS, *LLAMA_LIKE, CLASSIFIER)),
    "bentoml": Peer(("fp32",), (GRAPH,)),
}


def peers_dir():
    """The folder of everything setup.sh makes."""
    here = pathlib.Path(__file__).resolve().parent
    return pathlib.Path(os.environ.get("PEERS_DIR") or here.parents[1] / "build/peers")


def random_tokens(count, seed):
    """Ids that are plain words in GPT-2's and in BERT's vocabulary."""
    return random.Random(seed).choices(range(1000, 20000), k=count)


def say(**fields):
    print(json.dumps(fields), flush=True)


def take_turns(works):
    """Reads lines "WHAT LENGTH BATCH SECONDS": works[WHAT](LENGTH, BATCH) is called until SECONDS have passed, once at
    least, and a JSON line has the median."""
    for line in iter(sys.stdin.readline, ""):
        what, length, batch, at_least = line.split()
        seconds = []
        while not seconds or sum(seconds) < float(at_least):
            start = time.perf_counter()
            works[what](int(length), int(batch))
            seconds.append(time.perf_counter() - start)
        say(seconds=statistics.median(seconds), runs=len(seconds))


def generator_works(generator):
    """generator.decode(batch, new_tokens) continues PROMPT `batch` times and returns the new ids; prefill(ids) makes
    one new id."""
    def decode(new_tokens, batch):
        counts = [len(ids) for ids in generator.decode(batch, new_tokens)]
        if counts != [new_tokens] * batch:
            raise RuntimeError(f"{batch} texts of {new_tokens} new tokens were wanted: {counts}")

    seeds = itertools.count()  # A new prompt each time, so that no cached prefix answers.
    return {"decode": decode, "prefill": lambda length, _: generator.prefill(random_tokens(length, next(seeds)))}


def classifier_works(classify):
    """classify(rows) scores rows of ids, all of one length."""
    return {"classify": lambda length, batch: classify([random_tokens(length, seed) for seed in range(batch)])}


def graph_works(serve):
    """serve(count) answers `count` requests that came at once."""
    return {"graph": lambda _, batch: serve(batch)}


def main(peer, version, description, open_generator=None, open_classifier=None, open_graph=None):
    """The main of a bench script. Each open_…(args) loads what the …_works of its name takes."""
    parser = argparse.ArgumentParser(description=description, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--model", required=True, choices=PEERS[peer].models)
    parser.add_argument("--precision", required=True, choices=PEERS[peer].precisions)
    parser.add_argument("--threads", type=int, default=2, help="threads the engine computes with (default 2)")
    args = parser.parse_args()
    open_model, works = {
        CLASSIFIER: (open_classifier, classifier_works),
        GRAPH: (open_graph, graph_works),
    }.get(args.model, (open_generator, generator_works))
    start = time.perf_counter()
    model = open_model(args)
    say(version=version, seconds=time.perf_counter() - start)
    take_turns(works(model))
