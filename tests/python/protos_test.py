"""The protos in the package: methods, HTTP calls, and requests from keyword arguments."""
import dataclasses
import json
import shutil
import subprocess
import tempfile
import unittest

from chorus import _protos, exceptions, results
from served import ROOT, script


class ProtosTest(unittest.TestCase):
    def setUp(self):
        self.methods = _protos.methods("chorus.v1.InferenceService")

    def test_every_method_has_an_http_call(self):
        for method in self.methods.values():
            self.assertIn(method.verb, ("GET", "POST"), method.name)
            self.assertTrue(method.template.startswith("/"), method.name)

    def test_http_call(self):
        method = self.methods["Generate"]
        verb, target, body = method.http_call(method.request(model="a/b?c", text="é", seed=2**64 - 1, top_p=0.5))
        self.assertEqual(("POST", "/v1/models/a%2Fb%3Fc:generate"), (verb, target))
        self.assertEqual({"text": "é", "seed": str(2**64 - 1), "top_p": 0.5}, json.loads(body))
        method = self.methods["GetGraph"]
        self.assertEqual(("GET", "/v1/graphs/g", None), method.http_call(method.request(graph="g")))

    def test_fill_request(self):
        def fill(**parameters):
            return _protos.fill_request("f", self.methods["Generate"].request(), {"model": "m"}, parameters)

        self.assertEqual(["a"], list(fill(stop="a").stop))
        self.assertEqual(["a", "b"], list(fill(stop=("a", "b")).stop))
        pair = _protos.fill_request("f", self.methods["Classify"].request(), {}, {"text_pairs": "a"})
        self.assertEqual(["a"], list(pair.text_pairs))
        self.assertEqual([(5, -1.0)], [(entry.id, entry.bias) for entry in fill(logit_bias={5: -1}).logit_bias])
        self.assertFalse(fill(seed=None).HasField("seed"))
        self.assertTrue(fill(do_sample=False).HasField("do_sample"))
        for wrong in ({"seed": -1}, {"top_k": 1.5}, {"top_p": "x"}, {"stop": 3}, {"text": b"\xff"}):
            with self.assertRaisesRegex((TypeError, ValueError), next(iter(wrong))):
                fill(**wrong)
        for wrong, words in (({"text": 3}, "text: must be a text, not int"),
                             ({"top_k": "3"}, "top_k: must be a whole number, not str"),
                             ({"stop": ["a", 3]}, "stop: must be a list of texts, not list of int, str"),
                             ({"stop": {"a"}}, "stop: must be a list of texts, not set"),
                             ({"do_sample": "yes"}, "do_sample: must be a bool, not str"),
                             ({"logit_bias": [1]}, "logit_bias: must be {token: bias}, not list of int")):
            with self.assertRaisesRegex(TypeError, words):
                fill(**wrong)
        with self.assertRaisesRegex(TypeError, r"f\(\) .*'temprature'. Did you mean 'temperature'"):
            fill(temprature=1)
        with self.assertRaisesRegex(TypeError, "'zzz'$"):
            fill(zzz=1)
        with self.assertRaises(TypeError):  # It is an argument of the call.
            fill(model="other")

    def test_results_have_every_field(self):
        """Each class of results has the fields of its message, so that nothing of a reply is lost."""
        for name, cls in results._CLASSES.items():
            fields = set(_protos.message(f"chorus.v1.{name}").DESCRIPTOR.fields_by_name)
            self.assertLessEqual(fields, set(cls.__dataclass_fields__), name)

    def test_results(self):
        make = _protos.message("chorus.v1.ScoredText")
        text = results.from_message(make(generated="", score=0, finish_reason=3))
        self.assertEqual(("", 0.0, "stop_string", None), (text.generated, text.score, text.finish_reason, text.timing))
        unknown = results.from_message(make(generated="", score=0, finish_reason=99))
        self.assertIsNone(unknown.finish_reason)
        error = _protos.message("chorus.v1.ErrorEvent")(message="gone")
        retry = _protos.message("google.rpc.RetryInfo")()
        retry.retry_delay.seconds = 2
        error.details.add().Pack(retry)
        failed = results.from_message(make(error=error))
        self.assertEqual(("gone", None, None), (failed.error.message, failed.generated, failed.score))
        self.assertEqual(({"@type": "type.googleapis.com/google.rpc.RetryInfo", "retry_delay": "2s"},),
                         failed.error.details)
        self.assertEqual({field.name for field in dataclasses.fields(results.ScoredText)},
                         {field.name for field in dataclasses.fields(results.FailedText)})
        with self.assertRaisesRegex(exceptions.ServerError, "no ScoredText: it has no score"):
            results.from_message(make(generated="a"))

    def test_package_without_its_protos(self):
        with tempfile.TemporaryDirectory() as folder:
            shutil.copy(ROOT / "python/descriptors.py", folder)
            result = subprocess.run(script(f"{folder}/descriptors.py", f"{folder}/made"), capture_output=True, text=True,
                                    check=False)
        self.assertEqual(1, result.returncode)
        self.assertRegex(result.stderr, r"^descriptors.py: there is no .*inference.proto: .*\n$")


if __name__ == "__main__":
    unittest.main()
