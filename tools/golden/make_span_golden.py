#!/usr/bin/env python3
"""Writes which part of a text each token stands for, as Hugging Face's tokenizers have it, and what tokens decode to.

Run from the root of the tree, with the packages of tools/golden/requirements.txt, after make_tokenizer_golden.py, whose
strings and folders it reads:

    python3 tools/golden/make_span_golden.py

Files in tests/testdata/tokenizer/ (varints as make_tokenizer_golden.py has them):
  gpt2.spans, bert.spans, roberta.spans
                          varint count; each: varint index into strings.bin (of RoBERTa's as roberta.ids has it), varint
                          number of tokens; each token: varint id, varint begin, varint end, in bytes of the string.
                          Without the tokens that frame a text.
  bert_decoded.bin        varint count; each: varint number of ids, varint ids, varint number of bytes, the text they
                          decode to, special tokens included
  folders/*/spans.json    [{"text", "tokens": [[id, begin, end], ...]}, ...] of expected.json's texts

The library tells offsets in characters: a token that is a part of a character has all of it. Strings in which NFD puts
marks that stay in another order are left out, since the library then tells one mark's place for another's.
"""

import json
import os
import random
import unicodedata

from tokenizers import normalizers
from transformers import AutoTokenizer, GPT2TokenizerFast

from make_tokenizer_golden import OUT, id_list, roberta_tokenizer, varint, with_size, write

NUM_STRINGS = 3000


def read_strings(name="strings.bin"):
    with open(os.path.join(OUT, name), "rb") as file:
        data = file.read()
    at = 0

    def number():
        nonlocal at
        value, shift = 0, 0
        while True:
            byte = data[at]
            at += 1
            value |= (byte & 0x7F) << shift
            shift += 7
            if byte < 0x80:
                return value

    strings = []
    for _ in range(number()):
        size = number()
        strings.append(data[at:at + size].decode())
        at += size
    return strings


STRIP_ACCENTS = normalizers.BertNormalizer(
    clean_text=False, handle_chinese_chars=False, strip_accents=True, lowercase=False)


def keeps_marks_that_move(text):
    return any(unicodedata.combining(c) and STRIP_ACCENTS.normalize_str(c) for c in unicodedata.normalize("NFD", text))


def spans(tokenizer, text):
    """[id, begin, end] in bytes for each token."""
    encoding = tokenizer(text, add_special_tokens=False, return_offsets_mapping=True)
    byte_of = [0]
    for character in text:
        byte_of.append(byte_of[-1] + len(character.encode()))
    return [[i, byte_of[begin], byte_of[end]]
            for i, (begin, end) in zip(encoding["input_ids"], encoding["offset_mapping"])]


def write_spans(name, tokenizer, strings):
    out = []
    for index, text in enumerate(strings[:NUM_STRINGS]):
        if keeps_marks_that_move(text):
            continue
        tokens = spans(tokenizer, text)
        out.append(varint(index) + varint(len(tokens)) + b"".join(varint(n) for token in tokens for n in token))
    write(name, varint(len(out)) + b"".join(out))


def write_decoded(bert):
    """Any tokens in any order, and those of words and punctuation that cling to each other."""
    rng = random.Random(9)
    continuing = [i for i, token in enumerate(bert.convert_ids_to_tokens(range(len(bert)))) if token.startswith("##")]
    marks = [i for i in bert.convert_tokens_to_ids([".", ",", "?", "!", "'", "s", "re", "ve", "m", "do", "not", "[SEP]"])
             if i != bert.unk_token_id]
    out = []
    for _ in range(1000):
        pool = rng.choice([range(len(bert)), continuing, marks, marks + rng.sample(continuing, 10)])
        ids = [rng.choice(pool) for _ in range(rng.randint(0, 12))]
        text = bert.backend_tokenizer.decode(ids, skip_special_tokens=False)
        out.append(id_list(ids) + with_size(text.encode()))
    write("bert_decoded.bin", varint(len(out)) + b"".join(out))


def texts_of(folder):
    with open(os.path.join(folder, "expected.json"), encoding="utf-8") as file:
        return [case["text"] for case in json.load(file)["cases"]]


def write_cases(folder, name, cases):
    with open(os.path.join(folder, name), "w", encoding="utf-8") as out:
        out.write("[\n" + ",\n".join(json.dumps(case, ensure_ascii=False) for case in cases) + "\n]\n")


def write_folder(folder):
    tokenizer = AutoTokenizer.from_pretrained(folder)
    write_cases(folder, "spans.json",
                [{"text": text, "tokens": spans(tokenizer, text)} for text in texts_of(folder)])


def write_folders():
    root = os.path.join(OUT, "folders")
    for name in sorted(os.listdir(root)):
        folder = os.path.join(root, name)
        write_folder(folder)


def main():
    strings = read_strings()
    bert = AutoTokenizer.from_pretrained("models/demo/bert-sst2")
    write_spans("gpt2.spans", GPT2TokenizerFast.from_pretrained(os.path.join(OUT, "gpt2")), strings)
    write_spans("bert.spans", bert, strings)
    write_spans("roberta.spans", roberta_tokenizer(), read_strings("roberta_strings.bin") + strings)
    write_decoded(bert)
    write_folders()


if __name__ == "__main__":
    main()
