"""Models that cannot be saved: without torch, by objects of its interface, and with it where it is installed."""
import importlib.util
import pathlib
import tempfile
import types
import unittest

import chorus
from chorus import _saving
from chorus.exceptions import ChorusError
from served import FOLDERS, own_store


class Tensor:
    def __init__(self, is_meta):
        self.is_meta = is_meta


class Model:
    def __init__(self, missing=0, modules=(), **attributes):
        self.tensors = [(f"layer.{index}.weight", Tensor(index >= 2)) for index in range(2 + missing)]
        self.modules = [("", self), *modules]
        vars(self).update(attributes)

    def named_parameters(self):
        return iter(self.tensors[::2])

    def named_buffers(self):
        return iter(self.tensors[1::2])

    def named_modules(self):
        return iter(self.modules)

    def save_pretrained(self, folder):
        raise self.error


def config(**quantization):
    return types.SimpleNamespace(quantization_config=quantization or None)


class CheckTest(unittest.TestCase):
    def test_takes(self):
        for model in (Model(), Model(config=config()), Model(missing=1, hf_device_map={"": "disk"}), object()):
            _saving.check(model)

    def test_refuses(self):
        quantised = type("Linear", (), {"__module__": "torch.ao.nn.quantized.dynamic.modules.linear"})()
        own = types.SimpleNamespace(quantization_config=types.SimpleNamespace(quant_method=types.SimpleNamespace(value="gptq")))
        for model, words in (
                (Model(config=config(quant_method="bitsandbytes")), r"Model is quantised \(bitsandbytes\): save .*dtype=.int8."),
                (Model(config=own), r"quantised \(gptq\)"), (Model(is_quantized=True), "without a quantization_config"),
                (Model(modules=[("head", quantised)]), r"quantised by torch \(head is a Linear\)"),
                (Model(missing=1), r"device meta \(layer.2.weight\): load them by Model.from_pretrained"),
                (Model(missing=9), r"device meta \(layer.2.weight, layer.4.weight, layer.6.weight, …\)")):
            with self.assertRaisesRegex(ChorusError, words):
                _saving.check(model)
            with self.assertRaisesRegex(ChorusError, words):
                chorus.save_model("mine", model, model)

    def test_what_save_pretrained_says(self):
        said = Model(error=RuntimeError("no storage of this tensor\nand a page of words"))
        with self.assertRaisesRegex(ChorusError, "^Model cannot be saved, for its save_pretrained says: no storage of this tensor$"):
            _saving.write(said, pathlib.Path())
        with self.assertRaises(OSError):  # Such as a full disk.
            _saving.write(Model(error=OSError(28, "No space left on device")), pathlib.Path())


@unittest.skipUnless(all(map(importlib.util.find_spec, ("torch", "transformers"))),
                     "torch or transformers is not installed")
class TorchTest(unittest.TestCase):
    """Run as tutorial_test.py says."""

    def test_models_of_torch(self):
        import torch
        import transformers
        folder = str(FOLDERS["bert-base-uncased-classification"])
        tokenizer = transformers.AutoTokenizer.from_pretrained(folder)

        def load():
            return transformers.AutoModelForSequenceClassification.from_pretrained(folder)

        def on_meta():
            made_by, config = transformers.AutoModelForSequenceClassification, load().config
            with torch.device("meta"):
                return made_by.from_config(config)

        def sparse():
            model = load()
            model.classifier.weight = torch.nn.Parameter(model.classifier.weight.detach().to_sparse())
            return model

        with own_store():
            for make, words in ((on_meta, "device meta"), (lambda: load().apply(lambda part: part.to("meta")), "device meta"),
                                (lambda: torch.ao.quantization.quantize_dynamic(load(), {torch.nn.Linear}), "by torch"),
                                (sparse, "save_pretrained says")):
                with self.assertRaisesRegex(ChorusError, words):
                    chorus.save_model("mine", make(), tokenizer)
            self.assertEqual("mine", chorus.save_model("mine", torch.compile(load()), tokenizer).name)


if __name__ == "__main__":
    unittest.main()
