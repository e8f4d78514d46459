#!/bin/sh
# Makes the root folder of the image with CUDA, which goes onto a base that has a glibc: cuda_root.sh ROOT TORCH CHORUS
# copies what runner_server in CHORUS/bin loads, but glibc, beside it, and of the PyTorch in TORCH the libraries. These
# keep their folders, by which they and libchorus_torch.so find each other.
set -eu
root=$1 torch=$2 chorus=$3
mkdir -p "$root$chorus/bin"
cp "$chorus/bin/runner_server" "$root$chorus/bin/"
cp -r "$chorus/lib" "$root$chorus/"
"$(dirname "$0")/libraries.sh" "$chorus/bin/runner_server" >/tmp/libraries
while read -r library; do
  # Packages older than the merge of /usr name their files without it.
  owner=$(dpkg-query --search "$library" "/usr$library" 2>/dev/null || true)
  case $owner in
    libc6:*) ;;
    *) cp -L "$library" "$root$chorus/lib/" ;;
  esac
done </tmp/libraries
find "$torch" -path '*/lib/*.so*' -exec cp --parents -t "$root" {} +
