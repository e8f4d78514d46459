"""The clients, against a gateway with the demo models, over HTTP and over gRPC."""
import asyncio
import contextlib
import math
import threading
import time
import unittest

import chorus
from chorus import exceptions
from chorus.results import DoneEvent, ScoreEvent, TokenEvent
from served import CLASSIFIER, EMBEDDER, GENERATOR, served

PROMPT = "I have an idea!"
LONG = {"max_length": 240, "ignore_eos": True, "num_return_sequences": 16}  # Not done before a test looks.
BRANCHES = ["gpt2-generation", "distilgpt2-generation", "gpt2-medium-generation"]


def setUpModule():
    global SERVER
    SERVER = unittest.enterModuleContext(served())


def in_flight(url):
    """Calls of the graph's nodes that are in progress."""
    with chorus.Client(url) as client:
        return sum(node.in_flight for node in client.graph().nodes)


def wait_idle(test, url):
    end = time.monotonic() + 30
    while in_flight(url) > 0:
        test.assertLess(time.monotonic(), end, "the call goes on")
        time.sleep(0.02)


class CallsMixin:
    """What both transports do alike. `url` is the subclass's."""

    def setUp(self):
        self.client = self.enterContext(chorus.Client(self.url()))

    def test_graphs(self):
        graph = self.client.graph()
        self.assertEqual([graph.name], [each.name for each in self.client.graphs()])
        self.assertEqual(sorted(BRANCHES + [CLASSIFIER]), sorted(node.runner for node in graph.nodes))
        self.assertEqual("classify", graph.nodes[-1].kind)
        self.assertEqual(3, len(graph.nodes[-1].inputs))
        self.assertEqual([1] * 4, [node.healthy_replicas for node in graph.nodes])

    def test_run_graph(self):
        plain = self.client.run_graph(PROMPT, seed=7, max_length=20)
        self.assertTrue(all(text.generated.startswith(PROMPT) and 0 < text.score <= 1 for text in plain))
        self.assertIsNone(plain[0].label)
        full = self.client.run_graph(PROMPT, seed=7, max_length=20, details=True, explain=True)
        self.assertEqual([text.generated for text in plain], [text.generated for text in full])
        self.assertEqual(BRANCHES, [text.model for text in full])
        self.assertEqual(7, full[0].seed)
        self.assertEqual("length", full[0].finish_reason)
        self.assertIs(False, full[0].truncated)
        self.assertGreater(full[0].timing.decode, 0)

    def test_generate(self):
        made = self.client.generate(GENERATOR, PROMPT, seed=2**63 + 1, max_new_tokens=4, num_return_sequences=2,
                                    logprobs=1)
        self.assertEqual((4, 2**63 + 1, "length"), (made.generated_tokens, made.seed, made.finish_reason))
        self.assertEqual(4, len(made.logprobs))
        self.assertLess(made.logprobs[0].logprob, 0)
        self.assertEqual(1, len(made.logprobs[0].top))
        self.assertEqual(1, len(made.others))
        self.assertNotEqual(made.generated, made.others[0].generated)
        self.assertFalse(self.client.generate(GENERATOR, PROMPT, echo=False, max_new_tokens=2)
                         .generated.startswith(PROMPT))
        self.assertEqual("stop_string", self.client.generate(
            GENERATOR, PROMPT, stop=made.generated[len(PROMPT):][:3], seed=2**63 + 1).finish_reason)

    def test_classify(self):
        one, = self.client.classify(CLASSIFIER, "a wonderful, touching film")
        self.assertEqual("POSITIVE", one.label)
        self.assertAlmostEqual(1, sum(each.score for each in one.scores))
        two = self.client.classify(CLASSIFIER, ["a dull mess", "a wonderful, touching film"])
        self.assertEqual(["NEGATIVE", "POSITIVE"], [each.label for each in two])
        with self.assertRaises(exceptions.InvalidArgument):
            self.client.classify(CLASSIFIER, "long " * 2000, truncate=False)
        with self.assertRaises(exceptions.InvalidArgument):
            self.client.classify(CLASSIFIER, [])

    def test_classify_pairs(self):
        texts, pairs = ["a dull mess", "a wonderful film"], ["it went on", "and a dull end"]
        two = self.client.classify(CLASSIFIER, texts, text_pairs=pairs, score_kind="raw")
        self.assertEqual([9, 10], [each.num_tokens for each in two])  # Three specials around two texts.
        one, = self.client.classify(CLASSIFIER, texts[1], text_pairs=pairs[1], score_kind="raw")
        self.assertEqual(two[1], one)
        alone, = self.client.classify(CLASSIFIER, texts[1], score_kind="raw")
        self.assertNotEqual(alone.scores, one.scores)
        swapped, = self.client.classify(CLASSIFIER, pairs[1], text_pairs=texts[1], score_kind="raw")
        self.assertNotEqual(swapped.scores, one.scores)
        with self.assertRaisesRegex(exceptions.InvalidArgument, "text_pairs"):
            self.client.classify(CLASSIFIER, texts, text_pairs=pairs[:1])
        with self.assertRaisesRegex(ValueError, "score_kind: must be one of softmax, sigmoid, raw: odds"):
            self.client.classify(CLASSIFIER, texts, score_kind="odds")

    def test_embed(self):
        two = self.client.embed(EMBEDDER, ["a dull and stupid mess", "a wonderful film"])
        one, = self.client.embed(EMBEDDER, "a wonderful film")
        self.assertEqual(two[1], one)
        self.assertEqual((128, 5, False), (len(one.values), one.num_tokens, one.truncated))
        self.assertNotEqual(two[0].values, one.values)
        cut, = self.client.embed(EMBEDDER, "a wonderful film", dimensions=7, normalize=True)
        length = math.hypot(*one.values[:7])
        self.assertEqual(7, len(cut.values))
        for scaled, value in zip(cut.values, one.values):
            self.assertAlmostEqual(value / length, scaled, places=6)
        self.assertTrue(self.client.embed(EMBEDDER, "long " * 2000)[0].truncated)
        for message, parameters in (("dimensions", {"dimensions": 129}), ("tokens", {"truncate": False})):
            with self.assertRaisesRegex(exceptions.InvalidArgument, message):
                self.client.embed(EMBEDDER, "long " * 2000, **parameters)
        with self.assertRaisesRegex(exceptions.InvalidArgument, "is a classifier"):
            self.client.embed(CLASSIFIER, "a wonderful film")

    def test_tokenize(self):
        tokens = self.client.tokenize(GENERATOR, PROMPT)
        self.assertEqual(PROMPT, "".join(PROMPT[token.begin:token.end] for token in tokens.tokens))
        ids = self.client.tokenize(GENERATOR, PROMPT, ids_only=True, limit=2)
        self.assertEqual(tuple(token.id for token in tokens.tokens[:2]), ids.ids)
        self.assertEqual(len(tokens.tokens), ids.num_tokens)
        self.assertEqual(PROMPT, self.client.detokenize(GENERATOR, [token.id for token in tokens.tokens]))

    def test_stream(self):
        whole = self.client.run_graph(PROMPT, seed=7, max_length=20)
        events = list(self.client.stream_graph(PROMPT, seed=7, max_length=20))
        self.assertIsInstance(events[-1], DoneEvent)
        self.assertEqual(7, events[-1].seed)
        for index, text in enumerate(whole):
            of_text = [event for event in events if isinstance(event, TokenEvent) and event.index == index]
            self.assertEqual(text.generated, PROMPT + "".join(event.text for event in of_text))
            score, = [event for event in events if isinstance(event, ScoreEvent) and event.index == index]
            self.assertEqual(text.score, score.score)
        alone = list(self.client.stream_generate(GENERATOR, PROMPT, seed=7, max_new_tokens=3))
        self.assertEqual(3, sum(event.num_tokens for event in alone[:-1]))

    def test_closing_a_stream_cancels_the_call(self):
        events = self.client.stream_graph(PROMPT, **LONG)
        self.assertIsInstance(next(events), TokenEvent)
        self.assertGreater(in_flight(SERVER.http), 0)
        events.close()
        wait_idle(self, SERVER.http)

    def test_errors_have_the_servers_details(self):
        with self.assertRaises(exceptions.InvalidArgument) as raised:
            self.client.run_graph(PROMPT, top_p=2)
        error = raised.exception
        self.assertEqual(("INVALID_ARGUMENT", 400), (error.status, error.code))
        self.assertIn("top_p must be greater than 0", error.message)
        self.assertEqual("top_p", error.details[0]["field_violations"][0]["field"])
        with self.assertRaisesRegex(exceptions.InvalidArgument, "top_p"):
            next(self.client.stream_graph(PROMPT, top_p=2))
        with self.assertRaises(exceptions.NotFound) as raised:
            self.client.graph("no_such")
        self.assertEqual(404, raised.exception.code)
        with self.assertRaises(exceptions.NotFound):
            self.client.generate("a/b?c", PROMPT)

    def test_unknown_parameters_name_the_near_one(self):
        with self.assertRaisesRegex(TypeError, "run_graph.*'max_lenght'. Did you mean 'max_length'"):
            self.client.run_graph(PROMPT, max_lenght=20)
        with self.assertRaisesRegex(TypeError, "top_k"):
            self.client.generate(GENERATOR, PROMPT, top_k=1.5)
        with self.assertRaisesRegex(ValueError, "seed"):
            self.client.generate(GENERATOR, PROMPT, seed=-1)

    def test_what_is_no_list(self):
        for texts in ({"a": 1}, {"a"}, b"a", 3, None):
            for call in (self.client.classify, self.client.embed):
                with self.assertRaisesRegex(TypeError, "texts: must be a list, not a"):
                    call(CLASSIFIER, texts)
        with self.assertRaisesRegex(TypeError, "ids: must be a list, not a str"):
            self.client.detokenize(GENERATOR, "12")
        self.assertEqual(2, len(self.client.classify(CLASSIFIER, (text for text in ("a", "b")))))

    def test_a_body_that_is_too_large(self):
        for size in (2 << 20, 32 << 20):
            with self.assertRaises(exceptions.InvalidArgument) as raised:
                self.client.generate(GENERATOR, "a" * size)
            self.assertEqual(413, raised.exception.code)
        self.assertTrue(self.client.graphs())

    def test_deadline(self):
        begin = time.monotonic()
        with self.assertRaises(exceptions.DeadlineExceeded) as raised:
            self.client.run_graph(PROMPT, timeout=0.001)
        self.assertEqual(504, raised.exception.code)
        self.assertLess(time.monotonic() - begin, 5)

    def test_after_its_close(self):
        self.client.close()
        self.client.close()
        with self.assertRaisesRegex(exceptions.Cancelled, "the client is closed"):
            self.client.graphs()
        with self.assertRaisesRegex(exceptions.Cancelled, "the client is closed"):
            next(self.client.stream_generate(GENERATOR, PROMPT))

    def test_many_threads(self):
        texts = [None] * 8
        def run(index):
            texts[index] = self.client.generate(GENERATOR, PROMPT, seed=index, max_new_tokens=5).generated
        threads = [threading.Thread(target=run, args=(index,)) for index in range(8)]
        for thread in threads: thread.start()
        for thread in threads: thread.join()
        self.assertEqual(texts, [self.client.generate(GENERATOR, PROMPT, seed=index, max_new_tokens=5).generated
                                 for index in range(8)])


class AsyncCallsMixin:
    async def asyncSetUp(self):
        self.client = await self.enterAsyncContext(chorus.AsyncClient(self.url()))

    async def test_all_calls(self):
        with chorus.Client(self.url()) as same:
            graph, graphs, texts, made, labels, pairs, vectors, tokens = await asyncio.gather(
                self.client.graph(), self.client.graphs(), self.client.run_graph(PROMPT, seed=7, max_length=20),
                self.client.generate(GENERATOR, PROMPT, seed=1, max_new_tokens=3),
                self.client.classify(CLASSIFIER, "a dull mess"),
                self.client.classify(CLASSIFIER, "a dull mess", text_pairs="but short"),
                self.client.embed(EMBEDDER, ["a dull mess", "a film"], normalize=True),
                self.client.tokenize(GENERATOR, PROMPT))
            self.assertEqual(graph.name, graphs[0].name)
            self.assertEqual(same.run_graph(PROMPT, seed=7, max_length=20), texts)
            self.assertEqual(same.generate(GENERATOR, PROMPT, seed=1, max_new_tokens=3), made)
            self.assertEqual("NEGATIVE", labels[0].label)
            self.assertEqual(same.classify(CLASSIFIER, "a dull mess", text_pairs=["but short"]), pairs)
            self.assertEqual(same.embed(EMBEDDER, ["a dull mess", "a film"], normalize=True), vectors)
            ids = [token.id for token in tokens.tokens]
            self.assertEqual(PROMPT, await self.client.detokenize(GENERATOR, ids))

    async def test_stream(self):
        whole = await self.client.run_graph(PROMPT, seed=7, max_length=20)
        events = [event async for event in self.client.stream_graph(PROMPT, seed=7, max_length=20)]
        self.assertIsInstance(events[-1], DoneEvent)
        text = "".join(event.text for event in events if isinstance(event, TokenEvent) and event.index == 0)
        self.assertEqual(whole[0].generated, PROMPT + text)
        alone = [event async for event in self.client.stream_generate(GENERATOR, PROMPT, max_new_tokens=3, seed=1)]
        self.assertEqual(3, alone[-1].generated_tokens)

    async def test_closing_and_cancelling(self):
        async with contextlib.aclosing(self.client.stream_graph(PROMPT, **LONG)) as events:
            await anext(events)
        await asyncio.to_thread(wait_idle, self, SERVER.http)
        task = asyncio.create_task(self.client.run_graph(PROMPT, **LONG))
        while not await asyncio.to_thread(in_flight, SERVER.http):
            self.assertFalse(task.done())
        task.cancel()
        with self.assertRaises(asyncio.CancelledError):
            await task
        await asyncio.to_thread(wait_idle, self, SERVER.http)

    async def test_after_its_close(self):
        await self.client.close()
        with self.assertRaisesRegex(exceptions.Cancelled, "the client is closed"):
            await self.client.graphs()
        with self.assertRaisesRegex(exceptions.Cancelled, "the client is closed"):
            await anext(self.client.stream_generate(GENERATOR, PROMPT))

    async def test_errors(self):
        with self.assertRaises(exceptions.InvalidArgument) as raised:
            await self.client.run_graph(PROMPT, top_p=2)
        self.assertEqual("top_p", raised.exception.details[0]["field_violations"][0]["field"])
        with self.assertRaisesRegex(exceptions.InvalidArgument, "top_p"):
            await anext(self.client.stream_graph(PROMPT, top_p=2))
        with self.assertRaises(exceptions.DeadlineExceeded):
            await self.client.run_graph(PROMPT, timeout=0.001)
        with self.assertRaises(exceptions.InvalidArgument) as raised:
            await self.client.generate(GENERATOR, "a" * (32 << 20))
        self.assertEqual(413, raised.exception.code)
        with self.assertRaisesRegex(TypeError, "Did you mean 'max_length'"):
            await self.client.generate(GENERATOR, PROMPT, max_lenght=20)


class HttpTest(CallsMixin, unittest.TestCase):
    def url(self):
        return SERVER.http


class GrpcTest(CallsMixin, unittest.TestCase):
    def url(self):
        return SERVER.grpc


class AsyncHttpTest(AsyncCallsMixin, unittest.IsolatedAsyncioTestCase):
    def url(self):
        return SERVER.http


class AsyncGrpcTest(AsyncCallsMixin, unittest.IsolatedAsyncioTestCase):
    def url(self):
        return SERVER.grpc


if __name__ == "__main__":
    unittest.main()
