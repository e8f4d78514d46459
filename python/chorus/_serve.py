"""`chorus serve MODULE:NAME`: a service over HTTP."""
from __future__ import annotations

import argparse
import asyncio
import difflib
import importlib
import json
import logging
import math
import os
import pathlib
import signal
import socket
import sys
import time
import traceback
from collections.abc import Awaitable, Callable, Sequence
from typing import Any

from chorus import _changes, _reload, models
from chorus._http_server import HttpServer, Request, Response, error_response
from chorus._reference import module_of
from chorus.exceptions import ChorusError, RunnerError, ServerError
from chorus.service import PAGES, Service

_LOG = logging.getLogger("chorus.service")
_MAX_TIMEOUT_SECONDS = 300.0
_DRAIN_SECONDS = 30.0


def load(reference: str, folder: pathlib.Path) -> Service:
    """ChorusError if there is no service of that name in the module."""
    sys.path.insert(0, str(folder.resolve()))
    name = reference.rpartition(":")[2]
    module = importlib.import_module(module_of(reference))
    service = getattr(module, name, None)
    if not isinstance(service, Service):
        raise ChorusError(f"{name} of {module.__file__} is no chorus.Service")
    return service


class ServiceHandler:
    """Answers the requests of a service."""

    def __init__(self, service: Service) -> None:
        self._service = service

    async def __call__(self, request: Request) -> Response:
        begin = time.monotonic()
        response = await self._answer(request)
        _LOG.info("request=%s method=%s path=%s status=%d seconds=%.3f", request.id, request.method, request.path,
                  response.code, time.monotonic() - begin)
        return response

    async def _answer(self, request: Request) -> Response:
        if request.path in ("/", *(f"/{page}" for page in PAGES)):
            if request.method != "GET":
                return _wrong_method(request, "GET")
            return self._page(request.path)
        route = request.path.strip("/")
        if route not in self._service.apis:
            near = difflib.get_close_matches(route, self._service.apis, n=1)
            hint = f"; did you mean /{near[0]}?" if near else ""
            return error_response(404, "NOT_FOUND", f"there is no {request.path}{hint}")
        if request.method != "POST":
            return _wrong_method(request, "POST")
        try:
            async with asyncio.timeout(_timeout_of(request)):
                body = await self._service.call(route, request.body)
        except TimeoutError:
            return error_response(504, "DEADLINE_EXCEEDED", "the reply could not be ready in time")
        except ServerError as error:
            headers = {}
            if error.code in (429, 503):
                headers["Retry-After"] = str(max(1, math.ceil(error.retry_after_seconds or 1)))
            return error_response(error.code, error.status, error.message, list(error.details), headers)
        except RunnerError as error:
            return error_response(503, "UNAVAILABLE", str(error), headers={"Retry-After": "1"})
        except (Exception, SystemExit, asyncio.CancelledError) as error:
            task = asyncio.current_task()
            if isinstance(error, asyncio.CancelledError) and task is not None and task.cancelling():
                raise  # The client has left; else it is the API's own, of a task for which it waits.
            _LOG.exception("request=%s /%s failed", request.id, route)
            return error_response(500, "INTERNAL", "the service failed; its log says how")
        return Response(200, body, self._service.apis[route].output.content_type)

    def _page(self, path: str) -> Response:
        if path == "/":
            routes = "".join(f"POST /{route}\n" for route in self._service.apis)
            return Response(200, f"{self._service.name}\n\n{routes}".encode())
        if path == "/readyz" and self._service.not_running:
            return Response(503, b"Runners are not ready.\n")
        return Response(200, b"\n")


def _wrong_method(request: Request, allowed: str) -> Response:
    return error_response(405, "INVALID_ARGUMENT", f"{request.path} takes {allowed}", headers={"Allow": allowed})


def _timeout_of(request: Request) -> float:
    text = request.headers.get("x-request-timeout-ms", "")
    return min(int(text) / 1000, _MAX_TIMEOUT_SECONDS) if text.isdigit() else _MAX_TIMEOUT_SECONDS


async def serve(service: Service, host: str, port: int) -> None:
    """Serves until SIGINT or SIGTERM, then drains; a second one stops at once."""
    server = HttpServer(ServiceHandler(service))

    async def begin() -> None:
        shown = f"[{host}]" if ":" in host else host
        print(f"Chorus is ready: HTTP http://{shown}:{await server.listen(host, port)}", file=sys.stderr, flush=True)

    await _run(service, server, begin, retired=asyncio.Event())


async def _serve_for_parent(service: Service, sockets: list[socket.socket], control: socket.socket) -> None:
    """As serve(), for _reload.py: tells it when it accepts, and what models it was made with; retires when told."""
    server = HttpServer(ServiceHandler(service))
    retired = asyncio.Event()
    reader, writer = await asyncio.open_connection(sock=control)
    asked = {tag: str(path) for tag, path in models._asked.items()}
    state = {tag: _changes.state_of_model(path) for tag, path in models._asked.items()}

    async def wait_until_retired() -> None:
        if await reader.readline():
            server.stop_accepting()
            _answer(writer, {"retired": True})
            retired.set()

    async def begin() -> None:
        await server.accept_from(sockets)
        _answer(writer, {"models": asked, "state": state})

    waiting = asyncio.create_task(wait_until_retired())
    try:
        await _run(service, server, begin, retired)
    except ChorusError as error:
        _answer(writer, {"error": str(error)})
        raise
    finally:
        waiting.cancel()
        writer.close()


async def _run(service: Service, server: HttpServer, begin: Callable[[], Awaitable[None]], retired: asyncio.Event) -> None:
    stop = asyncio.Event()
    loop = asyncio.get_running_loop()

    def on_signal() -> None:
        if stop.is_set():
            os._exit(1)  # The kernel ends the runners with this process.
        stop.set()

    for number in (signal.SIGINT, signal.SIGTERM):
        loop.add_signal_handler(number, on_signal)
    starting = asyncio.create_task(asyncio.to_thread(service.start))
    stopping = asyncio.create_task(stop.wait())
    retiring = asyncio.create_task(retired.wait())
    await asyncio.wait([starting, stopping], return_when=asyncio.FIRST_COMPLETED)
    try:
        if not starting.done():  # Models that are being loaded have nothing to drain.
            await asyncio.to_thread(service.stop)
            await asyncio.wait([starting])
            starting.exception()  # The runners that were ended.
            return
        starting.result()
        await begin()
        await asyncio.wait([stopping, retiring], return_when=asyncio.FIRST_COMPLETED)
        if not stop.is_set():
            leaving = asyncio.create_task(server.retire())
            await asyncio.wait([stopping, leaving], return_when=asyncio.FIRST_COMPLETED)
            leaving.cancel()
        await server.drain(_DRAIN_SECONDS)
    finally:
        stopping.cancel()
        retiring.cancel()
        await asyncio.to_thread(service.stop)


def _answer(writer: asyncio.StreamWriter, answer: dict[str, Any]) -> None:
    writer.write(json.dumps(answer).encode() + b"\n")


def _why(error: BaseException) -> str:
    """The last line of the traceback, and where it happened."""
    said = traceback.format_exception_only(error)[-1].strip()
    if isinstance(error, SyntaxError):
        place = f"{error.filename}:{error.lineno}: "
    else:
        frames = traceback.extract_tb(error.__traceback__)
        place = f"{frames[-1].filename}:{frames[-1].lineno}: " if frames else ""
    return place + said


def child(reference: str, folder: str, sockets: list[int], control: int) -> int:
    """A process of _reload.py's. Returns the exit status."""
    for fd in (*sockets, control):
        os.set_inheritable(fd, False)
    _log()
    parent = socket.socket(fileno=control)
    try:
        service = load(reference, pathlib.Path(folder))
    except (Exception, SystemExit) as error:
        if not isinstance(error, ChorusError):
            traceback.print_exc()
        why = str(error) if isinstance(error, ChorusError) else _why(error)
        parent.send(json.dumps({"error": why}).encode() + b"\n")
        return 1
    try:
        asyncio.run(_serve_for_parent(service, [socket.socket(fileno=fd) for fd in sockets], parent))
    except ChorusError:  # It has been told.
        return 1
    return 0


def _log() -> None:
    logging.basicConfig(level=logging.INFO, format="%(levelname).1s %(asctime)s %(name)s: %(message)s")


def main(words: Sequence[str]) -> int:
    """The words after `serve`. Returns the exit status."""
    parser = argparse.ArgumentParser(prog="chorus serve", description="Serves a service in Python: its runners, and "
                                     "each of its APIs as POST /NAME.", allow_abbrev=False)
    parser.add_argument("service", metavar="MODULE:NAME", help="such as service:svc, or service.py:svc")
    parser.add_argument("--host", default="127.0.0.1", help="address to listen on [%(default)s]")
    parser.add_argument("--port", type=int, default=3000, help="0 takes a free one [%(default)s]")
    parser.add_argument("--working-dir", "--working_dir", default=".", help="where the module is [%(default)s]")
    parser.add_argument("--reload", action="store_true", help="take over changed Python files below --working-dir, and "
                        "new versions of the models, while calls run")
    options = parser.parse_args(words)
    _log()
    folder = pathlib.Path(options.working_dir)
    try:
        if options.reload:
            return asyncio.run(_reload.serve(options.service, folder, options.host, options.port))
        service = load(options.service, folder)
        asyncio.run(serve(service, options.host, options.port))
    except (ChorusError, OSError) as error:
        print(f"chorus: {error}", file=sys.stderr)
        return 1
    return 0
