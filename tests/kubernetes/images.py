"""The containers' images, built as docs/containers.md tells, and kept as archives that a cluster can load."""
import os
import subprocess

from docker_test import base_image, run, say, version, wait_until

TARGETS = ("api_server", "runner_server_demo", "runner_server", "chorus")


class OwnEngine:
    """A Docker engine of our own that keeps what it built in `folder`. Its containers use this machine's network."""

    def __init__(self, folder):
        os.environ["DOCKER_HOST"] = f"unix://{folder}/socket"
        folder.mkdir(parents=True, exist_ok=True)
        with open(folder / "log", "w", encoding="utf-8") as log:
            self.process = subprocess.Popen(
                ["dockerd", "--host", os.environ["DOCKER_HOST"], "--data-root", folder / "data", "--exec-root", folder / "run",
                 "--pidfile", folder / "pid", "--bridge=none", "--iptables=false", "--ip-masq=false"],
                stdout=log, stderr=log, start_new_session=True)
        wait_until(self.answers, 60, f"dockerd answers (its log is {folder}/log)")
        say("# started a Docker engine of our own, which ends when the images are built")

    def answers(self):
        if self.process.poll() is not None:
            raise SystemExit("FAILED: dockerd ended")
        return answers()

    def stop(self):
        self.process.terminate()
        self.process.wait()


def answers():
    return subprocess.run(["docker", "info"], capture_output=True, check=False).returncode == 0


def build(folder):
    """Archives of the images in `folder`, of what the tree holds now."""
    engine = None if answers() else OwnEngine(folder / "docker")
    try:
        base = base_image()
        archives = []
        for target in TARGETS:
            name = f"chorus/{target}:{version()}"
            run("docker", "build", "-q", "--network", "host", "-f", "deploy/Dockerfile", "--target", target, "--build-arg",
                f"BASE={base}", "-t", name, ".", env={**os.environ, "DOCKER_BUILDKIT": "0"})
            archives.append(folder / f"{target}.tar")
            run("docker", "save", "-o", archives[-1], name, show=False)
        return archives
    finally:
        if engine is not None:
            engine.stop()
