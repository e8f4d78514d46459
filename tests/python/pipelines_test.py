"""The arguments and results of transformers' pipelines. The shapes are those that transformers 4.57 returns."""
import unittest

from chorus import _protos
from chorus._pipelines import PIPELINES, Generated, collect
from chorus.exceptions import InternalError


class TextGenerationTest(unittest.TestCase):
    def plan(self, inputs, **arguments):
        return PIPELINES["generate"](128).plan(inputs, arguments)

    def test_arguments(self):
        plan = self.plan("a", max_length=9, do_sample=True, temperature=0.5, top_k=3, top_p=0.5, repetition_penalty=1.5,
                         seed=7, stop_strings="x", pad_token_id=50256, batch_size=8, max_new_tokens=None)
        request, = plan.requests
        self.assertEqual({"max_length": 9, "do_sample": True, "temperature": 0.5, "top_k": 3, "top_p": 0.5, "seed": "7",
                          "repetition_penalty": 1.5, "stop": ["x"]}, _protos.to_dict(request.params))

    def test_texts_and_sequences(self):
        plan = self.plan(["a", "b"], num_return_sequences=2, seed=7)
        self.assertEqual([("a", 0), ("a", 1), ("b", 0), ("b", 1)], [(each.text, each.sequence) for each in plan.requests])
        replies = [Generated(str(number), None) for number in range(4)]
        self.assertEqual([[{"generated_text": "a0"}, {"generated_text": "a1"}],
                          [{"generated_text": "b2"}, {"generated_text": "b3"}]], plan.shape(replies))
        self.assertEqual([{"generated_text": "a0"}], self.plan("a").shape(replies[:1]))
        self.assertEqual([[{"generated_text": "0"}]], self.plan(["a"], return_full_text=False).shape(replies[:1]))
        self.assertEqual([], self.plan([]).shape([]))

    def test_calls_without_a_seed_differ(self):
        seeds = {self.plan("a").requests[0].params.seed for _ in range(8)}
        self.assertEqual(8, len(seeds))
        of_one_call = {each.params.seed for each in self.plan(["a", "b"], num_return_sequences=2).requests}
        self.assertEqual(1, len(of_one_call))

    def test_refuses(self):
        for arguments, kind, words in (
                ({"max_lenght": 9}, TypeError, "run.*Did you mean 'max_length'"), ({"num_beams": 4}, TypeError, "num_beams.*no beam search"),
                ({"min_length": 4}, TypeError, "transformers' argument 'min_length'$"),
                ({"truncation": True}, TypeError, "truncation.*not cut"),
                ({"eos_token_id": 4}, TypeError, "eos_token_id.*stop_strings"),
                ({"num_return_sequence": 2}, TypeError, "num_return_sequences"), ({"top_k": "a"}, TypeError, "top_k"),
                ({"num_return_sequences": 0}, ValueError, "num_return_sequences"),
                ({"num_return_sequences": 2, "do_sample": False}, ValueError, "num_return_sequences"),
                ({"num_return_sequences": 1.5}, TypeError, "num_return_sequences"), ({"seed": 2**64}, ValueError, "seed")):
            with self.subTest(arguments=arguments), self.assertRaisesRegex(kind, words):
                self.plan("a", **arguments)
        for inputs in (None, 3, ["a", 3], [{"text": "a"}]):
            with self.assertRaisesRegex(TypeError, "a text or a list of texts"):
                self.plan(inputs)
        chat = [{"role": "user", "content": "a"}]
        for inputs in (chat, [chat, chat]):
            with self.assertRaisesRegex(TypeError, "no chat templates .*apply_chat_template"):
                self.plan(inputs)
        self.assertEqual(1, len(self.plan("a", num_beams=1, use_cache=True).requests))

    def test_collect(self):
        make = _protos.message("chorus.runner.v1.GenerateResponse")
        end = make(finished={"reason": 2})
        self.assertEqual("ab", collect([make(delta={"text": "a"}), make(delta={"text": "b"}), end]).text)
        for messages in ([], [make(delta={"text": "a"})]):
            with self.assertRaises(InternalError):
                collect(messages)


class TextClassificationTest(unittest.TestCase):
    def plan(self, inputs, **arguments):
        return PIPELINES["classify"](512).plan(inputs, arguments)

    def reply(self, *rows):
        return _protos.message("chorus.runner.v1.ClassifyResponse")(
            labels=["A", "B", "C"], results=[{self.scores: row} for row in rows])

    scores = _protos.message("chorus.runner.v1.Classification").DESCRIPTOR.fields_by_number[1].name

    def test_shapes(self):
        one, two = (0.2, 0.7, 0.1), (0.5, 0.2, 0.3)
        b = {"label": "B", "score": 0.7}
        self.assertEqual([b], self.plan("x").shape([self.reply(one)]))
        self.assertEqual([b], self.plan(["x"]).shape([self.reply(one)]))
        self.assertEqual([b, {"label": "A", "score": 0.5}], self.plan(["x", "y"]).shape([self.reply(one, two)]))
        self.assertEqual([b], self.plan("x", top_k=1).shape([self.reply(one)]))
        self.assertEqual([[b]], self.plan(["x"], top_k=1).shape([self.reply(one)]))
        self.assertEqual([b, {"label": "A", "score": 0.2}], self.plan("x", top_k=2).shape([self.reply(one)]))
        everything = self.plan(["x", "y"], top_k=None).shape([self.reply(one, two)])
        self.assertEqual([["B", "A", "C"], ["A", "C", "B"]], [[each["label"] for each in row] for row in everything])

    def test_inputs_of_dicts(self):
        b = {"label": "B", "score": 0.7}
        self.assertEqual(b, self.plan({"text": "x"}).shape([self.reply((0.2, 0.7, 0.1))]))
        self.assertEqual([b], self.plan([{"text": "x"}]).shape([self.reply((0.2, 0.7, 0.1))]))
        for inputs in ({"txt": "x"}, {"text": 3}, ["x", {"text": "y"}], [{"text": "x", "text_pair": "y"}, {"text": "z"}]):
            with self.assertRaises(TypeError):
                self.plan(inputs)

    def test_many_texts_are_several_calls(self):
        plan = self.plan(["x"] * 1025)
        self.assertEqual([1024, 1], [len(request.texts) for request in plan.requests])
        self.assertEqual(1025, len(plan.shape([self.reply(*[(1, 0, 0)] * 1024), self.reply((1, 0, 0))])))

    def test_truncation(self):
        self.assertFalse(self.plan("x", truncation=True).requests[0].refuse_truncation)
        self.assertFalse(self.plan("x").requests[0].refuse_truncation)
        self.assertTrue(self.plan("x", truncation=False).requests[0].refuse_truncation)

    def test_max_length(self):
        """transformers' idiom, truncation=True and the model's limit, is what Chorus does."""
        self.assertEqual(self.plan("x").requests, self.plan("x", truncation=True, max_length=512).requests)
        embed = PIPELINES["embed"](256).plan
        self.assertEqual(embed("x", {}).requests, embed("x", {"truncation": True, "max_length": 512}).requests)
        with self.assertRaisesRegex(ValueError, "max_length: .* 256 tokens"):
            embed("x", {"max_length": 128})

    def test_refuses(self):
        for arguments, kind, words in (({"top_kk": 2}, TypeError, "Did you mean 'top_k'"), ({"top_k": 0}, ValueError, "top_k"),
                                       ({"max_length": 9}, ValueError, "max_length: .* 512 tokens, not before: 9"),
                                       ({"max_length": "9"}, TypeError, "max_length"),
                                       ({"return_all_scores": True}, TypeError, "top_k=None")):
            with self.subTest(arguments=arguments), self.assertRaisesRegex(kind, words):
                self.plan("x", **arguments)


if __name__ == "__main__":
    unittest.main()
