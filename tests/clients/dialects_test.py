"""The same seed and parameters make the same text, byte for byte, in every dialect and over either transport."""
import json
import unittest
import urllib.request

import numpy
import openai
import tritonclient.grpc
import tritonclient.http
from served import GENERATOR, served

GRAPH = "inference_graph"
PROMPTS = ["I have an idea!", "It was “the” best of times — and", ""]
# All that every dialect can say, so that no default decides.
OURS = {"max_new_tokens": 16, "do_sample": True, "temperature": 0.8, "top_k": 40, "top_p": 0.9, "min_p": 0.01,
        "repetition_penalty": 1.1, "frequency_penalty": 0.3, "presence_penalty": 0.2, "min_new_tokens": 4, "seed": 11}
OPENAI = {"max_tokens": 16, "temperature": 0.8, "top_p": 0.9, "frequency_penalty": 0.3, "presence_penalty": 0.2,
          "seed": 11, "extra_body": {"top_k": 40, "min_p": 0.01, "repetition_penalty": 1.1, "min_tokens": 4}}


def setUpModule():
    global SERVER
    SERVER = unittest.enterModuleContext(served())


def post(path, body):
    headers = {"Content-Type": "application/json"}
    request = urllib.request.Request(SERVER.http + path, json.dumps(body).encode(), headers)
    with urllib.request.urlopen(request) as reply:
        return reply.read()


def streamed(path, body):
    """The data of each server-sent event."""
    return [json.loads(line.removeprefix(b"data: ")) for line in post(path, body).splitlines()
            if line.startswith(b"data: ")]


def by_triton(module, address, model, prompt, output):
    with module.InferenceServerClient(address) as client:
        tensor = module.InferInput("text_input", [1], "BYTES")
        tensor.set_data_from_numpy(numpy.array([prompt.encode()], dtype=numpy.object_))
        got = client.infer(model, [tensor], parameters=OURS)
        return [text.decode() for text in got.as_numpy(output)]


def generated(prompt):
    """The generator's text, by dialect."""
    client = openai.OpenAI(base_url=SERVER.http + "/v1", api_key="none")
    request = {"text_input": prompt, "parameters": OURS}
    completion = {"model": GENERATOR, "prompt": prompt, **OPENAI}
    http, grpc = SERVER.http.removeprefix("http://"), SERVER.grpc.removeprefix("grpc://")
    return {
        "ours": json.loads(post(f"/v1/models/{GENERATOR}:generate",
                                {"text": prompt, "echo": False, **OURS}))["generated"],
        "ours, streamed": "".join(event.get("text", "") for event in streamed(
            f"/v1/models/{GENERATOR}:streamGenerate", {"text": prompt, **OURS})),
        "OpenAI's": client.completions.create(**completion).choices[0].text,
        "OpenAI's, streamed": "".join(chunk.choices[0].text for chunk in
                                      client.completions.create(**completion, stream=True)),
        "generate": json.loads(post(f"/v2/models/{GENERATOR}/generate", request))["text_output"],
        "generate_stream": "".join(event["text_output"] for event in
                                   streamed(f"/v2/models/{GENERATOR}/generate_stream", request)),
        "Triton's over HTTP": by_triton(tritonclient.http, http, GENERATOR, prompt, "text_output")[0],
        "Triton's over gRPC": by_triton(tritonclient.grpc, grpc, GENERATOR, prompt, "text_output")[0]}


def run(prompt):
    """The graph's texts, by dialect."""
    client = openai.OpenAI(base_url=SERVER.http + "/v1", api_key="none")
    http, grpc = SERVER.http.removeprefix("http://"), SERVER.grpc.removeprefix("grpc://")
    completion = client.completions.create(model=GRAPH, prompt=prompt, echo=True, **OPENAI)
    return {
        "ours": [text["generated"] for text in
                 json.loads(post(f"/v1/graphs/{GRAPH}:run", {"text": prompt, **OURS}))["results"]],
        "OpenAI's": [choice.text for choice in completion.choices],
        "generate": json.loads(post(f"/v2/models/{GRAPH}/generate",
                                    {"text_input": prompt, "parameters": OURS}))["generated"],
        "Triton's over HTTP": by_triton(tritonclient.http, http, GRAPH, prompt, "generated"),
        "Triton's over gRPC": by_triton(tritonclient.grpc, grpc, GRAPH, prompt, "generated")}


class DialectsTest(unittest.TestCase):
    def test_all_write_the_same(self):
        for prompt in PROMPTS:
            for texts in (generated(prompt), run(prompt)):
                for dialect, text in texts.items():
                    with self.subTest(prompt=prompt, dialect=dialect):
                        self.assertEqual(texts["ours"], text)
                self.assertNotEqual("", "".join(texts["ours"]))


if __name__ == "__main__":
    unittest.main()
