"""HTTP/1.1 messages on asyncio's streams, read strictly: what two readers might take differently is refused."""
from __future__ import annotations

import asyncio
import re
from collections.abc import AsyncGenerator

MAX_HEAD_BYTES = 16 << 10
MAX_HEADERS = 100
_READ_BYTES = 64 << 10

_TOKEN = re.compile(r"[!#$%&'*+\-.^_`|~0-9A-Za-z]+")


class BadMessage(Exception):
    """What came is no HTTP message, or one that is refused. `code` is what a server answers."""

    def __init__(self, message: str, code: int = 400) -> None:
        super().__init__(message)
        self.code = code


class Head:
    """The first line and the headers, whose names are in lower case."""

    def __init__(self, line: str, headers: dict[str, str]) -> None:
        self.line = line
        self.headers = headers

    @property
    def content_length(self) -> int | None:
        """None where the body is chunked, or not told."""
        text = self.headers.get("content-length")
        return None if text is None else int(text)

    @property
    def is_chunked(self) -> bool:
        return "transfer-encoding" in self.headers


async def read_head(reader: asyncio.StreamReader) -> Head | None:
    """None if the connection is closed before a first byte."""
    try:
        block = await reader.readuntil(b"\r\n\r\n")
    except asyncio.IncompleteReadError as error:
        if not error.partial:
            return None
        raise BadMessage("the connection was closed within a head") from None
    except asyncio.LimitOverrunError:
        raise BadMessage(f"the head has more than {MAX_HEAD_BYTES} bytes", 431) from None
    if len(block) > MAX_HEAD_BYTES:
        raise BadMessage(f"the head has more than {MAX_HEAD_BYTES} bytes", 431)
    line, *fields = block[:-4].decode("latin-1").split("\r\n")
    if "\n" in block[:-4].decode("latin-1").replace("\r\n", "") or "\r" in "".join([line, *fields]):
        raise BadMessage("a line of the head does not end with CR LF")
    if len(fields) > MAX_HEADERS:
        raise BadMessage(f"there are more than {MAX_HEADERS} headers", 431)
    return Head(line, _headers(fields))


async def read_answer(reader: asyncio.StreamReader) -> Head:
    """An answer's head, past those that only say that one will come (1xx)."""
    while True:
        head = await read_head(reader)
        if head is None:
            raise BadMessage("the connection was closed without an answer")
        if not head.line.startswith("HTTP/1.1 "):
            raise BadMessage("the answer is not HTTP/1.1")
        if not head.line.startswith("HTTP/1.1 1"):
            return head


def _headers(fields: list[str]) -> dict[str, str]:
    headers: dict[str, str] = {}
    for field in fields:
        name, colon, value = field.partition(":")
        if not colon or not _TOKEN.fullmatch(name):
            raise BadMessage("a header is not NAME: VALUE")
        name, value = name.lower(), value.strip(" \t")
        if "\0" in value:
            raise BadMessage(f"the header {name} has a NUL")
        if name in headers and name in ("content-length", "transfer-encoding", "host", "content-type"):
            raise BadMessage(f"there are two headers {name}")
        headers[name] = f"{headers[name]}, {value}" if name in headers else value
    length = headers.get("content-length")
    if length is not None and not re.fullmatch(r"[0-9]{1,15}", length):
        raise BadMessage("content-length is not a number")
    coding = headers.get("transfer-encoding")
    if coding is not None and (coding.lower() != "chunked" or length is not None):
        raise BadMessage("transfer-encoding must be chunked, without a content-length")
    return headers


async def read_body(reader: asyncio.StreamReader, head: Head, until_end: bool = False) -> AsyncGenerator[bytes]:
    """The body in pieces, as they come. Without a length it is empty, or with `until_end` all that comes."""
    if head.is_chunked:
        async for piece in _read_chunks(reader):
            yield piece
    elif head.content_length is not None:
        left = head.content_length
        while left > 0:
            piece = await reader.read(min(left, _READ_BYTES))
            if not piece:
                raise BadMessage("the connection was closed within a body")
            left -= len(piece)
            yield piece
    elif until_end:
        while piece := await reader.read(_READ_BYTES):
            yield piece


async def _read_chunks(reader: asyncio.StreamReader) -> AsyncGenerator[bytes]:
    try:
        while True:
            line = await reader.readuntil(b"\r\n")
            size = re.fullmatch(rb"([0-9A-Fa-f]{1,8})(?:[ \t]*;[^\r\n]*)?\r\n", line)
            if size is None:
                raise BadMessage("the size of a chunk is not a number")
            left = int(size[1], 16)
            if left == 0:
                break
            while left > 0:
                piece = await reader.read(min(left, _READ_BYTES))
                if not piece:
                    raise BadMessage("the connection was closed within a body")
                left -= len(piece)
                yield piece
            if await reader.readexactly(2) != b"\r\n":
                raise BadMessage("a chunk is longer than its size")
        trailers = 0
        while await reader.readuntil(b"\r\n") != b"\r\n":
            trailers += 1
            if trailers > MAX_HEADERS:
                raise BadMessage(f"there are more than {MAX_HEADERS} trailers", 431)
    except asyncio.IncompleteReadError:
        raise BadMessage("the connection was closed within a body") from None
    except asyncio.LimitOverrunError:
        raise BadMessage("a line within the body is too long") from None
