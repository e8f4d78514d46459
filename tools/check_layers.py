#!/usr/bin/env python3
"""Checks that every #include keeps to the layers of Chorus. Prints each breach as file:line and exits 1 if there is
one.

The longest folder of LAYERS that a file lies in decides. `ours` are the folders (or single headers) of this tree it may
include besides its own and base/; `libraries` the outside libraries it may include besides the standard library, POSIX
and Abseil.
"""
import pathlib
import re
import sys

ROOT = pathlib.Path(__file__).resolve().parent.parent

# How an include path names an outside library; the first match counts.
LIBRARIES = [
    ("torch", r"^(ATen|c10|torch|caffe2)/"),
    ("grpc", r"^(grpc|grpcpp|grpc\+\+)/"),
    ("google.api", r"^google/(api|rpc)/"),
    ("protobuf", r"^google/protobuf/"),
    ("http", r"^boost/"),
    ("json", r"^nlohmann/"),
    ("yaml", r"^yaml-cpp/"),
    ("flags", r"^CLI/"),
    ("unicode", r"^(oniguruma\.h|utf8proc\.h|unicode/)"),
    ("archive", r"^archive(_entry)?\.h$"),
    ("openssl", r"^openssl/"),
    ("curl", r"^curl/"),
    ("metrics", r"^(prometheus/|civetweb\.h)"),
    ("glog", r"^glog/"),
    ("intrinsics", r"^(immintrin|x86intrin|cpuid|arm_neon|sys/auxv|asm/hwcap)\.h$"),
]

# folder: (ours, libraries)
LAYERS = {
    "base": (("proto/chorus/v1/generation.pb.h",), ("flags", "protobuf", "google.api", "json", "openssl")),
    "base/grpc": (("proto/grpc/health/v1",), ("grpc", "protobuf", "glog")),
    "config": ((), ("protobuf", "yaml", "json")),
    "examples": (("proto/chorus/v1",), ("grpc",)),
    "model_store": (("runner_server/weights",), ("json", "yaml", "glog")),
    "model_store/hub": (("model_store",), ("json", "curl")),
    "bundles": (("config", "model_store", "proto/chorus/config/v1"), ("archive", "protobuf")),
    "api_server": (
        ("api_server", "base/grpc", "config", "proto/chorus", "proto/grpc"),
        ("grpc", "protobuf", "google.api", "flags", "metrics", "glog"),
    ),
    "api_server/transcoding": ((), ("protobuf", "google.api")),
    "api_server/openapi": (("api_server/transcoding",), ("protobuf", "json")),
    "api_server/web": ((), ()),
    "api_server/graph": (
        ("proto/chorus/config/v1", "proto/chorus/runner/v1", "proto/chorus/v1/encoder.pb.h",
         "proto/chorus/v1/generation.pb.h"),
        ("protobuf", "glog"),
    ),
    "api_server/runners": (
        ("api_server/graph/runner_client.h", "base/grpc", "proto/chorus/runner/v1", "proto/chorus/v1/generation.pb.h",
         "proto/grpc/health/v1"),
        ("grpc", "protobuf", "glog"),
    ),
    "api_server/identity": (("proto/chorus/config/v1",), ("metrics", "openssl", "google.api")),
    "api_server/front": (
        ("api_server/transcoding", "api_server/graph", "api_server/identity", "proto/chorus/v1"),
        ("protobuf", "google.api", "http", "metrics", "glog"),
    ),
    "api_server/protocols": (
        ("api_server/front", "api_server/transcoding", "api_server/graph", "proto/chorus/v1"),
        ("protobuf", "google.api", "json", "glog"),
    ),
    "api_server/protocols/openai": (
        ("api_server/protocols", "api_server/front", "api_server/transcoding", "api_server/graph", "proto/chorus/v1"),
        ("protobuf", "google.api", "json", "glog"),
    ),
    "api_server/protocols/tei": (
        ("api_server/protocols", "api_server/front", "api_server/transcoding", "api_server/graph", "proto/chorus/v1"),
        ("json",),
    ),
    "api_server/protocols/open_inference": (
        ("api_server/protocols", "api_server/front", "api_server/transcoding", "api_server/graph", "proto/chorus/v1",
         "proto/inference"),
        ("protobuf", "json"),
    ),
    "api_server/front/grpc": (
        ("api_server/front", "api_server/transcoding", "base/grpc"),
        ("grpc", "protobuf", "google.api", "glog"),
    ),
    "runner_server": (
        ("runner_server", "base/grpc", "model_store", "proto/chorus/runner/v1"),
        ("grpc", "flags", "metrics", "glog"),
    ),
    "runner_server/tensor": ((), ("torch",)),
    "runner_server/tokenizer": (("proto/sentencepiece",), ("json", "protobuf", "unicode")),
    "runner_server/sampling": (("proto/chorus/v1/generation.pb.h",), ()),
    "runner_server/scheduler": (("runner_server/tokenizer/tokenizer.h",), ()),
    "runner_server/weights": ((), ("json", "glog")),
    "runner_server/kernels": (("runner_server/tensor/torch.h",), ("intrinsics",)),
    "runner_server/model/torch": (
        ("runner_server/kernels", "runner_server/model", "runner_server/tensor/torch.h",
         "runner_server/weights/tensor.h"),
        ("torch",),
    ),
    "runner_server/model": (
        ("runner_server/kernels", "runner_server/weights", "runner_server/tensor/torch.h", "runner_server/model/architectures"),
        ("json",),
    ),
    "runner_server/model/architectures": (
        ("runner_server/model",),
        ("json",),
    ),
    "runner_server/engine": (
        ("runner_server/scheduler", "runner_server/model", "runner_server/sampling", "runner_server/tokenizer",
         "runner_server/kernels/thread_pool.h", "proto/chorus/runner/v1/runner.pb.h", "proto/chorus/v1/encoder.pb.h",
         "proto/chorus/v1/generation.pb.h"),
        ("glog",),
    ),
    "runner_server/metrics": (
        ("runner_server/engine", "proto/chorus/runner/v1", "proto/chorus/v1/generation.pb.h"),
        ("protobuf", "metrics", "glog"),
    ),
    "runner_server/service": (
        ("runner_server/engine", "runner_server/metrics", "runner_server/tokenizer/tokenizer.h", "base/grpc",
         "proto/chorus/runner/v1", "proto/chorus/v1/generation.pb.h"),
        ("grpc", "protobuf"),
    ),
    "cli": (
        ("cli/bench", "cli/bundles", "cli/models", "cli/run", "cli/serve", "bundles", "config", "model_store", "proto/chorus"),
        ("protobuf", "json", "flags"),
    ),
    "cli/bench": (("cli",), ("http", "json", "flags")),
    "cli/bench/load": (("cli", "base/grpc", "proto/chorus/v1"), ("grpc", "protobuf", "http", "openssl", "json")),
    "cli/bench/report": (("cli",), ("json",)),
    "cli/bundles": (("cli", "bundles", "config", "model_store", "proto/chorus/config/v1"), ("protobuf", "json", "flags")),
    "cli/models": (
        ("cli", "bundles", "config", "model_store", "proto/chorus", "runner_server/model/architectures",
         "runner_server/model/compiled_model.h", "runner_server/model/generation_config.h", "runner_server/model/sentence_modules.h",
         "runner_server/tokenizer/load_tokenizer.h", "runner_server/tokenizer/tokenizer_fit.h"),
        ("json", "flags"),
    ),
    "cli/run": (
        ("cli", "base/grpc", "bundles", "config", "model_store", "proto/chorus", "runner_server/model/generation_config.h"),
        ("grpc", "protobuf", "json", "flags", "glog"),
    ),
    "cli/serve": (("cli", "bundles", "config", "model_store"), ("flags", "protobuf")),
}

# The files of base that may use a library.
BASE_USERS = {
    "protobuf": ("base/error_details", "base/generation_params"),
    "google.api": ("base/error_details",),
    "json": ("base/json_reader", "base/model_file", "base/model_modules", "base/weights_index"),
}

INCLUDE = re.compile(r'^\s*#\s*include\s+([<"])([^>"]+)[>"]')


def layer_of(path):
    """The longest key of LAYERS that `path` (relative, with slashes) lies in, or None."""
    for folder in sorted(LAYERS, key=len, reverse=True):
        if path.startswith(folder + "/"):
            return folder
    return None


def library_of(include):
    for name, pattern in LIBRARIES:
        if re.search(pattern, include):
            return name
    return None


def within(include, places):
    return any(include == place or include.startswith(place + "/") for place in places)


def breaches(path, text):
    """Yields (line number, what is wrong) for the file at `path`, relative to the root."""
    folder = layer_of(path)
    if folder is None:
        return
    ours, libraries = LAYERS[folder]
    tops = {entry.split("/")[0] for entry in LAYERS} | {"proto", "tests"}
    for number, line in enumerate(text.splitlines(), 1):
        match = INCLUDE.match(line)
        if not match:
            continue
        include = match.group(2)
        if include.split("/")[0] in tops and "/" in include:
            if include.rpartition("/")[0] not in (folder, "base") and not within(include, ours):
                yield number, f"{folder} must not include {include}"
            continue
        library = library_of(include)
        if library and library not in libraries:
            yield number, f"{folder} must not use {library} ({include})"
        users = BASE_USERS.get(library)
        if folder == "base" and users and not path.startswith(users):
            yield number, f"in base only {' and '.join(users)} may use {library} ({include})"


def self_test():
    cases = [
        ("base/utf8.h", '#include "runner_server/model/decoder.h"', 1),
        ("base/utf8.h", "#include <grpcpp/grpcpp.h>", 1),
        ("base/grpc/status.h", "#include <grpcpp/support/status.h>", 0),
        ("base/utf8.cc", "#include <nlohmann/json.hpp>", 1),
        ("base/model_file.cc", "#include <nlohmann/json.hpp>", 0),
        ("runner_server/scheduler/scheduler.h", '#include "runner_server/model/decoder.h"', 1),
        ("model_store/model_store.cc", "#include <curl/curl.h>", 1),
        ("model_store/hub/http_client.cc", "#include <curl/curl.h>", 0),
        ("runner_server/engine/engine.h", '#include "runner_server/scheduler/queue_budget.h"', 0),
        ("runner_server/service/runner_service.cc", "#include <ATen/ATen.h>", 1),
        ("runner_server/service/runner_service.cc", '#include "proto/chorus/runner/v1/runner.grpc.pb.h"', 0),
        ("api_server/graph/executor.cc", '#include "api_server/runners/grpc_runner_client.h"', 1),
        ("api_server/graph/executor.cc", "#include <boost/asio.hpp>", 1),
        ("api_server/server.cc", '#include "runner_server/engine/engine.h"', 1),
        ("runner_server/engine/engine.h", '#include "base/grpc/status.h"', 1),
        ("tests/base/utf8_test.cc", '#include "runner_server/model/decoder.h"', 0),
    ]
    for path, text, expected in cases:
        found = len(list(breaches(path, text)))
        assert found == expected, (path, text, found)


def main():
    self_test()
    found = 0
    for folder in sorted({entry.split("/")[0] for entry in LAYERS}):
        for file in sorted((ROOT / folder).rglob("*")):
            if file.suffix not in (".h", ".cc"):
                continue
            path = file.relative_to(ROOT).as_posix()
            for number, what in breaches(path, file.read_text(encoding="utf-8")):
                print(f"{path}:{number}: {what}")
                found += 1
    print("layers: " + (f"{found} breaches" if found else "clean"))
    return 1 if found else 0


if __name__ == "__main__":
    sys.exit(main())
