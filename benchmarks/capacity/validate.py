#!/usr/bin/env python3
"""Holds the capacity model against the real processes: the same requests at the same times, at several loads.

usage: validate.py --models DIR --profile profile.json [--generator gpt2-generation] [--loads 0.3,0.6,0.85]
  [--build BUILD_DIR]

DIR is that of calibrate.py, and this the machine the profile is of. The graph has one generator and the classifier, so
that on two cores each has one, as pods with whole cores have; the gateway takes what little it needs of both. Loads are
parts of the rate at which a runner is busy all the time. Prints a Markdown table. Have nothing else running.
"""
import argparse
import asyncio
import dataclasses
import os
import pathlib
import random
import statistics
import sys
import time

from calibrate import CLASSIFIER, RUNNERS
from costs import Profile
from deployment import ROOT, Deployment, text_of
from simulator import poisson, quantile, simulate, token_range


def predict(profile, args, requests):
    return simulate(args.build, profile, dict.fromkeys(profile.models, 1), requests, shared_cores=os.cpu_count())


async def measure(deployment, requests, rng):
    """Seconds from when each request was due to its reply, and the CPU seconds that asking took for each."""
    texts = [text_of(request.prompt_tokens, rng) for request in requests]
    start, cpu = time.monotonic(), time.process_time()

    async def one(request, text):
        await asyncio.sleep(start + request.arrival - time.monotonic())
        await deployment.post("/v1/graphs/inference_graph:run", {
            "text": text, "max_new_tokens": request.new_tokens, "max_length": 1024, "ignore_eos": True})
        return time.monotonic() - start - request.arrival
    times = await asyncio.gather(*[one(request, text) for request, text in zip(requests, texts)])
    return times, (time.process_time() - cpu) / len(requests)


def busy_rate(profile, args):
    """Requests a second of a long queue."""
    rng = random.Random(0)
    requests = poisson(1000, 1, args.prompt_tokens, args.new_tokens, rng)
    return len(requests) / predict(profile, args, requests).ended_at


async def validate(args, profile):
    names = (args.generator, CLASSIFIER)
    profile = dataclasses.replace(profile, models={name: profile.models[name] for name in names})
    most = busy_rate(profile, args)
    print(f"{args.generator} and {CLASSIFIER}, {profile.dtype}, {profile.threads} thread(s) each, {os.cpu_count()} cores of "
          f"{profile.cpu}; busy all the time at {most:.2f} requests/s\n")
    print("| load | requests/s | requests | mean: measured, predicted | p50 | p95 |\n|---|---|---|---|---|---|")
    models = {name: args.models / RUNNERS[name] for name in names}
    worst = 0.0
    with Deployment(args.build, models, profile.dtype, profile.threads) as deployment:
        await measure(deployment, poisson(most / 4, 10, args.prompt_tokens, args.new_tokens, random.Random(2)), random.Random(2))
        for load in args.loads:
            rng = random.Random(args.seed)
            requests = poisson(load * most, args.seconds, args.prompt_tokens, args.new_tokens, rng)
            measured, asking = await measure(deployment, requests, rng)
            # Whoever asks takes of the same cores.
            asked = dataclasses.replace(profile, gateway_per_request=profile.gateway_per_request + asking)
            predicted = predict(asked, args, requests).seconds
            figures = [[statistics.mean(times), quantile(times, 0.5), quantile(times, 0.95)]
                       for times in (measured, predicted)]
            errors = [p / m - 1 for m, p in zip(*figures)]
            worst = max([worst, *map(abs, errors)])
            cells = [f"{m:.3f}, {p:.3f} s ({e:+.1%})" for m, p, e in zip(*figures, errors)]
            lead = (f"{load:.0%}", f"{load * most:.2f}", str(len(requests)))
            print("| " + " | ".join((*lead, *cells)) + " |", flush=True)
    print(f"\nlargest error: {worst:.1%}")


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--models", type=pathlib.Path, required=True)
    parser.add_argument("--profile", type=pathlib.Path, required=True)
    parser.add_argument("--build", type=pathlib.Path, default=ROOT / "build")
    parser.add_argument("--loads", type=lambda text: [float(each) for each in text.split(",")], default=[0.3, 0.6, 0.85])
    parser.add_argument("--generator", default="gpt2-generation", choices=[name for name in RUNNERS if name != CLASSIFIER])
    parser.add_argument("--seconds", type=float, default=120)
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--prompt_tokens", type=token_range, default=(5, 40), help="N or LOW-HIGH")
    parser.add_argument("--new_tokens", type=token_range, default=(16, 123), help="N or LOW-HIGH")
    args = parser.parse_args()
    asyncio.run(validate(args, Profile.load(args.profile)))


if __name__ == "__main__":
    sys.exit(main())
