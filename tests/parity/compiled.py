#!/usr/bin/env python3
"""Compares encoders that chorus.save_model compiles with transformers, as a table.

    ./dev build token_runner chorus_torch
    python3 -m venv venv && venv/bin/pip install ./python transformers==4.57.6 torch==VERSION   # That of .deps/torch
    venv/bin/python tests/parity/compiled.py [--only PART_OF_A_NAME...] [--page FILE] [--folders FOLDER]

Each is a random model of an architecture that Chorus does not run by itself, compiled for this machine. token_runner
runs it over texts of 1 to 130 tokens, alone and in one batch; transformers runs each alone, in fp32. Exit status 1 if
one is further away than 1e-4. --folders keeps what was compiled for another run.
"""

import argparse
import hashlib
import json
import pathlib
import subprocess
import sys
import tempfile

import families
import numpy as np
import parity
import torch
import transformers
from chorus._compile import NATIVE_CODE
from chorus._compile_generator import prepare
from families import VOCAB, bert, roberta

DEBERTA = {"relative_attention": True, "pos_att_type": ["p2c", "c2p"], "type_vocab_size": 0,
           "position_biased_input": False, "max_relative_positions": -1}
LABELS = families.THREE_LABELS

# architecture: (model_type, config)
CONFIGS = {
    "DebertaV2ForSequenceClassification": ("deberta-v2", bert(60, 3, **DEBERTA, share_att_key=True, position_buckets=32,
                                                              norm_rel_ebd="layer_norm", **LABELS)),
    "MPNetForSequenceClassification": ("mpnet", roberta(60, 3, **LABELS)),
    "MPNetModel": ("mpnet", roberta(384, 12)),
    "CamembertForSequenceClassification": ("camembert", roberta(60, 3, **LABELS)),
    "SqueezeBertForSequenceClassification": ("squeezebert", bert(64, 4, embedding_size=64, intermediate_size=140,
                                                                 **LABELS)),
    "RoFormerForSequenceClassification": ("roformer", bert(64, 4, embedding_size=34, **LABELS)),
    "MegatronBertForSequenceClassification": ("megatron-bert", bert(60, 3, **LABELS)),
    "ErnieForSequenceClassification": ("ernie", bert(60, 3, use_task_id=True, **LABELS)),
    "RemBertForSequenceClassification": ("rembert", bert(60, 3, input_embedding_size=34, **LABELS)),
    "Data2VecTextForSequenceClassification": ("data2vec-text", roberta(60, 3, **LABELS)),
    "XLMRobertaXLForSequenceClassification": ("xlm-roberta-xl", roberta(60, 3, **LABELS)),
    "LayoutLMForSequenceClassification": ("layoutlm", bert(60, 3, **LABELS)),
    "IBertForSequenceClassification": ("ibert", roberta(60, 3, **LABELS)),
    "MobileBertForSequenceClassification": ("mobilebert", bert(64, 4, embedding_size=32, intra_bottleneck_size=32,
                                                               true_hidden_size=32, trigram_input=False, **LABELS)),
}


class Tokenizer:
    """What Encoder asks of one."""

    model_max_length = 10 ** 30

    def __init__(self, config):
        self.pad_token_id = config.pad_token_id
        self.model_input_names = ["input_ids", "token_type_ids", "attention_mask"]


def make_model(architecture, seed, configs=CONFIGS):
    model_type, values = configs[architecture]
    config = {**families.COMMON, "model_type": model_type, **values}
    loaded = transformers.AutoConfig.for_model(**{"architectures": [architecture], **config})
    model = getattr(transformers, architecture)(loaded).float().eval()
    parity.randomise(model, config, seed)
    return model


def make_texts(padding_id):
    random = np.random.RandomState(1)
    texts = []
    for length in [1, 2, *random.randint(3, parity.MOST_TOKENS, parity.NUM_PROMPTS - 3), parity.MOST_TOKENS]:
        ids = random.randint(0, VOCAB, length)
        texts.append([int(number) if number != padding_id else (padding_id + 1) % VOCAB for number in ids])
    return texts


def compile_into(folder, architecture, seed, configs=CONFIGS):
    """The model: what lies there already, or a new one."""
    if (folder / NATIVE_CODE).exists() and "chorus_compiled" in json.loads((folder / "config.json").read_text()):
        return getattr(transformers, architecture).from_pretrained(folder).eval()
    folder.mkdir(exist_ok=True)
    model = make_model(architecture, seed, configs)
    model.save_pretrained(folder)
    prepare(model, Tokenizer(model.config)).write(folder)
    return model


def distance(ours, theirs):
    return max(float(np.abs(np.array(one, dtype=np.float64) - other).max() / np.abs(other).max())
               for one, other in zip(ours, theirs))


def run(runner, folder, code, prompts, new_tokens):
    request = {"model": str(folder), "prompts": prompts, "new_tokens": new_tokens,
               "native_code": hashlib.sha256(code).hexdigest()}
    done = subprocess.run([runner], input=json.dumps(request), capture_output=True, text=True)
    if done.returncode != 0:
        raise RuntimeError(f"{folder}: {done.stderr}")
    return json.loads(done.stdout)


def compare(runner, architecture, seed, folder):
    model = compile_into(folder, architecture, seed)
    texts = make_texts(model.config.pad_token_id)
    references = [parity.reference_logits(model, ids) for ids in texts]
    code = (folder / NATIVE_CODE).read_bytes()
    answer = run(runner, folder, code, texts, new_tokens=0)
    return {"architecture": architecture, "kib": len(code) / 1024,
            "alone": distance(answer["logits"], references), "batched": distance(answer["batched"], references)}


def is_good(row):
    return max(row["alone"], row["batched"]) <= parity.TOLERANCE


def format_row(row):
    return f"| {row['architecture']} | {row['alone']:.1e} | {row['batched']:.1e} | {row['kib']:.0f} |"


def page(rows):
    version, cpu, library = torch.__version__.split("+")[0], parity.cpu_flags(), transformers.__version__
    texts, longest = parity.NUM_PROMPTS, parity.MOST_TOKENS
    return f"""# Parity of compiled encoders with transformers

What `tests/parity/compiled.py` found: random models of architectures that Chorus does not run by itself, compiled by
`chorus.save_model(…, compile=True)` with torch {version} for a CPU with {cpu}, beside Hugging Face transformers
{library}, in fp32. There are {texts} texts of 1 to {longest} tokens; of a headless encoder the mean of its
tokens' vectors is compared.

- **alone**, **in a batch**: the largest difference, over the largest value of the text, where each text is run by
  itself and where all are run together. Transformers runs each by itself. It must be at most {parity.TOLERANCE:.0e}.
- **code**: the size of `model.pt2` in KiB.

| architecture | alone | in a batch | code |
|---|---|---|---|
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
