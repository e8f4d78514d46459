#!/usr/bin/python3
"""deploy/envoy in front of `chorus serve`: a real Envoy, told other ports and paths, and a shorter wait for headers.

usage: envoy_test.py --envoy PROGRAM --bin FOLDER
"""

import argparse
import contextlib
import http.client
import json
import os
import pathlib
import re
import socket
import ssl
import subprocess
import tempfile
import time
import unittest
import urllib.request

import grpc

SOURCE = pathlib.Path(__file__).resolve().parents[2] / "deploy" / "envoy"
UNARY = "/classify_generated_texts?seed=7&max_new_tokens=4"
STREAM = "/classify_generated_texts:stream?seed=7&max_new_tokens=60&ignore_eos=true"


def free_port():
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        return taken.getsockname()[1]


def wait_until(condition, what, seconds=20):
    end = time.monotonic() + seconds
    while not condition():
        if time.monotonic() > end:
            raise AssertionError(f"not within {seconds} s: {what}")
        time.sleep(0.05)


class Edge:
    """chorus serve, and Envoy before it, in a folder of their own."""

    def __init__(self, envoy, binaries, stack):
        self.folder = pathlib.Path(stack.enter_context(tempfile.TemporaryDirectory()))
        self.log = self.folder / "envoy.log"
        self.port, self.admin_port = free_port(), free_port()
        self.serve(binaries, stack)
        (self.folder / "tls").mkdir()
        self.make_certificate()
        self.start(envoy, stack)

    def serve(self, binaries, stack):
        log = self.folder / "serve.log"
        self.chorus = subprocess.Popen([binaries / "chorus", "serve", "--port", "0", "--grpc_port", "0"], stdout=log.open("w"),
                                       stderr=subprocess.STDOUT, env={**os.environ, "CHORUS_HOME": str(self.folder / "home")})
        stack.callback(self.stop_serving)
        wait_until(lambda: "Chorus is ready" in log.read_text() or self.chorus.poll() is not None, "chorus serve is ready", 120)
        found = re.search(r"HTTP http://127\.0\.0\.1:(\d+), gRPC 127\.0\.0\.1:(\d+)", log.read_text())
        assert found, log.read_text()
        self.http_port, self.grpc_port = found.groups()

    def stop_serving(self):
        self.chorus.terminate()
        self.chorus.wait()

    def make_certificate(self):
        """New files, each moved to its place whole."""
        subprocess.run(["openssl", "req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:prime256v1", "-nodes",
                        "-days", "2", "-subj", "/CN=localhost", "-addext", "subjectAltName=DNS:localhost,IP:127.0.0.1",
                        "-keyout", "new.key", "-out", "new.crt"], cwd=self.folder, check=True, capture_output=True)
        self.certificate = (self.folder / "new.crt").read_text()
        for kind in ("key", "crt"):
            (self.folder / f"new.{kind}").rename(self.folder / "tls" / f"tls.{kind}")

    def write(self, name, replacements):
        text = (SOURCE / name).read_text()
        for old, new in replacements.items():
            assert old in text, f"{name} has no {old}"
            text = text.replace(old, new)
        (self.folder / name).write_text(text)
        return self.folder / name

    def start(self, envoy, stack):
        self.write("certificate.yaml", {"/etc/envoy": str(self.folder)})
        config = self.write("envoy.yaml", {
            "/etc/envoy": str(self.folder),
            "address: api_server, port_value: 3000": f"address: localhost, port_value: {self.http_port}",
            "address: api_server, port_value: 50051": f"address: localhost, port_value: {self.grpc_port}",
            "port_value: 8443": f"port_value: {self.port}",
            "port_value: 9901": f"port_value: {self.admin_port}",
            "request_headers_timeout: 10s": "request_headers_timeout: 1s",
        })
        command = [envoy, "-c", config, "--log-level", "warn", "--concurrency", "2", "--disable-hot-restart",
                   "--file-flush-interval-msec", "100"]
        checked = subprocess.run([*command, "--mode", "validate"], capture_output=True, text=True)
        assert checked.returncode == 0, checked.stderr
        assert "Deprecated" not in checked.stderr, checked.stderr
        process = subprocess.Popen(command, stdout=self.log.open("w"), stderr=(self.folder / "envoy.err").open("w"))
        stack.callback(process.wait)
        stack.callback(process.terminate)
        wait_until(self.ready, "Envoy passes calls on")

    def ready(self):
        try:
            return self.call("GET", "/readyz", client="127.0.0.9")[0] == 200
        except OSError:
            return False

    def connect(self, client="127.0.0.1"):
        """A connection from a client's address; one for each test that is not to meet another's rate limit."""
        context = ssl.create_default_context(cadata=self.certificate)
        return http.client.HTTPSConnection("localhost", self.port, timeout=20, context=context, source_address=(client, 0))

    def call(self, method, path, body=None, headers=None, client="127.0.0.1"):
        with contextlib.closing(self.connect(client)) as connection:
            connection.request(method, path, body, headers or {})
            reply = connection.getresponse()
            return reply.status, reply.headers, reply.read()

    def metric(self, line):
        """A series of the gateway."""
        with urllib.request.urlopen(f"http://127.0.0.1:{self.http_port}/metrics") as reply:
            found = re.search(rf"^{re.escape(line)}.*? (\S+)$", reply.read().decode(), re.MULTILINE)
        return float(found.group(1)) if found else 0

    def channel(self):
        return grpc.secure_channel(f"localhost:{self.port}", grpc.ssl_channel_credentials(self.certificate.encode()))


class EnvoyTest(unittest.TestCase):
    def error(self, reply, code, status, message):
        """The reply is an error of Envoy's own, in the gateway's form."""
        self.assertEqual(reply[0], code, reply[2])
        error = json.loads(reply[2])["error"]
        self.assertEqual((error["code"], error["status"]), (code, status))
        self.assertIn(message, error["message"])

    def test_http1(self):
        status, headers, body = edge.call("POST", UNARY, "I have an idea!", {"Content-Type": "text/plain"})
        self.assertEqual(status, 200)
        self.assertEqual(len(json.loads(body)), 3)
        self.assertEqual(headers["Strict-Transport-Security"], "max-age=31536000")
        self.assertEqual(headers.get_all("X-Content-Type-Options"), ["nosniff"])
        self.assertIsNone(headers["X-Envoy-Upstream-Service-Time"])

    def test_http2(self):
        ca = edge.folder / "ca"
        ca.write_text(edge.certificate)
        reply = subprocess.run(["curl", "-sS", "--cacert", ca, "--http2", "-o", os.devnull, "-w", "%{http_version} %{http_code}",
                                "-d", "I have an idea!", f"https://localhost:{edge.port}{UNARY}"], capture_output=True, text=True)
        self.assertEqual(reply.stdout, "2 200", reply.stderr)

    def test_no_plaintext(self):
        with self.assertRaises((OSError, http.client.HTTPException)):
            with contextlib.closing(http.client.HTTPConnection("localhost", edge.port, timeout=5)) as connection:
                connection.request("GET", "/readyz")
                connection.getresponse()

    def test_the_page_keeps_its_policy(self):
        status, headers, _ = edge.call("GET", "/")
        self.assertEqual(status, 200)
        self.assertEqual(len(headers.get_all("Content-Security-Policy")), 1)
        self.assertEqual(headers.get_all("Referrer-Policy"), ["no-referrer"])

    def test_streams_come_as_they_are_written(self):
        with contextlib.closing(edge.connect()) as connection:
            connection.request("POST", STREAM, "I have an idea!")
            reply = connection.getresponse()
            self.assertEqual(reply.status, 200)
            first = reply.read1()
            rest = reply.read()
        self.assertIn(b"event: token", first)
        self.assertNotIn(b"event: done", first)
        self.assertIn(b"event: done", rest)

    def test_a_client_that_leaves_ends_its_call(self):
        left = 'bentoml_api_server_request_total{endpoint="/classify_generated_texts:stream",http_response_code="499"'
        before = edge.metric(left)
        connection = edge.connect()
        connection.request("POST", STREAM.replace("60", "900") + "&max_length=1000", "I have an idea!")
        connection.getresponse().read1()
        connection.sock.close()
        connection.close()
        wait_until(lambda: edge.metric(left) > before, "the gateway counts a client that left")

    def test_grpc(self):
        text = b"I have an idea!"
        request = b"\x0a" + bytes([len(text)]) + text
        with edge.channel() as channel:
            graphs = channel.unary_unary("/chorus.v1.InferenceService/ListGraphs")(b"", timeout=20)
            self.assertIn(b"inference_graph", graphs)
            self.assertEqual(channel.unary_unary("/grpc.health.v1.Health/Check")(b"", timeout=20), b"\x08\x01")
            events = list(channel.unary_stream("/chorus.v1.InferenceService/StreamClassifyGeneratedTexts")(request, timeout=20))
            self.assertGreater(len(events), 3)

    def test_the_gateway_passes_the_health_checks(self):
        with urllib.request.urlopen(f"http://127.0.0.1:{edge.admin_port}/clusters") as reply:
            flags = re.findall(r"^(\w+)::[^:]+:\d+::health_flags::(.+)$", reply.read().decode(), re.MULTILINE)
        self.assertEqual(sorted(flags), [("api_server_grpc", "healthy"), ("api_server_http", "healthy")])

    def test_limit_of_a_grpc_message(self):
        with edge.channel() as channel, self.assertRaises(grpc.RpcError) as raised:
            channel.unary_unary("/chorus.v1.InferenceService/ListGraphs")(b"\x0a\x80\x80\x80\x01" + b"a" * (2 << 20), timeout=20)
        self.assertEqual(raised.exception.code(), grpc.StatusCode.RESOURCE_EXHAUSTED)

    def test_compressed_grpc_messages_are_refused(self):
        with edge.channel() as channel:
            list_graphs = channel.unary_unary("/chorus.v1.InferenceService/ListGraphs")
            for algorithm in (grpc.Compression.Gzip, grpc.Compression.Deflate):
                with self.subTest(algorithm), self.assertRaises(grpc.RpcError) as raised:
                    list_graphs(b"", timeout=20, compression=algorithm)
                self.assertIn("without compression", raised.exception.details())
            list_graphs(b"", timeout=20, compression=grpc.Compression.NoCompression)

    def test_no_reflection(self):
        with edge.channel() as channel, self.assertRaises(grpc.RpcError) as raised:
            channel.unary_unary("/grpc.reflection.v1alpha.ServerReflection/ServerReflectionInfo")(b"", timeout=20)
        self.assertEqual(raised.exception.code(), grpc.StatusCode.UNIMPLEMENTED)
        self.assertIn("no such route", raised.exception.details())

    def test_what_is_for_operators_is_not_there(self):
        for path in ("/metrics", "/metrics/", "/metrics?a=b", "/a/../metrics", "/./metrics", "/%6Detrics", "/debug/batcher", "/reload"):
            with self.subTest(path):
                self.error(edge.call("GET", path, client="127.0.0.2"), 404, "NOT_FOUND", "no such route")
        # The gateway reads these as they are, and has no such routes.
        for path in ("//metrics", "/METRICS", "/metrics;a"):
            with self.subTest(path):
                self.assertEqual(edge.call("GET", path, client="127.0.0.2")[0], 404)

    def test_limits(self):
        for what, code, request in [
            ("a body of 1 MiB and a byte", 413, ("POST", UNARY, b"a" * ((1 << 20) + 1))),
            ("a header of 17 KiB", 431, ("GET", "/livez", None, {"A": "a" * (17 << 10)})),
            ("101 headers", 431, ("GET", "/livez", None, {f"a{i}": "b" for i in range(101)})),
            ("a header with an underscore", 400, ("GET", "/livez", None, {"a_b": "c"})),
            ("an escaped slash", 400, ("GET", "/v1/models/a%2Fb")),
        ]:
            with self.subTest(what):
                self.error(edge.call(*request, client="127.0.0.3"), code, "INVALID_ARGUMENT", "refused at the edge")

    def test_headers_that_do_not_come(self):
        with contextlib.closing(edge.connect()) as connection:
            connection.connect()
            begin = time.monotonic()
            connection.sock.sendall(b"GET /livez HTTP/1.1\r\nHost: a\r\nA: ")
            reply = connection.sock.recv(4096)
            self.assertTrue(reply == b"" or reply.startswith(b"HTTP/1.1 408 "), reply)
            self.assertLess(time.monotonic() - begin, 10)

    def test_request_ids_pass(self):
        for request_id in ("mine-1", "3f2504e0-4f89-41d3-9a0c-0305e82c3301"):
            headers = edge.call("GET", "/livez", headers={"X-Request-Id": request_id})[1]
            self.assertEqual(headers.get_all("X-Request-Id"), [request_id])
        self.assertRegex(edge.call("GET", "/livez")[1]["X-Request-Id"], r"^[A-Za-z0-9._-]{1,128}$")

    def test_clients_give_envoy_no_orders(self):
        for header in ({"X-Envoy-Upstream-Rq-Timeout-Ms": "1"}, {"X-Envoy-Original-Path": "/metrics"}):
            status, _, body = edge.call("POST", UNARY.replace("=4", "=60"), "I have an idea!", {**header, "Content-Type": "text/plain"})
            self.assertEqual(status, 200, body)

    def test_rate_limit_of_each_client(self):
        with contextlib.closing(edge.connect("127.0.0.4")) as connection:
            for i in range(200):
                connection.request("GET", "/livez", headers={"X-Forwarded-For": f"198.51.100.{i}"})  # Not believed.
                reply = connection.getresponse()
                body = reply.read()
                if reply.status != 200:
                    break
        self.error((reply.status, reply.headers, body), 429, "RESOURCE_EXHAUSTED", "retry")
        self.assertEqual(reply.headers["Retry-After"], "1")
        self.assertEqual(edge.call("GET", "/livez", client="127.0.0.5")[0], 200)

    def test_the_log_has_no_words_of_clients(self):
        edge.call("POST", "/classify_generated_texts?seed=1&max_new_tokens=2&stop=whisper", "murmur",
                  {"X-Request-Id": "logged", "Content-Type": "text/plain"})
        wait_until(lambda: '"logged"' in edge.log.read_text(), "the call is in the access log")
        entry = next(json.loads(line) for line in edge.log.read_text().splitlines() if '"logged"' in line)
        self.assertEqual((entry["method"], entry["path"], entry["status"]), ("POST", "/classify_generated_texts", 200))
        self.assertNotRegex(edge.log.read_text(), "whisper|murmur")

    def test_z_a_new_certificate_without_a_restart(self):
        old = edge.certificate
        edge.make_certificate()
        self.assertNotEqual(edge.certificate, old)
        wait_until(edge.ready, "Envoy serves the new certificate")

    def test_zz_no_gateway(self):
        edge.stop_serving()
        reply = edge.call("GET", "/livez", client="127.0.0.6")
        self.error(reply, 503, "UNAVAILABLE", "retry")
        self.assertEqual(reply[1]["Retry-After"], "1")


if __name__ == "__main__":
    parser = argparse.ArgumentParser()
    parser.add_argument("--envoy", type=pathlib.Path, required=True)
    parser.add_argument("--bin", type=pathlib.Path, required=True)
    flags, rest = parser.parse_known_args()
    with contextlib.ExitStack() as everything:
        edge = Edge(flags.envoy, flags.bin, everything)
        unittest.main(argv=[__file__, *rest], exit=False).result.wasSuccessful() or everything.callback(exit, 1)
