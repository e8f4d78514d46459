"""An HTTP/1.1 server on asyncio, for services. Its limits are the gateway's."""
from __future__ import annotations

import asyncio
import contextlib
import dataclasses
import json
import re
import socket
import uuid
from collections.abc import Awaitable, Callable, Iterable, Mapping
from http import HTTPStatus
from typing import SupportsIndex

from chorus import _http1
from chorus._http1 import BadMessage, Head

MAX_BODY_BYTES = 1 << 20
_HEAD_SECONDS = 10.0
_BODY_IDLE_SECONDS = 20.0
_KEEP_ALIVE_SECONDS = 75.0
_RETIRED_IDLE_SECONDS = 5.0
_ACCEPT_SECONDS = 0.1
_REQUEST_LINE = re.compile(r"([A-Z]{1,16}) (/[!-~]{0,8191}) HTTP/1\.([01])")
_REQUEST_ID = re.compile(r"[A-Za-z0-9._-]{1,128}")


@dataclasses.dataclass(frozen=True)
class Request:
    method: str
    path: str  # Without the query.
    headers: Mapping[str, str]  # Names in lower case.
    body: bytes
    id: str


@dataclasses.dataclass(frozen=True)
class Response:
    code: int
    body: bytes
    content_type: str = "text/plain; charset=utf-8"
    headers: Mapping[str, str] = dataclasses.field(default_factory=dict)


def error_response(code: int, status: str, message: str, details: list[object] | None = None,
                   headers: Mapping[str, str] | None = None) -> Response:
    """In the shape of the gateway's errors."""
    error = {"code": code, "status": status, "message": message, "details": details or []}
    return Response(code, json.dumps({"error": error}, ensure_ascii=False).encode(), "application/json", headers or {})


class _Reader(asyncio.StreamReader):
    """Tells when the client has closed, also while nothing is read, and whether it has begun a request."""

    def __init__(self, loop: asyncio.AbstractEventLoop) -> None:
        super().__init__(limit=_http1.MAX_HEAD_BYTES, loop=loop)
        self.closed = asyncio.Event()
        self.begun = False

    def feed_data(self, data: Iterable[SupportsIndex]) -> None:
        super().feed_data(data)
        self.begun = True

    def feed_eof(self) -> None:
        super().feed_eof()
        self.closed.set()

    def set_exception(self, exc: BaseException) -> None:
        super().set_exception(exc)  # type: ignore[arg-type]  # typeshed has it too narrow.
        self.closed.set()


class HttpServer:
    """Calls `handler` for each request; it must not raise. A client that closes its side cancels its call."""

    def __init__(self, handler: Callable[[Request], Awaitable[Response]]) -> None:
        self._handler = handler
        self._connections: dict[asyncio.Task[None], _Reader] = {}
        self._busy: set[asyncio.Task[None]] = set()
        self._draining = False
        self._retiring = False
        self._servers: list[asyncio.Server] = []

    async def listen(self, host: str, port: int) -> int:
        """Returns the port, which is a free one where `port` is 0. OSError."""
        server = await asyncio.get_running_loop().create_server(self._make_protocol, host, port)
        self._servers.append(server)
        return int(server.sockets[0].getsockname()[1])

    async def accept_from(self, sockets: Iterable[socket.socket]) -> None:
        """Listens on sockets that are bound, and perhaps listened on by other processes."""
        for sock in sockets:
            self._servers.append(await asyncio.get_running_loop().create_server(self._make_protocol, sock=sock))

    def _make_protocol(self) -> asyncio.StreamReaderProtocol:
        loop = asyncio.get_running_loop()
        return asyncio.StreamReaderProtocol(_Reader(loop), self._on_connection, loop=loop)

    def stop_accepting(self) -> None:
        """Leaves new connections to others that listen on these sockets. What it has accepted is served."""
        loop = asyncio.get_running_loop()
        for server in self._servers:
            for sock in server.sockets:  # Not close(): then asyncio drops what it has accepted and not begun yet.
                loop.remove_reader(sock.fileno())

    async def _stop_listening(self) -> None:
        self.stop_accepting()
        await asyncio.sleep(_ACCEPT_SECONDS)  # What has been accepted is a connection by then.
        for server in self._servers:
            server.close()

    async def retire(self) -> None:
        """Accepts no more, and ends when the connections that there are have.

        Each is told to close with its next answer, and closed if it asks nothing for a while: a client that sends just
        as its connection is closed has lost its call.
        """
        self._retiring = True
        await self._stop_listening()
        if self._connections:
            await asyncio.wait(self._connections, timeout=_RETIRED_IDLE_SECONDS)
        for task, reader in list(self._connections.items()):
            if task not in self._busy and not reader.begun:
                task.cancel()
        if self._connections:
            await asyncio.wait(self._connections)

    async def drain(self, timeout: float) -> None:
        """Stops listening, and ends when the calls in progress have; after `timeout` those are cancelled."""
        self._draining = True
        await self._stop_listening()
        for task in set(self._connections) - self._busy:
            task.cancel()
        if self._busy:
            await asyncio.wait(self._busy, timeout=timeout)
        for task in list(self._connections):
            task.cancel()
        await asyncio.gather(*self._connections, return_exceptions=True)

    async def _on_connection(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        task = asyncio.current_task()
        assert task is not None and isinstance(reader, _Reader)
        self._connections[task] = reader
        try:
            await self._serve(reader, writer, task)
        except (ConnectionError, asyncio.CancelledError):
            pass
        finally:
            self._connections.pop(task, None)
            self._busy.discard(task)
            writer.close()

    async def _serve(self, reader: _Reader, writer: asyncio.StreamWriter, task: asyncio.Task[None]) -> None:
        wait = _HEAD_SECONDS
        while not self._draining:
            try:
                try:
                    async with asyncio.timeout(wait):
                        head = await _http1.read_head(reader)
                except TimeoutError:
                    return
                if head is None:
                    return
                self._busy.add(task)
                request, keeps = await self._read_request(reader, writer, head)
            except BadMessage as error:
                await _write(writer, error_response(error.code, "INVALID_ARGUMENT", str(error)), "", close=True)
                return
            response = await self._run(reader, request)
            if response is None:
                return
            keeps = keeps and not self._draining and not self._retiring
            await _write(writer, response, request.id, close=not keeps)
            self._busy.discard(task)
            if not keeps:
                return
            reader.begun = False
            wait = _KEEP_ALIVE_SECONDS

    async def _read_request(self, reader: _Reader, writer: asyncio.StreamWriter, head: Head) -> tuple[Request, bool]:
        match = _REQUEST_LINE.fullmatch(head.line)
        if match is None:
            raise BadMessage("the request line is not METHOD /PATH HTTP/1.1")
        if match[3] == "1" and "host" not in head.headers:
            raise BadMessage("there is no header host")
        if "content-encoding" in head.headers:
            raise BadMessage("a body must not be compressed", 415)
        if (head.content_length or 0) > MAX_BODY_BYTES:
            raise BadMessage(f"the body has more than {MAX_BODY_BYTES} bytes", 413)
        if head.headers.get("expect", "").lower() == "100-continue":
            writer.write(b"HTTP/1.1 100 Continue\r\n\r\n")
        body = bytearray()
        pieces = _http1.read_body(reader, head)
        async with contextlib.aclosing(pieces):
            try:
                while True:
                    async with asyncio.timeout(_BODY_IDLE_SECONDS):
                        body += await anext(pieces)
                    if len(body) > MAX_BODY_BYTES:
                        raise BadMessage(f"the body has more than {MAX_BODY_BYTES} bytes", 413)
            except StopAsyncIteration:
                pass
            except TimeoutError:
                raise BadMessage("the body does not come", 408) from None
        asked = head.headers.get("x-request-id", "")
        request = Request(match[1], match[2].partition("?")[0], head.headers, bytes(body),
                          asked if _REQUEST_ID.fullmatch(asked) else uuid.uuid4().hex)
        keeps = match[3] == "1" and "close" not in head.headers.get("connection", "").lower()
        return request, keeps

    async def _run(self, reader: _Reader, request: Request) -> Response | None:
        """None if the client has left."""
        call = asyncio.ensure_future(self._handler(request))
        left = asyncio.create_task(reader.closed.wait())
        try:
            await asyncio.wait([call, left], return_when=asyncio.FIRST_COMPLETED)
            return call.result() if call.done() else None
        finally:
            left.cancel()
            if not call.done():
                call.cancel()
                await asyncio.wait([call])


async def _write(writer: asyncio.StreamWriter, response: Response, request_id: str, close: bool) -> None:
    headers = {"Content-Type": response.content_type, "Content-Length": str(len(response.body)), **response.headers}
    if request_id:
        headers["X-Request-Id"] = request_id
    if close:
        headers["Connection"] = "close"
    lines = [f"HTTP/1.1 {response.code} {HTTPStatus(response.code).phrase if response.code != 499 else 'Cancelled'}",
             *(f"{name}: {value}" for name, value in headers.items())]
    writer.write("\r\n".join([*lines, "", ""]).encode("latin-1") + response.body)
    await writer.drain()
