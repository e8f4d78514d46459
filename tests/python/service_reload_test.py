"""`chorus serve MODULE:NAME --reload`: real servers, whose files and models change while calls run."""
import asyncio
import contextlib
import http.client
import os
import pathlib
import shutil
import signal
import socket
import subprocess
import tempfile
import threading
import time
import unittest
from unittest import mock

from chorus import _reload
from served import FOLDERS, bin_folder, own_store, script

SERVICE = """import time
import chorus
from chorus.io import Text

svc = chorus.Service("changing")


@svc.api(input=Text(), output=Text())
def version(text):
    if text == "slow":
        time.sleep(3)
    return "one"
"""
LOADING = "chorus: loading beside what serves: "


class Server:
    """A service in a folder of its own, and what it says."""

    def __init__(self, text, *flags):
        self.folder = pathlib.Path(tempfile.mkdtemp())
        self.write(text)
        self.said = []
        self._changed = threading.Condition()
        self.process = subprocess.Popen(
            script("-m", "chorus", "serve", "service:svc", "--reload", "--port", "0", *flags), cwd=self.folder, text=True,
            stdin=subprocess.DEVNULL, stderr=subprocess.PIPE, start_new_session=True)
        self._reader = threading.Thread(target=self._read)
        self._reader.start()
        self.port = int(self.wait("Chorus is ready").rpartition(":")[2])

    def _read(self):
        for line in self.process.stderr:
            if "chorus.service: request=" in line:
                continue
            with self._changed:
                self.said.append(line.rstrip("\n"))
                self._changed.notify_all()

    def write(self, text, name="service.py"):
        (self.folder / "new").write_text(text)
        (self.folder / "new").rename(self.folder / name)

    def import_for_long(self):
        """Has it load a service whose import does not end, and waits until it is at that."""
        begun = self.folder / "begun"
        self.write(SERVICE + f"\nopen({str(begun)!r}, 'w')\ntime.sleep(600)\n")
        deadline = time.monotonic() + 60
        while not begun.exists():
            assert time.monotonic() < deadline, self.said
            time.sleep(0.05)
        begun.unlink()

    def count(self, text):
        return sum(text in line for line in self.said)

    def wait(self, text, count=1):
        """The line that has it."""
        with self._changed:
            if not self._changed.wait_for(lambda: self.count(text) >= count, 120):
                raise AssertionError(f"it did not say {text!r}: " + "\n".join(self.said))
            return [line for line in self.said if text in line][count - 1]

    def post(self, body="", connection=None):
        one = connection or http.client.HTTPConnection("127.0.0.1", self.port, timeout=60)
        one.request("POST", "/version", body)
        reply = one.getresponse()
        answer = reply.status, reply.read().decode()
        if connection is None:
            one.close()
        return answer

    def children(self):
        """The processes of the service."""
        listed = subprocess.run(["ps", "-o", "pid=", "--ppid", str(self.process.pid)], capture_output=True, text=True)
        return [int(word) for word in listed.stdout.split()]

    def close(self):
        if self.process.poll() is None:
            self.process.kill()
        self.process.wait()
        self._reader.join()
        self.process.stderr.close()
        shutil.rmtree(self.folder)


@contextlib.contextmanager
def calling(server):
    """Calls one after the other, on connections that stay and on others; the answers, and what failed."""
    stop, answers, failures = threading.Event(), set(), []

    def call(keeps):
        connection = http.client.HTTPConnection("127.0.0.1", server.port, timeout=60)
        last = time.monotonic()
        while not stop.is_set():
            try:
                if not keeps or time.monotonic() - last > 2:  # What is idle for 5 s is closed.
                    connection.close()
                code, answer = server.post(connection=connection)  # http.client connects anew after a Connection: close.
                last = time.monotonic()
                answers.add(answer)
                if code != 200:
                    failures.append((code, answer))
            except (OSError, http.client.HTTPException) as error:
                failures.append(repr(error))
                connection.close()
        connection.close()

    threads = [threading.Thread(target=call, args=(keeps,)) for keeps in (True, True, False)]
    for thread in threads:
        thread.start()
    try:
        yield answers, failures
    finally:
        stop.set()
        for thread in threads:
            thread.join()


class ServiceReloadTest(unittest.TestCase):
    def start(self, text=SERVICE, *flags):
        server = Server(text, *flags)
        self.addCleanup(server.close)
        return server

    def test_no_call_fails_while_files_change(self):
        server = self.start()
        with calling(server) as (answers, failures):
            slow = []
            thread = threading.Thread(target=lambda: slow.append(server.post("slow")))
            thread.start()
            time.sleep(0.5)  # It has begun.
            server.write(SERVICE.replace('"one"', '"two"'))
            self.assertIn("service.py has changed", server.wait(LOADING))
            server.wait("chorus: reloaded")
            self.assertEqual((200, "two"), server.post())
            server.write("ANSWER = 'three'\n", "other.py")
            server.wait("chorus: reloaded", 2)
            server.write("import other\n" + SERVICE.replace('"one"', "other.ANSWER"))
            server.wait("chorus: reloaded", 3)
            server.write("ANSWER = 'four'\n", "other.py")
            self.assertIn("other.py has changed", server.wait(LOADING, 4))
            server.wait("chorus: reloaded", 4)
            self.assertEqual((200, "four"), server.post())
            thread.join()
        self.assertEqual([(200, "one")], slow)  # By the process that began it.
        self.assertEqual([], failures)
        self.assertLessEqual({"one", "two", "three"}, answers)
        self.assertEqual(0, server.count("not reloaded"))
        deadline = time.monotonic() + 60
        while len(server.children()) > 1:  # Those before end with their calls.
            self.assertLess(time.monotonic(), deadline, server.said)
            time.sleep(0.1)

    def test_what_cannot_be_imported_leaves_what_serves(self):
        server = self.start()
        with calling(server) as (answers, failures):
            server.write(SERVICE + "\nnonsense\n")
            line = server.wait("chorus: not reloaded, and what served serves on: ")
            self.assertRegex(line, r"/service.py:14: NameError: name 'nonsense' is not defined; it is tried again when")
            self.assertIn("    nonsense", server.said)  # The traceback.
            server.write(SERVICE + "\ndef (\n")
            self.assertRegex(server.wait("not reloaded", 2), r"/service.py:14: SyntaxError: invalid syntax; it is tried")
            server.write(SERVICE.replace("svc", "other"))
            self.assertIn("svc of ", server.wait("not reloaded", 3))
            server.write("import os, signal\nos.kill(os.getpid(), signal.SIGKILL)\n")
            self.assertIn("its process was killed by signal 9 (Killed); memory may have run out",
                          server.wait("not reloaded", 4))
            server.process.send_signal(signal.SIGHUP)
            server.wait("not reloaded", 5)
            server.write(SERVICE)
            server.wait("chorus: reloaded")
        self.assertEqual(({"one"}, []), (answers, failures))

    def test_a_change_while_one_is_imported_comes_in_its_place(self):
        server = self.start()
        with calling(server) as (_, failures):
            server.import_for_long()
            server.write(SERVICE.replace('"one"', '"two"'))
            server.wait("chorus: another change comes in the place of the one that was under way")
            server.wait("chorus: reloaded")
            self.assertEqual((200, "two"), server.post())
            server.import_for_long()
            server.write(SERVICE.replace('"one"', '"two"'))
            server.wait("chorus: reloaded", 2)
        self.assertEqual([], failures)

    def test_ctrl_c_during_a_reload(self):
        server = self.start()
        slow = []
        thread = threading.Thread(target=lambda: slow.append(server.post("slow")))
        thread.start()
        server.import_for_long()
        children = server.children()
        self.assertEqual(2, len(children))
        os.killpg(server.process.pid, signal.SIGINT)  # As a terminal does.
        self.assertEqual(0, server.process.wait(60))
        thread.join()
        self.assertEqual([(200, "one")], slow)
        for child in children:
            self.assertFalse(os.path.exists(f"/proc/{child}"))

    def test_a_second_ctrl_c_stops_at_once(self):
        server = self.start(SERVICE.replace("sleep(3)", "sleep(600)"))
        threading.Thread(target=lambda: self.assertRaises(Exception, server.post, "slow"), daemon=True).start()
        time.sleep(0.5)
        server.process.send_signal(signal.SIGINT)
        time.sleep(0.5)
        server.process.send_signal(signal.SIGINT)
        self.assertEqual(1, server.process.wait(20))

    def test_no_process_outlives_the_command(self):
        server = self.start()
        (child,) = server.children()
        server.process.kill()
        server.process.wait()
        deadline = time.monotonic() + 20
        while os.path.exists(f"/proc/{child}") and "Z" not in pathlib.Path(f"/proc/{child}/stat").read_text():
            self.assertLess(time.monotonic(), deadline)
            time.sleep(0.05)

    def test_a_service_that_ends_is_started_again_and_its_callers_wait(self):
        server = self.start()
        (child,) = server.children()
        os.kill(child, signal.SIGKILL)
        server.wait("chorus: service:svc was killed by signal 9 (Killed)")
        self.assertEqual((200, "one"), server.post())
        server.write(SERVICE.replace('"one"', '"two"'))
        server.wait("chorus: reloaded")
        self.assertEqual((200, "two"), server.post())

    def test_what_cannot_serve_at_the_start_ends_it(self):
        with tempfile.TemporaryDirectory() as folder:
            (pathlib.Path(folder) / "service.py").write_text("import chorus\nnonsense\n")
            ended = subprocess.run(script("-m", "chorus", "serve", "service:svc", "--reload", "--port", "0"), cwd=folder,
                                   capture_output=True, text=True, check=False)
        self.assertEqual(1, ended.returncode)
        self.assertRegex(ended.stderr, r"\nchorus: .*/service.py:2: NameError: name 'nonsense' is not defined\n$")


class RetireTest(unittest.IsolatedAsyncioTestCase):
    async def test_waits_until_it_accepts_no_more(self):
        ends = (lambda theirs, stop: theirs.send(b'{"retired": true}\n'), lambda theirs, stop: theirs.close(),
                lambda theirs, stop: stop.set())
        for end in ends:
            ours, theirs = socket.socketpair()
            with theirs:
                process = object.__new__(_reload._Process)
                process._reader, process._writer = await asyncio.open_connection(sock=ours)
                stop = asyncio.Event()
                retiring = asyncio.create_task(process.retire(stop))
                self.assertEqual(b"retire\n", await asyncio.to_thread(theirs.recv, 100))
                await asyncio.sleep(0.1)
                self.assertFalse(retiring.done())
                end(theirs, stop)
                await asyncio.wait_for(retiring, 30)
                process._writer.close()

    async def test_says_so_where_that_is_not_heard(self):
        ours, theirs = socket.socketpair()
        with theirs, mock.patch.object(_reload, "_RETIRE_SECONDS", 0.1), mock.patch.object(_reload, "_say") as say:
            process = object.__new__(_reload._Process)
            process._reader, process._writer = await asyncio.open_connection(sock=ours)
            await asyncio.wait_for(process.retire(asyncio.Event()), 30)
            self.assertIn("may accept calls", say.call_args[0][0])
            process._writer.close()


class ModelReloadTest(unittest.TestCase):
    def test_a_new_version_of_a_model_is_taken_over(self):
        self.enterContext(own_store())
        chorus = str(bin_folder() / "chorus")
        models = [chorus, "models"]
        subprocess.run([*models, "import", str(FOLDERS["gpt2-generation"]), "writer:v1"], check=True, capture_output=True)
        text = SERVICE.replace("svc = chorus.Service(\"changing\")", """
model = chorus.get("writer:latest")
runner = model.to_runner()
svc = chorus.Service("changing", runners=[runner])""").replace(
            'return "one"', 'return model.tag.version + runner.run("It was", max_new_tokens=5)[0]["generated_text"][:6]')
        server = Server(text)
        self.addCleanup(server.close)
        self.assertEqual((200, "v1It was"), server.post())
        with calling(server) as (answers, failures):
            subprocess.run([*models, "label", "writer:v1", "stage=live"], check=True, capture_output=True)  # No change.
            subprocess.run([*models, "copy", "writer:v1", "writer:v2"], check=True, capture_output=True)
            self.assertIn("writer:latest has changed", server.wait(LOADING))
            server.wait("chorus: reloaded")
            self.assertEqual((200, "v2It was"), server.post())
            deadline = time.monotonic() + 60
            while "v2It was" not in answers and time.monotonic() < deadline:  # The callers have a call of before each.
                time.sleep(0.05)
        self.assertEqual(({"v1It was", "v2It was"}, []), (answers, failures))
        self.assertEqual(1, server.count("chorus: reloaded"))
        for version in ("v1", "v2"):  # Not the other way, by which v1 would be the latest for a while.
            subprocess.run([*models, "delete", f"writer:{version}", "-y"], check=True, capture_output=True)
        self.assertIn("writer:latest", server.wait("not reloaded"))
        self.assertEqual((200, "v2It was"), server.post())
        server.process.send_signal(signal.SIGINT)
        self.assertEqual(0, server.process.wait(60))


if __name__ == "__main__":
    unittest.main()
