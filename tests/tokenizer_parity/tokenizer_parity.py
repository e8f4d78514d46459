#!/usr/bin/env python3
"""Compares Chorus' tokenizer with Hugging Face's over more than 20,000 strings, and prints a table in Markdown.

Run from the root of the tree, with the packages of requirements.txt beside this file and npm, and after
`./dev build encode_strings`; DATA is the folder of the public data (gpt2/, bert-base-uncased/, corpus/):

    python3 tests/tokenizer_parity/tokenizer_parity.py --data DATA --work build/tokenizer_parity

For every tokenizer of folders.py: ids of single strings and of pairs with the frame, type ids, ids with special tokens
read as characters, spans, and the text that the ids decode to, whole and as a stream. The strings are those of
tests/testdata/tokenizer/strings.bin, and for tokenizers of rare parts every character besides. The exit status is 1 if
anything differs but spans, of which there are examples at the end (docs/decisions/0039-one-tokenizer.md tells where
they may).
"""

import argparse
import json
import os
import subprocess
import sys
import time

sys.path.insert(0, os.path.dirname(os.path.abspath(__file__)))
sys.path.insert(0, "tools/golden")
os.environ.setdefault("TOKENIZERS_PARALLELISM", "false")

from transformers import AutoTokenizer  # noqa: E402

import folders  # noqa: E402
from make_span_golden import read_strings  # noqa: E402

NUM_PAIRS = 2000


def whole_characters(text, begin, end):
    """The characters that the bytes [begin, end) of the text, UTF-8, are in."""
    data = text.encode()
    while begin < len(data) and data[begin] & 0xC0 == 0x80:
        begin -= 1
    while end < len(data) and data[end] & 0xC0 == 0x80:
        end += 1
    return len(data[:begin].decode()), len(data[:end].decode())


def same_span(text, ours, theirs):
    """A space that a text is given has no place of its own, and a token without text is anywhere."""
    begin, end = whole_characters(text, *ours)
    return (begin, end) == tuple(theirs) or (begin == end and theirs[1] - theirs[0] <= 1)


def compare(folder, binary, strings, pairs, work):
    path = os.path.join(work, "strings.json")
    with open(path, "w", encoding="utf-8") as out:
        json.dump(strings + pairs, out)
    out = os.path.join(work, "out.jsonl")
    times = json.loads(subprocess.run([binary, folder, path, out], check=True, capture_output=True, text=True).stdout)

    tokenizer = AutoTokenizer.from_pretrained(folder)
    backend = tokenizer.backend_tokenizer
    backend.no_truncation()
    begin = time.perf_counter()
    for text in strings:
        backend.encode(text)
    row = {"times": times, "their_s": time.perf_counter() - begin, "wrong": {}, "examples": []}

    def check(what, is_right, text, ours, theirs):
        if is_right:
            return
        row["wrong"][what] = row["wrong"].get(what, 0) + 1
        if len(row["examples"]) < 8 and row["wrong"][what] <= 2:
            row["examples"].append((what, text, ours, theirs))

    with open(out, encoding="utf-8") as file:
        lines = [json.loads(line) for line in file]
    for text, line in zip(strings + pairs, lines):
        if isinstance(text, list):
            encoding = backend.encode(*text)
            check("pairs", line["ids"] == encoding.ids, text, line["ids"], encoding.ids)
            check("types", line["types"] == encoding.type_ids, text, line["types"], encoding.type_ids)
            continue
        encoding = backend.encode(text)
        check("ids", line["ids"] == encoding.ids, text, line["ids"], encoding.ids)
        check("types", line["types"] == encoding.type_ids, text, line["types"], encoding.type_ids)
        bare = backend.encode(text, add_special_tokens=False)
        ours = [id for id, _, _ in line["spans"]]
        if check("bare ids", ours == bare.ids, text, ours, bare.ids) or ours != bare.ids:
            continue
        check("spans", all(same_span(text, span[1:], theirs) for span, theirs in zip(line["spans"], bare.offsets)),
              text, line["spans"], bare.offsets)
        decoded = backend.decode(bare.ids, skip_special_tokens=False)
        check("decoded", line["decoded"] == decoded, text, line["decoded"], decoded)
        if "streamed" in line:
            shown = backend.decode(bare.ids, skip_special_tokens=True)
            check("streamed", line["streamed"] == shown, text, line["streamed"], shown)
    backend.encode_special_tokens = True
    for text, line in zip(strings, lines):
        split = backend.encode(text).ids
        check("split", line["split"] == split, text, line["split"], split)
    return row


def main():
    parser = argparse.ArgumentParser(description=__doc__.split("\n", 1)[0])
    parser.add_argument("--data", required=True, help="the folder of the public data")
    parser.add_argument("--work", required=True, help="where the tokenizers are downloaded to and made")
    parser.add_argument("--build", default="build")
    parser.add_argument("--only", action="append", help="the name of a tokenizer; may be repeated")
    args = parser.parse_args()
    os.makedirs(args.work, exist_ok=True)
    strings = read_strings()
    pairs = [[strings[i], strings[-1 - i]] for i in range(NUM_PAIRS)]
    binary = os.path.join(args.build, "bin", "encode_strings")

    failed = False
    print(f"{len(strings)} strings, {len(pairs)} pairs\n")
    print("| tokenizer | vocabulary | tokens | differences | other spans | MB/s | Hugging Face's, MB/s | load, s |")
    print("|---|---|---|---|---|---|---|---|")
    examples = []
    for name, vocabulary in folders.make(args.data, args.work, strings):
        if args.only and name not in args.only:
            continue
        texts = strings + folders.every_character() if name.startswith("parts-") else strings
        row = compare(os.path.join(args.work, name), binary, texts, pairs, args.work)
        times = row["times"]
        other_spans = row["wrong"].pop("spans", 0)
        wrong = ", ".join(f"{count} {what}" for what, count in row["wrong"].items()) or "none"
        print(f"| {name} | {vocabulary} | {times['tokens']} | {wrong} | {other_spans} "
              f"| {times['bytes'] / times['encode_s'] / 1e6:.1f} | {times['bytes'] / row['their_s'] / 1e6:.1f} | {times['load_s']:.2f} |", flush=True)
        failed |= bool(row["wrong"])
        examples += [(name, *example) for example in row["examples"]]
    for name, what, text, ours, theirs in examples:
        print(f"\n{name}, {what}: {text!r}\n  Chorus:       {ours!r}\n  Hugging Face: {theirs!r}")
    sys.exit(1 if failed else 0)


if __name__ == "__main__":
    main()
