#!/bin/sh
# Makes the root folder of an image: image_root.sh ROOT PROGRAM... puts the programs of /usr/local/bin into ROOT, with
# the libraries they load and what these read: certificates, the user's name, and how host names are looked up. A name
# such as libchorus_torch.so is of /usr/local/lib, which a program loads when it is asked for it.
set -eu
root=$1; shift
libraries=usr/lib/$(uname -m)-linux-gnu
mkdir -p "$root/usr/bin" "$root/usr/lib64" "$root/$libraries" "$root/etc/ssl/certs" "$root/etc/chorus" "$root/var/lib"
ln -s usr/lib "$root/lib"
ln -s usr/lib64 "$root/lib64"
mkdir -m 1777 "$root/tmp"
for program in "$@"; do
  case $program in
    *.so) file=lib/$program ;;
    *) file=bin/$program ;;
  esac
  cp "/usr/local/$file" "$root/usr/$file"
  "$(dirname "$0")/libraries.sh" "/usr/local/$file" >/tmp/libraries
  while read -r library; do cp -nL "$library" "$root/$libraries/"; done </tmp/libraries
done
loader=$(ldd "/usr/local/bin/$1" | awk '$1 ~ "^/lib.*/ld-linux" { print $1 }')  # Not in /usr/lib64 on every CPU.
cp -L "$loader" "$root$loader"
cp -L /etc/ssl/certs/ca-certificates.crt "$root/etc/ssl/certs/"
echo 'chorus:x:65532:65532:Chorus:/var/lib/chorus:/usr/sbin/nologin' >"$root/etc/passwd"
echo 'chorus:x:65532:' >"$root/etc/group"
echo 'hosts: files dns' >"$root/etc/nsswitch.conf"
