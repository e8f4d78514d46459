#!/bin/sh
# Makes the root folder of a bare Debian bookworm with debootstrap, as root: debian_root.sh ROOT [PACKAGE,...]. The
# packages come from where this machine takes its own.
set -eu
root=$1
[ "$(id -u)" = 0 ] || { echo "debian_root.sh: debootstrap needs root" >&2; exit 1; }
command -v debootstrap >/dev/null || { echo "debian_root.sh: install the package debootstrap first" >&2; exit 1; }
# shellcheck disable=SC2016  # It is apt-get that fills in $(SITE).
mirror=$(apt-get indextargets --format '$(SITE)' 'Created-By: Packages' 'Codename: bookworm' | grep -m 1 /debian || true)
debootstrap --variant=minbase ${2:+"--include=$2"} bookworm "$root" ${mirror:+"$mirror"}
rm -rf "$root"/var/cache/apt/archives/*.deb "$root"/var/lib/apt/lists/*
