"""Makes the descriptors of Chorus's protos, from which the package makes its messages when it is imported.

usage: descriptors.py FILE

Takes protoc from grpcio-tools where that is installed, else from the PATH, and google/api/annotations.proto from
GOOGLE_API_PROTOS, from where ./dev setup puts it, or from googleapis-common-protos.
"""
import importlib.util
import os
import pathlib
import subprocess
import sys

NAME = "descriptors.binpb"

HERE = pathlib.Path(__file__).resolve().parent
PROTOS = ["chorus/v1/inference.proto", "chorus/runner/v1/runner.proto", "google/rpc/status.proto",
          "google/rpc/error_details.proto"]


def google_protos() -> pathlib.Path:
    candidates = [pathlib.Path(os.environ.get("GOOGLE_API_PROTOS", "/nowhere")), HERE.parent / ".deps/protos"]
    try:
        found = importlib.util.find_spec("google.rpc")
    except ModuleNotFoundError:  # Not even google.
        found = None
    if found is not None:
        candidates += [pathlib.Path(path).parents[1] for path in found.submodule_search_locations or []]
    for folder in candidates:
        if (folder / "google/api/annotations.proto").exists():
            return folder
    raise SystemExit("descriptors.py: google/api/annotations.proto is not there: run ./dev setup programs, "
                     "or pip install googleapis-common-protos")


def make(file: pathlib.Path) -> None:
    protos = HERE / "proto" if (HERE / "proto").exists() else HERE.parent / "proto"  # The first in an sdist.
    if not (protos / PROTOS[0]).exists():
        raise SystemExit(f"descriptors.py: there is no {protos / PROTOS[0]}: the package is installed from a whole "
                         "checkout of Chorus, by pip install CHECKOUT/python, or from a wheel")
    protoc = ["protoc"]
    if importlib.util.find_spec("grpc_tools") is not None:
        protoc = [sys.executable, "-m", "grpc_tools.protoc"]
    subprocess.run([*protoc, f"-I{protos}", f"-I{google_protos()}", "--include_imports",
                    f"--descriptor_set_out={file}", *PROTOS], check=True)


if __name__ == "__main__":
    if len(sys.argv) != 2:
        sys.exit(__doc__)
    make(pathlib.Path(sys.argv[1]))
