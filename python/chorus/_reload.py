"""`chorus serve MODULE:NAME --reload`: the service runs in a process of its own, whose place another takes.

This process holds the listening sockets, which its children accept from, so none of them closes the door when it goes.
A new process imports the changed files and loads its models beside the one that serves; once it accepts, the old one
stops to, answers what it has, and ends.
"""
from __future__ import annotations

import asyncio
import contextlib
import json
import os
import pathlib
import select
import signal
import socket
import sys
from collections.abc import Iterable
from typing import Any

from chorus import _changes
from chorus._changes import ChangeWatch, State

_LOOK_SECONDS = 1.0
_LOOK_SHARE = 5  # A look that takes long is as many times as long away from the next.
_MAX_LEAVING = 2  # Processes with the calls of before; those before these are given the time of a stop.
_STOP_SECONDS = 45.0  # Longer than a process takes to drain and to end its runners.
_RETIRE_SECONDS = 300.0  # An API that blocks the event loop keeps its process from hearing that it retires.
_AGAIN = "it is tried again when something changes, or upon SIGHUP"
_CHILD = ("import json, sys; sys.path[:] = json.loads(sys.argv[1]); from chorus import _serve; "
          "sys.exit(_serve.child(**json.loads(sys.argv[2])))")


def _write_line(line: str) -> None:
    """In one write: other processes log to the same place, and print() writes its end by itself where nothing buffers."""
    sys.stderr.write(line + "\n")
    sys.stderr.flush()


def _say(text: str) -> None:
    _write_line(f"chorus: {text}")


class _Process:
    """One process of the service. `answer` is what it says of its start, {"models": …} or {"error": …}."""

    def __init__(self, process: asyncio.subprocess.Process, reader: asyncio.StreamReader, writer: asyncio.StreamWriter,
                 files: State) -> None:
        self.files = files  # As they were before it imported them.
        self._process = process
        self._reader = reader
        self._writer = writer
        self.ended = asyncio.create_task(process.wait())
        self.answer = asyncio.create_task(self._read_answer())

    @classmethod
    async def start(cls, reference: str, folder: pathlib.Path, fds: list[int], files: State) -> _Process:
        ours, theirs = socket.socketpair()
        become = str(pathlib.Path(__file__).with_name("_become.py"))
        told = {"reference": reference, "folder": str(folder), "sockets": fds, "control": theirs.fileno()}
        with theirs:
            # Byte code is as old as a second, in which a file may have changed twice: none is written. In a group of its
            # own, for Ctrl-C is for this process.
            process = await asyncio.create_subprocess_exec(
                sys.executable, "-I", "-S", become, str(os.getpid()), sys.executable, "-B", "-P", "-c", _CHILD,
                json.dumps(sys.path), json.dumps(told), stdin=asyncio.subprocess.DEVNULL,
                pass_fds=[*fds, theirs.fileno()], process_group=0)
        return cls(process, *await asyncio.open_connection(sock=ours), files)

    async def _read_answer(self) -> dict[str, Any]:
        with contextlib.suppress(ConnectionError, ValueError):
            if line := await self._reader.readline():
                return dict(json.loads(line))
        await self.ended
        return {"error": f"its process {self.how()}"}

    def how(self) -> str:
        code = self.ended.result()
        if code >= 0:
            return f"exited with status {code}"
        memory = "; memory may have run out" if -code == signal.SIGKILL else ""
        return f"was killed by signal {-code} ({signal.strsignal(-code)}){memory}"

    async def retire(self, stop: asyncio.Event) -> None:
        """Has it accept no more, answer what it has begun, and end. Returns when it does not accept, or upon `stop`."""
        self._writer.write(b"retire\n")
        said = asyncio.create_task(self._reader.readline())
        await _first([said], [stop], _RETIRE_SECONDS)
        if not said.done():
            said.cancel()
            if not stop.is_set():
                _say("what served before does not hear that it is to end, and may accept calls until it does")
        with contextlib.suppress(ConnectionError, asyncio.CancelledError):
            await said

    def close(self) -> None:
        self.answer.cancel()
        self._writer.close()

    def send(self, number: int) -> None:
        with contextlib.suppress(ProcessLookupError):
            self._process.send_signal(number)


class _Keeper:
    """Keeps the process that serves, and one that is to."""

    def __init__(self, reference: str, folder: pathlib.Path, fds: list[int]) -> None:
        self._reference = reference
        self._folder = folder
        self._fds = fds
        self._serving: _Process | None = None
        self._next: _Process | None = None
        self._leaving: list[_Process] = []
        self._served: State = {}
        self._watch = ChangeWatch({})
        self._models: dict[str, str] = {}  # What the process that serves asked the store for.

    @property
    def processes(self) -> list[_Process]:
        return [process for process in (self._serving, self._next, *self._leaving) if process is not None]

    def _look(self) -> State:
        return _changes.look_at_files(self._folder) | _changes.look_at_models(self._models)

    async def _begin(self) -> None:
        files = await asyncio.to_thread(_changes.look_at_files, self._folder)
        self._next = await _Process.start(self._reference, self._folder, self._fds, files)

    async def run(self, ready: str, stop: asyncio.Event, asked: asyncio.Event) -> int:
        """Until `stop` is set, or nothing can be served. `ready` is said of the first that serves."""
        await self._begin()
        pause = _LOOK_SECONDS
        while True:
            assert self._next or self._serving
            awaited: list[asyncio.Task[Any]] = [self._next.answer] if self._next else []
            awaited += [self._serving.ended] if self._serving else []
            await _first(awaited, [stop, asked], pause)
            if stop.is_set():
                return 0
            if self._next is not None and self._next.answer.done():
                await self._settle(self._next, ready, stop)
            if self._serving is None and self._next is None:
                return 1
            if self._serving is None:
                asked.clear()  # It looks anyway.
            if self._serving is not None and self._serving.ended.done():
                _say(f"{self._reference} {self._serving.how()}" + ("" if self._next else "; starting it again"))
                self._serving = None
                if self._next is None:
                    await self._begin()
            elif self._serving is not None:
                loop = asyncio.get_running_loop()
                began = loop.time()
                await self._look_again(asked)
                pause = max(_LOOK_SECONDS, _LOOK_SHARE * (loop.time() - began))

    async def _look_again(self, asked: asyncio.Event) -> None:
        was_asked = asked.is_set()
        asked.clear()
        now = await asyncio.to_thread(self._look)
        if not self._watch.see(now, was_asked):
            return
        is_gone = now == self._served
        if self._next is not None:
            _say("the change is gone again; what it had begun ends, and what served serves on" if is_gone
                 else "another change comes in the place of the one that was under way")
            self._next.send(signal.SIGTERM)
            self._leaving.append(self._next)
            self._next = None
        if is_gone:
            return
        _say(f"loading beside what serves: {_changes.describe(self._served, now)}")
        for process in [process for process in self._leaving if process.ended.done()]:
            process.close()
            self._leaving.remove(process)
        for process in self._leaving[:-_MAX_LEAVING]:
            process.send(signal.SIGTERM)
        await self._begin()

    async def _settle(self, process: _Process, ready: str, stop: asyncio.Event) -> None:
        """The process has answered."""
        answer = process.answer.result()
        self._next = None
        if "error" in answer:
            self._leaving.append(process)
            if self._serving is not None:
                _say(f"not reloaded, and what served serves on: {answer['error']}; {_AGAIN}")
            else:
                _say(answer["error"])
            return
        if self._serving is not None:
            await self._serving.retire(stop)
            self._leaving.append(self._serving)
        self._models = answer["models"]
        self._served = process.files | answer["state"]
        self._watch = ChangeWatch(self._served)
        is_first = self._serving is None
        self._serving = process
        if is_first:
            _write_line(ready)
        else:
            _say("reloaded")

    async def end(self) -> bool:
        """Lets the calls in progress end. False if a process had to be killed."""
        for process in self.processes:
            process.send(signal.SIGTERM)
        ends = [process.ended for process in self.processes]
        if not ends:
            return True
        _, late = await asyncio.wait(ends, timeout=_STOP_SECONDS)
        for process in self.processes:
            process.send(signal.SIGKILL)
        await asyncio.wait(ends)
        for process in self.processes:
            process.close()
        return not late


async def _first(tasks: Iterable[asyncio.Task[Any]], events: Iterable[asyncio.Event], timeout: float) -> None:
    """Waits until one of them is done or set, or for `timeout`."""
    waits = [asyncio.create_task(event.wait()) for event in events]
    try:
        await asyncio.wait([*tasks, *waits], timeout=timeout, return_when=asyncio.FIRST_COMPLETED)
    finally:
        for wait in waits:
            wait.cancel()


def _has_hung_up() -> bool:
    """Whether the terminal, if there is one, is gone."""
    for fd in (0, 1, 2):
        if os.isatty(fd):
            poll = select.poll()
            poll.register(fd, 0)
            return any(event & select.POLLHUP for _, event in poll.poll(0))
    return False


async def serve(reference: str, folder: pathlib.Path, host: str, port: int) -> int:
    """Serves until SIGINT or SIGTERM, then drains; a second one stops at once. SIGHUP looks at once, and again at what
    could not be served. Returns the exit status."""
    loop = asyncio.get_running_loop()
    stop, asked = asyncio.Event(), asyncio.Event()

    def on_stop() -> None:
        if stop.is_set():
            os._exit(1)  # The kernel ends the children with this process, and their runners with them.
        stop.set()

    for number in (signal.SIGINT, signal.SIGTERM):
        loop.add_signal_handler(number, on_stop)
    if signal.getsignal(signal.SIGHUP) != signal.SIG_IGN:  # nohup
        loop.add_signal_handler(signal.SIGHUP, lambda: on_stop() if _has_hung_up() else asked.set())
    listener = await loop.create_server(asyncio.Protocol, host, port, start_serving=False)
    fds = [found.fileno() for found in listener.sockets]
    shown = f"[{host}]" if ":" in host else host
    keeper = _Keeper(reference, folder, fds)
    try:
        status = await keeper.run(
            f"Chorus is ready: HTTP http://{shown}:{listener.sockets[0].getsockname()[1]}", stop, asked)
    finally:
        ended_in_time = await keeper.end()
        listener.close()
    return status if ended_in_time else 1
