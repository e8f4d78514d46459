#!/usr/bin/env bash
# Makes a virtual environment in the folder $1 with what requirements.txt names and the package of python/, as pip
# installs it from its wheel. What is there already, of the same files, stays. python3 must be CPython 3.11.
set -euo pipefail
here=$(dirname "$(readlink -f "$0")")
root=$here/../..
stamp=$(cd "$root" && find python proto/chorus tests/python/requirements.txt -type f -not -path '*/__pycache__/*' | sort |
  xargs sha256sum | sha256sum)
[ "$stamp" != "$(cat "$1/stamp" 2>/dev/null)" ] || exit 0
pip() { python3 -m pip --disable-pip-version-check --python "$1/bin/python" "${@:2}"; }

"$root/tests/make_venv.sh" "$1" "$here/requirements.txt"
rm -rf "$1/wheel"
pip "$1" wheel --quiet --no-deps --no-build-isolation --wheel-dir "$1/wheel" "$root/python"
pip "$1" install --quiet --no-deps --force-reinstall "$1"/wheel/chorus-*.whl
echo "$stamp" >"$1/stamp"
