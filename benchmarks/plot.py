#!/usr/bin/env python3
"""Draws what benchmarks/run.py measured, as SVG files.

usage: plot.py RESULTS.json FOLDER

decode.svg has the tokens a second of each generator, prefill.svg those of a prompt, classify.svg the texts a second of
the classifier, and graph.svg the requests a second of the whole graph, each engine at the best of its precisions in a
class of weights. A file whose work was not measured is not drawn. Needs matplotlib.
"""
import json
import pathlib
import sys

import matplotlib

matplotlib.use("svg")
import matplotlib.pyplot as plt

import table

COLOURS = {"chorus": "#4353c6", "openvino": "#d08a1e", "llamacpp": "#7a9e3b", "ctranslate2": "#b04a6f",
           "onnxruntime": "#3e93a8", "transformers": "#8a8a94", "bentoml": "#5a5a62"}
GENERATORS = ["distilgpt2", "gpt2", "gpt2-medium"]
CLASSIFIER = "bert-base-uncased"
plt.rcParams.update({"font.family": "DejaVu Sans", "font.size": 9, "axes.spines.top": False, "axes.spines.right": False,
                     "svg.hashsalt": "chorus", "svg.fonttype": "none", "savefig.facecolor": "white"})


def bars(groups, panels, unit, title, path):
    """`panels`: (title of the panel, [(label, (model, work))])."""
    panels = [(name, [(label, key) for label, key in keys if key in groups]) for name, keys in panels]
    panels = [(name, keys) for name, keys in panels if keys]
    if not panels:
        path.unlink(missing_ok=True)  # Of an earlier run.
        return
    classes = [(words, bits) for words, bits in reversed(table.CLASSES.items())
               if any(table.fastest(groups[key], bits) for _, keys in panels for _, key in keys)]
    figure, axes = plt.subplots(len(classes), len(panels), squeeze=False,
                                figsize=(max(7, 3.2 * len(panels)), 0.8 + 2.3 * len(classes)))
    for row, (words, bits) in enumerate(classes):
        for axis, (name, keys) in zip(axes[row], panels):
            best = [table.fastest(groups[key], bits) for _, key in keys]
            engines = [engine for engine in COLOURS if any(engine in each for each in best)]
            width = 0.8 / max(1, len(engines))
            for i, engine in enumerate(engines):
                rates = [each[engine]["rate"] if engine in each else 0 for each in best]
                axis.bar([x + (i + 0.5) * width - 0.4 for x in range(len(keys))], rates, width * 0.92,
                         color=COLOURS[engine], label=engine)
            axis.set_xticks(range(len(keys)), [label for label, _ in keys])
            axis.set_title(f"{name}, weights of {words}", fontsize=9, loc="left")
            axis.set_ylabel(unit if axis is axes[row][0] else "")
    handles = {label: handle for axis in axes.flat for handle, label in zip(*axis.get_legend_handles_labels())}
    figure.legend(handles.values(), handles.keys(), loc="upper left", bbox_to_anchor=(0, 0.95), ncols=len(handles),
                  frameon=False)
    figure.suptitle(title, x=0.01, y=0.99, va="top", ha="left", fontsize=11)
    figure.tight_layout(rect=(0, 0, 1, 0.93))
    figure.savefig(path, metadata={"Date": None})
    plt.close(figure)


def main():
    if len(sys.argv) != 3:
        sys.exit(__doc__)
    folder = pathlib.Path(sys.argv[2])
    folder.mkdir(parents=True, exist_ok=True)
    groups = table.group(json.loads(pathlib.Path(sys.argv[1]).read_text())["measured"])

    def keys(model, what, label=lambda work: str(work.batch), **fixed):
        return [(label(work), (model, work)) for each, work in groups
                if each == model and work.what == what and fixed.items() <= work._asdict().items()]

    bars(groups, [(model, keys(model, "decode")) for model in GENERATORS], "tokens a second", "Decoding, texts at once",
         folder / "decode.svg")
    bars(groups, [(model, keys(model, "prefill", lambda work: f"{work.length} tokens")) for model in GENERATORS],
         "tokens a second", "Prefill", folder / "prefill.svg")
    bars(groups, [(f"texts of {length}", keys(CLASSIFIER, "classify", length=length))
                  for length in sorted({work.length for _, work in groups if work.what == "classify"})],
         "texts a second", "BERT-base, texts at once", folder / "classify.svg")
    bars(groups, [("three generators and BERT", keys("graph", "graph"))], "requests a second",
         "The whole graph, requests at once", folder / "graph.svg")


if __name__ == "__main__":
    main()
