#!/usr/bin/env python3
"""Runs the work of the benchmarks on other systems and appends what was measured to a file, one JSON object a line.

Needs what setup.sh made. Have nothing else running. Every combination of the chosen peers, models and precisions runs
in a process of its own; what a peer cannot do is left out. A combination that fails is told, and the others still run.
"""
import argparse
import json
import pathlib
import subprocess
import sys

import common

HERE = pathlib.Path(__file__).resolve().parent


def some_of(names):
    """An argparse type: some of `names`, separated by commas."""
    def parse(text):
        unknown = set(text.split(",")) - set(names)
        if unknown:
            raise argparse.ArgumentTypeError(f"not among {', '.join(names)}: {', '.join(unknown)}")
        return text.split(",")
    return parse


def bench_command(peer, model, precision, args):
    command = [common.peers_dir() / "venvs" / peer / "bin/python", HERE / f"bench_{peer}.py",
               "--model", model, "--precision", precision]
    for name in ("threads", "runs", "max_seconds"):
        command += [f"--{name}", str(getattr(args, name))]
    for name in ("decode", "prefill", "classify", "lengths", "graph"):
        command += [f"--{name}", ",".join(map(str, getattr(args, name)))]
    return command


def show(line):
    rate = next((f"{line[unit]:10.2f} {unit}" for unit in ("tok_s", "seq_s", "req_s") if unit in line), "")
    print(f"{line['engine']:13}{line['precision']:10}{line['model']:18}{line['what']:9}"
          f"length {line.get('length', '-'):4} batch {line.get('batch', '-'):3} {line['seconds']:10.4f} s {rate}",
          flush=True)


def run(command, results):
    """Whether it ended well. Its lines are in `results` as soon as they are measured."""
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as bench:
        for line in bench.stdout:
            if line.startswith("{"):  # Some engines print words of their own.
                results.write(line)
                results.flush()
                show(json.loads(line))
    return bench.returncode == 0


def main():
    models = list(dict.fromkeys(model for peer in common.PEERS.values() for model in peer.models))
    precisions = list(dict.fromkeys(each for peer in common.PEERS.values() for each in peer.precisions))
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--results", type=pathlib.Path, required=True, help="the file to append to")
    for option, names in (("peers", list(common.PEERS)), ("models", models), ("precisions", precisions)):
        parser.add_argument(f"--{option}", type=some_of(names), default=names, metavar=option.upper(),
                            help=f"some of {','.join(names)} (default all)")
    common.add_work_arguments(parser)
    args = parser.parse_args()

    failed = []
    with args.results.open("a") as results:
        for name in args.peers:
            peer = common.PEERS[name]
            for model in [each for each in peer.models if each in args.models]:
                for precision in [each for each in peer.precisions if each in args.precisions]:
                    if not run(bench_command(name, model, precision, args), results):
                        failed.append(f"{name} {model} {precision}")
    if failed:
        sys.exit("run.py: failed: " + "; ".join(failed))


if __name__ == "__main__":
    main()
