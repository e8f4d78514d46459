#!/usr/bin/env python3
"""Makes one model of the published size with random weights, in the Hugging Face layout.

usage: make_models.py MODEL FOLDER

MODEL is gpt2, distilgpt2, gpt2-medium or bert-base-uncased. The vocabularies are the published ones. Speed does not
depend on the weights, and the same seed makes the same ones.
"""
import pathlib
import sys

import torch
from transformers import (BertConfig, BertForSequenceClassification, BertTokenizerFast, GPT2Config, GPT2LMHeadModel,
                          GPT2TokenizerFast)

ROOT = pathlib.Path(__file__).resolve().parent.parent.parent
GPT2_SIZES = {
    "distilgpt2": {"n_layer": 6, "n_embd": 768, "n_head": 12},
    "gpt2": {"n_layer": 12, "n_embd": 768, "n_head": 12},
    "gpt2-medium": {"n_layer": 24, "n_embd": 1024, "n_head": 16},
}
# What the published models ask of a text-generation pipeline.
SAMPLING = {"text-generation": {"do_sample": True, "max_length": 50}}
LABELS = ("NEGATIVE", "POSITIVE")


def make_gpt2(size):
    vocabulary = ROOT / "tests/testdata/tokenizer/gpt2"
    tokenizer = GPT2TokenizerFast(vocab_file=str(vocabulary / "vocab.json"), merges_file=str(vocabulary / "merges.txt"),
                                  model_max_length=1024)
    return GPT2LMHeadModel(GPT2Config(**size, n_ctx=1024, task_specific_params=SAMPLING)), tokenizer


def make_bert():
    vocabulary = ROOT / "models/demo/bert-sst2/vocab.txt"
    tokenizer = BertTokenizerFast(vocab_file=str(vocabulary), do_lower_case=True, model_max_length=512)
    return BertForSequenceClassification(BertConfig(id2label=dict(enumerate(LABELS)))), tokenizer


def main():
    if len(sys.argv) != 3 or sys.argv[1] not in (*GPT2_SIZES, "bert-base-uncased"):
        sys.exit(__doc__)
    name, folder = sys.argv[1:]
    torch.manual_seed(0)
    for part in make_bert() if name == "bert-base-uncased" else make_gpt2(GPT2_SIZES[name]):
        part.save_pretrained(folder)


if __name__ == "__main__":
    main()
