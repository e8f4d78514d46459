"""Runners of this machine, with the demo models."""
import asyncio
import gc
import os
import pathlib
import signal
import subprocess
import sys
import tempfile
import threading
import time
import unittest
import unittest.mock

import chorus
from chorus import exceptions
from chorus.runners import Runner
from served import CLASSIFIER, FOLDERS, GENERATOR, served

PROMPT = "I have an idea!"


def runner(name, **options):
    return Runner(name, "demo", FOLDERS[name], **options)


def is_alive(pid):
    try:
        return pathlib.Path(f"/proc/{pid}/stat").read_text().split()[2] != "Z"
    except FileNotFoundError:
        return False


def wait_gone(test, pids):
    end = time.monotonic() + 30
    while any(is_alive(pid) for pid in pids):
        test.assertLess(time.monotonic(), end, "a runner outlives its process")
        time.sleep(0.02)


class GeneratorTest(unittest.TestCase):
    @classmethod
    def setUpClass(cls):
        cls.runner = cls.enterClassContext(runner(GENERATOR))

    def test_as_the_pipeline(self):
        result = self.runner.run(PROMPT, max_length=20, num_return_sequences=2, seed=7)
        self.assertEqual(2, len(result))
        self.assertTrue(all(each["generated_text"].startswith(PROMPT) for each in result))
        self.assertNotEqual(*result)
        of_list = self.runner.run([PROMPT, "Once"], max_length=20, seed=7)
        self.assertEqual([[result[0]], self.runner.run("Once", max_length=20, seed=7)], of_list)
        greedy = self.runner.run(PROMPT, max_new_tokens=5, do_sample=False)
        self.assertEqual(greedy, self.runner.run(PROMPT, max_new_tokens=5, temperature=0))
        self.assertNotEqual(self.runner.run(PROMPT), self.runner.run(PROMPT))

    def test_the_first_argument_by_name(self):
        text, = self.runner.run(PROMPT, max_new_tokens=3, seed=7)
        for named in ({"text_inputs": PROMPT}, {"inputs": PROMPT}):
            self.assertEqual([text], self.runner.run(**named, max_new_tokens=3, seed=7))
            self.assertEqual([text], asyncio.run(self.runner.async_run(**named, max_new_tokens=3, seed=7)))
        with self.assertRaisesRegex(TypeError, r"run\(\) missing 1 required .* 'inputs'"):
            self.runner.run(max_new_tokens=3)
        with self.assertRaisesRegex(TypeError, "multiple values"):
            self.runner.run(PROMPT, text_inputs=PROMPT)

    def test_a_generator_of_texts(self):
        texts = self.runner.run((text for text in (PROMPT, "Once")), max_new_tokens=3, seed=7)
        self.assertEqual(self.runner.run([PROMPT, "Once"], max_new_tokens=3, seed=7), [next(texts), *texts])
        with self.assertRaisesRegex(TypeError, r"not a generator; list\(…\) makes a list"):
            asyncio.run(self.runner.async_run(text for text in (PROMPT, "Once")))

    def test_a_list_longer_than_the_queue(self):
        with runner(GENERATOR, max_sequences=8) as small:
            self.assertEqual(300, len(small.run(["a"] * 300, max_new_tokens=1)))
            self.assertEqual(300, len(asyncio.run(small.async_run(["a"] * 300, max_new_tokens=1))))
            for call in (small.run, lambda *a, **k: asyncio.run(small.async_run(*a, **k))):
                with self.assertRaises(exceptions.DeadlineExceeded):
                    call(["a"] * 300, max_new_tokens=100, ignore_eos=True, timeout=0.3)

    def test_async_run_is_the_same(self):
        async def calls():
            return await asyncio.gather(*(self.runner.async_run(PROMPT, max_length=20, seed=seed) for seed in range(4)))

        for _ in range(2):  # In another event loop each time.
            self.assertEqual([self.runner.run(PROMPT, max_length=20, seed=seed) for seed in range(4)], asyncio.run(calls()))
            gc.collect()

    def test_the_same_text_as_a_servers(self):
        with served() as server, chorus.Client(server.http) as client:
            self.assertEqual([{"generated_text": client.generate(GENERATOR, PROMPT, seed=7).generated}],
                             self.runner.run(PROMPT, seed=7))

    def test_errors(self):
        for call in (self.runner.run, lambda *a, **k: asyncio.run(self.runner.async_run(*a, **k))):
            with self.assertRaisesRegex(exceptions.InvalidArgument, "max_length"):
                call(PROMPT, max_length=1)
            with self.assertRaisesRegex(exceptions.InvalidArgument, "max_length"):
                call([PROMPT, "a"], max_length=2)
            with self.assertRaisesRegex(exceptions.InvalidArgument, "top_p"):
                call(PROMPT, top_p=2)
            with self.assertRaises(exceptions.DeadlineExceeded):
                call(PROMPT, max_length=240, timeout=0.001)
            with self.assertRaisesRegex(TypeError, "Did you mean 'max_length'"):
                call(PROMPT, max_lenght=1)

    def test_cancelling_frees_the_runner(self):
        async def cancel():
            task = asyncio.create_task(self.runner.async_run([PROMPT] * 8, max_length=240, ignore_eos=True))
            await asyncio.sleep(0.2)
            task.cancel()
            with self.assertRaises(asyncio.CancelledError):
                await task

        asyncio.run(cancel())
        self.assertEqual(1, len(self.runner.run(PROMPT, max_new_tokens=1)))


class ClassifierTest(unittest.TestCase):
    def test_as_the_pipeline(self):
        with runner(CLASSIFIER) as classifier:
            good, = classifier.run("a wonderful, touching film")
            self.assertEqual("POSITIVE", good["label"])
            both = classifier.run(["a wonderful, touching film", "a dull mess"])
            self.assertEqual([good, "NEGATIVE"], [both[0], both[1]["label"]])
            everything = classifier.run("a dull mess", top_k=None)
            self.assertEqual(["NEGATIVE", "POSITIVE"], [each["label"] for each in everything])
            self.assertAlmostEqual(1, sum(each["score"] for each in everything))
            with self.assertRaises(exceptions.InvalidArgument):
                classifier.run("long " * 2000, truncation=False)
            self.assertEqual(good, asyncio.run(classifier.async_run("a wonderful, touching film"))[0])
            film, mess = "a wonderful, touching film", "a dull mess"
            pair = classifier.run({"text": mess, "text_pair": film})
            self.assertEqual([good, pair, good], classifier.run(inputs=[film, [[mess, film]], {"text": film}]))
            self.assertEqual([pair], classifier.run(mess, text_pair=film))


class LifeTest(unittest.TestCase):
    def test_not_started(self):
        one = runner(GENERATOR)
        with self.assertRaisesRegex(exceptions.RunnerError, r"init_local\(\)"):
            one.run(PROMPT)
        with self.assertRaisesRegex(exceptions.RunnerError, r"init_local\(\)"):
            asyncio.run(one.async_run(PROMPT))
        one.close()

    def test_starts_again(self):
        one = runner(CLASSIFIER)
        one.init_local()
        pid = one._started.process._process.pid
        one.init_local()
        self.assertEqual(pid, one._started.process._process.pid)
        one.close()
        self.assertFalse(one.is_running)
        wait_gone(self, [pid])
        one.init_local(quiet=True)
        self.assertEqual(1, len(one.run("a")))
        one.close()
        one.close()

    def test_a_runner_that_ends(self):
        with runner(CLASSIFIER) as one:
            os.kill(one._started.process._process.pid, signal.SIGKILL)
            one._started.process._process.wait(30)
            self.assertFalse(one.is_running)
            words = r"has ended: it was ended by signal 9 \(SIGKILL\); the kernel does so where memory"
            with self.assertRaisesRegex(exceptions.RunnerError, words):
                one.run("a")
            with self.assertRaisesRegex(exceptions.RunnerError, words):
                asyncio.run(one.async_run("a"))
            self.assertIn("signal 9", one.wait())
            one.init_local()
            self.assertEqual(1, len(one.run("a")))

    def test_a_runner_that_ends_during_a_call(self):
        with runner(GENERATOR) as one:
            pid = one._started.process._process.pid
            threading.Timer(0.3, os.kill, (pid, signal.SIGKILL)).start()
            with self.assertRaisesRegex(exceptions.RunnerError, "has ended: .*signal 9"):
                while True:
                    one.run([PROMPT] * 16, max_length=240, ignore_eos=True)

    def test_a_runner_that_starts_again_during_a_call(self):
        """What it then closes has a call, which is told how the process ended."""
        async def call(one, inputs):
            process = one._started.process._process
            os.kill(process.pid, signal.SIGSTOP)  # The call neither ends nor fails.
            calls = [asyncio.create_task(asyncio.to_thread(one.run, inputs)), asyncio.create_task(one.async_run(inputs))]
            await asyncio.sleep(0.3)
            self.assertEqual([False, False], [each.done() for each in calls])
            one._started.blocking.close()
            one._started.asynchronous.close_soon()
            process.kill()
            return await asyncio.gather(*calls, return_exceptions=True)

        for name in (CLASSIFIER, GENERATOR):
            with runner(name) as one:
                for error in asyncio.run(asyncio.wait_for(call(one, "a"), 60)):
                    self.assertIsInstance(error, exceptions.RunnerError)
                    self.assertRegex(str(error), "has ended: .*signal 9")

    def test_a_fork(self):
        with runner(CLASSIFIER) as one:
            reads, writes = os.pipe()
            pid = os.fork()
            if pid == 0:
                try:
                    for call in (lambda: one.run("a"), one.init_local):
                        try:
                            call()
                        except exceptions.RunnerError as error:
                            os.write(writes, str(error).encode())
                finally:
                    os._exit(0)
            os.close(writes)
            os.waitpid(pid, 0)
            with open(reads, encoding="utf-8") as pipe:
                self.assertEqual(2, pipe.read().count("is a fork"))
            self.assertEqual(1, len(one.run("a")))

    def test_what_is_no_timeout(self):
        with runner(CLASSIFIER) as one:
            with self.assertRaisesRegex(ValueError, "timeout"):
                one.run("a", timeout=0)
            self.assertEqual(1, len(one.run("a", timeout=float("inf"))))

    def test_a_model_that_cannot_be_loaded(self):
        with tempfile.TemporaryDirectory() as folder:
            pathlib.Path(folder, "config.json").write_text('{"architectures": ["NoSuchModel"]}')
            with self.assertRaisesRegex(exceptions.RunnerError, "NoSuchModel"):
                Runner("x", "v1", pathlib.Path(folder)).init_local()

    def test_no_program(self):
        with unittest.mock.patch.dict(os.environ, {"CHORUS_BIN": "/nowhere"}):
            with self.assertRaisesRegex(exceptions.ProgramError, "/nowhere"):
                runner(GENERATOR).init_local()

    def test_runners_end_with_the_process(self):
        """However it ends; and the folder of a process that ends well goes with it."""
        code = ("import os, sys, threading, runners_test as t\n"
                f"def start():\n  global one; one = t.runner({CLASSIFIER!r}); one.init_local()\n"
                "if sys.argv[1] == 'thread':\n"
                "  thread = threading.Thread(target=start); thread.start(); thread.join()\n"  # It outlives this thread.
                "else: start()\n"  # Python lets no other thread handle signals.
                "assert one.run('a')\n"
                "print(one._started.process._process.pid, one._started.process._home.folder, flush=True)\n"
                "sys.stdin.read()\n")
        for end in ("normal", "exception", signal.SIGINT, signal.SIGTERM, signal.SIGHUP, signal.SIGKILL):
            with self.subTest(end=end), subprocess.Popen(
                    [sys.executable, "-B", "-c", code + ("raise SystemExit(1)" if end == "exception" else ""),
                     "main" if end in (signal.SIGTERM, signal.SIGHUP) else "thread"],
                    stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True,
                    cwd=pathlib.Path(__file__).parent) as process:
                pid, folder = process.stdout.readline().split()
                self.assertTrue(is_alive(pid))
                if isinstance(end, signal.Signals):
                    process.send_signal(end)
                process.stdin.close()
                process.wait(60)
                wait_gone(self, [pid])
                if end in (signal.SIGTERM, signal.SIGHUP):
                    self.assertEqual(-end, process.returncode)
                if end == signal.SIGKILL:
                    self.assertTrue(os.path.exists(folder))
                    with tempfile.TemporaryDirectory(prefix="chorus-") as other:  # Another program's.
                        code = f"import runners_test as t; t.runner({CLASSIFIER!r}).init_local()"
                        subprocess.run([sys.executable, "-B", "-c", code], check=True, cwd=pathlib.Path(__file__).parent)
                        self.assertTrue(os.path.exists(other))
                self.assertFalse(os.path.exists(folder))


if __name__ == "__main__":
    unittest.main()
