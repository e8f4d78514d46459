"""How a service keeps its runners."""
import asyncio
import threading
import unittest
from unittest import mock

import chorus
from chorus import exceptions, service
from chorus.io import Text


class Scripted:
    """A runner that ends when the test says so, and does not start again before its third try."""
    name = "scripted"

    def __init__(self):
        self.started = []
        self.end = threading.Semaphore(0)
        self.ready_again = threading.Event()
        self.closed = threading.Event()

    def init_local(self):
        self.started.append(threading.current_thread())
        if len(self.started) in (2, 3):
            raise exceptions.RunnerError("the model is gone")
        if len(self.started) == 4:
            self.ready_again.set()

    def wait(self):
        self.end.acquire()
        return "by the test"

    def close(self):
        self.closed.set()
        self.end.release()


class KeepTest(unittest.TestCase):
    def test_starts_a_runner_again_until_it_is_ready(self):
        runner = Scripted()
        svc = chorus.Service("s", runners=[runner])
        with mock.patch.object(service, "_MIN_BACKOFF_SECONDS", 0.01), self.assertLogs("chorus.service") as logs:
            svc.start()
            runner.end.release()
            self.assertTrue(runner.ready_again.wait(30))
            svc.stop()
        self.assertEqual(4, len(runner.started))
        waits = [line.partition("again in ")[2] for line in logs.output if "starts again" in line]
        self.assertEqual(["0.01 s: by the test", "0.02 s: the model is gone", "0.04 s: the model is gone"], waits)

    def test_stops_at_once(self):
        runner = Scripted()
        svc = chorus.Service("s", runners=[runner])
        says = threading.Event()
        with (mock.patch.object(service, "_MIN_BACKOFF_SECONDS", 3600),
              mock.patch.object(service._LOG, "error", lambda *words: says.set())):
            svc.start()
            runner.end.release()
            self.assertTrue(says.wait(30))
            svc.stop()
        self.assertEqual([], svc._keepers)
        self.assertEqual(1, len(runner.started))


class ApiTest(unittest.TestCase):
    def test_what_is_no_api(self):
        svc = chorus.Service("s")
        for arguments, kind, words in (({"input": Text, "output": Text()}, TypeError, "input: must be a Text"),
                                       ({"input": Text(), "output": "text"}, TypeError, "output: must be a Text"),
                                       ({"input": Text(), "output": Text(), "route": "/readyz"}, ValueError, "/readyz is a page"),
                                       ({"input": Text(), "output": Text(), "name": "a b"}, ValueError, "a route is")):
            with self.assertRaisesRegex(kind, words):
                svc.api(**arguments)(lambda text: text)
        with self.assertRaisesRegex(TypeError, "one argument, the request: two has 2"):
            @svc.api(input=Text(), output=Text())
            def two(text, more):
                return text
        for runners in (["gpt2-generation"], [Scripted(), None]):
            with self.assertRaisesRegex(TypeError, r"runners: must be what Model.to_runner\(\) makes"):
                chorus.Service("s", runners=runners)
        self.assertEqual({}, svc.apis)

    def test_what_returns_an_awaitable(self):
        class Asynchronous:
            async def __call__(self, text):
                return text + "!"

        svc = chorus.Service("s")
        svc.api(input=Text(), output=Text(), name="object")(Asynchronous())
        svc.api(input=Text(), output=Text(), name="lambda")(lambda text: Asynchronous()(text))
        for name in svc.apis:
            self.assertEqual(b"a!", asyncio.run(svc.call(name, b"a")))


if __name__ == "__main__":
    unittest.main()
