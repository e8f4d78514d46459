"""Models that save_model compiles, and the native code that it brings into the store.

Where torch and transformers are not installed, as in ctest, the refusals alone are tested. The whole:

    pip install transformers tokenizers torch==VERSION       # That of .deps/torch, as the runner has
    CHORUS_BIN=build/bin python tests/python/compiled_test.py
"""
import hashlib
import importlib.util
import json
import pathlib
import sys
import unittest

import chorus
from chorus import exceptions
from served import CLASSIFIER, FOLDERS, GENERATOR, own_store

HAS_TORCH = all(importlib.util.find_spec(name) for name in ("torch", "transformers"))
WORDS = "[PAD] [UNK] [CLS] [SEP] a dull touching film with good end and mess the".split()
TEXTS = ["a touching film", "a dull mess", "the end", "a film with a good end and a touching mess and the end of it"]


class ImportTest(unittest.TestCase):
    def setUp(self):
        self.folder = self.enterContext(own_store()) / "folder"
        self.folder.mkdir()
        for path in FOLDERS[CLASSIFIER].iterdir():
            (self.folder / path.name).write_bytes(path.read_bytes())
        config = json.loads((self.folder / "config.json").read_text())
        config["chorus_compiled"] = {"torch": "0.0.1", "dtype": "float32", "vocab_size": 1024, "context_size": 64,
                                     "output": "logits", "num_values": 2}
        (self.folder / "config.json").write_text(json.dumps(config))
        (self.folder / "model.pt2").write_bytes(b"code")
        self.hash = hashlib.sha256(b"code").hexdigest()

    def refused(self, **arguments):
        with self.assertRaises(exceptions.StoreError) as raised:
            chorus.models.import_(self.folder, "mine:v1", **arguments)
        self.assertNotIn("mine", [model.tag.name for model in chorus.models.list()])
        return str(raised.exception)

    def test_native_code_comes_in_by_its_hash(self):
        said = self.refused()
        self.assertIn(f"{self.folder}/model.pt2 is native code, which would run with your rights", said)
        self.assertIn(f"--native_code {self.hash}", said)
        self.assertIn(f"its SHA-256 is {self.hash}, not {'0' * 64}", self.refused(native_code="0" * 64))
        self.assertIn("was compiled for libtorch 0.0.1", self.refused(native_code=self.hash))

    @unittest.skipIf(HAS_TORCH, "torch is there")
    def test_without_torch(self):
        sys.path.insert(0, str(pathlib.Path(__file__).parent / "stand_in"))
        transformers = importlib.import_module("transformers")
        with self.assertRaisesRegex(exceptions.ChorusError, "compile=True needs torch"):
            chorus.save_model("mine", transformers.pipeline("text-generation", str(FOLDERS[GENERATOR])), compile=True)


@unittest.skipUnless(HAS_TORCH, "torch or transformers is not installed")
class CompileTest(unittest.TestCase):
    def setUp(self):
        self.enterContext(own_store())

    @staticmethod
    def tokenizer():
        import tokenizers
        import transformers
        words = tokenizers.Tokenizer(tokenizers.models.WordLevel({word: i for i, word in enumerate(WORDS)}, "[UNK]"))
        words.pre_tokenizer = tokenizers.pre_tokenizers.Whitespace()
        words.post_processor = tokenizers.processors.TemplateProcessing(
            "[CLS] $A [SEP]", special_tokens=[("[CLS]", 2), ("[SEP]", 3)])
        return transformers.PreTrainedTokenizerFast(tokenizer_object=words, pad_token="[PAD]", unk_token="[UNK]",
                                                    cls_token="[CLS]", sep_token="[SEP]", model_max_length=48)

    @staticmethod
    def model(name, **more):
        import torch
        import transformers
        torch.manual_seed(1)
        config = getattr(transformers, f"{name}Config")(**{
            "vocab_size": len(WORDS), "hidden_size": 32, "intermediate_size": 64, "num_hidden_layers": 2,
            "num_attention_heads": 2, "max_position_embeddings": 64, "pad_token_id": 0, "initializer_range": 0.5,
            **more})
        return config, transformers

    def test_a_classifier(self):
        import torch
        config, transformers = self.model("Ernie", num_labels=3)
        model, tokenizer = transformers.ErnieForSequenceClassification(config).eval(), self.tokenizer()
        with self.assertRaisesRegex(exceptions.StoreError, "ErnieForSequenceClassification.*compile=True"):
            chorus.save_model("mine", model, tokenizer)
        tag = chorus.save_model("mine", model, tokenizer, compile=True)
        saved = chorus.get(tag)
        self.assertEqual(("classify", "ErnieForSequenceClassification", "float32"),
                         (saved.task, saved.architecture, saved.dtype))
        with saved.to_runner() as runner, torch.no_grad():
            for texts in (TEXTS, TEXTS[1:2]):
                for text, scores in zip(texts, runner.run(texts, top_k=None), strict=True):
                    expected = torch.softmax(model(**tokenizer(text, return_tensors="pt")).logits[0], 0)
                    for score in scores:
                        label = model.config.label2id[score["label"]]
                        self.assertAlmostEqual(float(expected[label]), score["score"], delta=1e-5)

    def test_a_generator(self):
        import torch
        config, transformers = self.model("Olmo2", num_key_value_heads=1, tie_word_embeddings=True, bos_token_id=None,
                                          eos_token_id=None)
        model, tokenizer = transformers.Olmo2ForCausalLM(config).eval(), self.tokenizer()
        before = model.config._attn_implementation
        saved = chorus.get(chorus.save_model("mine", model, tokenizer, compile=True))
        self.assertEqual(before, model.config._attn_implementation)
        self.assertEqual(("generate", "Olmo2ForCausalLM", "float32"), (saved.task, saved.architecture, saved.dtype))
        expected = []
        with torch.no_grad():
            for text in TEXTS:
                ids = tokenizer(text, return_tensors="pt").input_ids
                added = model.generate(ids, max_new_tokens=12, do_sample=False)[0, ids.shape[1]:]
                expected.append(f"{text} {tokenizer.decode(added, skip_special_tokens=True)}")
        with saved.to_runner() as runner:
            together = runner.run(TEXTS, max_new_tokens=12, do_sample=False)
            self.assertEqual(expected, [texts[0]["generated_text"] for texts in together])
            alone = runner.run(TEXTS[1], max_new_tokens=12, do_sample=False)
            self.assertEqual(expected[1], alone[0]["generated_text"])

    def test_what_is_no_generator(self):
        small = {"n_embd": 8, "n_layer": 1, "n_head": 2, "rotary_dim": 2, "attn_layer_indices": [1],
                 "mamba_n_heads": 4, "mamba_d_head": 16, "num_key_value_heads": 2}
        for name, why in (("GPTJ", "its forward pass lacks one of"), ("StableLm", "it does not attend through"),
                          ("Bamba", "its logits are made of more than")):
            config, transformers = self.model(name, **small)
            with self.assertRaisesRegex(exceptions.ChorusError, f"{name}ForCausalLM cannot be compiled: {why}"):
                chorus.save_model("mine", getattr(transformers, f"{name}ForCausalLM")(config), self.tokenizer(),
                                  compile=True)

    def test_what_is_no_encoder(self):
        config, transformers = self.model("Bert", num_labels=3)
        for name in ("BertForMaskedLM", "BertForTokenClassification"):
            with self.assertRaisesRegex(exceptions.ChorusError, f"{name} cannot be compiled: it neither classifies"):
                chorus.save_model("mine", getattr(transformers, name)(config), self.tokenizer(), compile=True)
        model = transformers.FNetModel(transformers.FNetConfig(vocab_size=14, hidden_size=8, num_hidden_layers=1,
                                                               intermediate_size=8))
        with self.assertRaisesRegex(exceptions.ChorusError, "FNetModel cannot be compiled: it is no encoder"):
            chorus.save_model("mine", model, self.tokenizer(), compile=True)


if __name__ == "__main__":
    unittest.main()
