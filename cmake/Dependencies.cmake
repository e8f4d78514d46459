# Every package Chorus uses. Versions are those of Debian bookworm; newer ones are taken through CMAKE_PREFIX_PATH.
find_package(Threads REQUIRED)
find_package(absl REQUIRED)
find_package(Protobuf CONFIG QUIET)  # What newer ones bring; it knows the libraries they need.
if(NOT Protobuf_FOUND)
  find_package(Protobuf REQUIRED)
endif()
find_package(gRPC CONFIG REQUIRED)
find_package(glog REQUIRED)
find_package(yaml-cpp REQUIRED)
find_package(CLI11 REQUIRED)
find_package(OpenSSL REQUIRED)
find_package(LibArchive REQUIRED)
find_package(CURL 7.85 REQUIRED)
find_package(prometheus-cpp CONFIG REQUIRED)
find_package(Boost 1.74 REQUIRED)
if(BUILD_TESTING)
  find_package(GTest REQUIRED)
endif()
find_path(CIVETWEB_INCLUDE_DIR civetweb.h REQUIRED)
find_library(CIVETWEB_LIBRARY civetweb REQUIRED)
find_path(NLOHMANN_JSON_INCLUDE_DIR nlohmann/json.hpp REQUIRED)
find_path(ONIGURUMA_INCLUDE_DIR oniguruma.h REQUIRED)
find_library(ONIGURUMA_LIBRARY onig REQUIRED)
find_path(UTF8PROC_INCLUDE_DIR utf8proc.h REQUIRED)
find_library(UTF8PROC_LIBRARY utf8proc REQUIRED)

# What our code uses of Abseil.
add_library(abseil INTERFACE)
target_link_libraries(abseil INTERFACE absl::any_invocable absl::cord absl::flat_hash_map absl::flat_hash_set
  absl::function_ref absl::memory absl::random_random absl::span absl::status absl::statusor absl::str_format
  absl::strings absl::time)
add_library(nlohmann_json INTERFACE)
target_include_directories(nlohmann_json SYSTEM INTERFACE ${NLOHMANN_JSON_INCLUDE_DIR})
add_library(civetweb INTERFACE)
target_include_directories(civetweb SYSTEM INTERFACE ${CIVETWEB_INCLUDE_DIR})
target_link_libraries(civetweb INTERFACE ${CIVETWEB_LIBRARY})
add_library(oniguruma INTERFACE)
target_include_directories(oniguruma SYSTEM INTERFACE ${ONIGURUMA_INCLUDE_DIR})
target_link_libraries(oniguruma INTERFACE ${ONIGURUMA_LIBRARY})
add_library(utf8proc INTERFACE)
target_include_directories(utf8proc SYSTEM INTERFACE ${UTF8PROC_INCLUDE_DIR})
target_link_libraries(utf8proc INTERFACE ${UTF8PROC_LIBRARY})

# google/api/*.proto
set(CHORUS_DEPS_DIR ${CMAKE_SOURCE_DIR}/.deps CACHE PATH "Where ./dev setup keeps what it fetched")
find_path(GOOGLE_API_PROTO_DIR google/api/annotations.proto
  PATHS ${CHORUS_DEPS_DIR}/protos PATH_SUFFIXES share/googleapis-common-protos
  NO_CMAKE_FIND_ROOT_PATH REQUIRED)

if(NOT BUILD_TESTING OR CMAKE_CROSSCOMPILING)
  return()  # Only a test compares with libtorch, and one CPU's is enough.
endif()

# libtorch, CPU part. Imported by hand: TorchConfig.cmake asks for CUDA tooling when the wheel was built with it. Any
# libtorch of at least 2.7 named by CMAKE_PREFIX_PATH is taken before the one in .deps/: its own folder, the one above
# it, or what torch.utils.cmake_prefix_path says, which is share/cmake in it.
find_library(TORCH_CPU_LIBRARY torch_cpu PATHS ${CHORUS_DEPS_DIR}/torch
  PATH_SUFFIXES lib torch/lib ../../lib NO_CMAKE_SYSTEM_PATH REQUIRED)
cmake_path(GET TORCH_CPU_LIBRARY PARENT_PATH TORCH_LIBRARY_DIR)
cmake_path(NORMAL_PATH TORCH_LIBRARY_DIR)
cmake_path(GET TORCH_LIBRARY_DIR PARENT_PATH TORCH_ROOT)
set(_torch_version_h)
foreach(_header torch/headeronly/version.h torch/csrc/api/include/torch/version.h)  # the first since 2.9
  if(EXISTS ${TORCH_ROOT}/include/${_header})
    file(READ ${TORCH_ROOT}/include/${_header} _text)
    string(APPEND _torch_version_h "${_text}")
  endif()
endforeach()
string(REGEX MATCH "TORCH_VERSION_MAJOR ([0-9]+).*TORCH_VERSION_MINOR ([0-9]+)" _found "${_torch_version_h}")
set(TORCH_VERSION ${CMAKE_MATCH_1}.${CMAKE_MATCH_2})
if(NOT _found)
  message(FATAL_ERROR "${TORCH_CPU_LIBRARY} has no headers beside it: ${TORCH_ROOT}/include/torch is needed too")
elseif(TORCH_VERSION VERSION_LESS 2.7)
  message(FATAL_ERROR "libtorch ${TORCH_VERSION} in ${TORCH_ROOT} is too old: Chorus needs 2.7 or newer")
endif()
message(STATUS "Found libtorch: ${TORCH_ROOT} (found version \"${TORCH_VERSION}\")")
file(GLOB TORCH_GOMP_LIBRARY ${TORCH_LIBRARY_DIR}/libgomp*.so*)
add_library(torch_cpu INTERFACE)
target_include_directories(torch_cpu SYSTEM INTERFACE
  ${TORCH_ROOT}/include ${TORCH_ROOT}/include/torch/csrc/api/include)
target_link_libraries(torch_cpu INTERFACE
  ${TORCH_LIBRARY_DIR}/libtorch_cpu.so ${TORCH_LIBRARY_DIR}/libc10.so ${TORCH_GOMP_LIBRARY})
target_link_options(torch_cpu INTERFACE -Wl,-rpath-link,${TORCH_LIBRARY_DIR})
