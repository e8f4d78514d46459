"""The arguments and results of transformers' pipelines, also beside those of transformers itself, in pipelines.json."""
import ast
import json
import pathlib
import unittest

from chorus import _arguments, _protos
from chorus._pipelines import PIPELINES, Generated, collect
from chorus.exceptions import InternalError


TABLE = json.loads(pathlib.Path(__file__).with_name("pipelines.json").read_text())


class TableTest(unittest.TestCase):
    """Calls of transformers' pipelines, which pipelines_table.py has made."""

    def result_of(self, task, inputs, arguments):
        plan = PIPELINES[task](512).plan(inputs, arguments)
        if task == "generate":
            return plan.shape([Generated("…", None) for _ in plan.requests])
        make, replies, texts = _protos.message("chorus.runner.v1.ClassifyResponse"), [], {}
        for request in plan.requests:
            rows = []
            for text, pair in zip(request.texts, list(request.text_pairs) or [None] * len(request.texts), strict=True):
                negative, positive = (len(texts) + 1) / 1024, 1 - (len(texts) + 1) / 1024
                texts |= {score: text + (f"|{pair}" if pair else "") for score in (negative, positive)}
                rows.append({"scores": (negative, positive)})
            replies.append(make(labels=["NEGATIVE", "POSITIVE"], results=rows))

        def shown(result):
            if isinstance(result, list):
                return [shown(each) for each in result]
            self.assertEqual(["label", "score"], list(result))
            return f"{result['label']} of {texts[result['score']]}"

        return shown(plan.shape(replies))

    def test_inputs_and_results(self):
        for call in TABLE["calls"]:
            inputs = ast.literal_eval(call["inputs"])
            with self.subTest(**call):
                if call["result"] is None or "of_the_first_alone" in call:
                    with self.assertRaises((TypeError, ValueError)) as raised:
                        self.result_of(call["task"], inputs, call["arguments"])
                    self.assertRegex(str(raised.exception), "pipeline|classifier|text_pair|function_to_apply")
                    continue
                result = self.result_of(call["task"], inputs, call["arguments"])
                if call["task"] == "generate":
                    result = json.loads(json.dumps(result), object_hook=lambda text: text["generated_text"])
                self.assertEqual(call["result"], result)

    def test_every_argument_is_taken_or_refused_with_advice(self):
        for task, names in TABLE["arguments"].items():
            for name in set(names) - {"inputs", "text_inputs"}:  # The first argument.
                with self.subTest(task=task, name=name):
                    try:
                        PIPELINES[task](512).plan("a", {name: object()})
                    except (TypeError, ValueError) as error:
                        known = rf"^(run\(\) does not have transformers' argument '{name}': .{{8}}|{name}: )"
                        self.assertRegex(str(error), known)
                    PIPELINES[task](512).plan("a", {name: None})
        for refusals in (_arguments.GENERATION, _arguments.CLASSIFICATION, _arguments.EMBEDDING):
            for name, (_, *nothing) in refusals.items():
                for value in nothing:
                    self.assertEqual({}, _arguments.take({name: value}, (), refusals))


class TextGenerationTest(unittest.TestCase):
    def plan(self, inputs, **arguments):
        return PIPELINES["generate"](128).plan(inputs, arguments)

    def test_arguments(self):
        plan = self.plan("a", max_length=9, do_sample=True, temperature=0.5, top_k=3, top_p=0.5, repetition_penalty=1.5,
                         seed=7, stop_strings="x", pad_token_id=50256, batch_size=8, max_new_tokens=None, min_new_tokens=2,
                         logit_bias={5: -1})
        request, = plan.requests
        self.assertEqual({"min_new_tokens": 2, "logit_bias": [{"id": 5, "bias": -1.0}], "max_length": 9, "do_sample": True, "temperature": 0.5, "top_k": 3, "top_p": 0.5, "seed": "7",
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
                ({"max_lenght": 9}, TypeError, "run.*Did you mean 'max_length'"),
                ({"num_beams": 4}, TypeError, "num_beams.*no beam search"),
                ({"min_length": 4}, TypeError, "argument 'min_length': .*min_new_tokens"),
                ({"min_lenght": 4}, TypeError, "Did you mean 'min_length'"),
                ({"add_special_tokens": False}, TypeError, "tokenizer adds"),
                ({"max_lenght": None}, TypeError, "Did you mean 'max_length'"),
                ({"truncation": True}, TypeError, "truncation.*not cut"),
                ({"eos_token_id": 4}, TypeError, "eos_token_id.*stop_strings"),
                ({"prefix": "So."}, TypeError, "before the text.*return_full_text"),
                ({"num_return_sequence": 2}, TypeError, "num_return_sequences"), ({"top_k": "a"}, TypeError, "top_k"),
                ({"logit_bias": {"a": 1}}, TypeError, "logit_bias: "),
                ({"stop": 3}, TypeError, "stop_strings: must be"),
                ({"num_return_sequences": 0}, ValueError, "num_return_sequences"),
                ({"num_return_sequences": 2, "do_sample": False}, ValueError, "num_return_sequences"),
                ({"num_return_sequences": 1.5}, TypeError, "num_return_sequences"), ({"seed": 2**64}, ValueError, "seed")):
            with self.subTest(arguments=arguments), self.assertRaisesRegex(kind, words):
                self.plan("a", **arguments)
        for inputs, found in ((None, "a NoneType"), (["a", 3], "a list with a int"),
                              (("a", "b"), r"a tuple; list\(…\) makes")):
            with self.assertRaisesRegex(TypeError, f"a text or a list of texts: not {found}"):
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

    def test_many_texts_are_several_calls(self):
        plan = self.plan(["x"] * 1025)
        self.assertEqual([1024, 1], [len(request.texts) for request in plan.requests])
        self.assertEqual(1025, len(plan.shape([self.reply(*[(1, 0, 0)] * 1024), self.reply((1, 0, 0))])))
        plan = self.plan([{"text": "x", "text_pair": "y"}, "x"] * 1025)
        self.assertEqual([(1024, 0), (1, 0), (1024, 1024), (1, 1)],
                         [(len(request.texts), len(request.text_pairs)) for request in plan.requests])

    def test_truncation(self):
        self.assertFalse(self.plan("x", truncation=True).requests[0].refuse_truncation)
        self.assertFalse(self.plan("x").requests[0].refuse_truncation)
        self.assertTrue(self.plan("x", truncation=False).requests[0].refuse_truncation)
        for truncation in ("only_second", "yes", 3):
            with self.assertRaisesRegex(ValueError, "truncation: must be True"):
                self.plan("x", truncation=truncation)
        with self.assertRaisesRegex(ValueError, "truncation"):
            self.plan({"text": "x", "text_pair": "y"}, truncation="only_first")

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
