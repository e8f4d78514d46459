# libtorch, as the target torch_cpu. Imported by hand: TorchConfig.cmake asks for CUDA tooling when the wheel was built
# with it. Any libtorch of at least 2.7 named by CMAKE_PREFIX_PATH is taken before the one in .deps/, which is the CPU
# part alone: its own folder, the one above it, or what torch.utils.cmake_prefix_path says, which is share/cmake in it.
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

# torch_device: the same, and CUDA's part where libtorch has it. No symbol of ours needs its libraries; that they are
# loaded is what makes CUDA's operators known, so the linker must keep them.
add_library(torch_device INTERFACE)
target_link_libraries(torch_device INTERFACE torch_cpu)
set(TORCH_CUDA_LIBRARIES ${TORCH_LIBRARY_DIR}/libtorch_cuda.so ${TORCH_LIBRARY_DIR}/libc10_cuda.so)
list(GET TORCH_CUDA_LIBRARIES 0 _torch_cuda)
if(NOT EXISTS ${_torch_cuda})
  return()
endif()
# The headers are the toolkit's, or those of the wheels that PyTorch's asks for, which want nvidia-cuda-crt besides; the
# library is that which libtorch was built with, where it is.
file(GLOB _cuda_includes ${TORCH_ROOT}/../nvidia/*/include)
file(GLOB _cuda_libraries ${TORCH_ROOT}/../nvidia/*/lib)
set(_hints $ENV{CUDA_HOME}/include /usr/local/cuda/include ${_cuda_includes})
find_path(CUDA_RUNTIME_INCLUDE_DIR cuda_runtime_api.h HINTS ${_hints})
find_path(CUDA_CRT_INCLUDE_DIR crt/host_config.h HINTS ${_hints})
find_library(CUDA_RUNTIME_LIBRARY NAMES libcudart.so.13 libcudart.so.12 cudart
  HINTS ${TORCH_LIBRARY_DIR} ${_cuda_libraries} $ENV{CUDA_HOME}/lib64 /usr/local/cuda/lib64)
set(_kept ${TORCH_CUDA_LIBRARIES})
if(CUDA_RUNTIME_INCLUDE_DIR AND CUDA_CRT_INCLUDE_DIR AND CUDA_RUNTIME_LIBRARY)
  message(STATUS "Found the CUDA runtime: ${CUDA_RUNTIME_LIBRARY}, ${CUDA_RUNTIME_INCLUDE_DIR}")
  list(APPEND _kept ${CUDA_RUNTIME_LIBRARY})
  target_include_directories(torch_device SYSTEM INTERFACE
    ${CUDA_RUNTIME_INCLUDE_DIR} ${CUDA_RUNTIME_INCLUDE_DIR}/cccl ${CUDA_CRT_INCLUDE_DIR} ${_cuda_includes})
  target_compile_definitions(torch_device INTERFACE CHORUS_CUDA)
else()
  message(STATUS "libtorch has CUDA, but the CUDA runtime's headers are not here: CHORUS_CUDA is not defined")
endif()
list(JOIN _kept " " _kept)
foreach(_folder IN LISTS _cuda_libraries)
  target_link_options(torch_device INTERFACE -Wl,-rpath,${_folder})  # Wheels have the runtime in one of their own.
endforeach()
target_link_options(torch_device INTERFACE
  "SHELL:-Wl,--push-state,--no-as-needed ${_kept} -Wl,--pop-state -Wl,-rpath,${TORCH_LIBRARY_DIR}")
