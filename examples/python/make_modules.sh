#!/usr/bin/env bash
# Makes the Python modules of Chorus's protos. usage: make_modules.sh FOLDER, then PYTHONPATH=FOLDER ./client.py unary
# GOOGLE_API_PROTOS is a folder with google/api/annotations.proto; ./dev setup fetches one.
set -euo pipefail
root=$(readlink -f "$(dirname "$(readlink -f "$0")")/../..")
google=${GOOGLE_API_PROTOS:-$root/.deps/protos}
out=${1:?usage: make_modules.sh FOLDER}
python=${PYTHON:-python3}
die() { printf 'make_modules.sh: %s\n' "$*" >&2; exit 1; }

if [ ! -f "$google/google/api/annotations.proto" ]; then  # pip's packages bring them too.
  google=$("$python" -c 'import google.api, os; print(os.path.dirname(os.path.dirname(list(google.api.__path__)[0])))' 2>/dev/null) &&
    [ -f "$google/google/api/annotations.proto" ] ||
    die "google/api/annotations.proto is not there: run ./dev setup programs, or pip install googleapis-common-protos"
fi
mkdir -p "$out"
protos=(chorus/v1/inference.proto chorus/v1/encoder.proto chorus/v1/generation.proto
        google/api/annotations.proto google/api/http.proto)
if command -v protoc >/dev/null && plugin=$(command -v grpc_python_plugin); then
  protoc -I "$root/proto" -I "$google" --python_out="$out" --grpc_python_out="$out" \
    --plugin=protoc-gen-grpc_python="$plugin" "${protos[@]}"
elif "$python" -c 'import grpc_tools' 2>/dev/null; then
  "$python" -m grpc_tools.protoc -I "$root/proto" -I "$google" --python_out="$out" --grpc_python_out="$out" "${protos[@]}"
else
  die "protoc with its Python plugin for gRPC is not installed: apt-get install protobuf-compiler protobuf-compiler-grpc, or pip install grpcio-tools"
fi
