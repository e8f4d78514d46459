#!/usr/bin/env bash
# hadolint over every Dockerfile of the tree. $1: the folder that setup.sh filled.
set -euo pipefail
tools=$(readlink -f "$1")
cd "$(dirname "$(readlink -f "$0")")/../.."
mapfile -t files < <(git ls-files -co --exclude-standard 'Dockerfile*' '*/Dockerfile*' '*.dockerfile')
[ ${#files[@]} -gt 0 ] || { echo "git knows no Dockerfile below $PWD" >&2; exit 1; }
printf '%s\n' "${files[@]}"
# DL3008: Debian's packages are not pinned one by one; their release is, by the base image. DL3059: a layer of its own
# for each step of the builder is a step that need not be done again.
"$tools/bin/hadolint" --ignore DL3008 --ignore DL3059 "${files[@]}"
