#!/usr/bin/env python3
"""Makes the page of what benchmarks/run.py measured.

usage: page.py RESULTS.json FOLDER

The page is FOLDER/NAME.md, NAME being the instruction set: avx2, avx512, ... What stands in it between the two marks is
made anew; the rest stays as it is. The results are kept beside it as FOLDER/NAME.json.
"""
import json
import pathlib
import shutil
import sys
import textwrap

import table

BEGIN = "<!-- Made by benchmarks/run.py: begin -->"
END = "<!-- Made by benchmarks/run.py: end -->"
TITLES = {"avx2": "AVX2", "avx512": "AVX-512", "neon": "NEON"}
PLOTS = {"decode": "Decoding", "prefill": "Prefill", "classify": "Classification", "graph": "The whole graph"}


def page_name(kernels):
    """The page that the kernels of this name belong to: those of every AVX-512 share one."""
    return kernels.split("_")[0]


def paragraph(text):
    return [*textwrap.wrap(" ".join(text.split()), 120, break_long_words=False, break_on_hyphens=False), ""]


def about_text(about):
    versions = ", ".join(f"{engine} {version}" for engine, version in sorted(about["versions"].items()))
    others = about["others_percent"]
    return [
        *paragraph(f"""Measured on {about["date"]} on {about["cores"]} cores of {about["cpu"]}, with
            {about["threads"]} threads, in one run of {about["minutes"]} minutes: `{about["command"]}`. Chorus
            {about["chorus"]} chose the kernels {about["kernels"]}. Beside it: {versions}."""),
        *paragraph(f"""The engines stood ready beside one another and took turns. A figure is the median of
            {about["turns"]} turns after a warm-up: of fewer where they took {about["max_seconds"]:g} s or more, and of
            one where a peer has another precision in the class that is faster by half; one that is four times as slow
            is left out from there on. Meanwhile other processes had {others:.1f} % of the cores' work, and the host
            took {about["stolen_percent"]:.1f} % of their time. Rates are tokens a second to decode and prefill, texts a
            second to classify, and requests a second of the whole graph. The models have the real sizes and random
            weights."""),
    ]


def failures(failed):
    if not failed:
        return []
    rows = [(each["engine"], each["model"], each["precision"], each["why"].replace("|", "/")) for each in failed]
    return ["### Not measured", *table.markdown(("engine", "model", "precision", "why"), rows), ""]


def block(results, images):
    """The lines between the marks. `images` maps the names of the plots to their paths, as seen from the page."""
    lines = results["measured"]
    text = [BEGIN, "## Beside every peer", *about_text(results["about"])]
    text += ["Each class of weights, Chorus and the fastest peer at the fastest of their precisions:", ""]
    text += [*table.beside_fastest_peer(lines), ""]
    for name, path in images.items():
        text += [f"![{PLOTS[name]}]({path})", ""]
    text += ["Every engine, a row for each width of the weights:", "", *table.every_engine(lines), ""]
    if any(line["what"] == "graph" for line in lines):
        text += paragraph("""The whole graph is one text to three generators (128 tokens in all, sampled from the 50
            likeliest) and the classifier over their texts, for so many requests that come at once, until the last is
            answered. Chorus answers over HTTP, with a process a model; OpenVINO gets them as one ready-made batch in
            one Python process, with no server.""")
    text += ["Memory of all processes of an engine, MiB, at the leanest of its precisions:", ""]
    text += [*table.memory(lines), "", *failures(results["failed"]), END]
    return text


def insert(page, text):
    """The page with `text` in the place of what stood between the marks, else before its first section."""
    if BEGIN in page:
        head, _, rest = page.partition(BEGIN)
        _, _, tail = rest.partition(END)
        return head + text + tail
    head, section, tail = page.partition("\n## ")
    return head.rstrip("\n") + "\n\n" + text + "\n" + section + tail


def make(results_path, folder, plot=None):
    """`plot(results_path, images_folder)` draws what PLOTS names; without it the page has no pictures."""
    results = json.loads(results_path.read_text())
    name = page_name(results["about"]["kernels"])
    images = {}
    if plot:
        drawn = folder / "images" / name
        plot(results_path, drawn)
        images = {each: f"images/{name}/{each}.svg" for each in PLOTS if (drawn / f"{each}.svg").exists()}
    page = folder / f"{name}.md"
    folder.mkdir(parents=True, exist_ok=True)
    old = page.read_text() if page.exists() else f"# Performance on {TITLES.get(name, name)}\n"
    page.write_text(insert(old, "\n".join(block(results, images))))
    if results_path.resolve() != (folder / f"{name}.json").resolve():
        shutil.copy(results_path, folder / f"{name}.json")
    return page


def main():
    if len(sys.argv) != 3:
        sys.exit(__doc__)
    print(make(pathlib.Path(sys.argv[1]), pathlib.Path(sys.argv[2])))


if __name__ == "__main__":
    main()
