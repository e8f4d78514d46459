#!/usr/bin/env python3
"""Makes the golden data of tests/runner_server/model from Hugging Face transformers, in fp32.

    python3 -m venv venv && venv/bin/pip install -r tools/golden/requirements.txt
    venv/bin/python tools/golden/make_model_golden.py --sst2_dev dev.tsv

writes (with --only NAME... just those), for each model, tests/testdata/models/NAME.json (inputs and token ids) and
NAME.safetensors (logits). `dev.tsv` is the dev split of SST-2 (GLUE): a header, then sentence TAB label. The prompts
are cut from it too.

The real-width models have weights that both sides make by themselves, from a hash of tensor name and element
number: see `random_tensor` here and RandomTensor in tests/runner_server/model/random_checkpoint.cc.
"""

import argparse
import json
import pathlib

import numpy as np
import torch
import transformers
from safetensors.numpy import save_file

ROOT = pathlib.Path(__file__).resolve().parents[2]
OUT = ROOT / "tests/testdata/models"
GENERATORS = ["gpt2", "distilgpt2", "gpt2-medium"]
PROMPT_LENGTHS = [1, 2, 7, 16, 33, 100, 256]  # For logits, in tokens.
NUM_GREEDY_PROMPTS = 50
NUM_NEW_TOKENS = 40
MIN_MARGIN = 1e-5  # Between the two likeliest tokens: closer ones are a tie in fp32.
NUM_SENTENCES = 128
TOKENIZERS = ROOT / "tests/testdata/tokenizer/folders"  # Of make_tokenizer_golden.py.
TEXTS = ["", "Hello world", "the <mask> there, unaffable <pad> [MASK] it's Élan 東京", "a b " * 100]
VOCAB_STRIDE = 7  # Every so manieth logit is kept.


def load(model_class, path):
    return model_class.from_pretrained(path, torch_dtype=torch.float32, attn_implementation="eager").eval()


def write(name, data, logits):
    OUT.mkdir(parents=True, exist_ok=True)
    text = json.dumps(data, indent=0, separators=(",", ":"))
    # One line a list of numbers.
    compact = text.replace(",\n", ",").replace("[\n", "[").replace("\n]", "]").replace(",{", ",\n{").replace(",[", ",\n[")
    (OUT / f"{name}.json").write_text(compact + "\n")
    save_file(logits, OUT / f"{name}.safetensors")


@torch.no_grad()
def last_logits(model, ids):
    """A generator's logits after the last token, or a classifier's."""
    logits = model(torch.tensor([ids])).logits[0]
    return logits[-1] if logits.dim() == 2 else logits


def logits_case(model, ids, stride):
    """What a test compares: every stride-th logit, the largest magnitude, the likeliest token."""
    logits = last_logits(model, ids)
    case = {"ids": ids, "argmax": int(logits.argmax()), "max_abs": float(logits.abs().max())}
    return case, logits[::stride].numpy().copy()


@torch.no_grad()
def greedy(model, ids):
    """The greedy continuation, or None if some choice is a tie."""
    new, past, step = [], None, torch.tensor([ids])
    for _ in range(NUM_NEW_TOKENS):
        out = model(step, past_key_values=past, use_cache=True)
        past = out.past_key_values
        top = out.logits[0, -1].topk(2)
        if top.values[0] - top.values[1] < MIN_MARGIN:
            return None
        new.append(int(top.indices[0]))
        if new[-1] == model.config.eos_token_id:
            break
        step = top.indices[:1].unsqueeze(0)
    return new


def make_generator(name, sentences):
    path = ROOT / "models/demo" / name
    model = load(transformers.GPT2LMHeadModel, path)
    tokenizer = transformers.GPT2Tokenizer(path / "vocab.json", path / "merges.txt")
    stream = tokenizer(" ".join(sentences[:200]))["input_ids"]
    cases, logits = [], {}
    for i, length in enumerate(PROMPT_LENGTHS):
        case, kept = logits_case(model, stream[50 * i:50 * i + length], VOCAB_STRIDE)
        cases.append(case)
        logits[f"logits.{i}"] = kept
    continuations = []
    for sentence in sentences:
        ids = tokenizer(" ".join(sentence.split()[:6]))["input_ids"]
        new = greedy(model, ids)
        if new is not None:
            continuations.append({"ids": ids, "new_ids": new})
        if len(continuations) == NUM_GREEDY_PROMPTS:
            break
    write(name, {"stride": VOCAB_STRIDE, "logits": cases, "greedy": continuations}, logits)


def make_classifier(name, sentences):
    path = ROOT / "models/demo" / name
    model = load(transformers.BertForSequenceClassification, path)
    tokenizer = transformers.BertTokenizer(path / "vocab.txt", do_lower_case=True)
    cases, all_logits = [], []
    for sentence in sentences[:NUM_SENTENCES]:
        ids = tokenizer(sentence)["input_ids"]
        logits = last_logits(model, ids)
        cases.append({"ids": ids, "probabilities": logits.softmax(-1).tolist()})
        all_logits.append(logits.numpy())
    write(name, {"rows": cases}, {"logits": np.stack(all_logits)})


def mix(z):
    """splitmix64's finaliser (Steele, Lea, Flood, 2014)."""
    z = (z ^ (z >> np.uint64(30))) * np.uint64(0xBF58476D1CE4E5B9)
    z = (z ^ (z >> np.uint64(27))) * np.uint64(0x94D049BB133111EB)
    return z ^ (z >> np.uint64(31))


def random_tensor(tensor):
    """offset + 2^exponent * (four 16-bit uniforms, centred): nearly normal, exact up to one fp32 rounding."""
    with np.errstate(over="ignore"):
        seed = np.uint64(0xCBF29CE484222325)  # FNV-1a of the name.
        for byte in tensor["name"].encode():
            seed = (seed ^ np.uint64(byte)) * np.uint64(0x100000001B3)
        size = int(np.prod(tensor["shape"]))
        z = mix(seed + np.arange(1, size + 1, dtype=np.uint64) * np.uint64(0x9E3779B97F4A7C15))
    total = sum(((z >> np.uint64(s)) & np.uint64(0xFFFF)).astype(np.int64) for s in (0, 16, 32, 48)) - 131070
    values = total.astype(np.float32) * np.float32(2.0 ** tensor["exponent"]) + np.float32(tensor["offset"])
    return torch.from_numpy(values.reshape(tensor["shape"]))


def describe(model):
    """Names and shapes of what a checkpoint holds; a norm's weights lie around 1."""
    tied = {"lm_head.weight"}
    tensors = []
    for name, value in model.named_parameters():
        is_norm_weight = name.endswith("weight") and any(norm in name for norm in ("ln_", "LayerNorm", "layer_norm"))
        tensors.append({"name": name, "shape": list(value.shape), "offset": 1.0 if is_norm_weight else 0.0,
                        "exponent": -19 if is_norm_weight else -20})
    return [t for t in tensors if t["name"] not in tied]


def score(model, tokenizer, text):
    """A text as a classifier's tokenizer cuts it, and its probabilities."""
    most = model.config.max_position_embeddings
    if model.config.model_type == "roberta":
        most -= model.config.pad_token_id + 1
    ids = tokenizer(text, truncation=True, max_length=most)["input_ids"]
    return {"text": text, "num_tokens": len(ids), "text_tokens": len(tokenizer(text)["input_ids"]),
            "probabilities": last_logits(model, ids).softmax(-1).tolist()}


def make_random(name, model, config, prompts, stride, tokenizer=None):
    tensors = describe(model)
    state = {tensor["name"]: random_tensor(tensor) for tensor in tensors}
    missing, unexpected = model.load_state_dict(state, strict=False)
    assert not unexpected and set(missing) <= {"lm_head.weight"}, (missing, unexpected)
    model.tie_weights()
    model.eval()
    cases, logits = [], {}
    for i, ids in enumerate(prompts):
        case, kept = logits_case(model, ids, stride)
        cases.append(case)
        logits[f"logits.{i}"] = kept
    data = {"config": config, "tensors": tensors, "stride": stride, "logits": cases}
    if tokenizer:
        loaded = transformers.AutoTokenizer.from_pretrained(TOKENIZERS / tokenizer)
        assert len(loaded) == config["vocab_size"], (len(loaded), config["vocab_size"])
        data |= {"tokenizer": tokenizer, "texts": [score(model, loaded, text) for text in TEXTS]}
    write(name, data, logits)


def random_ids(length, vocab_size, seed):
    return np.random.RandomState(seed).randint(0, vocab_size, length).tolist()


def make_random_gpt2():
    config = {"architectures": ["GPT2LMHeadModel"], "model_type": "gpt2", "n_layer": 2, "n_embd": 768, "n_head": 12,
              "n_inner": None, "n_positions": 1024, "vocab_size": 50257, "bos_token_id": 50256, "eos_token_id": 50256}
    model = transformers.GPT2LMHeadModel(transformers.GPT2Config(**config, attn_implementation="eager"))
    prompts = [random_ids(length, 50257, length) for length in (1, 5, 17, 130)]
    make_random("random-gpt2", model, config, prompts, 41)


def make_random_bert():
    config = {"architectures": ["BertForSequenceClassification"], "model_type": "bert", "num_hidden_layers": 2,
              "hidden_size": 768, "num_attention_heads": 12, "intermediate_size": 3072, "vocab_size": 30522,
              "id2label": {"0": "A", "1": "B", "2": "C"}}
    model = transformers.BertForSequenceClassification(
        transformers.BertConfig(**{**config, "id2label": {0: "A", 1: "B", 2: "C"}}, attn_implementation="eager"))
    prompts = [random_ids(length, 30522, length) for length in (2, 5, 16, 17, 128, 512)]
    make_random("random-bert", model, config, prompts, 1)


def make_random_distilbert():
    config = {"architectures": ["DistilBertForSequenceClassification"], "model_type": "distilbert", "n_layers": 2,
              "dim": 96, "n_heads": 3, "hidden_dim": 200, "vocab_size": 59, "max_position_embeddings": 130,
              "sinusoidal_pos_embds": True, "id2label": {"0": "A", "1": "B", "2": "C"}}
    model = transformers.DistilBertForSequenceClassification(
        transformers.DistilBertConfig(**{**config, "id2label": {0: "A", 1: "B", 2: "C"}}, attn_implementation="eager"))
    prompts = [random_ids(length, 59, length) for length in (1, 2, 5, 16, 17, 130)]
    make_random("random-distilbert", model, config, prompts, 1, "bert_vocab")


def make_random_roberta():
    config = {"architectures": ["RobertaForSequenceClassification"], "model_type": "roberta", "num_hidden_layers": 2,
              "hidden_size": 96, "num_attention_heads": 3, "intermediate_size": 200, "vocab_size": 321,
              "max_position_embeddings": 132, "type_vocab_size": 1, "layer_norm_eps": 1e-5, "pad_token_id": 1,
              "id2label": {"0": "A", "1": "B", "2": "C"}}
    model = transformers.RobertaForSequenceClassification(
        transformers.RobertaConfig(**{**config, "id2label": {0: "A", 1: "B", 2: "C"}}, attn_implementation="eager"))
    prompts = [random_ids(length, 321, length) for length in (1, 2, 5, 16, 17, 130)]
    # Texts that spell out <pad>, which is not counted among the positions.
    prompts += [[0, 5, 1, 6, 1, 1, 7, 2], [1, 5, 6, 2], [0] + [1] * 50 + random_ids(79, 321, 1)]
    make_random("random-roberta", model, config, prompts, 1, "roberta_files")


MAKERS = {"random-gpt2": make_random_gpt2, "random-bert": make_random_bert,
          "random-distilbert": make_random_distilbert, "random-roberta": make_random_roberta}


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--sst2_dev", required=True, help="the dev split of SST-2, sentence TAB label")
    parser.add_argument("--only", nargs="+", default=[*GENERATORS, "bert-sst2", *MAKERS], metavar="NAME",
                        help="the models to make, by default all")
    args = parser.parse_args()
    torch.manual_seed(0)
    lines = pathlib.Path(args.sst2_dev).read_text().splitlines()[1:]
    sentences = [line.split("\t")[0].strip() for line in lines]
    for name in args.only:
        if name in GENERATORS:
            make_generator(name, sentences)
        elif name in MAKERS:
            MAKERS[name]()
        else:
            make_classifier(name, sentences)


if __name__ == "__main__":
    main()
