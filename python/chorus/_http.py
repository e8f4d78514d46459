"""Calls over HTTP/JSON, blocking and for asyncio, as the google.api.http annotations of the protos say."""
from __future__ import annotations

import asyncio
import http.client
import json
import math
import select
import socket
import ssl
import urllib.parse
from collections.abc import AsyncGenerator, Generator, Mapping
from typing import Any

from google.protobuf import json_format
from google.protobuf.message import Message

from chorus import _http1, _protos, _tls
from chorus.exceptions import ServerError, server_error

_GRACE_SECONDS = 5.0  # Beyond the timeout, for the server's own answer that it has passed.


class Target:
    """Where an http:// or https:// URL leads, and what is sent there with each call. `ca`: who is trusted, in PEM."""

    def __init__(self, url: str, headers: Mapping[str, str], ca: str | None) -> None:
        parts = urllib.parse.urlsplit(url)
        if not parts.hostname or parts.query or parts.fragment:
            raise ValueError(f"a URL is http://HOST:PORT, perhaps with a path: {url}")
        self.url = url
        self.host = parts.hostname
        self.is_https = parts.scheme == "https"
        self.tls = ssl.create_default_context(cadata=ca) if self.is_https else None
        self.port = parts.port or (443 if self.is_https else 80)
        self.prefix = parts.path.rstrip("/")
        self.netloc = parts.netloc.rpartition("@")[2]
        self.headers = dict(headers)
        for name, value in self.headers.items():
            if any(c in "\r\n\0" for c in name + value):
                raise ValueError(f"a header has a line break: {name}")

    def head_of(self, accept: str, timeout: float | None, body: bytes | None) -> dict[str, str]:
        headers = {"Accept": accept, **self.headers}
        if timeout is not None:
            headers["X-Request-Timeout-Ms"] = str(max(1, math.ceil(timeout * 1000)))
        if body is not None:
            headers["Content-Type"] = "application/json"
        return headers

    def failed(self, error: BaseException) -> ServerError:
        """What no answer at all means."""
        if isinstance(error, TimeoutError):
            return server_error(f"{self.url} did not answer in time", "DEADLINE_EXCEEDED")
        return server_error(_tls.advised(f"{self.url}: {error or type(error).__name__}"), "UNAVAILABLE")


def refusal(code: int, reason: str, body: bytes, request_id: str) -> ServerError:
    """The error of an answer that is not 200."""
    try:
        error = json.loads(body)["error"]
        return server_error(str(error["message"]), str(error["status"]), code, error.get("details", ()), request_id)
    except (ValueError, KeyError, TypeError, AttributeError):  # Not of Chorus: a proxy's, perhaps.
        status = {401: "UNAUTHENTICATED", 403: "PERMISSION_DENIED", 404: "NOT_FOUND", 429: "RESOURCE_EXHAUSTED",
                  502: "UNAVAILABLE", 503: "UNAVAILABLE", 504: "DEADLINE_EXCEEDED"}.get(code, "UNKNOWN")
        return server_error(f"HTTP {code} {reason}", status, code, request_id=request_id)


def parse(method: _protos.Method, body: bytes) -> Message:
    try:
        # A newer server may tell more.
        return json_format.Parse(body, method.response(), ignore_unknown_fields=True, descriptor_pool=_protos.POOL)
    except (json_format.ParseError, UnicodeDecodeError) as error:
        raise server_error(f"the answer is no {method.response.DESCRIPTOR.name}: {error}", "UNKNOWN") from None


class HttpTransport:
    """Blocking calls, on connections that are used again. Any number of threads may call at once."""

    def __init__(self, url: str, headers: Mapping[str, str], ca: str | None) -> None:
        self._target = Target(url, headers, ca)
        self._idle: list[http.client.HTTPConnection] = []  # list.append and pop are atomic.

    def call(self, method: _protos.Method, request: Message, timeout: float | None) -> Message:
        connection = self._connect(timeout)
        try:
            reply = self._send(connection, method, request, "application/json", timeout)
            body = reply.read()
        except (OSError, http.client.HTTPException) as error:
            connection.close()
            raise self._target.failed(error) from None
        except BaseException:  # Of another thread's making, such as KeyboardInterrupt.
            connection.close()
            raise
        if reply.will_close:
            connection.close()
        else:
            self._idle.append(connection)
        if reply.status != 200:
            raise refusal(reply.status, reply.reason, body, reply.getheader("X-Request-Id", ""))
        return parse(method, body)

    def stream(self, method: _protos.Method, request: Message, timeout: float | None) -> Generator[Message]:
        """Calls at once; the generator reads, and closes the connection when it is closed."""
        connection = self._connect(timeout)
        try:
            reply = self._send(connection, method, request, "application/x-ndjson", timeout)
            if reply.status != 200:
                raise refusal(reply.status, reply.reason, reply.read(), reply.getheader("X-Request-Id", ""))
        except (OSError, http.client.HTTPException) as error:
            connection.close()
            raise self._target.failed(error) from None
        except BaseException:
            connection.close()
            raise
        return self._read(connection, reply, method)

    def _read(self, connection: http.client.HTTPConnection, reply: http.client.HTTPResponse,
              method: _protos.Method) -> Generator[Message]:
        try:
            for line in reply:
                if line.strip():  # An empty one says that the connection lives.
                    yield parse(method, line)
        except (OSError, http.client.HTTPException) as error:
            raise self._target.failed(error) from None
        finally:
            reply.close()
            connection.close()

    def close(self) -> None:
        while self._idle:
            self._idle.pop().close()

    def _connect(self, timeout: float | None) -> http.client.HTTPConnection:
        limit = None if timeout is None else timeout + _GRACE_SECONDS
        while self._idle:
            connection = self._idle.pop()
            if connection.sock is not None and not select.select([connection.sock], [], [], 0)[0]:
                connection.sock.settimeout(limit)
                return connection
            connection.close()  # The server has closed it, or says what nobody asked.
        target = self._target
        if target.is_https:
            return http.client.HTTPSConnection(target.host, target.port, timeout=limit, context=target.tls)
        return http.client.HTTPConnection(target.host, target.port, timeout=limit)

    def _send(self, connection: http.client.HTTPConnection, method: _protos.Method, request: Message, accept: str,
              timeout: float | None) -> http.client.HTTPResponse:
        verb, target, body = method.http_call(request)
        if connection.sock is None:
            connection.connect()
            sock: Any = connection.sock  # None, typeshed says.
            sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        connection.request(verb, self._target.prefix + target, body, self._target.head_of(accept, timeout, body))
        return connection.getresponse()


_Streams = tuple[asyncio.StreamReader, asyncio.StreamWriter]


class AsyncHttpTransport:
    """Calls for asyncio, from the event loop in which it was made, on connections that are used again."""

    def __init__(self, url: str, headers: Mapping[str, str], ca: str | None) -> None:
        self._target = Target(url, headers, ca)
        self._idle: list[_Streams] = []

    async def call(self, method: _protos.Method, request: Message, timeout: float | None) -> Message:
        try:
            async with asyncio.timeout(None if timeout is None else timeout + _GRACE_SECONDS):
                streams = await self._connect()
                whole = False
                try:
                    head = await self._send(streams, method, request, "application/json", timeout)
                    body = b"".join([piece async for piece in _http1.read_body(streams[0], head, until_end=True)])
                    has_length = head.is_chunked or head.content_length is not None
                    whole = has_length and head.headers.get("connection", "").lower() != "close"
                finally:
                    if whole:
                        self._idle.append(streams)
                    else:
                        streams[1].close()
        except (OSError, _http1.BadMessage) as error:
            raise self._target.failed(error) from None
        self._check(head, body)
        return parse(method, body)

    async def stream(self, method: _protos.Method, request: Message,
                     timeout: float | None) -> AsyncGenerator[Message]:
        try:
            async with asyncio.timeout(None if timeout is None else timeout + _GRACE_SECONDS):
                streams = await self._connect()
                try:
                    head = await self._send(streams, method, request, "application/x-ndjson", timeout)
                except BaseException:
                    streams[1].close()
                    raise
        except (OSError, _http1.BadMessage) as error:
            raise self._target.failed(error) from None
        pieces = _http1.read_body(streams[0], head, until_end=True)
        try:
            if not _is_ok(head):
                self._check(head, b"".join([piece async for piece in pieces]))
            rest = b""
            async for piece in pieces:
                *lines, rest = (rest + piece).split(b"\n")
                for line in lines:
                    if line.strip():
                        yield parse(method, line)
        except (OSError, _http1.BadMessage) as error:
            raise self._target.failed(error) from None
        finally:
            streams[1].close()
            await pieces.aclose()

    async def close(self) -> None:
        while self._idle:
            self._idle.pop()[1].close()

    async def _connect(self) -> _Streams:
        while self._idle:
            streams = self._idle.pop()
            if not streams[0].at_eof() and not streams[1].is_closing():
                return streams
            streams[1].close()
        return await asyncio.open_connection(self._target.host, self._target.port, ssl=self._target.tls,
                                             limit=_http1.MAX_HEAD_BYTES)

    async def _send(self, streams: _Streams, method: _protos.Method, request: Message, accept: str,
                    timeout: float | None) -> _http1.Head:
        verb, target, body = method.http_call(request)
        headers = {"Host": self._target.netloc, **self._target.head_of(accept, timeout, body),
                   "Content-Length": str(len(body or b""))}
        lines = [f"{verb} {self._target.prefix}{target} HTTP/1.1", *(f"{k}: {v}" for k, v in headers.items())]
        streams[1].write("\r\n".join([*lines, "", ""]).encode("latin-1") + (body or b""))
        await streams[1].drain()
        head = await _http1.read_head(streams[0])
        if head is None:
            raise _http1.BadMessage("the connection was closed without an answer")
        if not head.line.startswith("HTTP/1.1 "):
            raise _http1.BadMessage("the answer is not HTTP/1.1")
        return head

    @staticmethod
    def _check(head: _http1.Head, body: bytes) -> None:
        if not _is_ok(head):
            code, _, reason = head.line.removeprefix("HTTP/1.1 ").partition(" ")
            raise refusal(int(code) if code.isdigit() else 500, reason, body, head.headers.get("x-request-id", ""))


def _is_ok(head: _http1.Head) -> bool:
    return head.line.startswith("HTTP/1.1 200")


