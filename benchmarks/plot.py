#!/usr/bin/env python3
"""Draws what benchmarks/engine, benchmarks/graph.py and benchmarks/peers/run.py measured, as SVG files.

usage: plot.py --out FOLDER FILE.jsonl ...

decode.svg has the tokens a second of each generator, prefill.svg those of a prompt, classify.svg the texts a second of
the classifier, each engine at the best of its precisions in a class of weights; graph.svg the requests a second and the
time of a reply of the whole graph. Needs matplotlib.
"""
import argparse
import json
import pathlib

import matplotlib

matplotlib.use("svg")
import matplotlib.pyplot as plt

import table

COLOURS = {"chorus": "#4353c6", "openvino": "#d08a1e", "llamacpp": "#7a9e3b", "ctranslate2": "#b04a6f",
           "onnxruntime": "#3e93a8", "transformers": "#8a8a94", "bentoml": "#5a5a62"}
MODELS = ["distilgpt2", "gpt2", "gpt2-medium", "bert-base-uncased"]
plt.rcParams.update({"font.family": "DejaVu Sans", "font.size": 9, "axes.spines.top": False, "axes.spines.right": False,
                     "svg.hashsalt": "chorus", "svg.fonttype": "none", "savefig.facecolor": "white"})


def best(work, key, narrow):
    """{engine: rate} of one piece of work in one class of weights."""
    rates = {}
    for engine, precision, rate, _ in work.get(key, ()):
        if (precision in table.NARROW) == narrow:
            rates[engine] = max(rate, rates.get(engine, 0))
    return rates


def bars(work, panels, unit, title, path):
    """`panels`: (title of the panel, [(label, key)])."""
    figure, axes = plt.subplots(2, len(panels), figsize=(3.2 * len(panels), 5.4), squeeze=False)
    for row, (narrow, words) in enumerate(((True, "8-bit weights"), (False, "16 or 32 bits"))):
        for axis, (name, keys) in zip(axes[row], panels):
            engines = [engine for engine in COLOURS
                       if any(engine in best(work, key, narrow) for _, key in keys)]
            width = 0.8 / max(1, len(engines))
            for i, engine in enumerate(engines):
                rates = [best(work, key, narrow).get(engine, 0) for _, key in keys]
                axis.bar([x + (i + 0.5) * width - 0.4 for x in range(len(keys))], rates, width * 0.92,
                         color=COLOURS[engine], label=engine)
            axis.set_xticks(range(len(keys)), [label for label, _ in keys])
            axis.set_title(f"{name}, {words}", fontsize=9, loc="left")
            axis.set_ylabel(unit if axis is axes[row][0] else "")
    handles = {label: handle for axis in axes.flat for handle, label in zip(*axis.get_legend_handles_labels())}
    figure.legend(handles.values(), handles.keys(), loc="upper right", ncols=len(handles), frameon=False)
    figure.suptitle(title, x=0.01, ha="left", fontsize=11)
    figure.tight_layout(rect=(0, 0, 1, 0.97))
    figure.savefig(path, metadata={"Date": None})
    plt.close(figure)


def graph(lines, path):
    figure, (rate, seconds) = plt.subplots(1, 2, figsize=(8, 3.2))
    ours = sorted((line["clients"], line["req_s"], line["p50"]) for line in lines
                  if "clients" in line and not line.get("streamed"))
    peers = {}  # Of each engine the precision that serves the most requests.
    for line in lines:
        if line.get("what") == "graph":
            peers.setdefault(line["engine"], {}).setdefault(line["precision"], []).append(
                (line["batch"], line["req_s"], line["seconds"]))
    rate.plot([each[0] for each in ours], [each[1] for each in ours], "o-", color=COLOURS["chorus"], label="chorus int8")
    seconds.plot([each[0] for each in ours], [each[2] for each in ours], "o-", color=COLOURS["chorus"])
    for engine, by_precision in peers.items():
        precision, points = max(by_precision.items(), key=lambda each: max(point[1] for point in each[1]))
        points.sort()
        style = {"color": COLOURS[engine], "label": f"{engine} {precision}", "marker": "s"}
        rate.plot([each[0] for each in points], [each[1] for each in points], **style)
        seconds.plot([each[0] for each in points], [each[2] for each in points], **style)
    for axis, words in ((rate, "requests a second"), (seconds, "seconds to the reply")):
        axis.set_xscale("log", base=2)
        axis.set_xticks([1, 4, 16, 32, 64], ["1", "4", "16", "32", "64"])
        axis.set_xlabel("requests at once")
        axis.set_title(words, fontsize=9, loc="left")
    seconds.set_yscale("log", base=2)
    seconds.set_yticks([2, 4, 8, 16, 32, 64], ["2", "4", "8", "16", "32", "64"])
    seconds.minorticks_off()
    rate.legend(frameon=False)
    figure.tight_layout()
    figure.savefig(path, metadata={"Date": None})
    plt.close(figure)


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--out", type=pathlib.Path, required=True)
    parser.add_argument("files", nargs="+", type=pathlib.Path)
    args = parser.parse_args()
    work = table.read(args.files)
    args.out.mkdir(parents=True, exist_ok=True)
    generators = MODELS[:3]
    bars(work, [(model, [(str(batch), (model, "decode", 0, batch)) for batch in (1, 8, 32)]) for model in generators],
         "tokens a second", "Decoding 1, 8 and 32 texts at once", args.out / "decode.svg")
    bars(work, [("512 tokens", [(model, (model, "prefill", 512, 1)) for model in generators])],
         "tokens a second", "Prefill", args.out / "prefill.svg")
    bars(work, [(f"texts of {length}", [(str(batch), ("bert-base-uncased", "classify", length, batch))
                                         for batch in (1, 8)]) for length in (16, 128)],
         "texts a second", "BERT-base, 1 and 8 at once", args.out / "classify.svg")
    lines = [json.loads(line) for file in args.files for line in file.read_text().splitlines()]
    graph(lines, args.out / "graph.svg")


if __name__ == "__main__":
    main()
