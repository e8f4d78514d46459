"""Runner processes of this machine, each on a unix socket in a folder of this process, and all ended with it."""
from __future__ import annotations

import atexit
import collections
import concurrent.futures
import logging
import os
import pathlib
import queue
import re
import shutil
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Sequence
from typing import IO, Any

from chorus import _programs, _protos
from chorus._grpc import LOCAL_OPTIONS, GrpcTransport
from chorus.exceptions import DeadlineExceeded, RunnerError, Unavailable

_LOG = logging.getLogger("chorus.runner")
_LEVELS = {"I": logging.INFO, "W": logging.WARNING, "E": logging.ERROR, "F": logging.CRITICAL}
_GLOG = re.compile(r"([IWEF])\d{8} \S+\s+\d+ \S+\] ")

_SLOT_BYTES = 64  # Of a runner in the file by which runners share the cores; runner_server/engine/core_lease.h.
_NUM_SLOTS = 64
_MAX_SOCKET_PATH = 107  # unix(7), sun_path.
_PAUSE_SECONDS = 0.02
_DRAIN_SECONDS = 10.0


class _Home:
    """What the runners of this process share: a folder, the cores, and a thread that starts them.

    One thread starts all of them: the kernel ends a runner when the thread that started it ends.
    """

    def __init__(self) -> None:
        self.pid = os.getpid()
        self.folder = pathlib.Path(tempfile.mkdtemp(prefix="chorus-"))
        if len(str(self.folder / "00.sock")) > _MAX_SOCKET_PATH:
            shutil.rmtree(self.folder)
            self.folder = pathlib.Path(tempfile.mkdtemp(prefix="chorus-", dir="/tmp"))
        self.lease = self.folder / "core_lease"
        self.lease.write_bytes(bytes(_SLOT_BYTES * _NUM_SLOTS))
        self.lock = threading.Lock()
        self.free_slots = list(range(_NUM_SLOTS))
        self.running: set[RunnerProcess] = set()
        self._jobs: queue.SimpleQueue[tuple[concurrent.futures.Future[Any], list[str]]] = queue.SimpleQueue()
        threading.Thread(target=self._start_all, name="chorus-runners", daemon=True).start()
        atexit.register(self.close)

    def start(self, command: list[str]) -> subprocess.Popen[str]:
        future: concurrent.futures.Future[subprocess.Popen[str]] = concurrent.futures.Future()
        self._jobs.put((future, command))
        return future.result()

    def _start_all(self) -> None:
        while True:
            future, command = self._jobs.get()
            try:
                # A group of its own: Ctrl-C is for this process, which ends the runners when it is done with them.
                future.set_result(subprocess.Popen(
                    command, stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL, stderr=subprocess.PIPE, text=True,
                    errors="replace", process_group=0))
            except OSError as error:
                future.set_exception(error)

    def close(self) -> None:
        if os.getpid() != self.pid:  # A fork: the runners are its parent's.
            return
        running = list(self.running)
        for runner in running:
            runner.terminate()
        for runner in running:
            runner.stop()
        shutil.rmtree(self.folder, ignore_errors=True)


_home_lock = threading.Lock()
_home: _Home | None = None


def _home_of_process() -> _Home:
    global _home
    with _home_lock:
        if _home is None or _home.pid != os.getpid():
            _home = _Home()
        return _home


class RunnerProcess:
    """One runner_server. Starts at once; `wait_ready` waits until the model is loaded.

    Thread safety: as an ordinary object; stop() may be called at any time.
    """

    def __init__(self, model: pathlib.Path, name: str, version: str, flags: Sequence[str]) -> None:
        self.name = name
        program = _programs.find("runner_server")
        self._home = _home_of_process()
        with self._home.lock:
            if not self._home.free_slots:
                raise RunnerError(f"there are {_NUM_SLOTS} runners in this process already")
            self._slot = self._home.free_slots.pop(0)
        self._socket = self._home.folder / f"{self._slot:02}.sock"
        self.address = f"unix:{self._socket}"
        self._last_lines: collections.deque[str] = collections.deque(maxlen=20)
        command = [program, "--model", str(model), "--name", name, "--version", version,
                   "--address", self.address, "--metrics_address", "", "--core_lease", str(self._home.lease),
                   "--core_lease_slot", str(self._slot), *flags]
        become = str(pathlib.Path(__file__).with_name("_become.py"))
        try:
            self._process = self._home.start([sys.executable, "-I", "-S", become, str(os.getpid()), *command])
        except OSError as error:
            self._free()
            raise RunnerError(f"cannot start a runner for {name}: {error}") from None
        self._home.running.add(self)
        assert self._process.stderr is not None
        self._reader = threading.Thread(target=self._read_log, args=(self._process.stderr,),
                                        name=f"chorus-log-{name}", daemon=True)
        self._reader.start()

    @property
    def is_running(self) -> bool:
        return self._process.poll() is None

    def wait_ready(self, timeout: float) -> Any:
        """GetModelInfo's answer. RunnerError, with the runner's own words, if it does not come to that."""
        transport = GrpcTransport(self.address, None, {}, LOCAL_OPTIONS)
        method = _protos.methods("chorus.runner.v1.RunnerService")["GetModelInfo"]
        end = time.monotonic() + timeout
        try:
            while self.is_running:
                if time.monotonic() > end:
                    raise RunnerError(f"the runner of {self.name} was not ready within {timeout:g} s")
                try:
                    if self._socket.exists():
                        return transport.call(method, method.request(), 1.0)
                except (Unavailable, DeadlineExceeded):  # It is loading.
                    pass
                try:
                    self._process.wait(_PAUSE_SECONDS)
                except subprocess.TimeoutExpired:
                    pass
        finally:
            transport.close()
        raise RunnerError(f"the runner of {self.name} has ended: {self.last_words()}")

    def last_words(self) -> str:
        """What it said when it ended."""
        self._reader.join(timeout=1.0)
        lines = [line for line in self._last_lines if not _GLOG.match(line)] or list(self._last_lines)[-1:]
        text = " ".join(lines).removeprefix("runner_server: ")
        return text or f"exit status {self._process.poll()}"

    def terminate(self) -> None:
        """Lets it end the calls in progress."""
        self._process.terminate()

    def stop(self) -> None:
        """Ends it: calls in progress have 10 s. Idempotent."""
        if os.getpid() != self._home.pid or self not in self._home.running:
            return
        self._home.running.discard(self)
        self.terminate()
        try:
            self._process.wait(_DRAIN_SECONDS)
        except subprocess.TimeoutExpired:
            self._process.kill()
            self._process.wait()
        self._reader.join(timeout=1.0)
        self._free()

    def _free(self) -> None:
        self._socket.unlink(missing_ok=True)
        with self._home.lock:
            self._home.free_slots.append(self._slot)

    def _read_log(self, stderr: IO[str]) -> None:
        with stderr:
            for line in stderr:
                line = line.rstrip("\n")
                self._last_lines.append(line)
                match = _GLOG.match(line)
                level = _LEVELS[match[1]] if match else logging.ERROR
                _LOG.log(level, "%s: %s", self.name, line[match.end():] if match else line)
