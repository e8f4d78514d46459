"""Clients of a server: `chorus serve`, or any api_server."""
from __future__ import annotations

import contextlib
import os
from collections.abc import AsyncGenerator, Generator, Mapping, Sequence
from types import TracebackType
from typing import Any, Literal, Self, TypeVar, Unpack, overload

from google.protobuf.message import Message

from chorus import _calls, _timed, _url
from chorus._calls import Call, GraphParams, ModelParams
from chorus._grpc import AsyncGrpcTransport, GrpcTransport
from chorus._http import HttpTransport
from chorus._http_async import AsyncHttpTransport
from chorus.exceptions import server_error
from chorus.results import (Classification, DoneEvent, Embedding, FailedText, Generation, Graph, ScoredText, ScoreKind,
                            StreamEvent, Tokens)

T = TypeVar("T")
TUTORIAL = "inference_graph"  # The graph of `chorus serve` without another.


class Client:
    """Calls a server and waits for its replies. Any number of threads may call at once.

    Args:
        url: http://HOST:PORT or https:// for HTTP/JSON, grpc://HOST:PORT or grpcs:// for gRPC. A path before the
            server's own, as a proxy has it, is part of an HTTP URL.
        timeout: Seconds that a call may take where it names none, a stream to its end; None or infinity: as long as
            the server lets it.
        headers: Sent with each call, such as {"Authorization": "Bearer …"}.
        ca_file: Of https:// and grpcs:// URLs: a file of certificates in PEM. Servers' certificates must be signed by
            one of these, in place of those that Python's ssl or gRPC trusts.

    Every call takes `timeout` in seconds, and raises a chorus.exceptions.ServerError: its subclass, code, message and
    details are the server's. A parameter that there is not is a TypeError that names the near one.

    What writes texts (run_graph, generate and their streams) takes as `params` max_length, max_new_tokens,
    min_new_tokens, do_sample, temperature, top_k, top_p, min_p, repetition_penalty, frequency_penalty,
    presence_penalty, logit_bias, stop, num_return_sequences, ignore_eos, split_special_tokens, seed and explain; a graph
    also details and truncate, one model also logprobs, prompt_logprobs, prompt_ids and echo. chorus.GraphParams and
    chorus.ModelParams are their types, and chorus/v1/generation.proto says their ranges and defaults.
    """

    def __init__(self, url: str, *, timeout: float | None = None, headers: Mapping[str, str] | None = None,
                 ca_file: str | os.PathLike[str] | None = None) -> None:
        self._timeout = _timed.checked(timeout)
        is_http, ca, sent = _url.is_http(url), _url.read_ca(url, ca_file), _url.checked_headers(headers)
        self._transport: HttpTransport | GrpcTransport = (
            HttpTransport(url, sent, ca) if is_http else GrpcTransport(*_url.grpc_target(url, ca), sent))

    def close(self) -> None:
        """Closes the connections. Later calls are Cancelled, and those in progress may be.

        A client is its own context manager.
        """
        self._transport.close()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None,
                 traceback: TracebackType | None) -> None:
        self.close()

    def graphs(self, *, timeout: float | None = None) -> list[Graph]:
        """The graphs of the server, by name."""
        return self._call(_calls.list_graphs(), timeout)

    def graph(self, name: str = TUTORIAL, *, timeout: float | None = None) -> Graph:
        """One graph: its nodes, and how their calls have gone of late."""
        return self._call(_calls.get_graph(name), timeout)

    @overload
    def run_graph(self, text: str, *, graph: str = TUTORIAL, timeout: float | None = None,
                  partial: Literal[False] | None = None, **params: Unpack[GraphParams]) -> list[ScoredText]: ...

    @overload
    def run_graph(self, text: str, *, graph: str = TUTORIAL, timeout: float | None = None, partial: bool | None,
                  **params: Unpack[GraphParams]) -> list[ScoredText | FailedText]: ...

    def run_graph(self, text: str, *, graph: str = TUTORIAL, timeout: float | None = None,
                  partial: bool | None = None, **params: Unpack[GraphParams]) -> Any:
        """A text of every generator of the graph, with its score, in the graph's order.

        Args:
            partial: A text that could not be had is a FailedText, and the others come; else the call fails.
        """
        return self._call(_calls.run_graph(text, graph, {"partial": partial, **params}), timeout)

    def stream_graph(self, text: str, *, graph: str = TUTORIAL, timeout: float | None = None,
                     **params: Unpack[GraphParams]) -> Generator[StreamEvent]:
        """The same as it comes: TokenEvents, ScoreEvents, and one DoneEvent at the end.

        Closing the iterator, with close() or by letting go of it, cancels the call.
        """
        return self._stream(_calls.stream_graph(text, graph, params), timeout)

    def generate(self, model: str, text: str, *, timeout: float | None = None,
                 **params: Unpack[ModelParams]) -> Generation:
        """Continues a text with one generator."""
        return self._call(_calls.generate(model, text, params), timeout)

    def stream_generate(self, model: str, text: str, *, timeout: float | None = None,
                        **params: Unpack[ModelParams]) -> Generator[StreamEvent]:
        """The same as it comes: TokenEvents, and one DoneEvent. Closing the iterator cancels the call."""
        return self._stream(_calls.stream_generate(model, text, params), timeout)

    def classify(self, model: str, texts: str | Sequence[str], *,
                 text_pairs: str | Sequence[str] | None = None, score_kind: ScoreKind | None = None,
                 truncate: bool | None = None, split_special_tokens: bool | None = None,
                 timeout: float | None = None) -> list[Classification]:
        """Classifies texts, at most 1,024, with one classifier; one text alone makes a list of one.

        Args:
            text_pairs: The second text of each pair, as many as texts.
            score_kind: What the scores shall be; without it the model's own kind.
        """
        params = {"text_pairs": text_pairs, "score_kind": score_kind, "truncate": truncate,
                  "split_special_tokens": split_special_tokens}
        return self._call(_calls.classify(model, texts, params), timeout)

    def embed(self, model: str, texts: str | Sequence[str], *, normalize: bool | None = None,
              dimensions: int | None = None, truncate: bool | None = None,
              split_special_tokens: bool | None = None, timeout: float | None = None) -> list[Embedding]:
        """The vectors of texts, at most 1,024, by one embedder; one text alone makes a list of one.

        Args:
            normalize: Whether vectors are scaled to length 1; without it as the model's files say.
            dimensions: The first so many numbers of each vector; without it all.
        """
        params = {"normalize": normalize, "dimensions": dimensions, "truncate": truncate,
                  "split_special_tokens": split_special_tokens}
        return self._call(_calls.embed(model, texts, params), timeout)

    def tokenize(self, model: str, text: str, *, ids_only: bool | None = None, limit: int | None = None,
                 offset: int | None = None, split_special_tokens: bool | None = None,
                 timeout: float | None = None) -> Tokens:
        """A text in a model's tokens, without the specials that the model adds."""
        params = {"ids_only": ids_only, "limit": limit, "offset": offset,
                  "split_special_tokens": split_special_tokens}
        return self._call(_calls.tokenize(model, text, params), timeout)

    def detokenize(self, model: str, ids: Sequence[int], *, timeout: float | None = None) -> str:
        """The text of a model's tokens."""
        return self._call(_calls.detokenize(model, ids), timeout)

    def _call(self, call: Call[T], timeout: float | None) -> T:
        return call.result(self._transport.call(call.method, call.request, self._limit(timeout)))

    def _stream(self, call: Call[StreamEvent], timeout: float | None) -> Generator[StreamEvent]:
        with contextlib.closing(self._transport.stream(call.method, call.request, self._limit(timeout))) as messages:
            for message in messages:
                event = call.result(message)
                yield event
                if isinstance(event, DoneEvent):
                    return
        raise server_error("the stream broke off", "UNAVAILABLE")

    def _limit(self, timeout: float | None) -> float | None:
        return self._timeout if timeout is None else _timed.checked(timeout)


class AsyncClient:
    """As Client, for asyncio: calls are awaited, streams are asynchronous iterators.

    One object serves the calls of one event loop at a time, any number of them at once. Cancelling the task of a call, or
    closing a stream's iterator with aclose(), cancels the call. What is not said here is as Client has it.
    """

    def __init__(self, url: str, *, timeout: float | None = None, headers: Mapping[str, str] | None = None,
                 ca_file: str | os.PathLike[str] | None = None) -> None:
        self._timeout = _timed.checked(timeout)
        is_http, ca, sent = _url.is_http(url), _url.read_ca(url, ca_file), _url.checked_headers(headers)
        self._transport: AsyncHttpTransport | AsyncGrpcTransport = (
            AsyncHttpTransport(url, sent, ca) if is_http else AsyncGrpcTransport(*_url.grpc_target(url, ca), sent))

    async def close(self) -> None:
        """Closes the connections, as Client.close. A client is its own asynchronous context manager."""
        await self._transport.close()

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(self, kind: type[BaseException] | None, error: BaseException | None,
                        traceback: TracebackType | None) -> None:
        await self.close()

    async def graphs(self, *, timeout: float | None = None) -> list[Graph]:
        """The graphs of the server, by name."""
        return await self._call(_calls.list_graphs(), timeout)

    async def graph(self, name: str = TUTORIAL, *, timeout: float | None = None) -> Graph:
        """One graph: its nodes, and how their calls have gone of late."""
        return await self._call(_calls.get_graph(name), timeout)

    @overload
    async def run_graph(self, text: str, *, graph: str = TUTORIAL, timeout: float | None = None,
                        partial: Literal[False] | None = None, **params: Unpack[GraphParams]) -> list[ScoredText]: ...

    @overload
    async def run_graph(self, text: str, *, graph: str = TUTORIAL, timeout: float | None = None, partial: bool | None,
                        **params: Unpack[GraphParams]) -> list[ScoredText | FailedText]: ...

    async def run_graph(self, text: str, *, graph: str = TUTORIAL, timeout: float | None = None,
                        partial: bool | None = None, **params: Unpack[GraphParams]) -> Any:
        """A text of every generator of the graph, with its score, in the graph's order."""
        return await self._call(_calls.run_graph(text, graph, {"partial": partial, **params}), timeout)

    def stream_graph(self, text: str, *, graph: str = TUTORIAL, timeout: float | None = None,
                     **params: Unpack[GraphParams]) -> AsyncGenerator[StreamEvent]:
        """The same as it comes: TokenEvents, ScoreEvents, and one DoneEvent at the end."""
        return self._stream(_calls.stream_graph(text, graph, params), timeout)

    async def generate(self, model: str, text: str, *, timeout: float | None = None,
                       **params: Unpack[ModelParams]) -> Generation:
        """Continues a text with one generator."""
        return await self._call(_calls.generate(model, text, params), timeout)

    def stream_generate(self, model: str, text: str, *, timeout: float | None = None,
                        **params: Unpack[ModelParams]) -> AsyncGenerator[StreamEvent]:
        """The same as it comes: TokenEvents, and one DoneEvent."""
        return self._stream(_calls.stream_generate(model, text, params), timeout)

    async def classify(self, model: str, texts: str | Sequence[str], *,
                       text_pairs: str | Sequence[str] | None = None, score_kind: ScoreKind | None = None,
                       truncate: bool | None = None, split_special_tokens: bool | None = None,
                       timeout: float | None = None) -> list[Classification]:
        """Classifies texts, or pairs of texts, with one classifier."""
        params = {"text_pairs": text_pairs, "score_kind": score_kind, "truncate": truncate,
                  "split_special_tokens": split_special_tokens}
        return await self._call(_calls.classify(model, texts, params), timeout)

    async def embed(self, model: str, texts: str | Sequence[str], *, normalize: bool | None = None,
                    dimensions: int | None = None, truncate: bool | None = None,
                    split_special_tokens: bool | None = None, timeout: float | None = None) -> list[Embedding]:
        """The vectors of texts, at most 1,024, by one embedder; one text alone makes a list of one."""
        params = {"normalize": normalize, "dimensions": dimensions, "truncate": truncate,
                  "split_special_tokens": split_special_tokens}
        return await self._call(_calls.embed(model, texts, params), timeout)

    async def tokenize(self, model: str, text: str, *, ids_only: bool | None = None, limit: int | None = None,
                       offset: int | None = None, split_special_tokens: bool | None = None,
                       timeout: float | None = None) -> Tokens:
        """A text in a model's tokens, without the specials that the model adds."""
        params = {"ids_only": ids_only, "limit": limit, "offset": offset,
                  "split_special_tokens": split_special_tokens}
        return await self._call(_calls.tokenize(model, text, params), timeout)

    async def detokenize(self, model: str, ids: Sequence[int], *, timeout: float | None = None) -> str:
        """The text of a model's tokens."""
        return await self._call(_calls.detokenize(model, ids), timeout)

    async def _call(self, call: Call[T], timeout: float | None) -> T:
        return call.result(await self._transport.call(call.method, call.request, self._limit(timeout)))

    async def _stream(self, call: Call[StreamEvent], timeout: float | None) -> AsyncGenerator[StreamEvent]:
        messages: AsyncGenerator[Message] = self._transport.stream(call.method, call.request, self._limit(timeout))
        async with contextlib.aclosing(messages):
            async for message in messages:
                event = call.result(message)
                yield event
                if isinstance(event, DoneEvent):
                    return
        raise server_error("the stream broke off", "UNAVAILABLE")

    def _limit(self, timeout: float | None) -> float | None:
        return self._timeout if timeout is None else _timed.checked(timeout)
