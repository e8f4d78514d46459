#!/usr/bin/env bash
# What ./dev serve builds: configure_test.sh PROTOS [CMAKE_ARGUMENT...] shows that the programs are configured without
# libtorch, GoogleTest and benchmark, and that ./dev test, which adds the tests to the same folder, builds none of it
# again.
set -euo pipefail
source=$(cd "$(dirname "$(readlink -f "$0")")/../.." && pwd)
protos=$1; shift
scratch=$(mktemp -d)
trap 'rm -rf "$scratch"' EXIT
fail() { echo "FAILED: $*" >&2; exit 1; }
configure() { cmake -S "$source" -B "$scratch/build" -G Ninja -DCMAKE_BUILD_TYPE=Release "$@" >"$scratch/log" 2>&1 || { cat "$scratch/log"; fail "cmake $*"; }; }
commands() { ninja -C "$scratch/build" -t commands api_server runner_server chorus | sort; }

configure -DBUILD_TESTING=OFF -DCHORUS_QUICK=ON -DCHORUS_DEPS_DIR="$scratch/none" -DGOOGLE_API_PROTO_DIR="$protos"
commands >"$scratch/alone"
[ "$(wc -l <"$scratch/alone")" -gt 100 ] || fail "the programs take no commands"
! grep -E 'libtorch|libgtest|libgmock|libbenchmark' "$scratch/alone" || fail "the programs link what only tests need"
! ninja -C "$scratch/build" -t targets all | grep -E '^(tests|benchmarks|examples)\.' || fail "there are targets besides the programs"

configure -DBUILD_TESTING=ON "$@"
commands >"$scratch/beside"
cmp "$scratch/alone" "$scratch/beside" || fail "with the tests the programs are built otherwise"
