#!/usr/bin/python3
"""deploy/prometheus on a running gateway and two runners: a real Prometheus finds them, its rules evaluate, no alert
fires, and every query of the dashboards has an answer.

usage: monitoring_test.py --bin FOLDER
"""

import argparse
import contextlib
import json
import pathlib
import re
import shutil
import subprocess
import tempfile
import time
import unittest
import urllib.error
import urllib.parse
import urllib.request

import yaml

import dashboards_test
import metrics
import promql

MODELS = {"gpt2-generation": "gpt2", "bert-base-uncased-classification": "bert-sst2"}
GRAPH = {"name": "inference_graph", "output": "score", "nodes": [
    {"name": "write", "generate": {"runner": "gpt2-generation", "max_length": 64}},
    {"name": "score", "classify": {"runner": "bert-base-uncased-classification", "inputs": ["write"]}}]}


def wait_until(condition, what, seconds=30):
    end = time.monotonic() + seconds
    while not (result := condition()):
        if time.monotonic() > end:
            raise AssertionError(f"not within {seconds} s: {what}")
        time.sleep(0.1)
    return result


def fetch(url, data=None):
    with urllib.request.urlopen(url, data, timeout=20) as reply:
        return reply.read().decode()


def is_ready(url):
    try:
        return bool(fetch(url))
    except urllib.error.HTTPError:  # 503.
        return False


class Stack:
    """Two runners, a gateway and Prometheus, all on free ports."""

    def __init__(self, binaries, stack):
        self.stack = stack
        self.folder = pathlib.Path(stack.enter_context(tempfile.TemporaryDirectory()))
        ports = {name: self.start(name, binaries / "runner_server", "--model", metrics.ROOT / "models" / "demo" / folder, "--name", name,
                                  "--address", "127.0.0.1:0", "--metrics_address", "127.0.0.1:0", "--threads", "1")
                 for name, folder in MODELS.items()}
        config = {"runners": [{"name": name, "endpoints": [port["grpc"]]} for name, port in ports.items()], "graphs": [GRAPH]}
        (self.folder / "gateway.yaml").write_text(json.dumps(config))
        self.gateway = self.start("gateway", binaries / "api_server", "--config", self.folder / "gateway.yaml", "--http_address",
                                  "127.0.0.1:0", "--grpc_address", "127.0.0.1:0")["http"]
        self.start_prometheus({"api_server": [self.gateway], "runner": [port["metrics"] for port in ports.values()]})

    def start(self, name, *command):
        """The ports that the server says it has."""
        file = self.folder / f"{name}.ports"
        process = subprocess.Popen([*map(str, command), "--ports_file", file], stderr=(self.folder / f"{name}.log").open("w"))
        self.stack.callback(process.wait)
        self.stack.callback(process.terminate)
        wait_until(lambda: file.exists() or process.poll() is not None, f"{name} listens")
        assert file.exists(), (self.folder / f"{name}.log").read_text()
        return dict(line.split("=") for line in file.read_text().split())

    def start_prometheus(self, targets):
        """With its own configuration but for the targets, which here no name leads to, and the pace."""
        program = shutil.which("prometheus")
        assert program, "prometheus is missing: ./dev test installs it"
        config = yaml.safe_load((metrics.PROMETHEUS / "prometheus.yml").read_text())
        config["global"] = {"scrape_interval": "1s", "scrape_timeout": "1s", "evaluation_interval": "1s"}
        config["rule_files"] = [str(metrics.PROMETHEUS / "rules" / "*.yml")]
        config["scrape_configs"] = [job for job in config["scrape_configs"] if job["job_name"] in targets]
        assert len(config["scrape_configs"]) == len(targets)
        for job in config["scrape_configs"]:
            del job["dns_sd_configs"]
            job["static_configs"] = [{"targets": targets[job["job_name"]]}]
        (self.folder / "prometheus.yml").write_text(json.dumps(config))
        log = self.folder / "prometheus.log"
        process = subprocess.Popen([program, f"--config.file={self.folder}/prometheus.yml", f"--storage.tsdb.path={self.folder}/data",
                                    "--web.listen-address=127.0.0.1:0"], stderr=log.open("w"))
        self.stack.callback(process.wait)
        self.stack.callback(process.terminate)
        told = re.compile(r'msg="Listening on".* address=(\S+)')
        wait_until(lambda: told.search(log.read_text()) or process.poll() is not None, "Prometheus listens")
        assert told.search(log.read_text()), log.read_text()
        self.prometheus = told.search(log.read_text())[1]
        wait_until(lambda: is_ready(f"http://{self.prometheus}/-/ready"), "Prometheus is ready")

    def ask(self, path, **parameters):
        answer = json.loads(fetch(f"http://{self.prometheus}/api/v1/{path}?{urllib.parse.urlencode(parameters)}"))
        assert answer["status"] == "success", answer
        return answer["data"]


class MonitoringTest(unittest.TestCase):
    def test_all_is_seen(self):
        targets = wait_until(self.healthy_targets, "every target is up")
        self.assertEqual(sorted(target["labels"]["job"] for target in targets), ["api_server", "runner", "runner"])

        wait_until(lambda: is_ready(f"http://{servers.gateway}/readyz"), "the gateway is ready")
        for _ in range(4):  # For a rate there must be something before and after.
            fetch(f"http://{servers.gateway}/classify_generated_texts?seed=7", b"I have an idea!")
            self.wait_for_scrapes(2)

        for group in servers.ask("rules")["groups"]:
            for rule in group["rules"]:
                with self.subTest(rule=rule["name"]):
                    self.assertEqual((rule["health"], rule.get("lastError", "")), ("ok", ""))
                    self.assertNotEqual(rule.get("state"), "firing")

        known = set(servers.ask("label/__name__/values"))
        unseen = set()
        for file, dashboard in dashboards_test.load_dashboards().items():
            for where, expression in dashboards_test.queries(dashboard):
                needed = {selector.metric for selector in promql.read(expression)[0]} - {"ALERTS"}
                with self.subTest(file=file, query=where):
                    result = servers.ask("query", query=expression)["result"]
                    if needed and needed <= known:
                        self.assertTrue(result, expression)
                unseen |= needed - known
        print("without a series in this run:", ", ".join(sorted(unseen)) or "none")

    def healthy_targets(self):
        targets = servers.ask("targets")["activeTargets"]
        return targets if targets and all(target["health"] == "up" for target in targets) else None

    def wait_for_scrapes(self, count):
        def scraped():
            return sum(float(s["value"][1]) for s in servers.ask("query", query="min(count_over_time(up[1h]))")["result"])
        begin = scraped()
        wait_until(lambda: scraped() >= begin + count, f"{count} scrapes")


if __name__ == "__main__":
    parser = argparse.ArgumentParser()
    parser.add_argument("--bin", type=pathlib.Path, required=True)
    flags, rest = parser.parse_known_args()
    with contextlib.ExitStack() as everything:
        servers = Stack(flags.bin, everything)
        succeeded = unittest.main(argv=[__file__, *rest], exit=False).result.wasSuccessful()
    raise SystemExit(not succeeded)
