#!/bin/sh
# Makes a Docker image of Debian bookworm with debootstrap, for machines that reach Debian's packages but no registry of
# images: deploy/base_image.sh [TAG], as root; then `docker build --build-arg BASE=TAG …`. The image takes its packages
# from where this machine does, and trusts the certificates that this machine trusts.
set -eu
tag=${1:-chorus/base:bookworm}
root=$(mktemp -d)
trap 'rm -rf "$root"' EXIT
"$(dirname "$0")/debian_root.sh" "$root" ca-certificates
cp -L /etc/ssl/certs/ca-certificates.crt "$root/etc/ssl/certs/"
tar -C "$root" -c . | docker import --change 'CMD ["/bin/bash"]' - "$tag"
