"""Runners: a model of the store, run by a process of this machine, called as the pipeline that it was saved from."""
from __future__ import annotations

import asyncio
import collections
import itertools
import pathlib
import threading
import types
from collections.abc import Generator
from types import TracebackType
from typing import Any, NamedTuple, Self

from chorus import _pipelines, _protos, _timed
from chorus._grpc import LOCAL_OPTIONS, AsyncGrpcTransport, GrpcTransport
from chorus._pipelines import PIPELINES, Pipeline, Plan
from chorus._runner_process import RunnerProcess
from chorus.exceptions import Cancelled, RunnerError, Unavailable, server_error

_START_SECONDS = 600.0
_END_SECONDS = 1.0  # From a broken connection to the end of the process that broke it.
_MOST_AT_ONCE = 128  # Of one call's texts; the queue of a runner, which all calls share, takes 256.
_TASKS = {1: "generate", 2: "classify", 3: "embed"}  # chorus.runner.v1.Task.


class _Started(NamedTuple):
    """A process, and what its calls need; a call keeps to one, also where another has taken its place meanwhile."""
    process: RunnerProcess
    pipeline: Pipeline
    blocking: GrpcTransport
    asynchronous: AsyncGrpcTransport

    def end(self) -> None:
        self.process.stop()
        self.blocking.close()
        self.asynchronous.close_soon()


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
        self._started: _Started | None = None  # Also when its process has ended: calls are told how.
        self._starting: RunnerProcess | None = None  # For close(), which does not wait until a model is loaded.

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
            if self.is_running:
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
            before = self._started
            self._started = _Started(process, make(info.context_size),
                                     GrpcTransport(process.address, None, {}, LOCAL_OPTIONS),
                                     AsyncGrpcTransport(process.address, None, {}, LOCAL_OPTIONS))
            if before is not None:
                before.end()

    @property
    def is_running(self) -> bool:
        """Whether it has been started, and has not ended."""
        started = self._started
        return started is not None and started.process.is_running

    def wait(self) -> str:
        """Waits until the process has ended, however it does, and says how; at once if it does not run."""
        started = self._started
        if started is None:
            return "it was not started"
        started.process.wait()
        return started.process.last_words()

    def run(self, inputs: Any = ..., *, timeout: float | None = None, **arguments: Any) -> Any:
        """Calls the pipeline, and waits for its result.

        The arguments are those of transformers' pipelines. What changes no result, such as batch_size and
        pad_token_id, is taken; what is not here is a TypeError that says what to do instead. The first argument has
        also transformers' names, text_inputs of a generator and inputs of a classifier. Of a generator of Python, as
        `(line for line in file)`, comes one of the results, one text at a time.

        Of a generator of texts: a list of {"generated_text": …}, one for each of num_return_sequences; of a list of
        texts, a list of these. Arguments: max_length, max_new_tokens, do_sample, temperature, top_k, top_p, min_p,
        repetition_penalty, min_new_tokens, num_return_sequences, stop_strings (or stop), return_full_text, and Chorus's
        seed, ignore_eos, frequency_penalty, presence_penalty, logit_bias and split_special_tokens. What is left out is
        Chorus's default, such as do_sample=True and max_length=128. Without a seed, each call has its own. A text ends
        before a stop string, which transformers' has at its end, and keeps the spaces of its tokens, of which
        transformers takes some away.

        Of a classifier: a list of one {"label": …, "score": …}; of a list of texts, one for each. With top_k, the
        best k labels of a text (None: all), in a list; of a list of texts, a list of these. Arguments: top_k,
        truncation (False refuses a text that is too long; else its beginning counts), max_length (of the model's own
        limit, at which texts are cut), function_to_apply, split_special_tokens, text_pair. A text may be
        {"text": …, "text_pair": …}.

        Of an embedder: a list of numbers; of a list of texts, a list of these. Arguments: normalize, dimensions,
        truncation, max_length, split_special_tokens.

        Args:
            timeout: Seconds the call may take; None or infinity: as long as it takes.

        Raises:
            TypeError: There is no such argument; the message names the near one, or says what to do instead.
            ServerError: What the runner refuses, such as a prompt of max_length tokens (InvalidArgument).
            RunnerError: The runner was not started, or has ended.
        """
        if isinstance(inputs, types.GeneratorType):
            return (self.run([each], timeout=timeout, **arguments)[0] for each in inputs)
        started, plan, method = self._plan(inputs, arguments)
        end, transport = _timed.end_of(_timed.checked(timeout)), started.blocking
        try:
            if not method.streams:
                return plan.shape([transport.call(method, request, _left_until(end)) for request in plan.requests])
            replies: list[Any] = []
            waiting, streams = iter(plan.requests), collections.deque[Generator[Any]]()
            try:
                while True:
                    for request in itertools.islice(waiting, _MOST_AT_ONCE - len(streams)):
                        streams.append(transport.stream(method, request, _left_until(end)))
                    if not streams:
                        return plan.shape(replies)
                    replies.append(_pipelines.collect(list(streams[0])))
                    streams.popleft()
            finally:
                for stream in streams:
                    stream.close()
        except (Unavailable, Cancelled):
            self._check_ended(started.process)
            raise

    async def async_run(self, inputs: Any = ..., *, timeout: float | None = None, **arguments: Any) -> Any:
        """As run, for asyncio. Cancelling the task cancels the call, and frees its compute."""
        started, plan, method = self._plan(inputs, arguments)
        end, transport = _timed.end_of(_timed.checked(timeout)), started.asynchronous
        places = asyncio.Semaphore(_MOST_AT_ONCE)

        async def call(request: Any) -> Any:
            async with places:
                left = _left_until(end)
                if not method.streams:
                    return await transport.call(method, request, left)
                return _pipelines.collect([message async for message in transport.stream(method, request, left)])

        try:
            async with asyncio.TaskGroup() as group:
                tasks = [group.create_task(call(request)) for request in plan.requests]
        except ExceptionGroup as errors:
            if isinstance(errors.exceptions[0], (Unavailable, Cancelled)):
                await asyncio.to_thread(self._check_ended, started.process)
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
            before, self._started = self._started, None
            if before is not None:
                before.end()

    def __enter__(self) -> Self:
        self.init_local()
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None,
                 traceback: TracebackType | None) -> None:
        self.close()

    def _plan(self, inputs: Any, arguments: dict[str, Any]) -> tuple[_Started, Plan, _protos.Method]:
        started = self._started
        if started is None:
            raise RunnerError(f"the runner {self.name} is not started: call init_local() first")
        self._check_fork()
        if "text_inputs" in arguments:  # transformers' name of a generator's.
            if inputs is not ...:
                raise TypeError("run() got multiple values for argument 'inputs'")
            inputs = arguments.pop("text_inputs")
        if inputs is ...:
            raise TypeError("run() missing 1 required positional argument: 'inputs'")
        plan = started.pipeline.plan(inputs, arguments)
        return started, plan, _protos.methods("chorus.runner.v1.RunnerService")[plan.method]

    def _check_fork(self) -> None:
        if self._started is not None and not self._started.process.is_of_this_process:
            raise RunnerError(f"the runner {self.name} is of the process of which this one is a fork: make and start "
                              "runners after the fork")

    def _check_ended(self, process: RunnerProcess) -> None:
        """RunnerError if the process has ended, be it just now."""
        if process.wait(_END_SECONDS):
            raise RunnerError(f"the runner {self.name} has ended: {process.last_words()}") from None


def _left_until(end: float | None) -> float | None:
    try:
        return _timed.left_until(end)
    except TimeoutError:
        raise server_error("the call did not end in time", "DEADLINE_EXCEEDED") from None
