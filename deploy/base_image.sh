#!/bin/sh
# Makes a Docker image of Debian bookworm with debootstrap, for machines that reach Debian's packages but no registry of
# images: deploy/base_image.sh [TAG], as root; then `docker build --build-arg BASE=TAG …`. The image takes its packages
# from where this machine does, and trusts the certificates that this machine trusts.
set -eu
tag=${1:-chorus/base:bookworm}
[ "$(id -u)" = 0 ] || { echo "base_image.sh: debootstrap needs root" >&2; exit 1; }
command -v debootstrap >/dev/null || { echo "base_image.sh: install the package debootstrap first" >&2; exit 1; }
root=$(mktemp -d)
trap 'rm -rf "$root"' EXIT
# shellcheck disable=SC2016  # It is apt-get that fills in $(SITE).
mirror=$(apt-get indextargets --format '$(SITE)' 'Created-By: Packages' 'Codename: bookworm' | grep -m 1 /debian || true)
debootstrap --variant=minbase --include=ca-certificates bookworm "$root" ${mirror:+"$mirror"}
cp -L /etc/ssl/certs/ca-certificates.crt "$root/etc/ssl/certs/"
rm -rf "$root"/var/cache/apt/archives/*.deb "$root"/var/lib/apt/lists/*
tar -C "$root" -c . | docker import --change 'CMD ["/bin/bash"]' - "$tag"
