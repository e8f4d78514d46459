#!/usr/bin/env python3
"""Measures what the capacity model computes with, and writes it to a profile.

usage: calibrate.py --models DIR --profile profile.json [--dtype int8] [--threads 1] [--build BUILD_DIR]

DIR holds the folders gpt2, distilgpt2, gpt2-medium and bert-base-uncased (../peers/make_models.py makes them at real size
with random weights, which speed does not depend on). Each model's steps are timed alone, and beside another model that
keeps the other cores busy. Have nothing else running; with one thread on two cores it takes about ten minutes. Needs numpy.
"""
import argparse
import asyncio
import collections
import pathlib
import random
import statistics
import sys

import numpy

from costs import KNOTS, Model, Profile
from deployment import ROOT, Deployment, text_of

RUNNERS = {"gpt2-generation": "gpt2", "distilgpt2-generation": "distilgpt2", "gpt2-medium-generation": "gpt2-medium",
           "bert-base-uncased-classification": "bert-base-uncased"}
CLASSIFIER = "bert-base-uncased-classification"
NEW_TOKENS = 100
MAX_DECODING = 32


def cpu_name():
    return next(line.split(":")[1].strip() for line in open("/proc/cpuinfo") if line.startswith("model name"))


async def generate(deployment, runner, texts, new_tokens):
    await asyncio.gather(*[deployment.post(f"/v1/models/{runner}:generate", {
        "text": text, "max_new_tokens": new_tokens, "max_length": 1024, "ignore_eos": True}) for text in texts])


async def keep_busy(deployment, runner):
    while True:
        await generate(deployment, runner, ["I have an idea!"] * 8, NEW_TOKENS)


class Steps:
    """(tokens, keys, seconds) of steps of one kind each, gathered from a runner's trace."""

    def __init__(self, deployment, runner):
        self._deployment, self._runner = deployment, runner
        self._last = 0
        self.samples = []
        self.take(lambda step: None)

    def take(self, keys_of):
        """Those since the last time for which `keys_of` is not None."""
        steps = [step for step in self._deployment.steps(self._runner) if step["step"] > self._last]
        self._last = steps[-1]["step"] if steps else self._last
        self.samples += [(step["tokens"], keys_of(step), step["duration_ms"] / 1000)
                         for step in steps if keys_of(step) is not None]


async def generator_steps(deployment, runner, rng):
    steps = Steps(deployment, runner)
    for num_texts in [n for n in KNOTS if n <= MAX_DECODING]:
        await generate(deployment, runner, ["I have an idea!"] * num_texts, NEW_TOKENS)
        steps.take(lambda step: step["kv_tokens"] if step["decode_rows"] == step["rows"] == num_texts else None)
    for num_tokens in [n for n in KNOTS if n > MAX_DECODING]:
        for _ in range(5):
            await generate(deployment, runner, [text_of(num_tokens, rng)], 1)
        steps.take(lambda step: 0 if step["prompt_tokens"] == step["tokens"] == num_tokens else None)
    return steps.samples


async def classifier_steps(deployment, runner, rng):
    steps = Steps(deployment, runner)
    for row_tokens, num_rows in [(4, 1), (8, 1), (16, 1), (16, 2), (32, 1), (16, 4), (64, 1), (128, 1), (32, 4), (16, 16),
                                 (128, 2), (32, 16), (128, 4), (512, 1)]:
        for _ in range(5):
            # [CLS] and [SEP] come besides.
            await deployment.post(f"/v1/models/{runner}:classify",
                                  {"texts": [text_of(row_tokens - 2, rng) for _ in range(num_rows)]})
        steps.take(lambda step: num_rows * row_tokens**2 if step["tokens"] == num_rows * row_tokens else None)
    return steps.samples


def fit(samples):
    """Seconds at KNOTS, and for each key: least squares, of what is left where steps of the same size vary."""
    by_size = collections.defaultdict(list)
    for tokens, keys, seconds in samples:
        by_size[tokens, round(keys, -2)].append((tokens, keys, seconds))
    points = [tuple(statistics.median(column) for column in zip(*group)) for group in by_size.values()]
    rows, seconds = [], []
    for tokens, keys, time in points:
        hats = [numpy.interp(tokens, KNOTS, [float(knot == each) for each in KNOTS]) for knot in KNOTS]
        rows.append(numpy.array([*hats, keys]) / time)  # Relative errors count.
        seconds.append(1.0)
    solution, _, rank, _ = numpy.linalg.lstsq(numpy.array(rows), numpy.array(seconds), rcond=None)
    if rank < len(KNOTS) + 1:
        sys.exit("calibrate.py: too few kinds of steps came: was something else running?")
    # A thin layer of noise may make a larger step cheaper than a smaller one.
    return numpy.maximum.accumulate(numpy.maximum(solution[:-1], 0)).tolist(), max(float(solution[-1]), 0.0)


async def calibrate_model(args, runner, neighbour, rng):
    measure = classifier_steps if runner == CLASSIFIER else generator_steps
    models = {name: args.models / RUNNERS[name] for name in dict.fromkeys([neighbour, runner])}
    with Deployment(args.build, models, args.dtype, args.threads) as deployment:
        server = deployment.runners[runner]
        memory = server.rss_bytes()
        await measure(deployment, runner, rng)  # A warm-up.
        cpu, tokens = server.cpu_seconds(), deployment.metric(runner, "chorus_generated_tokens_total")
        stepping = deployment.metric(runner, "chorus_step_seconds_sum")
        seconds, per_key = fit(await measure(deployment, runner, rng))
        tokens = deployment.metric(runner, "chorus_generated_tokens_total") - tokens
        aside = server.cpu_seconds() - cpu - args.threads * (deployment.metric(runner, "chorus_step_seconds_sum") - stepping)
        busy = asyncio.create_task(keep_busy(deployment, neighbour))
        beside, _ = fit(await measure(deployment, runner, rng))
        busy.cancel()
        await asyncio.gather(busy, return_exceptions=True)
        kv_tokens = MAX_DECODING * (5 + NEW_TOKENS)
        model = Model(seconds=[round(each, 6) for each in seconds], per_key=per_key,
                      beside=[round(max(1.0, b / a), 3) for a, b in zip(seconds, beside)],
                      classifier=runner == CLASSIFIER, memory_bytes=memory,
                      kv_bytes_per_token=0 if runner == CLASSIFIER else max(0, server.rss_bytes() - memory) // kv_tokens)
    return model, max(0.0, aside / tokens) if tokens else 0.0


async def gateway_costs(args):
    """CPU seconds for a request, and for each token: from requests of few tokens, and of many."""
    async def cost(deployment, new_tokens, num_requests):
        before = deployment.gateway.cpu_seconds()
        for _ in range(num_requests // 8):
            await asyncio.gather(*[deployment.post("/v1/graphs/inference_graph:run", {
                "text": "I have an idea!", "max_new_tokens": new_tokens, "max_length": 1024, "ignore_eos": True})
                for _ in range(8)])
        return (deployment.gateway.cpu_seconds() - before) / num_requests

    with Deployment(args.build, {name: args.models / folder for name, folder in RUNNERS.items()}, args.dtype,
                    args.threads) as deployment:
        await cost(deployment, 2, 8)
        few, many = await cost(deployment, 2, 160), await cost(deployment, NEW_TOKENS, 32)
    per_token = max(0.0, (many - few) / (NEW_TOKENS - 2) / (len(RUNNERS) - 1))
    return max(0.0, few - 2 * (len(RUNNERS) - 1) * per_token), per_token


async def calibrate(args):
    rng = random.Random(1)
    models, aside = {}, []
    for runner in RUNNERS:
        neighbour = "gpt2-generation" if runner != "gpt2-generation" else "distilgpt2-generation"
        models[runner], per_token = await calibrate_model(args, runner, neighbour, rng)
        if runner != CLASSIFIER:
            aside.append(per_token)
        print(f"{runner}: {[round(each * 1000, 2) for each in models[runner].seconds]} ms", file=sys.stderr, flush=True)
    per_request, per_token = await gateway_costs(args)
    return Profile(cpu=cpu_name(), dtype=args.dtype, threads=args.threads, models=models, gateway_per_request=per_request,
                   gateway_per_token=per_token, runner_per_token=statistics.mean(aside))


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--models", type=pathlib.Path, required=True)
    parser.add_argument("--profile", type=pathlib.Path, required=True)
    parser.add_argument("--build", type=pathlib.Path, default=ROOT / "build")
    parser.add_argument("--dtype", default="int8")
    parser.add_argument("--threads", type=int, default=1)
    args = parser.parse_args()
    asyncio.run(calibrate(args)).save(args.profile)


if __name__ == "__main__":
    main()
