"""The processes of a graph on this machine, each by itself as in containers: runners, and a gateway before them."""
import asyncio
import json
import os
import pathlib
import re
import subprocess
import tempfile
import time
import urllib.request

ROOT = pathlib.Path(__file__).resolve().parent.parent.parent
CLOCK_TICKS = os.sysconf("SC_CLK_TCK")


class Server:
    """One process; it is listening when the constructor returns."""

    def __init__(self, command, folder, name):
        self.ports_file = folder / f"{name}.ports"
        self._log = open(folder / f"{name}.log", "w+")
        self.process = subprocess.Popen([*map(str, command), "--ports_file", self.ports_file],
                                        stdout=self._log, stderr=self._log)
        deadline = time.monotonic() + 120
        while not self.ports_file.exists():
            if self.process.poll() is not None or time.monotonic() > deadline:
                raise RuntimeError(f"{name} did not start:\n{pathlib.Path(self._log.name).read_text()}")
            time.sleep(0.02)

    def address(self, which):
        return re.search(rf"^{which}=(.*)$", self.ports_file.read_text(), re.M)[1]

    def cpu_seconds(self):
        fields = pathlib.Path(f"/proc/{self.process.pid}/stat").read_text().rpartition(")")[2].split()
        return (int(fields[11]) + int(fields[12])) / CLOCK_TICKS

    def rss_bytes(self):
        status = pathlib.Path(f"/proc/{self.process.pid}/status").read_text()
        return int(re.search(r"VmRSS:\s+(\d+)", status)[1]) * 1024

    def get(self, which, path):
        with urllib.request.urlopen(f"http://{self.address(which)}{path}", timeout=10) as reply:
            return reply.read().decode()

    def stop(self):
        self.process.terminate()
        self.process.wait()


class Deployment:
    """`models`: runner -> folder of its model; the last is the classifier. `flags` are further ones of every runner.
    `with` it."""

    def __init__(self, build, models, dtype, threads, flags=()):
        self.folder = tempfile.TemporaryDirectory()
        self.runners = {}
        try:
            self._start(build / "bin", models, dtype, threads, flags)
        except BaseException:
            self.stop()
            raise

    def _start(self, binaries, models, dtype, threads, flags):
        folder = pathlib.Path(self.folder.name)
        config = {"runners": []}
        for name, model in models.items():
            self.runners[name] = Server(
                [binaries / "runner_server", "--model", model, "--name", name, "--dtype", dtype, "--threads", threads,
                 "--address", f"unix:{folder}/{name}", "--metrics_address", "127.0.0.1:0", *flags],
                folder, name)
            config["runners"].append({"name": name, "endpoints": [f"unix:{folder}/{name}"]})
        *generators, classifier = models
        if generators:
            config["graphs"] = [{
                "name": "inference_graph",
                "nodes": [*({"name": f"text{i}", "generate": {"runner": name}} for i, name in enumerate(generators)),
                          {"name": "score", "classify": {"runner": classifier,
                                                         "inputs": [f"text{i}" for i in range(len(generators))]}}],
                "output": "score"}]
        (folder / "gateway.yaml").write_text(json.dumps(config))  # JSON is YAML.
        self.gateway = Server([binaries / "api_server", "--config", folder / "gateway.yaml", "--http_address",
                               "127.0.0.1:0", "--grpc_address", "127.0.0.1:0"], folder, "gateway")
        while True:
            try:
                self.gateway.get("http", "/readyz")
                return
            except OSError:
                time.sleep(0.02)

    def steps(self, runner):
        """The runner's last steps, the oldest first."""
        return json.loads(self.runners[runner].get("metrics", "/debug/batcher"))["steps"]

    def metric(self, runner, name):
        """Sum over all label values."""
        text = self.runners[runner].get("metrics", "/metrics")
        return sum(float(value) for value in re.findall(rf"^{name}(?:{{.*}})? (\S+)$", text, re.M))

    async def post(self, path, body):
        """The reply, which must be a good one."""
        host, port = self.gateway.address("http").rsplit(":", 1)
        reader, writer = await asyncio.open_connection(host, int(port), limit=1 << 24)
        try:
            content = json.dumps(body).encode()
            writer.write(b"POST %s HTTP/1.1\r\nHost: localhost\r\nContent-Type: application/json\r\nConnection: close\r\n"
                         b"Content-Length: %d\r\n\r\n%s" % (path.encode(), len(content), content))
            head = (await reader.readuntil(b"\r\n\r\n")).decode()
            reply = await reader.readexactly(int(re.search(r"(?i)\r\ncontent-length: (\d+)", head)[1]))
            if not head.startswith("HTTP/1.1 200 "):
                raise RuntimeError(f"{path}: {head.splitlines()[0]}: {reply[:500].decode()}")
            return json.loads(reply)
        finally:
            writer.close()

    def stop(self):
        for server in [*self.runners.values(), *([self.gateway] if hasattr(self, "gateway") else [])]:
            server.stop()
        self.folder.cleanup()

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.stop()


# Each is one token of GPT-2 after another word.
WORDS = """the of and to in that he was for it with as his on be at by had not are but from have they which one you were all
her she there would their we him been has when who will no more if out so up said what its about than into them can only
other time new some could these two may first then do any like my now over such our man me even most made after also""".split()


def text_of(num_tokens, random):
    """Of so many tokens of GPT-2; no two of any length begin alike."""
    return " ".join(random.choice(WORDS) for _ in range(num_tokens))
