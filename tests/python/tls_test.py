"""https:// and grpcs:// URLs: a gateway behind a proxy that ends TLS, as deploy/envoy does."""
import asyncio
import contextlib
import pathlib
import ssl
import subprocess
import tempfile
import threading
import unittest

import chorus
from chorus import exceptions
from served import CLASSIFIER, GENERATOR, served

PROMPT = "I have an idea!"


def setUpModule():
    global SERVER, FOLDER
    FOLDER = pathlib.Path(unittest.enterModuleContext(tempfile.TemporaryDirectory()))
    SERVER = unittest.enterModuleContext(served())
    for name in ("of_localhost", "other"):
        subprocess.run(["openssl", "req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:prime256v1",
                        "-nodes", "-days", "2", "-subj", f"/CN={name}", "-addext", "subjectAltName=DNS:localhost", "-keyout",
                        FOLDER / f"{name}.key", "-out", FOLDER / f"{name}.crt"], check=True, capture_output=True)


async def copy(source, target):
    with contextlib.suppress(OSError), contextlib.closing(target):
        while data := await source.read(65536):
            target.write(data)
            await target.drain()


class TlsProxy:
    """Takes TLS on a port of its own, and brings what is in it to a port of this machine and back."""

    def __init__(self, url):
        host, port = url.rpartition("//")[2].rsplit(":", 1)
        self.target = (host, int(port))
        self.accepted = 0
        self.context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        self.context.load_cert_chain(FOLDER / "of_localhost.crt", FOLDER / "of_localhost.key")
        self.context.set_alpn_protocols(["h2", "http/1.1"])

    def __enter__(self):
        self.loop = asyncio.new_event_loop()
        self.server = self.loop.run_until_complete(asyncio.start_server(self.relay, "127.0.0.1", 0, ssl=self.context))
        self.port = self.server.sockets[0].getsockname()[1]
        self.thread = threading.Thread(target=self.loop.run_forever)
        self.thread.start()
        return self

    def __exit__(self, *error):
        asyncio.run_coroutine_threadsafe(self.end(), self.loop).result()
        self.loop.call_soon_threadsafe(self.loop.stop)
        self.thread.join()
        self.loop.close()

    async def relay(self, from_client, to_client):
        self.accepted += 1
        from_server, to_server = await asyncio.open_connection(*self.target)
        await asyncio.gather(copy(from_client, to_server), copy(from_server, to_client))

    async def end(self):
        self.server.close()
        relays = asyncio.all_tasks() - {asyncio.current_task()}
        await asyncio.gather(*relays)  # They end with their clients, which are closed.


class TlsMixin:
    def setUp(self):
        self.proxy = self.enterContext(TlsProxy(self.plain()))
        self.url = f"{self.scheme}://localhost:{self.proxy.port}"

    def raised(self, kind, url, ca_file=None):
        """What a call raises: the same of both clients."""
        async def call():
            async with chorus.AsyncClient(url, ca_file=ca_file) as client:
                await client.graphs()

        with self.assertRaises(kind) as blocking, chorus.Client(url, ca_file=ca_file) as client:
            client.graphs()
        with self.assertRaises(kind) as asynchronous:
            asyncio.run(call())
        return str(blocking.exception), str(asynchronous.exception)

    def test_calls_and_streams(self):
        with (chorus.Client(self.url, ca_file=FOLDER / "of_localhost.crt") as client,
              chorus.Client(self.plain()) as plain):
            made = client.generate(GENERATOR, PROMPT, seed=7, max_new_tokens=5)
            self.assertEqual(plain.generate(GENERATOR, PROMPT, seed=7, max_new_tokens=5), made)
            self.assertEqual(plain.classify(CLASSIFIER, PROMPT), client.classify(CLASSIFIER, PROMPT))
            self.assertEqual(1, self.proxy.accepted)  # The connection is used again.
            events = list(client.stream_generate(GENERATOR, PROMPT, seed=7, max_new_tokens=5))
            self.assertEqual(made.generated, PROMPT + "".join(event.text for event in events[:-1]))

    def test_calls_and_streams_of_asyncio(self):
        async def calls():
            async with chorus.AsyncClient(self.url, ca_file=FOLDER / "of_localhost.crt") as client:
                made = await client.generate(GENERATOR, PROMPT, seed=7, max_new_tokens=5)
                await client.classify(CLASSIFIER, PROMPT)
                self.assertEqual(1, self.proxy.accepted)
                return made, [event async for event in
                              client.stream_generate(GENERATOR, PROMPT, seed=7, max_new_tokens=5)]

        made, events = asyncio.run(calls())
        self.assertEqual(made.generated, PROMPT + "".join(event.text for event in events[:-1]))

    def test_a_certificate_that_is_not_trusted_says_what_to_do(self):
        for ca_file in (FOLDER / "other.crt", None):
            for message in self.raised(exceptions.Unavailable, self.url, ca_file):
                self.assertIn("CERTIFICATE_VERIFY_FAILED", message)
                self.assertIn("give the file of its CA's certificate as ca_file", message)

    def test_a_name_that_the_certificate_is_not_for(self):
        url = self.url.replace("localhost", "127.0.0.1")
        for message in self.raised(exceptions.Unavailable, url, FOLDER / "of_localhost.crt"):
            self.assertIn("call the server by a name that its certificate is for", message)

    def test_a_plain_server(self):
        url = self.plain().replace(self.scheme.removesuffix("s"), self.scheme)
        for message in self.raised(exceptions.Unavailable, url):
            self.assertNotIn("ca_file", message)

    def test_ca_file(self):
        (FOLDER / "empty").touch()
        (FOLDER / "latin").write_bytes(b"\xe9")
        for file in (FOLDER / "empty", FOLDER / "latin", FOLDER / "of_localhost.key"):
            for message in self.raised(ValueError, self.url, file):
                self.assertEqual(f"ca_file has no certificate in PEM: {file}", message)
        self.raised(FileNotFoundError, self.url, FOLDER / "none")
        for message in self.raised(ValueError, self.plain(), FOLDER / "of_localhost.crt"):
            self.assertIn("ca_file is for https:// and grpcs://", message)


class HttpsTest(TlsMixin, unittest.TestCase):
    scheme = "https"

    def plain(self):
        return SERVER.http


class GrpcsTest(TlsMixin, unittest.TestCase):
    scheme = "grpcs"

    def plain(self):
        return SERVER.grpc


if __name__ == "__main__":
    unittest.main()
