"""The command `chorus`: `serve MODULE:NAME` serves a service in Python, all else is the program's."""
from __future__ import annotations

import os
import sys

from chorus import _programs
from chorus._reference import names_service
from chorus.exceptions import ProgramError


def _become(name: str) -> int:
    try:
        program = _programs.find(name)
    except ProgramError as error:
        print(f"{name}: {error}", file=sys.stderr)
        return 127
    os.execv(program, [program, *sys.argv[1:]])


def main() -> int:
    words = sys.argv[1:]
    if words[:1] == ["serve"] and names_service(words[1:]):
        from chorus import _serve  # Imports gRPC, which the program does without.
        return _serve.main(words[1:])
    return _become("chorus")


def api_server() -> int:
    return _become("api_server")


def runner_server() -> int:
    return _become("runner_server")


if __name__ == "__main__":
    sys.exit(main())
