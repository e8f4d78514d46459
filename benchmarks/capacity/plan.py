#!/usr/bin/env python3
"""How many replicas of each runner a rate of requests needs, so that replies keep a bound on their time.

usage: plan.py --profile profile.json [--gpu_profile gpu.json] --rate 1000 [--p95 8] [--prompt_tokens 5-40] [--new_tokens 16-123]
  [--build BUILD_DIR]

Finds the highest utilisation, the same for all runners, at which a simulation of the graph keeps the bound, and prints
a Markdown table: replicas, cores and memory of each, and the gateways. Each replica has as many cores as the profile
has threads, on machines whose other cores are busy too. A simulated second of 1,000 requests takes about a quarter of a
second. What --gpu_profile has of models, calibrate.py --device having measured it, takes the place of --profile's: each
replica of these has a GPU. BUILD_DIR has been built: ./dev build capacity_model.
"""
import argparse
import dataclasses
import math
import pathlib
import random
import sys

from costs import KNOTS, Profile
from deployment import ROOT
from simulator import Request, poisson, quantile, simulate, token_range

MAX_UTILISATION = 90  # Percent. What more than this does to a burst depends on how long one looks.
GATEWAY_UTILISATION = 0.5  # Of its core: what it sends must not wait for it.
MIB = 1 << 20


def work_per_request(profile, name, args):
    """Seconds of a replica that a request takes when its runner is full: of many at once, and the other runners for
    nothing."""
    nothing = [0.0] * len(KNOTS)
    models = {each: model if each == name else dataclasses.replace(model, seconds=nothing, choosing=nothing, per_key=0.0)
              for each, model in profile.models.items()}
    requests = poisson(1e6, 0.002, args.prompt_tokens, args.new_tokens, random.Random(args.seed))
    profile = dataclasses.replace(profile, models=models)
    return simulate(args.build, profile, dict.fromkeys(models, 1), requests).ended_at / len(requests)


def find(profile, work, args):
    """The replicas, or None where no number of them keeps the bound."""
    requests = poisson(args.rate, args.seconds, args.prompt_tokens, args.new_tokens, random.Random(args.seed))

    def keeps(percent):
        replicas = {name: max(args.min_replicas, math.ceil(args.rate * seconds / (percent / 100)))
                    for name, seconds in work.items()}
        outcome = simulate(args.build, profile, replicas, requests)
        p95 = quantile(outcome.seconds[len(outcome.seconds) // 5:], 0.95)  # It begins empty.
        print(f"utilisation {percent} %: p95 {p95:.2f} s", file=sys.stderr, flush=True)
        return (replicas, outcome, p95) if p95 <= args.p95 else None

    low, high = 5, MAX_UTILISATION + 1
    if (best := keeps(low)) is None:
        return None
    while high - low > 1:
        middle = (low + high) // 2
        if found := keeps(middle):
            low, best = middle, found
        else:
            high = middle
    return best


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--profile", type=pathlib.Path, required=True)
    parser.add_argument("--gpu_profile", type=pathlib.Path)
    parser.add_argument("--build", type=pathlib.Path, default=ROOT / "build")
    parser.add_argument("--rate", type=float, required=True, help="requests a second")
    parser.add_argument("--p95", type=float, default=8, help="bound on 95 of 100 replies, seconds")
    parser.add_argument("--prompt_tokens", type=token_range, default=(5, 40), help="N or LOW-HIGH")
    parser.add_argument("--new_tokens", type=token_range, default=(16, 123), help="N or LOW-HIGH")
    parser.add_argument("--min_replicas", type=int, default=2)
    parser.add_argument("--seconds", type=float, default=60, help="simulated")
    parser.add_argument("--seed", type=int, default=1)
    args = parser.parse_args()
    profile = Profile.load(args.profile)
    if args.gpu_profile:
        profile = profile.with_models_of(Profile.load(args.gpu_profile))

    work = {name: work_per_request(profile, name, args) for name in profile.models}
    found = find(profile, work, args)
    if found is None:
        longest = Request(0, args.prompt_tokens[1], args.new_tokens[1])
        alone, = simulate(args.build, profile, dict.fromkeys(profile.models, 1), [longest]).seconds
        sys.exit(f"plan.py: no number of replicas keeps p95 at {args.p95:g} s: the longest request takes {alone:.2f} s alone. "
                 "Ask for fewer tokens, or take a profile of more threads or of int8.")
    replicas, outcome, p95 = found
    print(f"{args.rate:g} requests/s, p95 {p95:.2f} s (bound {args.p95:g} s); {profile.dtype}, {profile.threads} thread(s) a "
          f"replica, {profile.cpu}\n")
    print("| | replicas | cores | of its most | memory of each, MiB |\n|---|---|---|---|---|")
    cores = gpus = 0
    for name, model in profile.models.items():
        load = args.rate * work[name] / replicas[name]
        kv_tokens = max(outcome.kv_tokens.get(name, [0]))
        memory = (model.memory_bytes + kv_tokens * model.kv_bytes_per_token) / MIB
        cores += replicas[name] * profile.threads
        gpus += replicas[name] if model.device else 0
        print(f"| {name}{f' ({model.device})' if model.device else ''} | {replicas[name]} | {replicas[name] * profile.threads} | {load:.0%} | {memory:.0f} |")
    tokens = (len(profile.models) - 1) * sum(args.new_tokens) / 2
    gateway_cores = args.rate * (profile.gateway_per_request + tokens * profile.gateway_per_token)
    gateways = max(args.min_replicas, math.ceil(gateway_cores / GATEWAY_UTILISATION))
    cores += gateways
    print(f"| api_server | {gateways} | {gateways} | {gateway_cores / gateways:.0%} | |")
    print(f"| in all | | {cores} | | |")
    if gpus:
        print(f"\n{gpus} GPUs, one for each replica of a model that was measured on one; its memory is the process's own")


if __name__ == "__main__":
    main()
