#!/usr/bin/env bash
# Runs every client of examples/ against `chorus serve` with the demo models. usage: examples_test.sh BIN
set -euo pipefail
bin=$1
examples=$(dirname "$(readlink -f "$0")")/../../examples
folder=$(mktemp -d)
CHORUS_HOME=$folder/home "$bin/chorus" serve --port 0 --grpc_port 0 >"$folder/log" 2>&1 &
serve=$!
trap 'kill $serve 2>/dev/null; wait $serve || true; rm -rf "$folder"' EXIT
for _ in $(seq 1200); do
  grep -q 'Chorus is ready' "$folder/log" && break
  kill -0 $serve || { cat "$folder/log"; exit 1; }
  sleep 0.1
done
ready=$(grep 'Chorus is ready' "$folder/log")
http=$(sed 's/.*HTTP \([^,]*\),.*/\1/' <<<"$ready")
grpc=$(sed 's/.*gRPC //' <<<"$ready")

# expect PATTERN COMMAND...: COMMAND ends well and prints a line that matches PATTERN.
expect() {
  local pattern=$1 out; shift
  out=$("$@" 2>&1) || { echo "failed: $*"; echo "$out"; exit 1; }
  grep -Eq -- "$pattern" <<<"$out" || { echo "nothing like '$pattern' from: $*"; echo "$out"; exit 1; }
}

expect '^\[\{"generated":"I have an idea!' "$examples/curl/unary.sh" "$http"
expect '^event: done' "$examples/curl/stream.sh" "$http"
expect '^data: \{"index":' "$examples/curl/cancel.sh" "$http"
for client in "$bin/example_client" "$folder/python"; do
  if [ "$client" = "$folder/python" ]; then
    "$examples/python/make_modules.sh" "$folder/modules"
    printf '#!/bin/sh\nPYTHONPATH=%s exec /usr/bin/python3 %s "$@"\n' "$folder/modules" "$examples/python/client.py" >"$client"
    chmod +x "$client"
  fi
  expect '^gpt2-medium-generation: (POSITIVE|NEGATIVE) 0\.' "$client" unary "$grpc"
  expect '^done: [0-9]+ tokens' "$client" stream "$grpc"
  expect '^score distilgpt2: ' "$client" stream "$grpc"
  expect '^ended: CANCELLED' "$client" cancel "$grpc"
done
# What is wrong is said, and is an error.
if "$bin/example_client" unary "$grpc" "$(printf '\xff')" 2>"$folder/error"; then exit 1; fi
grep -q UTF-8 "$folder/error"
