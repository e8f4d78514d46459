#!/usr/bin/env python3
"""Makes the golden data of encoders, tests/testdata/models/encoders, from Hugging Face transformers, in fp32.

    python3 -m venv venv && venv/bin/pip install -r tools/golden/requirements.txt
    venv/bin/python tools/golden/make_encoder_golden.py

writes NAME.json (config, tensors, inputs) and NAME.safetensors for each small model: for input i the classifier's
logits `logits.i`, and of the headless model the last hidden states pooled, `mean.i`, `cls.i` and, where it has a
pooler, `pooler.i`. The weights are those of make_model_golden.py: both sides make them from a hash.
"""

import argparse
import json

import torch
import transformers
from safetensors.torch import save_file

from make_model_golden import ROOT, random_ids, random_tensor

OUT = ROOT / "tests/testdata/models/encoders"
LENGTHS = [1, 2, 5, 16, 17, 40, 130]
LABELS = {0: "A", 1: "B", 2: "C"}
COMMON = {"hidden_size": 96, "num_hidden_layers": 2, "num_attention_heads": 3, "intermediate_size": 200,
          "vocab_size": 203, "max_position_embeddings": 130}

# name: classifier, config, whether inputs have types
MODELS = {
    "bert": ("BertForSequenceClassification", {**COMMON, "model_type": "bert", "type_vocab_size": 2}, True),
    "distilbert": ("DistilBertForSequenceClassification",
                   {"model_type": "distilbert", "n_layers": 2, "dim": 96, "n_heads": 3, "hidden_dim": 200,
                    "vocab_size": 203, "max_position_embeddings": 130}, False),
    "roberta": ("RobertaForSequenceClassification",
                {**COMMON, "model_type": "roberta", "type_vocab_size": 1, "layer_norm_eps": 1e-5, "pad_token_id": 1,
                 "max_position_embeddings": 132}, False),
    "xlm-roberta": ("XLMRobertaForSequenceClassification",
                    {**COMMON, "model_type": "xlm-roberta", "type_vocab_size": 1, "layer_norm_eps": 1e-5,
                     "pad_token_id": 1, "max_position_embeddings": 132, "num_attention_heads": 2}, False),
    # An embedding narrower than the model, as small ELECTRA's, and one that is as wide, as base ELECTRA's.
    "electra": ("ElectraForSequenceClassification",
                {**COMMON, "model_type": "electra", "embedding_size": 40, "type_vocab_size": 2}, True),
    "electra-base": ("ElectraForSequenceClassification",
                     {**COMMON, "model_type": "electra", "embedding_size": 96, "type_vocab_size": 2}, True),
    # Layers that share weights, in two groups.
    "albert": ("AlbertForSequenceClassification",
               {**COMMON, "model_type": "albert", "embedding_size": 40, "num_hidden_layers": 4, "num_hidden_groups": 2,
                "inner_group_num": 1, "type_vocab_size": 2, "hidden_act": "gelu_new"}, True),
    # Groups of two layers each, and a number of groups that does not divide that of layers.
    "albert-groups": ("AlbertForSequenceClassification",
                      {**COMMON, "model_type": "albert", "embedding_size": 40, "num_hidden_layers": 5,
                       "num_hidden_groups": 2, "inner_group_num": 2, "type_vocab_size": 2, "hidden_act": "mish"}, True),
    # Local attention with a window that texts are longer than.
    "modernbert": ("ModernBertForSequenceClassification",
                   {**COMMON, "model_type": "modernbert", "num_hidden_layers": 4, "global_attn_every_n_layers": 3,
                    "local_attention": 24, "pad_token_id": 0, "bos_token_id": 1, "cls_token_id": 1, "eos_token_id": 2,
                    "sep_token_id": 2}, False),
    "modernbert-mean": ("ModernBertForSequenceClassification",
                        {**COMMON, "model_type": "modernbert", "num_hidden_layers": 3, "classifier_pooling": "mean",
                         "local_attention": 16, "norm_bias": True, "attention_bias": True, "mlp_bias": True,
                         "classifier_bias": True, "pad_token_id": 0, "bos_token_id": 1, "cls_token_id": 1,
                         "eos_token_id": 2, "sep_token_id": 2}, False),
}


def describe(model):
    """Names and shapes of what a checkpoint holds; a norm's weights lie around 1."""
    tensors = []
    for name, value in model.named_parameters():
        is_norm_weight = name.endswith("norm.weight") or name.endswith("LayerNorm.weight")
        tensors.append({"name": name, "shape": list(value.shape), "offset": 1.0 if is_norm_weight else 0.0,
                        "exponent": -19 if is_norm_weight else -20})
    return tensors


def inputs(vocab_size, has_types, longest):
    cases = []
    for length in LENGTHS:
        case = {"ids": random_ids(min(length, longest), vocab_size, length)}
        if has_types and length > 2:  # The second text of a pair begins in the middle.
            case["type_ids"] = [int(i >= length // 2) for i in range(len(case["ids"]))]
        cases.append(case)
    return cases


@torch.no_grad()
def make(name):
    architecture, config, has_types = MODELS[name]
    config_class = transformers.AutoConfig.for_model(config["model_type"]).__class__
    model_class = getattr(transformers, architecture)
    made = config_class(**{k: v for k, v in config.items() if k != "model_type"}, id2label=LABELS)
    made._attn_implementation = "eager"
    if config["model_type"] == "modernbert":
        made.reference_compile = False
    model = model_class(made).eval()
    tensors = describe(model)
    model.load_state_dict({tensor["name"]: random_tensor(tensor) for tensor in tensors}, strict=False)
    base = model.base_model
    # transformers' classifiers leave RoBERTa's pooler out; the headless model has one.
    if config["model_type"] in ("roberta", "xlm-roberta"):
        base = transformers.AutoModel.from_config(made, attn_implementation="eager").eval()
        own = {tensor["name"].removeprefix("roberta."): tensor for tensor in tensors}
        extra = [t for t in describe(base) if t["name"] not in own]
        for tensor in extra:
            tensor["name"] = "roberta." + tensor["name"]
        tensors += extra
        state = {t["name"].removeprefix("roberta."): random_tensor(t) for t in tensors}
        base.load_state_dict(state, strict=False)
    cases, results = inputs(config["vocab_size"], has_types, 130), {}
    for i, case in enumerate(cases):
        given = {"input_ids": torch.tensor([case["ids"]])}
        if "type_ids" in case:
            given["token_type_ids"] = torch.tensor([case["type_ids"]])
        results[f"logits.{i}"] = model(**given).logits[0].clone()
        out = base(**given)
        results[f"mean.{i}"] = out.last_hidden_state[0].mean(0).clone()
        results[f"cls.{i}"] = out.last_hidden_state[0, 0].clone()
        if getattr(out, "pooler_output", None) is not None:
            results[f"pooler.{i}"] = out.pooler_output[0].clone()
    written = {**config, "architectures": [architecture], "id2label": {str(k): v for k, v in LABELS.items()}}
    OUT.mkdir(parents=True, exist_ok=True)
    lines = ['{"config":' + json.dumps(written), '"tensors":[\n' + ",\n".join(json.dumps(t) for t in tensors) + "]",
             '"cases":[\n' + ",\n".join(json.dumps(case, separators=(",", ":")) for case in cases) + "]}"]
    (OUT / f"{name}.json").write_text(",\n".join(lines) + "\n")
    save_file(results, OUT / f"{name}.safetensors")


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--only", nargs="+", default=list(MODELS), metavar="NAME", help="by default all")
    for name in parser.parse_args().only:
        make(name)


if __name__ == "__main__":
    main()
