#!/usr/bin/env python3
"""Writes runner_server/tokenizer/unicode_tables.cc: what Hugging Face's tokenizers take each character for.

Run from the root of the tree, with the packages of tools/golden/requirements.txt:

    python3 tools/golden/make_unicode_tables.py

The library's parts follow different versions of Unicode (the regular expressions of byte-level BPE a recent one,
BERT's marks and punctuation version 8, its decomposition version 9), so that no Unicode library gives all its answers.
The script asks the library itself about every code point, and writes the answers as ranges.
"""

import textwrap

from tokenizers import Regex, normalizers, pre_tokenizers

OUTPUT = "runner_server/tokenizer/unicode_tables.cc"
CODE_POINTS = [c for c in range(0x110000) if not 0xD800 <= c <= 0xDFFF]

HEADER = """\
// Made by tools/golden/make_unicode_tables.py, which asks Hugging Face's tokenizers about all code
// points. Do not edit.

#include "runner_server/tokenizer/unicode_tables.h"

namespace chorus::runner {

// clang-format off
"""


def bert(**options):
    off = dict(clean_text=False, handle_chinese_chars=False, strip_accents=False, lowercase=False)
    return normalizers.BertNormalizer(**{**off, **options}).normalize_str


def matching(pattern):
    """The code points that match a character class of the byte-level pre-tokenizer's regular expressions."""
    split = pre_tokenizers.Split(Regex(pattern), "removed")
    return {c for c in CODE_POINTS if not split.pre_tokenize_str(chr(c))}


def pre_token_classes():
    """BertPreTokenizer's white space and punctuation."""
    split = pre_tokenizers.BertPreTokenizer().pre_tokenize_str
    spaces, punctuation = set(), set()
    for c in CODE_POINTS:
        count = len(split("a" + chr(c) + "a"))
        {1: set(), 2: spaces, 3: punctuation}[count].add(c)
    return spaces, punctuation


def combining_classes(marks, nfd):
    """The canonical combining class of every code point, seen from how NFD orders it among marks of known class."""
    # Marks of Unicode 1 to 5, one of each class that decomposition moves.
    known = {1: 0x334, 7: 0x93C, 8: 0x3099, 9: 0x94D, 202: 0x321, 216: 0x31B, 218: 0x302A, 220: 0x316, 222: 0x59A,
             224: 0x302E, 226: 0x1D16D, 228: 0x302B, 230: 0x300, 232: 0x315, 233: 0x35C, 234: 0x360, 240: 0x345}

    def ordered(text):
        return nfd(text) == text

    classes = {}
    for c in marks:
        if ordered("\u0345" + chr(c)) and ordered(chr(c) + "\u0334"):
            continue  # Class 0: nothing moves across it.
        classes[c] = max(k for k, mark in known.items() if ordered(chr(mark) + chr(c)))
        after = min((k for k in known if k > classes[c]), default=None)
        assert ordered(chr(c) + chr(known[classes[c]])) and (after is None or not ordered(chr(known[after]) + chr(c)))
    return classes


def split_classes(pre_tokenizer, counts):
    """The code points that the pre-tokenizer makes so many pieces of between two letters."""
    return {c for c in CODE_POINTS if len(pre_tokenizer.pre_tokenize_str("a" + chr(c) + "a")) in counts}


def scripts():
    """Rows (first, last, script) of UnicodeScripts, whose scripts get numbers from 1. Characters that take any script
    begin no piece, and have no row."""
    split = pre_tokenizers.UnicodeScripts().pre_tokenize_str
    codes = [c for c in CODE_POINTS if split(chr(c))]
    text = "".join(map(chr, codes))
    kinds, rows = [], []
    for piece, (begin, end) in split(text):
        script = next((i for i, kind in enumerate(kinds) if len(split(kind + piece[0])) == 1), len(kinds))
        kinds += [piece[0]] * (script == len(kinds))
        rows += [(first, last, script + 1) for first, last in ranges(codes[begin:end])]
    assert len(kinds) < 256
    return rows


def ranges(points):
    found = []
    for c in sorted(points):
        if found and found[-1][1] == c - 1:
            found[-1][1] = c
        else:
            found.append([c, c])
    return found


def lower_case_runs(lower):
    """Rows (first, last, stride, delta)."""
    rows = []
    for c, to in sorted(lower.items()):
        delta = to - c
        if rows and rows[-1][3] == delta:
            first, last, stride, _ = rows[-1]
            if c - last == (stride or c - last) and c - last <= 2:
                rows[-1] = (first, c, c - last, delta)
                continue
        rows.append((c, c, 0, delta))
    return [(first, last, stride or 1, delta) for first, last, stride, delta in rows]


def write_rows(out, row_type, name, rows):
    out.write(f"\nconstexpr {row_type} {name}Rows[] = {{\n")
    words = " ".join("{" + ",".join(row) + "}," for row in rows)
    indent = " " * 4
    out.write(textwrap.fill(words, 100, initial_indent=indent, subsequent_indent=indent, break_on_hyphens=False))
    out.write("\n};\n")
    out.write(f"const std::span<const {row_type}> {name}({name}Rows);\n")


def main():
    nfd = normalizers.NFD().normalize_str
    strip, lower, clean = bert(strip_accents=True), bert(lowercase=True), bert(clean_text=True)
    space = matching(r"\s")
    bert_space, punctuation = pre_token_classes()
    assert space == bert_space
    removed = {c for c in CODE_POINTS if clean(chr(c)) == ""}
    assert {c for c in CODE_POINTS if clean(chr(c)) == " "} == space - removed
    marks = {c for c in CODE_POINTS if strip(chr(c)) == ""}
    whole = {c for c in CODE_POINTS if nfd(chr(c)) == chr(c)}
    decomposing = set(CODE_POINTS) - whole
    kept = combining_classes(whole - marks, nfd)
    lowered = {c: lower(chr(c)) for c in CODE_POINTS if lower(chr(c)) != chr(c)}
    assert [c for c in lowered if len(lowered[c]) > 1] == [0x130]  # unicode.cc knows this one.
    single = {c: ord(to) for c, to in lowered.items() if len(to) == 1}
    strip_marks = normalizers.StripAccents().normalize_str
    every_mark = {c for c in CODE_POINTS if strip_marks(chr(c)) == ""}
    nfkd = normalizers.NFKD().normalize_str
    changing = {c for c in CODE_POINTS if nfkd(chr(c)) != chr(c)}
    reordered = {c for c in whole if not (nfd("\u0345" + chr(c)) == "\u0345" + chr(c) and
                                          nfd(chr(c) + "\u0334") == chr(c) + "\u0334")}
    ideographs = {c for c in CODE_POINTS if bert(handle_chinese_chars=True)(chr(c)) != chr(c)}

    with open(OUTPUT, "w", encoding="ascii") as out:
        out.write(HEADER)
        for name, points in [("kLetters", matching(r"\p{L}")), ("kNumbers", matching(r"\p{N}")), ("kSpaces", space),
                             ("kBertRemoved", removed), ("kBertIdeographs", ideographs),
                             ("kBertPunctuation", punctuation), ("kNonspacingMarks", marks),
                             ("kDecomposingBeyondBmp", {c for c in decomposing if c > 0xFFFF}),
                             ("kMarks", every_mark), ("kDecomposing", changing), ("kReordered", reordered),
                             ("kWordCharacters", split_classes(pre_tokenizers.Whitespace(), (1,))),
                             ("kNumeric", split_classes(pre_tokenizers.Digits(individual_digits=True), (3,)))]:
            write_rows(out, "CodePointRange", name, [(f"0x{a:X}", f"0x{b:X}") for a, b in ranges(points)])
        by_class = {}
        for c, k in kept.items():
            by_class.setdefault(k, set()).add(c)
        rows = sorted((a, b, k) for k, points in by_class.items() for a, b in ranges(points))
        write_rows(out, "CombiningRange", "kReorderedKeptMarks", [(f"0x{a:X}", f"0x{b:X}", str(k)) for a, b, k in rows])
        write_rows(out, "ScriptRange", "kScripts", [(f"0x{a:X}", f"0x{b:X}", str(k)) for a, b, k in scripts()])
        rows = [(f"0x{a:X}", f"0x{b:X}", str(s), str(d)) for a, b, s, d in lower_case_runs(single)]
        write_rows(out, "LowerCaseRun", "kLowerCase", rows)
        out.write("\n// clang-format on\n\n}  // namespace chorus::runner\n")


if __name__ == "__main__":
    main()
