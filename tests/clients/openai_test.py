"""OpenAI's own client, and LangChain's over it, against a gateway with the demo models."""
import array
import asyncio
import json
import unittest
import urllib.request

import langchain_openai
import openai
from served import EMBEDDER, GENERATOR, served

PROMPT = "I have an idea!"
GRAPH = "inference_graph"
# What every dialect can say; the texts are then the same.
SAMPLING = {"max_tokens": 12, "temperature": 0.8, "seed": 7, "extra_body": {"top_k": 40}}


def setUpModule():
    global SERVER, CLIENT
    SERVER = unittest.enterModuleContext(served())
    CLIENT = openai.OpenAI(base_url=SERVER.http + "/v1", api_key="none", max_retries=0)


def ours(path, body):
    """What Chorus's own route answers."""
    headers = {"Content-Type": "application/json"}
    request = urllib.request.Request(SERVER.http + path, json.dumps(body).encode(), headers)
    with urllib.request.urlopen(request) as reply:
        return json.load(reply)


class CompletionsTest(unittest.TestCase):
    def test_a_text_is_that_of_our_own_route(self):
        got = CLIENT.completions.create(model=GENERATOR, prompt=PROMPT, logprobs=2, **SAMPLING)
        own = ours(f"/v1/models/{GENERATOR}:generate",
                   {"text": PROMPT, "max_new_tokens": 12, "temperature": 0.8, "seed": 7, "top_k": 40, "echo": False,
                    "logprobs": 2})
        self.assertEqual(own["generated"], got.choices[0].text)
        self.assertEqual([token["logprob"] for token in own["logprobs"]["tokens"]],
                         got.choices[0].logprobs.token_logprobs)
        self.assertEqual((own["prompt_tokens"], 12), (got.usage.prompt_tokens, got.usage.completion_tokens))
        self.assertEqual("length", got.choices[0].finish_reason)

    def test_a_stream_brings_the_same(self):
        whole = CLIENT.completions.create(model=GENERATOR, prompt=[PROMPT, "It was"], n=2, **SAMPLING)
        texts, usage = [""] * 4, None
        for chunk in CLIENT.completions.create(model=GENERATOR, prompt=[PROMPT, "It was"], n=2, stream=True,
                                               stream_options={"include_usage": True}, **SAMPLING):
            for choice in chunk.choices:
                texts[choice.index] += choice.text
            usage = chunk.usage or usage
        self.assertEqual([choice.text for choice in whole.choices], texts)
        self.assertEqual(whole.usage, usage)
        self.assertEqual(4, len(set(texts)))

    def test_tokens_as_a_prompt(self):
        ids = [int(token["id"]) for token in ours(f"/v1/models/{GENERATOR}:tokenize", {"text": PROMPT})["tokens"]]
        by_text = CLIENT.completions.create(model=GENERATOR, prompt=PROMPT, echo=True, **SAMPLING)
        by_ids = CLIENT.completions.create(model=GENERATOR, prompt=ids, echo=True, **SAMPLING)
        self.assertEqual(by_text.choices[0].text, by_ids.choices[0].text)
        self.assertTrue(by_ids.choices[0].text.startswith(PROMPT))

    def test_a_given_text_is_scored(self):
        greedy = CLIENT.completions.create(model=GENERATOR, prompt=PROMPT, max_tokens=5, temperature=0, logprobs=0)
        text = PROMPT + greedy.choices[0].text
        scored = CLIENT.completions.create(model=GENERATOR, prompt=text, max_tokens=0, echo=True, logprobs=1)
        logprobs = scored.choices[0].logprobs
        self.assertEqual((text, 0), (scored.choices[0].text, scored.usage.completion_tokens))
        self.assertIsNone(logprobs.token_logprobs[0])
        # To the bit what they were when they were chosen, though they now come in one pass.
        self.assertEqual(greedy.choices[0].logprobs.token_logprobs, logprobs.token_logprobs[-5:])

    def test_best_of_is_the_likeliest(self):
        many = CLIENT.completions.create(model=GENERATOR, prompt=PROMPT, n=4, logprobs=0, **SAMPLING)
        best = CLIENT.completions.create(model=GENERATOR, prompt=PROMPT, best_of=4, **SAMPLING)
        self.assertEqual(max(many.choices, key=lambda choice: sum(choice.logprobs.token_logprobs) /
                             len(choice.logprobs.token_logprobs)).text, best.choices[0].text)
        self.assertIsNone(best.choices[0].logprobs)

    def test_bias_and_penalties(self):
        greedy = {"model": GENERATOR, "prompt": PROMPT, "max_tokens": 30, "temperature": 0, "logprobs": 0}
        plain = CLIENT.completions.create(**greedy).choices[0]
        first = str(ours(f"/v1/models/{GENERATOR}:generate", {"text": PROMPT, "max_new_tokens": 1, "temperature": 0,
                                                              "logprobs": 0})["logprobs"]["tokens"][0]["id"])
        biased = CLIENT.completions.create(**greedy, logit_bias={first: -100}).choices[0]
        self.assertNotEqual(plain.logprobs.tokens[0], biased.logprobs.tokens[0])
        varied = CLIENT.completions.create(**greedy, frequency_penalty=2, presence_penalty=2).choices[0]
        self.assertGreater(len(set(varied.logprobs.tokens)), len(set(plain.logprobs.tokens)))

    def test_a_graph_is_a_model(self):
        whole = CLIENT.completions.create(model=GRAPH, prompt=PROMPT, max_tokens=8, seed=7)
        own = ours(f"/v1/graphs/{GRAPH}:run", {"text": PROMPT, "max_new_tokens": 8, "seed": 7, "top_k": 0})["results"]
        self.assertEqual([text["generated"] for text in own], [PROMPT + choice.text for choice in whole.choices])
        self.assertEqual([text["score"] for text in own], [choice.score for choice in whole.choices])
        texts, scores = [""] * 3, [None] * 3
        for chunk in CLIENT.completions.create(model=GRAPH, prompt=PROMPT, max_tokens=8, seed=7, stream=True):
            choice = chunk.choices[0]
            texts[choice.index] += choice.text
            scores[choice.index] = getattr(choice, "score", None) or scores[choice.index]
        self.assertEqual([choice.text for choice in whole.choices], texts)
        self.assertEqual([choice.score for choice in whole.choices], scores)

    def test_many_prompts_at_once(self):
        got = CLIENT.completions.create(model=GENERATOR, prompt=[f"The {i} " for i in range(100)], max_tokens=2)
        self.assertEqual(list(range(100)), [choice.index for choice in got.choices])

    def test_asynchronous_calls(self):
        async def both():
            async with openai.AsyncOpenAI(base_url=SERVER.http + "/v1", api_key="none") as client:
                return await asyncio.gather(*(client.completions.create(model=GENERATOR, prompt=PROMPT, **SAMPLING)
                                              for _ in range(2)))
        first, second = asyncio.run(both())
        self.assertEqual(first.choices[0].text, second.choices[0].text)

    def test_errors(self):
        with self.assertRaises(openai.BadRequestError) as caught:
            CLIENT.completions.create(model=GENERATOR, prompt=PROMPT, top_p=7)
        self.assertEqual(("top_p", "invalid_request_error"), (caught.exception.param, caught.exception.type))
        with self.assertRaises(openai.NotFoundError) as caught:
            CLIENT.completions.create(model="gpt-9", prompt=PROMPT)
        self.assertEqual("model_not_found", caught.exception.code)
        self.assertIn(GENERATOR, str(caught.exception))
        with self.assertRaises(openai.BadRequestError):
            CLIENT.completions.create(model=EMBEDDER, prompt=PROMPT)


class OthersTest(unittest.TestCase):
    def test_models(self):
        names = [model.id for model in CLIENT.models.list()]
        self.assertLessEqual({GENERATOR, EMBEDDER, GRAPH}, set(names))
        self.assertEqual(GRAPH, CLIENT.models.retrieve(GRAPH).id)

    def test_embeddings(self):
        own = ours(f"/v1/models/{EMBEDDER}:embed", {"texts": ["a film", "another"]})["results"]
        got = CLIENT.embeddings.create(model=EMBEDDER, input=["a film", "another"])  # As base64, which it asks for.
        self.assertEqual([array.array("f", result["values"]) for result in own],
                         [array.array("f", entry.embedding) for entry in got.data])
        as_floats = CLIENT.embeddings.create(model=EMBEDDER, input="a film", encoding_format="float")
        self.assertEqual(array.array("f", own[0]["values"]), array.array("f", as_floats.data[0].embedding))


class LangChainTest(unittest.TestCase):
    def test_a_text(self):
        model = langchain_openai.OpenAI(base_url=SERVER.http + "/v1", api_key="none", model=GENERATOR, max_tokens=12,
                                        temperature=0.8, seed=7, extra_body={"top_k": 40})
        text = CLIENT.completions.create(model=GENERATOR, prompt=PROMPT, **SAMPLING).choices[0].text
        self.assertEqual(text, model.invoke(PROMPT))
        self.assertEqual(text, "".join(model.stream(PROMPT)))
        self.assertEqual([text, text], model.batch([PROMPT, PROMPT]))


if __name__ == "__main__":
    unittest.main()
