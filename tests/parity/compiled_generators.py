#!/usr/bin/env python3
"""Compares generators that chorus.save_model compiles with transformers, as a table.

    ./dev build token_runner chorus_torch
    python3 -m venv venv && venv/bin/pip install ./python transformers==4.57.6 torch==VERSION   # That of .deps/torch
    venv/bin/python tests/parity/compiled_generators.py [--only PART_OF_A_NAME...] [--page FILE] [--folders FOLDER]

Each is a random model of an architecture that Chorus does not run by itself, compiled for this machine. token_runner
runs prompts of 1 to 130 tokens and continues them greedily; transformers does so one by one, in fp32. Exit status 1 if
logits are further away than 1e-4, or a text differs. --folders keeps what was compiled for another run.
"""

import argparse
import pathlib
import sys
import tempfile

import compiled
import parity
import torch
import transformers
from chorus._compile import NATIVE_CODE
from families import llama

# architecture: (model_type, config)
CONFIGS = {
    "OlmoForCausalLM": ("olmo", llama(60, 6, 3, clip_qkv=2.0)),
    "Olmo2ForCausalLM": ("olmo2", llama(60, 6, 3)),
    "Olmo3ForCausalLM": ("olmo3", llama(60, 6, 3, layers=4, sliding_window=40)),
    "PhiForCausalLM": ("phi", llama(64, 4, 4)),
    "GraniteForCausalLM": ("granite", llama(60, 6, 3, attention_multiplier=0.3, residual_multiplier=0.5,
                                            embedding_multiplier=2.0, logits_scaling=3.0)),
    "GlmForCausalLM": ("glm", llama(64, 4, 2, head_dim=16)),
    "CohereForCausalLM": ("cohere", llama(60, 6, 3, use_qk_norm=True)),
}

# How token_runner runs prompts: a column of the table each.
WAYS = ["logits", "batched", "chunked", "copied"]


def compare(runner, architecture, seed, folder):
    model = compiled.compile_into(folder, architecture, seed, CONFIGS)
    prompts, texts = parity.make_cases(model, model.config.to_dict(), generates=True)
    references = [parity.reference_logits(model, ids) for ids in prompts]
    code = (folder / NATIVE_CODE).read_bytes()
    answer = compiled.run(runner, folder, code, prompts, parity.NEW_TOKENS)
    greedy = sum(ours == theirs for ours, theirs in zip(answer["texts"], texts))
    return {"architecture": architecture, "kib": len(code) / 1024, "greedy": greedy,
            **{way: compiled.distance(answer[way], references) for way in WAYS}}


def is_good(row):
    return max(row[way] for way in WAYS) <= parity.TOLERANCE and row["greedy"] == parity.NUM_PROMPTS


def format_row(row):
    distances = " | ".join(f"{row[way]:.1e}" for way in WAYS)
    return f"| {row['architecture']} | {distances} | {row['greedy']} of {parity.NUM_PROMPTS} | {row['kib']:.0f} |"


def page(rows):
    version, cpu, library = torch.__version__.split("+")[0], parity.cpu_flags(), transformers.__version__
    texts, longest = parity.NUM_PROMPTS, parity.MOST_TOKENS
    return f"""# Parity of compiled generators with transformers

What `tests/parity/compiled_generators.py` found: random models of architectures that Chorus does not run by itself,
compiled by `chorus.save_model(…, compile=True)` with torch {version} for a CPU with {cpu}, beside Hugging Face
transformers {library}, in fp32. There are {texts} prompts of 1 to {longest} tokens.

- **alone**, **in a batch**, **in parts**, **copied**: the largest difference of the logits after a prompt, over the
  largest logit, where each prompt is run by itself; where all are run in one pass, in which some begin, some go on
  and some decode; where it is cut into passes of 7 tokens; and where its first half was copied from another text's
  cache. Transformers runs each prompt by itself. It must be at most {parity.TOLERANCE:.0e}.
- **greedy**: how many of the prompts, continued together by {parity.NEW_TOKENS} tokens, have the very tokens of
  transformers. Prompts with a choice between two tokens nearer than {parity.MIN_MARGIN:.0e} of the largest logit are
  not among them.
- **code**: the size of `model.pt2` in KiB.

| architecture | alone | in a batch | in parts | copied | greedy | code |
|---|---|---|---|---|---|---|
""" + "".join(format_row(row) + "\n" for row in rows)


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--runner", default=parity.ROOT / "build/bin/token_runner", help="the program token_runner")
    parser.add_argument("--only", nargs="+", default=[""], metavar="PART", help="architectures with this in their name")
    parser.add_argument("--page", type=pathlib.Path, help="write the page there")
    parser.add_argument("--folders", type=pathlib.Path, help="where the models lie, or come to lie")
    args = parser.parse_args()
    transformers.logging.set_verbosity_error()
    rows = []
    with tempfile.TemporaryDirectory() as temporary:
        for seed, architecture in enumerate(CONFIGS):
            if any(part in architecture for part in args.only):
                folder = (args.folders or pathlib.Path(temporary)) / architecture
                rows.append(compare(args.runner, architecture, seed, folder))
                print(format_row(rows[-1]), flush=True)
    if args.page:
        args.page.write_text(page(rows))
    bad = [row for row in rows if not is_good(row)]
    print(f"{len(rows) - len(bad)} of {len(rows)} rows as they must be")
    sys.exit(1 if bad or not rows else 0)


if __name__ == "__main__":
    main()
