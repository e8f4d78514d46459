"""Hugging Face's InferenceClient against the routes of text-embeddings-inference."""
import asyncio
import json
import unittest
import urllib.request

import huggingface_hub
import numpy
from served import CLASSIFIER, EMBEDDER, GENERATOR, served

TEXTS = ["a wonderful, touching film", "dull and far too long"]


def setUpModule():
    global SERVER
    SERVER = unittest.enterModuleContext(served())


def ask(path, body=None):
    """What the route answers to anybody."""
    data = None if body is None else json.dumps(body).encode()
    request = urllib.request.Request(SERVER.http + path, data, {"Content-Type": "application/json"})
    with urllib.request.urlopen(request) as reply:
        return json.load(reply)


def own_scores(texts):
    results = ask(f"/v1/models/{CLASSIFIER}:classify", {"texts": texts})["results"]
    return [sorted(((label["label"], label["score"]) for label in result["scores"]), key=lambda pair: -pair[1])
            for result in results]


class PredictTest(unittest.TestCase):
    def test_scores_are_those_of_our_own_route(self):
        client = huggingface_hub.InferenceClient(SERVER.http + "/predict", token="none")
        # The client takes the first of what comes: of a batch the first text's list.
        for text, own in zip(TEXTS, own_scores(TEXTS)):
            got = client.text_classification([[text]])
            self.assertEqual(own, [(label.label, label.score) for label in got])
        best = client.text_classification(TEXTS[0])  # Of one text its likeliest label.
        self.assertEqual(own_scores(TEXTS)[0][0], (best.label, best.score))

    def test_how_many_labels_and_which_function(self):
        client = huggingface_hub.InferenceClient(SERVER.http + f"/tei/{CLASSIFIER}/predict", token="none")
        got = client.text_classification([[TEXTS[0]]], top_k=1, function_to_apply="sigmoid")
        self.assertEqual(1, len(got))
        self.assertNotEqual(own_scores(TEXTS)[0][0][1], got[0].score)

    def test_batches_and_raw_scores(self):
        got = ask("/predict", {"inputs": [[text] for text in TEXTS]})
        self.assertEqual(own_scores(TEXTS), [[(label["label"], label["score"]) for label in text] for text in got])
        raw = ask("/predict", {"inputs": TEXTS[0], "raw_scores": True})
        odds = numpy.exp([label["score"] for label in raw])
        self.assertAlmostEqual(own_scores(TEXTS)[0][0][1], odds[0] / odds.sum(), places=6)

    def test_asynchronous_calls(self):
        async def both():
            async with huggingface_hub.AsyncInferenceClient(SERVER.http + "/predict", token="none") as client:
                return await asyncio.gather(*(client.text_classification([[text]]) for text in TEXTS))
        got = [[(label.label, label.score) for label in labels] for labels in asyncio.run(both())]
        self.assertEqual(own_scores(TEXTS), got)

    def test_errors(self):
        client = huggingface_hub.InferenceClient(SERVER.http + f"/tei/{GENERATOR}/predict", token="none")
        with self.assertRaises(huggingface_hub.errors.HfHubHTTPError) as caught:
            client.text_classification(TEXTS[0])
        self.assertEqual(400, caught.exception.response.status_code)
        self.assertEqual("Validation", caught.exception.response.json()["error_type"])


class EmbedTest(unittest.TestCase):
    def test_vectors_are_those_of_our_own_route(self):
        client = huggingface_hub.InferenceClient(SERVER.http + "/embed", token="none")
        for normalize in (None, False):
            own = ask(f"/v1/models/{EMBEDDER}:embed", {"texts": TEXTS, "normalize": normalize is None})["results"]
            got = client.feature_extraction(TEXTS, normalize=normalize)
            self.assertEqual(numpy.float32, got.dtype)
            self.assertTrue((numpy.array([result["values"] for result in own], numpy.float32) == got).all())

    def test_parameters(self):
        client = huggingface_hub.InferenceClient(SERVER.http + f"/tei/{EMBEDDER}/embed", token="none")
        got = client.feature_extraction(TEXTS[0], truncate=True, truncation_direction="right", dimensions=5)
        self.assertEqual((1, 5), got.shape)
        with self.assertRaises(huggingface_hub.errors.HfHubHTTPError) as caught:
            client.feature_extraction(TEXTS[0], prompt_name="query")
        self.assertIn("prompt_name is not served", caught.exception.response.json()["error"])


class InfoTest(unittest.TestCase):
    def test_what_the_models_are(self):
        info = ask(f"/tei/{CLASSIFIER}/info")
        self.assertEqual({"0": "NEGATIVE", "1": "POSITIVE"}, info["model_type"]["classifier"]["id2label"])
        self.assertEqual(512, info["max_input_length"])
        self.assertIn("embedding", ask(f"/tei/{EMBEDDER}/info")["model_type"])


if __name__ == "__main__":
    unittest.main()
