# cc_library, cc_binary, cc_test and proto_library: one call a target, read as a list of dependencies.
#
#   cc_library(NAME scheduler HDRS scheduler.h SRCS scheduler.cc DEPS :slot_pool absl::status [PURE])
#
# `:slot_pool` is a target of the same folder, `//base:status_macros` one of another folder; anything else is a CMake
# target as it stands. PURE marks what links neither gRPC nor libtorch: the tsan preset builds only that.

function(_chorus_target_name out label folder)
  if(label MATCHES "^//([^:]+):(.+)$")
    string(REPLACE "/" "." folder "${CMAKE_MATCH_1}")
    set(${out} "${folder}.${CMAKE_MATCH_2}" PARENT_SCOPE)
  elseif(label MATCHES "^:(.+)$")
    string(REPLACE "/" "." folder "${folder}")
    set(${out} "${folder}.${CMAKE_MATCH_1}" PARENT_SCOPE)
  else()
    set(${out} "${label}" PARENT_SCOPE)
  endif()
endfunction()

macro(_chorus_parse)
  cmake_parse_arguments(ARG "PURE;TESTONLY" "NAME;WORKING_DIRECTORY" "HDRS;SRCS;DEPS;COPTS;DATA;ARGS;LABELS" ${ARGN})
  if(ARG_UNPARSED_ARGUMENTS)
    message(FATAL_ERROR "${ARG_NAME}: unknown arguments ${ARG_UNPARSED_ARGUMENTS}")
  endif()
  file(RELATIVE_PATH folder ${CMAKE_SOURCE_DIR} ${CMAKE_CURRENT_SOURCE_DIR})
  _chorus_target_name(target ":${ARG_NAME}" "${folder}")
  set(deps)
  foreach(dep IN LISTS ARG_DEPS)
    _chorus_target_name(dep_target "${dep}" "${folder}")
    list(APPEND deps ${dep_target})
  endforeach()
  if(CHORUS_SANITIZE STREQUAL "thread" AND NOT ARG_PURE)
    return()
  endif()
endmacro()

# The headers that most libraries include. A file still includes what it uses: without CHORUS_QUICK there is no other way.
if(CHORUS_QUICK)
  file(CONFIGURE OUTPUT ${CMAKE_BINARY_DIR}/gen/precompiled.cc CONTENT "")
  add_library(chorus_pch OBJECT ${CMAKE_BINARY_DIR}/gen/precompiled.cc)
  target_link_libraries(chorus_pch PRIVATE chorus_compile_options absl::any_invocable
    absl::flat_hash_map absl::status absl::statusor absl::str_format absl::strings absl::synchronization absl::time)
  target_compile_options(chorus_pch PRIVATE -pthread)
  target_precompile_headers(chorus_pch PRIVATE
    <algorithm> <array> <atomic> <chrono> <condition_variable> <filesystem> <fstream> <functional> <map> <memory> <mutex>
    <optional> <set> <span> <sstream> <string> <string_view> <thread> <unordered_map> <variant> <vector>
    <absl/container/flat_hash_map.h> <absl/functional/any_invocable.h> <absl/status/status.h> <absl/status/statusor.h>
    <absl/strings/str_cat.h> <absl/strings/str_format.h> <absl/strings/str_join.h> <absl/strings/str_split.h>
    <absl/synchronization/mutex.h> <absl/time/time.h>)
endif()

function(cc_library)
  _chorus_parse(${ARGN})
  if(ARG_SRCS)
    add_library(${target} STATIC ${ARG_SRCS} ${ARG_HDRS})
    target_include_directories(${target} PUBLIC ${CMAKE_SOURCE_DIR})
    target_link_libraries(${target} PUBLIC ${deps} PRIVATE chorus_compile_options)
    target_compile_options(${target} PRIVATE ${ARG_COPTS})
    if(CHORUS_QUICK AND NOT ARG_COPTS)  # All with one set of flags, as a precompiled header demands.
      target_compile_options(${target} PRIVATE -pthread)
      target_precompile_headers(${target} REUSE_FROM chorus_pch)
    endif()
  else()
    add_library(${target} INTERFACE)
    target_include_directories(${target} INTERFACE ${CMAKE_SOURCE_DIR})
    target_link_libraries(${target} INTERFACE ${deps})
  endif()
endfunction()

# The executable is build/bin/NAME.
function(cc_binary)
  _chorus_parse(${ARGN})
  add_executable(${target} ${ARG_SRCS} ${ARG_HDRS})
  set_target_properties(${target} PROPERTIES OUTPUT_NAME ${ARG_NAME} INSTALL_RPATH "$ORIGIN/../lib")
  target_link_libraries(${target} PRIVATE ${deps} chorus_compile_options)
  # DT_RPATH, not DT_RUNPATH: libraries packed beside the program then find each other there, too.
  target_link_options(${target} PRIVATE -Wl,--disable-new-dtags)
  if(NOT TARGET ${ARG_NAME})
    add_custom_target(${ARG_NAME} DEPENDS ${target})
  endif()
endfunction()

# A GoogleTest program, run by ctest as one test from the source root, so that testdata is found by relative path.
function(cc_test)
  _chorus_parse(${ARGN})
  add_executable(${target} ${ARG_SRCS} ${ARG_HDRS})
  set_target_properties(${target} PROPERTIES RUNTIME_OUTPUT_DIRECTORY ${CMAKE_BINARY_DIR}/tests)
  target_link_libraries(${target} PRIVATE ${deps} chorus_compile_options GTest::gmock_main)
  if(NOT CHORUS_SANITIZE)
    # What a test compiles is run once: half the optimiser's time is better spent on the libraries.
    target_compile_options(${target} PRIVATE -O1)
  endif()
  target_compile_options(${target} PRIVATE ${ARG_COPTS})
  add_test(NAME ${target} COMMAND ${target} ${ARG_ARGS} WORKING_DIRECTORY ${CMAKE_SOURCE_DIR})
  if(ARG_LABELS)
    set_tests_properties(${target} PROPERTIES LABELS "${ARG_LABELS}")
  endif()
endfunction()

# proto_library(NAME inference_proto SRCS inference.proto DEPS ... [GRPC] [PURE]): generated code lies under build/gen,
# included by its path in the tree, such as "proto/chorus/v1/inference.pb.h". Protos import each other by their path in
# proto/, as those of who compiles them elsewhere do.
function(proto_library)
  cmake_parse_arguments(ARG "GRPC;PURE" "NAME" "SRCS;DEPS" ${ARGN})
  if(CHORUS_SANITIZE STREQUAL "thread")
    if(NOT ARG_PURE)
      return()
    endif()
    set(ARG_GRPC FALSE)  # The messages alone.
  endif()
  file(RELATIVE_PATH folder ${CMAKE_SOURCE_DIR} ${CMAKE_CURRENT_SOURCE_DIR})
  _chorus_target_name(target ":${ARG_NAME}" "${folder}")
  set(gen ${CMAKE_BINARY_DIR}/gen)
  set(import_root .)
  if(folder MATCHES "^proto/chorus")
    set(import_root proto)
  endif()
  cmake_path(RELATIVE_PATH folder BASE_DIRECTORY ${import_root} OUTPUT_VARIABLE import_folder)
  file(MAKE_DIRECTORY ${gen}/${import_root})
  set(outputs)
  foreach(src IN LISTS ARG_SRCS)
    cmake_path(REMOVE_EXTENSION src LAST_ONLY OUTPUT_VARIABLE stem)
    set(plugins --cpp_out=${gen}/${import_root})
    set(made ${gen}/${folder}/${stem}.pb.cc ${gen}/${folder}/${stem}.pb.h)
    if(ARG_GRPC)
      list(APPEND plugins --grpc_out=${gen}/${import_root} --plugin=protoc-gen-grpc=$<TARGET_FILE:gRPC::grpc_cpp_plugin>)
      list(APPEND made ${gen}/${folder}/${stem}.grpc.pb.cc ${gen}/${folder}/${stem}.grpc.pb.h)
    endif()
    add_custom_command(OUTPUT ${made}
      COMMAND protobuf::protoc ${plugins} -I ${import_root} -I ${GOOGLE_API_PROTO_DIR} ${import_folder}/${src}
      WORKING_DIRECTORY ${CMAKE_SOURCE_DIR} DEPENDS ${CMAKE_CURRENT_SOURCE_DIR}/${src} VERBATIM)
    list(APPEND outputs ${made})
  endforeach()
  set(deps)
  foreach(dep IN LISTS ARG_DEPS)
    _chorus_target_name(dep_target "${dep}" "${folder}")
    list(APPEND deps ${dep_target})
  endforeach()
  add_library(${target} STATIC ${outputs})
  target_include_directories(${target} SYSTEM PUBLIC ${gen} ${gen}/${import_root})
  target_link_libraries(${target} PUBLIC ${deps} protobuf::libprotobuf)
  if(ARG_GRPC)
    target_link_libraries(${target} PUBLIC gRPC::grpc++)
  endif()
endfunction()
