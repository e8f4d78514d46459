#!/usr/bin/env python3
"""Makes the golden data of tests/runner_server/model/family_golden_test.cc from Hugging Face transformers, in fp32.

    python3 -m venv venv && venv/bin/pip install -r tools/golden/requirements.txt
    venv/bin/python tools/golden/make_family_golden.py

writes tests/testdata/models/family-NAME.{json,safetensors} for the first config, and those named in ALSO, of every
family of generators in tests/parity/families.py; with --only NAME... just those. Weights are of a hash that both sides
make by themselves, as in make_model_golden.py.
"""

import argparse
import sys

import make_model_golden as golden
import torch

sys.path.insert(0, str(golden.ROOT / "tests/parity"))
import families  # noqa: E402

ALSO = ["opt_350m", "gpt_neox_odd", "llama_relu2"]
PROMPT_LENGTHS = [1, 2, 5, 16, 17, 33, 70, 140]
NUM_PROMPTS = 20
NUM_NEW_TOKENS = 12
MIN_MARGIN = 1e-3  # Of the largest logit, between the two likeliest tokens.


def describe(model, config):
    """Names and shapes of the tensors, and what their values are drawn from: sums of about 1 everywhere."""
    tied = {"lm_head.weight"} if model.config.tie_word_embeddings else set()
    tensors = []
    for name, value in model.named_parameters():
        if name in tied:
            continue
        is_norm = families.is_norm(name)
        exponent = -19 if is_norm or value.dim() == 1 else -18
        tensors.append({"name": name, "shape": list(value.shape), "exponent": exponent,
                        "offset": families.norm_offset(config) if is_norm else 0.0})
    return tensors


@torch.no_grad()
def greedy(model, ids):
    """The greedy continuation, or None if some choice is nearly a tie."""
    text = list(ids)
    for _ in range(NUM_NEW_TOKENS):
        logits = model(torch.tensor([text]), use_cache=False).logits[0, -1]
        top = logits.topk(2)
        if top.values[0] - top.values[1] < MIN_MARGIN * logits.abs().max():
            return None
        text.append(int(top.indices[0]))
    return text[len(ids):]


def make(architecture, name, small):
    config = families.full_config(architecture, small)
    model = families.make_model(config)
    tensors = describe(model, config)
    state = {tensor["name"]: golden.random_tensor(tensor) for tensor in tensors}
    missing, unexpected = model.load_state_dict(state, strict=False)
    assert not unexpected and set(missing) <= {"lm_head.weight"}, (missing, unexpected)
    model.tie_weights()
    cases, logits = [], {}
    for i, length in enumerate(PROMPT_LENGTHS):
        case, kept = golden.logits_case(model, golden.random_ids(length, families.VOCAB, 100 + length), 1)
        cases.append(case)
        logits[f"logits.{i}"] = kept
    continuations = []
    for seed in range(400):
        ids = golden.random_ids(1 + seed % 40, families.VOCAB, seed)
        if (new := greedy(model, ids)) is not None:
            continuations.append({"ids": ids, "new_ids": new})
        if len(continuations) == NUM_PROMPTS:
            break
    assert len(continuations) == NUM_PROMPTS, f"{name}: {len(continuations)} texts without ties"
    kinds = len({token for text in continuations for token in text["new_ids"]})
    print(f"{name}: {kinds} different tokens in {NUM_PROMPTS} texts")
    golden.write(f"family-{name}", {"config": config, "tensors": tensors, "stride": 1, "logits": cases,
                                    "greedy": continuations}, logits)


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--only", nargs="+", metavar="NAME")
    args = parser.parse_args()
    torch.manual_seed(0)
    for architecture, configs in families.FAMILIES.items():
        if not architecture.endswith(("ForCausalLM", "LMHeadModel")):
            continue  # make_encoder_golden.py's.
        for i, (name, config) in enumerate(configs.items()):
            if (i == 0 or name in ALSO) and (not args.only or name in args.only):
                make(architecture, name, config)


if __name__ == "__main__":
    main()
