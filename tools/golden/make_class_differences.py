#!/usr/bin/env python3
"""Writes runner_server/tokenizer/class_differences.cc: the classes of characters that the Oniguruma of Debian bookworm
(6.9.8, of Unicode 14) knows otherwise than the one in Hugging Face's tokenizers.

Run from the root of the tree, with the packages of tools/golden/requirements.txt and Debian's libonig5:

    python3 tools/golden/make_class_differences.py

Asks both about every character, for every name of a property that either library's file holds but those of blocks
(In_Basic_Latin), for the names in [:brackets:], and for the escapes of classes.
"""

import ctypes
import re
import subprocess
import textwrap

import tokenizers
from tokenizers import Regex, pre_tokenizers

OUT = "runner_server/tokenizer/class_differences.cc"
# Where there are characters; of planes that are wholly one thing, an example in each thousand.
PLANES = [range(0xD800), range(0xE000, 0x40000), range(0xE0000, 0xE1000)]
CODES = [c for plane in [*PLANES, range(0x403FF, 0xE0000, 1000), range(0xE1000, 0x110000, 1000)] for c in plane]
BRACKETS = "alnum alpha ascii blank cntrl digit graph lower print punct space upper xdigit word".split()
ESCAPES = ["\\w", "\\d", "\\s", "\\h"]

HEADER = """\
// Made by tools/golden/make_class_differences.py, which asks Oniguruma 6.9.8 and Hugging Face's
// tokenizers %s about all characters. Do not edit.

#include "runner_server/tokenizer/regex_dialect.h"

namespace chorus::runner {
namespace {

// clang-format off
"""


class Region(ctypes.Structure):
    _fields_ = [("allocated", ctypes.c_int), ("num_regs", ctypes.c_int), ("beg", ctypes.POINTER(ctypes.c_int)),
                ("end", ctypes.POINTER(ctypes.c_int))]


class Oniguruma:
    """Debian's, which has no bindings for Python."""

    def __init__(self):
        self.lib = ctypes.CDLL("libonig.so.5")
        self.lib.onig_version.restype = ctypes.c_char_p
        assert self.lib.onig_version() == b"6.9.8"
        self.lib.onig_region_new.restype = ctypes.POINTER(Region)
        self.encoding = ctypes.byref(ctypes.c_char.in_dll(self.lib, "OnigEncodingUTF8"))
        self.syntax = ctypes.c_void_p.in_dll(self.lib, "OnigDefaultSyntax")
        encodings = (ctypes.c_void_p * 1)(ctypes.addressof(ctypes.c_char.in_dll(self.lib, "OnigEncodingUTF8")))
        assert self.lib.onig_initialize(encodings, 1) == 0
        self.region = self.lib.onig_region_new()

    def matches(self, pattern, text):
        """[begin, end) of all matches in bytes, none of them empty, or None if there is no such pattern."""
        pointer = ctypes.c_void_p
        regex = pointer()
        info = ctypes.create_string_buffer(256)
        source = ctypes.create_string_buffer(pattern.encode())
        begin = ctypes.addressof(source)
        end = begin + len(pattern.encode())
        if self.lib.onig_new(ctypes.byref(regex), pointer(begin), pointer(end), 0, self.encoding, self.syntax, info):
            return None
        data = ctypes.create_string_buffer(text)
        begin = ctypes.addressof(data)
        end = pointer(begin + len(text))

        def search(at):
            return self.lib.onig_search(regex, pointer(begin), end, pointer(begin + at), end, self.region, 0)

        found, at = [], 0
        while at < len(text) and search(at) >= 0:
            found.append((self.region.contents.beg[0], self.region.contents.end[0]))
            at = found[-1][1]
        self.lib.onig_free(regex)
        return found


def names_in(path):
    with open(path, "rb") as file:
        return {name.decode() for name in re.findall(rb"(?<=\0)[a-z][a-z0-9]{0,60}(?=\0)", file.read())}


def theirs(pattern, codes):
    try:
        split = pre_tokenizers.Split(Regex(pattern), "removed", invert=True)
    except Exception:  # The package has no class of its own for this.
        return None
    return {c for _, (begin, end) in split.pre_tokenize_str("".join(map(chr, codes))) for c in codes[begin:end]}


def ours(oniguruma, pattern, codes):
    data = "".join(map(chr, codes)).encode()
    found = oniguruma.matches(pattern, data)
    return None if found is None else {ord(c) for begin, end in found for c in data[begin:end].decode()}


def ranges(codes):
    found = []
    for c in sorted(codes):
        if found and found[-1][1] == c - 1:
            found[-1][1] = c
        else:
            found.append([c, c])
    return [rf"\\x{{{a:X}}}" if a == b else rf"\\x{{{a:X}}}-\\x{{{b:X}}}" for a, b in found]


def patterns():
    """Pairs of a name and an expression."""
    path = re.search(r"libonig\.so\.5 .*=> (\S+)", subprocess.run(["ldconfig", "-p"], check=True, capture_output=True,
                                                                 text=True).stdout).group(1)
    names = names_in(path) | names_in(tokenizers.tokenizers.__file__)
    names = {name for name in names if not name.startswith("in") or name.startswith(("inherited", "inscriptional"))}
    found = [(name, rf"\p{{{name}}}") for name in names]
    return found + [(f"[:{name}:]", f"[[:{name}:]]") for name in BRACKETS] + [(escape, escape) for escape in ESCAPES]


def compare(oniguruma, patterns):
    """Rows (name, expression, their characters, ours or None) where the two are not the same."""
    for name, pattern in patterns:
        new = theirs(pattern + "+", CODES)
        old = ours(oniguruma, pattern + "+", CODES)
        if new is not None and new != old:
            assert all(any(c in plane for plane in PLANES) for c in new ^ (old or new))
            yield name, pattern, new, old


def differences(oniguruma, compared):
    """Rows (name, added, removed, whether the name is new). Some classes have more where they stand alone than between
    brackets, among the first characters or those that the two do not agree on."""
    some = sorted(set(range(0x600)).union(*(new ^ (old or set()) for _, _, new, old in compared)))
    for name, pattern, new, old in compared:
        base = set() if old is None else ours(oniguruma, f"[{pattern}]+", CODES)
        yield name, ranges(new - base), ranges(base - new), old is None
        inside = theirs(f"[{pattern}]+", some)
        if inside != new.intersection(some):
            base = base.intersection(some)
            yield f"[{name}]", ranges(inside - base), ranges(base - inside), old is None


def main():
    oniguruma = Oniguruma()
    rows = sorted(differences(oniguruma, list(compare(oniguruma, patterns()))))
    constants = {}  # By what they hold.

    def constant(found):
        return constants.setdefault(" ".join(found), f"kRanges{len(constants) + 1}") if found else '""'

    table = [f'{{"{name}", {constant(added)}, {constant(removed)}, {str(is_new).lower()}}},'
             for name, added, removed, is_new in ((n.replace("\\", "\\\\"), a, r, i) for n, a, r, i in rows)]
    with open(OUT, "w", encoding="ascii") as out:
        out.write(HEADER % tokenizers.__version__)
        for found, name in constants.items():
            lines = textwrap.wrap(found, 94, break_on_hyphens=False, break_long_words=False)
            out.write(f"\nconstexpr char {name}[] =\n")
            out.write("\n".join(f'    "{line.replace(" ", "")}"' for line in lines) + ";\n")
        out.write("\nconstexpr ClassDifference kRows[] = {\n" + "\n".join("    " + row for row in table) + "\n};\n")
        out.write("\n// clang-format on\n\n}  // namespace\n\n")
        out.write("const std::span<const ClassDifference> kClassDifferences(kRows);\n\n")
        out.write("}  // namespace chorus::runner\n")
    print(f"{len(rows)} classes, {len(constants)} lists of ranges")


if __name__ == "__main__":
    main()
