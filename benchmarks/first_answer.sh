#!/usr/bin/env bash
# From nothing to the first answer: benchmarks/first_answer.sh [REPOSITORY] clones it into a new folder, runs ./dev
# serve there with an empty compiler cache and an empty store, and asks the README's first request until it is answered.
# Prints how long that took, by the clock and in seconds of a core. Debian packages that are there already cost nothing:
# where they are to count, run it in a bare root (deploy/debian_root.sh).
set -euo pipefail
from=${1:-$(dirname "$(readlink -f "$0")")/..}
folder=$(mktemp -d)
export CHORUS_HOME=$folder/store CCACHE_DIR=$folder/ccache
port=$(python3 -c 'import socket; s = socket.socket(); s.bind(("127.0.0.1", 0)); print(s.getsockname()[1])')
pid=
trap '[ -z "$pid" ] || kill "$pid" 2>/dev/null || true; wait; rm -rf "$folder"' EXIT

begin=$(date +%s)
git clone -q "$from" "$folder/chorus"
cd "$folder/chorus"
./dev serve --port "$port" --grpc_port 0 &
pid=$!
until curl -s -f -X POST "http://127.0.0.1:$port/classify_generated_texts?details=true&max_length=20&seed=7" \
  -H 'Content-Type: text/plain' -d 'I have an idea!'; do
  kill -0 "$pid" 2>/dev/null || { pid=; echo "./dev serve ended before it answered" >&2; exit 1; }
  sleep 1
done
seconds=$(($(date +%s) - begin))
kill "$pid"
wait "$pid" || true
pid=
echo
echo "first answer after $seconds s: $(nproc) cores, $(sed -n '/^model name/{s/.*: //p;q}' /proc/cpuinfo)"
echo "of the shell and, below, of its children, seconds of a core (user, system):"
times
