"""Saves the tutorial's four models into the store.

usage: save_models.py [GENERATOR GENERATOR GENERATOR CLASSIFIER]

Each is a name of the Hugging Face hub, or a folder.
"""
import sys

import transformers

import chorus

NAMES = ["gpt2-generation", "distilgpt2-generation", "gpt2-medium-generation", "bert-base-uncased-classification"]
MODELS = ["gpt2", "distilgpt2", "gpt2-medium", "textattack/bert-base-uncased-SST-2"]

if __name__ == "__main__":
    for name, model in zip(NAMES, sys.argv[1:] or MODELS, strict=True):
        task = "text-classification" if name.endswith("-classification") else "text-generation"
        pipeline = transformers.pipeline(task=task, model=model, tokenizer=model)
        print("saved", chorus.transformers.save_model(name, pipeline))
