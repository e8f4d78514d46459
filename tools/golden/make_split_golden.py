#!/usr/bin/env python3
"""Writes what Hugging Face's tokenizers make of texts whose special tokens are to be read as characters
(split_special_tokens).

Run from the root of the tree, with the packages of tools/golden/requirements.txt, after make_tokenizer_golden.py, whose
strings and folders it reads:

    python3 tools/golden/make_split_golden.py

Files in tests/testdata/tokenizer/ (varints as make_tokenizer_golden.py has them):
  gpt2.split_ids, bert.split_ids, roberta.split_ids
                         varint count; each: varint index into strings.bin (of RoBERTa's as roberta.ids has it), varint
                         number of ids, varint ids: the strings that have other ids so
  folders/*/split.json   [{"text", "ids": [id, ...]}, ...] of expected.json's texts
"""

import os

from transformers import AutoTokenizer, GPT2TokenizerFast

from make_span_golden import read_strings, texts_of, write_cases
from make_tokenizer_golden import OUT, id_list, roberta_tokenizer, varint, write


def split_ids(tokenizer, texts):
    return tokenizer(texts, split_special_tokens=True)["input_ids"]


def write_split(name, tokenizer, strings):
    both = zip(tokenizer(strings)["input_ids"], split_ids(tokenizer, strings))
    others = [(index, split) for index, (parsed, split) in enumerate(both) if parsed != split]
    write(name, varint(len(others)) + b"".join(varint(index) + id_list(ids) for index, ids in others))


def write_folder(folder):
    texts = texts_of(folder)
    ids = split_ids(AutoTokenizer.from_pretrained(folder), texts)
    write_cases(folder, "split.json", [{"text": text, "ids": ids} for text, ids in zip(texts, ids)])


def write_folders():
    root = os.path.join(OUT, "folders")
    for name in sorted(os.listdir(root)):
        folder = os.path.join(root, name)
        write_folder(folder)


def main():
    strings = read_strings()
    write_split("gpt2.split_ids", GPT2TokenizerFast.from_pretrained(os.path.join(OUT, "gpt2")), strings)
    write_split("bert.split_ids", AutoTokenizer.from_pretrained("models/demo/bert-sst2"), strings)
    write_split("roberta.split_ids", roberta_tokenizer(), read_strings("roberta_strings.bin") + strings)
    write_folders()


if __name__ == "__main__":
    main()
