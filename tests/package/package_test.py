#!/usr/bin/env python3
"""Uses the packages of ./dev package in bare Debian roots: package_test.py --packages FOLDER [--root FOLDER] [STEP...]

Needs root, debootstrap and Debian's mirror. Each step begins with a root that has nothing of Chorus, nor of its
libraries: bookworm as debootstrap --variant=minbase makes it, and for the wheel Python's venv besides. What is
installed there answers the README's first request. Prints a transcript; the first promise that does not hold ends it
with exit status 1. --root keeps the roots in a folder for the next run. Steps: tarball, deb, wheel; without any, all.

Ubuntu's mirror may be out of reach: of Ubuntu the test shows that its glibc is new enough for what the packages ask
for.
"""
import argparse
import contextlib
import json
import os
import pathlib
import re
import shutil
import signal
import socket
import subprocess
import sys
import tempfile
import time
import urllib.error
import urllib.request

SOURCE = pathlib.Path(__file__).resolve().parent.parent.parent
PROMPT = "I have an idea!"
UBUNTU_GLIBC = (2, 39)  # Of 24.04.
START_SECONDS = 120


def say(text=""):
    print(text, flush=True)


def check(condition, text):
    say(("ok: " if condition else "FAILED: ") + text)
    if not condition:
        sys.exit(1)


def within(root, *command):
    """The command line that runs in the root alone: its files, and processes that end with the first."""
    return ["unshare", "--mount", "--pid", "--fork", "--kill-child", "sh", "-c",
            'mount -t proc proc "$0/proc" && root=$0 && exec chroot "$root" env -i HOME=/root PATH=/usr/bin:/usr/sbin:/bin:/sbin "$@"',
            str(root), *command]


def run(root, *command):
    """What the command prints; its failure is this test's."""
    say("# " + " ".join(command))
    result = subprocess.run(within(root, *command), stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True, check=False)
    if result.returncode != 0:
        say(result.stdout[-3000:])
        check(False, f"exit status {result.returncode}")
    return result.stdout


def free_port():
    with socket.socket() as listener:
        listener.bind(("127.0.0.1", 0))
        return listener.getsockname()[1]


def post(url, body):
    request = urllib.request.Request(url, body.encode(), {"Content-Type": "text/plain"})
    with urllib.request.urlopen(request, timeout=60) as reply:
        return json.load(reply)


def ready(url):
    try:
        with urllib.request.urlopen(url + "/readyz", timeout=5) as reply:
            return reply.status == 200
    except (OSError, urllib.error.URLError):
        return False


@contextlib.contextmanager
def served(root, chorus):
    """`chorus serve` in the root; gives its URL, and ends it as a service is ended."""
    port = free_port()
    command = [chorus, "serve", "--port", str(port), "--grpc_port", str(free_port())]
    say("# " + " ".join(command))
    with tempfile.TemporaryFile("w+") as log:
        with subprocess.Popen(within(root, *command), stdout=log, stderr=log) as process:
            try:
                url = f"http://127.0.0.1:{port}"
                begin = time.monotonic()
                while not ready(url):
                    if process.poll() is not None or time.monotonic() - begin > START_SECONDS:
                        log.seek(0)
                        say(log.read()[-3000:])
                        check(False, f"ready within {START_SECONDS} s")
                    time.sleep(0.1)
                say(f"ok: ready after {time.monotonic() - begin:.1f} s")
                yield url
            finally:
                # unshare itself is deaf to it; its only child is `chorus serve`.
                children = pathlib.Path(f"/proc/{process.pid}/task/{process.pid}/children").read_text()
                for child in children.split():
                    os.kill(int(child), signal.SIGTERM)


def answers(root, chorus):
    """Checks that the programs work in the root: the README's first request, and one model without a server."""
    with served(root, chorus) as url:
        results = post(url + "/classify_generated_texts", PROMPT)
        check(len(results) == 3 and all(r["generated"].startswith(PROMPT) and 0 <= r["score"] <= 1 for r in results),
              "three texts that begin with the prompt, each with a score")
        with urllib.request.urlopen(url + "/", timeout=10) as page:
            check(b"<html" in page.read().lower(), "the web page")
    printed = run(root, chorus, "run", "bert-base-uncased-classification", "a wonderful, touching film")
    check(printed.startswith("POSITIVE 0.99"), "chorus run: " + printed.strip())


def is_bare(root):
    names = {path.name for path in root.glob("usr/lib/x86_64-linux-gnu/lib*")}
    check(not any(re.match(r"lib(grpc|protobuf|absl|stdc\+\+_|curl|archive|yaml)", name) for name in names),
          "the root has no library of the programs' but the system's own")


def one(folder, pattern):
    found = list(folder.glob(pattern))
    check(len(found) == 1, f"one {pattern}: {', '.join(path.name for path in found)}")
    return found[0]


def tarball(root, packages):
    archive = one(packages, "chorus-*.tar.gz")
    subprocess.run(["tar", "-xzf", archive, "-C", root / "opt"], check=True)
    one(root / "opt", "chorus-*").rename(root / "opt/anywhere")
    answers(root, "/opt/anywhere/bin/chorus")


def deb(root, packages):
    archive = one(packages, "chorus_*.deb")
    shutil.copy(archive, root)
    run(root, "dpkg", "--install", "/" + archive.name)
    answers(root, "chorus")
    run(root, "dpkg", "--purge", "chorus")
    check(not list(root.glob("usr/*/chorus")) and not (root / "usr/share/doc/chorus").exists(), "purged, nothing is left")


def wheel(root, packages):
    archive = one(packages, "chorus-*.whl")
    needed = tuple(int(part) for part in re.search(r"manylinux_(\d+)_(\d+)_", archive.name).groups())
    check(needed <= UBUNTU_GLIBC, f"glibc {needed} is enough, and Ubuntu 24.04 has {UBUNTU_GLIBC}")
    shutil.copy(archive, root)
    run(root, "python3", "-m", "venv", "/venv")
    run(root, "/venv/bin/pip", "install", "--no-index", "--no-deps", "/" + archive.name)
    answers(root, "/venv/bin/chorus")
    run(root, "/venv/bin/pip", "uninstall", "--yes", "chorus")
    check(not list(root.glob("venv/lib/python3*/site-packages/chorus*")), "uninstalled, nothing is left")


STEPS = {"tarball": (tarball, ""), "deb": (deb, ""), "wheel": (wheel, "python3-venv")}


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--packages", type=pathlib.Path, required=True)
    parser.add_argument("--root", type=pathlib.Path)
    parser.add_argument("steps", nargs="*", metavar="STEP")
    args = parser.parse_args()
    if unknown := set(args.steps) - set(STEPS):
        parser.error(f"no such step: {', '.join(unknown)}")
    with tempfile.TemporaryDirectory(prefix="chorus-package-") as scratch:
        kept = args.root or pathlib.Path(scratch) / "kept"
        kept.mkdir(parents=True, exist_ok=True)
        for name in args.steps or STEPS:
            step, extra = STEPS[name]
            say(f"== {name}")
            bare = kept / (extra or "minbase")
            if not bare.exists():
                making = kept / "making"
                subprocess.run(["rm", "-rf", making], check=True)
                subprocess.run([SOURCE / "deploy/debian_root.sh", making, *([extra] if extra else [])], check=True,
                               stdout=subprocess.DEVNULL)
                making.rename(bare)
            root = pathlib.Path(scratch) / name
            subprocess.run(["cp", "-a", bare, root], check=True)
            is_bare(root)
            step(root, args.packages)
            subprocess.run(["rm", "-rf", root], check=True)
    say("every promise holds")


if __name__ == "__main__":
    main()
