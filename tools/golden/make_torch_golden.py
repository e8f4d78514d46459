#!/usr/bin/env python3
"""Writes files as torch.save and transformers write them, and the same tensors as safetensors.

Run from the root of the tree, in the environment of requirements.txt:

    python3 tools/golden/make_torch_golden.py

tests/testdata/torch/: state.bin and state_legacy.bin (the format before torch 1.6) hold the tensors of
state.safetensors, in every layout that a tensor can have in its storage. refused/*.bin are to be refused, each for what
its name says. gpt2/ is a small model in one file of either format, and in shards of either.
tests/fuzz/corpus/torch_file/: small files, as seeds.
"""

import io
import json
import os
import shutil
import zipfile

import numpy
import torch
import transformers
from safetensors.torch import save_file

OUT = "tests/testdata/torch"


def state():
    """A state dict with its attributes, of every type and layout."""
    base = torch.arange(24, dtype=torch.float32).reshape(4, 6) / 8
    tensors = {
        "f32": base,
        "f16": (base / 2).half(),
        "bf16": (base * 2).bfloat16(),
        "f64": base.double(),
        "ids": torch.arange(5),
        "mask": torch.tensor([[True, False]]),
        "transposed": base.t(),
        "transposed_bf16": base.bfloat16().t(),
        "slice": base[1:3, 2:5],
        "column": base[:, 3],
        "expanded": base[0].expand(3, 6),
        "permuted": torch.arange(24, dtype=torch.float16).reshape(2, 3, 4).permute(2, 0, 1),
        "one_row": base[2:3],
        "scalar": torch.tensor(2.5),
        "empty": torch.zeros(0, 3),
        "parameter": torch.nn.Parameter(base + 1),
    }
    tensors["tied"] = tensors["parameter"]
    dict_with_attributes = torch.nn.Linear(1, 1).state_dict()
    dict_with_attributes.clear()
    dict_with_attributes.update(tensors)
    return dict_with_attributes


class Evil:
    def __reduce__(self):
        return os.system, ("true",)


def refused():
    folder = os.path.join(OUT, "refused")
    os.makedirs(folder)
    small = {"w": torch.ones(2)}
    saved = {
        "call": {"w": Evil()},
        "module": torch.nn.Linear(2, 2),
        "numpy": {"w": torch.ones(2), "epoch": numpy.float64(1)},
        "nested": {"state_dict": small, "epoch": 3},
        "nothing": {},
        "float8": {"w": torch.ones(2).to(torch.float8_e4m3fn)},
    }
    for name, value in saved.items():
        torch.save(value, os.path.join(folder, name + ".bin"))
    torch.save(small, os.path.join(folder, "protocol4.bin"), pickle_protocol=4)
    whole = io.BytesIO()
    torch.save(small, whole)
    with zipfile.ZipFile(whole) as read, zipfile.ZipFile(
            os.path.join(folder, "compressed.bin"), "w", zipfile.ZIP_DEFLATED) as written:
        for info in read.infolist():
            written.writestr(info.filename, read.read(info))
    with open(os.path.join(folder, "cut.bin"), "wb") as out:
        out.write(whole.getvalue()[:-40])


def model():
    folder = os.path.join(OUT, "gpt2")
    torch.manual_seed(7)
    config = transformers.GPT2Config(n_embd=16, n_head=2, n_layer=2, n_positions=12, vocab_size=40, bos_token_id=3,
                                     eos_token_id=4)
    gpt2 = transformers.GPT2LMHeadModel(config).eval()
    for parameter in gpt2.parameters():  # Biases and norms are all alike at first.
        parameter.data += 0.1 * torch.randn_like(parameter)
    ids = [1, 2, 3, 30, 39]
    with torch.no_grad():
        logits = gpt2(torch.tensor([ids])).logits[0, -1].tolist()
    for name, arguments in {
            "safetensors": {}, "bin": {"safe_serialization": False},
            "safetensors_shards": {"max_shard_size": "10KB"},
            "bin_shards": {"max_shard_size": "10KB", "safe_serialization": False}}.items():
        gpt2.save_pretrained(os.path.join(folder, name), **arguments)
        os.remove(os.path.join(folder, name, "generation_config.json"))
    with open(os.path.join(folder, "logits.json"), "w", encoding="utf-8") as out:
        json.dump({"ids": ids, "logits": logits}, out)


def seeds():
    folder = "tests/fuzz/corpus/torch_file"
    shutil.rmtree(folder, ignore_errors=True)
    os.makedirs(folder)
    base = torch.arange(6, dtype=torch.float16).reshape(2, 3)
    layouts = {"t": base.t(), "p": torch.nn.Parameter(base), "x": base[0].expand(2, 3), "i": torch.arange(2)}
    torch.save({"w": torch.ones(2)}, os.path.join(folder, "zip"))
    torch.save(layouts, os.path.join(folder, "legacy"), _use_new_zipfile_serialization=False)
    torch.save(torch.nn.Linear(2, 1).state_dict(), os.path.join(folder, "legacy_attributes"),
               _use_new_zipfile_serialization=False)
    for name in ("call", "nested"):
        shutil.copy(os.path.join(OUT, "refused", name + ".bin"), os.path.join(folder, name))


def main():
    shutil.rmtree(OUT, ignore_errors=True)
    os.makedirs(OUT)
    tensors = state()
    torch.save(tensors, os.path.join(OUT, "state.bin"))
    torch.save(tensors, os.path.join(OUT, "state_legacy.bin"), _use_new_zipfile_serialization=False)
    save_file({name: tensor.detach().clone().contiguous() for name, tensor in tensors.items()},
              os.path.join(OUT, "state.safetensors"))
    refused()
    model()
    seeds()


if __name__ == "__main__":
    main()
