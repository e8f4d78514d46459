#!/usr/bin/env bash
# Installs the npm packages of package-lock.json into the folder $1, unless they are there.
set -euo pipefail
from=$(dirname "$(readlink -f "$0")")
command -v npm >/dev/null || { echo "npm is missing: ./dev test installs it" >&2; exit 1; }
mkdir -p "$1"
cmp -s "$from/package-lock.json" "$1/node_modules/.stamp" && exit 0
cp "$from/package.json" "$from/package-lock.json" "$1"
cd "$1"
npm ci --ignore-scripts --no-audit --no-fund
cp package-lock.json node_modules/.stamp
