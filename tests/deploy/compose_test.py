#!/usr/bin/python3
"""docker-compose.yml is valid in both dialects, of docker-compose 1.29 and of Docker Compose v2 and later; and what the
other configurations name in its network is there.

usage: compose_test.py --compose PROGRAM
"""

import argparse
import json
import pathlib
import re
import shutil
import subprocess
import unittest

import yaml

ROOT = pathlib.Path(__file__).resolve().parents[2]
FILE = ROOT / "docker-compose.yml"


RESERVE_SECONDS = 5  # Of a grace period, beyond the drain (docs/operations.md).


def seconds(duration):
    return int(re.fullmatch(r"(\d+)s", duration)[1])


def run(*command):
    done = subprocess.run([*map(str, command)], capture_output=True, text=True, cwd=ROOT)
    assert done.returncode == 0, f"{command[0]}: {done.stderr}"
    return done


class ComposeTest(unittest.TestCase):
    @classmethod
    def setUpClass(cls):
        done = run(compose, "-f", FILE, "--profile", "*", "config", "--format", "json")
        cls.warnings = done.stderr
        cls.services = json.loads(done.stdout)["services"]

    def test_new_dialect(self):
        self.assertEqual(self.warnings, "")

    def test_old_dialect(self):
        self.assertIsNotNone(shutil.which("docker-compose"), "docker-compose is missing: ./dev test installs it")
        self.assertEqual(run("docker-compose", "-f", FILE, "config", "--quiet").stderr, "")

    def test_images_are_pinned(self):
        for name, service in self.services.items():
            with self.subTest(name):
                self.assertRegex(service["image"], r"(:[^:/]*\d[^:/]*$|@sha256:|^chorus\b)")

    def test_mounted_files_are_there(self):
        for name, service in self.services.items():
            for volume in service.get("volumes", []):
                if volume["type"] == "bind" and pathlib.Path(volume["source"]).is_relative_to(ROOT / "deploy"):
                    # What its user brings, such as a certificate, is ignored by git.
                    ignored = subprocess.run(["git", "check-ignore", "-q", volume["source"]], cwd=ROOT).returncode == 0
                    with self.subTest(service=name, source=volume["source"]):
                        self.assertTrue(pathlib.Path(volume["source"]).exists() or ignored)

    def test_a_stop_waits_for_the_drain(self):
        for name, service in self.services.items():
            if service["image"].startswith("chorus/"):
                flags = dict(word.removeprefix("--").split("=", 1) for word in service["command"] if "=" in word)
                drain = seconds(flags["drain_delay"]) + seconds(flags.get("drain_timeout", "30s"))
                with self.subTest(name):
                    self.assertGreaterEqual(seconds(service["stop_grace_period"]), drain + RESERVE_SECONDS)

    def test_runners_on_a_gpu_are_those_of_the_cpu(self):
        """Each has the same model under the same name, and is found by the same one."""
        def model(service):
            return [word for word in service["command"] if re.match("--(model|name|version)=", word)]

        cpu = {name: service for name, service in self.services.items() if name.startswith("runner-")}
        gpu = {name: service for name, service in self.services.items() if service.get("profiles") == ["gpu"]}
        self.assertEqual({name.replace("runner-", "gpu-") for name in cpu}, set(gpu))
        for name, service in gpu.items():
            with self.subTest(name):
                twin = name.replace("gpu-", "runner-")
                self.assertEqual(model(service), model(cpu[twin]))
                self.assertEqual(service["networks"], {"runners": {"aliases": [twin]}})
                self.assertIn("--device=cuda", service["command"])
                [device] = service["deploy"]["resources"]["reservations"]["devices"]
                self.assertEqual((device["driver"], device["count"], device["capabilities"]), ("nvidia", 1, ["gpu"]))

    def test_no_runner_of_the_cpu_where_none_is_wanted(self):
        for wanted in ("", "0", "2"):
            done = run("env", f"CHORUS_CPU_RUNNERS={wanted}", compose, "-f", FILE, "config", "--format", "json")
            scales = {name: service.get("scale", 1) for name, service in json.loads(done.stdout)["services"].items()}
            self.assertEqual({scales[name] for name in scales if name.startswith("runner-")}, {int(wanted or 1)})
            self.assertEqual(scales["api_server"], 1)

    def test_prometheus_scrapes_what_is_there(self):
        config = yaml.safe_load((ROOT / "deploy/prometheus/prometheus.yml").read_text())
        names = {name for job in config["scrape_configs"] for sd in job.get("dns_sd_configs", []) for name in sd["names"]}
        self.assertLessEqual(names, set(self.services))
        runners = {name for name in self.services if name.startswith("runner-")}
        self.assertLessEqual(runners, names, "a runner that is not scraped")

    def test_others_name_what_is_there(self):
        for file in ("deploy/envoy/envoy.yaml", "deploy/grafana/provisioning/datasources/prometheus.yml"):
            names = set(re.findall(r"(?:https?://|endpoint: \{address: \{socket_address: \{address: )([a-z_]+)", (ROOT / file).read_text()))
            with self.subTest(file):
                self.assertTrue(names)
                self.assertLessEqual(names, set(self.services))


if __name__ == "__main__":
    parser = argparse.ArgumentParser()
    parser.add_argument("--compose", type=pathlib.Path, required=True)
    flags, rest = parser.parse_known_args()
    compose = flags.compose
    unittest.main(argv=[__file__, *rest])
