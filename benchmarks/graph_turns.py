#!/usr/bin/env python3
"""`chorus serve` with its four runners as an engine of turns.py: asked "graph _ COUNT SECONDS", it makes COUNT requests
over HTTP at once and waits for the last answer."""
import argparse
import asyncio
import json
import pathlib
import sys
import tempfile

import graph

sys.path.insert(0, str(graph.ROOT / "benchmarks/peers"))
import common  # noqa: E402


async def ask_at_once(serve, count):
    async def client():
        reader, writer = await asyncio.open_connection(serve.host, serve.port, limit=1 << 24)
        reply = await graph.post(reader, writer, serve)
        writer.close()
        if reply is None or len(json.loads(reply)) != len(common.GENERATORS):
            raise RuntimeError("a request failed")

    await asyncio.gather(*[client() for _ in range(count)])


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--models", type=pathlib.Path, required=True)
    parser.add_argument("--build", type=pathlib.Path, required=True)
    parser.add_argument("--dtype", required=True)
    parser.add_argument("--serve_args", default="", help="further arguments of chorus serve")
    args = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        serve = graph.Serve(args, folder)
        common.say(seconds=serve.ready_seconds)
        try:
            common.take_turns(common.graph_works(lambda count: asyncio.run(ask_at_once(serve, count))))
        finally:
            serve.stop()


if __name__ == "__main__":
    main()
