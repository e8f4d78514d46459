"""Requests that come at random, as those of many people do who know nothing of each other."""
from simulator import Request


def poisson(rate, seconds, prompt_tokens, new_tokens, random):
    """`rate` a second, evenly distributed over ranges of tokens, ends included."""
    requests, now = [], random.expovariate(rate)
    while now < seconds:
        requests.append(Request(now, random.randint(*prompt_tokens), random.randint(*new_tokens)))
        now += random.expovariate(rate)
    return requests


def token_range(text):
    """"16" or "16-100", for argparse."""
    low, _, high = text.partition("-")
    return int(low), int(high or low)
