"""The tables of what benchmarks/run.py measured: Chorus beside its peers, in Markdown.

A row is one piece of work on one model in one class of weights: 16 or 32 bits, or 8. An engine stands for itself at the
fastest of its precisions in the class, and a peer that is faster than Chorus stays where it is.
"""
import collections

Work = collections.namedtuple("Work", "what length batch")  # `length` is of the new tokens, the prompt or a text.
KINDS = ("decode", "prefill", "classify", "graph")
BITS = {"float32": 32, "fp32": 32, "f32": 32, "bfloat16": 16, "bf16": 16, "f16": 16,
        "int8": 8, "int8-fp32": 8, "int8-bf16": 8, "q8_0": 8}
CLASSES = {"16 or 32 bits": (32, 16), "8 bits": (8,)}
CHORUS = "chorus"


def amount(work):
    """What a run of the work makes: new tokens, prompt tokens, texts or requests."""
    return work.batch * (work.length if work.what in ("decode", "prefill") else 1)


def describe(work):
    return {"decode": f"decode, {work.batch} at once", "prefill": f"prefill, {work.length} tokens",
            "classify": f"classify, {work.batch} of {work.length} tokens",
            "graph": f"whole graph, {work.batch} at once"}[work.what]


def show(rate):
    return f"{rate:.{0 if rate >= 100 else 1 if rate >= 10 else 2 if rate >= 1 else 3}f}"


def work_of(line):
    return Work(line["what"], line["length"], line["batch"])


def group(lines):
    """{(model, work): its lines}, in the order of the tables."""
    groups = {}
    for line in sorted(lines, key=lambda line: (line["model"] == "graph", line["model"], KINDS.index(line["what"]),
                                                line["length"], line["batch"])):
        groups.setdefault((line["model"], work_of(line)), []).append(line)
    return groups


def fastest(lines, bits):
    """{engine: its line with the highest rate} among the lines of weights of so many bits."""
    best = {}
    for line in lines:
        held = best.get(line["engine"])
        if BITS[line["precision"]] in bits and (held is None or line["rate"] > held["rate"]):
            best[line["engine"]] = line
    return best


def markdown(head, rows):
    return ["| " + " | ".join(head) + " |", "|---" * len(head) + "|", *("| " + " | ".join(row) + " |" for row in rows)]


def beside_fastest_peer(lines):
    """Chorus, the fastest peer, and Chorus's rate over that peer's."""
    rows = []
    for (model, work), measured in group(lines).items():
        for bits in CLASSES.values():
            best = fastest(measured, bits)
            ours = best.pop(CHORUS, None)
            peer = max(best.values(), key=lambda line: line["rate"], default=None)
            if ours is None or peer is None:
                continue
            rows.append((model, describe(work), ours["precision"], show(ours["rate"]),
                         f"{peer['engine']} {peer['precision']}", show(peer["rate"]),
                         f"{ours['rate'] / peer['rate']:.2f}"))
    return markdown(("model", "work", "Chorus in", "rate", "fastest peer", "its rate", "ratio"), rows)


def engines_of(lines):
    return sorted({line["engine"] for line in lines}, key=lambda name: (name != CHORUS, name))


def every_engine(lines):
    """A column an engine; a row for each width of weights, so that every precision class of an engine shows."""
    engines = engines_of(lines)
    rows = []
    for (model, work), measured in group(lines).items():
        for bits in (32, 16, 8):
            best = fastest(measured, (bits,))
            if best:
                cells = [f"{show(best[name]['rate'])} {best[name]['precision']}" if name in best else ""
                         for name in engines]
                rows.append((model, describe(work), str(bits), *cells))
    return markdown(("model", "work", "bits", *engines), rows)


def memory(lines):
    """A column an engine: the most MiB that it held at a model, in each width of weights."""
    engines = engines_of(lines)
    most = {}
    for line in lines:
        key = (line["model"], BITS[line["precision"]])
        held = most.setdefault(key, {})
        held.setdefault(line["engine"], {}).setdefault(line["precision"], []).append(line["rss_mib"])
    rows = []
    for (model, bits), held in sorted(most.items(), key=lambda each: (each[0][0] == "graph", each[0][0], -each[0][1])):
        cells = []
        for name in engines:
            precisions = {precision: max(values) for precision, values in held.get(name, {}).items()}
            least = min(precisions, key=precisions.get, default=None)
            cells.append(f"{precisions[least]:.0f} {least}" if least else "")
        rows.append((model, str(bits), *cells))
    return markdown(("model", "bits", *engines), rows)
