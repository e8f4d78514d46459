#!/usr/bin/env bash
# Makes a folder of Debian's arm64 packages, and of all that they depend on, for a compiler that builds for arm64 here:
# arm64_root.sh ROOT PACKAGE... . They are of the releases that this machine takes its own packages from, and are
# unpacked, not installed: nothing of this machine changes, and nobody need be root.
set -euo pipefail
root=$1; shift
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
mkdir -p "$work/state/lists/partial" "$work/cache/archives/partial"
: >"$work/status"  # Nothing is installed.
# shellcheck disable=SC2016  # It is apt-get that fills these in.
apt-get indextargets --format 'deb $(SITE) $(RELEASE) $(COMPONENT)' 'Created-By: Packages' 'Origin: Debian' |
  sort -u >"$work/sources.list"
[ -s "$work/sources.list" ] || { echo "arm64_root.sh: no packages are known here: apt-get update first" >&2; exit 1; }
foreign() {
  apt-get -qq -o Dir::Etc::SourceList="$work/sources.list" -o Dir::Etc::SourceParts=/dev/null \
    -o Dir::State="$work/state" -o Dir::State::status="$work/status" -o Dir::Cache="$work/cache" \
    -o APT::Architecture=arm64 -o APT::Architectures=arm64 -o APT::Sandbox::User="$(id -un)" "$@"
}
foreign update
foreign install -y --no-install-recommends --download-only "$@" >/dev/null
rm -rf "$root"
mkdir -p "$root/usr/bin"
for package in "$work"/cache/archives/*.deb; do dpkg-deb --extract "$package" "$root"; done
find "$root" -type l -lname '/*' | while read -r link; do ln -srnf "$root$(readlink "$link")" "$link"; done
# What a build runs, and takes from beside the libraries, are this machine's programs.
ln -sf /usr/bin/protoc /usr/bin/grpc_*_plugin "$root/usr/bin/"
