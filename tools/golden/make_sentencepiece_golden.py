#!/usr/bin/env python3
"""Writes folders with SentencePiece models, and what transformers' AutoTokenizer makes of them.

Run from the root of the tree, with the packages of tools/golden/requirements.txt, sentencepiece==0.2.1 and
protobuf==6.33.1, after make_tokenizer_golden.py, whose strings it reads:

    python3 tools/golden/make_sentencepiece_golden.py

tests/testdata/tokenizer/folders/spm_*: a small model, its config.json and tokenizer_config.json, and expected.json,
spans.json and split.json as the other makers write them.
"""

import json
import os
import shutil
import tempfile

import sentencepiece

import make_span_golden
import make_split_golden
from make_tokenizer_golden import FOLDER_TEXTS, OUT, write_expected

FOLDERS = os.path.join(OUT, "folders")
TEXTS = FOLDER_TEXTS + [
    "  two  spaces ", "caf\u00e9 cafe\u0301 \ufb01 \u2460", "\u6771\u4eac\u3000\u30c6\u30b9\u30c8", "\U0001f469\u200d\U0001f467 \u2764\ufe0f",
    "1,000 9,", "``quoted'' words", "\u2581under\u2581", "tab\tand\nline \r\n", "<s>x</s> <mask> [MASK] <extra_id_0>"]


def train(**options):
    lines = [s for s in make_span_golden.read_strings()[:3000] if s.isascii() and s.isprintable() and s.strip()]
    with tempfile.TemporaryDirectory() as folder:
        with open(os.path.join(folder, "text"), "w", encoding="utf-8") as out:
            out.write("\n".join(lines))
        sentencepiece.SentencePieceTrainer.train(
            input=os.path.join(folder, "text"), model_prefix=os.path.join(folder, "m"), minloglevel=2, num_threads=1,
            hard_vocab_limit=False, **options)
        with open(os.path.join(folder, "m.model"), "rb") as model:
            return model.read()


def write(name, model_type, file, model, note, config):
    folder = os.path.join(FOLDERS, "spm_" + name)
    shutil.rmtree(folder, ignore_errors=True)
    os.makedirs(folder)
    with open(os.path.join(folder, file), "wb") as out:
        out.write(model)
    for name, value in (("config.json", {"model_type": model_type}), ("tokenizer_config.json", config)):
        with open(os.path.join(folder, name), "w", encoding="utf-8") as out:
            json.dump(value, out)
    write_expected(folder, note, TEXTS)
    make_span_golden.write_folder(folder)
    make_split_golden.write_folder(folder)


def main():
    llama = train(model_type="bpe", vocab_size=420, byte_fallback=True, normalization_rule_name="identity",
                  remove_extra_whitespaces=False, split_digits=True)
    write("llama", "llama", "tokenizer.model", llama, "spaces by the normalizer", {"tokenizer_class": "LlamaTokenizer"})
    write("llama_new", "llama", "tokenizer.model", llama, "not legacy, ends with </s>",
          {"tokenizer_class": "LlamaTokenizer", "legacy": False, "add_eos_token": True, "add_bos_token": False})
    gemma = train(model_type="bpe", vocab_size=420, byte_fallback=True, normalization_rule_name="identity", pad_id=0,
                  eos_id=1, bos_id=2, unk_id=3, pad_piece="<pad>", eos_piece="<eos>", bos_piece="<bos>",
                  add_dummy_prefix=False, user_defined_symbols="<start_of_turn>")
    write("gemma", "gemma", "tokenizer.model", gemma, "without a first space", {"tokenizer_class": "GemmaTokenizer"})
    unigram = dict(model_type="unigram", vocab_size=200)
    write("xlmr", "xlm-roberta", "sentencepiece.bpe.model", train(**unigram), "a map of characters", {})
    t5 = train(**unigram, pad_id=0, eos_id=1, unk_id=2, bos_id=-1)
    write("t5", "t5", "spiece.model", t5, "with sentinels", {"extra_ids": 10})
    albert = train(**unigram, pad_id=0, unk_id=1, bos_id=-1, eos_id=-1, control_symbols="[CLS],[SEP]",
                   user_defined_symbols="[MASK]", normalization_rule_name="nmt_nfkc_cf")
    write("albert", "albert", "spiece.model", albert, "lower case, without accents", {})
    write("albert_cased", "albert", "spiece.model", albert, "as it is", {"do_lower_case": False, "keep_accents": True})


if __name__ == "__main__":
    main()
