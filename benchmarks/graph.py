#!/usr/bin/env python3
"""Loads the whole graph over HTTP: `chorus serve` with four models, closed loops of 1, 4, 16, ... clients.

usage: graph.py --models DIR [--dtype int8] [--clients 1,4,16,32,64] [--stream] [--build BUILD_DIR]

DIR holds the folders gpt2, distilgpt2, gpt2-medium and bert-base-uncased (peers/make_models.py makes them at real size
with random weights). Every request writes texts of 128 tokens with top_k 50. Prints one JSON line a number of clients;
with --stream the replies are streams, and the line has the times to the first token of the first branch and to the
first of every branch, and between the tokens of a text. Have nothing else running.
"""
import argparse
import asyncio
import json
import os
import pathlib
import re
import subprocess
import sys
import tempfile
import time

ROOT = pathlib.Path(__file__).resolve().parent.parent
RUNNERS = {"gpt2-generation": "gpt2", "distilgpt2-generation": "distilgpt2", "gpt2-medium-generation": "gpt2-medium",
           "bert-base-uncased-classification": "bert-base-uncased"}
BODY = b"I have an idea!"


class Serve:
    """A running `chorus serve`; ready when the constructor returns."""

    def __init__(self, args, folder):
        command = [args.build / "bin/chorus", "serve", "--port", "0", "--grpc_port", "0", "--dtype", args.dtype,
                   *args.serve_args.split()]
        for runner, name in RUNNERS.items():
            command += ["--model", f"{runner}={args.models / name}"]
        self.log = open(pathlib.Path(folder) / "log", "w+")
        self.process = subprocess.Popen(command, stdout=self.log, stderr=self.log,
                                        env={**os.environ, "CHORUS_HOME": f"{folder}/home"})
        start = time.monotonic()
        while not (match := re.search(r"ready: HTTP http://([^:]+):(\d+)", self.read_log())):
            if self.process.poll() is not None or time.monotonic() > start + 120:
                sys.exit("chorus serve did not get ready:\n" + self.read_log())
            time.sleep(0.02)
        self.ready_seconds = time.monotonic() - start
        self.host, self.port = match[1], int(match[2])

    def read_log(self):
        self.log.flush()
        return pathlib.Path(self.log.name).read_text()

    def rss_mib(self):
        """Of every process of it."""
        children = subprocess.run(["pgrep", "-P", str(self.process.pid)], capture_output=True, text=True).stdout.split()
        statuses = [pathlib.Path(f"/proc/{pid}/status").read_text() for pid in [self.process.pid, *children]]
        return sum(int(re.search(r"VmRSS:\s+(\d+)", status)[1]) for status in statuses) / 1024

    def stop(self):
        self.process.terminate()
        self.process.wait()


async def post(reader, writer, serve):
    """One request; its body if it was answered with 200."""
    writer.write(b"POST /classify_generated_texts HTTP/1.1\r\nHost: %s\r\nContent-Type: text/plain\r\n"
                 b"Content-Length: %d\r\n\r\n%s" % (serve.host.encode(), len(BODY), BODY))
    head = (await reader.readuntil(b"\r\n\r\n")).decode()
    body = await reader.readexactly(int(re.search(r"(?i)\r\ncontent-length: (\d+)", head)[1]))
    return body if head.startswith("HTTP/1.1 200 ") else None


class Timeline:
    """When a stream's tokens came."""

    def __init__(self):
        self.start = time.perf_counter()
        self.first = {}  # By text: of its first token,
        self.last = {}   # and of the latest.
        self.gaps = []   # Between a text's events, by token.

    def on_token(self, token):
        now, text, count = time.perf_counter(), token["index"], token["num_tokens"]
        if not count:
            return
        if text in self.last:
            self.gaps += [(now - self.last[text]) / count] * count
        self.first.setdefault(text, now)
        self.last[text] = now

    def first_of_any(self):
        return min(self.first.values()) - self.start

    def first_of_all(self):
        return max(self.first.values()) - self.start


async def stream(reader, writer, serve):
    """One streamed request; its timeline if it ended well."""
    writer.write(b"POST /classify_generated_texts:stream HTTP/1.1\r\nHost: %s\r\nContent-Type: text/plain\r\n"
                 b"Accept: application/x-ndjson\r\nContent-Length: %d\r\n\r\n%s"
                 % (serve.host.encode(), len(BODY), BODY))
    timeline = Timeline()
    head = (await reader.readuntil(b"\r\n\r\n")).decode()
    if not head.startswith("HTTP/1.1 200 "):
        await reader.readexactly(int(re.search(r"(?i)\r\ncontent-length: (\d+)", head)[1]))
        return None
    done = False
    while size := int(await reader.readline(), 16):
        for line in (await reader.readexactly(size)).decode().splitlines():
            event = json.loads(line) if line else {}
            done = done or "done" in event
            if "token" in event:
                timeline.on_token(event["token"])
        await reader.readexactly(2)
    await reader.readexactly(2)
    return timeline if done else None


def quantiles(values, name):
    values = sorted(values)
    return {f"{name}_{label}": round(values[min(len(values) - 1, int(q * len(values)))], 4) if values else None
            for label, q in (("p50", 0.5), ("p90", 0.9), ("p99", 0.99))}


async def load(serve, num_clients, num_requests, streamed=False):
    """The rate is that of the closed loop: clients over the mean time of a reply, of those replies that came while
    every client waited for one. Counting replies over a while would depend on where in a wave of them it begins."""
    latencies, failures = [], 0
    all_asked = False
    timelines = []
    busy = []  # The times of replies while all clients were at it.
    requests = iter(range(num_requests))

    async def client():
        nonlocal failures, all_asked
        reader, writer = await asyncio.open_connection(serve.host, serve.port, limit=1 << 24)
        for _ in requests:
            start = time.perf_counter()
            reply = await (stream if streamed else post)(reader, writer, serve)
            if reply is None or (not streamed and len(json.loads(reply)) != 3):
                failures += 1
            else:
                latencies.append(time.perf_counter() - start)
                timelines.append(reply)
                if not all_asked:
                    busy.append(latencies[-1])
        all_asked = True
        writer.close()

    begin = time.perf_counter()
    await asyncio.gather(*[client() for _ in range(num_clients)])
    seconds = time.perf_counter() - begin
    figures = {f"p{key[-2:]}": value for key, value in quantiles(latencies, "").items()}
    if streamed:
        figures |= quantiles([each.first_of_any() for each in timelines], "first_token")
        figures |= quantiles([each.first_of_all() for each in timelines], "first_token_of_all")
        figures |= quantiles([gap for each in timelines for gap in each.gaps], "between_tokens")
    return {"clients": num_clients, "requests": num_requests, "failed": failures, "seconds": round(seconds, 3),
            "req_s": round(num_clients * len(busy) / sum(busy), 4) if busy else None, **figures}


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--models", type=pathlib.Path, required=True)
    parser.add_argument("--build", type=pathlib.Path, default=ROOT / "build")
    parser.add_argument("--dtype", default="auto")
    parser.add_argument("--clients", type=lambda text: [int(each) for each in text.split(",")], default=[1, 4, 16, 32, 64])
    parser.add_argument("--rounds", type=int, default=4, help="requests a client makes, about (one client: 6 at least)")
    parser.add_argument("--stream", action="store_true", help="stream the replies")
    parser.add_argument("--serve_args", default="", help="further arguments of chorus serve")
    args = parser.parse_args()
    args.models = args.models.resolve()
    with tempfile.TemporaryDirectory() as folder:
        serve = Serve(args, folder)
        asyncio.run(load(serve, 1, 2))
        for clients in args.clients:
            result = asyncio.run(load(serve, clients, max(6, clients * args.rounds), args.stream))
            print(json.dumps({"engine": "chorus", "dtype": args.dtype, "streamed": args.stream, **result, "rss_mib": round(serve.rss_mib()),
                              "ready_seconds": round(serve.ready_seconds, 2)}), flush=True)
        serve.stop()


if __name__ == "__main__":
    main()
