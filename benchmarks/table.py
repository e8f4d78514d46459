#!/usr/bin/env python3
"""Makes one Markdown table of what benchmarks/engine and benchmarks/peers/run.py measured.

usage: table.py [--all] FILE.jsonl ...

A row is one piece of work on one model. Chorus in a precision stands beside the fastest peer of the same class: bf16
and float32 beside any peer of 16 or 32 bits, int8 beside any of 8. The last column is Chorus's rate over that peer's.
With --all every engine has a column, at the best of its precisions in the class.
"""
import json
import pathlib
import sys

NARROW = ("int8", "int8-fp32", "int8-bf16", "int8_weight_only", "q8_0")
UNITS = ("tok_s", "seq_s", "req_s")
ORDER = {"decode": 0, "prefill": 1, "classify": 2, "graph": 3}


def read(files):
    """{(model, what, length, batch): [(engine, precision, rate, unit)]}"""
    work = {}
    for file in files:
        for line in map(json.loads, pathlib.Path(file).read_text().splitlines()):
            unit = next((unit for unit in UNITS if unit in line), None)
            if unit is None or line.get("what") not in ORDER:
                continue
            key = (pathlib.Path(line["model"]).name, line["what"], line.get("length", 0) or 0, line.get("batch", 1))
            if line["what"] == "decode":
                key = (*key[:2], 0, key[3])
            precision = line.get("precision", line.get("dtype"))
            work.setdefault(key, []).append((line["engine"], precision, line[unit], unit))
    return work


def describe(what, length, batch):
    if what == "decode":
        return f"decode, {batch} at once"
    if what == "prefill":
        return f"prefill, {length} tokens"
    if what == "graph":
        return f"graph, {batch} at once"
    return f"classify, {batch} of {length} tokens"


def show(rate):
    return f"{rate:.0f}" if rate >= 100 else f"{rate:.1f}" if rate >= 10 else f"{rate:.2f}"


def all_engines(work):
    """The lines of the table with a column an engine."""
    engines = sorted({each[0] for measured in work.values() for each in measured}, key=lambda name: (name != "chorus", name))
    yield "| model | work | weights | " + " | ".join(engines) + " |"
    yield "|---" * (3 + len(engines)) + "|"
    for key in sorted(work, key=lambda key: (key[0], ORDER[key[1]], key[2], key[3])):
        for narrow in (False, True):
            rates = {}
            for engine, precision, rate, _ in work[key]:
                if (precision in NARROW) == narrow and rate > rates.get(engine, (0, ""))[0]:
                    rates[engine] = (rate, precision)
            if not rates:
                continue
            cells = [f"{show(rates[each][0])} {rates[each][1]}" if each in rates else "" for each in engines]
            yield f"| {key[0]} | {describe(*key[1:])} | {'8 bits' if narrow else '16 or 32'} | {' | '.join(cells)} |"


def rows(work):
    for key in sorted(work, key=lambda key: (key[0], ORDER[key[1]], key[2], key[3])):
        for narrow in (False, True):
            measured = [each for each in work[key] if (each[1] in NARROW) == narrow]
            ours = max((each for each in measured if each[0] == "chorus"), key=lambda each: each[2], default=None)
            peer = max((each for each in measured if each[0] != "chorus"), key=lambda each: each[2], default=None)
            if ours is None or peer is None:
                continue
            yield (f"| {key[0]} | {describe(*key[1:])} | {ours[1]} | {show(ours[2])} | {peer[0]} {peer[1]} | "
                   f"{show(peer[2])} | {ours[2] / peer[2]:.2f} |")


def main():
    if len(sys.argv) < 2:
        sys.exit(__doc__)
    if sys.argv[1] == "--all":
        print("\n".join(all_engines(read(sys.argv[2:]))))
        return
    print("| model | work | Chorus in | rate | fastest peer | its rate | ratio |\n|---|---|---|---|---|---|---|")
    print("\n".join(rows(read(sys.argv[1:]))))


if __name__ == "__main__":
    main()
