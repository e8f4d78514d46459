"""Calls over HTTP/JSON, as the google.api.http annotations of the protos say: what all have, and blocking ones."""
from __future__ import annotations

import http.client
import json
import math
import os
import ssl
import urllib.parse
from collections.abc import Generator, Mapping
from typing import Any

from google.protobuf import json_format
from google.protobuf.message import Message

from chorus import _protos, _timed, _tls
from chorus.exceptions import ServerError, closed_error, event_error, server_error


class Target:
    """Where an http:// or https:// URL leads, and what is sent there with each call. `ca`: who is trusted, in PEM."""

    def __init__(self, url: str, headers: Mapping[str, str], ca: str | None) -> None:
        parts = urllib.parse.urlsplit(url)
        if "@" in parts.netloc:
            raise ValueError("a URL has no user and password; headers has, such as "
                             f"{{'Authorization': 'Basic …'}}: {parts.scheme}://{parts.netloc.rpartition('@')[2]}")
        if not parts.hostname or parts.query or parts.fragment:
            raise ValueError(f"a URL is http://HOST:PORT, perhaps with a path: {url}")
        self.url = url
        self.host = parts.hostname
        self.is_https = parts.scheme == "https"
        self.tls = ssl.create_default_context(cadata=ca) if self.is_https else None
        self.port = parts.port or (443 if self.is_https else 80)
        self.prefix = parts.path.rstrip("/")
        self.netloc = parts.netloc
        self.headers = dict(headers)

    def head_of(self, accept: str, timeout: float | None, body: bytes | None) -> dict[str, str]:
        """The headers of a call that has `timeout` left."""
        headers = {"Host": self.netloc, "Accept": accept, **self.headers}
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


def refusal(code: int, reason: str, body: bytes, headers: Mapping[str, str]) -> ServerError:
    """The error of an answer that is not 200. Names of `headers` are in lower case."""
    request_id = headers.get("x-request-id", "")
    try:
        error = json.loads(body)["error"]
        return server_error(str(error["message"]), str(error["status"]), code, error.get("details", ()), request_id)
    except (ValueError, KeyError, TypeError, AttributeError):  # Not of Chorus: a proxy's, perhaps.
        status = {400: "INVALID_ARGUMENT", 401: "UNAUTHENTICATED", 403: "PERMISSION_DENIED", 404: "NOT_FOUND",
                  413: "INVALID_ARGUMENT", 429: "RESOURCE_EXHAUSTED", 502: "UNAVAILABLE", 503: "UNAVAILABLE",
                  504: "DEADLINE_EXCEEDED"}.get(code, "UNKNOWN")
        return server_error(f"HTTP {code} {reason}", status, code, request_id=request_id)


def parse(method: _protos.Method, body: bytes) -> Message:
    try:
        value = json.loads(body)
        if not isinstance(value, dict):
            raise json_format.ParseError("it is no object")
        # A newer server may tell more.
        return json_format.ParseDict(value, method.response(), ignore_unknown_fields=True, descriptor_pool=_protos.POOL)
    except (json_format.ParseError, ValueError, RecursionError) as error:
        raise server_error(f"the answer is no {method.response.DESCRIPTOR.name}: {error}", "UNKNOWN") from None


def parse_event(method: _protos.Method, line: bytes, headers: Mapping[str, str]) -> Message:
    """Raises the error that an event brings."""
    message: Any = parse(method, line)
    if message.WhichOneof("event") == "error":
        raise event_error(_protos.to_dict(message.error), headers.get("x-request-id", ""))
    event: Message = message
    return event


class HttpTransport:
    """Blocking calls, on connections that are used again. Any number of threads may call at once."""

    def __init__(self, url: str, headers: Mapping[str, str], ca: str | None) -> None:
        self._target = Target(url, headers, ca)
        self._closed = False
        self._idle: list[http.client.HTTPConnection] = []  # list.append and pop are atomic.
        self._pid = os.getpid()

    def call(self, method: _protos.Method, request: Message, timeout: float | None) -> Message:
        return parse(method, self._read_all(*self._begin(method, request, "application/json", timeout)))

    def stream(self, method: _protos.Method, request: Message, timeout: float | None) -> Generator[Message]:
        """Calls at once; the generator reads, and closes the connection when it is closed."""
        connection, reply = self._begin(method, request, "application/x-ndjson", timeout)
        if reply.status != 200:
            self._read_all(connection, reply)
        return self._read_events(connection, reply, method)

    def _read_all(self, connection: http.client.HTTPConnection, reply: http.client.HTTPResponse) -> bytes:
        """The body; the connection may be used again. Raises the error of an answer that is not 200."""
        body, keeps = b"", False
        try:
            body = reply.read()
            keeps = not reply.will_close
        except (OSError, http.client.HTTPException) as error:
            if reply.status == 200 or isinstance(error, TimeoutError):
                raise self._target.failed(error) from None
        finally:
            if keeps:
                self._idle.append(connection)
                if self._closed:
                    self._close_idle()
            else:
                connection.close()
        if reply.status != 200:
            raise refusal(reply.status, reply.reason, body, _headers_of(reply))
        return body

    def _read_events(self, connection: http.client.HTTPConnection, reply: http.client.HTTPResponse,
                     method: _protos.Method) -> Generator[Message]:
        headers = _headers_of(reply)
        try:
            for line in reply:
                if line.strip():  # An empty one says that the connection lives.
                    yield parse_event(method, line, headers)
        except (OSError, http.client.HTTPException) as error:
            raise self._target.failed(error) from None
        finally:
            reply.close()
            connection.close()

    def close(self) -> None:
        self._closed = True
        self._close_idle()

    def _close_idle(self) -> None:
        while self._idle:
            self._idle.pop().close()

    def _begin(self, method: _protos.Method, request: Message, accept: str,
               timeout: float | None) -> tuple[http.client.HTTPConnection, http.client.HTTPResponse]:
        """Sends the call, and reads the reply as far as its body."""
        connection: http.client.HTTPConnection | None = None
        try:
            end = _timed.end_of(timeout)
            connection = self._connect(end)
            verb, target, body = method.http_call(request)
            headers = self._target.head_of(accept, _timed.left_until(end), body)
            try:
                connection.request(verb, self._target.prefix + target, body, headers)
            except (BrokenPipeError, ConnectionResetError):  # It may have answered before it had read all.
                pass
            return connection, connection.getresponse()
        except (OSError, http.client.HTTPException) as error:
            if connection is not None:
                connection.close()
            raise self._target.failed(error) from None
        except BaseException:  # Such as KeyboardInterrupt.
            if connection is not None:
                connection.close()
            raise

    def _connect(self, end: float | None) -> http.client.HTTPConnection:
        if self._closed:
            raise closed_error()
        if self._pid != os.getpid():  # A fork: the connections are its parent's.
            self._close_idle()
            self._pid = os.getpid()
        while self._idle:
            connection = self._idle.pop()
            sock: Any = connection.sock
            if sock is not None and not sock.has_come():
                sock.end = end
                return connection
            connection.close()  # The server has closed it, or says what nobody asked.
        connection = http.client.HTTPConnection(self._target.host)
        connected: Any = _timed.connect(self._target.host, self._target.port, self._target.tls, end)
        connection.sock = connected
        return connection


def _headers_of(reply: http.client.HTTPResponse) -> dict[str, str]:
    return {name.lower(): value for name, value in reply.getheaders()}
