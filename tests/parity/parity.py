#!/usr/bin/env python3
"""Compares Chorus with Hugging Face transformers over random models of every family, as a table.

    ./dev build token_runner
    python3 -m venv venv && venv/bin/pip install -r tools/golden/requirements.txt
    venv/bin/python tests/parity/parity.py [--only PART_OF_A_NAME...] [--page FILE]

Each config of families.py becomes a transformers model with weights of a seed, saved by save_pretrained as a user's
would be. token_runner runs the folder in every dtype; transformers runs it in fp32 with eager attention. Exit status 1
if a float32 result is further away than 1e-4, a greedy text differs, or a bit depends on company or passes.
"""

import argparse
import json
import pathlib
import platform
import subprocess
import sys
import tempfile

import families
import numpy as np
import torch
import transformers

ROOT = pathlib.Path(__file__).resolve().parents[2]
DTYPES = ["float32", "bfloat16", "int8"]
NUM_PROMPTS = 20
NEW_TOKENS = 16
MOST_TOKENS = 130
TOLERANCE = 1e-4  # max|difference| / max|reference| of logits.
MIN_MARGIN = 1e-4  # Of the largest logit, between the two likeliest: closer ones are nearly a tie.


def randomise(model, config, seed):
    """Weights that keep what flows through a layer at about 1, and biases and norms that count."""
    generator = torch.Generator().manual_seed(seed)
    for name, parameter in model.named_parameters():
        noise = torch.randn(parameter.shape, generator=generator)
        if families.is_norm(name):
            parameter.data = families.norm_offset(config) + 0.2 * noise
        elif parameter.dim() == 1:
            parameter.data = 0.2 * noise
        else:
            parameter.data = noise * parameter.shape[-1] ** -0.5 * (4 if "embed" in name or "wte" in name else 1)
    model.tie_weights()


@torch.no_grad()
def reference_logits(model, ids):
    out = model(torch.tensor([ids]))
    if not hasattr(out, "logits"):  # A headless encoder: its tokens' mean.
        return out.last_hidden_state[0].mean(0).numpy()
    logits = out.logits[0]
    return (logits[-1] if logits.dim() == 2 else logits).numpy()


def greedy(model, ids):
    """The greedy continuation, or None if some choice is nearly a tie."""
    text = list(ids)
    for _ in range(NEW_TOKENS):
        logits = reference_logits(model, text)
        second, first = np.sort(logits)[-2:]
        if first - second < MIN_MARGIN * np.abs(logits).max():
            return None
        text.append(int(logits.argmax()))
    return text[len(ids):]


def make_cases(model, config, generates):
    """Prompts of all lengths, and what follows them."""
    random = np.random.RandomState(1)
    prompts, texts = [], []
    while len(prompts) < NUM_PROMPTS:
        length = 1 + random.randint(MOST_TOKENS) if prompts else MOST_TOKENS
        ids = random.randint(0, config["vocab_size"], length).tolist()
        text = greedy(model, ids) if generates else []
        if text is not None:
            prompts.append(ids)
            texts.append(text)
    return prompts, texts


def run_chorus(runner, folder, dtype, prompts):
    request = {"model": str(folder), "dtype": dtype, "prompts": prompts, "new_tokens": NEW_TOKENS}
    done = subprocess.run([runner], input=json.dumps(request), capture_output=True, text=True)
    if done.returncode != 0:
        raise RuntimeError(f"{folder}: {done.stderr}")
    return json.loads(done.stdout)


def compare(runner, architecture, name, small, seed):
    """One row a dtype."""
    config = families.full_config(architecture, small)
    model = families.make_model(config)
    randomise(model, config, seed)
    generates = architecture.endswith(("ForCausalLM", "LMHeadModel"))
    prompts, texts = make_cases(model, config, generates)
    references = [reference_logits(model, ids) for ids in prompts]
    with tempfile.TemporaryDirectory() as folder:
        model.save_pretrained(folder)
        for dtype in DTYPES:
            answer = run_chorus(runner, folder, dtype, prompts)
            distance = max(float(np.abs(np.array(logits, dtype=np.float64) - reference).max() / np.abs(reference).max())
                           for logits, reference in zip(answer["logits"], references))
            row = {"architecture": architecture, "config": name, "dtype": dtype, "distance": distance,
                   "batch": answer["batch"]}
            if generates:
                row |= {"split": answer["split"],
                        "greedy": sum(ours == theirs for ours, theirs in zip(answer["texts"], texts))}
            yield row


def is_good(row):
    same_bits = row["batch"] and row.get("split", True)
    if row["dtype"] != "float32":
        return same_bits
    return same_bits and row["distance"] <= TOLERANCE and row.get("greedy", NUM_PROMPTS) == NUM_PROMPTS


def format_row(row):
    yes_no = {True: "yes", False: "**no**", None: "-"}
    greedy_texts = f"{row['greedy']} of {NUM_PROMPTS}" if "greedy" in row else "-"
    return (f"| {row['architecture']} | {row['config']} | {row['dtype']} | {row['distance']:.1e} | {greedy_texts} | "
            f"{yes_no[row['batch']]} | {yes_no[row.get('split')]} |")


def page(rows, kernels):
    head = f"""# Parity with transformers

What `tests/parity/parity.py` found: random models of every architecture, of the head widths of real ones and of odd
ones, beside Hugging Face transformers {transformers.__version__} with torch {torch.__version__.split('+')[0]}, fp32,
eager attention. Chorus ran with the kernels for `{kernels}`.

- **logits**: the largest difference after {NUM_PROMPTS} prompts of 1 to {MOST_TOKENS} tokens, over the largest logit.
  Of a headless encoder the mean of its tokens' vectors is compared. In float32 it must be at most {TOLERANCE:.0e};
  in the narrower dtypes it is what rounding random weights costs.
- **greedy**: how many of {NUM_PROMPTS} texts of {NEW_TOKENS} tokens have the very tokens of transformers in fp32.
  Prompts with a choice between two tokens nearer than {MIN_MARGIN:.0e} of the largest logit are not among them.
- **batched**: whether a text has the same bits alone and among the others. **split**: whether it has when its prompt is
  cut into passes of 1 and of 7 tokens.

| architecture | config | dtype | logits | greedy | batched = single | split = whole |
|---|---|---|---|---|---|---|
"""
    return head + "".join(format_row(row) + "\n" for row in rows)


def cpu_flags():
    if platform.machine() != "x86_64":
        return platform.machine()
    flags = pathlib.Path("/proc/cpuinfo").read_text()
    names = ("amx_tile", "avx512_bf16", "avx512_vnni", "avx512f", "avx2")
    return next((name for name in names if name in flags), "x86-64")


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--runner", default=ROOT / "build/bin/token_runner", help="the program token_runner")
    parser.add_argument("--only", nargs="+", default=[""], metavar="PART", help="configs with this in their name")
    parser.add_argument("--page", type=pathlib.Path, help="write the page there")
    args = parser.parse_args()
    transformers.logging.set_verbosity_error()
    rows = []
    for architecture, configs in families.FAMILIES.items():
        for seed, (name, config) in enumerate(configs.items()):
            if not any(part in f"{architecture} {name}" for part in args.only):
                continue
            for row in compare(args.runner, architecture, name, config, seed):
                print(format_row(row), flush=True)
                rows.append(row)
    if args.page:
        args.page.write_text(page(rows, cpu_flags()))
    bad = [row for row in rows if not is_good(row)]
    print(f"{len(rows) - len(bad)} of {len(rows)} rows as they must be")
    sys.exit(1 if bad or not rows else 0)


if __name__ == "__main__":
    main()
