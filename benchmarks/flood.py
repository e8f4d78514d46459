#!/usr/bin/env python3
"""How others' calls fare while a few clients ask for the largest replies there are.

usage: flood.py [--http URL] [--clients 8] [--seconds 20] [--kind tokens|ids|text|pages]

Against a running `chorus serve` of the demo models: first without the flood, then with it, asks for /livez and for the
label of a short text, one after another, and prints a JSON line of each: how many calls, and their median and 99th
percentile in milliseconds, with the counts of replies by code. `--kind` is what the flood asks of gpt2-generation:

  tokens  :tokenize of 0.9 MB with all pieces: 400 where that is too much for a reply
  pages   :tokenize of 0.9 MB, its last 32,768 tokens with their pieces
  ids     :tokenize of 0.9 MB with ids_only
  text    :detokenize of as many ids as a request carries
"""
import argparse
import collections
import http.client
import json
import os
import signal
import statistics
import subprocess
import sys
import tempfile
import threading
import time
import urllib.parse

MODEL = "/v1/models/gpt2-generation:"
CLASSIFY = ("POST", "/v1/models/bert-base-uncased-classification:classify", json.dumps({"texts": ["a wonderful film"]}))
LIVEZ = ("GET", "/livez", None)


def flood_request(kind):
    """Path and body."""
    if kind == "text":
        return MODEL + "detokenize", json.dumps({"ids": [41] * 300_000}, separators=(",", ":"))
    body = {"text": "🙂" * (900_000 // 4)}
    if kind == "ids":
        body["ids_only"] = True
    if kind == "pages":
        body.update(limit=32_768, offset=800_000)
    return MODEL + "tokenize", json.dumps(body, ensure_ascii=False)


class Probe(threading.Thread):
    """Asks one thing over and over, on one connection."""

    def __init__(self, url, call, seconds):
        super().__init__()
        self.url, self.call, self.seconds = url, call, seconds
        self.times, self.codes = [], collections.Counter()

    def run(self):
        connection = http.client.HTTPConnection(self.url.hostname, self.url.port, timeout=60)
        method, path, body = self.call
        end = time.monotonic() + self.seconds
        while time.monotonic() < end:
            begin = time.monotonic()
            connection.request(method, path, body, {"Content-Type": "application/json"} if body else {})
            reply = connection.getresponse()
            reply.read()
            self.times.append(1000 * (time.monotonic() - begin))
            self.codes[reply.status] += 1
            time.sleep(0.01)

    def line(self, name, flood):
        times = sorted(self.times)
        return json.dumps({"flood": flood, "call": name, "calls": len(times), "codes": self.codes,
                           "p50_ms": round(statistics.median(times), 1), "p99_ms": round(times[int(0.99 * (len(times) - 1))], 1),
                           "max_ms": round(times[-1], 1)})


def probe(url, seconds, flood):
    probes = {"livez": Probe(url, LIVEZ, seconds), "classify": Probe(url, CLASSIFY, seconds)}
    for one in probes.values():
        one.start()
    for name, one in probes.items():
        one.join()
        print(one.line(name, flood), flush=True)


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--http", default="http://127.0.0.1:3000")
    parser.add_argument("--clients", type=int, default=8)
    parser.add_argument("--seconds", type=float, default=20)
    parser.add_argument("--kind", choices=["tokens", "pages", "ids", "text"], default="tokens")
    args = parser.parse_args()
    url = urllib.parse.urlsplit(args.http)
    probe(url, args.seconds, flood=None)
    path, body = flood_request(args.kind)
    with tempfile.NamedTemporaryFile("w") as file:
        file.write(body)
        file.flush()
        # Processes of their own, so that they do not slow down the probes.
        call = (f"while :; do curl -s -o /dev/null -w '%{{http_code}}\\n' -H 'Content-Type: application/json' "
                f"--data-binary @{file.name} {args.http}{path}; done")
        clients = [subprocess.Popen(["sh", "-c", call], stdout=subprocess.PIPE, text=True, start_new_session=True)
                   for _ in range(args.clients)]
        try:
            probe(url, args.seconds, flood=args.kind)
        finally:
            for client in clients:
                os.killpg(client.pid, signal.SIGTERM)
        codes = collections.Counter(code for client in clients for code in client.communicate()[0].split())
    print(json.dumps({"flood": args.kind, "clients": args.clients, "codes": codes}))
    return 0


if __name__ == "__main__":
    sys.exit(main())
