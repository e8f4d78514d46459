# cc_library, cc_test, cc_binary and proto_library. A folder is one library and one test program: `//api_server/front`
# in a list of DEPS is the library of that folder, and anything else a CMake target. What lies in a folder is compiled,
# so a new file needs no line here.
#
# ThreadSanitizer does not know the locks within gRPC and libtorch: under it a target that would link one of them is
# left out, and so is every target that would link such a target. A build for another CPU has no libtorch. With
# CHORUS_PARTIAL (tools/gpu_check) every target is left out that would link one that is not there.

# Reads the arguments of the function it stands in; `deps` are then targets.
macro(_chorus_parse)
  cmake_parse_arguments(ARG "COLD;EACH" "" "SRCS;DEPS;PROGRAMS;LABELS" ${ARGN})
  if(ARG_UNPARSED_ARGUMENTS)
    message(FATAL_ERROR "unknown arguments ${ARG_UNPARSED_ARGUMENTS}")
  endif()
  set(deps ${ARG_DEPS})
  list(TRANSFORM deps REPLACE "^//" "lib/")
  list(TRANSFORM deps REPLACE "/" ".")
  foreach(dep IN LISTS deps ARG_PROGRAMS)
    if(CHORUS_SANITIZE STREQUAL "thread" AND (dep MATCHES "^(gRPC::|torch_)" OR NOT TARGET ${dep}))
      return()
    elseif(CHORUS_PARTIAL AND NOT TARGET ${dep})
      return()
    elseif(CMAKE_CROSSCOMPILING AND dep MATCHES "^torch_")
      return()
    elseif(NOT TARGET ${dep})
      message(FATAL_ERROR "there is no ${dep}; what a target depends on comes before it")
    endif()
  endforeach()
endmacro()

# The headers that most libraries include. A file still includes what it uses: without CHORUS_QUICK nothing else
# compiles.
if(CHORUS_QUICK)
  file(CONFIGURE OUTPUT ${CMAKE_BINARY_DIR}/gen/precompiled.cc CONTENT "")
  add_library(chorus_pch OBJECT ${CMAKE_BINARY_DIR}/gen/precompiled.cc)
  target_link_libraries(chorus_pch PRIVATE chorus_compile_options abseil)
  target_compile_options(chorus_pch PRIVATE -pthread)
  target_precompile_headers(chorus_pch PRIVATE
    <algorithm> <array> <atomic> <chrono> <condition_variable> <filesystem> <fstream> <functional> <map> <memory>
    <mutex> <optional> <set> <span> <sstream> <string> <string_view> <thread> <unordered_map> <variant> <vector>
    <absl/container/flat_hash_map.h> <absl/functional/any_invocable.h> <absl/status/status.h> <absl/status/statusor.h>
    <absl/strings/str_cat.h> <absl/strings/str_format.h> <absl/strings/str_join.h> <absl/strings/str_split.h>
    <absl/time/time.h>)
endif()

# cc_library(api_server/front DEPS //api_server/graph [SRCS more.cc] [COLD]): COLD code runs once a start or a command.
function(cc_library folder)
  _chorus_parse(${ARGN})
  file(GLOB sources CONFIGURE_DEPENDS ${chorus_SOURCE_DIR}/${folder}/*.cc)
  list(FILTER sources EXCLUDE REGEX "(_test|_fuzz|/main)\\.cc$")
  list(APPEND sources ${ARG_SRCS})
  string(REPLACE "/" "." name ${folder})
  set(target lib.${name})
  if(NOT sources)
    add_library(${target} INTERFACE)
    target_include_directories(${target} INTERFACE ${chorus_SOURCE_DIR})
    target_link_libraries(${target} INTERFACE ${deps})
    return()
  endif()
  add_library(${target} STATIC ${sources})
  set_target_properties(${target} PROPERTIES OUTPUT_NAME ${name})
  target_include_directories(${target} PUBLIC ${chorus_SOURCE_DIR})
  target_link_libraries(${target} PUBLIC ${deps} PRIVATE chorus_compile_options)
  if(ARG_COLD)
    target_compile_options(${target} PRIVATE ${CHORUS_COLD})
  endif()
  if(CHORUS_QUICK)  # All with one set of flags, as a precompiled header demands.
    target_compile_options(${target} PRIVATE -pthread)
    target_precompile_headers(${target} REUSE_FROM chorus_pch)
  endif()
endfunction()

# cc_binary(api_server SRCS api_server/main.cc DEPS //api_server): the program is build/bin/api_server.
function(cc_binary name)
  _chorus_parse(${ARGN})
  add_executable(${name} ${ARG_SRCS})
  set_target_properties(${name} PROPERTIES BUILD_RPATH "$ORIGIN/../lib" INSTALL_RPATH "$ORIGIN/../lib")
  target_link_libraries(${name} PRIVATE ${deps} chorus_compile_options)
  # DT_RPATH, not DT_RUNPATH: libraries packed beside the program then find each other there, too.
  target_link_options(${name} PRIVATE -Wl,--disable-new-dtags)
endfunction()

# cc_test(base DEPS //base [EACH] [PROGRAMS chorus] [LABELS ...]): the GoogleTest program of tests/base/*_test.cc, run
# by ctest from the source root as tests.base. What else lies in tests/base is the library //tests/base. With EACH every
# file is a program, tests.base.utf8_test: tests that wait more than they compute then run side by side. PROGRAMS are
# those that the tests start, from CHORUS_BINARY_DIR.
function(cc_test folder)
  _chorus_parse(${ARGN})
  cc_library(tests/${folder} SRCS ${ARG_SRCS} DEPS ${ARG_DEPS})
  file(GLOB sources CONFIGURE_DEPENDS ${chorus_SOURCE_DIR}/tests/${folder}/*_test.cc)
  string(REPLACE "/" "." name tests/${folder})
  set(programs ${name})
  if(ARG_EACH)
    set(programs ${sources})
    list(TRANSFORM programs REPLACE ".*/(.*)\\.cc$" "${name}.\\1")
  endif()
  foreach(program IN LISTS programs)
    if(ARG_EACH)
      list(POP_FRONT sources source)
    else()
      set(source ${sources})
    endif()
    add_executable(${program} ${source})
    set_target_properties(${program} PROPERTIES RUNTIME_OUTPUT_DIRECTORY ${CMAKE_BINARY_DIR}/tests
      BUILD_RPATH "$ORIGIN/../lib")
    target_link_libraries(${program} PRIVATE lib.${name} chorus_compile_options GTest::gmock_main)
    if(NOT CHORUS_SANITIZE)
      # What a test compiles is run once: half the optimiser's time is better spent on the libraries.
      target_compile_options(${program} PRIVATE -O1)
    endif()
    if(ARG_PROGRAMS)
      target_compile_definitions(${program} PRIVATE CHORUS_BINARY_DIR="${CMAKE_RUNTIME_OUTPUT_DIRECTORY}")
      add_dependencies(${program} ${ARG_PROGRAMS})
    endif()
    add_test(NAME ${program} COMMAND ${program} WORKING_DIRECTORY ${chorus_SOURCE_DIR})
    set_tests_properties(${program} PROPERTIES LABELS "${ARG_LABELS}")
  endforeach()
endfunction()

# proto_library(inference_proto SRCS proto/chorus/v1/inference.proto DEPS ... [GRPC]): generated code lies under
# build/gen, included by its path in the tree, such as "proto/chorus/v1/inference.pb.h". Protos of proto/ import each
# other by their path in it, as those of who compiles them elsewhere do. Under ThreadSanitizer there are messages only.
function(proto_library name)
  cmake_parse_arguments(ARG "GRPC" "" "SRCS;DEPS" ${ARGN})
  set(gen ${CMAKE_BINARY_DIR}/gen)
  set(outputs)
  foreach(src IN LISTS ARG_SRCS)
    set(root .)
    if(src MATCHES "^proto/chorus/")
      set(root proto)
    endif()
    cmake_path(RELATIVE_PATH src BASE_DIRECTORY ${root} OUTPUT_VARIABLE import)
    cmake_path(REMOVE_EXTENSION src OUTPUT_VARIABLE stem)
    set(plugins --cpp_out=${gen}/${root})
    set(made ${gen}/${stem}.pb.cc ${gen}/${stem}.pb.h)
    if(ARG_GRPC AND NOT CHORUS_SANITIZE STREQUAL "thread")
      list(APPEND plugins --grpc_out=${gen}/${root} --plugin=protoc-gen-grpc=$<TARGET_FILE:gRPC::grpc_cpp_plugin>)
      list(APPEND made ${gen}/${stem}.grpc.pb.cc ${gen}/${stem}.grpc.pb.h)
    endif()
    file(MAKE_DIRECTORY ${gen}/${root})
    add_custom_command(OUTPUT ${made}
      COMMAND protobuf::protoc ${plugins} -I ${root} -I ${GOOGLE_API_PROTO_DIR} ${import}
      WORKING_DIRECTORY ${chorus_SOURCE_DIR} DEPENDS ${chorus_SOURCE_DIR}/${src} VERBATIM)
    list(APPEND outputs ${made})
  endforeach()
  add_library(${name} STATIC ${outputs})
  target_include_directories(${name} SYSTEM PUBLIC ${gen} ${gen}/proto)
  target_link_libraries(${name} PUBLIC ${ARG_DEPS} protobuf::libprotobuf)
  if(ARG_GRPC AND NOT CHORUS_SANITIZE STREQUAL "thread")
    target_link_libraries(${name} PUBLIC gRPC::grpc++)
  endif()
endfunction()
