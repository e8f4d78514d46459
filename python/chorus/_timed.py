"""The time that a call may take: what users may say of it, and a socket that keeps to it."""
from __future__ import annotations

import io
import math
import numbers
import select
import socket
import ssl
import time
from typing import Any

_MAX_WAIT_SECONDS = 2e6  # What a socket takes: poll(2) counts milliseconds in 31 bits.


def checked(timeout: float | None) -> float | None:
    """Seconds above 0; None, of None and infinity, is no limit. TypeError and ValueError."""
    if timeout is None:
        return None
    if isinstance(timeout, bool) or not isinstance(timeout, numbers.Real):
        raise TypeError(f"timeout: must be a number of seconds, or None: {timeout!r}")
    if not timeout > 0:  # NaN is none, too.
        raise ValueError(f"timeout: must be more than 0 seconds, or None: {timeout!r}")
    return None if timeout == math.inf else float(timeout)


def end_of(timeout: float | None) -> float | None:
    """When a call that begins now must have ended, in time.monotonic()."""
    return None if timeout is None else time.monotonic() + timeout


def left_until(end: float | None) -> float | None:
    """TimeoutError if it has passed."""
    if end is None:
        return None
    left = end - time.monotonic()
    if left <= 0:
        raise TimeoutError("timed out")
    return left


class TimedSocket:
    """A connected socket, as http.client uses one: whatever is done by it has until `end`, all together."""

    def __init__(self, sock: socket.socket, end: float | None) -> None:
        self._sock = sock
        self.end = end

    def arm(self) -> None:
        """For the socket's next operation. TimeoutError if there is no time left."""
        left = left_until(self.end)
        self._sock.settimeout(None if left is None else min(left, _MAX_WAIT_SECONDS))

    def sendall(self, data: bytes) -> None:
        self.arm()
        self._sock.sendall(data)

    def makefile(self, mode: str) -> io.BufferedReader:
        return io.BufferedReader(_Reader(self, self._sock.makefile(mode, buffering=0)))  # type: ignore[call-overload]

    def has_come(self) -> bool:
        """Whether there is something to read, be it the end."""
        poll = select.poll()
        poll.register(self._sock, select.POLLIN)
        return bool(poll.poll(0))

    def close(self) -> None:
        """What makefile() gave goes on until it is closed."""
        self._sock.close()


class _Reader(io.RawIOBase):
    def __init__(self, sock: TimedSocket, raw: Any) -> None:
        self._timed = sock
        self._raw = raw

    def readable(self) -> bool:
        return True

    def readinto(self, buffer: Any) -> int | None:
        self._timed.arm()
        count: int | None = self._raw.readinto(buffer)
        return count

    def close(self) -> None:
        self._raw.close()
        super().close()


def connect(host: str, port: int, tls: ssl.SSLContext | None, end: float | None) -> TimedSocket:
    """OSError. Only the resolver, which finds the addresses of a name, has time limits of its own."""
    failure: OSError = OSError(f"{host} has no address")
    for family, kind, protocol, _, address in socket.getaddrinfo(host, port, type=socket.SOCK_STREAM):
        sock = socket.socket(family, kind, protocol)
        try:
            TimedSocket(sock, end).arm()
            sock.connect(address)
            sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        except OSError as error:
            sock.close()
            failure = error
            continue
        try:
            TimedSocket(sock, end).arm()
            return TimedSocket(sock if tls is None else tls.wrap_socket(sock, server_hostname=host), end)
        except BaseException:
            sock.close()
            raise
    raise failure
