"""The tutorial from Python: one script saves the models of four pipelines, the other is a service over them.

Runs examples/inference_graph, with the demo models as the pipelines' models. Without transformers, as in ctest, a
stand-in of it is what the pipelines come from. The real one:

    pip install transformers torch           # 3 GB; into the environment where the package chorus is
    CHORUS_BIN=build/bin python tests/python/tutorial_test.py
"""
import importlib.util
import json
import os
import pathlib
import re
import signal
import subprocess
import tempfile
import threading
import time
import unittest
import urllib.error
import urllib.request

import chorus
from served import FOLDERS, ROOT, bin_folder, own_store, running, script

SCRIPTS = ROOT / "python/examples/inference_graph"
PROMPT = "I have an idea!"


def setUpModule():
    global URL
    environment = dict(os.environ)
    if importlib.util.find_spec("transformers") is None:
        environment["PYTHONPATH"] = str(pathlib.Path(__file__).parent / "stand_in")
    unittest.enterModuleContext(own_store())
    environment["CHORUS_HOME"] = os.environ["CHORUS_HOME"]
    saved = subprocess.run(script(str(SCRIPTS / "save_models.py"), *map(str, FOLDERS.values())), env=environment, check=True,
                           stdout=subprocess.PIPE, text=True).stdout
    for name in FOLDERS:
        assert re.search(rf"^saved {name}:[0-9a-f]+$", saved, re.M), saved
    process, line = unittest.enterModuleContext(
        running(script("-m", "chorus", "serve", "service:svc", "--port", "0"), cwd=SCRIPTS))
    URL = line.split()[-1]


def call(path, body=None, **headers):
    """The code and the body."""
    request = urllib.request.Request(URL + path, None if body is None else body.encode(), headers)
    try:
        with urllib.request.urlopen(request, timeout=60) as reply:
            return reply.status, reply.read().decode()
    except urllib.error.HTTPError as error:
        with error:
            return error.code, error.read().decode()


class TutorialTest(unittest.TestCase):
    def test_saved(self):
        versions = {str(model.tag.name): model.tag.version for model in chorus.models.list() if model.tag.version != "demo"}
        self.assertEqual(set(FOLDERS), set(versions))
        self.assertEqual(versions["gpt2-generation"], chorus.get("gpt2-generation:latest").tag.version)

    def test_the_tutorials_call(self):
        code, body = call("/classify_generated_texts", PROMPT, **{"Content-Type": "text/plain"})
        self.assertEqual(200, code, body)
        results = json.loads(body)
        self.assertEqual(3, len(results))
        for result in results:
            self.assertEqual(["generated", "score"], list(result))
            self.assertTrue(result["generated"].startswith(PROMPT))
            self.assertTrue(0.5 <= result["score"] <= 1)

    def test_many_at_once(self):
        codes = []
        threads = [threading.Thread(target=lambda: codes.append(call("/classify_generated_texts", PROMPT)[0]))
                   for _ in range(8)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        self.assertEqual([200] * 8, codes)

    def test_pages(self):
        for path in ("/livez", "/readyz", "/healthz"):
            self.assertEqual((200, "\n"), call(path))
        self.assertIn("POST /classify_generated_texts\n", call("/")[1])

    def test_errors(self):
        code, body = call("/classify_generated_texts", "word " * 200)  # A prompt of max_length tokens.
        error = json.loads(body)["error"]
        self.assertEqual((400, "INVALID_ARGUMENT"), (code, error["status"]))
        self.assertIn("max_length", error["message"])
        code, body = call("/classify_generated_text", PROMPT)
        self.assertEqual(404, code)
        self.assertIn("did you mean /classify_generated_texts?", body)
        self.assertEqual(405, call("/classify_generated_texts")[0])
        self.assertEqual(504, call("/classify_generated_texts", PROMPT, **{"X-Request-Timeout-Ms": "1"})[0])
        request = urllib.request.Request(URL + "/classify_generated_texts", b"\xff")
        with self.assertRaises(urllib.error.HTTPError) as raised:
            urllib.request.urlopen(request, timeout=60)
        self.assertEqual(400, raised.exception.code)
        raised.exception.close()


class ServeTest(unittest.TestCase):
    """What the service and its command do when something is wrong; with a service of the tests."""

    FOLDER = pathlib.Path(__file__).parent / "services"

    def test_one_that_fails(self):
        with running(script("-m", "chorus", "serve", "failing.py:svc", "--port", "0"), cwd=self.FOLDER) as (process, line):
            url = line.split()[-1]
            for path, body, code, words in (("/fails", b"{}", 500, "its log says how"), ("/fails", b"{", 400, "no JSON"),
                                            ("/not_json", b"", 500, "its log"), ("/exits", b"", 500, "its log"),
                                            ("/awaits_what_is_cancelled", b"", 500, "its log"),
                                            ("/is_refused", b"", 503, "no replica"), ("/blocking", b"hi", 200, "HI"),
                                            ("/named/path", b"", 200, "null")):
                request = urllib.request.Request(url + path, body)
                try:
                    with urllib.request.urlopen(request, timeout=60) as reply:
                        got = reply.status, reply.read().decode()
                except urllib.error.HTTPError as error:
                    with error:
                        got = error.code, error.read().decode()
                        self.assertEqual("1" if error.code == 503 else None, error.headers["Retry-After"])
                self.assertEqual(code, got[0], path)
                self.assertIn(words, got[1])
                self.assertNotIn("secret", got[1])

    def test_a_runner_that_ends_starts_again(self):
        with running(script("-m", "chorus", "serve", "one_runner:svc", "--port", "0"), cwd=self.FOLDER) as (process, line):
            url = line.split()[-1]
            with urllib.request.urlopen(url + "/readyz") as reply:
                self.assertEqual(200, reply.status)
            for child in pathlib.Path(f"/proc/{process.pid}/task").glob("*/children"):
                for pid in child.read_text().split():
                    if b"runner_server" in pathlib.Path(f"/proc/{pid}/cmdline").read_bytes():
                        os.kill(int(pid), signal.SIGKILL)
            end = time.monotonic() + 30
            while True:
                try:
                    urllib.request.urlopen(url + "/readyz").close()
                except urllib.error.HTTPError as error:
                    with error:
                        self.assertEqual((503, b"Runners are not ready.\n"), (error.code, error.read()))
                    break
                self.assertLess(time.monotonic(), end)
                time.sleep(0.02)
            refused = 0
            while True:
                try:
                    with urllib.request.urlopen(urllib.request.Request(url + "/classify", b"a film")) as reply:
                        self.assertIn("label", reply.read().decode())
                    break
                except urllib.error.HTTPError as error:
                    with error:
                        self.assertEqual((503, "1"), (error.code, error.headers["Retry-After"]))
                        self.assertIn("has ended: it was ended by signal 9", error.read().decode())
                    refused += 1
                self.assertLess(time.monotonic(), end)
                time.sleep(0.02)
            self.assertGreater(refused, 0)  # For the backoff, at least.
            urllib.request.urlopen(url + "/readyz").close()

    def test_a_signal_while_a_model_is_loaded(self):
        with tempfile.TemporaryDirectory() as folder:
            loads = pathlib.Path(folder, "runner_server")
            loads.write_text("#!/bin/sh\ntouch $0.started\nexec sleep 600\n")
            loads.chmod(0o755)
            pathlib.Path(folder, "chorus").symlink_to(bin_folder() / "chorus")
            with subprocess.Popen(script("-m", "chorus", "serve", "one_runner:svc", "--port", "0"), cwd=self.FOLDER,
                                  env={**os.environ, "CHORUS_BIN": folder}, stderr=subprocess.PIPE, text=True) as process:
                while not os.path.exists(f"{loads}.started"):
                    self.assertIsNone(process.poll())
                    time.sleep(0.02)
                process.terminate()
                _, said = process.communicate(timeout=60)
            self.assertEqual(0, process.returncode, said)
            self.assertNotIn("Traceback", said)

    def test_what_cannot_be_served(self):
        for words, says in ((["failing:nothing"], "nothing of .*failing.py is no chorus.Service"),
                            (["no_model:svc"], "no model no-such"), (["failing:svc", "--nope"], "--nope"),
                            (["no_model:svc", "--reload"], "no model no-such")):
            result = subprocess.run(script("-m", "chorus", "serve", *words), cwd=self.FOLDER, capture_output=True, text=True,
                                    check=False)
            self.assertNotEqual(0, result.returncode)
            self.assertRegex(result.stderr, says)
            self.assertNotIn("Traceback", result.stderr)


if __name__ == "__main__":
    unittest.main()
