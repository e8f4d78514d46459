"""The names of bentoml.transformers: saves and gets models of Hugging Face's transformers."""
from __future__ import annotations

import importlib
from typing import Any

from chorus.exceptions import ChorusError
from chorus.models import Tag, get, save_model

__all__ = ["get", "load_model", "save_model"]

_TASKS = {"generate": "text-generation", "classify": "text-classification",
          "embed": "feature-extraction"}


def load_model(tag: str | Tag, **arguments: Any) -> Any:
    """The model as a pipeline of transformers, which must be installed: to compare, or to train on.

    `arguments` are those of transformers.pipeline. An embedder's is feature-extraction, which gives the vectors of a
    text's tokens: what the runner makes one vector of.
    """
    model = get(tag)
    if model.task not in _TASKS:
        raise ChorusError(f"{model} is of no task that has a pipeline: its architecture is {model.architecture}")
    pipeline = importlib.import_module("transformers").pipeline
    return pipeline(_TASKS[model.task], model=str(model.path), tokenizer=str(model.path), **arguments)
