#!/usr/bin/env bash
# make_venv.sh VENV REQUIREMENTS: makes a virtual environment with the wheels that a file of hashes names. One that is
# of the same file stays. python3 must be CPython 3.11.
set -euo pipefail
! cmp -s "$2" "$1/requirements.txt" || exit 0
rm -rf "$1"
python3 -m venv --without-pip "$1"  # Debian has ensurepip in a package of its own.
python3 -m pip --disable-pip-version-check --python "$1/bin/python" install --quiet --no-deps --require-hashes \
  --only-binary=:all: -r "$2"
cp "$2" "$1/requirements.txt"
