#!/usr/bin/env bash
# Runs the linter shellcheck over every shell script of the tree: each file that begins as one.
set -euo pipefail
cd "$(dirname "$(readlink -f "$0")")/../.."
command -v shellcheck >/dev/null || { echo "shellcheck is missing: ./dev test installs it" >&2; exit 1; }
first='^#!.*[/ ](ba|da)?sh$'
mapfile -t files < <(git grep --untracked -lIE "$first" | while read -r file; do
  read -r line <"$file"
  if [[ $line =~ $first ]]; then echo "$file"; fi
done)
[ ${#files[@]} -gt 0 ] || { echo "git knows no shell script below $PWD" >&2; exit 1; }
printf '%s\n' "${files[@]}"
# SC2015: `A && B || die` is meant. SC2001: sed may do what an expansion could.
shellcheck --exclude=SC2001,SC2015 "${files[@]}"
