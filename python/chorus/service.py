"""A service: runners, and APIs in Python that call them. Served by `chorus serve service:svc`."""
from __future__ import annotations

import asyncio
import concurrent.futures
import inspect
import logging
import re
import threading
import time
from collections.abc import Callable, Sequence
from typing import Any, NamedTuple, TypeVar

from chorus.exceptions import ChorusError, RunnerError
from chorus.io import Descriptor
from chorus.runners import Runner

_LOG = logging.getLogger("chorus.service")

# Of runners that end, as `chorus serve` has it (cli/serve/restart_policy.h).
_MIN_BACKOFF_SECONDS = 0.5
_MAX_BACKOFF_SECONDS = 10.0
_HEALTHY_SECONDS = 30.0  # A run this long resets the backoff.

PAGES = ("livez", "healthz", "readyz")

F = TypeVar("F", bound=Callable[..., Any])


class Api(NamedTuple):
    """One route: POST /`route` calls `function` with the body."""
    route: str
    function: Callable[..., Any]
    input: Descriptor
    output: Descriptor


class Service:
    """Runners and the APIs that call them.

    Example:
        svc = chorus.Service("inference_graph", runners=[generator, classifier])

        @svc.api(input=Text(), output=JSON())
        async def classify(text: str) -> list:
            return await classifier.async_run(text)
    """

    def __init__(self, name: str, *, runners: Sequence[Runner] = ()) -> None:
        self.name = name
        self.runners = list(runners)
        for runner in self.runners:
            if not hasattr(runner, "init_local"):
                raise TypeError(f"runners: must be what Model.to_runner() makes, not a {type(runner).__name__}")
        self.apis: dict[str, Api] = {}
        self._stopping = threading.Event()
        self._keepers: list[threading.Thread] = []

    def api(self, input: Descriptor, output: Descriptor, *, name: str | None = None,
            route: str | None = None) -> Callable[[F], F]:
        """Makes of a function, `async` or not, what POST /NAME calls; without a name, the function's.

        The function takes what `input` makes of the body, and returns what `output` makes the reply of. It stays as it
        is. A function that is not `async` runs in a thread.
        """
        for kind, descriptor in (("input", input), ("output", output)):
            if not isinstance(descriptor, Descriptor):
                raise TypeError(f"{kind}: must be a Text() or a JSON(), not {descriptor!r}")

        def add(function: F) -> F:
            path = (route or name or function.__name__).strip("/")
            if not re.fullmatch(r"[A-Za-z0-9._~/:-]+", path):
                raise ValueError(f"a route is letters, digits and ._~/:-: {path}")
            if path in PAGES:
                raise ValueError(f"/{path} is a page of the server's own: give the API another name or route")
            if path in self.apis:
                raise ValueError(f"{self.name} has an API {path} already")
            parameters = inspect.signature(function).parameters
            if len(parameters) != 1:
                raise TypeError(f"an API takes one argument, the request: {function.__name__} has {len(parameters)}")
            self.apis[path] = Api(path, function, input, output)
            return function

        return add

    async def call(self, route: str, body: bytes) -> bytes:
        """Runs an API. KeyError if there is none; what it raises."""
        api = self.apis[route]
        value = api.input.decode(body)
        if inspect.iscoroutinefunction(api.function):
            result = await api.function(value)
        else:
            result = await asyncio.to_thread(api.function, value)
            if inspect.isawaitable(result):  # Of an object whose __call__ is `async`, such as a decorator makes.
                result = await result
        return api.output.encode(result)

    def start(self) -> None:
        """Starts the runners, all at once, and waits until they are ready; one that ends later starts again.

        RunnerError is of the first that fails.
        """
        self._stopping.clear()
        with concurrent.futures.ThreadPoolExecutor(max(1, len(self.runners))) as threads:
            futures = [threads.submit(runner.init_local) for runner in self.runners]
        failed = [error for error in (future.exception() for future in futures) if error is not None]
        if failed or self._stopping.is_set():
            self.stop()
            raise failed[0] if failed else RunnerError(f"{self.name} was stopped while it started")
        self._keepers = [threading.Thread(target=self._keep, args=(runner,), name=f"chorus-keep-{runner.name}",
                                          daemon=True) for runner in self.runners]
        for keeper in self._keepers:
            keeper.start()

    def stop(self) -> None:
        """Ends the runners."""
        self._stopping.set()
        for runner in self.runners:
            runner.close()
        for keeper in self._keepers:
            keeper.join()
        self._keepers = []

    def _keep(self, runner: Runner) -> None:
        """Starts a runner again whenever it has ended, with exponential backoff."""
        backoff, began = _MIN_BACKOFF_SECONDS, time.monotonic()
        while True:
            how = runner.wait()
            if time.monotonic() - began >= _HEALTHY_SECONDS:
                backoff = _MIN_BACKOFF_SECONDS
            while True:
                if self._stopping.is_set():
                    return
                _LOG.error("runner=%s has ended, and starts again in %g s: %s", runner.name, backoff, how)
                if self._stopping.wait(backoff):
                    return
                backoff, began = min(2 * backoff, _MAX_BACKOFF_SECONDS), time.monotonic()
                try:
                    runner.init_local()
                    break
                except ChorusError as error:
                    how = str(error)
            if self._stopping.is_set():  # close() may have come before the start.
                runner.close()
                return
            _LOG.info("runner=%s is ready again", runner.name)

    @property
    def not_running(self) -> list[str]:
        """The names of runners that have ended, or were never started."""
        return [runner.name for runner in self.runners if not runner.is_running]
