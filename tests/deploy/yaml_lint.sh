#!/usr/bin/env bash
# yamllint over every YAML file of the tree.
set -euo pipefail
here=$(dirname "$(readlink -f "$0")")
cd "$here/../.."
command -v yamllint >/dev/null || { echo "yamllint is missing: ./dev test installs it" >&2; exit 1; }
mapfile -t files < <(git ls-files -co --exclude-standard '*.yml' '*.yaml')
[ ${#files[@]} -gt 0 ] || { echo "git knows no YAML file below $PWD" >&2; exit 1; }
echo "${#files[@]} files"
yamllint --strict -c "$here/yamllint.yaml" "${files[@]}"
