#!/bin/sh
# Prints the path of each shared library that the programs load: libraries.sh PROGRAM... . One that is missing is an
# error.
set -eu
# Lines such as `libz.so.1 => /lib/x86_64-linux-gnu/libz.so.1 (0x…)`.
libraries=$(ldd "$@" | awk '/not found/ { print > "/dev/stderr"; missing = 1 } $2 == "=>" { print $3 } END { exit missing }')
printf '%s\n' "$libraries" | sort -u
