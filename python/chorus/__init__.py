"""Chorus from Python: save models, run them as pipelines, make services of them, and call servers.

    tag = chorus.save_model("gpt2-generation", pipeline)        # Into the store of `chorus models`.
    runner = chorus.get("gpt2-generation:latest").to_runner()   # A process of this machine.
    runner.init_local()
    runner.run("I have an idea!", max_length=40)                # [{"generated_text": "I have an idea! …"}]

    with chorus.Client("http://localhost:3000") as client:      # Or AsyncClient, or grpc://localhost:50051.
        client.run_graph("I have an idea!", seed=7)

Modules: models (the store), transformers (BentoML's names for it), io (what a service's APIs take and give), results
(what clients return), exceptions. Each is loaded when it is first used.
"""
from __future__ import annotations

import importlib
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from chorus import exceptions as exceptions
    from chorus import io as io
    from chorus import models as models
    from chorus import results as results
    from chorus import transformers as transformers
    from chorus._calls import GraphParams as GraphParams
    from chorus._calls import ModelParams as ModelParams
    from chorus.client import AsyncClient as AsyncClient
    from chorus.client import Client as Client
    from chorus.models import Model as Model
    from chorus.models import Tag as Tag
    from chorus.models import get as get
    from chorus.models import save_model as save_model
    from chorus.runners import Runner as Runner
    from chorus.service import Service as Service

__version__: str
_MODULES = ("exceptions", "io", "models", "results", "transformers")
_NAMES = {"AsyncClient": "client", "Client": "client", "GraphParams": "_calls", "Model": "models",
          "ModelParams": "_calls", "Tag": "models", "get": "models", "save_model": "models", "Runner": "runners",
          "Service": "service"}
__all__ = ["AsyncClient", "Client", "GraphParams", "Model", "ModelParams", "Runner", "Service", "Tag", "exceptions",
           "get", "io", "models", "results", "save_model", "transformers"]


def __getattr__(name: str) -> Any:
    if name == "__version__":
        return importlib.import_module("importlib.metadata").version("chorus")
    if name in _MODULES:
        return importlib.import_module(f"chorus.{name}")
    if name in _NAMES:
        return getattr(importlib.import_module(f"chorus.{_NAMES[name]}"), name)
    raise AttributeError(f"module 'chorus' has no attribute '{name}'")


def __dir__() -> list[str]:
    return sorted([*globals(), *__all__])
