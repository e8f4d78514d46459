"""The names of bentoml.transformers: saves and gets models of Hugging Face's transformers."""
from __future__ import annotations

import importlib
from typing import Any

from chorus.models import Tag, get, save_model

__all__ = ["get", "load_model", "save_model"]

_TASKS = {"generate": "text-generation", "classify": "text-classification"}


def load_model(tag: str | Tag, **arguments: Any) -> Any:
    """The model as a pipeline of transformers, which must be installed: to compare, or to train on.

    `arguments` are those of transformers.pipeline.
    """
    model = get(tag)
    pipeline = importlib.import_module("transformers").pipeline
    return pipeline(_TASKS[model.task], model=str(model.path), tokenizer=str(model.path), **arguments)
