"""The clients over HTTP, against servers that answer what no gateway does."""
import asyncio
import contextlib
import os
import re
import socketserver
import threading
import time
import unittest
import warnings

import chorus
from chorus import exceptions


HEAD = b"HTTP/1.1 200 OK\r\nX-Request-Id: r7\r\nContent-Type: application/x-ndjson\r\nTransfer-Encoding: chunked\r\n\r\n"
TOKEN = b'{"token":{"branch":"m","text":"x","num_tokens":1}}\n'


def chunk(line):
    return b"%x\r\n%s\r\n" % (len(line), line)


class ScriptedServer:
    """Answers each connection's first request with the bytes of `reply`, and closes, or lets it write to the socket."""

    def __enter__(self):
        owner = self

        class Handler(socketserver.BaseRequestHandler):
            def handle(self):
                owner.requests.append(self.request.recv(65536))
                if callable(owner.reply):
                    owner.reply(self.request)
                else:
                    self.request.sendall(owner.reply)

        self.requests = []
        self.ended = threading.Event()
        self.server = socketserver.ThreadingTCPServer(("127.0.0.1", 0), Handler)
        threading.Thread(target=self.server.serve_forever, daemon=True).start()
        self.url = f"http://127.0.0.1:{self.server.server_address[1]}"
        return self

    def __exit__(self, *error):
        self.ended.set()
        self.server.shutdown()
        self.server.server_close()

    def call(self, reply, asynchronous, stream=False, **options):
        self.reply = reply

        async def call():
            async with chorus.AsyncClient(self.url, **options) as client:
                if stream:
                    return [event async for event in client.stream_generate("m", "t")]
                return await client.graphs()

        if asynchronous:
            return asyncio.run(call())
        with chorus.Client(self.url, **options) as client:
            return list(client.stream_generate("m", "t")) if stream else client.graphs()


class ForkTest(unittest.TestCase):
    def test_a_fork_has_connections_of_its_own(self):
        reply = b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\n{}"

        def answers(sock):
            sock.sendall(reply)
            while sock.recv(65536):
                sock.sendall(reply)

        with ScriptedServer() as server, chorus.Client(server.url, timeout=10) as client:
            server.reply = answers
            client.graphs()
            client.graphs()
            self.assertEqual(1, len(server.requests))  # The connection was used again.
            pid = os.fork()
            if pid == 0:
                status = 1
                with contextlib.suppress(Exception):
                    status = len(client.graphs())
                os._exit(status)
            self.assertEqual(0, os.waitpid(pid, 0)[1])
            self.assertEqual(2, len(server.requests))
            client.graphs()
            self.assertEqual(2, len(server.requests))


class EventLoopTest(unittest.TestCase):
    def test_a_client_goes_from_one_loop_to_the_next(self):
        def answers(sock):
            while sock.recv(65536):
                sock.sendall(b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\n{}")

        async def twice(client):
            return [await client.graphs(), await client.graphs()]

        with ScriptedServer() as server, warnings.catch_warnings():
            warnings.simplefilter("ignore", ResourceWarning)  # asyncio's, of connections of a loop that is closed.
            server.reply = lambda sock: (sock.sendall(b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\n{}"), answers(sock))
            client = chorus.AsyncClient(server.url)
            for number in (1, 2):
                self.assertEqual([[], []], asyncio.run(twice(client)))
                self.assertEqual(number, len(server.requests))  # Within a loop a connection is used again.
            asyncio.run(client.close())


class BrokenServerTest(unittest.TestCase):
    def test_what_is_no_answer_of_chorus(self):
        error = b'{"error":{"code":503,"status":"UNAVAILABLE","message":"no replica"}}\n'
        cases = [
            (b"", False, exceptions.Unavailable, ""),
            (b"HTTP/1.1 200 OK\r\nContent-Length: 100\r\n\r\n{", False, exceptions.Unavailable, ""),
            (b"HTTP/1.1 200 OK\r\nContent-Length: 3\r\n\r\nwha", False, exceptions.ServerError, "no ListGraphsResponse"),
            (b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\n[]", False, exceptions.ServerError, "no ListGraphsResponse"),
            (b"HTTP/1.1 200 OK\r\nContent-Length: 15\r\n\r\n{\"graphs\":[{}]}", False, exceptions.ServerError, "no name"),
            (b"HTTP/1.1 413 Content Too Large\r\nContent-Length: 9\r\n\r\n", False, exceptions.InvalidArgument, "HTTP 413"),
            (b"HTTP/1.1 502 Bad Gateway\r\nContent-Length: 4\r\n\r\n<p/>", False, exceptions.Unavailable, "HTTP 502"),
            (b"HTTP/1.1 404 Not Found\r\nContent-Length: 2\r\n\r\n[]", False, exceptions.NotFound, "HTTP 404"),
            (HEAD + chunk(TOKEN), True, exceptions.Unavailable, ""),  # No end of the chunks.
            (HEAD + chunk(TOKEN) + b"0\r\n\r\n", True, exceptions.Unavailable, "broke off"),  # No `done`.
            (HEAD + chunk(error), True, exceptions.Unavailable, "no replica"),
            (HEAD + chunk(b"[]\n"), True, exceptions.ServerError, "no StreamEvent"),
        ]
        with ScriptedServer() as server:
            for reply, stream, kind, message in cases:
                for asynchronous in (False, True):
                    with self.subTest(reply=reply, asynchronous=asynchronous):
                        with self.assertRaisesRegex(kind, message):
                            server.call(reply, asynchronous, stream)

    def test_what_is_an_answer(self):
        with ScriptedServer() as server:
            for asynchronous in (False, True):
                first = b"HTTP/1.1 100 Continue\r\n\r\nHTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\n{}"
                self.assertEqual([], server.call(first, asynchronous))
                unended = HEAD + chunk(TOKEN) + chunk(b'{"done":{}}') + b"0\r\n\r\n"  # No line break after it.
                self.assertEqual(2, len(server.call(unended, asynchronous, stream=True)))

    def test_an_error_within_a_stream_has_what_its_event_says(self):
        error = (b'{"error":{"code":503,"status":"UNAVAILABLE","message":"gone","retryable":true,"branch":"m",'
                 b'"stage":"generate","details":[{"@type":"type.googleapis.com/google.rpc.RetryInfo",'
                 b'"retry_delay":"3s"}]}}\n')
        with ScriptedServer() as server:
            for asynchronous in (False, True):
                with self.assertRaises(exceptions.Unavailable) as raised:
                    server.call(HEAD + chunk(TOKEN) + chunk(error), asynchronous, stream=True)
                self.assertEqual([{"@type": "type.googleapis.com/google.rpc.RetryInfo", "retry_delay": "3s"},
                                  {"@type": "type.googleapis.com/chorus.v1.ErrorEvent", "retryable": True, "branch": "m",
                                   "stage": "generate"}], raised.exception.details)
                self.assertEqual(("r7", 503, 3.0), (raised.exception.request_id, raised.exception.code,
                                                    raised.exception.retry_after_seconds))

    def test_the_timeout_is_of_the_whole_call(self):
        with ScriptedServer() as server:
            def silent(sock):
                server.ended.wait(20)

            def after(beginning, each):
                """What goes on for ever, so that no single wait is long."""
                def write(sock):
                    try:
                        sock.sendall(beginning)
                        while not server.ended.wait(0.05):
                            sock.sendall(each)
                    except OSError:  # The client has left.
                        pass
                return write

            body = b"HTTP/1.1 200 OK\r\nContent-Length: 1000\r\n\r\n"
            for reply, stream in ((silent, False), (silent, True), (after(b"HTTP/1.1 200 OK\r\nA: ", b"a"), False),
                                  (after(body, b" "), False), (after(HEAD + chunk(TOKEN), b""), True),
                                  (after(HEAD, chunk(TOKEN)), True), (after(HEAD, chunk(b"\n")), True),
                                  (after(b"HTTP/1.1 503 Busy\r\nContent-Length: 1000\r\n\r\n", b" "), True)):
                for asynchronous in (False, True):
                    with self.subTest(reply=reply, stream=stream, asynchronous=asynchronous):
                        begin = time.monotonic()
                        with self.assertRaises(exceptions.DeadlineExceeded):
                            server.call(reply, asynchronous, stream, timeout=0.5)
                        self.assertTrue(0.4 < time.monotonic() - begin < 3)

    def test_sends_headers(self):
        reply = b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\nConnection: close\r\n\r\n{}"
        with ScriptedServer() as server:
            for asynchronous in (False, True):
                server.call(reply, asynchronous, headers={"Authorization": "Bearer k"}, timeout=1.5)
                self.assertIn(b"Authorization: Bearer k\r\n", server.requests[-1])
                self.assertIn(f"Host: {server.url[7:]}\r\n".encode(), server.requests[-1])
                left = re.search(rb"\r\nX-Request-Timeout-Ms: (\d+)\r\n", server.requests[-1])
                self.assertTrue(0 < int(left[1]) <= 1500)
                with self.assertRaises(ValueError):
                    server.call(reply, asynchronous, headers={"A": "b\r\nC: d"})


if __name__ == "__main__":
    unittest.main()
