#!/usr/bin/env bash
# What a GPU does with libtorch's executor, on a machine that has the GPU, PyTorch, CMake and a compiler, and perhaps no
# network: prints one table (docs/gpu.md).
#
#   tools/gpu_check.sh pack          where there is a network and Debian: collects the libraries' sources in
#                                    build/gpu_check, which goes along with the tree
#   tools/gpu_check.sh [--device D]  builds, runs the golden tests, compute-sanitizer over one of them, and measures;
#                                    D is cuda, cuda:N or cpu, a rehearsal without a GPU that measures one small model
#
# PYTHON (python3) is the Python that has PyTorch, OUT (build/gpu_check/out) gets the logs, BUILD (build-gpu_check) what
# is built. Each part has a limit of time, and all of them together LIMIT (480) seconds, of which the build may take half;
# what fails or does not end leaves its line in the table.
set -uo pipefail
cd "$(dirname "$(readlink -f "$0")")/.."
root=$PWD
PATH=$PATH:/usr/local/cuda/bin
packed=$root/build/gpu_check
python=${PYTHON:-python3}
out=${OUT:-$packed/out}
build=${BUILD:-$root/build-gpu_check}
die() { printf 'gpu_check: %s\n' "$*" >&2; exit 1; }

# apt_sources FOLDER PACKAGE...: Debian's sources of the packages, as its own machine's lists name them.
apt_sources() {
  local folder=$1 apt; shift
  mkdir -p "$folder/state/lists/partial" "$folder/cache/archives/partial"
  # shellcheck disable=SC2016  # It is apt-get that fills these in.
  apt-get indextargets --format 'deb-src [signed-by=/usr/share/keyrings/debian-archive-keyring.gpg] $(SITE) $(RELEASE) $(COMPONENT)' \
    'Created-By: Packages' 'Origin: Debian' | sort -u >"$folder/sources.list"
  apt=(apt-get -qq -o Dir::Etc::SourceList="$folder/sources.list" -o Dir::Etc::SourceParts=/dev/null
       -o Dir::State="$folder/state" -o Dir::State::status=/var/lib/dpkg/status -o Dir::Cache="$folder/cache" -o APT::Sandbox::User="$(id -un)")
  "${apt[@]}" update && (cd "$folder" && "${apt[@]}" source --download-only "$@")
}

pack() {
  set -e
  local library
  command -v protoc >/dev/null && [ -d .deps/protos ] || die "pack needs protoc and Google's protos: ./dev setup brings them"
  [ -d /usr/src/googletest ] || die "pack needs the sources of GoogleTest: apt-get install libgtest-dev libgmock-dev"
  rm -rf "$packed"
  mkdir -p "$packed/include" "$packed/gen/proto"
  folder=$(mktemp -d)  # Not local: the trap needs it.
  trap 'rm -rf "$folder"' EXIT
  apt_sources "$folder" abseil protobuf google-glog || die "apt-get could not fetch the sources (its words are above)"
  for library in abseil protobuf glog; do
    mkdir "$packed/$library"
    tar -xf "$folder"/*"${library}"_*.orig.tar.* -C "$packed/$library" --strip-components 1
  done
  # The sources that are built here must be of the protoc that wrote the code for them.
  grep -q "AC_INIT.*\[$(protoc --version | cut -d ' ' -f 2)\]" "$packed/protobuf/configure.ac" ||
    die "$(protoc --version) is of another version than the sources of Protobuf"
  find "$packed/protobuf" -mindepth 1 -maxdepth 1 ! -name cmake ! -name src ! -name CMakeLists.txt ! -name configure.ac ! -name LICENSE -exec rm -rf {} +
  rm -rf "$packed/protobuf/src/google/protobuf/testdata"
  find "$packed/protobuf/src/google/protobuf/compiler" -type f ! -name 'importer.*' ! -name 'parser.*' -delete
  find "$packed" \( -name '*_test.cc' -o -name '*_benchmark.cc' -o -name '*_unittest.cc' \) -delete
  cp -rL /usr/src/googletest "$packed/"
  cp -rL /usr/include/CLI /usr/include/nlohmann /usr/include/openssl "$packed/include/"
  # OpenSSL's headers for this CPU; the library is that of the machine's Python.
  cp "/usr/include/$(gcc -dumpmachine)"/openssl/*.h "$packed/include/openssl/"
  (cd proto && protoc --cpp_out="$packed/gen/proto" -I . chorus/v1/encoder.proto chorus/v1/generation.proto)
  (cd .deps/protos && protoc --cpp_out="$packed/gen" -I . google/rpc/status.proto google/rpc/error_details.proto)
  [ "$(du -sm "$packed" | cut -f1)" -lt 64 ] || die "$packed has $(du -sh "$packed" | cut -f1): more than the 64 MiB that travel"
  echo "packed $(du -sh "$packed" | cut -f1) in $packed"
}

limit_in_all=${LIMIT:-480}
left() { echo $((limit_in_all - SECONDS)); }
row() { printf '| %s | %s |\n' "$1" "$2" >>"$out/parts.md"; echo "gpu_check: $1: $2" >&2; }

# part NAME SECONDS COMMAND...: runs it for so long at most, its words going to a log; false if it did not do well.
part() {
  local name=$1 limit=$2 start=$SECONDS status; shift 2
  [ "$limit" -le "$(left)" ] || limit=$(left)
  if [ "$limit" -lt 5 ]; then row "$name" "left out: no time was left"; return 1; fi
  timeout -k 5 "$limit" "$@" >"$out/$name.log" 2>&1
  status=$?
  case $status in
    0) row "$name" "$((SECONDS - start)) s" ;;
    124|137) row "$name" "did not end in $limit s" ;;
    *) row "$name" "failed after $((SECONDS - start)) s: $(grep -m 1 -E 'Error|[Ee]rror:|FAILED|^gpu_check' "$out/$name.log" | cut -c 1-200 | tr '|' '/')" ;;
  esac
  return $status
}

compile() {
  local generator=() targets=(chorus_torch tests.runner_server.model engine)
  command -v ninja >/dev/null && generator=(-G Ninja)
  CMAKE_PREFIX_PATH=$("$python" -c 'import torch; print(torch.utils.cmake_prefix_path)') || return
  export CMAKE_PREFIX_PATH
  cmake "${generator[@]}" -S tools/gpu_check -B "$build" -DCMAKE_BUILD_TYPE=Release -DPACKED="$packed" \
    -DPYTHON_LIBRARIES="$("$python" -c 'import sysconfig; print(sysconfig.get_config_var("LIBDIR"))')" &&
    cmake --build "$build" -j "$(nproc)" --target "${targets[@]}"
}

# tests FILTER: of models, over the executor on the device; the log's last lines count them.
tests() { "${@:2}" "$build/tests/tests.runner_server.model" --gtest_filter="$1" --gtest_brief=0; }

check() {
  [ -d "$packed/abseil" ] || die "the libraries' sources are not here: tools/gpu_check.sh pack collects them"
  "$python" -c 'import torch' || die "$python has no PyTorch; PYTHON=... names one that has"
  rm -rf "$out"; mkdir -p "$out"
  export CHORUS_TEST_EXECUTOR=torch CHORUS_TEST_DEVICE=$device OUT=$out
  export -f compile tests
  export python build packed
  "$python" tools/gpu_check/measure.py describe "$device" >"$out/machine.md" 2>&1
  "$python" tools/gpu_check/measure.py make "$device" "$out/models" >"$out/make.log" 2>&1 &  # While the CPUs compile.
  local making=$!
  if part build $((limit_in_all / 2)) bash -c compile; then
    part golden_tests 130 bash -c 'tests "*Golden*:*Family*:*Decoder*:*Encoder*"'
    row "golden tests" "$(grep -E '^\[  (PASSED|FAILED|SKIPPED) .* tests?' "$out/golden_tests.log" | sed 's/^\[ *//; s/ *\] / /' | cut -c 1-60 | tr '\n' ' ')"
    if [ "$device" != cpu ]; then
      if command -v compute-sanitizer >/dev/null; then
        part sanitizer 60 bash -c 'tests "*GeneratorGoldenTest.LogitsEqualHuggingFace/0" compute-sanitizer --error-exitcode 9'
        row "compute-sanitizer" "$(grep -m 1 'ERROR SUMMARY' "$out/sanitizer.log" || echo 'no summary: it did not end')"
      else
        row "compute-sanitizer" "not on this machine"
      fi
    fi
    wait "$making"
    part measure "$(left)" "$python" tools/gpu_check/measure.py run "$device" "$out/models" "$build/bin/engine" "$out/measured.jsonl" "$(left)"
  fi
  rm -rf "$out/models"
  { cat "$out/machine.md"; echo; printf '| part | |\n|---|---|\n'; cat "$out/parts.md"; echo
    "$python" tools/gpu_check/measure.py table "$out/measured.jsonl"; } | tee "$out/table.md"
  ! grep -qE '\| (build|golden_tests) \| (failed|did not|left)' "$out/parts.md"
}

device=cuda
case ${1:-} in
  pack) pack; exit ;;
  --device) device=${2:?--device which?} ;;
  --device=*) device=${1#*=} ;;
  '') ;;
  *) sed -n '2,/^set/s/^# \?//p' "$0" >&2; exit 2 ;;
esac
check
