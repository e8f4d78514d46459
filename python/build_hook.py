"""Puts what descriptors.py makes into the wheel, when the wheel is built."""
import pathlib
import sys
import tempfile
from typing import Any

from hatchling.builders.hooks.plugin.interface import BuildHookInterface

sys.path.insert(0, str(pathlib.Path(__file__).parent))
import descriptors  # noqa: E402


class DescriptorsHook(BuildHookInterface):
    def initialize(self, version: str, build_data: dict[str, Any]) -> None:
        self.folder = tempfile.TemporaryDirectory()
        made = pathlib.Path(self.folder.name) / descriptors.NAME
        descriptors.make(made)
        # "editable": the source tree, where Python then finds the package, is not written to by others.
        if version == "editable":
            made = made.replace(pathlib.Path(self.root) / "chorus" / descriptors.NAME)
        build_data["force_include"][str(made)] = f"chorus/{descriptors.NAME}"

    def finalize(self, version: str, build_data: dict[str, Any], artifact_path: str) -> None:
        self.folder.cleanup()
