"""How `chorus serve` tells a service in Python from what its program serves."""
from __future__ import annotations

import pathlib
from collections.abc import Sequence


def names_service(words: Sequence[str]) -> bool:
    """Whether the words after `serve` name a service in Python: MODULE:NAME, where the file is there.

    All else is for the program `chorus`, whose own `serve TAG` also takes NAME:VERSION.
    """
    folder = _folder(words)
    for word in words:
        if word.startswith("-") or ":" not in word:
            continue
        module = module_of(word)
        stem = folder / module.replace(".", "/")
        return stem.with_suffix(".py").is_file() or (stem / "__init__.py").is_file()
    return False


def _folder(words: Sequence[str]) -> pathlib.Path:
    for index, word in enumerate(words):
        name, equals, value = word.partition("=")
        if name in ("--working-dir", "--working_dir"):
            return pathlib.Path(value if equals else "".join(words[index + 1:index + 2]))
    return pathlib.Path()


def module_of(reference: str) -> str:
    return reference.rpartition(":")[0].removesuffix(".py").replace("/", ".")
