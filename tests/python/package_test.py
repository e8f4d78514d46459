"""The package as its users meet it: what is in it, and what help() says."""
import importlib.metadata
import inspect
import pathlib
import re
import subprocess
import unittest

import chorus
from chorus import _calls, models, results
from served import ROOT, script


class PackageTest(unittest.TestCase):
    def test_names(self):
        for name in chorus.__all__:
            self.assertIn(name, dir(chorus))
            self.assertTrue(inspect.getdoc(getattr(chorus, name)), name)
        self.assertEqual(importlib.metadata.version("chorus"), chorus.__version__)
        with self.assertRaisesRegex(AttributeError, "no attribute 'nothing'"):
            chorus.nothing

    def test_needs_grpc_and_protobuf_alone(self):
        needs = [need for need in importlib.metadata.requires("chorus") if "extra ==" not in need]
        self.assertEqual(["grpcio", "protobuf"], sorted(re.split("[^a-z]", need)[0] for need in needs))

    def test_everything_public_has_words(self):
        for owner in (chorus.Client, chorus.AsyncClient, chorus.Runner, chorus.Service, models, chorus.io, chorus.exceptions,
                      results, chorus.transformers):
            module = owner if inspect.ismodule(owner) else inspect.getmodule(owner)
            for name, member in inspect.getmembers(owner, lambda each: inspect.isfunction(each) or inspect.isclass(each)):
                if not name.startswith("_") and member.__module__ == module.__name__:
                    self.assertTrue(inspect.getdoc(member), f"{owner.__name__}.{name}")

    def test_help_names_every_parameter(self):
        for params in (chorus.GraphParams, chorus.ModelParams):
            for name in params.__annotations__:
                self.assertRegex(chorus.Client.__doc__, rf"\b{name}\b")
        for name in ("min_new_tokens", "num_return_sequences", "function_to_apply", "text_pair", "dimensions"):
            self.assertIn(name, chorus.Runner.run.__doc__)
        self.assertLessEqual(set(_calls.GenerationParams.__annotations__), set(chorus.GraphParams.__annotations__))

    def test_the_source_is_not_the_package(self):
        result = subprocess.run(script("-c", "import chorus; chorus.Client"), cwd=ROOT / "python", capture_output=True,
                                text=True, check=False)
        self.assertRegex(result.stderr, r"ImportError: .*/python/chorus is the source of the package, .*: pip install it")

    def test_is_typed(self):
        self.assertTrue(pathlib.Path(chorus.__file__).with_name("py.typed").exists())


if __name__ == "__main__":
    unittest.main()
