#!/usr/bin/env bash
# What can be shown of a package without root: wheel_test.sh BUILD VERSION makes the wheel of the programs in the build
# folder, installs it into a folder of its own, and shows that the programs run there on the libraries packed with them.
set -euo pipefail
build=$1 version=$2
source=$(cd "$(dirname "$(readlink -f "$0")")/../.." && pwd)
scratch=$(mktemp -d)
trap 'rm -rf "$scratch"' EXIT
fail() { echo "FAILED: $*" >&2; exit 1; }

# A program that lacks a library is not packed.
echo 'int gone() { return 0; }' | c++ -x c++ -shared -fPIC -o "$scratch/libgone.so" -
echo 'int gone(); int main() { return gone(); }' | c++ -x c++ - -o "$scratch/lacking" -L"$scratch" -lgone
rm "$scratch/libgone.so"
if "$source/deploy/libraries.sh" "$scratch/lacking" >"$scratch/out" 2>&1; then fail "a missing library went unnoticed"; fi
grep -q 'libgone.so => not found' "$scratch/out" || fail "the missing library is not named: $(cat "$scratch/out")"

cmake --install "$build" --component programs --prefix "$scratch/tree" --strip >/dev/null
python3 "$source/deploy/package.py" --tree "$scratch/tree" --version "$version" --out "$scratch/out.d" --only wheel
python3 -m pip install --disable-pip-version-check --root-user-action=ignore --quiet --no-index --no-deps --target "$scratch/site" "$scratch"/out.d/chorus-*.whl
export PYTHONPATH=$scratch/site
for program in chorus api_server runner_server; do
  "$scratch/site/bin/$program" --help >"$scratch/help" || fail "$program does not run"
  # Its libraries are those of the package, or glibc's.
  ldd "$scratch/site/chorus/bin/$program" | awk '$2 == "=>" { print $3 }' | while read -r library; do
    case $library in
      "$scratch"/site/chorus/bin/../lib/*) [ -s "$library" ] ;;
      *) { dpkg-query --search "$library" "/usr$library" 2>/dev/null || true; } | grep -q '^libc6' ;;
    esac || fail "$program loads $library"
  done
done
[ "$("$scratch/site/bin/chorus" --version)" = "$(python3 -m chorus --version)" ] || fail "python -m chorus is another program"
for module in "$source"/python/chorus/*.py; do
  cmp "$module" "$scratch/site/chorus/${module##*/}" || fail "the wheel lacks the Python of python/"
done
grep -q InferenceService "$scratch/site/chorus/descriptors.binpb" || fail "the wheel has no descriptors"
grep -q '^Requires-Dist: grpcio' "$scratch"/site/chorus-*.dist-info/METADATA || fail "the wheel does not ask for gRPC"
CHORUS_HOME=$scratch/store "$scratch/site/bin/chorus" models list | grep -q gpt2-generation:demo || fail "no demo models"
grep -q 'libgrpc' "$scratch/site/chorus/share/doc/chorus/libraries.txt" || fail "the libraries are not listed"
[ -s "$scratch/site/chorus/share/doc/chorus/licences/libssl3" ] || fail "OpenSSL's licence is not there"
