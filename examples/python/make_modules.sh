#!/usr/bin/env bash
# Makes the Python modules of Chorus's protos. usage: make_modules.sh FOLDER, then PYTHONPATH=FOLDER ./client.py unary
# Needs protoc with its Python plugin for gRPC (Debian: protobuf-compiler-grpc), and to run the client grpcio
# (Debian: python3-grpcio). GOOGLE_API_PROTOS is a folder with google/api/annotations.proto; ./dev setup fetches one.
set -euo pipefail
root=$(readlink -f "$(dirname "$(readlink -f "$0")")/../..")
google=${GOOGLE_API_PROTOS:-$root/.deps/protos}
out=${1:?usage: make_modules.sh FOLDER}
mkdir -p "$out"
protoc -I "$root/proto" -I "$google" --python_out="$out" --grpc_python_out="$out" \
  --plugin=protoc-gen-grpc_python="$(command -v grpc_python_plugin)" \
  chorus/v1/inference.proto google/api/annotations.proto google/api/http.proto
