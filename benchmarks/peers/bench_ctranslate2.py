#!/usr/bin/env python3
"""CTranslate2: Generator for the generators; Encoder, which ends at the pooled output, for the classifier."""
import json

import ctranslate2
import numpy as np

import common

TYPES = {"fp32": "float32", "int8": "int8_float32"}


def load(engine_class, args):
    return engine_class(str(common.peers_dir() / "ctranslate2" / args.model), device="cpu",
                        compute_type=TYPES[args.precision], inter_threads=1, intra_threads=args.threads)


class Generator:
    def __init__(self, args):
        self.model = load(ctranslate2.Generator, args)
        vocabulary = json.loads((common.peers_dir() / "models" / args.model / "vocab.json").read_text())
        self.tokens = {token_id: token for token, token_id in vocabulary.items()}

    def run(self, rows, new_tokens):
        prompts = [[self.tokens[token_id] for token_id in ids] for ids in rows]
        results = self.model.generate_batch(prompts, min_length=new_tokens, max_length=new_tokens, beam_size=1,
                                            sampling_topk=1, include_prompt_in_result=False)
        return [result.sequences_ids[0] for result in results]

    def decode(self, batch, new_tokens):
        return self.run([common.PROMPT] * batch, new_tokens)

    def prefill(self, ids):
        self.run([ids], 1)


class Classifier:
    def __init__(self, args):
        self.model = load(ctranslate2.Encoder, args)

    def __call__(self, rows):
        np.array(self.model.forward_batch(rows).pooler_output)  # Waits for the result.


if __name__ == "__main__":
    common.main("ctranslate2", ctranslate2.__version__, __doc__, Generator, Classifier)
