"""The store from Python: that of `chorus models`."""
import os
import pathlib
import subprocess
import sys
import tempfile
import unittest
import unittest.mock

import chorus
from chorus import exceptions
from served import CLASSIFIER, FOLDERS, GENERATOR, bin_folder, own_store, put_embedder

sys.path.insert(0, str(pathlib.Path(__file__).parent / "stand_in"))
import transformers  # noqa: E402


def pipeline(name=GENERATOR):
    return transformers.pipeline("text-generation", str(FOLDERS[name]))


class ModelsTest(unittest.TestCase):
    def setUp(self):
        self.home = self.enterContext(own_store())

    def test_save_model(self):
        tag = chorus.save_model("mine", pipeline(), labels={"team": "nlp"}, metadata={"epochs": 3, "notes": {"a": [1, None]}})
        self.assertEqual(f"mine:{tag.version}", str(tag))
        model = chorus.get("mine:latest")
        self.assertEqual((tag, "generate", "GPT2LMHeadModel"), (model.tag, model.task, model.architecture))
        self.assertEqual(({"team": "nlp"}, {"epochs": 3, "notes": {"a": [1, None]}}), (model.labels, model.metadata))
        self.assertEqual({path.name for path in FOLDERS[GENERATOR].iterdir()},
                         {path.name for path in model.path.iterdir()} - {"manifest.json"})
        self.assertGreater(model.size_bytes, 1 << 20)
        self.assertEqual(self.home / "models/mine" / tag.version, model.path)
        # As the program sees it.
        verified = subprocess.run([bin_folder() / "chorus", "models", "get", "mine", "--verify"], check=False)
        self.assertEqual(0, verified.returncode)

    def test_the_model_last_saved_is_the_latest(self):
        first = chorus.save_model("mine", pipeline())
        second = chorus.save_model("mine", pipeline("distilgpt2-generation"))
        self.assertNotEqual(first, second)
        self.assertEqual(second, chorus.get("mine").tag)
        self.assertEqual(first, chorus.save_model("mine", pipeline()))  # The same content.
        self.assertEqual(first, chorus.get("mine").tag)

    def test_versions(self):
        self.assertEqual("mine:v1", str(chorus.transformers.save_model("mine:v1", pipeline())))
        with self.assertRaisesRegex(exceptions.StoreError, "mine:v1"):
            chorus.save_model("mine:v1", pipeline("distilgpt2-generation"))
        whole = pipeline()
        self.assertEqual("other:v1", str(chorus.save_model(chorus.Tag("other", "v1"), whole.model, whole.tokenizer)))
        whole.model.model = pipeline("distilgpt2-generation").model  # As a LlamaForCausalLM has its LlamaModel.
        self.assertEqual("other:v1", str(chorus.save_model("other:v1", whole.model, whole.tokenizer)))

    def test_bentomls_keywords(self):
        tag = chorus.transformers.save_model(name="mine", pipeline=pipeline(), labels={"a": "b"}, custom_objects=None,
                                             signatures={"__call__": {"batchable": True, "batch_dim": 0}})
        self.assertEqual({"a": "b"}, chorus.get(tag).labels)

    def test_load_model(self):
        put_embedder(self.home / "folder")
        chorus.models.import_(self.home / "folder", "embedder:v1")
        with unittest.mock.patch.dict(sys.modules, transformers=transformers):
            loaded = chorus.transformers.load_model("embedder:v1")
            self.assertEqual("feature-extraction", loaded.task)
            self.assertEqual(chorus.get("embedder").path, loaded.model.folder)
            self.assertEqual("text-generation", chorus.transformers.load_model("gpt2-generation").task)

    def test_refuses(self):
        whole = pipeline()
        with self.assertRaisesRegex(TypeError, "tokenizer"):
            chorus.save_model("mine", whole.model)
        with self.assertRaisesRegex(TypeError, "pipeline or a model"):
            chorus.save_model("mine", object())
        for arguments, words in (({"custom_objects": {"a": 1}}, "custom_objects of BentoML is not here: .*metadata"),
                                 ({"signatures": {"generate": {}}}, "signatures: .* no generate"),
                                 ({"pipeline": whole}, "the same argument"), ({"lables": {}}, "Did you mean 'labels'")):
            with self.assertRaisesRegex(TypeError, words):
                chorus.save_model("mine", whole, **arguments)
        for arguments, kind, words in (
                ({"labels": ["nlp"]}, TypeError, "labels: must be a mapping"),
                ({"labels": {"epochs": 3}}, TypeError, "labels: must be a mapping of texts"),
                ({"metadata": [1]}, TypeError, "metadata: must be a mapping: list"),
                ({"metadata": {"a": object()}}, TypeError, "metadata: Object of type object"),
                ({"metadata": {"a": float("nan")}}, ValueError, "metadata: Out of range"),
                ({"tokenizer": "gpt2"}, TypeError, "tokenizer: must be a tokenizer of transformers.*: str")):
            with self.subTest(**arguments), self.assertRaisesRegex(kind, words):
                chorus.save_model("mine", whole, **arguments)
        with self.assertRaises(exceptions.StoreError):
            chorus.save_model("a b", whole)
        with self.assertRaises(exceptions.StoreError):
            chorus.save_model("mine", whole, labels={"bad key!": "x"})
        # What cannot be served.
        with tempfile.TemporaryDirectory() as folder:
            for path in FOLDERS[GENERATOR].iterdir():
                text = path.read_bytes()
                pathlib.Path(folder, path.name).write_bytes(
                    text.replace(b"GPT2LMHeadModel", b"NoSuchModel") if path.name == "config.json" else text)
            with self.assertRaisesRegex(exceptions.StoreError, "NoSuchModel"):
                chorus.save_model("mine", transformers.pipeline("text-generation", folder))
        self.assertEqual([], [model for model in chorus.models.list() if model.tag.name == "mine"])

    def test_list_get_delete(self):
        demo = chorus.models.list()  # They come when one first looks.
        self.assertEqual(sorted(f"{name}:demo" for name in FOLDERS), [str(model) for model in demo])
        self.assertEqual("classify", chorus.models.get(CLASSIFIER).task)
        self.assertIsNotNone(demo[0].created.tzinfo)
        chorus.models.delete("gpt2-generation:demo")
        with self.assertRaisesRegex(exceptions.StoreError, "no model gpt2-generation"):
            chorus.get("gpt2-generation:latest")
        with self.assertRaises(exceptions.StoreError):
            chorus.models.delete("gpt2-generation")

    def test_list_of_some(self):
        chorus.save_model("mine", pipeline(), labels={"stage": "live", "team": "nlp"})
        chorus.save_model("mine:old", pipeline("distilgpt2-generation"), labels={"stage": "old"})

        def names(*name, **filters):
            return sorted(str(model).replace("-generation", "") for model in chorus.models.list(*name, **filters)
                          if model.tag.version in ("demo", "old") or model.tag.name == "mine")

        mine = str(chorus.get("mine").tag), str(chorus.get("mine:old").tag)
        self.assertEqual(["gpt2-medium:demo", "gpt2:demo"], names("gpt2*"))
        self.assertEqual(["gpt2:demo"], names("gpt2-generation:demo"))
        self.assertEqual(2, len(names("mine", labels={"stage": None})))
        self.assertEqual(["mine:old"], names(labels={"stage": "old"}))
        self.assertEqual([], names(labels={"stage": "old", "team": "nlp"}))
        self.assertEqual([f"{CLASSIFIER}:demo"], names(task="classify"))
        self.assertEqual([f"{CLASSIFIER}:demo"], names(architecture="Bert*"))
        self.assertEqual([], names("mine", task="classify"))
        with self.assertRaisesRegex(exceptions.StoreError, "must be generate, classify or embed: write"):
            chorus.models.list(task="write")
        with self.assertRaisesRegex(TypeError, "labels: must be a mapping of texts"):
            chorus.models.list(labels=["stage"])

    def test_what_looks_like_a_flag_is_a_tag(self):
        for call in (chorus.get, chorus.models.delete, lambda tag: chorus.models.export(tag, self.home),
                     lambda tag: chorus.models.import_(FOLDERS[GENERATOR], tag)):
            with self.assertRaisesRegex(exceptions.StoreError, "must match .*--help"):
                call("--help")
        self.assertEqual([], chorus.models.list("--help"))

    def test_import_and_export(self):
        model = chorus.models.import_(FOLDERS[GENERATOR], "mine:v1", labels={"a": "b"}, licence="mit", source="me/mine@v1",
                                      metadata={"k": "v"})
        self.assertEqual(("mit", "me/mine@v1"), (model.licence, model.source))
        self.assertGreater(model.parameters, 1 << 20)
        self.assertEqual("bfloat16", model.dtype)
        self.assertEqual({model}, {model, chorus.get("mine")})
        with tempfile.TemporaryDirectory() as folder:
            written = chorus.models.export("mine", folder)
            self.assertEqual(pathlib.Path(folder, "mine-v1.tar.gz"), written)
            chorus.models.delete(model.tag)
            again = chorus.models.import_(written)
            self.assertEqual((model.tag, {"a": "b"}, {"k": "v"}), (again.tag, again.labels, again.metadata))
            self.assertEqual(model.manifest["files"], again.manifest["files"])
            self.assertEqual("copy:v2", str(chorus.models.import_(written, "copy:v2")))
            with self.assertRaises(exceptions.StoreError):
                chorus.models.import_(pathlib.Path(folder, "nothing"), "x:v1")

    def test_runs_what_was_saved(self):
        chorus.save_model("mine", pipeline())
        with chorus.get("mine:latest").to_runner(dtype="float32", threads=1, max_sequences=4) as runner:
            result, = runner.run("I have an idea!", max_new_tokens=3)
            self.assertTrue(result["generated_text"].startswith("I have an idea!"))

    def test_no_program(self):
        with unittest.mock.patch.dict(os.environ, {"CHORUS_BIN": "/nowhere"}):
            with self.assertRaises(exceptions.ProgramError):
                chorus.models.list()


if __name__ == "__main__":
    unittest.main()
