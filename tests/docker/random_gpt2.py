#!/usr/bin/env python3
"""Writes a gpt2 of its real size with random weights, with nothing but the standard library: random_gpt2.py DIR

Its texts are noise, but it loads and computes as the real one does. The vocabulary is the published one.
"""
import json
import os
import pathlib
import shutil
import sys

VOCABULARY = pathlib.Path(__file__).resolve().parent.parent / "testdata/tokenizer/gpt2"
LAYERS, WIDTH, CONTEXT, VOCAB = 12, 768, 1024, 50257


def shapes():
    yield "wte.weight", (VOCAB, WIDTH)
    yield "wpe.weight", (CONTEXT, WIDTH)
    for layer in range(LAYERS):
        for name, shape in (("ln_1.weight", (WIDTH,)), ("ln_1.bias", (WIDTH,)),
                            ("attn.c_attn.weight", (WIDTH, 3 * WIDTH)), ("attn.c_attn.bias", (3 * WIDTH,)),
                            ("attn.c_proj.weight", (WIDTH, WIDTH)), ("attn.c_proj.bias", (WIDTH,)),
                            ("ln_2.weight", (WIDTH,)), ("ln_2.bias", (WIDTH,)),
                            ("mlp.c_fc.weight", (WIDTH, 4 * WIDTH)), ("mlp.c_fc.bias", (4 * WIDTH,)),
                            ("mlp.c_proj.weight", (4 * WIDTH, WIDTH)), ("mlp.c_proj.bias", (WIDTH,))):
            yield f"h.{layer}.{name}", shape
    yield "ln_f.weight", (WIDTH,)
    yield "ln_f.bias", (WIDTH,)


def count(shape):
    return shape[0] * (shape[1] if len(shape) == 2 else 1)


def random_floats(number):
    """float32 of 2^-7 to 2^-5, of either sign: the two high bytes come from a short list, the low ones are random."""
    data = bytearray(os.urandom(4 * number))
    data[3::4] = data[3::4].translate(bytes(0x3C if value < 128 else 0xBC for value in range(256)))
    return data


def main():
    directory = pathlib.Path(sys.argv[1])
    directory.mkdir(parents=True, exist_ok=True)
    for name in ("vocab.json", "merges.txt"):
        shutil.copy(VOCABULARY / name, directory)
    (directory / "config.json").write_text(json.dumps({
        "architectures": ["GPT2LMHeadModel"], "model_type": "gpt2", "n_layer": LAYERS, "n_head": 12, "n_embd": WIDTH,
        "n_positions": CONTEXT, "n_ctx": CONTEXT, "vocab_size": VOCAB, "bos_token_id": 50256, "eos_token_id": 50256,
        "activation_function": "gelu_new", "layer_norm_epsilon": 1e-5}))
    header, offset = {}, 0
    for name, shape in shapes():
        end = offset + 4 * count(shape)
        header[name] = {"dtype": "F32", "shape": shape, "data_offsets": [offset, end]}
        offset = end
    text = json.dumps(header).encode()
    text += b" " * (-len(text) % 8)
    with open(directory / "model.safetensors", "wb") as file:
        file.write(len(text).to_bytes(8, "little") + text)
        for _, shape in shapes():
            file.write(random_floats(count(shape)))


if __name__ == "__main__":
    main()
