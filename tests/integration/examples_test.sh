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

# What examples/README.md prints is run as it stands, with the server's address after it.
cd "$examples/.."
# shellcheck disable=SC2016  # The backquotes are those of the table.
sed -n '/^|.*| .*`[^|]*|$/s/.*|\(.*\)|$/\1/p' examples/README.md | grep -o '`[^`]*`' | tr -d '`' >"$folder/commands"
[ "$(wc -l <"$folder/commands")" = 6 ] || { echo "examples/README.md has other commands:"; cat "$folder/commands"; exit 1; }
examples/python/make_modules.sh "$folder/modules"
while read -r command; do
  address=$http; pattern='^done: [0-9]+ tokens'
  case $command in
    *unary.sh) pattern='^\[\{"generated":"I have an idea!' ;;
    *stream.sh) pattern='^event: done' ;;
    *cancel.sh) pattern='^data: \{"index":' ;;
    *example_client*|*client.py*) [[ $command == *http_client* ]] || address=$grpc ;;
  esac
  command=${command//\/tmp\/chorus-modules/$folder/modules}
  expect "$pattern" env PATH="/usr/bin:$PATH" bash -c "${command//build\/bin/$bin} '$address'"
done <"$folder/commands"

grpc_client() { PYTHONPATH=$folder/modules /usr/bin/python3 examples/python/client.py "$@"; }
http_client() { /usr/bin/python3 -S examples/python/http_client.py "$@"; }  # -S: without any package.
for client in "$bin/example_client" grpc_client http_client; do
  address=$grpc; ended=CANCELLED
  if [ "$client" = http_client ]; then address=$http; ended=closed; fi
  expect '^gpt2-medium-generation: (POSITIVE|NEGATIVE) 0\.' "$client" unary "$address"
  expect '^done: [0-9]+ tokens' "$client" stream "$address"
  expect '^score distilgpt2: ' "$client" stream "$address"
  expect "^ended: $ended" "$client" cancel "$address"
done

# What is wrong is said, and is an error: refuse PATTERN COMMAND...
refuse() {
  local pattern=$1; shift
  if "$@" >"$folder/error" 2>&1; then echo "went well: $*"; exit 1; fi
  grep -Eq -- "$pattern" "$folder/error" || { echo "nothing like '$pattern' from: $*"; cat "$folder/error"; exit 1; }
}
refuse UTF-8 "$bin/example_client" unary "$grpc" "$(printf '\xff')"
refuse '^http_client.py: 404: ' http_client unary "$http/nothing"
refuse 'does not answer' http_client unary http://127.0.0.1:1
# What is missing is named, with what brings it.
refuse 'apt-get install python3-grpcio python3-protobuf' /usr/bin/python3 -S examples/python/client.py unary
refuse 'examples/python/make_modules.sh /tmp/chorus-modules' /usr/bin/python3 examples/python/client.py unary
mkdir "$folder/bare"
ln -s "$(command -v bash)" "$(command -v dirname)" "$(command -v readlink)" "$(command -v mkdir)" "$folder/bare"
refuse 'apt-get install protobuf-compiler protobuf-compiler-grpc' env PATH="$folder/bare" PYTHON=/nowhere bash examples/python/make_modules.sh "$folder/other"
refuse '\./dev setup programs' env GOOGLE_API_PROTOS=/nowhere PYTHON=/nowhere examples/python/make_modules.sh "$folder/other"
