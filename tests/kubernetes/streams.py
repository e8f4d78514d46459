"""Clients that read the graph's stream, one after another, and note how each ended."""
import collections
import http.client
import json
import threading

from docker_test import PROMPT


class Streams:
    """Closed loops, until stop() tells the ends: `done`, `error`, or what else was the last line or the failure."""

    def __init__(self, host, clients):
        self.host = host
        self.ends = collections.Counter()
        self.lock = threading.Lock()
        self.stopping = threading.Event()
        self.threads = [threading.Thread(target=self.loop, daemon=True) for _ in range(clients)]
        for thread in self.threads:
            thread.start()

    def loop(self):
        while not self.stopping.is_set():
            end = self.read_one()
            with self.lock:
                self.ends[end] += 1

    def read_one(self):
        last = b""
        try:
            connection = http.client.HTTPConnection(self.host, 3000, timeout=60)
            connection.request("POST", "/classify_generated_texts:stream?max_new_tokens=100&ignore_eos=true", PROMPT,
                               {"Content-Type": "text/plain", "Accept": "application/x-ndjson"})
            response = connection.getresponse()
            if response.status != 200:
                return f"status {response.status}"
            for line in response:
                last = line.strip() or last
        except (OSError, http.client.HTTPException) as error:
            return repr(error)
        return next(iter(json.loads(last)), "nothing") if last else "nothing"

    def stop(self):
        self.stopping.set()
        for thread in self.threads:
            thread.join()
        return self.ends
