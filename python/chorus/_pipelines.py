"""The arguments and results of transformers' pipelines, in the runner's protocol.

A pipeline makes of its inputs a list of requests, and of their replies what the pipeline of transformers returns.
"""
from __future__ import annotations

import secrets
from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import Any, NamedTuple, Protocol

from google.protobuf.message import Message

from chorus import _protos
from chorus.exceptions import server_error

_RUNNER = "chorus.runner.v1."
_MAX_TEXTS = 1024  # Of one Classify.
# Of transformers' pipelines, and without an effect here: Chorus forms batches by itself, and pads none.
_NO_EFFECT = ("batch_size", "num_workers", "padding", "pad_token_id", "use_cache")

_BEAMS = "there is no beam search here; leave it out, and num_return_sequences samples several texts"
# Of transformers' pipelines, and not here: what to do instead, if anything.
_NOT_HERE = {
    **dict.fromkeys(("num_beams", "num_beam_groups", "diversity_penalty", "length_penalty", "early_stopping"), _BEAMS),
    "return_all_scores": "top_k=None returns every label", "eos_token_id": "stop_strings ends a text",
    "truncation": "a prompt is not cut; one that is too long is refused",
    **dict.fromkeys(("no_repeat_ngram_size", "encoder_no_repeat_ngram_size"), "repetition_penalty is here"),
    **dict.fromkeys(("min_length", "min_new_tokens", "bad_words_ids", "force_words_ids", "penalty_alpha", "typical_p",
                     "generation_config", "streamer", "logits_processor", "stopping_criteria", "assistant_model",
                     "prefix", "handle_long_generation", "return_tensors", "return_text", "return_dict_in_generate",
                     "output_scores", "clean_up_tokenization_spaces", "tokenizer_kwargs", "generate_kwargs"), ""),
}


def _unknown(name: str, known: Iterable[str]) -> TypeError:
    if name not in _NOT_HERE:
        return _protos.unknown_name("run", name, known)
    instead = _NOT_HERE[name]
    return TypeError(f"run() does not have transformers' argument '{name}'" + (f": {instead}" if instead else ""))


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
        options = {name: value for name, value in arguments.items() if name not in _NO_EFFECT and value is not None}
        if options.get("num_beams") == 1:
            del options["num_beams"]
        return_full_text = bool(options.pop("return_full_text", True))
        stop = options.pop("stop_strings", options.pop("stop", None))
        count = options.pop("num_return_sequences", 1)
        fields = _protos.message("chorus.v1.GenerationParams").DESCRIPTOR.fields_by_name
        known = [name for name in fields if name not in ("logprobs", "stop", "num_return_sequences")]
        known += ["stop", "stop_strings", "num_return_sequences", "return_full_text", *_NO_EFFECT]
        params: Any = _protos.message("chorus.v1.GenerationParams")()
        for name, value in options.items():
            if name not in known:
                raise _unknown(name, known)
            _protos.set_field(params, name, value)
        if stop is not None:
            _protos.set_field(params, "stop", [stop] if isinstance(stop, str) else list(stop))
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
    """As transformers.TextClassificationPipeline; inputs may be {"text": …, "text_pair": …}, too."""

    _KNOWN = ("top_k", "truncation", "max_length", "function_to_apply", "split_special_tokens", *_NO_EFFECT)
    _SCORE_KINDS = {"softmax": "softmax", "sigmoid": "sigmoid", "none": "raw"}

    def __init__(self, context_size: int) -> None:
        self._context_size = context_size

    def plan(self, inputs: Any, arguments: Mapping[str, Any]) -> Plan:
        _check(arguments, self._KNOWN, self._context_size)
        texts, pairs, is_list = _texts_and_pairs(inputs)
        function = arguments.get("function_to_apply")
        if function is not None and function not in self._SCORE_KINDS:
            raise ValueError(f"function_to_apply: must be one of {', '.join(self._SCORE_KINDS)}: {function}")
        make: Any = _protos.message(_RUNNER + "ClassifyRequest")
        requests = []
        for begin in range(0, len(texts), _MAX_TEXTS):
            request = make(texts=texts[begin:begin + _MAX_TEXTS])
            if pairs:
                _protos.set_field(request, "text_pairs", pairs[begin:begin + _MAX_TEXTS])
            if function is not None:
                _protos.set_field(request, "score_kind", self._SCORE_KINDS[function])
            request.refuse_truncation = arguments.get("truncation") is False
            request.split_special_tokens = bool(arguments.get("split_special_tokens", False))
            requests.append(request)
        has_top_k = "top_k" in arguments
        top_k = arguments.get("top_k", 1)
        if top_k is not None and (not isinstance(top_k, int) or top_k < 1):
            raise ValueError(f"top_k: must be at least 1, or None for all labels: {top_k!r}")

        def shape(replies: Sequence[Any]) -> Any:
            rows = [_best(list(reply.labels), _scores(row), top_k) for reply in replies for row in reply.results]
            if has_top_k:  # A list for each text.
                return rows if is_list else rows[0]
            best = [row[0] for row in rows]
            return best[0] if isinstance(inputs, Mapping) else best  # transformers has it so.

        return Plan("Classify", requests, shape)


class Embedding:
    """A vector of each text, as a list of numbers."""

    _KNOWN = ("normalize", "dimensions", "truncation", "max_length", "split_special_tokens", *_NO_EFFECT)

    def __init__(self, context_size: int) -> None:
        self._context_size = context_size

    def plan(self, inputs: Any, arguments: Mapping[str, Any]) -> Plan:
        texts, is_list = _texts(inputs)
        _check(arguments, self._KNOWN, self._context_size)
        requests = []
        for begin in range(0, len(texts), _MAX_TEXTS):
            request: Any = _protos.message(_RUNNER + "EmbedRequest")()
            request.texts.extend(texts[begin:begin + _MAX_TEXTS])
            request.refuse_truncation = arguments.get("truncation") is False
            for name in ("normalize", "dimensions", "split_special_tokens"):
                if arguments.get(name) is not None:
                    _protos.set_field(request, name, arguments[name])
            requests.append(request)

        def shape(replies: Sequence[Any]) -> Any:
            vectors = [list(row.values) for reply in replies for row in reply.results]
            return vectors if is_list else vectors[0]

        return Plan("Embed", requests, shape)


def _check(arguments: Mapping[str, Any], known: Sequence[str], context_size: int) -> None:
    """Also max_length, at which transformers cuts a text: Chorus does at the model's own limit alone."""
    for name in arguments:
        if name not in known:
            raise _unknown(name, known)
    length = arguments.get("max_length")
    if length is None:
        return
    if not isinstance(length, int) or isinstance(length, bool):
        raise TypeError(f"max_length: must be a number of tokens: {length!r}")
    if length < context_size:
        raise ValueError(f"max_length: a text is cut at the model's {context_size} tokens, not before: {length}")


def _scores(row: Any) -> list[float]:
    """The first field of the runner's Classification, whatever kind of scores it has."""
    return list(getattr(row, row.DESCRIPTOR.fields_by_number[1].name))


def _best(labels: Sequence[str], scores: Sequence[float], count: int | None) -> list[dict[str, Any]]:
    order = sorted(range(len(scores)), key=lambda index: -scores[index])
    return [{"label": labels[index], "score": scores[index]} for index in order[:count]]


def _texts(inputs: Any) -> tuple[list[str], bool]:
    """The texts, and whether they came in a list."""
    if isinstance(inputs, str):
        return [inputs], False
    if isinstance(inputs, (list, tuple)) and all(isinstance(text, str) for text in inputs):
        return list(inputs), True
    if _is_chat(inputs):
        raise TypeError("there are no chat templates here: make a text of the messages, as transformers does by "
                        "tokenizer.apply_chat_template(messages, tokenize=False, add_generation_prompt=True)")
    raise TypeError(f"the inputs of a pipeline are a text or a list of texts: {type(inputs).__name__}")


def _is_chat(inputs: Any) -> bool:
    """Messages with a role, or a list of such lists."""
    first = inputs[0] if isinstance(inputs, (list, tuple)) and inputs else inputs
    return isinstance(first, Mapping) and "role" in first or first is not inputs and _is_chat(first)


def _texts_and_pairs(inputs: Any) -> tuple[list[str], list[str], bool]:
    """The same of pairs, as transformers has them; without pairs the second list is empty."""
    items = inputs if isinstance(inputs, (list, tuple)) else [inputs]
    if not items or not all(isinstance(item, Mapping) for item in items):
        texts, is_list = _texts(inputs)
        return texts, [], is_list
    for item in items:
        if not set(item) <= {"text", "text_pair"} or not all(isinstance(text, str) for text in item.values()):
            raise TypeError(f"an input is {{'text': …, 'text_pair': …}}: its keys are {sorted(map(str, item))}")
    texts = [item["text"] for item in items]
    pairs = [item["text_pair"] for item in items if "text_pair" in item]
    if pairs and len(pairs) != len(texts):
        raise TypeError("of the inputs of one call, all have a text_pair or none")
    return texts, pairs, isinstance(inputs, (list, tuple))


# Each is made with the most tokens that the model reads.
PIPELINES: Mapping[str, Callable[[int], Pipeline]] = {
    "generate": TextGeneration, "classify": TextClassification, "embed": Embedding}
