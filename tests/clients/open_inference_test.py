"""Triton's clients, over HTTP and gRPC, against the Open Inference Protocol; and its generate extension."""
import asyncio
import json
import unittest
import urllib.request

import numpy
import tritonclient.grpc
import tritonclient.grpc.aio
import tritonclient.http
import tritonclient.http.aio
from served import CLASSIFIER, EMBEDDER, GENERATOR, served
from tritonclient.utils import InferenceServerException

PROMPT = "I have an idea!"
TEXTS = ["a wonderful, touching film", "dull and far too long — “really”"]
GRAPH = "inference_graph"
SAMPLING = {"max_new_tokens": 12, "temperature": 0.8, "seed": 7, "top_k": 40}


def setUpModule():
    global SERVER
    SERVER = unittest.enterModuleContext(served())


def ask(path, body):
    """What the route answers to anybody."""
    headers = {"Content-Type": "application/json"}
    request = urllib.request.Request(SERVER.http + path, json.dumps(body).encode(), headers)
    with urllib.request.urlopen(request) as reply:
        return json.load(reply)


def tensor(module, name, texts, **options):
    """An input of that many texts."""
    values = numpy.array([text.encode() for text in texts], dtype=numpy.object_)
    made = module.InferInput(name, [len(texts)], "BYTES")
    made.set_data_from_numpy(values, **options)
    return made


def texts_of(result, name):
    return [text.decode() if isinstance(text, bytes) else text for text in result.as_numpy(name)]


class CallsOfEitherKind:
    """What holds over HTTP and over gRPC; `MODULE` is Triton's."""

    def test_what_there_is(self):
        self.assertTrue(self.client.is_server_live() and self.client.is_server_ready())
        self.assertTrue(self.client.is_model_ready(GENERATOR) and self.client.is_model_ready(GRAPH))
        server = self.as_dict(self.client.get_server_metadata())
        self.assertEqual("chorus", server["name"])
        model = self.as_dict(self.client.get_model_metadata(CLASSIFIER))
        self.assertEqual(["text_input", "text_pair"], [tensor["name"] for tensor in model["inputs"]])
        self.assertEqual([-1, 2], [int(size) for size in model["outputs"][2]["shape"]])

    def test_a_generators_texts(self):
        got = self.client.infer(GENERATOR, [tensor(self.MODULE, "text_input", [PROMPT, "It was"])], request_id="7",
                                parameters={**SAMPLING, "num_return_sequences": 2})
        own = []
        for prompt in (PROMPT, "It was"):
            reply = ask(f"/v1/models/{GENERATOR}:generate",
                        {"text": prompt, "echo": False, "num_return_sequences": 2, **SAMPLING})
            own += [reply["generated"], reply["others"][0]["generated"]]
        self.assertEqual(own, texts_of(got, "text_output"))
        self.assertEqual("7", self.as_dict(got.get_response())["id"])

    def test_a_graphs_outputs(self):
        own = ask(f"/v1/graphs/{GRAPH}:run", {"text": PROMPT, "details": True, **SAMPLING})["results"]
        got = self.client.infer(GRAPH, [tensor(self.MODULE, "text_input", [PROMPT])], parameters=SAMPLING)
        self.assertEqual([text["generated"] for text in own], texts_of(got, "generated"))
        self.assertEqual([text["label"] for text in own], texts_of(got, "label"))
        self.assertEqual([text["score"] for text in own], list(got.as_numpy("score")))

    def test_outputs_that_are_asked_for(self):
        got = self.client.infer(GRAPH, [tensor(self.MODULE, "text_input", [PROMPT])], parameters=SAMPLING,
                                outputs=[self.MODULE.InferRequestedOutput("score")])
        self.assertEqual((3,), got.as_numpy("score").shape)
        self.assertIsNone(got.as_numpy("label"))

    def test_scores_and_vectors(self):
        own = ask(f"/v1/models/{CLASSIFIER}:classify", {"texts": TEXTS})["results"]
        got = self.client.infer(CLASSIFIER, [tensor(self.MODULE, "text_input", TEXTS)])
        self.assertEqual([result["label"] for result in own], texts_of(got, "label"))
        self.assertEqual([[label["score"] for label in result["scores"]] for result in own],
                         got.as_numpy("scores").tolist())
        own = ask(f"/v1/models/{EMBEDDER}:embed", {"texts": TEXTS, "dimensions": 5})["results"]
        got = self.client.infer(EMBEDDER, [tensor(self.MODULE, "text_input", TEXTS)], parameters={"dimensions": 5})
        self.assertEqual((2, 5), got.as_numpy("embedding").shape)
        self.assertTrue((numpy.array([result["values"] for result in own], numpy.float32) ==
                         got.as_numpy("embedding")).all())

    def test_errors(self):
        for model, parameters, sentence in ((GENERATOR, {"top_p": 7.0}, "top_p must be"),
                                            (GENERATOR, {"top_kk": 7}, "did you mean top_k"),
                                            ("gpt-9", {}, "does not exist")):
            with self.assertRaises(InferenceServerException) as caught:
                self.client.infer(model, [tensor(self.MODULE, "text_input", [PROMPT])], parameters=parameters)
            self.assertIn(sentence, caught.exception.message())
        with self.assertRaises(InferenceServerException):
            self.client.infer(GENERATOR, [tensor(self.MODULE, "prompt", [PROMPT])])

    def test_asynchronous_calls(self):
        async def both():
            async with self.AIO.InferenceServerClient(self.address) as client:
                self.assertTrue(await client.is_model_ready(GENERATOR))
                return await asyncio.gather(*(client.infer(GENERATOR, [tensor(self.MODULE, "text_input", [PROMPT])],
                                                           parameters=SAMPLING) for _ in range(2)))
        first, second = asyncio.run(both())
        self.assertEqual(texts_of(first, "text_output"), texts_of(second, "text_output"))


class HttpTest(CallsOfEitherKind, unittest.TestCase):
    MODULE, AIO = tritonclient.http, tritonclient.http.aio

    def setUp(self):
        self.address = SERVER.http.removeprefix("http://")
        self.client = self.MODULE.InferenceServerClient(self.address)
        self.addCleanup(self.client.close)

    def as_dict(self, reply):
        return reply

    def test_json_in_the_place_of_raw_contents(self):
        raw = self.client.infer(GENERATOR, [tensor(self.MODULE, "text_input", [PROMPT])], parameters=SAMPLING)
        as_json = self.client.infer(
            GENERATOR, [tensor(self.MODULE, "text_input", [PROMPT], binary_data=False)], parameters=SAMPLING,
            outputs=[self.MODULE.InferRequestedOutput("text_output", binary_data=False)])
        self.assertEqual(texts_of(raw, "text_output"), texts_of(as_json, "text_output"))
        self.assertIn("data", as_json.get_output("text_output"))
        self.assertNotIn("data", raw.get_output("text_output"))


class GrpcTest(CallsOfEitherKind, unittest.TestCase):
    MODULE, AIO = tritonclient.grpc, tritonclient.grpc.aio

    def setUp(self):
        self.address = SERVER.grpc.removeprefix("grpc://")
        self.client = self.MODULE.InferenceServerClient(self.address)
        self.addCleanup(self.client.close)

    def as_dict(self, reply):
        from google.protobuf.json_format import MessageToDict
        return MessageToDict(reply, preserving_proto_field_name=True)


class GenerateTest(unittest.TestCase):
    def test_a_text_and_its_stream(self):
        body = {"text_input": PROMPT, "parameters": SAMPLING}
        whole = ask(f"/v2/models/{GENERATOR}/generate", body)
        self.assertEqual(GENERATOR, whole["model_name"])
        events = self.stream(GENERATOR, body)
        self.assertEqual(whole["text_output"], "".join(event["text_output"] for event in events))
        self.assertEqual([False] * (len(events) - 1) + [True], [event["done"] for event in events])

    def test_a_graph(self):
        body = {"text_input": PROMPT, "parameters": SAMPLING}
        whole = ask(f"/v2/models/{GRAPH}/generate", body)
        texts, scores = [PROMPT] * 3, [None] * 3
        for event in self.stream(GRAPH, body):
            texts[event["index"]] += event.get("text_output", "")
            scores[event["index"]] = event.get("score", scores[event["index"]])
        self.assertEqual((whole["generated"], whole["score"]), (texts, scores))

    def stream(self, model, body):
        request = urllib.request.Request(f"{SERVER.http}/v2/models/{model}/generate_stream", json.dumps(body).encode(),
                                         {"Content-Type": "application/json"})
        with urllib.request.urlopen(request) as reply:
            return [json.loads(line.removeprefix(b"data: ")) for line in reply if line.startswith(b"data: ")]


if __name__ == "__main__":
    unittest.main()
