"""What calls answer. Each class is a message of chorus/v1/inference.proto; what a reply leaves unset is None.

A field without a default is in every reply: from_message refuses one that leaves it unset.
"""
from __future__ import annotations

import dataclasses
from collections.abc import Mapping
from typing import Any, Literal, TypeAlias, cast

from google.protobuf.message import Message

from chorus import _protos
from chorus.exceptions import server_error

FinishReason: TypeAlias = Literal["stop", "length", "stop_string", "deadline"]
NodeKind: TypeAlias = Literal["generate", "classify"]
ScoreKind: TypeAlias = Literal["softmax", "sigmoid", "raw"]
Bits: TypeAlias = Literal["per_request", "per_batch_shape"]


@dataclasses.dataclass(frozen=True, slots=True)
class Timing:
    """Where the time of one text went, in seconds."""
    queue: float | None = None
    prefill: float | None = None
    decode: float | None = None
    classify: float | None = None
    mean_batch_size: float | None = None
    classify_batch_size: int | None = None
    prompt_tokens: int | None = None
    generated_tokens: int | None = None
    runner: str | None = None
    model_version: str | None = None
    classifier_version: str | None = None


@dataclasses.dataclass(frozen=True, slots=True)
class ErrorEvent:
    """Why a text could not be had. A stream's own is raised."""
    code: int | None = None
    status: str | None = None
    message: str | None = None
    retryable: bool | None = None
    branch: str | None = None
    stage: str | None = None
    details: tuple[Mapping[str, Any], ...] = ()  # As ServerError's.


@dataclasses.dataclass(frozen=True, slots=True)
class ScoredText:
    """A generated text, which begins with the prompt, and the probability of its likeliest label."""
    generated: str
    score: float
    label: str | None = None
    model: str | None = None
    finish_reason: FinishReason | None = None
    seed: int | None = None
    timing: Timing | None = None
    error: None = None
    classified_tokens: int | None = None
    truncated: bool | None = None
    score_kind: ScoreKind | None = None
    untrained_head: bool | None = None
    bits: Bits | None = None


@dataclasses.dataclass(frozen=True, slots=True)
class FailedText:
    """With `partial`, in the place of a text that could not be had: a ScoredText's fields, of which only `error` is."""
    error: ErrorEvent
    generated: None = None
    score: None = None
    label: None = None
    model: None = None
    finish_reason: None = None
    seed: None = None
    timing: None = None
    classified_tokens: None = None
    truncated: None = None
    score_kind: None = None
    untrained_head: None = None
    bits: None = None


@dataclasses.dataclass(frozen=True, slots=True)
class TopLogprob:
    """One of the likeliest tokens at a place."""
    id: int | None = None
    text: str | None = None
    logprob: float | None = None


@dataclasses.dataclass(frozen=True, slots=True)
class TokenLogprob:
    """How likely a token was."""
    id: int | None = None
    text: str | None = None
    logprob: float | None = None
    top: tuple[TopLogprob, ...] = ()


@dataclasses.dataclass(frozen=True, slots=True)
class GeneratedText:
    """One of several texts of a prompt."""
    generated: str
    finish_reason: FinishReason | None = None
    generated_tokens: int | None = None
    logprobs: tuple[TokenLogprob, ...] | None = None
    timing: Timing | None = None


@dataclasses.dataclass(frozen=True, slots=True)
class Generation:
    """The texts of one prompt: the first, and `others` with num_return_sequences above 1."""
    generated: str
    finish_reason: FinishReason | None = None
    prompt_tokens: int | None = None
    generated_tokens: int | None = None
    seed: int | None = None
    logprobs: tuple[TokenLogprob, ...] | None = None
    timing: Timing | None = None
    others: tuple[GeneratedText, ...] = ()
    bits: Bits | None = None
    prompt_logprobs: tuple[TokenLogprob, ...] | None = None


@dataclasses.dataclass(frozen=True, slots=True)
class TokenEvent:
    """New tokens of the text `index`, and their text."""
    index: int | None
    branch: str
    text: str
    num_tokens: int
    finish_reason: FinishReason | None = None
    logprobs: tuple[TokenLogprob, ...] | None = None
    prompt_logprobs: tuple[TokenLogprob, ...] | None = None


@dataclasses.dataclass(frozen=True, slots=True)
class ScoreEvent:
    """What the classifier says of the text `index`."""
    index: int | None
    branch: str
    score: float
    label: str
    timing: Timing | None = None
    classified_tokens: int | None = None
    truncated: bool | None = None
    score_kind: ScoreKind | None = None
    untrained_head: bool | None = None


@dataclasses.dataclass(frozen=True, slots=True)
class DoneEvent:
    """Closes a stream that has brought all."""
    prompt_tokens: int | None = None
    generated_tokens: int | None = None
    seed: int | None = None
    bits: Bits | None = None


StreamEvent: TypeAlias = TokenEvent | ScoreEvent | DoneEvent


@dataclasses.dataclass(frozen=True, slots=True)
class LabelScore:
    """One label of a classifier and its probability."""
    label: str
    score: float


@dataclasses.dataclass(frozen=True, slots=True)
class Classification:
    """The likeliest label of a text, its probability, and those of all labels."""
    label: str
    score: float
    scores: tuple[LabelScore, ...] = ()
    num_tokens: int | None = None
    truncated: bool | None = None


@dataclasses.dataclass(frozen=True, slots=True)
class Embedding:
    """The vector of one text."""
    values: tuple[float, ...] = ()
    data: bytes | None = None
    num_tokens: int | None = None
    truncated: bool | None = None


@dataclasses.dataclass(frozen=True, slots=True)
class Token:
    """A piece of a text: its bytes from `begin` to before `end`."""
    id: int
    text: str
    begin: int | None = None
    end: int | None = None


@dataclasses.dataclass(frozen=True, slots=True)
class Tokens:
    """A text in a model's tokens, or with ids_only its `ids`; `num_tokens` is of the whole text."""
    tokens: tuple[Token, ...] = ()
    ids: tuple[int, ...] = ()
    num_tokens: int | None = None


@dataclasses.dataclass(frozen=True, slots=True)
class GraphNode:
    """One node of a graph, and how its calls have gone of late."""
    name: str
    kind: NodeKind | None = None
    runner: str | None = None
    inputs: tuple[str, ...] = ()
    healthy_replicas: int | None = None
    replicas: int | None = None
    in_flight: int | None = None
    waiting: int | None = None
    recent_calls: int | None = None
    recent_failures: int | None = None
    recent_caller_errors: int | None = None
    p50_seconds: float | None = None
    p99_seconds: float | None = None


@dataclasses.dataclass(frozen=True, slots=True)
class Graph:
    """An inference graph."""
    name: str
    nodes: tuple[GraphNode, ...] = ()


_CLASSES: dict[str, type[Any]] = {
    **{cls.__name__: cls for cls in (
        Timing, ErrorEvent, ScoredText, TopLogprob, TokenLogprob, GeneratedText, TokenEvent, ScoreEvent, DoneEvent,
        LabelScore, Classification, Embedding, Token, GraphNode, Graph)},
    "GenerateResponse": Generation, "TokenizeResponse": Tokens}


_ALWAYS_SET: dict[type[Any], list[str]] = {
    cls: [field.name for field in dataclasses.fields(cls)
          if field.default is field.default_factory is dataclasses.MISSING and "None" not in str(field.type)]
    for cls in {**_CLASSES, "FailedText": FailedText}.values()}


def from_message(message: Message) -> Any:
    """The message as its class of this module. ServerError if it lacks what every reply has."""
    name = message.DESCRIPTOR.name
    if name == "Logprobs":
        return _value(message, "tokens")
    if name == "Any":
        return _protos.to_dict(message)
    cls: type[Any] = FailedText if name == "ScoredText" and message.HasField("error") else _CLASSES[name]
    known = message.DESCRIPTOR.fields_by_name
    values = {field.name: _value(message, field.name) for field in dataclasses.fields(cls) if field.name in known}
    for field in _ALWAYS_SET[cls]:
        if values[field] is None:
            raise server_error(f"the answer is no {name}: it has no {field}", "UNKNOWN")
    return cls(**values)


def _value(message: Message, name: str) -> Any:
    field = message.DESCRIPTOR.fields_by_name[name]
    value = getattr(message, name)
    is_one = isinstance(value, (bool, int, float, str, bytes, Message))
    if not is_one:
        return tuple(from_message(item) if isinstance(item, Message) else item for item in value)
    if field.has_presence and not message.HasField(name):
        return None
    if isinstance(value, Message):
        return from_message(value)
    if field.enum_type is not None:
        return _enum_name(field.enum_type, cast(int, value))
    return value


def _enum_name(enum: Any, number: int) -> str | None:
    """FINISH_REASON_STOP_STRING of FinishReason is "stop_string"."""
    prefix = enum.values_by_number[0].name.removesuffix("UNSPECIFIED")
    value = enum.values_by_number.get(number)
    return None if value is None or number == 0 else value.name.removeprefix(prefix).lower()
