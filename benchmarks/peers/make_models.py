#!/usr/bin/env python3
"""Makes one model of the published size with random weights, in the Hugging Face layout.

usage: make_models.py MODEL FOLDER

MODEL is gpt2, distilgpt2, gpt2-medium, qwen2-0.5b or bert-base-uncased. The vocabularies are the published ones, but
that qwen2-0.5b has GPT-2's under as many rows as its own. Speed does not depend on the weights, and the same seed makes
the same ones.
"""
import pathlib
import sys

import torch
from transformers import (BertConfig, BertForSequenceClassification, BertTokenizerFast, GPT2Config, GPT2LMHeadModel,
                          GPT2TokenizerFast, Qwen2Config, Qwen2ForCausalLM)

ROOT = pathlib.Path(__file__).resolve().parent.parent.parent
GPT2_SIZES = {
    "distilgpt2": {"n_layer": 6, "n_embd": 768, "n_head": 12},
    "gpt2": {"n_layer": 12, "n_embd": 768, "n_head": 12},
    "gpt2-medium": {"n_layer": 24, "n_embd": 1024, "n_head": 16},
}
# What the published models ask of a text-generation pipeline.
SAMPLING = {"text-generation": {"do_sample": True, "max_length": 50}}
LABELS = ("NEGATIVE", "POSITIVE")
# Those of the published Qwen2-0.5B.
QWEN2_SIZE = {"hidden_size": 896, "intermediate_size": 4864, "num_hidden_layers": 24, "num_attention_heads": 14,
              "num_key_value_heads": 2, "vocab_size": 151936, "tie_word_embeddings": True, "rope_theta": 1e6,
              "bos_token_id": 50256, "eos_token_id": 50256}


def make_gpt2_tokenizer():
    vocabulary = ROOT / "tests/testdata/tokenizer/gpt2"
    return GPT2TokenizerFast(vocab_file=str(vocabulary / "vocab.json"), merges_file=str(vocabulary / "merges.txt"),
                             model_max_length=1024)


def make_gpt2(size):
    return GPT2LMHeadModel(GPT2Config(**size, n_ctx=1024, task_specific_params=SAMPLING)), make_gpt2_tokenizer()


def make_qwen2():
    return Qwen2ForCausalLM(Qwen2Config(**QWEN2_SIZE)), make_gpt2_tokenizer()


def make_bert():
    vocabulary = ROOT / "models/demo/bert-sst2/vocab.txt"
    tokenizer = BertTokenizerFast(vocab_file=str(vocabulary), do_lower_case=True, model_max_length=512)
    return BertForSequenceClassification(BertConfig(id2label=dict(enumerate(LABELS)))), tokenizer


def main():
    makers = {**{name: lambda size=size: make_gpt2(size) for name, size in GPT2_SIZES.items()},
              "qwen2-0.5b": make_qwen2, "bert-base-uncased": make_bert}
    if len(sys.argv) != 3 or sys.argv[1] not in makers:
        sys.exit(__doc__)
    name, folder = sys.argv[1:]
    torch.manual_seed(0)
    for part in makers[name]():
        part.save_pretrained(folder)


if __name__ == "__main__":
    main()
