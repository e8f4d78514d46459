"""The calls of a server, for both clients: each makes a request, and what the reply stands for."""
from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence, Set
from typing import Any, Generic, TypedDict, TypeVar

from google.protobuf.message import Message

from chorus import _protos
from chorus.exceptions import server_error
from chorus.results import Classification, Embedding, Generation, Graph, StreamEvent, Tokens, from_message

T = TypeVar("T")


class GenerationParams(TypedDict, total=False):
    """How texts are generated. What is left out is the graph's or the model's; chorus/v1/generation.proto has ranges.

    The names are those of Hugging Face's pipelines where these have them.
    """
    max_length: int | None
    max_new_tokens: int | None
    do_sample: bool | None
    temperature: float | None
    top_k: int | None
    top_p: float | None
    min_p: float | None
    repetition_penalty: float | None
    frequency_penalty: float | None
    presence_penalty: float | None
    logit_bias: Mapping[int, float] | None
    min_new_tokens: int | None
    stop: str | Sequence[str] | None
    num_return_sequences: int | None
    ignore_eos: bool | None
    split_special_tokens: bool | None
    seed: int | None
    explain: bool | None


class GraphParams(GenerationParams, total=False):
    """Those of a graph's call, besides.

    details: Results have label, model, finish_reason, seed, classified_tokens and truncated.
    truncate: Whether the classifier may score the beginning of a text that is too long for it.
    """
    details: bool | None
    truncate: bool | None


class ModelParams(GenerationParams, total=False):
    """Those of one model's call, besides.

    logprobs: How many of the likeliest tokens come with each token.
    echo: Whether the text begins with the prompt; true where it is left out.
    prompt_logprobs: Whether the prompt's tokens come too, with their log-probabilities.
    prompt_ids: The prompt's tokens, in place of its text, which is then "".
    """
    logprobs: int | None
    echo: bool | None
    prompt_logprobs: bool | None
    prompt_ids: Sequence[int] | None


class Call(Generic[T]):
    """A method, its request, and what makes a result of its response."""

    def __init__(self, function: str, method: str, fixed: Mapping[str, Any], parameters: Mapping[str, Any],
                 result: Callable[[Any], T]) -> None:
        known = _protos.methods("chorus.v1.InferenceService")
        if method not in known:
            raise server_error(f"there is no {method} in the protos that this package was built with", "UNIMPLEMENTED")
        self.method = known[method]
        self.request: Message = _protos.fill_request(function, self.method.request(), fixed, parameters)
        self.result = result


def _all(field: str) -> Callable[[Any], Any]:
    return lambda response: [from_message(item) for item in getattr(response, field)]


def _list_of(name: str, values: Any) -> list[Any]:
    """A text alone is a list of one. TypeError for what has no order, or is no list in another way."""
    if isinstance(values, str) and name == "texts":
        return [values]
    if isinstance(values, (str, bytes, bytearray, Mapping, Set)) or not isinstance(values, Iterable):
        raise TypeError(f"{name}: must be a list, not a {type(values).__name__}")
    return list(values)


def list_graphs() -> Call[list[Graph]]:
    return Call("graphs", "ListGraphs", {}, {}, _all("graphs"))


def get_graph(name: str) -> Call[Graph]:
    return Call("graph", "GetGraph", {"graph": name}, {}, from_message)


def run_graph(text: str, graph: str, parameters: Mapping[str, Any]) -> Call[list[Any]]:
    return Call("run_graph", "RunGraph", {"text": text, "graph": graph}, parameters, _all("results"))


def stream_graph(text: str, graph: str, parameters: Mapping[str, Any]) -> Call[StreamEvent]:
    return Call("stream_graph", "StreamRunGraph", {"text": text, "graph": graph}, parameters, event_of)


def generate(model: str, text: str, parameters: Mapping[str, Any]) -> Call[Generation]:
    return Call("generate", "Generate", {"model": model, "text": text}, parameters, from_message)


def stream_generate(model: str, text: str, parameters: Mapping[str, Any]) -> Call[StreamEvent]:
    return Call("stream_generate", "StreamGenerate", {"model": model, "text": text}, parameters, event_of)


def classify(model: str, texts: str | Sequence[str], parameters: Mapping[str, Any]) -> Call[list[Classification]]:
    fixed = {"model": model, "texts": _list_of("texts", texts)}
    return Call("classify", "Classify", fixed, parameters, _all("results"))


def embed(model: str, texts: str | Sequence[str], parameters: Mapping[str, Any]) -> Call[list[Embedding]]:
    fixed = {"model": model, "texts": _list_of("texts", texts)}
    return Call("embed", "Embed", fixed, parameters, _all("results"))


def tokenize(model: str, text: str, parameters: Mapping[str, Any]) -> Call[Tokens]:
    return Call("tokenize", "Tokenize", {"model": model, "text": text}, parameters, from_message)


def detokenize(model: str, ids: Sequence[int]) -> Call[str]:
    fixed = {"model": model, "ids": _list_of("ids", ids)}
    return Call("detokenize", "Detokenize", fixed, {}, lambda response: response.text)


def event_of(event: Any) -> StreamEvent:
    kind = event.WhichOneof("event")
    if kind is None:  # Of a newer server.
        raise server_error("the stream brought an event that this client does not know", "UNIMPLEMENTED")
    result: StreamEvent = from_message(getattr(event, kind))
    return result
