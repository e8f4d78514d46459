#!/usr/bin/env python3
"""llama.cpp, through its C API: a batch is as many sequences of one context, and a step decodes a token of each.

The classifier encodes whole texts, as many at a time as fit 512 tokens (llama.cpp's default); more in one call cost
more, since attention then covers the square of all.
"""
import logging
import os
import sys

import common

SOURCES = common.peers_dir() / "llama-cpp-python"
os.environ["LLAMA_CPP_LIB_PATH"] = str(SOURCES / "build/bin")
sys.path.insert(0, str(SOURCES))

import llama_cpp  # noqa: E402
import numpy as np  # noqa: E402

CALL_TOKENS = 512
KV_CELLS = 256  # llama.cpp rounds the cells of a sequence up to this.
logging.getLogger("llama-cpp-python").setLevel(logging.ERROR)  # It prints all it does otherwise.


class Context:
    """A context of a model for `sequences` sequences of at most `length` tokens each."""

    def __init__(self, model, threads, sequences, length, **params):
        settings = llama_cpp.llama_context_default_params()
        settings.n_ctx = sequences * -(-length // KV_CELLS) * KV_CELLS
        settings.n_batch = settings.n_ubatch = max(CALL_TOKENS, sequences)
        settings.n_seq_max = sequences
        settings.n_threads = settings.n_threads_batch = threads
        for name, value in params.items():
            setattr(settings, name, value)
        self.context = llama_cpp.llama_init_from_model(model, settings)
        if not self.context:
            raise RuntimeError(f"no context for {sequences} sequences of {length} tokens")
        self.batch = llama_cpp.llama_batch_init(sequences * length, 0, 1)

    def __del__(self):
        llama_cpp.llama_batch_free(self.batch)
        llama_cpp.llama_free(self.context)

    def clear(self):
        llama_cpp.llama_memory_clear(llama_cpp.llama_get_memory(self.context), False)

    def run(self, process, rows, start=0, all_outputs=False):
        """Runs llama_decode or llama_encode on rows[i], the ids of sequence i from position `start` on."""
        batch, count = self.batch, 0
        for sequence, ids in enumerate(rows):
            for offset, token in enumerate(ids):
                batch.token[count] = token
                batch.pos[count] = start + offset
                batch.n_seq_id[count] = 1
                batch.seq_id[count][0] = sequence
                batch.logits[count] = all_outputs or offset == len(ids) - 1
                count += 1
        batch.n_tokens = count
        code = process(self.context, batch)
        if code:
            raise RuntimeError(f"{process.__name__} of {count} tokens failed: {code}")

    def next_tokens(self, count, vocabulary):
        """The likeliest token after each of the `count` sequences that were just decoded."""
        logits = llama_cpp.llama_get_logits(self.context)
        return np.ctypeslib.as_array(logits, (count, vocabulary)).argmax(axis=1).tolist()

    def scores(self, sequence):
        """The two scores of a text that was just encoded."""
        return llama_cpp.llama_get_embeddings_seq(self.context, sequence)[:2]


class Model:
    def __init__(self, args):
        self.threads = args.threads
        path = common.peers_dir() / f"gguf/{args.model}-{args.precision}.gguf"
        self.model = llama_cpp.llama_model_load_from_file(str(path).encode(), llama_cpp.llama_model_default_params())
        if not self.model:
            raise RuntimeError(f"could not load {path}")
        self.context, self.shape = None, None

    def context_for(self, sequences, length, **params):
        """A context of this shape with nothing in its memory; the runs of one shape share it."""
        if self.shape != (sequences, length):
            self.context = None  # Frees its memory first.
            self.context = Context(self.model, self.threads, sequences, length, **params)
            self.shape = sequences, length
        self.context.clear()
        return self.context


class Generator(Model):
    def __init__(self, args):
        super().__init__(args)
        self.vocabulary = llama_cpp.llama_vocab_n_tokens(llama_cpp.llama_model_get_vocab(self.model))

    def decode(self, batch, new_tokens):
        context = self.context_for(batch, common.MAX_LENGTH)
        context.run(llama_cpp.llama_decode, [common.PROMPT] * batch)
        steps = [context.next_tokens(batch, self.vocabulary)]
        for position in range(len(common.PROMPT), len(common.PROMPT) + new_tokens - 1):
            context.run(llama_cpp.llama_decode, [[token] for token in steps[-1]], position)
            steps.append(context.next_tokens(batch, self.vocabulary))
        return list(zip(*steps))

    def prefill(self, ids):
        context = self.context_for(1, len(ids))
        context.run(llama_cpp.llama_decode, [ids])
        context.next_tokens(1, self.vocabulary)


class Classifier(Model):
    def __call__(self, rows):
        length = len(rows[0])
        at_once = max(1, CALL_TOKENS // length)
        context = self.context_for(at_once, length, embeddings=True, pooling_type=llama_cpp.LLAMA_POOLING_TYPE_RANK)
        for first in range(0, len(rows), at_once):
            texts = rows[first:first + at_once]
            context.run(llama_cpp.llama_encode, texts, all_outputs=True)
            for sequence in range(len(texts)):
                context.scores(sequence)


if __name__ == "__main__":
    common.main("llamacpp", llama_cpp.__version__, __doc__, Generator, Classifier)
