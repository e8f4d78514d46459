#!/usr/bin/env python3
"""Makes the golden data of tests/runner_server/sentence_golden_test.cc from sentence-transformers, in fp32:

    python3 -m venv venv && venv/bin/pip install -r tools/golden/requirements.txt sentence-transformers==5.1.2
    venv/bin/python tools/golden/make_sentence_golden.py [NAME...]

(and "residual" with version 6.2.0 of it, whose files have other keys) writes tests/testdata/models/sentence-NAME.json (the files of the model's folder, its tensors, texts) and
sentence-NAME.safetensors (the vector of each text, as SentenceTransformer.encode gives it when it is told nothing).
The weights are those of make_model_golden.py: both sides make them from a hash. The tokenizers are folders of
tests/testdata/tokenizer/folders.
"""

import json
import pathlib
import shutil
import sys
import tempfile

import make_model_golden as golden
import torch
import transformers
from safetensors.torch import save_file

NOT_OF_A_TOKENIZER = {"config.json", "expected.json", "spans.json", "split.json"}
TEXTS = ["", "Hello world", "  the hello  ", "hello the WORLD hello", "ΑΣ ΟΔΟΣ the", "\u00a0hello\u2028", "\x1chello\x1f",
         "a b c " * 30, "the [MASK] hello <mask>"]
SIZES = {"hidden_size": 48, "num_hidden_layers": 2, "num_attention_heads": 3, "intermediate_size": 100,
         "max_position_embeddings": 66}
BERT = {**SIZES, "architectures": ["BertModel"], "model_type": "bert", "type_vocab_size": 2}
ROBERTA = {**SIZES, "architectures": ["RobertaModel"], "model_type": "roberta", "type_vocab_size": 1,
           "layer_norm_eps": 1e-5, "pad_token_id": 1, "bos_token_id": 0, "eos_token_id": 2}
TANH = "torch.nn.modules.activation.Tanh"
IDENTITY = "torch.nn.modules.linear.Identity"
OF_TEXTS = {"module_input_name": "sentence_embedding", "module_output_name": "sentence_embedding"}


def modules(*kinds, transformer=""):
    """modules.json of a Transformer and these."""
    rows = [{"idx": 0, "name": "0", "path": transformer, "type": "sentence_transformers.models.Transformer"}]
    for i, kind in enumerate(kinds, 1):
        rows.append({"idx": i, "name": str(i), "path": f"{i}_{kind}", "type": f"sentence_transformers.models.{kind}"})
    return rows


def pooling(mode, **more):
    return {"word_embedding_dimension": SIZES["hidden_size"], "pooling_mode_cls_token": mode == "cls",
            "pooling_mode_mean_tokens": mode == "mean", "pooling_mode_max_tokens": False, **more}


def prompts(text):
    return {"prompts": {"query": text, "document": "not this: "}, "default_prompt_name": "query"}


def dense(size, out, activation, bias=True, **more):
    return {"in_features": size, "out_features": out, "bias": bias, "activation_function": activation, **more}


# name: config, tokenizer, the folder of the transformer, files
MODELS = {
    "prompt": (BERT, "bert_vocab", "", {
        "modules.json": modules("Pooling", "Normalize"), "1_Pooling/config.json": pooling("mean"),
        "config_sentence_transformers.json": prompts("the hello: "),
        "sentence_bert_config.json": {"max_seq_length": 40, "do_lower_case": False}}),
    "unpooled": (BERT, "bert_vocab_cased", "", {
        "modules.json": modules("Pooling"), "1_Pooling/config.json": pooling("mean", include_prompt=False),
        "config_sentence_transformers.json": prompts(" the Hello: "),
        "sentence_bert_config.json": {"max_seq_length": 16, "do_lower_case": True}}),
    "dense": (BERT, "bert_vocab", "0_Transformer", {
        "modules.json": modules("Pooling", "Dense", "Dense", "Normalize", transformer="0_Transformer"),
        "1_Pooling/config.json": pooling("cls"), "2_Dense/config.json": dense(48, 30, TANH),
        "3_Dense/config.json": dense(30, 70, IDENTITY, bias=False),
        "0_Transformer/sentence_bert_config.json": {"max_seq_length": 20, "do_lower_case": False}}),
    "bytes": (ROBERTA, "roberta_files", "", {
        "modules.json": modules("Pooling"), "1_Pooling/config.json": pooling("mean", include_prompt=False),
        "config_sentence_transformers.json": prompts("the: "),
        "sentence_roberta_config.json": {"max_seq_length": 50, "do_lower_case": False}}),
    # As version 6 writes them.
    "residual": (BERT, "bert_vocab", "", {
        "modules.json": modules("Pooling", "Dense", "Dense", "Normalize"),
        "1_Pooling/config.json": {"embedding_dimension": SIZES["hidden_size"], "pooling_mode": "mean",
                                  "include_prompt": True},
        "2_Dense/config.json": dense(48, 30, TANH, use_residual=True, **OF_TEXTS),
        "3_Dense/config.json": dense(30, 30, TANH, bias=False, use_residual=True, **OF_TEXTS),
        "4_Normalize/config.json": OF_TEXTS,
        "config_sentence_transformers.json": {"model_type": "SentenceTransformer", "default_prompt_name": None,
                                              "prompts": {"query": "", "document": ""}},
        "sentence_bert_config.json": {
            "transformer_task": "feature-extraction", "module_output_name": "token_embeddings",
            "modality_config": {"text": {"method": "forward", "method_output_name": "last_hidden_state"}}}}),
}


def describe(named):
    tensors = []
    for name, value in named:
        is_norm = name.endswith("LayerNorm.weight")
        tensors.append({"name": name, "shape": list(value.shape), "offset": 1.0 if is_norm else 0.0,
                        "exponent": -19 if is_norm or value.dim() == 1 else -18})
    return tensors


def write_model(folder, config, tokenizer, transformer, files):
    """Returns the descriptions of the tensors, by the folder that they lie in."""
    own = folder / transformer
    own.mkdir(exist_ok=True)
    for file in (golden.TOKENIZERS / tokenizer).iterdir():
        if file.name not in NOT_OF_A_TOKENIZER:
            shutil.copy(file, own)
    (own / "config.json").write_text(json.dumps(config))
    for name, value in files.items():
        (folder / name).parent.mkdir(exist_ok=True)
        (folder / name).write_text(json.dumps(value))
    values = {name: value for name, value in config.items() if name not in ("model_type", "architectures")}
    made = transformers.AutoConfig.for_model(config["model_type"], **values)
    tensors = {transformer: describe(getattr(transformers, config["architectures"][0])(made).named_parameters())}
    for name, value in files.items():
        if "_Dense/" in name:
            sizes = value["in_features"], value["out_features"]
            layer = torch.nn.Linear(*sizes, bias=value["bias"])
            named = [(f"linear.{part}", parameter) for part, parameter in layer.named_parameters()]
            if value.get("use_residual") and sizes[0] != sizes[1]:
                named.append(("residual.weight", torch.nn.Linear(*sizes, bias=False).weight))
            tensors[name.split("/")[0]] = describe(named)
    for below, rows in tensors.items():
        state = {row["name"]: golden.random_tensor(row) for row in rows}
        save_file(state, folder / below / "model.safetensors", metadata={"format": "pt"})
    return tensors


def make(name):
    from sentence_transformers import SentenceTransformer
    config, tokenizer, transformer, files = MODELS[name]
    folder = golden.TOKENIZERS / tokenizer
    rows = json.loads((folder / "vocab.json").read_text()) if (folder / "vocab.json").exists() else (
        folder / "vocab.txt").read_text().split("\n")[:-1]
    config = {**config, "vocab_size": len(rows)}
    with tempfile.TemporaryDirectory() as temporary:
        tensors = write_model(pathlib.Path(temporary), config, tokenizer, transformer, files)
        model = SentenceTransformer(temporary, device="cpu")
        # Each by itself, so that nothing is padded.
        vectors = {f"vectors.{i}": torch.from_numpy(model.encode(text, show_progress_bar=False))
                   for i, text in enumerate(TEXTS)}
    data = {"config": config, "tokenizer": tokenizer, "transformer": transformer, "files": files, "tensors": tensors,
            "texts": TEXTS}
    lines = [f"{json.dumps(key)}: {json.dumps(value)}" for key, value in data.items()]
    (golden.OUT / f"sentence-{name}.json").write_text("{\n" + ",\n".join(lines) + "\n}\n")
    save_file(vectors, golden.OUT / f"sentence-{name}.safetensors")


def main():
    for name in sys.argv[1:] or MODELS:
        make(name)


if __name__ == "__main__":
    main()
