"""The clients over HTTP, against servers that answer what no gateway does."""
import asyncio
import socketserver
import threading
import unittest

import chorus
from chorus import exceptions


class ScriptedServer:
    """Answers each connection's first request with the bytes of `reply`, and closes."""

    def __enter__(self):
        owner = self

        class Handler(socketserver.BaseRequestHandler):
            def handle(self):
                owner.requests.append(self.request.recv(65536))
                self.request.sendall(owner.reply)

        self.requests = []
        self.server = socketserver.ThreadingTCPServer(("127.0.0.1", 0), Handler)
        threading.Thread(target=self.server.serve_forever, daemon=True).start()
        self.url = f"http://127.0.0.1:{self.server.server_address[1]}"
        return self

    def __exit__(self, *error):
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


class BrokenServerTest(unittest.TestCase):
    def test_what_is_no_answer_of_chorus(self):
        token = b'{"token":{"text":"x","num_tokens":1}}\n'
        head = b"HTTP/1.1 200 OK\r\nContent-Type: application/x-ndjson\r\nTransfer-Encoding: chunked\r\n\r\n"
        chunk = b"%x\r\n%s\r\n" % (len(token), token)
        error = b'{"error":{"code":503,"status":"UNAVAILABLE","message":"no replica"}}\n'
        cases = [
            (b"", False, exceptions.Unavailable, ""),
            (b"HTTP/1.1 200 OK\r\nContent-Length: 100\r\n\r\n{", False, exceptions.Unavailable, ""),
            (b"HTTP/1.1 200 OK\r\nContent-Length: 3\r\n\r\nwha", False, exceptions.ServerError, "no ListGraphsResponse"),
            (b"HTTP/1.1 502 Bad Gateway\r\nContent-Length: 4\r\n\r\n<p/>", False, exceptions.Unavailable, "HTTP 502"),
            (b"HTTP/1.1 404 Not Found\r\nContent-Length: 2\r\n\r\n[]", False, exceptions.NotFound, "HTTP 404"),
            (head + chunk, True, exceptions.Unavailable, ""),  # No end of the chunks.
            (head + chunk + b"0\r\n\r\n", True, exceptions.Unavailable, "broke off"),  # No `done`.
            (head + b"%x\r\n%s\r\n" % (len(error), error), True, exceptions.Unavailable, "no replica"),
        ]
        with ScriptedServer() as server:
            for reply, stream, kind, message in cases:
                for asynchronous in (False, True):
                    with self.subTest(reply=reply, asynchronous=asynchronous):
                        with self.assertRaisesRegex(kind, message):
                            server.call(reply, asynchronous, stream)

    def test_sends_headers(self):
        reply = b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\nConnection: close\r\n\r\n{}"
        with ScriptedServer() as server:
            for asynchronous in (False, True):
                server.call(reply, asynchronous, headers={"Authorization": "Bearer k"}, timeout=1.5)
                self.assertIn(b"Authorization: Bearer k\r\n", server.requests[-1])
                self.assertIn(b"X-Request-Timeout-Ms: 1500\r\n", server.requests[-1])
                with self.assertRaises(ValueError):
                    server.call(reply, asynchronous, headers={"A": "b\r\nC: d"})


if __name__ == "__main__":
    unittest.main()
