"""Writes tests/testdata/sampling/filter.json: which tokens Hugging Face's warpers leave to draw from.

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
    LogitsProcessorList, TemperatureLogitsWarper, TopKLogitsWarper, TopPLogitsWarper)

VOCAB_SIZE = 300


def warpers(temperature, top_k, top_p):
    chain = LogitsProcessorList()  # The order of generate().
    if temperature != 1.0:
        chain.append(TemperatureLogitsWarper(temperature))
    if top_k != 0:
        chain.append(TopKLogitsWarper(top_k))
    if top_p < 1.0:
        chain.append(TopPLogitsWarper(top_p))
    return chain


def main():
    generator = torch.Generator().manual_seed(7)
    rows, cases = [], []
    for denominator in (2, 16, 1 << 16, 1 << 16):
        numerators = (torch.randn(VOCAB_SIZE, generator=generator) * 3 * denominator).round().int()
        logits = (numerators / denominator).float()
        has_ties = logits.unique().numel() < VOCAB_SIZE
        for temperature, top_k, top_p in itertools.product(
                (1.0, 0.7, 1.7), (0, 1, 5, 50, 299, 300, 2000), (1.0, 0.95, 0.5, 0.01)):
            if has_ties and top_p < 1.0:
                continue
            scores = warpers(temperature, top_k, top_p)(None, logits[None])[0]
            cases.append({"row": len(rows), "temperature": temperature, "top_k": top_k, "top_p": top_p,
                          "kept": torch.isfinite(scores).nonzero()[:, 0].tolist()})
        rows.append({"denominator": denominator, "numerators": numerators.tolist()})
    path = pathlib.Path("tests/testdata/sampling/filter.json")
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(json.dumps({"rows": rows, "cases": cases}, separators=(",", ":")) + "\n")


if __name__ == "__main__":
    main()
