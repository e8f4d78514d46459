#!/usr/bin/env python3
"""OpenVINO: generators by OpenVINO GenAI's LLMPipeline, the classifier by the runtime alone.

The whole graph is three pipelines and the classifier in one process: requests that come at once are one ready-made
batch, which the models take one after another, each with all threads.
"""
import sys

import numpy as np
import openvino
import openvino_genai

import common

WEIGHTS = {"fp32": "fp32", "bf16": "fp32", "int8-fp32": "int8", "int8-bf16": "int8"}
HINTS = {"fp32": "f32", "bf16": "bf16", "int8-fp32": "f32", "int8-bf16": "bf16"}


def folder(model, precision):
    return str(common.peers_dir() / "openvino" / WEIGHTS[precision] / model)


def properties(args):
    capabilities = openvino.Core().get_property("CPU", "OPTIMIZATION_CAPABILITIES")
    if HINTS[args.precision] == "bf16" and "BF16" not in capabilities:
        sys.exit("OpenVINO has no bfloat16 on this CPU, and computes in float32 instead")
    return {"INFERENCE_PRECISION_HINT": HINTS[args.precision], "INFERENCE_NUM_THREADS": args.threads,
            "PERFORMANCE_HINT": "LATENCY"}


def generation(new_tokens, **sampling):
    return openvino_genai.GenerationConfig(max_new_tokens=new_tokens, min_new_tokens=new_tokens, ignore_eos=True,
                                           **sampling)


class Generator:
    def __init__(self, args):
        self.pipeline = openvino_genai.LLMPipeline(folder(args.model, args.precision), "CPU", **properties(args))

    def run(self, rows, new_tokens):
        ids = np.array(rows, np.int64)
        inputs = openvino_genai.TokenizedInputs(openvino.Tensor(ids), openvino.Tensor(np.ones_like(ids)))
        return self.pipeline.generate(inputs, generation(new_tokens, do_sample=False)).tokens

    def decode(self, batch, new_tokens):
        return self.run([common.PROMPT] * batch, new_tokens)

    def prefill(self, ids):
        self.run([ids], 1)


class Classifier:
    def __init__(self, args):
        model = folder(common.CLASSIFIER, args.precision) + "/openvino_model.xml"
        compiled = openvino.Core().compile_model(model, "CPU", properties(args))
        self.names = [each.get_any_name() for each in compiled.inputs]
        self.request = compiled.create_infer_request()

    def __call__(self, rows, mask=None):
        ids = np.array(rows, np.int64)
        inputs = {"input_ids": ids, "attention_mask": np.ones_like(ids) if mask is None else mask,
                  "token_type_ids": np.zeros_like(ids)}
        self.request.infer({name: inputs[name] for name in self.names})


class Graph:
    def __init__(self, args):
        self.pipelines = [openvino_genai.LLMPipeline(folder(model, args.precision), "CPU", **properties(args))
                          for model in common.GENERATORS]
        self.tokenizer = openvino_genai.Tokenizer(folder(common.CLASSIFIER, args.precision))
        self.classify = Classifier(args)
        self.generation = generation(common.NEW_TOKENS, do_sample=True, top_k=50)

    def __call__(self, count):
        for pipeline in self.pipelines:
            texts = pipeline.generate([common.PROMPT_TEXT] * count, self.generation).texts
            encoded = self.tokenizer.encode([common.PROMPT_TEXT + text for text in texts], max_length=512)
            self.classify(encoded.input_ids.data, encoded.attention_mask.data)


if __name__ == "__main__":
    common.main("openvino", openvino_genai.__version__, __doc__, Generator, Classifier, Graph)
