#!/usr/bin/env bash
# Where libtorch is, and where not: torch_test.sh BUILD shows that the programs load nothing of it, that `cmake
# --install` puts the library of its executor where runner_server finds it, and what runner_server says without it.
set -euo pipefail
build=$1
scratch=$(mktemp -d)
trap 'rm -rf "$scratch"' EXIT
fail() { echo "FAILED: $*" >&2; exit 1; }

cmake --install "$build" --prefix "$scratch" >/dev/null
library=$scratch/lib/libchorus_torch.so
[ -f "$library" ] || fail "cmake --install leaves out libchorus_torch.so, which was built"
# That which has it shows that the others would be seen.
ldd "$library" >"$scratch/libraries"
grep -q 'libtorch_cpu\.so => /' "$scratch/libraries" || fail "libchorus_torch.so does not find libtorch: $(cat "$scratch/libraries")"
for program in api_server runner_server chorus; do
  ldd "$scratch/bin/$program" >"$scratch/libraries"
  grep -q 'libc\.so' "$scratch/libraries" || fail "ldd does not tell what $program loads"
  if grep -E 'lib(torch|c10|gomp|cuda|chorus)' "$scratch/libraries"; then fail "$program loads libtorch"; fi
done

# The runner names the device once it has the executor, and without it is one sentence.
run() {
  timeout 60 "$scratch/bin/runner_server" --model "$scratch/share/chorus/models/demo/gpt2" --device nonsense \
    --address 127.0.0.1:0 --metrics_address= >"$scratch/log" 2>&1 && fail "a device nonsense is served"
  grep -q "$1" "$scratch/log" || fail "runner_server does not say \"$1\": $(cat "$scratch/log")"
}
run 'device nonsense: '
rm "$library"
run 'torch.*cannot be loaded: libchorus_torch.so: .*No such file.*runner_server_torch has it'
