#!/usr/bin/env python3
"""Puts the four models in a BentoML store.

usage: save_models.py MODELS_FOLDER STORE
"""
import os
import pathlib
import sys

if len(sys.argv) != 3:
    sys.exit(__doc__)
models, store = map(pathlib.Path, sys.argv[1:])
store.mkdir()
os.environ["BENTOML_HOME"] = str(store)  # Read when bentoml is imported.

import bentoml  # noqa: E402
import transformers  # noqa: E402

TASKS = {"gpt2": "text-generation", "distilgpt2": "text-generation", "gpt2-medium": "text-generation",
         "bert-base-uncased": "text-classification"}

for name, task in TASKS.items():
    folder = str(models / name)
    bentoml.transformers.save_model(name, transformers.pipeline(task, model=folder, tokenizer=folder))
