"""Runners: a model of the store, run by a process of this machine, called as the pipeline that it was saved from."""
from __future__ import annotations

import asyncio
import pathlib
import threading
from types import TracebackType
from typing import Any, Self

from chorus import _pipelines, _protos, _timed
from chorus._grpc import LOCAL_OPTIONS, AsyncGrpcTransport, GrpcTransport
from chorus._pipelines import PIPELINES, Plan
from chorus._runner_process import RunnerProcess
from chorus.exceptions import RunnerError, Unavailable

_START_SECONDS = 600.0
_END_SECONDS = 0.2  # From a broken connection to the end of the process that broke it.
_TASKS = {1: "generate", 2: "classify", 3: "embed"}  # chorus.runner.v1.Task.


class Runner:
    """One model. Made by Model.to_runner(); starts with init_local(), and ends with close(), or with Python.

    A runner of a generator is called as a text-generation pipeline, one of a classifier as a text-classification
    pipeline: `run` takes a text or a list of texts and the pipeline's arguments, and returns what the pipeline returns.
    Any number of threads and tasks may call at once: their texts share batches.
    """

    def __init__(self, name: str, version: str, path: pathlib.Path, *, dtype: str = "auto",
                 threads: int | None = None, max_sequences: int | None = None, native_code: str | None = None) -> None:
        self.name = name
        self.version = version
        self._path = path
        self._flags = ["--dtype", dtype]
        if threads is not None:
            self._flags += ["--threads", str(threads)]
        if max_sequences is not None:
            self._flags += ["--max_sequences", str(max_sequences)]
        if native_code is not None:
            self._flags += ["--native_code", native_code]
        self._lock = threading.Lock()
        self._process: RunnerProcess | None = None
        self._starting: RunnerProcess | None = None  # For close(), which does not wait until a model is loaded.
        self._blocking: GrpcTransport | None = None
        self._asynchronous: AsyncGrpcTransport | None = None
        self._pipeline: _pipelines.Pipeline | None = None

    def __repr__(self) -> str:
        return f"Runner({self.name}:{self.version})"

    def init_local(self, quiet: bool = True) -> None:
        """Starts the runner's process and waits until the model is loaded; nothing if it runs already.

        What the process says goes to the logger "chorus.runner"; `quiet` is BentoML's, and of no effect.

        Raises:
            ProgramError: runner_server is not installed.
            RunnerError: The model cannot be loaded; the message is the runner's.
        """
        with self._lock:
            self._check_fork()
            if self._process is not None and self._process.is_running:
                return
            self._starting = process = RunnerProcess(self._path, self.name, self.version, self._flags)
            try:
                info = process.wait_ready(_START_SECONDS)
                make = PIPELINES.get(_TASKS.get(info.task, ""))
                if make is None:
                    raise RunnerError(f"{self.name} does what no pipeline of this package does")
            except BaseException:
                process.stop()
                raise
            finally:
                self._starting = None
            before = self._process, self._blocking, self._asynchronous  # It has ended; until now calls were told how.
            self._pipeline = make(info.context_size)
            self._blocking = GrpcTransport(process.address, None, {}, LOCAL_OPTIONS)
            self._asynchronous = AsyncGrpcTransport(process.address, None, {}, LOCAL_OPTIONS)
            self._process = process
            _end(*before)

    @property
    def is_running(self) -> bool:
        """Whether it has been started, and has not ended."""
        process = self._process
        return process is not None and process.is_running

    def wait(self) -> str:
        """Waits until the process has ended, however it does, and says how; at once if it does not run."""
        process = self._process
        if process is None:
            return "it was not started"
        process.wait()
        return process.last_words()

    def run(self, inputs: Any, *, timeout: float | None = None, **arguments: Any) -> Any:
        """Calls the pipeline, and waits for its result.

        Of a generator: a list of {"generated_text": …}, one for each of num_return_sequences; of a list of texts, a
        list of these. Arguments: max_length, max_new_tokens, do_sample, temperature, top_k, top_p, min_p,
        repetition_penalty, num_return_sequences, stop_strings (or stop), return_full_text, and Chorus's seed,
        ignore_eos and split_special_tokens. What is left out is Chorus's default, such as do_sample=True and
        max_length=128. Without a seed, each call has its own.

        Of a classifier: a list of one {"label": …, "score": …}; of a list of texts, one for each. With top_k, the
        best k labels of a text (None: all), in a list; of a list of texts, a list of these. Arguments: top_k,
        truncation (False refuses a text that is too long; else its beginning counts), max_length (of the model's own
        limit, at which texts are cut), function_to_apply, split_special_tokens. A text may be
        {"text": …, "text_pair": …}.

        Of an embedder: a list of numbers; of a list of texts, a list of these. Arguments: normalize, dimensions,
        truncation, max_length, split_special_tokens.

        batch_size, num_workers, padding and pad_token_id are taken, and of no effect.

        Args:
            timeout: Seconds the call may take; None or infinity: as long as it takes.

        Raises:
            TypeError: There is no such argument; the message names the near one.
            ServerError: What the runner refuses, such as a prompt of max_length tokens (InvalidArgument).
            RunnerError: The runner was not started, or has ended.
        """
        plan, timeout = self._plan(inputs, arguments), _timed.checked(timeout)
        transport = self._blocking
        method = _protos.methods("chorus.runner.v1.RunnerService")[plan.method]
        assert transport is not None
        try:
            if not method.streams:
                return plan.shape([transport.call(method, request, timeout) for request in plan.requests])
            streams = [transport.stream(method, request, timeout) for request in plan.requests]  # All begin now.
            try:
                return plan.shape([_pipelines.collect(list(stream)) for stream in streams])
            finally:
                for stream in streams:
                    stream.close()
        except Unavailable:
            self._check_ended()
            raise

    async def async_run(self, inputs: Any, *, timeout: float | None = None, **arguments: Any) -> Any:
        """As run, for asyncio. Cancelling the task cancels the call, and frees its compute."""
        plan, timeout = self._plan(inputs, arguments), _timed.checked(timeout)
        transport = self._asynchronous
        method = _protos.methods("chorus.runner.v1.RunnerService")[plan.method]
        assert transport is not None

        async def call(request: Any) -> Any:
            if not method.streams:
                return await transport.call(method, request, timeout)
            return _pipelines.collect([message async for message in transport.stream(method, request, timeout)])

        try:
            async with asyncio.TaskGroup() as group:
                tasks = [group.create_task(call(request)) for request in plan.requests]
        except ExceptionGroup as errors:
            if isinstance(errors.exceptions[0], Unavailable):
                await asyncio.to_thread(self._check_ended)
            raise errors.exceptions[0] from None
        return plan.shape([task.result() for task in tasks])

    def close(self) -> None:
        """Ends the process; calls in progress have 10 s, and one that is starting is a RunnerError there. Idempotent.

        A runner is its own context manager.
        """
        starting = self._starting
        if starting is not None:
            starting.terminate()
        with self._lock:
            before = self._process, self._blocking, self._asynchronous
            self._process = self._blocking = self._asynchronous = None
            _end(*before)

    def __enter__(self) -> Self:
        self.init_local()
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None,
                 traceback: TracebackType | None) -> None:
        self.close()

    def _plan(self, inputs: Any, arguments: dict[str, Any]) -> Plan:
        if self._process is None or self._pipeline is None:
            raise RunnerError(f"the runner {self.name} is not started: call init_local() first")
        self._check_fork()
        return self._pipeline.plan(inputs, arguments)

    def _check_fork(self) -> None:
        if self._process is not None and not self._process.is_of_this_process:
            raise RunnerError(f"the runner {self.name} is of the process of which this one is a fork: make and start "
                              "runners after the fork")

    def _check_ended(self) -> None:
        """RunnerError if the process has ended, be it just now."""
        process = self._process
        if process is not None and process.wait(_END_SECONDS):
            raise RunnerError(f"the runner {self.name} has ended: {process.last_words()}") from None


def _end(process: RunnerProcess | None, blocking: GrpcTransport | None,
         asynchronous: AsyncGrpcTransport | None) -> None:
    if process is not None:
        process.stop()
    if blocking is not None:
        blocking.close()
    if asynchronous is not None:
        asynchronous.close_soon()
