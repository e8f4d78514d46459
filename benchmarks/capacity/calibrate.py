#!/usr/bin/env python3
"""Measures what the capacity model computes with, and writes it to a profile.

usage: calibrate.py --models DIR --profile profile.json [--dtype int8] [--threads 1] [--device cpu] [--max_sequences 32]
  [--build BUILD_DIR]

DIR holds the folders gpt2, distilgpt2, gpt2-medium and bert-base-uncased (../peers/make_models.py makes them at real
size with random weights, which speed does not depend on). Each model's steps are timed alone, and beside another model
that keeps another core busy: a generator beside the classifier, and that beside gpt2. Have nothing else running. It
takes some minutes. With --device cuda every model runs there, on the executor torch, and alone: a replica is then taken
to have its GPU to itself (plan.py --gpu_profile).
"""
import argparse
import asyncio
import collections
import pathlib
import random
import statistics
import subprocess
import sys

from costs import KNOTS, Model, Profile
from deployment import ROOT, Deployment, text_of

RUNNERS = {"gpt2-generation": "gpt2", "distilgpt2-generation": "distilgpt2", "gpt2-medium-generation": "gpt2-medium",
           "bert-base-uncased-classification": "bert-base-uncased"}
CLASSIFIER = "bert-base-uncased-classification"
NEW_TOKENS = 100
# What a generator's cache has of a GPU that others share while the whole graph runs there.
GPU_KV_CACHE_BYTES = 4 << 30


def cpu_name():
    return next(line.split(":")[1].strip() for line in open("/proc/cpuinfo") if line.startswith("model name"))


def device_name(device):
    """Empty for the CPU."""
    if device == "cpu":
        return ""
    index = device.partition(":")[2] or "0"
    names = subprocess.run(["nvidia-smi", "--query-gpu=name", "--format=csv,noheader", "--id", index], capture_output=True,
                           text=True, check=False).stdout.strip() if device.startswith("cuda") else ""
    return names or device


def runner_flags(args):
    flags = ["--max_sequences", args.max_sequences]
    return flags if args.device == "cpu" else [*flags, "--device", args.device, "--kv_cache_bytes", GPU_KV_CACHE_BYTES]


async def generate(deployment, runner, texts, new_tokens):
    await asyncio.gather(*[deployment.post(f"/v1/models/{runner}:generate", {
        "text": text, "max_new_tokens": new_tokens, "max_length": 1024, "ignore_eos": True}) for text in texts])


async def keep_busy(deployment, runner, rng):
    while True:
        if runner == CLASSIFIER:
            await deployment.post(f"/v1/models/{runner}:classify", {"texts": [text_of(90, rng) for _ in range(4)]})
        else:
            await generate(deployment, runner, [text_of(20, rng) for _ in range(8)], NEW_TOKENS)


class Steps:
    """What a runner's trace has of its steps, of one kind after another."""

    def __init__(self, deployment, runner):
        self._deployment, self._runner = deployment, runner
        self._last = 0

    def take(self, wanted):
        """Those since the last time that are `wanted`: more than one, or something is wrong."""
        steps = [step for step in self._deployment.steps(self._runner) if step["step"] > self._last]
        self._last = steps[-1]["step"] if steps else self._last
        steps = [step for step in steps if wanted(step)]
        if len(steps) < 2:
            sys.exit(f"calibrate.py: {self._runner} did not make the steps that were asked for: is something else running?")
        return steps


def seconds_of(step):
    return step["duration_ms"] / 1000


def fit(samples):
    """({tokens: seconds}, seconds a key) of (tokens, keys, seconds): one slope for all, and what is left of each
    size."""
    groups = collections.defaultdict(list)
    for tokens, keys, seconds in samples:
        groups[tokens].append((keys, seconds))
    above = below = 0.0
    for tokens, group in groups.items():
        usual = statistics.median(seconds for _, seconds in group)
        groups[tokens] = group = [each for each in group if each[1] < 2 * usual]  # The machine was elsewhere in others.
        mean_keys, mean_seconds = (statistics.mean(column) for column in zip(*group))
        above += sum((keys - mean_keys) * (seconds - mean_seconds) for keys, seconds in group)
        below += sum((keys - mean_keys) ** 2 for keys, _ in group)
    per_key = max(0.0, above / below)
    return {tokens: max(0.0, statistics.median(seconds - per_key * keys for keys, seconds in group))
            for tokens, group in groups.items()}, per_key


def at_knots(values):
    """Sizes that were not measured take as long as the nearest that was."""
    return [values[min(values, key=lambda size: abs(size - knot))] for knot in KNOTS]


async def generator_costs(deployment, runner, rng, max_sequences):
    """Of a step: by the tokens of a prompt, by the sequences that decode, and for a key."""
    steps, prompts, decodes = Steps(deployment, runner), {}, []
    for num_tokens in KNOTS:
        for _ in range(9 if num_tokens < 128 else 5):
            await generate(deployment, runner, [text_of(num_tokens, rng)], 1)
        taken = steps.take(lambda step: step["prompt_tokens"] == step["tokens"] == num_tokens)
        prompts[num_tokens] = statistics.median(map(seconds_of, taken))
    for num_texts in [n for n in KNOTS if n <= max_sequences]:
        await generate(deployment, runner, ["I have an idea!"] * num_texts, NEW_TOKENS)
        taken = steps.take(lambda step: step["decode_rows"] == step["rows"] == num_texts)
        decodes += [(num_texts, step["kv_tokens"], seconds_of(step)) for step in taken]
    decoding, per_key = fit(decodes)
    return at_knots(prompts), at_knots(decoding), per_key


async def classifier_costs(deployment, runner, rng, _):
    """By tokens, twice, and for a pair of them."""
    steps, samples = Steps(deployment, runner), []
    for row_tokens, num_rows in [(4, 1), (8, 1), (16, 1), (8, 2), (32, 1), (16, 2), (64, 1), (16, 4), (128, 1), (32, 4), (256, 1),
                                 (64, 4), (512, 1), (128, 4), (32, 16)]:
        for _ in range(5):
            # [CLS] and [SEP] come besides.
            await deployment.post(f"/v1/models/{runner}:classify",
                                  {"texts": [text_of(row_tokens - 2, rng) for _ in range(num_rows)]})
        taken = steps.take(lambda step: step["tokens"] == num_rows * row_tokens and step["rows"] == num_rows)
        samples += [(step["tokens"], num_rows * row_tokens**2, seconds_of(step)) for step in taken]
    seconds, per_key = fit(samples)
    return at_knots(seconds), at_knots(seconds), per_key


async def calibrate_model(args, runner, neighbour, rng):
    """The Model, and the CPU seconds that its process takes for a token that it sends, steps aside."""
    measure = classifier_costs if runner == CLASSIFIER else generator_costs
    device = device_name(args.device)
    models = {name: args.models / RUNNERS[name] for name in ((runner,) if device else (neighbour, runner))}
    with Deployment(args.build, models, args.dtype, args.threads, runner_flags(args)) as deployment:
        server = deployment.runners[runner]
        memory = server.rss_bytes()

        def used():
            return (server.cpu_seconds() - args.threads * deployment.metric(runner, "chorus_step_seconds_sum"),
                    deployment.metric(runner, "chorus_generated_tokens_total"))

        await measure(deployment, runner, rng, args.max_sequences)  # A warm-up.
        before = used()
        seconds, decoding, per_key = await measure(deployment, runner, rng, args.max_sequences)
        aside, tokens = (after - earlier for after, earlier in zip(used(), before))
        slower = [1.0] * len(KNOTS)
        if not device:
            busy = asyncio.create_task(keep_busy(deployment, neighbour, rng))
            seconds_beside, decoding_beside, _ = await measure(deployment, runner, rng, args.max_sequences)
            busy.cancel()
            await asyncio.gather(busy, return_exceptions=True)
            slower = [(decoding_beside[i] / decoding[i]) if knot <= args.max_sequences else seconds_beside[i] / seconds[i]
                      for i, knot in enumerate(KNOTS)]
        kv_tokens = args.max_sequences * (5 + NEW_TOKENS)
        model = Model(seconds=[round(each, 6) for each in seconds],
                      choosing=at_knots({knot: round(max(0.0, d - s), 6) for knot, d, s in zip(KNOTS, decoding, seconds)
                                         if knot <= args.max_sequences}),
                      per_key=per_key, beside=[round(max(1.0, each), 3) for each in slower],
                      classifier=runner == CLASSIFIER, memory_bytes=memory,
                      kv_bytes_per_token=0 if runner == CLASSIFIER else max(0, server.rss_bytes() - memory) // kv_tokens,
                      max_sequences=args.max_sequences, device=device)
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
                    args.threads, runner_flags(args)) as deployment:
        await cost(deployment, 2, 8)
        few, many = await cost(deployment, 2, 160), await cost(deployment, NEW_TOKENS, 32)
    per_token = max(0.0, (many - few) / (NEW_TOKENS - 2) / (len(RUNNERS) - 1))
    return max(0.0, few - 2 * (len(RUNNERS) - 1) * per_token), per_token


async def calibrate(args):
    rng = random.Random(1)
    models, aside = {}, []
    for runner in RUNNERS:
        neighbour = "gpt2-generation" if runner == CLASSIFIER else CLASSIFIER
        models[runner], per_token = await calibrate_model(args, runner, neighbour, rng)
        if runner != CLASSIFIER:
            aside.append(per_token)
        print(f"{runner}: {models[runner]}", file=sys.stderr, flush=True)
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
    parser.add_argument("--device", default="cpu", help="of the runners: cpu, cuda, cuda:N")
    parser.add_argument("--max_sequences", type=int, default=32, help="of the runners, and the most texts decoded at once")
    args = parser.parse_args()
    asyncio.run(calibrate(args)).save(args.profile)


if __name__ == "__main__":
    main()
