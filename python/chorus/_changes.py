"""What a service is made of, as it is at the moment: Python files, and the models it asked the store for."""
from __future__ import annotations

import os
import pathlib
from collections.abc import Mapping

State = dict[str, str]  # By what people call it: a file below the folder, or a tag. A value differs when it does.

_SKIPPED = {"__pycache__", "node_modules", "site-packages"}


def look_at_files(folder: pathlib.Path) -> State:
    """The Python files below the folder, but those in hidden folders, virtual environments, and behind links."""
    state: State = {}
    _add_files(str(folder), "", state)
    return state


def _add_files(folder: str, prefix: str, state: State) -> None:
    try:
        with os.scandir(folder) as found:
            entries = list(found)
    except OSError:  # It has gone.
        return
    if prefix and any(entry.name == "pyvenv.cfg" for entry in entries):
        return
    for entry in entries:
        try:
            if entry.is_dir(follow_symlinks=False):
                if not entry.name.startswith(".") and entry.name not in _SKIPPED:
                    _add_files(entry.path, f"{prefix}{entry.name}/", state)
            elif entry.name.endswith(".py"):
                state[prefix + entry.name] = _stat(entry.path)
        except OSError:
            continue


def look_at_models(asked: Mapping[str, str]) -> State:
    """`asked` has the folder that each tag stood for; one without a version now stands for the latest."""
    state: State = {}
    for tag, path in asked.items():
        folder = pathlib.Path(path)
        if tag.partition(":")[2] in ("", "latest"):
            try:
                folder = folder.parent / (folder.parent / "latest").read_text().strip()
            except (OSError, ValueError):
                pass  # It is being changed; the next look sees how.
        state[tag] = state_of_model(folder)
    return state


def state_of_model(folder: pathlib.Path) -> str:
    """Not of manifest.json, which people may add to."""
    try:
        files = sorted(path for path in folder.rglob("*") if path.is_file() and path.name != "manifest.json")
        return "\n".join([folder.name, *(f"{path.name} {_stat(str(path))}" for path in files)])
    except OSError:
        return folder.name


def _stat(path: str) -> str:
    stat = os.stat(path)
    return f"{stat.st_ino} {stat.st_size} {stat.st_mtime_ns}"


def describe(before: State, now: State) -> str:
    """"service.py and gpt2-generation:latest have changed"."""
    names = sorted(name for name in before.keys() | now.keys() if before.get(name) != now.get(name))
    shown = names[:3] + ([f"{len(names) - 3} more"] if len(names) > 3 else [])
    listed = " and ".join([", ".join(shown[:-1]), shown[-1]] if len(shown) > 1 else shown)
    return f"{listed} {'has' if len(names) == 1 else 'have'} changed"


class ChangeWatch:
    """Takes a state that has been seen twice, so that nothing half-written is (base/change_watch.h)."""

    def __init__(self, taken: State) -> None:
        self._taken = self._last = taken

    def see(self, now: State, asked: bool) -> bool:
        """Whether `now` is to be taken; it then counts as taken, whether it is of use or not. `asked`: at once."""
        settled, self._last = now == self._last, now
        if not asked and (not settled or now == self._taken):
            return False
        self._taken = now
        return True
