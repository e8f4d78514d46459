"""Where a client calls, and with what: its URL, headers and certificates, checked when it is made."""
from __future__ import annotations

import os
import re
import urllib.parse
from collections.abc import Mapping

import grpc

from chorus import _tls

_HTTP = ("http", "https")
_GRPC = ("grpc", "grpcs")
_NAME = re.compile(r"[!#$%&'*+\-.^_`|~0-9A-Za-z]+")
_VALUE = re.compile(r"[ -~\t]*")


def is_http(url: str) -> bool:
    """Whether it is of HTTP, and else of gRPC. TypeError or ValueError if it is of neither."""
    if not isinstance(url, str):
        raise TypeError(f"url: must be a text, such as http://localhost:3000, not a {type(url).__name__}")
    scheme = urllib.parse.urlsplit(url).scheme
    if scheme not in (*_HTTP, *_GRPC):
        raise ValueError("a server's URL begins with http://, https://, grpc:// or grpcs://, such as "
                         f"http://localhost:3000 or grpc://localhost:50051: {url}")
    return scheme in _HTTP


def grpc_target(url: str, ca: str | None) -> tuple[str, grpc.ChannelCredentials | None]:
    parts = urllib.parse.urlsplit(url)
    address = url.partition("://")[2] if parts.netloc == "unix:" else parts.netloc
    if not address:
        raise ValueError(f"a URL of gRPC is {parts.scheme}://HOST:PORT, such as grpc://localhost:50051: {url}")
    if parts.netloc != "unix:":  # unix:PATH is gRPC's name of a socket.
        if "@" in address or parts.path.rstrip("/") or parts.query or parts.fragment:
            raise ValueError(f"a URL of gRPC is {parts.scheme}://HOST:PORT, and has nothing else")
        parts.port  # ValueError if it is none.
    if parts.scheme == "grpc":
        return address, None
    return address, grpc.ssl_channel_credentials(None if ca is None else ca.encode())


def read_ca(url: str, ca_file: str | os.PathLike[str] | None) -> str | None:
    if ca_file is None:
        return None
    if urllib.parse.urlsplit(url).scheme not in ("https", "grpcs"):
        raise ValueError(f"ca_file is for https:// and grpcs:// URLs: {url}")
    return _tls.read_ca_file(ca_file)


def checked_headers(headers: Mapping[str, str] | None) -> dict[str, str]:
    """TypeError or ValueError, without a value, which may be a secret, if they are none."""
    if headers is None:
        return {}
    if not isinstance(headers, Mapping) or not all(isinstance(text, str) for item in headers.items() for text in item):
        raise TypeError("headers: must be a mapping of texts, such as {'Authorization': 'Bearer …'}")
    for name, value in headers.items():
        if not _NAME.fullmatch(name) or not _VALUE.fullmatch(value):
            raise ValueError(f"headers: a name is a token, and a value printable ASCII: {name!r}")
    return dict(headers)
