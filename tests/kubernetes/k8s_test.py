#!/usr/bin/env python3
"""Runs deploy/kubernetes on a real cluster of one node, made here, and shows what it promises: ./dev k8s-test [--keep]
[STEP...]

Needs root. Builds Kubernetes from its Go module and the images with Docker, which takes long the first time, and keeps
both in build/kubernetes. Prints a transcript; the first promise that does not hold ends it with exit status 1. --keep
leaves the cluster running until Ctrl-C, and tells how to enter it. Steps, after the cluster is up and the demo overlay
applied: policies, scale, kill, roll, graph, bad, production; without any, all.
"""
import argparse
import contextlib
import os
import pathlib
import signal
import subprocess
import sys
import tempfile
import time

HERE = pathlib.Path(__file__).resolve().parent
sys.path[:0] = [str(HERE.parent / "docker"), str(HERE.parent / "deploy")]

import images  # noqa: E402  Which finds docker_test by the line above.
import policies  # noqa: E402
import production  # noqa: E402
import steps  # noqa: E402
from cluster import Cluster  # noqa: E402
from docker_test import ROOT, run, say, wait_until  # noqa: E402

STEPS = {"policies": policies.policies, "scale": steps.scale, "kill": steps.kill, "roll": steps.roll, "graph": steps.graph,
         "bad": steps.bad, "production": production.production}
# Images that the manifests name, and the program that build.sh makes of the same version, for where no registry is
# reached.
STAND_INS = {
    "prom/prometheus:v3.5.0": "prometheus",
    "registry.k8s.io/prometheus-adapter/prometheus-adapter:v0.12.0": "adapter",
}


def prepare(folder):
    """Programs and images, built with this machine's network."""
    say("\n## build")
    begin = time.monotonic()
    subprocess.run([HERE / "build.sh", folder / "programs"], check=True)
    say(f"# the programs of the cluster are there after {time.monotonic() - begin:.0f} s")
    run(ROOT / "tests/deploy/setup.sh", folder / "tools", show=False)
    images.build(folder)


def enter_namespaces(args):
    """Runs this again where only it is; what it started ends with it. The exit status."""
    with tempfile.TemporaryDirectory(prefix="run-", dir=args.folder) as state:
        command = ["unshare", "--net", "--mount", "--pid", "--fork", "--kill-child", "--mount-proc", sys.executable,
                   str(HERE / "k8s_test.py"), "--inside", state, "--folder", str(args.folder), *args.steps]
        if args.keep:
            command.append("--keep")
        process = subprocess.Popen(command)
        if args.keep:
            say(f"# to enter it: nsenter --all -t $(pgrep -P {process.pid}) kubectl --kubeconfig {state}/kubeconfig …; to end "
                "it: Ctrl-C")
        try:
            return process.wait()
        except KeyboardInterrupt:  # Which the test inside has heard, too: it ends in its own order.
            return process.wait(120)
        finally:
            process.kill()  # If it is there yet. Its namespaces end with it.
            process.wait()
            remove_control_groups()


def remove_control_groups():
    """Those that the kubelet made, as soon as the processes in them have ended."""
    def removed():
        for top in pathlib.Path("/sys/fs/cgroup").glob("**/kubepods"):
            for folder, _, _ in os.walk(top, topdown=False):
                try:
                    os.rmdir(folder)
                except OSError:
                    return False
        return True
    wait_until(removed, 20, "the control groups empty")


def inside(args):
    say("\n## up")
    cluster = Cluster(args.folder / "programs", args.folder / "tools/bin/kubectl", args.inside)
    try:
        cluster.start()
        for target in images.TARGETS:
            cluster.load_images(args.folder / f"{target}.tar")
        for name, program in STAND_INS.items():
            cluster.load_image(name, cluster.programs / program, [f"/bin/{program}"])
        say("\n## apply")
        steps.apply(cluster)
        for name in args.steps or STEPS:
            say(f"\n## {name}")
            STEPS[name](cluster)
        say("\nall true")
    except SystemExit:
        steps.explain(cluster)
        raise
    finally:
        if args.keep:
            with contextlib.suppress(KeyboardInterrupt):
                signal.pause()
        cluster.stop()


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("steps", nargs="*", metavar="STEP", choices=[*STEPS, []], default=[])
    parser.add_argument("--keep", action="store_true")
    parser.add_argument("--folder", type=pathlib.Path, default=ROOT / "build/kubernetes")
    parser.add_argument("--inside", type=pathlib.Path, help=argparse.SUPPRESS)
    args = parser.parse_args()
    if args.inside:
        inside(args)
        return 0
    if os.geteuid() != 0:
        sys.exit("could not do any of this: namespaces, a kubelet and its containers need root")
    signal.signal(signal.SIGTERM, lambda *_: sys.exit("terminated"))
    args.folder.mkdir(parents=True, exist_ok=True)
    prepare(args.folder)
    return enter_namespaces(args)


if __name__ == "__main__":
    sys.exit(main())
