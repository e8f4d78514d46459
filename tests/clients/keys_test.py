"""API keys, and which web pages may call: with real processes, over HTTP and gRPC."""
import hashlib
import http.client
import json
import pathlib
import re
import subprocess
import tempfile
import time
import unittest

import grpc
import openai
from served import FOLDERS, GENERATOR, bin_folder, own_store

OTHER = "distilgpt2-generation"
GRAPH = "inference_graph"
BODY = json.dumps({"text": "It was", "max_new_tokens": 4, "seed": 7})


def entry(name, secret, **rest):
    lines = [f"- name: {name}", f"  sha256: {hashlib.sha256(secret.encode()).hexdigest()}"]
    return "\n".join(lines + [f"  {key}: {value}" for key, value in rest.items()]) + "\n"


KEYS = "keys:\n" + entry("all", "secret-a") + entry("one", "secret-b", models=f"[{GENERATOR}]") + \
    entry("old", "secret-c", expires="2020-01-01T00:00:00Z") + entry("few", "secret-d", requests_per_minute=2) + \
    entry("short", "secret-e", tokens_per_minute=5)


def setUpModule():
    global FILE, HTTP, GRPC, LOG
    unittest.enterModuleContext(own_store())
    folder = pathlib.Path(unittest.enterModuleContext(tempfile.TemporaryDirectory()))
    FILE = folder / "keys.yaml"
    FILE.write_text(KEYS)
    LOG = folder / "log"
    graph = folder / "graph.yaml"
    graph.write_text(f"""name: {GRAPH}
nodes:
- {{name: a, generate: {{runner: {GENERATOR}}}}}
- {{name: s, classify: {{runner: bert-base-uncased-classification, inputs: [a]}}}}
output: s
""")
    command = [bin_folder() / "chorus", "serve", "--port", "0", "--grpc_port", "0", "--graph", graph, "--also",
               f"{OTHER}={FOLDERS[OTHER]}", "--api_keys", FILE, "--allow_origin", "https://app.example.com"]
    with LOG.open("w") as log:
        process = subprocess.Popen(command, stdout=subprocess.PIPE, stderr=log, text=True)
    unittest.addModuleCleanup(process.stdout.close)
    unittest.addModuleCleanup(process.wait, 60)
    unittest.addModuleCleanup(process.terminate)
    said = ""
    for line in process.stdout:
        said += line
        if "Chorus is ready" in line:
            break
    found = re.search(r"HTTP http://(\S+), .*gRPC (\S+)", said)
    assert found, said + LOG.read_text()
    HTTP, GRPC = found[1].rstrip(","), found[2]


def ask(target=f"/v1/models/{GENERATOR}:generate", key=None, body=BODY, method="POST", **headers):
    """Code, header fields and body of a reply."""
    connection = http.client.HTTPConnection(HTTP, timeout=60)
    fields = {"Content-Type": "application/json", **{name.replace("_", "-"): value for name, value in headers.items()}}
    if key is not None:
        fields["Authorization"] = f"Bearer {key}"
    connection.request(method, target, None if method == "GET" else body, fields)
    reply = connection.getresponse()
    text = reply.read().decode()
    connection.close()
    return reply.status, reply.headers, text


class KeysTest(unittest.TestCase):
    def test_a_call_needs_a_key(self):
        for key in (None, "", "wrong", "secret-c"):
            code, headers, text = ask(key=key)
            self.assertEqual((401, "Bearer"), (code, headers["WWW-Authenticate"]), key)
            self.assertEqual("UNAUTHENTICATED", json.loads(text)["error"]["status"])
        self.assertEqual(200, ask(key="secret-a")[0])
        for page in ("/livez", "/readyz", "/metrics", "/"):
            self.assertEqual(200, ask(page, method="GET")[0], page)

    def test_a_key_is_of_its_models(self):
        self.assertEqual(200, ask(key="secret-b")[0])
        for target in (f"/v1/models/{OTHER}:generate", f"/v1/graphs/{GRAPH}:run"):
            code, _, text = ask(target, key="secret-b")
            self.assertEqual(403, code)
            self.assertIn('the key \\"one\\" may not', text)
        self.assertEqual([], json.loads(ask("/v1/graphs", key="secret-b", method="GET")[2])["graphs"])

    def test_a_key_has_its_quota(self):
        codes = [ask(key="secret-d") for _ in range(3)]
        self.assertEqual([200, 200, 429], [code for code, _, _ in codes])
        self.assertGreater(int(codes[2][1]["Retry-After"]), 20)
        codes = [ask(key="secret-e")[0] for _ in range(2)]  # The first takes more than its tokens.
        self.assertEqual([200, 429], codes)

    def test_openais_client(self):
        def client(key):
            return openai.OpenAI(base_url=f"http://{HTTP}/v1", api_key=key, max_retries=0)
        got = client("secret-b").completions.create(model=GENERATOR, prompt="It was", max_tokens=3)
        self.assertEqual(3, got.usage.completion_tokens)
        with self.assertRaises(openai.AuthenticationError):
            client("wrong").completions.create(model=GENERATOR, prompt="It was")
        with self.assertRaises(openai.PermissionDeniedError):
            client("secret-b").completions.create(model=OTHER, prompt="It was")

    def test_over_grpc(self):
        with grpc.insecure_channel(GRPC) as channel:
            call = channel.unary_unary("/chorus.v1.InferenceService/ListGraphs", lambda _: b"", lambda reply: reply)
            for key, code in ((None, grpc.StatusCode.UNAUTHENTICATED), ("wrong", grpc.StatusCode.UNAUTHENTICATED)):
                with self.assertRaises(grpc.RpcError) as caught:
                    call(None, metadata=() if key is None else (("authorization", f"Bearer {key}"),))
                self.assertEqual(code, caught.exception.code())
            self.assertIn(GRAPH.encode(), call(None, metadata=(("authorization", "Bearer secret-a"),)))
            health = channel.unary_unary("/grpc.health.v1.Health/Check", lambda _: b"", lambda reply: reply)
            self.assertEqual(b"\x08\x01", health(None))

    def test_keys_change_without_a_restart(self):
        try:
            FILE.write_text(KEYS + entry("new", "secret-new"))
            end = time.monotonic() + 30
            while ask(key="secret-new")[0] != 200:
                self.assertLess(time.monotonic(), end)
                time.sleep(0.1)
            FILE.write_text(KEYS + entry("new", "secret-new") + "- name: broken\n")
            end = time.monotonic() + 30
            while "key \"broken\": sha256 must be" not in LOG.read_text():
                self.assertLess(time.monotonic(), end)
                time.sleep(0.1)
            self.assertEqual(200, ask(key="secret-new")[0])
        finally:
            FILE.write_text(KEYS)

    def test_logs_and_metrics_name_the_key_and_never_tell_it(self):
        ask(key="secret-a", X_Request_Id="id-of-this-call")
        end = time.monotonic() + 30
        while not (line := re.search(r"access .*request=id-of-this-call.*", LOG.read_text())):
            self.assertLess(time.monotonic(), end)
            time.sleep(0.05)
        self.assertIn(" key=all ", line[0])
        self.assertNotIn("secret-", LOG.read_text())
        page = ask("/metrics", method="GET")[2]
        self.assertIn('chorus_key_requests_total{key="all",outcome="ok"}', page)
        self.assertNotIn("secret-", page)


class PagesTest(unittest.TestCase):
    def test_pages_of_other_hosts_may_not_call(self):
        for origin in ("https://evil.example", "null", "http://localhost:1"):
            self.assertEqual(403, ask(key="secret-a", Origin=origin)[0], origin)
        self.assertEqual(200, ask(key="secret-a", Origin=f"http://{HTTP}")[0])

    def test_one_that_is_allowed_may(self):
        code, headers, _ = ask(key="secret-a", Origin="https://app.example.com")
        self.assertEqual((200, "https://app.example.com"), (code, headers["Access-Control-Allow-Origin"]))
        code, headers, _ = ask(method="OPTIONS", body="", Origin="https://app.example.com",  # Without a key.
                               Access_Control_Request_Method="POST", Access_Control_Request_Headers="authorization")
        self.assertEqual((204, "authorization"), (code, headers["Access-Control-Allow-Headers"]))
        code, headers, _ = ask(Origin="https://app.example.com")
        self.assertEqual((401, "https://app.example.com"), (code, headers["Access-Control-Allow-Origin"]))

    def test_a_name_that_resolves_to_this_machine_is_not_its_own(self):
        self.assertEqual(403, ask(key="secret-a", Host="evil.example")[0])
        self.assertEqual(200, ask(key="secret-a", Host="localhost")[0])


class StartTest(unittest.TestCase):
    def test_an_address_of_others_takes_a_word(self):
        for program in (["chorus", "serve", "--host", "0.0.0.0", "--port", "0", "--grpc_port", "0"],
                        ["api_server", "--config", "none.yaml", "--http_address", "0.0.0.0:0"]):
            got = subprocess.run([bin_folder() / program[0], *program[1:]], capture_output=True, text=True, timeout=60)
            self.assertEqual(1, got.returncode)
            self.assertRegex(got.stderr, "can be reached from other machines: --api_keys FILE .* --allow_anonymous")


if __name__ == "__main__":
    unittest.main()
