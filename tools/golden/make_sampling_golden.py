"""Writes tests/testdata/sampling/: what Hugging Face's logits processors and torch's log_softmax make of rows of
logits.

  filter.json     which tokens the processors leave to draw from, and the likeliest of them
  logprobs.json   log-probabilities of tokens, by log_softmax in float64
  edits.json      logits after logit_bias, OpenAI's frequency and presence penalties, and min_new_tokens

Logits are kept as whole numbers over `denominator`, exact in float32. Rows with a small denominator are full of ties;
top_p is asked of the others only, since between equal tokens torch's sort chooses as it likes.

Run from the source root: python tools/golden/make_sampling_golden.py
Needs torch 2.15.0 and transformers 4.57.6.
"""

import itertools
import json
import pathlib

import torch
from transformers.generation.logits_process import (
    LogitsProcessorList, MinNewTokensLengthLogitsProcessor, MinPLogitsWarper, RepetitionPenaltyLogitsProcessor,
    SequenceBiasLogitsProcessor, TemperatureLogitsWarper, TopKLogitsWarper, TopPLogitsWarper)

VOCAB_SIZE = 300
PLAIN = {"repetition_penalty": 1.0, "temperature": 1.0, "top_k": 0, "top_p": 1.0, "min_p": 0.0}


def processors(repetition_penalty, temperature, top_k, top_p, min_p):
    chain = LogitsProcessorList()  # The order of generate().
    if repetition_penalty != 1.0:
        chain.append(RepetitionPenaltyLogitsProcessor(repetition_penalty))
    if temperature != 1.0:
        chain.append(TemperatureLogitsWarper(temperature))
    if top_k != 0:
        chain.append(TopKLogitsWarper(top_k))
    if top_p < 1.0:
        chain.append(TopPLogitsWarper(top_p))
    if min_p > 0.0:
        chain.append(MinPLogitsWarper(min_p))
    return chain


def all_of(**values):
    """Every combination of the named values, the other parameters being off."""
    return [{**PLAIN, **dict(zip(values, chosen))} for chosen in itertools.product(*values.values())]


def combinations():
    return (all_of(temperature=(1.0, 0.7, 1.7), top_k=(0, 1, 5, 50, 299, 300, 2000), top_p=(1.0, 0.95, 0.5, 0.01)) +
            all_of(temperature=(1.0, 0.7, 1.7), min_p=(0.01, 0.1, 0.9, 1.0)) +
            all_of(repetition_penalty=(0.5, 1.2, 3.0), top_k=(0, 1, 20), min_p=(0.0, 0.05)) +
            all_of(repetition_penalty=(1.0, 1.3), temperature=(0.8, 1.5), top_k=(0, 40), top_p=(0.9, 0.6),
                   min_p=(0.0, 0.02, 0.2)))


def whole_numbers(denominator, generator):
    return (torch.randn(VOCAB_SIZE, generator=generator) * 3 * denominator).round().int()


def write(name, content):
    path = pathlib.Path("tests/testdata/sampling") / name
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(json.dumps(content, separators=(",", ":")) + "\n")


def write_filter(generator):
    rows, cases = [], []
    for denominator in (2, 16, 1 << 16, 1 << 16):
        numerators = whole_numbers(denominator, generator)
        logits = (numerators / denominator).float()
        has_ties = logits.unique().numel() < VOCAB_SIZE
        # Likely and unlikely tokens, some of them twice.
        tokens = torch.cat([logits.topk(8).indices, torch.arange(40), torch.arange(20)])
        for params in combinations():
            if has_ties and params["top_p"] < 1.0:
                continue
            scores = processors(**params)(tokens[None], logits[None])[0]
            cases.append({"row": len(rows), **params, "kept": torch.isfinite(scores).nonzero()[:, 0].tolist(),
                          "likeliest": scores.argmax().item()})
        rows.append({"denominator": denominator, "numerators": numerators.tolist(), "tokens": tokens.tolist()})
    write("filter.json", {"rows": rows, "cases": cases})


def write_logprobs(generator):
    rows = []
    for denominator in (2, 1 << 16):
        numerators = whole_numbers(denominator, generator)
        logprobs = torch.log_softmax((numerators / denominator).double(), dim=-1)
        rows.append({"denominator": denominator, "numerators": numerators.tolist(), "logprobs": logprobs.tolist()})
    write("logprobs.json", {"rows": rows})


def write_edits(generator):
    """SequenceBias and MinNewTokens are transformers'; the penalties are what OpenAI's reference says of them: from the
    logit of token j is taken c[j] * frequency_penalty + (c[j] > 0) * presence_penalty, c[j] being how often it was
    sampled before."""
    numerators = whole_numbers(1 << 16, generator)
    logits = (numerators / (1 << 16)).float()
    generated = torch.cat([torch.arange(30), torch.arange(10), torch.arange(3), torch.tensor([299])])
    ends = [0, 5, 299]
    cases = []
    for frequency, presence, bias, min_new_tokens in itertools.product(
            (0.0, 0.7, -1.5), (0.0, 0.3), ({}, {1: 5.0, 7: -100.0, 299: 0.25}), (0, 44, 45)):
        count = torch.bincount(generated, minlength=VOCAB_SIZE).double()
        scores = logits[None]
        if bias:
            scores = SequenceBiasLogitsProcessor([[[id], value] for id, value in bias.items()])(generated[None], scores)
        scores = (scores.double() - count * frequency - (count > 0) * presence).float()
        scores = MinNewTokensLengthLogitsProcessor(0, min_new_tokens, ends, device="cpu")(generated[None], scores)[0]
        cases.append({"frequency_penalty": frequency, "presence_penalty": presence, "logit_bias": list(bias.items()),
                      "min_new_tokens": min_new_tokens,  # Those that change; null: ruled out.
                      "scores": [[id, None if scores[id] == -torch.inf else round(scores[id].item(), 6)]
                                 for id in (scores != logits).nonzero()[:, 0].tolist()]})
    write("edits.json", {"denominator": 1 << 16, "numerators": numerators.tolist(), "generated": generated.tolist(),
                         "end_tokens": ends, "cases": cases})


def main():
    generator = torch.Generator().manual_seed(7)
    write_filter(generator)
    write_logprobs(generator)
    write_edits(generator)


if __name__ == "__main__":
    main()
