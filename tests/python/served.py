"""`chorus serve` with the demo models, for tests; and a store of their own."""
import contextlib
import json
import os
import pathlib
import re
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from typing import NamedTuple

ROOT = pathlib.Path(__file__).resolve().parents[2]
DEMO = ROOT / "models/demo"
FOLDERS = {"gpt2-generation": DEMO / "gpt2", "distilgpt2-generation": DEMO / "distilgpt2",
           "gpt2-medium-generation": DEMO / "gpt2-medium", "bert-base-uncased-classification": DEMO / "bert-sst2"}
GENERATOR = "gpt2-generation"
CLASSIFIER = "bert-base-uncased-classification"
EMBEDDER = "embedder"


class Served(NamedTuple):
    http: str
    grpc: str


def bin_folder() -> pathlib.Path:
    return pathlib.Path(os.environ["CHORUS_BIN"])


@contextlib.contextmanager
def own_store() -> Iterator[pathlib.Path]:
    """A new $CHORUS_HOME of this process."""
    with tempfile.TemporaryDirectory() as folder:
        before = os.environ.get("CHORUS_HOME")
        os.environ["CHORUS_HOME"] = folder
        try:
            yield pathlib.Path(folder)
        finally:
            if before is None:
                del os.environ["CHORUS_HOME"]
            else:
                os.environ["CHORUS_HOME"] = before


@contextlib.contextmanager
def running(command: list[str], **options: object) -> Iterator[tuple[subprocess.Popen[str], str]]:
    """A server, and the line in which it says that it is ready. Ended as a service is."""
    process = subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True, **options)  # type: ignore
    assert process.stdout is not None
    said = []
    try:
        for line in process.stdout:
            said.append(line)
            if "Chorus is ready" in line:
                break
        else:
            raise AssertionError("it did not become ready: " + "".join(said))
        with subprocess.Popen(["cat"], stdin=process.stdout, stdout=subprocess.DEVNULL):  # Its pipe must not fill.
            try:
                yield process, line
            finally:
                process.terminate()
                process.wait(60)
    finally:
        if process.poll() is None:
            process.kill()
            process.wait()
        process.stdout.close()


def put_embedder(folder: pathlib.Path) -> None:
    """The demo classifier's weights, as a model whose head has a name that nothing asks for."""
    folder.mkdir()
    for file in FOLDERS[CLASSIFIER].iterdir():
        (folder / file.name).write_bytes(file.read_bytes().replace(b'"classifier.', b'"klassifier.'))
    config = json.loads((folder / "config.json").read_text())
    (folder / "config.json").write_text(json.dumps({**config, "architectures": ["BertModel"]}))


@contextlib.contextmanager
def served() -> Iterator[Served]:
    """A gateway, the four demo models, and an embedder."""
    with own_store() as home:
        put_embedder(home / "embedder")
        command = [str(bin_folder() / "chorus"), "serve", "--port", "0", "--grpc_port", "0", "--also",
                   f"{EMBEDDER}={home / 'embedder'}"]
        with running(command) as (_, line):
            found = re.search(r"HTTP (\S+), .*gRPC (\S+)", line)
            assert found is not None, line
            yield Served(found[1].rstrip(","), "grpc://" + found[2])


def script(*words: str) -> list[str]:
    return [sys.executable, "-B", *words]
