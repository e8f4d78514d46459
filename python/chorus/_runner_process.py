"""Runner processes of this machine, each on a unix socket in a folder of this process, and all ended with it."""
from __future__ import annotations

import atexit
import collections
import concurrent.futures
import contextlib
import fcntl
import logging
import os
import pathlib
import queue
import re
import shutil
import signal
import stat
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
_ENDS_PYTHON = (signal.SIGTERM, signal.SIGHUP)  # Without a word to atexit.
_GLOG = re.compile(r"([IWEF])\d{8} \S+\s+\d+ \S+\] ")

_SLOT_BYTES = 64  # Of a runner in the file by which runners share the cores; runner_server/engine/core_lease.h.
_NUM_SLOTS = 64
_MAX_SOCKET_PATH = 107  # unix(7), sun_path.
_PAUSE_SECONDS = 0.02
_DRAIN_SECONDS = 10.0


def _make_folder() -> tuple[pathlib.Path, IO[bytes]]:
    """A new folder, and its file `owner`, which stays locked until this process ends; those of dead owners go."""
    parent = tempfile.gettempdir()
    if len(f"{parent}/chorus-12345678/00.sock") > _MAX_SOCKET_PATH:
        parent = "/tmp"
    with contextlib.suppress(OSError):  # A folder that only takes new ones.
        for found in pathlib.Path(parent).glob("chorus-*"):
            _remove_if_dead(found)
    folder = pathlib.Path(tempfile.mkdtemp(prefix="chorus-", dir=parent))
    owner = (folder / "owner.new").open("wb")
    fcntl.flock(owner, fcntl.LOCK_EX)
    (folder / "owner.new").rename(folder / "owner")  # Nobody sees it without its lock.
    return folder, owner


def _remove_if_dead(folder: pathlib.Path) -> None:
    with contextlib.suppress(OSError):  # Of another user, without an owner, or with one that lives.
        if folder.lstat().st_uid != os.getuid() or not stat.S_ISDIR(folder.lstat().st_mode):
            return
        with (folder / "owner").open("rb") as owner:
            fcntl.flock(owner, fcntl.LOCK_EX | fcntl.LOCK_NB)
            shutil.rmtree(folder)


class _Home:
    """What the runners of this process share: a folder, the cores, and a thread that starts them.

    One thread starts all of them: the kernel ends a runner when the thread that started it ends. The folder goes with
    the process, or, where that is killed, when the next one makes its own.
    """

    def __init__(self) -> None:
        self.pid = os.getpid()
        self.folder, self._owner = _make_folder()
        self.lease = self.folder / "core_lease"
        self.lease.write_bytes(bytes(_SLOT_BYTES * _NUM_SLOTS))
        self.lock = threading.Lock()
        self.free_slots = list(range(_NUM_SLOTS))
        self.running: set[RunnerProcess] = set()
        self._jobs: queue.SimpleQueue[tuple[concurrent.futures.Future[Any], list[str]]] = queue.SimpleQueue()
        threading.Thread(target=self._start_all, name="chorus-runners", daemon=True).start()
        atexit.register(self.close)
        if threading.current_thread() is threading.main_thread():  # Python lets no other set a handler.
            for number in _ENDS_PYTHON:
                if signal.getsignal(number) == signal.SIG_DFL:
                    signal.signal(number, self._on_signal)

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

    def _on_signal(self, number: int, frame: Any) -> None:
        """Ends this process as the signal does without a handler, and the kernel ends its runners."""
        if os.getpid() == self.pid:
            shutil.rmtree(self.folder, ignore_errors=True)
        signal.signal(number, signal.SIG_DFL)
        os.kill(os.getpid(), number)


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
        return self.is_of_this_process and self._process.poll() is None

    @property
    def is_of_this_process(self) -> bool:
        """False in a fork of the process that started it, which alone may call it, and sees it end."""
        return os.getpid() == self._home.pid

    def wait(self, timeout: float | None = None) -> bool:
        """Whether it has ended within so many seconds; None waits until it has."""
        self._reader.join(timeout)  # Its end of the log closes with it.
        if self._reader.is_alive():
            return False
        with contextlib.suppress(subprocess.TimeoutExpired):
            self._process.wait(1.0)
        return not self.is_running

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
        """How it has ended: what it said of that itself, and the signal or, without a word, the exit status."""
        self._reader.join(timeout=1.0)
        said = []
        for line in self._last_lines:
            match = _GLOG.match(line)
            if match is None:
                said.append(line.removeprefix("runner_server: "))
            elif match[1] in "EF":
                said.append(line[match.end():])
        code = self._process.poll()
        if code is not None and code < 0:
            said.append(_of_signal(-code))
        return " ".join(said) or f"exit status {code}"

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


def _of_signal(number: int) -> str:
    with contextlib.suppress(ValueError):
        name = signal.Signals(number).name
        memory = "; the kernel does so where memory runs out" if number == signal.SIGKILL else ""
        return f"it was ended by signal {number} ({name}){memory}"
    return f"it was ended by signal {number}"
