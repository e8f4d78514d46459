"""The arguments and results of transformers' pipelines, in the runner's protocol.

A pipeline makes of its inputs a list of requests, and of their replies what the pipeline of transformers returns.
"""
from __future__ import annotations

import secrets
from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import Any, NamedTuple, Protocol

from google.protobuf.message import Message

from chorus import _arguments, _protos
from chorus.exceptions import server_error

_RUNNER = "chorus.runner.v1."
_MAX_TEXTS = 1024  # Of one Classify.


class Plan(NamedTuple):
    """What to call, and how the replies become a result."""
    method: str
    requests: list[Message]
    shape: Any  # (replies) -> result.


class Pipeline(Protocol):
    def plan(self, inputs: Any, arguments: Mapping[str, Any]) -> Plan:
        """TypeError for an argument that there is not, or inputs of another type."""


class Generated(NamedTuple):
    """The reply to one Generate: its deltas put together."""
    text: str
    end: Any


def collect(messages: Sequence[Any]) -> Generated:
    """The messages of one call's stream."""
    if not messages or not messages[-1].HasField("finished"):
        raise server_error("the runner's answer has no end", "INTERNAL")
    return Generated("".join(message.delta.text for message in messages), messages[-1].finished)


class TextGeneration:
    """As transformers.TextGenerationPipeline."""

    def __init__(self, context_size: int) -> None:
        pass  # The runner's refusals tell it.

    def plan(self, inputs: Any, arguments: Mapping[str, Any]) -> Plan:
        texts, is_list = _texts(inputs)
        fields = _protos.message("chorus.v1.GenerationParams").DESCRIPTOR.fields_by_name
        own = ("stop", "stop_strings", "num_return_sequences", "return_full_text")
        known = [*own, *(name for name in fields if name not in (*own, "logprobs", "prompt_logprobs"))]
        taken = _arguments.take(arguments, known, _arguments.GENERATION)
        options = {name: value for name, value in taken.items() if value is not None}
        return_full_text = bool(options.pop("return_full_text", True))
        stop = options.pop("stop_strings", options.pop("stop", None))
        count = options.pop("num_return_sequences", 1)
        params: Any = _protos.message("chorus.v1.GenerationParams")()
        for name, value in options.items():
            _protos.set_field(params, name, value)
        if stop is not None:
            if not isinstance(stop, (str, list, tuple)):
                raise TypeError(f"stop_strings: must be a text or a list of texts: {stop!r}")
            _protos.set_field(params, "stop", [stop] if isinstance(stop, str) else stop)
        _check_count(count, params)
        if not params.HasField("seed"):
            params.seed = secrets.randbits(64)
        make: Any = _protos.message(_RUNNER + "GenerateRequest")
        requests = [make(text=text, params=params, sequence=sequence) for text in texts for sequence in range(count)]

        def shape(replies: Sequence[Generated]) -> Any:
            results = []
            for index, text in enumerate(texts):
                of_text = replies[index * count:(index + 1) * count]
                results.append([{"generated_text": (text if return_full_text else "") + reply.text}
                                for reply in of_text])
            return results if is_list else results[0]

        return Plan("Generate", requests, shape)


def _check_count(count: Any, params: Any) -> None:
    """The gateway's rule: a single runner makes one text a call."""
    if not isinstance(count, int) or isinstance(count, bool):
        raise TypeError(f"num_return_sequences: must be a number: {count!r}")
    if not 1 <= count <= 64:
        raise ValueError(f"num_return_sequences: must be from 1 to 64: {count}")
    is_greedy = (params.HasField("do_sample") and not params.do_sample) or (
        params.HasField("temperature") and params.temperature == 0)
    if count > 1 and is_greedy:
        raise ValueError("num_return_sequences: without do_sample all texts are the same")


class TextClassification:
    """As transformers.TextClassificationPipeline."""

    _KNOWN = ("top_k", "truncation", "max_length", "function_to_apply", "split_special_tokens", "text_pair")
    _SCORE_KINDS = {"softmax": "softmax", "sigmoid": "sigmoid", "none": "raw"}

    def __init__(self, context_size: int) -> None:
        self._context_size = context_size

    def plan(self, inputs: Any, arguments: Mapping[str, Any]) -> Plan:
        taken = _arguments.take(arguments, self._KNOWN, _arguments.CLASSIFICATION)
        items = [_item(each) for each in (inputs if isinstance(inputs, list) else [inputs])]
        if taken.get("text_pair") is not None:
            items = [_with_pair(item, taken["text_pair"]) for item in items]
        groups = [[index for index, item in enumerate(items) if (item.pair is None) == is_alone]
                  for is_alone in (True, False)]
        _check_length(taken, self._context_size)
        make: Any = _protos.message(_RUNNER + "ClassifyRequest")
        requests = []
        for group in groups:
            for begin in range(0, len(group), _MAX_TEXTS):
                part = [items[index] for index in group[begin:begin + _MAX_TEXTS]]
                request = make(texts=[item.text for item in part],
                               text_pairs=[item.pair for item in part if item.pair is not None])
                request.refuse_truncation = _refuses_truncation(taken, is_pair=group is groups[1])
                request.split_special_tokens = bool(taken.get("split_special_tokens"))
                if taken.get("function_to_apply") is not None:
                    _protos.set_field(request, "score_kind", self._score_kind(taken["function_to_apply"]))
                requests.append(request)
        has_top_k = "top_k" in taken
        top_k = taken.get("top_k", 1)
        if top_k is not None and (not isinstance(top_k, int) or top_k < 1):
            raise ValueError(f"top_k: must be at least 1, or None for all labels: {top_k!r}")

        def shape(replies: Sequence[Any]) -> Any:
            answered = [_best(list(reply.labels), list(row.scores), top_k) for reply in replies for row in reply.results]
            rows: list[Any] = [None] * len(items)
            for index, row in zip((index for group in groups for index in group), answered, strict=True):
                rows[index] = row if has_top_k else row[0]
            if isinstance(inputs, list):
                return rows
            # Without top_k, transformers makes a list of a text's label, and none of a mapping's.
            return rows if isinstance(inputs, str) and not has_top_k else rows[0]

        return Plan("Classify", requests, shape)

    def _score_kind(self, function: Any) -> str:
        name = function.lower() if isinstance(function, str) else function
        if name not in self._SCORE_KINDS:
            raise ValueError(f"function_to_apply: must be one of {', '.join(self._SCORE_KINDS)}: {function}")
        return self._SCORE_KINDS[name]


class Embedding:
    """A vector of each text, as a list of numbers."""

    _KNOWN = ("normalize", "dimensions", "truncation", "max_length", "split_special_tokens")

    def __init__(self, context_size: int) -> None:
        self._context_size = context_size

    def plan(self, inputs: Any, arguments: Mapping[str, Any]) -> Plan:
        texts, is_list = _texts(inputs)
        taken = _arguments.take(arguments, self._KNOWN, _arguments.EMBEDDING)
        _check_length(taken, self._context_size)
        requests = []
        for begin in range(0, len(texts), _MAX_TEXTS):
            request: Any = _protos.message(_RUNNER + "EmbedRequest")()
            request.texts.extend(texts[begin:begin + _MAX_TEXTS])
            request.refuse_truncation = _refuses_truncation(taken, is_pair=False)
            for name in ("normalize", "dimensions", "split_special_tokens"):
                if taken.get(name) is not None:
                    _protos.set_field(request, name, taken[name])
            requests.append(request)

        def shape(replies: Sequence[Any]) -> Any:
            vectors = [list(row.values) for reply in replies for row in reply.results]
            return vectors if is_list else vectors[0]

        return Plan("Embed", requests, shape)


def _check_length(arguments: Mapping[str, Any], context_size: int) -> None:
    """max_length is where transformers cuts a text: Chorus does at the model's own limit alone."""
    length = arguments.get("max_length")
    if length is None:
        return
    if not isinstance(length, int) or isinstance(length, bool):
        raise TypeError(f"max_length: must be a number of tokens: {length!r}")
    if length < context_size:
        raise ValueError(f"max_length: a text is cut at the model's {context_size} tokens, not before: {length}")


def _refuses_truncation(arguments: Mapping[str, Any], is_pair: bool) -> bool:
    """What transformers' truncation says of texts that are too long."""
    truncation = arguments.get("truncation")
    if truncation is None or truncation is True or truncation == "longest_first":
        return False
    if truncation is False or truncation == "do_not_truncate":
        return True
    if truncation == "only_first" and not is_pair:
        return False
    raise ValueError(f"truncation: must be True, by which the longer text of a pair is cut, or False: {truncation!r}")


def _best(labels: Sequence[str], scores: Sequence[float], count: int | None) -> list[dict[str, Any]]:
    order = sorted(range(len(scores)), key=lambda index: -scores[index])
    return [{"label": labels[index], "score": scores[index]} for index in order[:count]]


def _texts(inputs: Any) -> tuple[list[str], bool]:
    """The texts, and whether they came in a list."""
    if isinstance(inputs, str):
        return [inputs], False
    if isinstance(inputs, list) and all(isinstance(text, str) for text in inputs):
        return list(inputs), True
    raise _no_texts(inputs, "the inputs of a pipeline are a text or a list of texts")


class _Item(NamedTuple):
    """One text to classify, or a pair."""
    text: str
    pair: str | None = None


def _item(item: Any) -> _Item:
    if isinstance(item, str):
        return _Item(item)
    if isinstance(item, Mapping) and "text" in item and item.keys() <= {"text", "text_pair"}:
        pair = item.get("text_pair")
        if isinstance(item["text"], str) and (pair is None or isinstance(pair, str)):
            return _Item(item["text"], pair)
    if isinstance(item, list) and len(item) == 1 and isinstance(item[0], list):  # As old versions of transformers had it.
        if len(item[0]) == 2 and all(isinstance(text, str) for text in item[0]):
            return _Item(*item[0])
    raise _no_texts(item, "a classifier's input is a text, {'text': …, 'text_pair': …}, or a list of these")


def _with_pair(item: _Item, pair: Any) -> _Item:
    if not isinstance(pair, str) or item.pair is not None:
        raise TypeError("text_pair: is one text, the second to each of those that have none: {'text': …, 'text_pair': …} "
                        "is a pair of its own")
    return _Item(item.text, pair)


def _no_texts(inputs: Any, what: str) -> TypeError:
    if _is_chat(inputs):
        return TypeError("there are no chat templates here: make a text of the messages, as transformers does by "
                         "tokenizer.apply_chat_template(messages, tokenize=False, add_generation_prompt=True)")
    if isinstance(inputs, list):
        other = next((each for each in inputs if not isinstance(each, str)), None)
        found = "a list" if other is None else f"a list with a {type(other).__name__}"
    elif isinstance(inputs, Mapping):
        found = f"a mapping of {sorted(map(str, inputs))}"
    else:
        found = f"a {type(inputs).__name__}" + ("; list(…) makes a list of it" if isinstance(inputs, Iterable) else "")
    return TypeError(f"{what}: not {found}")


def _is_chat(inputs: Any) -> bool:
    """Messages with a role, or a list of such lists."""
    first = inputs[0] if isinstance(inputs, (list, tuple)) and inputs else inputs
    return isinstance(first, Mapping) and "role" in first or first is not inputs and _is_chat(first)


# Each is made with the most tokens that the model reads.
PIPELINES: Mapping[str, Callable[[int], Pipeline]] = {
    "generate": TextGeneration, "classify": TextClassification, "embed": Embedding}
