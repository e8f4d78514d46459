"""Calls over HTTP/JSON for asyncio."""
from __future__ import annotations

import asyncio
import contextlib
import socket
from collections.abc import AsyncGenerator, Mapping

from google.protobuf.message import Message

from chorus import _http, _http1, _protos, _timed
from chorus.exceptions import closed_error

_Streams = tuple[asyncio.StreamReader, asyncio.StreamWriter]


class AsyncHttpTransport:
    """Calls for asyncio, from one event loop at a time, on connections that are used again."""

    def __init__(self, url: str, headers: Mapping[str, str], ca: str | None) -> None:
        self._target = _http.Target(url, headers, ca)
        self._closed = False
        self._loop: asyncio.AbstractEventLoop | None = None
        self._idle: list[_Streams] = []  # Of that loop.

    async def call(self, method: _protos.Method, request: Message, timeout: float | None) -> Message:
        try:
            async with asyncio.timeout_at(_end_of(timeout)):
                streams, head = await self._begin(method, request, "application/json", timeout)
                body = await self._read_all(streams, head)
        except (OSError, _http1.BadMessage) as error:
            raise self._target.failed(error) from None
        return _http.parse(method, body)

    async def stream(self, method: _protos.Method, request: Message,
                     timeout: float | None) -> AsyncGenerator[Message]:
        end = _end_of(timeout)
        try:
            async with asyncio.timeout_at(end):
                streams, head = await self._begin(method, request, "application/x-ndjson", timeout)
                if not _is_ok(head):
                    await self._read_all(streams, head)
            pieces = _http1.read_body(streams[0], head, until_end=True)
            try:
                rest = b""
                while True:
                    async with asyncio.timeout_at(end):  # Not around a yield, where the caller's own code runs.
                        piece = await anext(pieces, None)
                    if piece is None:
                        break
                    *lines, rest = (rest + piece).split(b"\n")
                    for line in lines:
                        if line.strip():
                            yield _http.parse_event(method, line, head.headers)
                if rest.strip():
                    yield _http.parse_event(method, rest, head.headers)
            finally:
                streams[1].close()
                await pieces.aclose()
        except (OSError, _http1.BadMessage) as error:
            raise self._target.failed(error) from None

    async def close(self) -> None:
        self._closed = True
        self._enter_loop()
        while self._idle:
            self._idle.pop()[1].close()

    async def _connect(self) -> _Streams:
        if self._closed:
            raise closed_error()
        self._enter_loop()
        while self._idle:
            streams = self._idle.pop()
            if not streams[0].at_eof() and not streams[1].is_closing():
                return streams
            streams[1].close()
        return await asyncio.open_connection(self._target.host, self._target.port, ssl=self._target.tls,
                                             limit=_http1.MAX_HEAD_BYTES)

    def _enter_loop(self) -> None:
        """Connections of another loop, which may be closed, are of no use here, and cannot be closed by asyncio."""
        loop = asyncio.get_running_loop()
        if loop is self._loop:
            return
        for _, writer in self._idle:
            with contextlib.suppress(OSError):
                writer.get_extra_info("socket").shutdown(socket.SHUT_RDWR)
        self._idle.clear()
        self._loop = loop

    async def _begin(self, method: _protos.Method, request: Message, accept: str,
                     timeout: float | None) -> tuple[_Streams, _http1.Head]:
        """Sends the call, and reads the reply's head."""
        end = _timed.end_of(timeout)
        streams = await self._connect()
        try:
            verb, target, body = method.http_call(request)
            headers = {**self._target.head_of(accept, _timed.left_until(end), body),
                       "Content-Length": str(len(body or b""))}
            lines = [f"{verb} {self._target.prefix}{target} HTTP/1.1", *(f"{k}: {v}" for k, v in headers.items())]
            # Nothing waits for all to be sent: the server may answer before it has read all.
            streams[1].write("\r\n".join([*lines, "", ""]).encode("latin-1") + (body or b""))
            return streams, await _http1.read_answer(streams[0])
        except BaseException:
            streams[1].transport.abort()  # What is not sent yet shall not be.
            raise

    async def _read_all(self, streams: _Streams, head: _http1.Head) -> bytes:
        """The body; the connection may be used again. Raises the error of an answer that is not 200."""
        body, keeps = b"", False
        try:
            body = b"".join([piece async for piece in _http1.read_body(streams[0], head, until_end=True)])
            has_length = head.is_chunked or head.content_length is not None
            keeps = has_length and head.headers.get("connection", "").lower() != "close"
        except (ConnectionError, _http1.BadMessage):
            if _is_ok(head):
                raise
        finally:
            if keeps and not self._closed:
                self._idle.append(streams)
            else:
                streams[1].transport.abort()
        if not _is_ok(head):
            code, _, reason = head.line.removeprefix("HTTP/1.1 ").partition(" ")
            raise _http.refusal(int(code) if code.isdigit() else 500, reason, body, head.headers)
        return body


def _is_ok(head: _http1.Head) -> bool:
    return head.line.startswith("HTTP/1.1 200")


def _end_of(timeout: float | None) -> float | None:
    """As asyncio counts."""
    return None if timeout is None else asyncio.get_running_loop().time() + timeout
