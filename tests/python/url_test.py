"""What the clients take as a URL and as a timeout, before they call, and where nobody listens."""
import asyncio
import math
import socket
import unittest

import chorus
from broken_server_test import ScriptedServer
from chorus import exceptions


class UrlTest(unittest.TestCase):
    def test_refuses_what_is_no_url(self):
        for make in (chorus.Client, chorus.AsyncClient):
            for url in ("localhost:3000", "ftp://localhost", "grpc://", ""):
                with self.assertRaisesRegex(ValueError, "grpc://localhost:50051"):
                    make(url)
            for url in (None, b"http://localhost", 3000):
                with self.assertRaisesRegex(TypeError, "url: must be a text"):
                    make(url)
            for url in ("HTTP://localhost", "GRPC://localhost:1", "http://localhost/", "grpc://localhost:1/"):
                make(url)
            for url, words in (("http://", "HOST"), ("http://user:pw@localhost", "headers"),
                               ("http://localhost:99999", "ort"),
                               ("grpc://user:pw@localhost:1", "HOST:PORT"), ("grpc://localhost:99999", "ort"),
                               ("grpc://localhost:1/path", "HOST:PORT"), ("https://user@localhost", "headers")):
                with self.assertRaisesRegex(ValueError, words) as raised:
                    make(url)
                self.assertNotIn("pw", str(raised.exception))

    def test_what_are_no_headers(self):
        for make in (chorus.Client, chorus.AsyncClient):
            for url in ("http://localhost:1", "grpc://localhost:1"):
                for headers in (["a"], {"a": 1}, {"a": b"b"}, {1: "a"}):
                    with self.assertRaisesRegex(TypeError, "headers: must be a mapping of texts"):
                        make(url, headers=headers)
                for headers in ({"a b": "secret"}, {"": "secret"}, {"a": "secret\r\nb: c"}, {"a": "secret €"}, {"a:": "secret"}):
                    with self.assertRaisesRegex(ValueError, "headers: a name is a token") as raised:
                        make(url, headers=headers)
                    self.assertNotIn("secret", str(raised.exception))
                make(url, headers={"Authorization": "Bearer a b\tc~"})

    def test_a_unix_socket(self):
        with chorus.Client("grpc://unix:/nowhere/x.sock") as client, self.assertRaises(exceptions.Unavailable):
            client.graphs()

    def test_no_server(self):
        with socket.socket() as unused:
            unused.bind(("127.0.0.1", 0))
            port = unused.getsockname()[1]
            for scheme in ("http", "grpc"):
                with self.assertRaises(exceptions.Unavailable), chorus.Client(f"{scheme}://127.0.0.1:{port}") as client:
                    client.graphs()

                async def call():
                    async with chorus.AsyncClient(f"{scheme}://127.0.0.1:{port}") as client:
                        await client.graphs()

                with self.assertRaises(exceptions.Unavailable):
                    asyncio.run(call())

    def test_what_is_no_timeout(self):
        def call(url, asynchronous, timeout):
            async def call():
                async with chorus.AsyncClient(url) as client:
                    return await client.graphs(timeout=timeout)

            if asynchronous:
                return asyncio.run(call())
            with chorus.Client(url) as client:
                return client.graphs(timeout=timeout)

        with ScriptedServer() as server:
            server.reply = b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\nConnection: close\r\n\r\n{}"
            for asynchronous in (False, True):
                for url in (server.url, "grpc://127.0.0.1:1"):
                    for timeout, kind in ((0, ValueError), (-1, ValueError), (math.nan, ValueError), ("3", TypeError),
                                          (True, TypeError)):
                        with self.assertRaisesRegex(kind, "timeout: must be .* None"):
                            call(url, asynchronous, timeout)
                        with self.assertRaisesRegex(kind, "timeout: must be .* None"):
                            (chorus.AsyncClient if asynchronous else chorus.Client)(url, timeout=timeout)
                self.assertEqual([], call(server.url, asynchronous, math.inf))
                self.assertNotIn(b"X-Request-Timeout-Ms", server.requests[-1])
                self.assertEqual([], call(server.url, asynchronous, 1e9))


if __name__ == "__main__":
    unittest.main()
