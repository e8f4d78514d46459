#!/usr/bin/env python3
"""Writes tests/testdata/tokenizer/regexes.json: where Hugging Face's tokenizers find regular expressions with character
classes, which the versions of Oniguruma know differently.

Run from the root of the tree, with the packages of tools/golden/requirements.txt, after make_class_differences.py, of
whose ranges the text has the ends and what is beside them:

    python3 tools/golden/make_regex_golden.py

{"text", "cases": [{"pattern", "matches": [[begin, end], ...]}, ...]}, in bytes.
"""

import json
import re
import unicodedata

from tokenizers import Regex, pre_tokenizers

OUT = "tests/testdata/tokenizer/regexes.json"
DIFFERENCES = "runner_server/tokenizer/class_differences.cc"
STEP = 97  # Of the characters past U+0600.
PATTERNS = [
    r"[[:punct:]]", r"[[:punct:]]+", r"[^[:punct:]]+", r"[[:^punct:]]+", r"[^[:^punct:]]", r"[a[:punct:]b]+",
    r"[[:punct:]&&[^a-z$]]", r"[[:punct:][:digit:]]+", r"[\[[:punct:]]", r"[]a[:punct:]]+", r"[^]a[:punct:]]+",
    r"\[[:punct:]]", r"[:punct:]+", r"(?<![[:punct:]])\p{L}+(?=[[:punct:]])", r"[\p{L}\d]+|[[:punct:]]|\s+",
    r"\p{Punct}", r"\p{PosixPunct}+", r"\P{PosixPunct}+", r"\p{Word}+", r"\p{word}+|\p{^Word}", r"\P{Word}+",
    r"[\p{Word}-]+", r"[^\p{W-O_R d}]+", r"\P{^Word}+", r"[[:word:]]+", r"\w+", r"\W", r"\p{P}", r"\p{S}+", r"\p{N}+",
    r"[[:alpha:]]+", r"[[:^alpha:]]+", r"[^[:alpha:]\d]+", r"[[:alnum:]]", r"[[:lower:]]+", r"[[:upper:]]+",
    r"[[:graph:]]+", r"[[:print:]]+", r"[[:cntrl:]]+", r"[[:space:]]+", r"[[:blank:]]+", r"[[:xdigit:]]+",
    r"\p{L}+", r"\p{Letter}", r"\P{L}+", r"[^\p{L}]+", r"[^\s\p{L}\p{N}]+", r"\p{Lu}+", r"\p{Ll}+", r"\p{Lm}|\p{Lo}",
    r"\p{M}+", r"\p{Mn}+", r"\p{Nd}+", r"\p{Cn}+", r"\p{Alphabetic}+", r"\p{Uppercase}", r"\p{Han}+", r"\p{Latin}+",
    r"\p{Common}+", r"\p{Kawi}+", r"\P{Garay}+", r"\d+", r"\D+", r"[\D]+", r"\s+", r"\S+", r"[\S\d]+", r"\h+",
    r"\b\w", r"\B[^\x00]", r"(?i)\p{Lu}+", r"(?i:\p{Lu}+)|\p{Ll}", r"(?i)(?-i:\p{Ll}+)|(\p{Lu})",
    r"(?i)[\p{Ll}&&[a-z\x{C0}-\x{17F}]]+", r"[\w]+", r"[^\W-]+", r"[\p{Alnum}\p{Word}]+",
    r"(?W)\w+", r"(?W:\b\w)|\w+", r"(?D:\d)|\w", r"(?P:[[:alpha:]]+)|[[:alpha:]]",
    r"[^\r\n\p{L}\p{N}]?[\p{Lu}\p{Lt}\p{Lm}\p{Lo}\p{M}]*[\p{Ll}\p{Lm}\p{Lo}\p{M}]+(?i:'s|'t)?|\p{N}{1,3}",
]


def known(code):
    return not 0xD800 <= code < 0xF900 and unicodedata.category(chr(code)) != "Cn"


def make_text():
    with open(DIFFERENCES, encoding="ascii") as file:
        ends = {int(code, 16) for code in re.findall(r"\\\\x{(\w+)}", file.read())}
    codes = {c for c in range(1, 0x600) if known(c)} | {c for c in range(0x600, 0x110000, STEP) if known(c)}
    codes |= {c for end in ends for c in (end - 1, end, end + 1) if 0 < c < 0x110000 and not 0xD800 <= c < 0xE000}
    return "".join(map(chr, sorted(codes))) + " x_1. [] [a] :pun: a\u00b2b $5+6 'tis"


def matches(pattern, text):
    at = [0]
    for character in text:
        at.append(at[-1] + len(character.encode()))
    split = pre_tokenizers.Split(Regex(pattern), "removed", invert=True)
    return [[at[begin], at[end]] for _, (begin, end) in split.pre_tokenize_str(text)]


def main():
    text = make_text()
    cases = [{"pattern": pattern, "matches": matches(pattern, text)} for pattern in PATTERNS]
    with open(OUT, "w", encoding="utf-8") as file:
        file.write('{"text": ' + json.dumps(text) + ',\n"cases": [\n')
        file.write(",\n".join(json.dumps(case, separators=(",", ":")) for case in cases) + "\n]}\n")


if __name__ == "__main__":
    main()
