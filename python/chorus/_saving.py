"""Writes a model of transformers into a folder, by its own save_pretrained, or says why that cannot be."""
from __future__ import annotations

import pathlib
from typing import Any

from chorus.exceptions import ChorusError

_QUANTISES = 'a runner quantises by itself, as to_runner(dtype="int8") says'


def check(model: Any) -> None:
    """ChorusError where the weights are not there, or not as a file for Chorus has them."""
    name = type(model).__name__
    config = getattr(getattr(model, "config", None), "quantization_config", None)
    if config is not None or getattr(model, "is_quantized", False):
        method = config.get("quant_method") if isinstance(config, dict) else getattr(config, "quant_method", None)
        method = getattr(method, "value", method) or "by its quantization_config"
        raise ChorusError(f"{name} is quantised ({method}): save the model that it was made of, which from_pretrained "
                          f"loads without a quantization_config, or dequantize() gives where it can; {_QUANTISES}")
    for part, module in _named(model, "modules"):
        if ".quantized" in type(module).__module__:
            raise ChorusError(f"{name} is quantised by torch ({part} is a {type(module).__name__}): save the model that "
                              f"it was made of; {_QUANTISES}")
    if getattr(model, "hf_device_map", None):  # accelerate has the weights on disk; save_pretrained fetches them.
        return
    missing = [part for kind in ("parameters", "buffers") for part, tensor in _named(model, kind)
               if getattr(tensor, "is_meta", False)]
    if missing:
        raise ChorusError(f"{name} has weights without values, on the device meta ({', '.join(missing[:3])}"
                          f"{', …' if len(missing) > 3 else ''}): load them by {name}.from_pretrained, or give values by "
                          "to_empty and load_state_dict")


def _named(model: Any, kind: str) -> list[tuple[str, Any]]:
    named = getattr(model, f"named_{kind}", None)
    return list(named()) if callable(named) else []


def write(model: Any, folder: pathlib.Path, **options: Any) -> None:
    """`model` may be a tokenizer, too."""
    try:
        model.save_pretrained(folder, **options)
    except OSError:
        raise
    except Exception as error:  # Of torch and safetensors, which have many.
        why = str(error).strip().partition("\n")[0] or type(error).__name__
        raise ChorusError(f"{type(model).__name__} cannot be saved, for its save_pretrained says: {why}") from error
