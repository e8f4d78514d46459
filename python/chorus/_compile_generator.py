"""Compiles a generator of transformers for a runner of libtorch, which attends in the model's place.

Where the model attends, the graph has the operator chorus::attend, which the runner brings: it stores keys and values
in its cache and attends to what lies there (runner_server/model/torch/compiled_decoder.h). So any model can be compiled
that calls its attention through transformers' AttentionInterface. Here the operator attends within the texts of one
pass, to compare the code with the model.
"""
from __future__ import annotations

import contextlib
import dataclasses
import functools
import importlib
import itertools
from collections.abc import Callable, Iterable, Iterator
from typing import Any

from chorus._compile import Compiled, Encoder

_NAME = "chorus"  # Of the attention, as transformers knows it.
_MOST_TOKENS = 65536  # Of a pass: --max_step_tokens of a runner.
_LONG_TEXT = 600  # Tokens.


@dataclasses.dataclass(frozen=True, slots=True)
class _Layer:
    """How a layer attends."""
    scale: float
    window: int  # A token sees those that are less than so far away; 0: all.
    soft_cap: float  # Of scores: cap * tanh(score / cap); 0: none.


class Generator(Compiled):
    """A language model: tokens of many texts go in, one behind the other, and logits after the wanted ones come out."""

    output = "next_token_logits"
    heads: int
    kv_heads: int  # Of keys and values.
    head_size: int

    def _examine(self, tokenizer: Any) -> None:
        if {"input_ids", "position_ids", "use_cache", "logits_to_keep"} - self.accepted.keys():
            raise self._refusal("its forward pass lacks one of input_ids, position_ids, use_cache and logits_to_keep")
        if getattr(self.config, "is_encoder_decoder", False):
            raise self._refusal("it is no decoder alone")
        if getattr(self.config, "attention_chunk_size", None):
            raise self._refusal("it attends in chunks")
        self.context_size = int(getattr(self.config, "max_position_embeddings", None) or 0)
        if self.context_size < 1:
            raise self._refusal("its config has no max_position_embeddings")
        self.num_values = self.vocab_size
        self.layers: list[_Layer] = []  # Of the last pass.
        self.heads = self.kv_heads = self.head_size = 0  # Of all layers.
        with self._attending():
            self._run(self._forward, [[0, 1, 2]])
            if not self.layers:
                raise self._refusal("it does not attend through transformers' AttentionInterface")
            window = max(layer.window for layer in self.layers)
            longest = max(_LONG_TEXT, window, getattr(self.config, "sliding_window", None) or 0) + 9
        # What is compared: texts in one pass, where they begin, and the logits after each token of each.
        passes = [([self._text(length) for length in (9, 2, 17, longest, 5)], 0), ([[1]], 0),
                  ([[1]], self.context_size - 1)]
        self.passes = [(texts, start, [self._call(text, start) for text in texts]) for texts, start in passes]
        with self._attending():
            self._compare(self._forward, "its logits are made of more than a token, its position, and attention")

    def _fields(self) -> dict[str, Any]:
        return {"heads": self.heads, "kv_heads": self.kv_heads, "head_size": self.head_size,
                "scales": [layer.scale for layer in self.layers], "windows": [layer.window for layer in self.layers],
                "soft_cap": self.layers[0].soft_cap}

    def _export(self) -> Any:
        torch, forward = self.torch, self._forward
        dim = torch.export.Dim
        tokens, wanted = (dim(name, min=1, max=_MOST_TOKENS) for name in ("tokens", "wanted"))
        module = self._module(lambda _, *inputs: forward(*inputs))
        inputs = (self._tensor(range(5)), self._tensor(range(5)), self._tensor([4, 1, 2]))
        with self._attending():
            return torch.export.export(module, inputs, strict=False,
                                       dynamic_shapes=(({0: tokens}, {0: tokens}, {0: wanted}),))

    def _check(self, code: Any) -> None:
        self._compare(code, "the code computes something else")

    def _compare(self, run: Callable[..., Any], why: str) -> None:
        """Refuses the model if `run` makes something else of a text in company than the model does of it alone."""
        for texts, start, expected in self.passes:
            every = self._run(run, texts, start).split([len(text) for text in texts])
            ends = [end - 1 for end in itertools.accumulate(len(text) for text in texts)]
            last = self._run(run, texts, start, wanted=ends)
            for ours, ours_last, theirs in zip(every, last, expected, strict=True):
                if not self._is_near(ours, theirs) or not self._is_near(ours_last, theirs[-1]):
                    raise self._refusal(why)

    def _text(self, length: int) -> list[int]:
        return [(37 * i + 11 * length) % self.vocab_size for i in range(min(length, self.context_size))]

    def _call(self, text: list[int], start: int = 0) -> Any:
        """The logits after each token of a text, by the model as it is."""
        positions = self._tensor(range(start, start + len(text)))
        return self.model(input_ids=self._tensor(text)[None], position_ids=positions[None], use_cache=False,
                          return_dict=True).logits[0].float()

    def _forward(self, ids: Any, positions: Any, wanted: Any) -> Any:
        self.layers = []
        return self.model(input_ids=ids[None], position_ids=positions[None], logits_to_keep=wanted, use_cache=False,
                          return_dict=True).logits[0].float()

    def _run(self, run: Callable[..., Any], texts: list[list[int]], start: int = 0,
             wanted: Iterable[int] | None = None) -> Any:
        """The logits after the wanted tokens, or all, of texts that begin at the position `start`."""
        global _running
        ids = self._tensor(itertools.chain(*texts))
        positions = self._tensor(itertools.chain(*(range(start, start + len(text)) for text in texts)))
        _running = _Pass([len(text) for text in texts], self)
        try:
            return run(ids, positions, self._tensor(range(len(ids)) if wanted is None else wanted))
        finally:
            _running = None

    def _tensor(self, numbers: Iterable[int]) -> Any:
        return self.torch.tensor(list(numbers), device=self.device)

    @contextlib.contextmanager
    def _attending(self) -> Iterator[None]:
        """Lets the model attend by the operator."""
        _define_operator()
        importlib.import_module("transformers").AttentionInterface.register(_NAME, self._attention)
        before = self.config._attn_implementation
        self.model.set_attn_implementation(_NAME)
        try:
            yield
        finally:
            self.model.set_attn_implementation(before)

    def _attention(self, module: Any, query: Any, key: Any, value: Any, attention_mask: Any,
                   scaling: float | None = None, dropout: float = 0.0, **more: Any) -> tuple[Any, None]:
        """An attention of transformers: of [1, heads, tokens, head size], into [1, tokens, heads, head size]."""
        sizes = int(query.shape[1]), int(key.shape[1]), int(query.shape[3])
        if self.layers and sizes != (self.heads, self.kv_heads, self.head_size):
            raise self._refusal("its layers have different numbers of heads")
        self.heads, self.kv_heads, self.head_size = sizes
        if key.shape[3] != self.head_size or value.shape[3] != self.head_size:
            raise self._refusal("its keys and values have other sizes than its queries")
        self.layers.append(_Layer(self.head_size ** -0.5 if scaling is None else float(scaling),
                                  int(more.get("sliding_window") or 0), float(more.get("softcap") or 0)))
        if self.layers[-1].soft_cap != self.layers[0].soft_cap:
            raise self._refusal("its layers cap their scores differently")
        q, k, v = (heads[0].transpose(0, 1) for heads in (query, key, value))
        return self.torch.ops.chorus.attend(q, k, v, len(self.layers) - 1)[None], None


@dataclasses.dataclass(frozen=True, slots=True)
class _Pass:
    lengths: list[int]  # Of the texts.
    generator: Generator


_running: _Pass | None = None


@functools.cache
def _define_operator() -> None:
    torch: Any = importlib.import_module("torch")

    def attend(q: Any, k: Any, v: Any, layer: int) -> Any:
        """[tokens, heads, head size] as q: each text attends to itself."""
        assert _running is not None
        how = _running.generator.layers[layer]
        k, v = (heads.repeat_interleave(q.shape[1] // heads.shape[1], 1) for heads in (k, v))
        outputs = []
        for queries, keys, values in zip(*(heads.split(_running.lengths) for heads in (q, k, v)), strict=True):
            scores = torch.einsum("qhd,khd->hqk", queries.float(), keys.float()) * how.scale
            if how.soft_cap:
                scores = torch.tanh(scores / how.soft_cap) * how.soft_cap
            positions = torch.arange(len(queries), device=q.device)
            ages = positions[:, None] - positions
            scores.masked_fill_((ages < 0) | (ages >= (how.window or len(queries))), float("-inf"))
            outputs.append(torch.einsum("hqk,khd->qhd", torch.softmax(scores, -1), values.float()))
        return torch.cat(outputs).to(q.dtype).contiguous()

    operator = torch.library.custom_op("chorus::attend", attend, mutates_args=(),
                                       schema="(Tensor q, Tensor k, Tensor v, int layer) -> Tensor")
    operator.register_fake(lambda q, k, v, layer: q.new_empty(q.shape))


def prepare(model: Any, tokenizer: Any) -> Compiled:
    """A model that can be compiled, of either kind. ChorusError says why this cannot be."""
    generates = hasattr(model, "can_generate") and model.can_generate()
    return Generator(model, tokenizer) if generates else Encoder(model, tokenizer)
