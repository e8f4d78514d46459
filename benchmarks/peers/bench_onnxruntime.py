#!/usr/bin/env python3
"""ONNX Runtime: the graphs that optimum exports, with a greedy loop of our own whose KV cache stays in the engine."""
import numpy as np
import onnxruntime

import common


def load(args):
    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = args.threads
    model = common.peers_dir() / "onnx" / args.precision / args.model / "model.onnx"
    return onnxruntime.InferenceSession(str(model), options, providers=["CPUExecutionProvider"])


class Generator:
    def __init__(self, args):
        self.session = load(args)
        inputs = {each.name: each for each in self.session.get_inputs()}
        self.takes_positions = "position_ids" in inputs
        self.past_names = [name for name in inputs if name.startswith("past_key_values")]
        self.outputs = ["logits"] + [name.replace("past_key_values", "present") for name in self.past_names]
        _, self.heads, _, self.head_size = inputs[self.past_names[0]].shape

    def step(self, ids, past_length=0, past=None):
        """Runs ids [batch, tokens] after the `past_length` tokens of `past`.

        Returns logits [batch, tokens, vocabulary] and the new past.
        """
        batch, tokens = ids.shape
        inputs = {"input_ids": ids, "attention_mask": np.ones((batch, past_length + tokens), np.int64)}
        if self.takes_positions:
            inputs["position_ids"] = np.tile(np.arange(past_length, past_length + tokens), (batch, 1))
        values = {name: onnxruntime.OrtValue.ortvalue_from_numpy(array) for name, array in inputs.items()}
        if past is None:
            empty = np.zeros((batch, self.heads, 0, self.head_size), np.float32)
            past = [onnxruntime.OrtValue.ortvalue_from_numpy(empty)] * len(self.past_names)
        values.update(zip(self.past_names, past))
        logits, *present = self.session.run_with_ort_values(self.outputs, values)
        return logits, present

    def decode(self, batch, new_tokens):
        ids, length, past, steps = np.array([common.PROMPT] * batch), 0, None, []
        while len(steps) < new_tokens:
            logits, past = self.step(ids, length, past)
            length += ids.shape[1]
            ids = logits.numpy()[:, -1:].argmax(-1)
            steps.append(ids)
        return np.concatenate(steps, axis=1)

    def prefill(self, ids):
        self.step(np.array([ids]))


class Classifier:
    def __init__(self, args):
        self.session = load(args)
        self.names = [each.name for each in self.session.get_inputs()]

    def __call__(self, rows):
        ids = np.array(rows)
        inputs = {"input_ids": ids, "attention_mask": np.ones_like(ids), "token_type_ids": np.zeros_like(ids)}
        self.session.run(None, {name: inputs[name] for name in self.names})


if __name__ == "__main__":
    common.main("onnxruntime", onnxruntime.__version__, __doc__, Generator, Classifier)
