#!/usr/bin/env python3
"""Builds and runs the containers for real, and shows what they promise: ./dev docker-test [--twice] [--keep] [--compose
PROGRAM] [STEP...]

Needs Docker's engine: one that runs already, or, as root, dockerd, which is then started for this alone. Prints a
transcript; the first promise that does not hold ends it with exit status 1. --twice also builds the images a second
time, without any cache, and compares every file. --keep leaves the engine and the containers running. Steps: build, up,
scale, kill, stop, bundle, start; without any, all.
"""
import argparse
import collections
import hashlib
import http.client
import io
import json
import os
import pathlib
import re
import shutil
import subprocess
import sys
import tarfile
import tempfile
import threading
import time

ROOT = pathlib.Path(__file__).resolve().parent.parent.parent
TARGETS = ("api_server", "runner_server", "all-in-one")
RUNNERS = ("runner-gpt2", "runner-distilgpt2", "runner-gpt2-medium", "runner-bert")
STEPS = ("build", "up", "scale", "kill", "stop", "bundle", "start")
PROJECT = "chorus-docker-test"
PORT, GRPC_PORT = 13000, 15051
PROMPT = "I have an idea!"


def say(text=""):
    print(text, flush=True)


def check(condition, text):
    say(("ok: " if condition else "FAILED: ") + text)
    if not condition:
        sys.exit(1)


def run(*command, show=True, **options):
    """The command's output; its failure is this test's."""
    if show:
        say("$ " + " ".join(str(part).removeprefix(f"{ROOT}/") for part in command))
    result = subprocess.run([str(part) for part in command], stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True,
                            cwd=ROOT, check=False, **options)
    if result.returncode != 0:
        say(result.stdout[-3000:] + result.stderr[-3000:])
        sys.exit(f"FAILED: exit status {result.returncode} of {' '.join(str(part) for part in command)}")
    return result.stdout


def wait_until(condition, seconds, what):
    """Seconds that it took."""
    begin = time.monotonic()
    while not condition():
        if time.monotonic() - begin > seconds:
            check(False, f"{what} within {seconds} s")
        time.sleep(0.05)
    return time.monotonic() - begin


class Engine:
    """A Docker engine: the one that runs, or one of our own."""

    def __init__(self):
        self.process = None
        if self.answers():
            return
        if os.geteuid() != 0 or shutil.which("dockerd") is None:
            sys.exit("could not do any of this: no Docker engine answers, and one can be started only by root and where "
                     "dockerd is installed (Debian's package docker.io)")
        folder = tempfile.mkdtemp(prefix="chorus-docker-")
        os.environ["DOCKER_HOST"] = f"unix://{folder}/socket"
        self.log = f"{folder}/log"
        with open(self.log, "w", encoding="utf-8") as log:
            self.process = subprocess.Popen(
                ["dockerd", "--host", os.environ["DOCKER_HOST"], "--data-root", f"{folder}/data", "--exec-root",
                 f"{folder}/run", "--pidfile", f"{folder}/pid"], stdout=log, stderr=log)
        while not self.answers():
            if self.process.poll() is not None:
                sys.exit("could not do any of this: dockerd does not start:\n" + pathlib.Path(self.log).read_text()[-3000:])
            time.sleep(0.2)
        say("# started an engine of our own, which ends with this test")

    @staticmethod
    def answers():
        return subprocess.run(["docker", "info"], capture_output=True, check=False).returncode == 0

    def stop(self):
        if self.process is not None:
            self.process.terminate()
            self.process.wait()


class Compose:
    """docker compose, or docker-compose, whichever is there; or the program that is given."""

    def __init__(self, base, program):
        v2 = subprocess.run(["docker", "compose", "version"], capture_output=True, check=False).returncode == 0
        if not program and not v2 and shutil.which("docker-compose") is None:
            sys.exit("could not do this: neither `docker compose` nor docker-compose is installed")
        self.command = [program] if program else ["docker", "compose"] if v2 else ["docker-compose"]
        say("# " + run(*self.command, "version", show=False).splitlines()[0])
        os.environ.update(COMPOSE_PROJECT_NAME=PROJECT, CHORUS_BASE=base, CHORUS_HTTP_PORT=str(PORT),
                          CHORUS_GRPC_PORT=str(GRPC_PORT), DOCKER_BUILDKIT="0", COMPOSE_DOCKER_CLI_BUILD="0")

    def __call__(self, *arguments, **options):
        return run(*self.command, *arguments, **options)

    def containers(self, service):
        return self("ps", "-q", service, show=False).split()


def base_image():
    """The name of an image of Debian bookworm."""
    name = "debian:bookworm-slim"
    if subprocess.run(["docker", "image", "inspect", name], capture_output=True, check=False).returncode == 0:
        return name
    if subprocess.run(["docker", "pull", "-q", name], capture_output=True, check=False, timeout=120).returncode == 0:
        return name
    say(f"# could not pull {name}: no registry is reached from here; an equal image is made by debootstrap")
    ours = "chorus/base:bookworm"
    if subprocess.run(["docker", "image", "inspect", ours], capture_output=True, check=False).returncode != 0:
        run("deploy/base_image.sh", ours)
    return ours


def version():
    return re.search(r"project\(chorus VERSION (\S+)", (ROOT / "CMakeLists.txt").read_text())[1]


def image(target):
    return f"chorus/{target}:{version()}"


def contents(name):
    """Of every file of an image: mode and hash, by path."""
    container = run("docker", "create", name, "x", show=False).strip()
    data = subprocess.run(["docker", "export", container], stdout=subprocess.PIPE, check=True).stdout
    run("docker", "rm", container, show=False)
    files = {}
    with tarfile.open(fileobj=io.BytesIO(data)) as archive:
        for member in archive:
            body = archive.extractfile(member).read() if member.isfile() else member.linkname.encode()
            files[member.name] = (oct(member.mode), member.uid, hashlib.sha256(body).hexdigest())
    return files


def get(path, port=PORT, host="127.0.0.1", timeout=10):
    connection = http.client.HTTPConnection(host, port, timeout=timeout)
    connection.request("GET", path)
    response = connection.getresponse()
    return response.status, response.read().decode()


def ready(port=PORT):
    try:
        return get("/readyz", port)[0] == 200
    except OSError:
        return False


def metric(text, name, **labels):
    """The sum of a metric's series with those labels."""
    total = 0.0
    for line in text.splitlines():
        if line.startswith(name + "{") and all(f'{key}="{value}"' in line for key, value in labels.items()):
            total += float(line.rsplit(" ", 1)[1])
    return total


def address(container):
    networks = json.loads(run("docker", "inspect", container, show=False))[0]["NetworkSettings"]["Networks"]
    return next(network["IPAddress"] for name, network in networks.items() if name.endswith("runners"))


def calls(container):
    """How many texts a runner has generated."""
    return metric(get("/metrics", 9061, address(container))[1], "bentoml_runner_request_total", endpoint="Generate")


def healthy_replicas(runner):
    return metric(get("/metrics")[1], "chorus_replica_state", runner=runner)


class Load:
    """Closed loops of unary calls, until stop() tells what came of them."""

    def __init__(self, clients, path="/classify_generated_texts?max_new_tokens=48&ignore_eos=true", body=PROMPT,
                 content_type="text/plain", host="127.0.0.1", port=PORT):
        self.outcomes = collections.Counter()
        self.slowest = 0.0
        self.stopping = threading.Event()
        self.lock = threading.Lock()
        self.address = (host, port)
        self.request = (path, body, {"Content-Type": content_type})
        self.threads = [threading.Thread(target=self.loop, daemon=True) for _ in range(clients)]
        for thread in self.threads:
            thread.start()

    def loop(self):
        while not self.stopping.is_set():
            begin = time.monotonic()
            try:
                connection = http.client.HTTPConnection(*self.address, timeout=60)
                connection.request("POST", *self.request)
                response = connection.getresponse()
                body = response.read()
                outcome = response.status
                if outcome != 200:
                    say(f"# {outcome}: {body.decode()[:300]}")
            except OSError as error:
                outcome = repr(error)
            with self.lock:
                self.outcomes[outcome] += 1
                self.slowest = max(self.slowest, time.monotonic() - begin)

    def stop(self):
        self.stopping.set()
        for thread in self.threads:
            thread.join()
        say(f"# outcomes: {dict(self.outcomes)}; slowest {self.slowest:.2f} s")
        return self.outcomes


def build(compose, args):
    begin = time.monotonic()
    compose("build", "-q", "api_server", "runner-gpt2")
    run("docker", "build", "-q", "-f", "deploy/Dockerfile", "--target", "all-in-one", "--build-arg",
        f"BASE={os.environ['CHORUS_BASE']}", "-t", image("all-in-one"), ".")
    say(f"# built in {time.monotonic() - begin:.0f} s")
    limits = {"api_server": 60e6, "runner_server": 450e6, "all-in-one": 450e6}
    for target in TARGETS:
        size = int(run("docker", "image", "inspect", "-f", "{{.Size}}", image(target), show=False))
        check(size <= limits[target], f"{image(target)} has {size / 1e6:.1f} MB, at most {limits[target] / 1e6:.0f}")
        files = contents(image(target))
        names = [name for name in files if re.search(r"(^|/)(sh|bash|dash|apt|dpkg|busybox)$", name)]
        check(not names, f"{image(target)} has no shell and no package manager among its {len(files)} files")
    config = json.loads(run("docker", "image", "inspect", image("runner_server"), show=False))[0]["Config"]
    check(config["User"] == "65532:65532", "the images run as a user of their own, not root")
    if not args.twice:
        return
    first = {target: contents(image(target)) for target in TARGETS}
    begin = time.monotonic()
    for target in TARGETS:
        # The builder stage is built once more for the first target, and taken from the cache for the others.
        cache = ["--no-cache"] if target == TARGETS[0] else []
        run("docker", "build", "-q", *cache, "-f", "deploy/Dockerfile", "--target", target, "--build-arg",
            f"BASE={os.environ['CHORUS_BASE']}", "-t", f"again/{target}", ".")
    say(f"# built again in {time.monotonic() - begin:.0f} s")
    for target in TARGETS:
        second = contents(f"again/{target}")
        differing = sorted(name for name in first[target].keys() | second.keys()
                           if first[target].get(name) != second.get(name))
        # What the engine puts into every container.
        differing = [name for name in differing if not re.match(r"(dev|proc|sys|etc/(hosts|hostname|resolv\.conf|mtab)|\.dockerenv)",
                                                                name)]
        check(not differing, f"two builds of {target} have the same paths, modes and contents"
              + (f", but for {differing}" if differing else ""))


def up(compose, _):
    begin = time.monotonic()
    compose("up", "-d", "--no-build")
    wait_until(ready, 60, "ready")
    say(f"# ready {time.monotonic() - begin:.1f} s after `up`, the making of networks and containers included")
    say(compose("ps", show=True))
    say(f"$ curl -X POST http://localhost:{PORT}/classify_generated_texts -H 'Content-Type: text/plain' -d '{PROMPT}'")
    reply = run("curl", "-sS", "-X", "POST", f"http://localhost:{PORT}/classify_generated_texts?max_length=24&seed=7", "-H",
                "Content-Type: text/plain", "-d", PROMPT, show=False)
    say(reply)
    check([sorted(result) for result in json.loads(reply)] == [["generated", "score"]] * 3, "three texts, scored")
    with tempfile.TemporaryDirectory() as modules:
        run("examples/python/make_modules.sh", modules, show=False)
        say(run("/usr/bin/python3", "examples/python/client.py", "unary", f"localhost:{GRPC_PORT}", env={**os.environ, "PYTHONPATH": modules}))
    container = compose.containers("runner-gpt2")[0]
    settings = json.loads(run("docker", "inspect", container, show=False))[0]["HostConfig"]
    check(settings["ReadonlyRootfs"] and settings["CapDrop"] == ["ALL"], "read-only root, no capabilities")
    probe = subprocess.run(["curl", "-s", "-m", "2", f"http://localhost:{PORT}/v1/graphs/inference_graph"],
                           capture_output=True, text=True, check=True).stdout
    check(all(node["healthy_replicas"] == 1 for node in json.loads(probe)["nodes"]), "each node has one healthy replica")


def scale(compose, _):
    load = Load(clients=6)
    compose("up", "-d", "--no-build", "--no-recreate", "--scale", "runner-gpt2=3")
    containers = compose.containers("runner-gpt2")
    seconds = wait_until(lambda: healthy_replicas("gpt2-generation") == 3, 10, "three replicas known to the gateway")
    say(f"# known and healthy {seconds:.1f} s after `up --scale` returned")
    before = {container: calls(container) for container in containers}
    time.sleep(10)
    spread = {container[:12]: int(calls(container) - before[container]) for container in containers}
    say(f"# texts generated in 10 s, by replica: {spread}")
    check(min(spread.values()) >= 0.5 * max(spread.values()), "all three replicas are used, about evenly")
    compose("up", "-d", "--no-build", "--no-recreate", "--scale", "runner-gpt2=1")
    wait_until(lambda: healthy_replicas("gpt2-generation") == 1, 10, "one replica left")
    time.sleep(2)
    outcomes = load.stop()
    check(set(outcomes) == {200}, f"scaled to 3 and back under load with no failed call of {sum(outcomes.values())}")


def kill(compose, _):
    compose("up", "-d", "--no-build", "--no-recreate", "--scale", "runner-gpt2=3")
    wait_until(lambda: healthy_replicas("gpt2-generation") == 3, 15, "three replicas")
    loads = [Load(clients=4), Load(clients=12, path="/v1/models/gpt2-generation:generate", content_type="application/json",
                                   body=json.dumps({"text": PROMPT, "max_new_tokens": 200, "ignore_eos": True}))]
    time.sleep(3)
    victim = compose.containers("runner-gpt2")[1]
    wait_until(lambda: metric(get("/metrics", 9061, address(victim))[1], "bentoml_runner_request_in_progress",
                              endpoint="Generate") >= 2, 20, "calls in progress on the replica to kill")
    run("docker", "kill", victim)
    time.sleep(8)
    outcomes = sum((load.stop() for load in loads), collections.Counter())
    retries = metric(get("/metrics")[1], "chorus_retries_total", runner="gpt2-generation")
    say(f"# calls tried again at another replica: {retries:.0f}")
    check(set(outcomes) == {200}, f"a replica was killed under load with no failed call of {sum(outcomes.values())}")
    check(retries > 0, "the killed replica had calls in progress")
    compose("up", "-d", "--no-build", "--no-recreate", "--scale", "runner-gpt2=1")
    wait_until(lambda: healthy_replicas("gpt2-generation") == 1, 15, "one replica left")


def stop(compose, _):
    """Streams are opened one after another until the system is gone; each ends whole or says that it does not."""
    ends = collections.Counter()
    stopping = threading.Event()

    def stream():
        while not stopping.is_set():
            try:
                connection = http.client.HTTPConnection("127.0.0.1", PORT, timeout=60)
                connection.request("POST", "/classify_generated_texts:stream?max_new_tokens=100&ignore_eos=true", PROMPT,
                                   {"Content-Type": "text/plain", "Accept": "application/x-ndjson"})
                response = connection.getresponse()
            except OSError:
                ends["refused"] += 1
                time.sleep(0.05)
                continue
            if response.status != 200:
                response.read()
                ends[response.status] += 1
                time.sleep(0.05)
                continue
            last = b""
            try:
                for line in response:
                    last = line.strip() or last
            except (OSError, http.client.HTTPException):
                pass
            kind = next(iter(json.loads(last)), "nothing") if last else "nothing"
            ends[f"ended with `{kind}`"] += 1

    threads = [threading.Thread(target=stream) for _ in range(4)]
    for thread in threads:
        thread.start()
    time.sleep(2)
    compose("stop")
    stopping.set()
    for thread in threads:
        thread.join()
    say(f"# streams: {dict(ends)}")
    check(set(ends) <= {"ended with `done`", "ended with `error`", "refused", 503} and ends["ended with `done`"] > 0,
          "stopped in mid-stream: every stream ended whole or with an error event, or was refused before it began")
    codes = run("docker", "ps", "-a", "--filter", f"label=com.docker.compose.project={PROJECT}", "--format",
                "{{.Names}} {{.Status}}", show=False)
    say(codes)
    check(codes.count("Exited (0)") == len(codes.splitlines()), "every container drained and ended with exit status 0")
    compose("down")


def bundle(_, args):
    with tempfile.TemporaryDirectory() as home:
        environment = {**os.environ, "CHORUS_HOME": home}
        chorus = args.build / "bin/chorus"
        say(run(chorus, "build", "examples/bundles/inference_graph", env=environment))
        say(run(chorus, "list", env=environment))
        output = run(chorus, "containerize", "inference_graph:latest", "--tag", "inference_graph:docker-test", env=environment)
        say("\n".join(line for line in output.splitlines() if not re.match(r" ---> |Removing |Step |Sending ", line)))
    run("docker", "run", "-d", "--rm", "--name", f"{PROJECT}-bundle", "-p", f"127.0.0.1:{PORT + 1}:3000", "--read-only",
        "--tmpfs", "/tmp", "inference_graph:docker-test")
    try:
        seconds = wait_until(lambda: ready(PORT + 1), 60, "ready")
        say(f"# ready {seconds:.1f} s after `docker run`")
        reply = run("curl", "-sS", "-X", "POST", f"http://localhost:{PORT + 1}/classify_generated_texts?max_length=24&seed=7",
                    "-H", "Content-Type: text/plain", "-d", PROMPT)
        say(reply)
        check(len(json.loads(reply)) == 3, "the bundle's image answers")
    finally:
        run("docker", "stop", f"{PROJECT}-bundle", show=False)


def start(_, args):
    """From the start of the process in its container to ready."""
    with tempfile.TemporaryDirectory() as folder:
        run("python3", "tests/docker/random_gpt2.py", f"{folder}/gpt2")
        os.chmod(folder, 0o755)
        times = []
        for _ in range(4):  # The first reads the file into the page cache.
            container = run("docker", "run", "-d", "-v", f"{folder}:/models:ro", "--read-only", image("runner_server"),
                            "--model=/models/gpt2", "--dtype=auto", show=False).strip()
            wait_until(lambda: "event=serving" in subprocess.run(["docker", "logs", container], capture_output=True, text=True,
                                                                 check=False).stderr, 60, "serving")
            logs = subprocess.run(["docker", "logs", "-t", container], capture_output=True, text=True, check=True).stderr
            began = json.loads(run("docker", "inspect", container, show=False))[0]["State"]["StartedAt"]
            served = next(line.split()[0] for line in logs.splitlines() if "event=serving" in line)
            times.append(seconds_of(served) - seconds_of(began))
            run("docker", "rm", "-f", container, show=False)
        say("# from the container's start to serving, seconds: " + ", ".join(f"{value:.2f}" for value in times[1:]))
        say(f"# goal: a gpt2 of real size within 1 s of page cache; the median of these is {sorted(times[1:])[1]:.2f} s")


def seconds_of(stamp):
    """Of the day, of such as 2026-11-25T04:57:26.441804123Z."""
    hours, minutes, seconds = re.search(r"T(\d+):(\d+):([\d.]+)Z", stamp).groups()
    return int(hours) * 3600 + int(minutes) * 60 + float(seconds)


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("steps", nargs="*", metavar="STEP")
    parser.add_argument("--twice", action="store_true")
    parser.add_argument("--compose", help="program that is docker-compose, of 1.29 or newer")
    parser.add_argument("--keep", action="store_true")
    parser.add_argument("--build", type=pathlib.Path, default=ROOT / "build")
    args = parser.parse_args()
    engine = Engine()
    compose = None
    try:
        say(run("docker", "version", "-f", "# engine {{.Server.Version}}", show=False).strip())
        compose = Compose(base_image(), args.compose)
        for step in args.steps or STEPS:
            say(f"\n## {step}")
            globals()[step](compose, args)
        say("\nall true")
    finally:
        if not args.keep:
            if compose is not None:
                subprocess.run([*compose.command, "down"], cwd=ROOT, capture_output=True, check=False)
            engine.stop()


if __name__ == "__main__":
    main()
