#!/usr/bin/env python3
"""Writes tests/testdata/tokenizer/regexes.json: where Hugging Face's tokenizers find regular expressions with character
classes, which the versions of Oniguruma know differently.

Run from the root of the tree, with the packages of tools/golden/requirements.txt:

    python3 tools/golden/make_regex_golden.py

{"text", "cases": [{"pattern", "matches": [[begin, end], ...]}, ...]}, in bytes. The text has no character of a Unicode
later than the Oniguruma of Debian bookworm knows (14); [:alpha:] and [:lower:], to which later ones add older
characters, are left out.
"""

import json
import unicodedata

from tokenizers import Regex, pre_tokenizers

OUT = "tests/testdata/tokenizer/regexes.json"
STEP = 97  # Of the characters past U+0600.
PATTERNS = [
    r"[[:punct:]]", r"[[:punct:]]+", r"[^[:punct:]]+", r"[[:^punct:]]+", r"[^[:^punct:]]", r"[a[:punct:]b]+",
    r"[[:punct:]&&[^a-z$]]", r"[[:punct:][:digit:]]+", r"[\[[:punct:]]", r"[]a[:punct:]]+", r"[^]a[:punct:]]+",
    r"\[[:punct:]]", r"[:punct:]+", r"(?<![[:punct:]])\p{L}+(?=[[:punct:]])", r"[\p{L}\d]+|[[:punct:]]|\s+",
    r"\p{Punct}", r"\p{PosixPunct}+", r"\P{PosixPunct}+", r"\p{Word}+", r"\p{word}+|\p{^Word}", r"\P{Word}+",
    r"[\p{Word}-]+", r"[^\p{W-O_R d}]+", r"\P{^Word}+", r"[[:word:]]+", r"\w+", r"\W", r"\p{P}", r"\p{S}+", r"\p{N}+",
]


def known(code):
    return unicodedata.category(chr(code)) not in ("Cn", "Cs") and not 0xE000 <= code < 0xF900


def make_text():
    codes = [c for c in range(1, 0x600) if known(c)]
    codes += [c for c in range(0x600, 0x110000, STEP) if known(c)]
    return "".join(map(chr, codes)) + " x_1. [] [a] :pun: a\u00b2b $5+6 'tis"


def matches(pattern, text):
    at = [0]
    for character in text:
        at.append(at[-1] + len(character.encode()))
    split = pre_tokenizers.Split(Regex(pattern), "removed", invert=True)
    return [[at[begin], at[end]] for _, (begin, end) in split.pre_tokenize_str(text)]


def main():
    assert unicodedata.unidata_version.split(".")[0] <= "14", "this Python knows characters that Oniguruma may not"
    text = make_text()
    cases = [{"pattern": pattern, "matches": matches(pattern, text)} for pattern in PATTERNS]
    with open(OUT, "w", encoding="utf-8") as file:
        file.write('{"text": ' + json.dumps(text) + ',\n"cases": [\n')
        file.write(",\n".join(json.dumps(case, separators=(",", ":")) for case in cases) + "\n]}\n")


if __name__ == "__main__":
    main()
