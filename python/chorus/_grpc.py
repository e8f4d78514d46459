"""Calls over gRPC, blocking and for asyncio. Errors of gRPC become ServerErrors with google.rpc's details."""
from __future__ import annotations

import asyncio
import atexit
import concurrent.futures
import contextlib
import os
import threading
from collections.abc import AsyncGenerator, Coroutine, Generator, Iterator, Mapping, Sequence
from typing import Any, TypeVar

import grpc
import grpc.aio
from google.protobuf.message import DecodeError, Message

from chorus import _protos, _tls
from chorus.exceptions import ServerError, closed_error, server_error

T = TypeVar("T")

# A reply may be larger than the 4 MiB that clients take by default; a unix socket needs no proxy.
OPTIONS: Sequence[tuple[str, Any]] = (
    ("grpc.max_receive_message_length", -1), ("grpc.max_send_message_length", -1))
# For a runner of this machine: a new socket is there within a moment.
LOCAL_OPTIONS: Sequence[tuple[str, Any]] = (
    *OPTIONS, ("grpc.enable_http_proxy", 0), ("grpc.enable_retries", 0), ("grpc.use_local_subchannel_pool", 1),
    ("grpc.initial_reconnect_backoff_ms", 50), ("grpc.min_reconnect_backoff_ms", 50),
    ("grpc.max_reconnect_backoff_ms", 50), ("grpc.default_authority", "localhost"))
_TOO_LARGE = "message larger than max"  # "SERVER: Received message larger than max (… vs. …)".


def error_of(error: grpc.RpcError) -> ServerError:
    """Both kinds of calls raise errors that are the call itself."""
    call: Any = error
    metadata = {key: value for key, value in (call.trailing_metadata() or ())}
    details: list[dict[str, Any]] = []
    packed = metadata.get("grpc-status-details-bin")
    if isinstance(packed, bytes):
        try:
            details = _protos.to_dict(_protos.message("google.rpc.Status").FromString(packed)).get("details", [])
        except (DecodeError, TypeError):  # A detail that no descriptor here is of.
            pass
    initial = {key: value for key, value in (call.initial_metadata() or ())}
    request_id = metadata.get("x-request-id", initial.get("x-request-id", ""))
    message = call.details() or ""
    if call.code() == grpc.StatusCode.UNAVAILABLE:
        message = _tls.advised(message)
    if call.code() == grpc.StatusCode.RESOURCE_EXHAUSTED and _TOO_LARGE in message:  # Of gRPC itself; HTTP's 413.
        return server_error(f"the request is too large: {message}", "INVALID_ARGUMENT", 413)
    return server_error(message, call.code().name, details=details, request_id=str(request_id))


def _metadata(headers: Mapping[str, str]) -> tuple[tuple[str, str], ...]:
    return tuple((name.lower(), value) for name, value in headers.items())


class GrpcTransport:
    """Blocking calls. Any number of threads may call at once. close() makes Cancelled of calls in progress."""

    def __init__(self, address: str, credentials: grpc.ChannelCredentials | None, headers: Mapping[str, str],
                 options: Sequence[tuple[str, Any]] = OPTIONS) -> None:
        self._metadata = _metadata(headers)
        self._closed = False
        self._channel = (grpc.insecure_channel(address, options) if credentials is None
                         else grpc.secure_channel(address, credentials, options))

    def call(self, method: _protos.Method, request: Message, timeout: float | None) -> Message:
        rpc = self._channel.unary_unary(method.path, request_serializer=_serialize,
                                        response_deserializer=method.response.FromString)
        with self._errors():
            response: Message = rpc(request, timeout=timeout, metadata=self._metadata)
        return response

    def stream(self, method: _protos.Method, request: Message, timeout: float | None) -> Generator[Message]:
        """Calls at once; the generator reads, and cancels when it is closed."""
        rpc = self._channel.unary_stream(method.path, request_serializer=_serialize,
                                         response_deserializer=method.response.FromString)
        with self._errors():
            call = rpc(request, timeout=timeout, metadata=self._metadata)
        return self._read(call)

    def _read(self, call: Any) -> Generator[Message]:
        try:
            while True:
                with self._errors():  # Not around a yield, where the caller's own code runs.
                    message = next(call, None)
                if message is None:
                    return
                yield message
        finally:
            call.cancel()

    @contextlib.contextmanager
    def _errors(self) -> Iterator[None]:
        try:
            yield
        except (grpc.RpcError, ValueError) as error:
            if self._closed:
                raise closed_error() from None
            if isinstance(error, grpc.RpcError):
                raise error_of(error) from None
            raise

    def close(self) -> None:
        self._closed = True
        self._channel.close()


class _Loop:
    """The event loop, in a thread of its own, in which all of grpc.aio runs.

    grpc.aio has one poller a process and does not bear several event loops, nor one that is closed before its channels.
    """

    def __init__(self) -> None:
        self.loop = asyncio.new_event_loop()
        self._thread = threading.Thread(target=self.loop.run_forever, name="chorus-grpc", daemon=True)
        self._thread.start()
        atexit.register(self._stop)

    def start(self, coroutine: Coroutine[Any, Any, T]) -> concurrent.futures.Future[T]:
        return asyncio.run_coroutine_threadsafe(coroutine, self.loop)

    def _stop(self) -> None:
        if self._thread.is_alive():  # Not in a fork.
            self.loop.call_soon_threadsafe(self.loop.stop)
            self._thread.join()


_loop_lock = threading.Lock()
_loop: tuple[int, _Loop] | None = None  # And its process.


def _loop_of_process() -> _Loop:
    global _loop
    with _loop_lock:
        if _loop is None or _loop[0] != os.getpid():
            _loop = os.getpid(), _Loop()
        return _loop[1]


class AsyncGrpcTransport:
    """Calls for asyncio, from any event loop. close() makes Cancelled of calls in progress."""

    def __init__(self, address: str, credentials: grpc.ChannelCredentials | None, headers: Mapping[str, str],
                 options: Sequence[tuple[str, Any]] = OPTIONS) -> None:
        self._metadata = _metadata(headers)
        self._make = (address, credentials, options)
        self._loop = _loop_of_process()
        self._channel: grpc.aio.Channel | None = None  # Of the loop's thread.
        self._closed = False

    async def call(self, method: _protos.Method, request: Message, timeout: float | None) -> Message:
        async def run() -> Message:
            with self._errors():
                rpc: Any = self._connect().unary_unary(method.path, request_serializer=_serialize,
                                                       response_deserializer=method.response.FromString)
                response: Message = await rpc(request, timeout=timeout, metadata=self._metadata)
            return response

        return await asyncio.wrap_future(self._loop.start(run()))

    async def stream(self, method: _protos.Method, request: Message,
                     timeout: float | None) -> AsyncGenerator[Message]:
        loop = asyncio.get_running_loop()
        items: asyncio.Queue[Message | BaseException | None] = asyncio.Queue()  # None: the end.

        def give(item: Message | BaseException | None) -> None:
            loop.call_soon_threadsafe(items.put_nowait, item)

        async def run() -> None:
            call: Any = None
            try:
                with self._errors():
                    rpc: Any = self._connect().unary_stream(method.path, request_serializer=_serialize,
                                                            response_deserializer=method.response.FromString)
                    call = rpc(request, timeout=timeout, metadata=self._metadata)
                    async for message in call:
                        give(message)
                give(None)
            except Exception as error:
                give(error)
            finally:
                if call is not None:
                    call.cancel()

        running = self._loop.start(run())
        try:
            while (item := await items.get()) is not None:
                if isinstance(item, BaseException):
                    raise item from None
                yield item
        finally:
            running.cancel()

    @contextlib.contextmanager
    def _errors(self) -> Iterator[None]:
        """Of a call in the loop's thread. Closing its channel cancels the call, and not the task that awaits it."""
        try:
            yield
        except (grpc.RpcError, grpc.aio.UsageError, asyncio.CancelledError) as error:
            task = asyncio.current_task()
            if self._closed and task is not None and not task.cancelling():
                raise closed_error() from None
            if isinstance(error, grpc.RpcError):
                raise error_of(error) from None
            raise

    async def close(self) -> None:
        await asyncio.wrap_future(self.close_soon())

    def close_soon(self) -> concurrent.futures.Future[None]:
        """Begins to close."""
        async def run() -> None:
            self._closed = True
            if self._channel is not None:
                await self._channel.close()

        return self._loop.start(run())

    def _connect(self) -> grpc.aio.Channel:
        if self._closed:
            raise closed_error()
        if self._channel is None:
            address, credentials, options = self._make
            self._channel = (grpc.aio.insecure_channel(address, options) if credentials is None
                             else grpc.aio.secure_channel(address, credentials, options))
        return self._channel


def _serialize(message: Message) -> bytes:
    return message.SerializeToString()
