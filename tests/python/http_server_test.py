"""The HTTP server of services."""
import asyncio
import json
import socket
import time
import unittest
from unittest import mock

from chorus import _http_server
from chorus._http_server import HttpServer, Response


class HttpServerTest(unittest.IsolatedAsyncioTestCase):
    async def asyncSetUp(self):
        self.requests = []
        self.cancelled = asyncio.Event()
        self.started = asyncio.Event()
        self.release = asyncio.Event()
        self.server = HttpServer(self.handle)
        self.port = await self.server.listen("127.0.0.1", 0)
        self.addAsyncCleanup(self.server.drain, 0)

    async def handle(self, request):
        self.requests.append(request)
        if request.path == "/wait":
            self.started.set()
            try:
                await self.release.wait()
            except asyncio.CancelledError:
                self.cancelled.set()
                raise
        return Response(200, request.body)

    async def connect(self):
        reader, writer = await asyncio.open_connection("127.0.0.1", self.port)
        self.addCleanup(writer.close)
        return reader, writer

    async def reply(self, reader):
        head = await reader.readuntil(b"\r\n\r\n")
        lines = head.decode().split("\r\n")
        headers = dict(line.lower().split(": ", 1) for line in lines[1:] if line)
        return int(lines[0].split()[1]), headers, await reader.readexactly(int(headers["content-length"]))

    async def ask(self, data):
        reader, writer = await self.connect()
        writer.write(data)
        return await self.reply(reader)

    async def test_answers_and_keeps_the_connection(self):
        reader, writer = await self.connect()
        writer.write(b"POST /a?b HTTP/1.1\r\nHost: x\r\nContent-Length: 2\r\nX-Request-Id: r1\r\n\r\nhi"
                     b"POST /c HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked\r\n\r\n2\r\nho\r\n0\r\n\r\n")  # Pipelined.
        code, headers, body = await self.reply(reader)
        self.assertEqual((200, "r1", b"hi"), (code, headers["x-request-id"], body))
        self.assertEqual((200, b"ho"), (await self.reply(reader))[::2])
        self.assertEqual(["/a", "/c"], [request.path for request in self.requests])
        writer.write(b"GET / HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n")
        self.assertEqual("close", (await self.reply(reader))[1]["connection"])
        self.assertEqual(b"", await reader.read())

    async def test_refuses(self):
        for data, code in ((b"nonsense\r\n\r\n", 400), (b"GET  / HTTP/1.1\r\nHost: x\r\n\r\n", 400),
                           (b"GET / HTTP/1.1\r\n\r\n", 400), (b"GET / HTTP/2.0\r\nHost: x\r\n\r\n", 400),
                           (b"POST / HTTP/1.1\r\nHost: x\r\nContent-Encoding: gzip\r\nContent-Length: 0\r\n\r\n", 415),
                           (b"POST / HTTP/1.1\r\nHost: x\r\nContent-Length: 1048577\r\n\r\n", 413),
                           (b"POST / HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked\r\n\r\n200000\r\n" + b"a" * (2 << 20), 413),
                           (b"GET / HTTP/1.1\r\nHost: x\r\nA: " + b"a" * (20 << 10) + b"\r\n\r\n", 431)):
            with self.subTest(data=data[:50]):
                got, _, body = await self.ask(data)
                self.assertEqual((code, code), (got, json.loads(body)["error"]["code"]))
        self.assertEqual([], self.requests)

    async def test_continue(self):
        reader, writer = await self.connect()
        writer.write(b"POST / HTTP/1.1\r\nHost: x\r\nExpect: 100-continue\r\nContent-Length: 2\r\n\r\n")
        self.assertEqual(b"HTTP/1.1 100 Continue\r\n\r\n", await reader.readuntil(b"\r\n\r\n"))
        writer.write(b"ok")
        self.assertEqual(b"ok", (await self.reply(reader))[2])

    async def test_a_body_that_does_not_come(self):
        with mock.patch.object(_http_server, "_BODY_IDLE_SECONDS", 0.05):
            self.assertEqual(408, (await self.ask(b"POST / HTTP/1.1\r\nHost: x\r\nContent-Length: 2\r\n\r\na"))[0])
        with mock.patch.object(_http_server, "_HEAD_SECONDS", 0.05):
            reader, _ = await self.connect()
            self.assertEqual(b"", await reader.read())

    async def test_a_client_that_leaves_cancels_its_call(self):
        for leave in (lambda writer: writer.close(), lambda writer: writer.write_eof()):
            self.cancelled.clear()
            self.started.clear()
            _, writer = await self.connect()
            writer.write(b"POST /wait HTTP/1.1\r\nHost: x\r\nContent-Length: 0\r\n\r\n")
            await asyncio.wait_for(self.started.wait(), 10)
            leave(writer)
            await asyncio.wait_for(self.cancelled.wait(), 10)

    async def test_drains(self):
        idle, _ = await self.connect()
        reader, writer = await self.connect()
        writer.write(b"POST /wait HTTP/1.1\r\nHost: x\r\nContent-Length: 0\r\n\r\n")
        await asyncio.wait_for(self.started.wait(), 10)
        drained = asyncio.create_task(self.server.drain(10))
        self.assertEqual(b"", await asyncio.wait_for(idle.read(), 10))
        with self.assertRaises(OSError):
            await asyncio.open_connection("127.0.0.1", self.port)
        self.release.set()
        self.assertEqual("close", (await self.reply(reader))[1]["connection"])
        await asyncio.wait_for(drained, 10)

    async def test_retires(self):
        idle, _ = await self.connect()
        kept, keeping = await self.connect()
        keeping.write(b"GET / HTTP/1.1\r\nHost: x\r\n\r\n")
        self.assertNotIn("connection", (await self.reply(kept))[1])
        _, slow = await self.connect()
        slow.write(b"GET / HTTP/1.1\r\n")  # It has begun.
        busy, waiting = await self.connect()
        waiting.write(b"POST /wait HTTP/1.1\r\nHost: x\r\nContent-Length: 0\r\n\r\n")
        await asyncio.wait_for(self.started.wait(), 10)
        with mock.patch.object(_http_server, "_RETIRED_IDLE_SECONDS", 0.5):
            retired = asyncio.create_task(self.server.retire())
            await asyncio.sleep(0.3)
            with self.assertRaises(OSError):
                await asyncio.open_connection("127.0.0.1", self.port)
            keeping.write(b"GET / HTTP/1.1\r\nHost: x\r\n\r\n")
            self.assertEqual("close", (await self.reply(kept))[1]["connection"])
            self.assertEqual(b"", await asyncio.wait_for(idle.read(), 10))
            self.assertFalse(retired.done())
            slow.write(b"Host: x\r\n\r\n")
            self.release.set()
            self.assertEqual("close", (await self.reply(busy))[1]["connection"])
            await asyncio.wait_for(retired, 10)

    async def test_accepts_from_sockets_of_others(self):
        listening = socket.create_server(("127.0.0.1", 0))
        self.addCleanup(listening.close)
        servers = [HttpServer(self.handle), HttpServer(self.handle)]
        for server in servers:
            await server.accept_from([listening.dup()])
            self.addAsyncCleanup(server.drain, 0)
        self.port = listening.getsockname()[1]
        for _ in range(5):
            self.assertEqual(200, (await self.ask(b"GET / HTTP/1.1\r\nHost: x\r\n\r\n"))[0])
        servers[0].stop_accepting()
        for _ in range(5):
            self.assertEqual(200, (await self.ask(b"GET / HTTP/1.1\r\nHost: x\r\n\r\n"))[0])

    async def test_no_call_is_lost_between_two_servers(self):
        """However far the first has come with a connection when it retires, and however late its loop then is."""
        async def leave(server):
            await server.retire()
            await server.drain(10)

        for steps in range(8):
            with self.subTest(steps=steps), socket.create_server(("127.0.0.1", 0)) as listening:
                first, second = HttpServer(self.handle), HttpServer(self.handle)
                await first.accept_from([listening.dup()])
                with socket.create_connection(listening.getsockname()) as client:
                    client.sendall(b"GET / HTTP/1.1\r\nHost: x\r\n\r\n")
                    for _ in range(steps):
                        await asyncio.sleep(0)
                    leaving = asyncio.create_task(leave(first))
                    await asyncio.sleep(0)
                    time.sleep(0.15)
                    await second.accept_from([listening.dup()])
                    client.settimeout(10)
                    self.assertIn(b"HTTP/1.1 200", await asyncio.to_thread(client.recv, 100))
                await leaving
                await second.drain(0)

    async def test_drain_cancels_what_does_not_end(self):
        _, writer = await self.connect()
        writer.write(b"POST /wait HTTP/1.1\r\nHost: x\r\nContent-Length: 0\r\n\r\n")
        await asyncio.wait_for(self.started.wait(), 10)
        await asyncio.wait_for(self.server.drain(0.05), 10)
        self.assertTrue(self.cancelled.is_set())


if __name__ == "__main__":
    unittest.main()
