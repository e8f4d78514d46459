"""Where the programs of Chorus are: `chorus`, `api_server` and `runner_server`."""
from __future__ import annotations

import os
import pathlib
import shutil

from chorus.exceptions import ProgramError

_PACKED = pathlib.Path(__file__).parent / "bin"  # In the wheel of ./dev package.
_OUR_SCRIPT = b"chorus.__main__"  # What the `chorus` that pip makes of this package imports.


def find(name: str) -> str:
    """The path of a program: from the folder $CHORUS_BIN, else of this package, else from the PATH."""
    chosen = os.environ.get("CHORUS_BIN")
    if chosen:
        path = os.path.join(chosen, name)
        if not os.access(path, os.X_OK):
            raise ProgramError(f"CHORUS_BIN is {chosen}, where there is no program {name}")
        return os.path.abspath(path)
    if os.access(_PACKED / name, os.X_OK):
        return str(_PACKED / name)
    for folder in os.get_exec_path():
        found = shutil.which(name, path=folder)
        if found is not None and not _is_ours(found):
            return os.path.abspath(found)
    raise ProgramError(f"the program {name} is not installed: install Chorus, or set CHORUS_BIN to the folder of its "
                       "programs (docs/packages.md)")


def _is_ours(path: str) -> bool:
    with open(path, "rb") as file:
        head = file.read(1024)
    return head.startswith(b"#!") and _OUR_SCRIPT in head
