"""A graph under load, as build/bin/capacity_model simulates it, and the requests that come to it. Time is in
seconds."""
import dataclasses
import json
import subprocess

from costs import KNOTS

@dataclasses.dataclass(frozen=True)
class Request:
    arrival: float
    prompt_tokens: int
    new_tokens: int


@dataclasses.dataclass(frozen=True)
class Outcome:
    seconds: list    # Of each request's reply.
    ended_at: float
    kv_tokens: dict  # Generator -> the most that each of its replicas held.


def simulate(build, profile, replicas, requests, shared_cores=0, max_sequences=None):
    """`replicas`: how many of each runner. `shared_cores`: of the one machine on which all of them and the gateway are;
    with none each has cores of its own, on machines whose other cores are busy, and there are gateways enough.
    `max_sequences` of every replica, in the place of the profile's."""
    if max_sequences is not None:
        models = {name: dataclasses.replace(model, max_sequences=max_sequences) for name, model in profile.models.items()}
        profile = dataclasses.replace(profile, models=models)
    question = {"profile": dataclasses.asdict(profile), "knots": KNOTS, "replicas": replicas, "shared_cores": shared_cores,
                "requests": [dataclasses.astuple(request) for request in requests]}
    answer = subprocess.run([build / "bin/capacity_model"], input=json.dumps(question), stdout=subprocess.PIPE, text=True,
                            check=True)
    return Outcome(**json.loads(answer.stdout))


def quantile(values, q):
    return sorted(values)[min(len(values) - 1, int(q * len(values)))]


def poisson(rate, seconds, prompt_tokens, new_tokens, random):
    """Requests of many people who know nothing of each other: `rate` a second, evenly distributed over ranges of
    tokens, ends included."""
    requests, now = [], random.expovariate(rate)
    while now < seconds:
        requests.append(Request(now, random.randint(*prompt_tokens), random.randint(*new_tokens)))
        now += random.expovariate(rate)
    return requests


def token_range(text):
    """"16" or "16-100", for argparse."""
    low, _, high = text.partition("-")
    return int(low), int(high or low)
