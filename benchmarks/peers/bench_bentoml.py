#!/usr/bin/env python3
"""BentoML: the inference graph of its tutorial, served over HTTP.

BentoML makes one runner process a model, each with as many threads as the machine has cores: --threads does not change
that.
"""
import atexit
import concurrent.futures
import importlib.metadata
import json
import os
import pathlib
import socket
import subprocess
import sys
import time
import urllib.request

import common

HERE = pathlib.Path(__file__).resolve().parent / "bentoml_service"


def free_port():
    with socket.socket() as listener:
        listener.bind(("127.0.0.1", 0))
        return listener.getsockname()[1]


class Graph:
    """A running server; ready when the constructor returns, gone when this process ends."""

    def __init__(self, args):
        port = free_port()
        self.url = f"http://127.0.0.1:{port}"
        log = common.peers_dir() / "bentoml.log"
        self.server = subprocess.Popen(
            [pathlib.Path(sys.executable).with_name("bentoml"), "serve", "service.py:service", "--production",
             "--port", str(port)],
            cwd=HERE, stdout=log.open("w"), stderr=subprocess.STDOUT,
            env={**os.environ, "BENTOML_HOME": str(common.peers_dir() / "bentoml"), "BENTOML_DO_NOT_TRACK": "True",
                 "BENTOML_CONFIG": str(HERE / "configuration.yaml"), "HF_HUB_OFFLINE": "1",
                 "PYTHONDONTWRITEBYTECODE": "1"})
        atexit.register(self.stop)
        while not self.ready():
            if self.server.poll() is not None:
                raise RuntimeError(f"the service ended; see {log}")
            time.sleep(0.1)

    def stop(self):
        self.server.terminate()  # It ends its workers, which are in sessions of their own.
        self.server.wait()

    def ready(self):
        try:
            return urllib.request.urlopen(f"{self.url}/readyz", timeout=60).status == 200
        except OSError:
            return False

    def ask(self, _):
        request = urllib.request.Request(f"{self.url}/classify_generated_texts", common.PROMPT_TEXT.encode(),
                                         {"Content-Type": "text/plain"})
        with urllib.request.urlopen(request) as response:
            results = json.load(response)
        if len(results) != len(common.GENERATORS):
            raise RuntimeError(f"{len(common.GENERATORS)} results were wanted: {results}")

    def __call__(self, count):
        with concurrent.futures.ThreadPoolExecutor(count) as clients:
            list(clients.map(self.ask, range(count)))


if __name__ == "__main__":
    common.main("bentoml", importlib.metadata.version("bentoml"), __doc__, open_graph=Graph)
