#!/usr/bin/env python3
"""Hugging Face transformers: eager PyTorch with the model's own generate()."""
import os

os.environ["HF_HUB_OFFLINE"] = "1"  # Read when transformers is imported.

import torch  # noqa: E402
import transformers  # noqa: E402

import common  # noqa: E402

TYPES = {"fp32": torch.float32, "bf16": torch.bfloat16}


def load(auto_class, args):
    torch.set_num_threads(args.threads)
    torch.set_grad_enabled(False)
    return auto_class.from_pretrained(common.peers_dir() / "models" / args.model, dtype=TYPES[args.precision]).eval()


class Generator:
    def __init__(self, args):
        self.model = load(transformers.AutoModelForCausalLM, args)

    def decode(self, batch, new_tokens):
        ids = torch.tensor([common.PROMPT] * batch)
        made = self.model.generate(ids, attention_mask=torch.ones_like(ids), do_sample=False, pad_token_id=0,
                                   min_new_tokens=new_tokens, max_new_tokens=new_tokens)
        return made[:, len(common.PROMPT):].tolist()

    def prefill(self, ids):
        self.model(torch.tensor([ids]), use_cache=True, logits_to_keep=1)


class Classifier:
    def __init__(self, args):
        self.model = load(transformers.AutoModelForSequenceClassification, args)

    def __call__(self, rows):
        ids = torch.tensor(rows)
        self.model(ids, attention_mask=torch.ones_like(ids))


if __name__ == "__main__":
    common.main("transformers", transformers.__version__, __doc__, Generator, Classifier)
